"""What of afbundle itself travels inside every bundle."""

from __future__ import annotations

from pathlib import Path

import afbundle

PACKAGES = ("afbundle.wire", "afbundle.runtime")
"""Packages that enter whole."""

SINGLES = ("afbundle", "afbundle._version", "afbundle.exceptions", "afbundle.artifact")
"""Modules that enter alone."""

FOR_PAYLOAD = ("afbundle.artifact.cache", "afbundle.artifact.errors", "afbundle.artifact.unpack")
"""Modules that enter only a bundle with something to unpack."""

HOT = (
    "afbundle",
    "afbundle.runtime",
    "afbundle.runtime.door",
    "afbundle.runtime.ending",
    "afbundle.exceptions",
    "afbundle.wire",
    "afbundle.wire.errors",
    "afbundle.wire.msgpack",
    "afbundle.wire.frames",
    "afbundle.runtime.inbox",
    "afbundle.wire._kinds",
    "afbundle.wire._message",
    "afbundle.wire.messages",
    "afbundle.runtime.channel",
    "afbundle.runtime.context",
    "afbundle.runtime.logs",
    "afbundle.runtime.outcome",
    "afbundle.runtime.signals",
    "afbundle.runtime.session",
    "afbundle.runtime.registry",
    "afbundle.runtime.client",
    "afbundle.runtime.injection",
)
"""The import budget: all that a task which does nothing may import of afbundle. Their code lies
first in the file, in the order of use."""


def runtime_modules(*, with_payload: bool) -> dict[str, Path]:
    """Return the modules of afbundle that a bundle carries, by name, those of the plain path first.

    Arguments:
        with_payload: whether the bundle has anything to unpack.
    """
    root = Path(afbundle.__file__).parent
    found: dict[str, Path] = {}
    for name in (*SINGLES, *(FOR_PAYLOAD if with_payload else ())):
        path = root.joinpath(*name.split(".")[1:])
        found[name] = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    for package in PACKAGES:
        folder = root.joinpath(*package.split(".")[1:])
        for path in folder.rglob("*.py"):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(("afbundle", *(parts[:-1] if parts[-1] == "__init__" else parts)))] = path
    order = {name: place for place, name in enumerate(HOT)}
    return dict(sorted(found.items(), key=lambda item: (order.get(item[0], len(HOT)), item[0])))
