"""What was installed into a bundle: name, version, licence and files of each distribution."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.metadata import distributions
from typing import TYPE_CHECKING

from afbundle.pack.project import normal_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.metadata import Distribution as Installed
    from pathlib import Path

_LONGEST_LICENCE = 64
_CLASSIFIER = "License :: "


@dataclass(frozen=True)
class Distribution:
    """One distribution in a bundle.

    Attributes:
        name: normal name.
        version: as its metadata say.
        size: bytes of its files, compiled ones not counted where their sources are there.
        content_sha256: hex digest of its files' names and contents.
        archive_sha256: hex digest of the wheel or source archive that it came from, where known.
        licence_expression: SPDX expression, where its metadata have one.
        licence_name: what they say otherwise.
        requires: normal names that it may depend on, extras left out.
    """

    name: str
    version: str
    size: int
    content_sha256: str
    archive_sha256: str | None = None
    licence_expression: str | None = None
    licence_name: str | None = None
    requires: tuple[str, ...] = ()


def read_distributions(site: Path, archives: Mapping[str, str]) -> tuple[Distribution, ...]:
    """Return the distributions in `site`, sorted by name; not the stand-in for afbundle.

    Arguments:
        site: the folder.
        archives: normal name -> SHA-256 (hex) of the archive that it came from.
    """
    found = []
    for one in distributions(path=[str(site)]):
        name = normal_name(one.name)
        if name == "afbundle":
            continue
        size, content = _measure(one, site)
        expression, licence = _licence(one)
        found.append(
            Distribution(
                name, one.version, size, content, archives.get(name), expression, licence, _requires(one)
            )
        )
    return tuple(sorted(found, key=lambda each: each.name))


def _measure(one: Installed, site: Path) -> tuple[int, str]:
    size = 0
    digest = hashlib.sha256()
    for name in sorted(str(file) for file in one.files or ()):
        data = (site / name).read_bytes()
        size += len(data)
        digest.update(f"{name}\0{hashlib.sha256(data).hexdigest()}\n".encode())
    return size, digest.hexdigest()


def _licence(one: Installed) -> tuple[str | None, str | None]:
    (expression,) = one.metadata.get_all("License-Expression") or [""]
    if expression:
        return expression, None
    text = "".join(one.metadata.get_all("License") or ()).strip()
    # Some put the whole text there.
    if text and text != "UNKNOWN" and len(text) <= _LONGEST_LICENCE and "\n" not in text:
        return None, text
    for line in one.metadata.get_all("Classifier") or ():
        if line.startswith(_CLASSIFIER):
            return None, line.rpartition(" :: ")[2]
    return None, None


def _requires(one: Installed) -> tuple[str, ...]:
    from packaging.requirements import InvalidRequirement, Requirement

    names = set()
    for line in one.requires or ():
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.marker is None or "extra" not in str(requirement.marker):
            names.add(normal_name(requirement.name))
    return tuple(sorted(names))
