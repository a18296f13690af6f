"""A root file system without any Python: what the barest Linux system has, copied from this machine in a second.

With ``AFBUNDLE_DEBOOTSTRAP=1`` it is a real Debian instead, made by debootstrap from Debian's packages.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterable
from pathlib import Path

# A shell, coreutils, tar, gzip, and util-linux's flock. Debian's essential packages have them all.
PROGRAMS = (
    *("sh", "cat", "chmod", "env", "flock", "gzip", "head", "id", "ls", "mkdir", "mktemp"),
    *("mv", "rm", "sha256sum", "tail", "tar"),
)
# Besides glibc, these two are what every manylinux wheel may count on.
_LIBRARIES = (
    *("libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libutil.so.1"),
    *("libresolv.so.2", "libgcc_s.so.1", "libstdc++.so.6"),
)
_PATH = re.compile(r"(/\S+) \(0x")
_LISTED = re.compile(r"^\s*(\S+) .*=> (/\S+)$", re.MULTILINE)


class BareRoot:
    """A root without Python, and the way to run bundles in it.

    Arguments:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def assemble(cls, root: Path, programs: Iterable[str] = PROGRAMS) -> BareRoot:
        """Make it from this machine's programs and the libraries that they need."""
        for folder in ("bin", "dev", "home/user", "proc", "tmp", "var/tmp", "bundles"):
            (root / folder).mkdir(parents=True)
        for folder in ("tmp", "var/tmp"):
            (root / folder).chmod(0o1777)
        # On merged-usr systems both are the same folder.
        (root / "usr").mkdir()
        (root / "usr" / "bin").symlink_to("../bin")
        os.mknod(root / "dev" / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        (root / "dev" / "null").chmod(0o666)
        for name in programs:
            found = shutil.which(name)
            assert found is not None, f"this machine has no {name}"
            real = Path(found).resolve()
            shutil.copy(real, root / "bin" / name)
            for library in _PATH.findall(_run("ldd", str(real))):
                _copy_library(library, root)
        known = dict(_LISTED.findall(_run("/sbin/ldconfig", "-p")))
        for name in _LIBRARIES:
            if name in known:
                _copy_library(known[name], root)
        return cls(root)

    @classmethod
    def debootstrap(cls, root: Path) -> BareRoot:
        """Make it from Debian's packages."""
        subprocess.run(["debootstrap", "--variant=minbase", "stable", root], check=True, capture_output=True)
        (root / "bundles").mkdir()
        (root / "home" / "user").mkdir()
        return cls(root)

    def pythons(self) -> list[str]:
        """Return every file whose name has to do with Python, outside of the caches."""
        return [
            str(path)
            for path in self.root.rglob("*")
            if "python" in path.name.lower() and ".cache" not in path.parts and path.is_file()
        ]

    def entrance(self, bundle: Path, *, name: str = "bundle", home: str = "/home/user", **env: str) -> Path:
        """Put a bundle into the root; return a program outside that becomes this bundle inside, in the same process."""
        shutil.copy(bundle, self.root / "bundles" / name)
        settings = " ".join(
            f"{key}='{value}'" for key, value in {"HOME": home, "PATH": "/usr/bin:/bin", **env}.items()
        )
        program = self.root / "bundles" / f"enter-{name}-{abs(hash(settings)):x}"
        # Every worker has /proc, and the loader finds a program's own libraries through it. The mount is this process's only.
        mount = f'mount --rbind /proc "$1/proc" && exec {shutil.which("chroot")} "$@"'
        unset = "unset AFBUNDLE_CACHE XDG_CACHE_HOME TMPDIR PYTHONPATH PYTHONHOME LD_LIBRARY_PATH"
        program.write_text(
            f"#!/bin/sh\n{unset}\nexec {shutil.which('unshare')} -m /bin/sh -c '{mount}' enter"
            f" '{self.root}' /usr/bin/env {settings} /bundles/{name} \"$@\"\n"
        )
        program.chmod(0o755)
        return program


def _copy_library(path: str, root: Path) -> None:
    target = root / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        shutil.copy(Path(path).resolve(), target)


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
