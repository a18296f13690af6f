"""Notices the import of `logging`, so that its records reach the task's log wherever in the task's code it stands."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

    from afbundle.runtime.logs import LogChannel


class LoggingWatch:
    """Sets up `logging` in the moment in which the task's code imports it.

    Importing `logging` costs more than a whole task's start, so the runtime never does; but a record written through it must
    reach the task's log, wherever the import stands.
    """

    def __init__(self, channel: LogChannel) -> None:
        self._channel = channel

    def install(self) -> None:
        """Set up `logging` now if it is already imported, else when it will be."""
        logging = sys.modules.get("logging")
        if logging is not None:
            _lead(self._channel, logging)
        else:
            sys.meta_path.insert(0, self)

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Take part in the import of `logging` only; leave every other one to the finders behind."""
        if name != "logging":
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            spec = finder.find_spec(name, None)
            if spec is not None and spec.loader is not None:
                # It does what a loader does, by handing on.
                spec.loader = _Afterwards(spec.loader, self._channel)  # type: ignore[assignment]
                return spec
        return None


class _Afterwards:
    """A loader that lets another one do its work and then sets up what it loaded."""

    def __init__(self, loader: Any, channel: LogChannel) -> None:
        self._loader = loader
        self._channel = channel

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        _lead(self._channel, module)


def _lead(channel: LogChannel, logging: Any) -> None:
    from afbundle.runtime.log_bridges import lead_logging

    lead_logging(channel, logging)
