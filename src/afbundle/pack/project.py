"""The author's project: what its ``pyproject.toml`` and its lock say that a bundle needs."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from afbundle.pack.errors import PackError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found,unused-ignore]

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PYPROJECT, UV_LOCK, PYLOCK = "pyproject.toml", "uv.lock", "pylock.toml"


@dataclass(frozen=True)
class Project:
    """A project, and the file in its folder that says what it depends on.

    Attributes:
        root: its folder.
        file: ``uv.lock`` (of a workspace's member: the workspace's), a ``pylock.toml``, or ``pyproject.toml``.
        table: ``pyproject.toml``, parsed; empty where there is none (a lock can stand alone).
    """

    root: Path
    file: Path
    table: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path) -> Project:
        """Read a project.

        Arguments:
            path: its folder, where a lock goes before ``pyproject.toml``; or one of those files.

        Raises:
            PackError: there is no such file, or it cannot be read.
        """
        path = path.absolute()
        file = path
        if path.is_dir():
            names = (UV_LOCK, PYLOCK, PYPROJECT)
            found = [path / name for name in names if (path / name).is_file()]
            if found and found[0].name == PYPROJECT:
                found = [_workspace_lock(path) or found[0]]
            if not found:
                raise PackError(f"{path} is not a project: it has none of {', '.join(names)}")
            file = found[0]
        elif not path.is_file():
            raise PackError(f"the project {path} does not exist")
        elif file.name not in (UV_LOCK, PYPROJECT) and not is_pylock(file):
            raise PackError(
                f"{path} is not a project's file; name its folder, {PYPROJECT}, {UV_LOCK} or {PYLOCK}"
            )
        root = path if path.is_dir() else file.parent
        pyproject = root / PYPROJECT
        return cls(root, file, read_toml(pyproject) if pyproject.is_file() else {})

    @property
    def name(self) -> str:
        """Its name, or that of its folder."""
        return str(self._section("project").get("name") or self.root.name)

    @property
    def is_package(self) -> bool:
        """Whether it can be built and installed, not only run from its folder; as uv decides it."""
        package = self._section("tool", "uv").get("package")
        return bool(package) if package is not None else "build-system" in self.table

    def check_python(self, version: str) -> None:
        """Check ``requires-python``.

        Arguments:
            version: the interpreter's whole version, ``3.12.1``.

        Raises:
            PackError: it does not fit.
        """
        from packaging.specifiers import InvalidSpecifier, SpecifierSet

        wanted = self._section("project").get("requires-python")
        if wanted is None:
            return
        try:
            fits = SpecifierSet(str(wanted)).contains(version, prereleases=True)
        except InvalidSpecifier:
            raise PackError(f"{self.root / PYPROJECT}: requires-python is not right: {wanted!r}") from None
        if not fits:
            raise PackError(
                f"the project {self.name} requires Python {wanted}, and the bundle is packed for {version}; "
                "choose another one with --python-version"
            )

    def requirements(self, extras: Sequence[str], groups: Sequence[str]) -> list[str]:
        """Return the requirements that ``pyproject.toml`` names, not resolved.

        Arguments:
            extras: names in ``project.optional-dependencies`` to add.
            groups: names in ``dependency-groups`` to add.

        Raises:
            PackError: a name is unknown, or only a tool knows the dependencies.
        """
        project = self._section("project")
        if "dependencies" in project.get("dynamic", ()):
            raise PackError(
                f"the dependencies of {self.name} are dynamic, only its build knows them: lock them with `uv lock`, "
                "or name the project with --with instead"
            )
        found = list(project.get("dependencies", ()))
        optional = {
            normal_name(name): items for name, items in project.get("optional-dependencies", {}).items()
        }
        for extra in extras:
            found += self._extra(normal_name(extra), optional, ())
        if groups:
            found += self._groups(groups)
        sources = {normal_name(name) for name in self._section("tool", "uv").get("sources", {})}
        special = sorted(sources.intersection(_name_of(requirement) for requirement in found) - {"afbundle"})
        if special:
            raise PackError(
                f"{self.name} takes {', '.join(special)} from places named in tool.uv.sources; lock it with `uv lock`"
            )
        return found

    def _extra(self, extra: str, optional: dict[str, list[str]], above: tuple[str, ...]) -> list[str]:
        from packaging.requirements import Requirement

        if extra not in optional:
            known = f"it has {', '.join(sorted(optional))}" if optional else "it has none"
            raise PackError(f"the project {self.name} has no extra {extra!r}; {known}")
        found = []
        for item in optional[extra]:
            if _name_of(item) != normal_name(self.name):
                found.append(item)
                continue
            # An extra may name further ones of its own project: `all = ["shop[excel,plots]"]`.
            for further in sorted(map(normal_name, Requirement(item).extras)):
                if further not in (*above, extra):
                    found += self._extra(further, optional, (*above, extra))
        return found

    def _groups(self, groups: Sequence[str]) -> list[str]:
        from packaging.dependency_groups import resolve_dependency_groups
        from packaging.errors import ExceptionGroup

        table = self.table.get("dependency-groups", {})
        try:
            return list(resolve_dependency_groups(table, *groups))
        except ExceptionGroup as errors:
            known = f"it has {', '.join(sorted(table))}" if table else "it has none"
            raise PackError(
                f"the dependency groups of {self.name} are not right: {errors.exceptions[0]}; {known}"
            ) from None

    def _section(self, *keys: str) -> dict[str, Any]:
        section: Any = self.table
        for key in keys:
            section = section.get(key, {})
            if not isinstance(section, dict):
                raise PackError(f"{self.root / PYPROJECT}: {'.'.join(keys)} is not a table")
        return dict(section)


def _workspace_lock(member: Path) -> Path | None:
    """Return the ``uv.lock`` of the workspace that the project in `member` belongs to, if any."""
    for folder in member.parents:
        if not ((folder / UV_LOCK).is_file() and (folder / PYPROJECT).is_file()):
            continue
        workspace = read_toml(folder / PYPROJECT).get("tool", {}).get("uv", {}).get("workspace")
        if isinstance(workspace, dict):
            inside, outside = (
                any(member in folder.glob(pattern) for pattern in workspace.get(key, ()))
                for key in ("members", "exclude")
            )
            return folder / UV_LOCK if inside and not outside else None
    return None


def is_pylock(path: Path) -> bool:
    """Return whether a file is named as PEP 751 names locks: ``pylock.toml``, ``pylock.prod.toml``."""
    return path.name == PYLOCK or (path.match("pylock.*.toml") and path.name.count(".") == 2)


def read_toml(path: Path) -> dict[str, Any]:
    """Return what a TOML file holds.

    Raises:
        PackError: it cannot be read.
    """
    try:
        table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PackError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise PackError(f"{path} is not TOML: {error}") from None
    return table


def normal_name(name: str) -> str:
    """Return a distribution's name as indexes spell it: ``Foo_Bar`` is ``foo-bar``."""
    from packaging.utils import canonicalize_name

    return str(canonicalize_name(name))


def _name_of(requirement: str) -> str:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return normal_name(Requirement(requirement).name)
    except InvalidRequirement:
        raise PackError(f"{requirement!r} is not a requirement") from None
