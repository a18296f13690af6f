"""What of afbundle itself travels inside every bundle."""

from __future__ import annotations

from pathlib import Path

import afbundle

PACKAGES = ("afbundle.wire", "afbundle.runtime")
"""Packages that enter whole."""

SINGLES = ("afbundle", "afbundle._version", "afbundle.exceptions", "afbundle.artifact")
"""Modules that enter alone."""

FOR_PAYLOAD = (
    "afbundle.artifact.cache",
    "afbundle.artifact.collect",
    "afbundle.artifact.errors",
    "afbundle.artifact.site",
    "afbundle.artifact.unpack",
)
"""Modules that enter only a bundle with something to unpack."""

FOR_EMBEDDED = ("afbundle.artifact.cache", "afbundle.artifact.errors", "afbundle.artifact.embedded")
"""Modules that enter only a bundle with an interpreter of its own."""

FRONT = (
    "afbundle",
    "afbundle.runtime",
    "afbundle.runtime.door",
    "afbundle.runtime.ending",
)
"""What is needed to connect, in the order of its dependencies."""

HOT = (
    "afbundle.exceptions",
    "afbundle.wire",
    "afbundle.wire.errors",
    "afbundle.wire.msgpack",
    "afbundle.wire.frames",
    "afbundle.wire._kinds",
    "afbundle.wire._message",
    "afbundle.wire.messages",
    "afbundle.runtime.inbox",
    "afbundle.runtime.waiting",
    "afbundle.runtime.channel",
    "afbundle.runtime.context",
    "afbundle.runtime.logs",
    "afbundle.runtime.outcome",
    "afbundle.runtime.signals",
    "afbundle.runtime.session",
    "afbundle.runtime.registry",
    "afbundle.runtime.logging_watch",
)
"""What every task needs after that, likewise: the import budget. One that is missing here costs a task a tenth of a
millisecond; one too many costs every task its own time."""


def runtime_modules(*, with_payload: bool, with_interpreter: bool = False) -> dict[str, Path]:
    """Return the modules of afbundle that a bundle carries, by name, those of the plain path first.

    Arguments:
        with_payload: whether the bundle has anything to unpack.
        with_interpreter: whether it carries an interpreter.
    """
    root = Path(afbundle.__file__).parent
    found: dict[str, Path] = {}
    extra = (*(FOR_PAYLOAD if with_payload else ()), *(FOR_EMBEDDED if with_interpreter else ()))
    for name in (*SINGLES, *extra):
        path = root.joinpath(*name.split(".")[1:])
        found[name] = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    for package in PACKAGES:
        folder = root.joinpath(*package.split(".")[1:])
        for path in folder.rglob("*.py"):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(("afbundle", *(parts[:-1] if parts[-1] == "__init__" else parts)))] = path
    order = {name: place for place, name in enumerate((*FRONT, *HOT))}
    return dict(sorted(found.items(), key=lambda item: (order.get(item[0], len(order)), item[0])))
