"""Assets, their aliases, events and states in memory."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from afbundle.exceptions import AssetNotFound, StoreKeyNotFound
from afbundle.wire import messages

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from afbundle.supervise.backend import AssetRef, EventFilter

__all__ = ["MemoryAssets"]


class MemoryAssets:
    """The part of `MemoryBackend` that knows assets."""

    def __init__(self) -> None:
        self._assets: list[messages.AssetResult] = []
        self._aliases: dict[str, list[messages.AssetResult]] = {}
        self._events: list[messages.AssetEventResponse] = []
        self._asset_states: dict[str, dict[str, Any]] = {}

    # What a test or a local run sets up.

    def add_asset(
        self,
        name: str,
        uri: str | None = None,
        *,
        group: str = "asset",
        extra: Mapping[str, Any] | None = None,
        aliases: Iterable[str] = (),
    ) -> messages.AssetResult:
        """Put an asset into the store; its URI is its name when not given."""
        asset = messages.AssetResult(name=name, uri=uri or name, group=group, extra=dict(extra or {}))
        self._assets.append(asset)
        for alias in aliases:
            self._aliases.setdefault(alias, []).append(asset)
        return asset

    def add_asset_event(
        self,
        asset: messages.AssetResult,
        *,
        timestamp: datetime | None = None,
        extra: Mapping[str, Any] | None = None,
        partition_key: str | None = None,
        source: tuple[str, str, str, int] | None = None,
    ) -> messages.AssetEventResponse:
        """Put an event of an asset into the store.

        Arguments:
            asset: what was changed.
            timestamp: aware; now when None.
            extra: what the event carries.
            partition_key: the partition that was changed.
            source: the task instance that did it, as dag_id, run_id, task_id and map index.
        """
        dag_id, run_id, task_id, map_index = source or (None, None, None, None)
        event = messages.AssetEventResponse(
            id=len(self._events) + 1,
            timestamp=timestamp or datetime.now(timezone.utc),
            extra=dict(extra or {}),
            asset=messages.AssetResponse(
                name=asset.name, uri=asset.uri, group=asset.group, extra=asset.extra
            ),
            created_dagruns=[],
            source_dag_id=dag_id,
            source_run_id=run_id,
            source_task_id=task_id,
            source_map_index=map_index,
            partition_key=partition_key,
        )
        self._events.append(event)
        return event

    # AssetBackend

    async def get_asset(self, asset: AssetRef) -> messages.AssetResult:
        """Return the asset of that name or URI."""
        return self._find(asset)

    async def assets_of_alias(self, alias: str) -> list[messages.AssetResult]:
        """Return the assets of an alias; an unknown one has none."""
        return list(self._aliases.get(alias, ()))

    async def asset_events(self, asset: AssetRef, which: EventFilter) -> list[messages.AssetEventResponse]:
        """Return events of an asset; an unknown one has none."""
        return self._select((a.uri for a in self._assets if _is(a, asset)), which)

    async def alias_events(self, alias: str, which: EventFilter) -> list[messages.AssetEventResponse]:
        """Return events of the assets of an alias."""
        return self._select((a.uri for a in self._aliases.get(alias, ())), which)

    # The asset half of StateStoreBackend

    async def get_asset_state(self, asset: AssetRef, key: str) -> Any:
        """Return a value of an asset."""
        states = self._asset_states.get(self._find(asset).uri, {})
        if states.get(key) is None:
            raise StoreKeyNotFound("ASSET_STORE_NOT_FOUND", {"key": key})
        return states[key]

    async def set_asset_state(self, asset: AssetRef, key: str, value: Any) -> None:
        """Keep a value for an asset."""
        self._asset_states.setdefault(self._find(asset).uri, {})[key] = value

    async def delete_asset_state(self, asset: AssetRef, key: str) -> None:
        """Forget a value of an asset."""
        self._asset_states.get(self._find(asset).uri, {}).pop(key, None)

    async def clear_asset_states(self, asset: AssetRef) -> None:
        """Forget all values of an asset."""
        self._asset_states.pop(self._find(asset).uri, None)

    def _find(self, wanted: AssetRef) -> messages.AssetResult:
        for asset in self._assets:
            if _is(asset, wanted):
                return asset
        raise AssetNotFound("ASSET_NOT_FOUND", {k: v for k, v in wanted._asdict().items() if v})

    def _select(self, uris: Iterable[str], which: EventFilter) -> list[messages.AssetEventResponse]:
        wanted = set(uris)
        found = [event for event in self._events if event.asset.uri in wanted and _passes(event, which)]
        found.sort(key=lambda event: event.timestamp, reverse=not which.ascending)
        return found[: which.limit or None]


def _is(asset: messages.AssetResult, wanted: AssetRef) -> bool:
    return wanted.name in (None, asset.name) and wanted.uri in (None, asset.uri)


def _passes(event: messages.AssetEventResponse, which: EventFilter) -> bool:
    extra = event.extra or {}
    return (
        (which.after is None or event.timestamp >= which.after)
        and (which.before is None or event.timestamp <= which.before)
        and which.partition_key in (None, event.partition_key)
        and (
            which.partition_key_pattern is None
            or re.search(which.partition_key_pattern, event.partition_key or "") is not None
        )
        and all(extra.get(key) == value for key, value in (which.extra or {}).items())
    )
