"""Assets, their events, and what is remembered for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from afbundle.supervise.backend import AssetRef, EventFilter
from afbundle.supervise.handlers._table import done, new_table
from afbundle.wire import messages

if TYPE_CHECKING:
    from afbundle.supervise.session import TaskSession

__all__ = ["HANDLERS"]

HANDLERS, handles = new_table()


def _asset(message: Any) -> AssetRef:
    """Return what a message with a name or a URI is about; its class ends in ByName or ByUri."""
    return AssetRef(name=getattr(message, "name", None), uri=getattr(message, "uri", None))


@handles("GetAssetStateStoreByName", "GetAssetStateStoreByUri")
async def get_asset_state(
    session: TaskSession, message: messages.GetAssetStateStoreByName | messages.GetAssetStateStoreByUri
) -> messages.AssetStateStoreResult:
    value = await session.backend.get_asset_state(_asset(message), message.key)
    return messages.AssetStateStoreResult(value=value)


@handles("SetAssetStateStoreByName", "SetAssetStateStoreByUri")
async def set_asset_state(
    session: TaskSession, message: messages.SetAssetStateStoreByName | messages.SetAssetStateStoreByUri
) -> messages.OKResponse:
    await session.backend.set_asset_state(_asset(message), message.key, message.value)
    return done()


@handles("DeleteAssetStateStoreByName", "DeleteAssetStateStoreByUri")
async def delete_asset_state(
    session: TaskSession,
    message: messages.DeleteAssetStateStoreByName | messages.DeleteAssetStateStoreByUri,
) -> messages.OKResponse:
    await session.backend.delete_asset_state(_asset(message), message.key)
    return done()


@handles("ClearAssetStateStoreByName", "ClearAssetStateStoreByUri")
async def clear_asset_states(
    session: TaskSession, message: messages.ClearAssetStateStoreByName | messages.ClearAssetStateStoreByUri
) -> messages.OKResponse:
    await session.backend.clear_asset_states(_asset(message))
    return done()


# Assets and their events


@handles("GetAssetByName", "GetAssetByUri")
async def get_asset(
    session: TaskSession, message: messages.GetAssetByName | messages.GetAssetByUri
) -> messages.AssetResult:
    return await session.backend.get_asset(_asset(message))


@handles("GetAssetsByAlias")
async def get_assets_by_alias(
    session: TaskSession, message: messages.GetAssetsByAlias
) -> messages.AssetsByAliasResult:
    return messages.AssetsByAliasResult(assets=await session.backend.assets_of_alias(message.alias_name))


def _events(message: messages.GetAssetEventByAsset | messages.GetAssetEventByAssetAlias) -> EventFilter:
    return EventFilter(
        message.after,
        message.before,
        message.ascending,
        message.limit,
        message.partition_key,
        message.partition_key_regexp_pattern,
        message.extra,
    )


@handles("GetAssetEventByAsset")
async def get_asset_events(
    session: TaskSession, message: messages.GetAssetEventByAsset
) -> messages.AssetEventsResult:
    events = await session.backend.asset_events(_asset(message), _events(message))
    return messages.AssetEventsResult(asset_events=events)


@handles("GetAssetEventByAssetAlias")
async def get_asset_events_of_alias(
    session: TaskSession, message: messages.GetAssetEventByAssetAlias
) -> messages.AssetEventsResult:
    events = await session.backend.alias_events(message.alias_name, _events(message))
    return messages.AssetEventsResult(asset_events=events)
