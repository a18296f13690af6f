"""Packs Python code: from the author's files to a written bundle, step by step."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import afbundle.artifact
from afbundle._version import __version__
from afbundle.artifact import manifest as manifests
from afbundle.artifact.image import FORMAT, ImageBuilder, Module, Part, Target
from afbundle.artifact.writer import write_bundle
from afbundle.pack import archive, dependencies, embed, interpreter, metadata, resolve
from afbundle.pack.compiler import Job, compile_all
from afbundle.pack.errors import PackError
from afbundle.pack.options import Options, Packed, check_output, default_output, read_source
from afbundle.pack.pythons import find_python
from afbundle.pack.runtime_modules import FRONT, HOT, runtime_modules
from afbundle.pack.sbom import build_sbom
from afbundle.pack.tree import Tree, read_tree, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from afbundle.pack.distributions import Distribution
    from afbundle.pack.metadata import PythonMetadata

    Progress = Callable[[str], None]

# Kind and level of optimization. What every task loads of afbundle is compiled without asserts, docstrings and
# annotations; the author's code keeps them.
_OURS: tuple[str, int] = ("lean", 2)
_THEIRS: tuple[str, int] = ("code", 0)

_LABELS = {
    "site": "dependencies",
    "app": "data files",
    "python": "interpreter",
    "stdlib": "standard library",
}


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
    resolve.check(options.requirements)
    tree = read_tree(path)
    if options.output is not None:
        check_output(options.output, tree.root)
    # The entry first, so that a reader who takes the whole region for one file begins with it.
    order = sorted(tree.modules, key=lambda module: (module.name != tree.entry.name, module.name))
    texts = {module.shown: text_of(module.path) for module in order if module.path is not None}
    shown = None if options.source is None else read_source(options.source)
    target = _target(options)
    with tempfile.TemporaryDirectory(prefix="afbundle-pack-") as folder:
        work = Path(folder)
        progress("compiling")
        with_payload = bool(options.requirements or tree.data)
        builder = _builder(
            tree,
            texts,
            work,
            target,
            with_payload=with_payload,
            with_interpreter=options.interpreter.embed,
            inline=shown is not None,
        )
        builder.parts, distributions = _payload(tree, options, work, target, progress)
        runs = target
        warnings: tuple[str, ...] = ()
        if options.interpreter.embed:
            builder.embedded, runs, warnings = embed.embed(target, options.platform, work, progress)
        if options.metadata_file is None:
            progress("asking the entry for its Dags")
            foreign = options.platform.tag if options.platform else None
            found = metadata.ask_python(builder.build(), runs, work / "probe", work / "cache", foreign)
        else:
            found = metadata.read_python_metadata(options.metadata_file)
        sources = list(texts.items()) if shown is None else [shown]
        progress("writing")
        return _write(tree, found, builder, sources, options, distributions=distributions, warnings=warnings)


def _target(options: Options) -> Target:
    """Return the interpreter that the bundle's code is compiled for, and its Dags are read with."""
    venv = options.requirements.venv
    if options.interpreter.path is not None:
        target = interpreter.interpreter_at(options.interpreter.path)
        wanted = options.python or (venv.version if venv else target.version)
        if wanted != target.version:
            raise PackError(
                "{} is Python {}, and the bundle is for {}.{}".format(target.executable, target.text, *wanted)
            )
        return target
    if venv is None:
        return interpreter.this_interpreter() if options.python is None else find_python(options.python)
    if options.python not in (None, venv.version):
        raise PackError("{} is for Python {}.{}; leave --python-version out".format(venv.root, *venv.version))
    return find_python(venv.version, (venv.python,))


