"""A virtual environment as the source of dependencies: exactly what is installed there, copied file by file."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from afbundle.pack.errors import PackError
from afbundle.pack.project import normal_name

if TYPE_CHECKING:
    from collections.abc import Iterator

_LEFT_OUT = frozenset({"afbundle", "pip"})
"""The bundle carries afbundle already, and nobody installs anything from inside a task."""


@dataclass(frozen=True)
class Venv:
    """A virtual environment.

    Attributes:
        root: its folder.
        version: (major, minor) of its Python.
    """

    root: Path
    version: tuple[int, int]

    @classmethod
    def open(cls, root: Path | None) -> Venv:
        """Read a virtual environment's configuration.

        Arguments:
            root: its folder, or None for the activated one, or the one that afbundle runs in.

        Raises:
            PackError: there is none, or it is one that sees packages from outside of it.
        """
        if root is None:
            activated = os.environ.get("VIRTUAL_ENV") or (
                sys.prefix if sys.prefix != sys.base_prefix else None
            )
            if activated is None:
                raise PackError("no virtual environment is active; name one with --venv=DIR")
            root = Path(activated)
        root = root.absolute()
        try:
            lines = (root / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
        except OSError:
            raise PackError(f"{root} is not a virtual environment: it has no pyvenv.cfg") from None
        pairs = (line.partition("=") for line in lines)
        config = {key.strip().lower(): value.strip() for key, _, value in pairs}
        version = (config.get("version_info") or config.get("version") or "").split(".")
        if len(version) < 2 or not (version[0].isdigit() and version[1].isdigit()):
            raise PackError(f"{root / 'pyvenv.cfg'} does not say which Python it is for")
        if config.get("include-system-site-packages") == "true":
            raise PackError(
                f"{root} sees packages that are installed outside of it, so it does not say what a bundle needs; "
                "make it without --system-site-packages"
            )
        return cls(root, (int(version[0]), int(version[1])))

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.root / "bin" / "python"

    @property
    def site_packages(self) -> list[Path]:
        """Where its distributions lie; two folders where ``lib64`` is another one than ``lib``."""
        name = "python{}.{}".format(*self.version)
        found = [self.root / lib / name / "site-packages" for lib in ("lib", "lib64")]
        return list(dict.fromkeys(path.resolve() for path in found if path.is_dir()))

    def copy_to(self, site: Path) -> list[Path]:
        """Copy the installed distributions, and return the folders of those that are installed as editable.

        Arguments:
            site: an empty folder.

        Raises:
            PackError: one has no record of its files, or its files are not as recorded.
        """
        editable = []
        for folder in self.site_packages:
            for found in sorted(distributions(path=[str(folder)]), key=lambda one: one.name.lower()):
                if normal_name(found.name) in _LEFT_OUT:
                    continue
                source = _editable_source(found)
                if source is None:
                    _copy(found, folder, site)
                else:
                    editable.append(source)
        return editable


def _editable_source(distribution: Distribution) -> Path | None:
    origin = distribution.read_text("direct_url.json")
    if origin is None:
        return None
    facts = json.loads(origin)
    if not facts.get("dir_info", {}).get("editable"):
        return None
    source = Path(unquote(urlsplit(facts["url"]).path))
    if not (source / "pyproject.toml").is_file() and not (source / "setup.py").is_file():
        raise PackError(
            f"{distribution.name} is installed as editable from {source}, and there is no project there; "
            "install it again without -e"
        )
    return source


def _copy(distribution: Distribution, folder: Path, site: Path) -> None:
    if distribution.read_text("RECORD") is None:
        raise PackError(
            f"{distribution.name} has no record of its files (RECORD) in {folder}; install it again with pip or uv"
        )
    for name in _recorded(distribution):
        source = folder / name
        if not source.is_file():
            raise PackError(
                f"{distribution.name} {distribution.version} is damaged in {folder}: {name} is gone; install it again"
            )
        target = site / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(0o755 if os.access(source, os.X_OK) else 0o644)


def _recorded(distribution: Distribution) -> Iterator[PurePosixPath]:
    """Yield the files inside of site-packages; scripts and headers lie outside, bytecode is compiled anew."""
    for file in distribution.files or ():
        path = PurePosixPath(file)
        if path.is_absolute() or ".." in path.parts or "__pycache__" in path.parts:
            continue
        yield path
