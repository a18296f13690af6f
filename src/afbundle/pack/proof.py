"""Shows that a copied interpreter stands on its own, before anybody's task depends on it.

The copy is unpacked to another place, by the shell lines that a worker will use, and started there with an empty environment.
It imports every module that the original can import, and reports each file it opened and each library that is mapped. Whatever
lies in the original's folders, or is a library that only this host has, refutes it.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afbundle.artifact.launcher import LAUNCHER_FLAGS
from afbundle.pack.errors import PackError
from afbundle.pack.relocate import HOST_LIBRARY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from afbundle.pack.relocate import Original

_SECONDS = 120
# What tasks use most; the extension modules come on top.
_MODULES = (
    *(
        "asyncio",
        "bz2",
        "ctypes",
        "dataclasses",
        "decimal",
        "email",
        "encodings.idna",
        "hashlib",
        "http.client",
    ),
    *("json", "logging", "lzma", "multiprocessing", "sqlite3", "ssl", "subprocess", "tarfile", "threading"),
    *("urllib.request", "uuid", "zipfile", "zlib", "zoneinfo"),
)

_EXPERIMENT = """\
import sys
opened = []
sys.addaudithook(lambda event, arguments: event == "open" and opened.append(arguments[0]))
import importlib, json
failed = {}
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except BaseException as error:
        failed[name] = "%s: %s" % (type(error).__name__, error)
with open("/proc/self/maps") as maps:
    mapped = sorted({line.split(None, 5)[5].strip() for line in maps if "/" in line})
print(json.dumps({
    "prefixes": [sys.prefix, sys.exec_prefix, sys.base_prefix, *sys.path],
    "opened": [path for path in opened if isinstance(path, str)],
    "modules": [m.__file__ for m in list(sys.modules.values()) if getattr(m, "__file__", None)],
    "mapped": [path for path in mapped if path.startswith("/")],
    "failed": failed,
}))
"""


def prove_core(original: Original, program: Path, extensions: Sequence[str]) -> None:
    """Check that the core of the copy starts by itself, as it does until the sockets are connected.

    Arguments:
        original: the interpreter that was copied.
        program: the copy, whose library is not there yet.
        extensions: names of the extension modules of its core.

    Raises:
        PackError: it does not.
    """
    command = [str(program), *LAUNCHER_FLAGS, "".join(f"import {name}\n" for name in extensions)]
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=_SECONDS, env={}, check=False
    )
    if done.returncode != 0:
        raise _refuted(original, "the part of its copy that is unpacked first does not start", done.stderr)


def prove(original: Original, program: Path, root: Path, extensions: Sequence[str]) -> None:
    """Check that the copy at `program` needs nothing of its original.

    Arguments:
        original: the interpreter that was copied.
        program: the copy.
        root: the folder that everything it opens has to be in, all symbolic links followed.
        extensions: names of its extension modules.

    Raises:
        PackError: it is not relocatable; the message says what showed it.
    """
    names = [*_MODULES, *extensions]
    found = _experiment(program, names)
    if isinstance(found, str):
        raise _refuted(original, "its copy does not start", found)
    inside = f"{root.resolve()}/"
    for kind, said in (("prefixes", "looks for its library in"), ("modules", "imports")):
        for path in found[kind]:
            if not str(Path(path).resolve()).startswith(inside):
                raise _refuted(original, f"its copy {said} {path}")
    originals = tuple(f"{folder}/" for folder in _folders(original))
    for path in found["opened"]:
        if path.startswith(originals):
            raise _refuted(original, f"its copy opens {path}")
    for path in found["mapped"]:
        if not path.startswith(inside) and not HOST_LIBRARY.fullmatch(Path(path).name) and ".so" in path:
            raise _refuted(original, f"its copy loads {path}")
    if found["failed"]:
        before = _experiment(original.program, names)
        could = set() if isinstance(before, str) else set(names) - set(before["failed"])
        for name, error in found["failed"].items():
            if name in could:
                raise _refuted(original, f"its copy cannot import {name} ({error})")


def _folders(original: Original) -> list[Path]:
    """Return the folders that belong to the original alone."""
    shared = (Path("/"), Path("/usr"), Path("/usr/local"))
    own = [original.library, original.dynload]
    return own if original.prefix in shared else [original.prefix, *own]


def _experiment(program: Path, names: Sequence[str]) -> dict[str, Any] | str:
    try:
        done = subprocess.run(
            [program, *LAUNCHER_FLAGS, _EXPERIMENT, *names],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
            env={},
            cwd="/",
            check=False,
        )
        found = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    except (ValueError, IndexError):
        return done.stderr or f"exit code {done.returncode}"
    return found if isinstance(found, dict) else done.stdout


def _refuted(original: Original, reason: str, output: str = "") -> PackError:
    return PackError(
        f"{original.program} is not relocatable: {reason}; embed another interpreter with --interpreter embed=PATH "
        "(uv's are made for that: uv python find), or use the host's with --interpreter host",
        output,
    )
