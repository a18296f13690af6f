"""From what the author named to what is installed: the sources of dependencies, and how they go together."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from afbundle.pack import locks, pythons
from afbundle.pack.errors import PackError
from afbundle.pack.project import UV_LOCK, Project, is_pylock, normal_name
from afbundle.pack.tools import Tool

if TYPE_CHECKING:
    from collections.abc import Callable

    from packaging.tags import Tag

    from afbundle.artifact.image import Target
    from afbundle.pack.platforms import Platform
    from afbundle.pack.venv import Venv


@dataclass(frozen=True)
class Requirements:
    """What the author named.

    Attributes:
        files: requirement files, as pip reads them; or ``pylock.toml``.
        packages: single requirements: ``pandas>=2``, a path to a wheel, a URL.
        project: a project's folder, its ``pyproject.toml`` or its lock.
        extras, groups: of the project, or of a ``pylock.toml`` among the files.
        venv: a virtual environment to copy, instead of everything else.
    """

    files: tuple[Path, ...] = ()
    packages: tuple[str, ...] = ()
    project: Path | None = None
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    venv: Venv | None = None

    def __bool__(self) -> bool:
        return bool(self.files or self.packages or self.project or self.venv)


@dataclass
class Plan:
    """What is to be installed.

    Attributes:
        files: requirement files for the installer.
        packages: requirements for the installer.
        archives: normal name -> SHA-256 (hex) of the wheel or source archive, where it is known before.
        exact: whether that is all, and nothing that it depends on is added.
    """

    files: list[Path] = field(default_factory=list)
    packages: list[str] = field(default_factory=list)
    archives: dict[str, str] = field(default_factory=dict)
    exact: bool = False


def check(requirements: Requirements) -> None:
    """Check what can be checked before anything takes time.

    Raises:
        PackError: something that was named is not there, or does not go with the rest.
    """
    for file in requirements.files:
        if not file.is_file():
            raise PackError(f"the requirement file {file} does not exist")
    for package in requirements.packages:
        if not package.strip() or package.startswith("-"):
            raise PackError(
                f"{package!r} is not a requirement; give one like 'pandas>=2' or a path to a wheel"
            )
        if _is_path(package) and not Path(package).exists():
            raise PackError(f"the package {package} does not exist")
    if requirements.venv and (requirements.files or requirements.packages or requirements.project):
        raise PackError(
            "--venv packs exactly what is installed there; install the rest there, too, or leave --venv out"
        )
    names_parts = bool(requirements.extras or requirements.groups)
    if names_parts and not (requirements.project or any(map(is_pylock, requirements.files))):
        raise PackError("--extra and --group need the project that they belong to: --project DIR")


def plan(
    requirements: Requirements,
    *,
    path: Path,
    site: Path,
    target: Target,
    platform: Platform | None,
    work: Path,
    progress: Callable[[str], None],
) -> Plan:
    """Return what is to be installed for `requirements`; a virtual environment is copied at once.

    Arguments:
        requirements: what the author named, checked.
        path: what is packed; a project whose folder it lies in is packed, too.
        site: the folder to install to.
        target: the interpreter.
        platform: the machine, or None for one like this.
        work: a folder for files that are needed on the way.
        progress: called with a line before each step that takes time.

    Raises:
        PackError: a project or a lock is not right, or does not fit the target.
    """
    builder = _Builder(path, target, work, progress)
    if requirements.venv is not None:
        return _from_venv(requirements.venv, site, platform, builder)
    found = Plan()
    aim = _Aim(target, platform)
    for file in requirements.files:
        if is_pylock(file):
            _add_lock(found, file, requirements, aim, builder)
        else:
            found.files.append(file)
    for package in requirements.packages:
        found.packages.append(package)
        if package.endswith(".whl") and _is_path(package):
            name = normal_name(Path(package).name.partition("-")[0])
            found.archives[name] = hashlib.sha256(Path(package).read_bytes()).hexdigest()
    if requirements.project is not None:
        _add_project(found, Project.open(requirements.project), requirements, aim, builder)
    return found


@dataclass
class _Builder:
    """Builds the wheels of projects, each once."""

    path: Path
    target: Target
    work: Path
    progress: Callable[[str], None]
    built: dict[Path, str] = field(default_factory=dict)

    def packs(self, folder: Path) -> bool:
        """Whether what is packed is itself the package of the project in `folder`."""
        path = self.path.resolve()
        if not path.is_relative_to(folder.resolve()) or not (path / "__init__.py").is_file():
            return False
        return not (path.parent / "__init__.py").is_file()

    def build(self, folder: Path) -> str:
        """Return the wheel of the project in `folder`."""
        if folder not in self.built:
            self.progress(f"building {folder.name}")
            out = self.work / "built" / str(len(self.built))
            self.built[folder] = str(Tool.find("a project is built").build(folder, out, self.target))
        return self.built[folder]


class _Aim:
    """What is known of the target before anything is installed for it."""

    def __init__(self, target: Target, platform: Platform | None) -> None:
        self.target = target
        self.platform = platform

    @cached_property
    def full_version(self) -> str:
        """The interpreter's whole version."""
        return pythons.full_version(self.target)

    @property
    def environment(self) -> dict[str, str]:
        """What markers see there."""
        from packaging.markers import default_environment

        ours = {key: str(value) for key, value in default_environment().items()}
        version = {
            "python_version": self.target.text,
            "python_full_version": self.full_version,
            "implementation_version": self.full_version,
        }
        return {**ours, **version, **(self.platform.environment if self.platform else {})}

    @property
    def tags(self) -> list[Tag]:
        """The tags of wheels that fit, the best first."""
        from packaging.tags import compatible_tags, cpython_tags, platform_tags

        if self.platform is not None:
            return self.platform.tags(self.target.version)
        platforms = list(platform_tags())
        interpreter = "cp{}{}".format(*self.target.version)
        return [
            *cpython_tags(self.target.version, [interpreter], platforms),
            *compatible_tags(self.target.version, interpreter, platforms),
        ]


