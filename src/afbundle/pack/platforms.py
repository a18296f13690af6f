"""Which machines a bundle's wheels are for, when they are not like the one that packs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from afbundle.pack.errors import PackError

if TYPE_CHECKING:
    from packaging.tags import Tag

_TAG = re.compile(r"(?P<libc>many|musl)linux_(?P<major>\d+)_(?P<minor>\d+)_(?P<machine>x86_64|aarch64)")
# Names from before PEP 600, and what they mean.
_OLD_NAMES = {"manylinux2014_": "manylinux_2_17_", "manylinux2010_": "manylinux_2_12_"}
# The oldest glibc that a wheel can ask for: that of manylinux1 on x86_64, of manylinux2014 elsewhere.
_OLDEST = {"x86_64": 5, "aarch64": 17}
_ALIASES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
# The minor versions of glibc 2 that uv has a name for; a wheel for an older one fits a newer one.
_UV_MINORS = (17, 28, *range(31, 41))


@dataclass(frozen=True)
class Platform:
    """A Linux with a certain C library on a certain machine.

    Attributes:
        tag: as wheels name it: ``manylinux_2_28_aarch64``.
        libc: ``many`` (glibc) or ``musl``.
        version: of the C library.
        machine: ``x86_64`` or ``aarch64``.
    """

    tag: str
    libc: str
    version: tuple[int, int]
    machine: str

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Return the platform that `text` names.

        Raises:
            PackError: it is not the platform tag of a Linux wheel that can be resolved for.
        """
        tag = text
        for old, new in _OLD_NAMES.items():
            if text.startswith(old):
                tag = new + text[len(old) :]
        found = _TAG.fullmatch(tag)
        version = (int(found["major"]), int(found["minor"])) if found else (0, 0)
        fits = found is not None and (
            version >= (1, 2) if found["libc"] == "musl" else version[0] == 2 and version[1] >= _UV_MINORS[0]
        )
        if found is None or not fits:
            raise PackError(
                f"{text!r} is not a platform to pack for; give one like manylinux_2_28_x86_64, "
                "manylinux_2_28_aarch64 (glibc 2.17 or newer) or musllinux_1_2_x86_64"
            )
        return cls(tag, found["libc"], version, found["machine"])

    @property
    def for_uv(self) -> str:
        """The value of uv's ``--python-platform``, of the newest C library that is not newer than this one."""
        if self.libc == "musl":
            return f"{self.machine}-unknown-linux-musl"
        minor = max(minor for minor in _UV_MINORS if minor <= self.version[1])
        return f"{self.machine}-manylinux_2_{minor}"

    @property
    def environment(self) -> dict[str, str]:
        """What the markers of requirements (PEP 508) see there."""
        return {
            "os_name": "posix",
            "sys_platform": "linux",
            "platform_system": "Linux",
            "platform_machine": self.machine,
            "platform_release": "",
            "platform_version": "",
        }

    def tags(self, python: tuple[int, int]) -> list[Tag]:
        """Return the tags of wheels that fit, the best first.

        Arguments:
            python: (major, minor) of CPython.
        """
        from packaging.tags import compatible_tags, cpython_tags

        major, newest = self.version
        oldest = _OLDEST[self.machine] if self.libc == "many" else 0
        platforms = []
        for minor in range(newest, oldest - 1, -1):
            platforms.append(f"{self.libc}linux_{major}_{minor}_{self.machine}")
            if self.libc == "many" and minor in _ALIASES:
                platforms.append(f"{_ALIASES[minor]}_{self.machine}")
        platforms.append(f"linux_{self.machine}")
        interpreter = f"cp{python[0]}{python[1]}"
        return [
            *cpython_tags(python, [interpreter], platforms),
            *compatible_tags(python, interpreter, platforms),
        ]
