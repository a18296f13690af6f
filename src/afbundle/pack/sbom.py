"""The bill of materials that a bundle carries: CycloneDX 1.6, the same bytes for the same content."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from afbundle._version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from afbundle.pack.distributions import Distribution

_ROOT = "bundle"


def build_sbom(
    bundle: str, version: str, python: str, distributions: Sequence[Distribution], *, embedded: bool
) -> bytes:
    """Return the document, JSON in UTF-8.

    It has no time and no random number: its serial number is made of its content.

    Arguments:
        bundle: the bundle's name.
        version: its version, may be empty.
        python: version of the interpreter: of the one in the bundle the whole one, else only the minor one is known.
        distributions: what the bundle depends on.
        embedded: whether the interpreter travels in the bundle.
    """
    runtime = _library("afbundle", __version__)
    runtime["licenses"] = [{"license": {"id": "Apache-2.0"}}]
    interpreter = _with_properties(
        {
            "type": "platform",
            "bom-ref": f"pkg:generic/python@{quote(python, safe='')}",
            "name": "CPython",
            "version": python,
            "purl": f"pkg:generic/python@{quote(python, safe='')}",
        },
        interpreter="embedded" if embedded else "host",
    )
    refs = {one.name: _purl(one.name, one.version) for one in distributions}
    needed = {name for one in distributions for name in one.requires if name != one.name}
    tops = [ref for name, ref in refs.items() if name not in needed]
    graph = {_ROOT: [runtime["bom-ref"], interpreter["bom-ref"], *tops]}
    for one in distributions:
        graph[refs[one.name]] = [refs[name] for name in one.requires if name in refs]
    root = {"type": "application", "bom-ref": _ROOT, "name": bundle}
    document: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {**root, "version": version} if version else root,
            "tools": {
                "components": [{"type": "application", "name": "afbundle", "version": __version__}],
            },
        },
        "components": [runtime, interpreter, *map(_distribution, distributions)],
        "dependencies": [{"ref": ref, "dependsOn": sorted(set(below))} for ref, below in graph.items()],
    }
    digest = hashlib.sha256(_render(document)).digest()
    document["serialNumber"] = uuid.UUID(bytes=digest[:16], version=5).urn
    return _render(document)


def _distribution(one: Distribution) -> dict[str, Any]:
    component = _library(one.name, one.version)
    if one.archive_sha256 is not None:
        component["hashes"] = [{"alg": "SHA-256", "content": one.archive_sha256}]
    if one.licence_expression is not None:
        component["licenses"] = [{"expression": one.licence_expression}]
    elif one.licence_name is not None:
        component["licenses"] = [{"license": {"name": one.licence_name}}]
    return _with_properties(component, **{"content-sha256": one.content_sha256})


def _library(name: str, version: str) -> dict[str, Any]:
    purl = _purl(name, version)
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _with_properties(component: dict[str, Any], **properties: str) -> dict[str, Any]:
    listed = [{"name": f"afbundle:{name}", "value": value} for name, value in properties.items()]
    return {**component, "properties": listed}


def _purl(name: str, version: str) -> str:
    return f"pkg:pypi/{name}@{quote(version, safe='')}"


def _render(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()