def _builder(
    tree: Tree,
    texts: Mapping[str, bytes],
    work: Path,
    target: Target,
    *,
    with_payload: bool,
    with_interpreter: bool,
    inline: bool,
) -> ImageBuilder:
    """Compile the runtime and the author's modules, and lay them out.

    Arguments:
        tree: the author's code.
        texts: shown path -> text, in the order of the source region.
        work: folder for the compiler's results.
        target: the interpreter.
        with_payload: whether the bundle will have something to unpack.
        with_interpreter: whether it will carry its interpreter.
        inline: whether the texts go among the blobs, because the source region shows something else.
    """
    empty = work / "empty.py"
    empty.touch()
    boot = Path(afbundle.artifact.__file__).with_name("_boot.py")
    ours = runtime_modules(with_payload=with_payload, with_interpreter=with_interpreter)
    jobs = [Job(boot, "afbundle/artifact/_boot.py", work / "boot", *_OURS)]
    for name, path in ours.items():
        shown = name.replace(".", "/") + ("/__init__.py" if path.name == "__init__.py" else ".py")
        jobs.append(Job(path, shown, work / f"{len(jobs)}.code", *_OURS))
    for module in tree.modules:
        jobs.append(Job(module.path or empty, module.shown, work / f"{len(jobs)}.code", *_THEIRS))
    failures = compile_all(jobs, target)
    if failures:
        raise PackError(f"not valid Python {target.text}: {failures[0]}", "\n".join(map(str, failures[1:])))

    places: dict[str, bytes | tuple[int, int]] = {}
    at = 0
    for shown, text in texts.items():
        places[shown] = text if inline else (at, len(text))
        at += len(text)
    builder = ImageBuilder(target, tree.entry.name, jobs[0].target.read_bytes(), front=FRONT, hot=HOT)
    for name, job in zip([*ours, *(module.name for module in tree.modules)], jobs[1:], strict=True):
        is_package = job.shown.endswith("/__init__.py")
        # The runtime's own texts stay out: its tracebacks are for its developers, who have them.
        builder.modules.append(Module(name, job.target.read_bytes(), is_package, places.get(job.shown)))
    return builder


def _payload(
    tree: Tree, options: Options, work: Path, target: Target, progress: Progress
) -> tuple[list[Part], tuple[Distribution, ...]]:
    """Build the parts of the payload, and leave them unpacked in ``work/cache``, where the probe finds them."""
    (work / "cache").mkdir(mode=0o700)
    parts = []
    distributions: tuple[Distribution, ...] = ()
    if options.requirements:
        site = work / "staged-site" / "site"
        site.mkdir(parents=True)
        distributions = dependencies.install(
            options.requirements,
            tree.root,
            site,
            work,
            target,
            platform=options.platform,
            strip=options.strip,
            progress=progress,
        )
        parts.append(_part("site", work, progress))
    if tree.data:
        app = work / "staged-app" / "app"
        code = {module.shown: module.path for module in tree.modules if module.path}
        for shown, file in {**code, **tree.data}.items():
            (app / shown).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, app / shown)
        parts.append(_part("app", work, progress))
    return parts, distributions


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
    *,
    distributions: tuple[Distribution, ...],
    warnings: tuple[str, ...],
) -> Packed:
    name, version = options.name or found.bundle, options.version or found.version
    if not name:
        raise PackError("the bundle has no name; give one in the code, Bundle('name'), or with --name")
    output = options.output or default_output(name)
    check_output(output, tree.root)
    schema = metadata.choose_schema(options.schema_version or found.schema_version, found.data_parameters)
    if options.platform is not None:
        # The path of this machine's interpreter means nothing on another kind of machine.
        builder.target = replace(builder.target, executable=f"/usr/bin/python{builder.target.text}")
    modules = {
        dag: builder.entry if module == "__main__" else module for dag, module in found.modules.items()
    }
    python = builder.target.text if builder.embedded is None else builder.embedded.version
    bill = build_sbom(name, version, python, distributions, embedded=builder.embedded is not None)
    builder.after = len(bill)
    image = builder.build(
        bundle=name, version=version, dags=modules, supervisor_schema_version=schema.version
    )
    shown_of = {module.name: module.shown for module in tree.modules}
    embedded = dict(sources)
    dag_sources = {}
    for dag_id in found.dags:
        shown = shown_of.get(modules.get(dag_id, ""), "")
        dag_sources[dag_id] = shown if shown in embedded else sources[0][0]
    ours: dict[str, Any] = {
        "format": FORMAT,
        "bundle": {"name": name, "version": version},
        "python": builder.target.text,
        "sbom": manifests.sbom_entry(image.length, bill),
    }
    if builder.embedded is not None:
        ours["interpreter"] = embed.facts(builder.embedded)
    manifest = {
        "airflow_bundle_metadata_version": manifests.METADATA_VERSION,
        "sdk": {"language": "python", "version": __version__, "supervisor_schema_version": schema.version},
        "dags": {dag_id: {"tasks": tasks} for dag_id, tasks in found.dags.items()},
        manifests.MARK: ours,
    }
    pieces: list[bytes | tuple[Path, int]] = [image.head]
    pieces += [(part.path, part.length) for part in image.parts]
    pieces.append(bill)
    written = write_bundle(output, pieces, sources, manifest, dag_sources)
    parts = {"launcher, runtime and code": len(image.head)}
    parts.update({_LABELS[part.kind]: part.length for part in image.parts})
    parts["bill of materials"] = len(bill)
    sizes = {module.name: len(module.code) for module in builder.modules if module.name in shown_of}
    return Packed(
        written,
        parts,
        found.dags,
        schema,
        (name, version),
        (*schema.warnings, *warnings),
        sizes,
        distributions,
    )
