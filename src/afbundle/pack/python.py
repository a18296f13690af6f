"""Packs Python code: from the author's files to a written bundle, step by step."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import afbundle.artifact
from afbundle._version import __version__
from afbundle.artifact import manifest as manifests
from afbundle.artifact.image import FORMAT, ImageBuilder, Module, Part, Target
from afbundle.artifact.writer import write_bundle
from afbundle.pack import archive, dependencies, interpreter, metadata
from afbundle.pack.compiler import Job, compile_all
from afbundle.pack.errors import PackError
from afbundle.pack.options import Options, Packed, check_output, default_output, read_source
from afbundle.pack.runtime_modules import runtime_modules
from afbundle.pack.tree import Tree, read_tree, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from afbundle.pack.metadata import PythonMetadata

    Progress = Callable[[str], None]

# What every task loads of afbundle is compiled without asserts and docstrings; the author's code keeps both.
_OURS, _THEIRS = 2, 0

_LABELS = {"site": "dependencies", "app": "data files"}


def pack_python(path: Path, options: Options, progress: Progress = lambda _: None) -> Packed:
    """Pack a Python file or folder.

    Arguments:
        path: a file, or a folder with ``__main__.py``; its entry calls ``serve()``.
        options: the author's choices.
        progress: called with a line before each step that takes time.

    Raises:
        PackError: the author's files, dependencies or choices are not right; the message names the fix.
        ArtifactError: the file cannot be written.
    """
    tree = read_tree(path)
    if options.output is not None:
        check_output(options.output, tree.root)
    # The entry first, so that a reader who takes the whole region for one file begins with it.
    order = sorted(tree.modules, key=lambda module: (module.name != tree.entry.name, module.name))
    texts = {module.shown: text_of(module.path) for module in order if module.path is not None}
    shown = None if options.source is None else read_source(options.source)
    target = interpreter.this_interpreter()
    with tempfile.TemporaryDirectory(prefix="afbundle-pack-") as folder:
        work = Path(folder)
        progress("compiling")
        with_payload = bool(options.requirements or tree.data)
        builder = _builder(tree, texts, work, target, with_payload=with_payload, inline=shown is not None)
        builder.parts = _payload(tree, options, work, target, progress)
        progress("asking the entry for its Dags")
        found = metadata.ask_python(builder.build(), target, work / "probe", work / "cache")
        sources = list(texts.items()) if shown is None else [shown]
        progress("writing")
        return _write(tree, found, builder, sources, options)


def _builder(
    tree: Tree, texts: Mapping[str, bytes], work: Path, target: Target, *, with_payload: bool, inline: bool
) -> ImageBuilder:
    """Compile the runtime and the author's modules, and lay them out.

    Arguments:
        tree: the author's code.
        texts: shown path -> text, in the order of the source region.
        work: folder for the compiler's results.
        target: the interpreter.
        with_payload: whether the bundle will have something to unpack.
        inline: whether the texts go among the blobs, because the source region shows something else.
    """
    empty = work / "empty.py"
    empty.touch()
    boot = Path(afbundle.artifact.__file__).with_name("_boot.py")
    ours = runtime_modules(with_payload=with_payload)
    jobs = [Job(boot, "afbundle/artifact/_boot.py", work / "boot", optimize=_OURS)]
    for name, path in ours.items():
        shown = name.replace(".", "/") + ("/__init__.py" if path.name == "__init__.py" else ".py")
        jobs.append(Job(path, shown, work / f"{len(jobs)}.code", optimize=_OURS))
    for module in tree.modules:
        jobs.append(Job(module.path or empty, module.shown, work / f"{len(jobs)}.code", optimize=_THEIRS))
    failures = compile_all(jobs, target)
    if failures:
        raise PackError(f"not valid Python {target.text}: {failures[0]}", "\n".join(map(str, failures[1:])))

    places: dict[str, bytes | tuple[int, int]] = {}
    at = 0
    for shown, text in texts.items():
        places[shown] = text if inline else (at, len(text))
        at += len(text)
    builder = ImageBuilder(target, tree.entry.name, jobs[0].target.read_bytes())
    for name, job in zip([*ours, *(module.name for module in tree.modules)], jobs[1:], strict=True):
        is_package = job.shown.endswith("/__init__.py")
        # The runtime's own texts stay out: its tracebacks are for its developers, who have them.
        builder.modules.append(Module(name, job.target.read_bytes(), is_package, places.get(job.shown)))
    return builder


def _payload(tree: Tree, options: Options, work: Path, target: Target, progress: Progress) -> list[Part]:
    """Build the parts of the payload, and leave them unpacked in ``work/cache``, where the probe finds them."""
    (work / "cache").mkdir(mode=0o700)
    parts = []
    if options.requirements:
        progress("installing dependencies")
        site = work / "staged-site" / "site"
        site.mkdir(parents=True)
        dependencies.install(options.requirements, site, work, target)
        parts.append(_part("site", work, progress))
    if tree.data:
        app = work / "staged-app" / "app"
        code = {module.shown: module.path for module in tree.modules if module.path}
        for shown, file in {**code, **tree.data}.items():
            (app / shown).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, app / shown)
        parts.append(_part("app", work, progress))
    return parts


def _part(kind: str, work: Path, progress: Progress) -> Part:
    progress(f"compressing {_LABELS[kind]}")
    staged = work / f"staged-{kind}"
    part = archive.build_part(kind, staged / kind, work / f"{kind}.part")
    staged.chmod(0o700)
    staged.rename(work / "cache" / part.digest)
    return part


def _write(
    tree: Tree,
    found: PythonMetadata,
    builder: ImageBuilder,
    sources: list[tuple[str, bytes]],
    options: Options,
) -> Packed:
    name, version = options.name or found.bundle, options.version or found.version
    if not name:
        raise PackError("the bundle has no name; give one in the code, Bundle('name'), or with --name")
    output = options.output or default_output(name)
    check_output(output, tree.root)
    schema = metadata.choose_schema(options.schema_version, found.data_parameters)
    modules = {
        dag: builder.entry if module == "__main__" else module for dag, module in found.modules.items()
    }
    image = builder.build(
        bundle=name, version=version, dags=modules, supervisor_schema_version=schema.version
    )
    shown_of = {module.name: module.shown for module in tree.modules}
    embedded = dict(sources)
    dag_sources = {}
    for dag_id in found.dags:
        shown = shown_of.get(modules.get(dag_id, ""), "")
        dag_sources[dag_id] = shown if shown in embedded else sources[0][0]
    manifest = {
        "airflow_bundle_metadata_version": manifests.METADATA_VERSION,
        "sdk": {"language": "python", "version": __version__, "supervisor_schema_version": schema.version},
        "dags": {dag_id: {"tasks": tasks} for dag_id, tasks in found.dags.items()},
        manifests.MARK: {
            "format": FORMAT,
            "bundle": {"name": name, "version": version},
            "python": builder.target.text,
        },
    }
    pieces: list[bytes | tuple[Path, int]] = [image.head]
    pieces += [(part.path, part.length) for part in image.parts]
    written = write_bundle(output, pieces, sources, manifest, dag_sources)
    parts = {"launcher, runtime and code": len(image.head)}
    parts.update({_LABELS[part.kind]: part.length for part in image.parts})
    return Packed(written, parts, found.dags, schema, (name, version), schema.warnings)
