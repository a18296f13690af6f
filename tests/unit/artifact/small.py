"""Small bundles made by hand, with a stand-in for the runtime's front door."""

from __future__ import annotations
import __future__

import marshal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import MAGIC_NUMBER
from pathlib import Path

import afbundle.artifact
from afbundle.artifact.image import ImageBuilder, Module, Part, Target
from afbundle.artifact.writer import write_bundle

PYTHON = str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())

DOOR = """
def main(boot):
    boot.prepare(lambda event, fields: print("LOG", event))
    boot.run_entry()
"""

METADATA = {
    "airflow_bundle_metadata_version": "1.0",
    "sdk": {"language": "python", "version": "0", "supervisor_schema_version": "2026-06-16"},
    "dags": {"d": {"tasks": ["a", "b"]}},
    "x_afbundle": {"format": 1},
}


def code_of(source: str, shown: str) -> bytes:
    """Compile a module as the packer does."""
    # As the packer does: the statement becomes the compiler's flag.
    line = "from __future__ import annotations\n"
    flags = __future__.annotations.compiler_flag if line in source else 0
    return marshal.dumps(compile(source.replace(line, "\n"), shown, "exec", flags=flags, dont_inherit=True))


def small_bundle(
    path: Path,
    modules: Mapping[str, str],
    *,
    entry: str = "tasks",
    door: str = DOOR,
    interpreter: str = PYTHON,
    magic: bytes = MAGIC_NUMBER,
    parts: Sequence[Part] = (),
    appendix: bytes = b"",
    front: Sequence[str] = (),
    hot: Sequence[str] = (),
) -> Path:
    """Write a bundle of `modules` (dotted name -> source; a trailing dot marks a package) and return its path.

    `front` and `hot` are what the boot imports at once. `appendix` becomes a further source file at the end of the source region.
    """
    boot = Path(afbundle.artifact.__file__).with_name("_boot.py").read_text()
    builder = ImageBuilder(
        Target(interpreter, sys.version_info[:2], magic),
        entry,
        code_of(boot, "afbundle/artifact/_boot.py"),
        parts=[*parts],
        front=front,
        hot=hot,
    )
    builder.modules += [
        Module("afbundle", code_of("", "afbundle/__init__.py"), is_package=True),
        Module("afbundle.runtime", code_of("", "afbundle/runtime/__init__.py"), is_package=True),
        Module("afbundle.runtime.door", code_of(door, "afbundle/runtime/door.py")),
    ]
    if parts:
        builder.modules.append(
            Module("afbundle.artifact", code_of("", "afbundle/artifact/__init__.py"), is_package=True)
        )
        for name in ("errors", "cache", "unpack", "collect", "site"):
            source = Path(afbundle.artifact.__file__).with_name(f"{name}.py").read_text()
            code = code_of(source, f"afbundle/artifact/{name}.py")
            builder.modules.append(Module(f"afbundle.artifact.{name}", code))
    sources = []
    at = 0
    for key, text in modules.items():
        name, is_package = key.rstrip("."), key.endswith(".")
        shown = f"{name.replace('.', '/')}{'/__init__' if is_package else ''}.py"
        builder.modules.append(Module(name, code_of(text, shown), is_package, (at, len(text.encode()))))
        sources.append((shown, text.encode()))
        at += len(text.encode())
    sources.append(("appendix", appendix))
    image = builder.build()
    pieces: list[bytes | tuple[Path, int]] = [image.head, *((part.path, part.length) for part in image.parts)]
    write_bundle(path, pieces, sources, METADATA, {"d": sources[0][0]})
    return path


def run(
    path: Path | str, *arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a bundle with nothing but `env` in its environment."""
    environment = {"PATH": "/usr/bin:/bin"} if env is None else dict(env)
    return subprocess.run(
        [str(path), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=cwd,
        timeout=60,
    )
