"""Lock files: ``pylock.toml`` (PEP 751), and ``uv.lock`` by way of it. What is locked is installed exactly."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from afbundle.pack.errors import PackError
from afbundle.pack.project import Project, read_toml
from afbundle.pack.tools import find_uv

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from packaging.pylock import Package, PackageArchive, PackageSdist, PackageVcs, PackageWheel
    from packaging.tags import Tag

# The strongest that both pip and uv check in the fragment of a URL.
_ALGORITHMS = ("sha512", "sha384", "sha256")


@dataclass(frozen=True)
class Locked:
    """One package of a lock, chosen for the target.

    Attributes:
        name: normal name.
        requirement: what pip and uv install: the place of the one file, with its digest.
        sha256: hex digest of that file, where the lock has one.
        folder: for a package of the lock's own workspace: its folder, to be built; else None.
    """

    name: str
    requirement: str
    sha256: str | None = None
    folder: Path | None = None


def export_uv_lock(project: Project, extras: Sequence[str], groups: Sequence[str], work: Path) -> Path:
    """Have uv write a project's ``uv.lock`` as ``pylock.toml`` and return that.

    The project itself is not in it, nor its default groups (those are for its developers).

    Raises:
        PackError: uv is not here, or the lock does not fit ``pyproject.toml``.
    """
    uv, lock = find_uv(), project.file
    if uv is None:
        raise PackError(
            f"{lock} is read with uv, and uv is not here: pip install uv, or name pyproject.toml to resolve anew"
        )
    exported = work / "pylock.toml"
    command = [uv, "export", "--locked", "--format", "pylock.toml", "--no-header", "--quiet"]
    command += ["--no-default-groups", "--no-emit-project", "--no-editable"]
    command += ["--no-emit-package", "afbundle", "--project", str(project.root)]
    for extra in extras:
        command += ["--extra", extra]
    for group in groups:
        command += ["--group", group]
    done = subprocess.run(
        [*command, "--output-file", str(exported)],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = done.stderr.strip()
        why = (
            "it does not fit pyproject.toml; run `uv lock`" if "needs to be updated" in said else "uv failed"
        )
        raise PackError(f"cannot read {lock}: {why} (uv says below what happened)", said)
    return exported


def read_pylock(
    lock: Path,
    *,
    environment: Mapping[str, str],
    tags: Sequence[Tag],
    extras: Sequence[str],
    groups: Sequence[str] | None,
) -> list[Locked]:
    """Return the packages of a ``pylock.toml`` that the target needs, one file each.

    afbundle itself is left out: a bundle carries the one that packs it.

    Arguments:
        lock: the file.
        environment: what markers see on the target.
        tags: tags of wheels that fit the target, the best first.
        extras: extras of the project.
        groups: dependency groups, or None for the lock's default ones.

    Raises:
        PackError: the lock is not right, or has nothing for the target.
    """
    from packaging.markers import Environment
    from packaging.pylock import Pylock, PylockSelectError, PylockValidationError

    try:
        pylock = Pylock.from_dict(read_toml(lock))
        unknown = set(extras).difference(pylock.extras or ())
        if unknown:
            raise PackError(f"{lock} has no extra {', '.join(sorted(unknown))}")
        known_groups = {*(pylock.dependency_groups or ()), *(pylock.default_groups or ())}
        unknown = set(groups or ()).difference(known_groups)
        if unknown:
            raise PackError(f"{lock} has no dependency group {', '.join(sorted(unknown))}")
        chosen = pylock.select(
            environment=Environment(**environment),  # type: ignore[typeddict-item]
            tags=tags,
            extras=extras,
            dependency_groups=groups or None,
        )
        return [
            _locked(package, source, lock.parent) for package, source in chosen if package.name != "afbundle"
        ]
    except (PylockValidationError, PylockSelectError) as error:
        raise PackError(f"cannot install from {lock}: {error}") from None


def _locked(package: Package, source: object, base: Path) -> Locked:
    name = str(package.name)
    vcs: PackageVcs | None = package.vcs
    if package.directory is not None:
        folder = base / package.directory.path / (package.directory.subdirectory or "")
        return Locked(name, "", folder=folder.resolve())
    if vcs is not None:
        place = vcs.url or (base / (vcs.path or "")).resolve().as_uri()
        below = f"#subdirectory={vcs.subdirectory}" if vcs.subdirectory else ""
        return Locked(name, f"{name} @ {vcs.type}+{place}@{vcs.commit_id}{below}")
    file: PackageWheel | PackageSdist | PackageArchive = source  # type: ignore[assignment]
    address = file.url or (base / (file.path or "")).resolve().as_uri()
    fragment = [f"{key}={file.hashes[key]}" for key in _ALGORITHMS if key in file.hashes][:1]
    if not fragment:
        raise PackError(f"the lock has no digest of {name} that pip and uv can check (sha256 or better)")
    below = getattr(file, "subdirectory", None) or ""
    fragment += [f"subdirectory={quote(below)}"] if below else []
    exact = urlsplit(address)._replace(fragment="&".join(fragment)).geturl()
    return Locked(name, f"{name} @ {exact}", file.hashes.get("sha256"))