def _from_venv(venv: Venv, site: Path, platform: Platform | None, builder: _Builder) -> Plan:
    if platform is not None:
        raise PackError("--venv packs what is installed on this machine, so it does not go with --platform")
    builder.progress(f"copying {venv.root}")
    found = Plan(exact=True)
    for folder in venv.copy_to(site):
        if not builder.packs(folder):
            found.packages.append(builder.build(folder))
    return found


def _add_project(
    found: Plan, project: Project, requirements: Requirements, aim: _Aim, builder: _Builder
) -> None:
    project.check_python(aim.full_version)
    builder.progress(f"reading {project.file.name} of {project.name}")
    extras, groups = requirements.extras, requirements.groups
    if project.file.name == UV_LOCK:
        exported = locks.export_uv_lock(project, extras, groups, builder.work)
        _add_lock(found, exported, Requirements(), aim, builder)
    elif is_pylock(project.file):
        _add_lock(found, project.file, requirements, aim, builder)
    else:
        written = builder.work / "project-requirements.txt"
        written.write_text("".join(f"{line}\n" for line in project.requirements(extras, groups)))
        found.files.append(written)
    inside = builder.path.resolve().is_relative_to(project.root.resolve())
    # A package's own folder is packed because it was named; everything else of its project has to be installed.
    if project.is_package and inside and not builder.packs(project.root):
        found.packages.append(builder.build(project.root))


def _add_lock(found: Plan, lock: Path, requirements: Requirements, aim: _Aim, builder: _Builder) -> None:
    chosen = locks.read_pylock(
        lock,
        environment=aim.environment,
        tags=aim.tags,
        extras=requirements.extras,
        groups=requirements.groups or None,
    )
    for one in chosen:
        found.packages.append(builder.build(one.folder) if one.folder else one.requirement)
        if one.sha256 is not None:
            found.archives[one.name] = one.sha256


def _is_path(package: str) -> bool:
    plain = package.startswith((".", "/")) or Path(package).suffix == ".whl"
    return plain and "://" not in package
