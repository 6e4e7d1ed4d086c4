"""One step per declared connection and one asset per stream of it, synced by a server or by connectors run here.

A sync always runs whole, so its step cannot be cut down to some of its streams. The connection itself is an external
asset beside them, which holds the checks of how it is set up. dagster-airbyte is not used: its definitions call the
server while a location loads; the other reasons are told in :mod:`integrations_platform.airbyte`.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from integrations_platform.cron import longest_pause
from integrations_platform.defs import airbyte_reporting as reporting
from integrations_platform.defs.airbyte_step import AirbyteStep
from integrations_platform.defs.following import condition_of, key_of
from integrations_platform.defs.syncs import accepted_owner
from integrations_platform.jobs import Catalogue
from integrations_platform.settings_airbyte import ConnectionSettings, StreamSettings

if TYPE_CHECKING:
    from integrations_platform.waiting import Timing

GROUP = "airbyte"
_MODES = {
    "full": "Every sync brings all rows.",
    "incremental": "Every sync brings the rows that are new or changed since the one before.",
    "cdc": "Every sync brings the changes that the log of the source holds since the one before.",
}


def connection_key(connection: str) -> dg.AssetKey:
    """The asset of a connection itself, as it is set up in Airbyte."""
    return dg.AssetKey([GROUP, connection])


def stream_key(connection: ConnectionSettings, stream: StreamSettings) -> dg.AssetKey:
    """The asset of a stream."""
    return dg.AssetKey([GROUP, connection.name, *stream.key])


def airbyte_assets(catalogue: Catalogue, timing: "Timing | None" = None) -> list[dg.AssetsDefinition]:
    """The assets of all streams. ``timing``: time, sleep and chance of the steps; the real ones if not given."""
    return [connection_asset(catalogue, each, timing) for each in catalogue.settings.airbyte.connections.values()]


def connection_specs(catalogue: Catalogue) -> list[dg.AssetSpec]:
    """The external assets of the connections."""
    return [
        dg.AssetSpec(
            connection_key(each.name), group_name=GROUP, kinds={"airbyte", "connection"}, owners=_owners(each),
            description=f"{each.description}\n\nThe connection itself, as it is set up in Airbyte.".strip(),
            metadata={"variables": ", ".join(each.connection_id.variables)} if each.connection_id.variables else {},
        )
        for each in catalogue.settings.airbyte.connections.values()
    ]  # fmt: skip


def connection_asset(
    catalogue: Catalogue, connection: ConnectionSettings, timing: "Timing | None" = None
) -> dg.AssetsDefinition:
    """The step of one connection."""
    keys = [stream_key(connection, stream) for stream in connection.streams]

    @dg.multi_asset(
        name=f"airbyte_{connection.name}",
        specs=_specs(connection, keys),
        check_specs=[check for stream, key in zip(connection.streams, keys, strict=True)
                     for check in reporting.check_specs(connection, stream, key)],
        can_subset=False,
        pool=pool_of(connection),
    )  # fmt: skip
    def sync_connection(context: dg.AssetExecutionContext) -> Iterator[Any]:
        yield from AirbyteStep(context, catalogue, connection, keys, timing).events()

    return sync_connection


def pool_of(connection: ConnectionSettings) -> str:
    """The pool a sync waits in: that of its destination where one is named, else one of its own, because a connection
    runs one sync at a time."""
    return f"airbyte_{connection.destination or connection.name}"


def freshness(connection: ConnectionSettings) -> timedelta | None:
    """After how long without a sync its streams are late; None: never, as it is only run by hand."""
    if connection.fresh_within_hours is not None:
        return timedelta(hours=connection.fresh_within_hours)
    if connection.schedule is None:
        return None
    return max(2 * longest_pause(connection.schedule), timedelta(hours=1))


def _specs(connection: ConnectionSettings, keys: Sequence[dg.AssetKey]) -> list[dg.AssetSpec]:
    """Of all streams. Those that follow other assets are synced again when these have changed."""
    upstream = [key_of(each) for each in connection.upstream]
    late = freshness(connection)
    policy = None if late is None else dg.FreshnessPolicy.time_window(fail_window=late)
    owners = _owners(connection)
    shared: dict[str, Any] = {"mode": connection.mode, "connection": connection.name}
    if connection.owner and not owners:
        shared["owner"] = connection.owner
    return [
        dg.AssetSpec(
            key,
            deps=upstream,
            skippable=True,  # a sync that is left to another, and streams that failed, claim nothing
            description=_described(connection, stream),
            group_name=GROUP,
            kinds={"airbyte"},
            owners=owners,
            metadata=shared | {"stream": stream.shown},
            freshness_policy=policy,
            automation_condition=condition_of(connection.upstream),
        )
        for stream, key in zip(connection.streams, keys, strict=True)
    ]


def _described(connection: ConnectionSettings, stream: StreamSettings) -> str:
    said = f"{connection.description}\n\n" if connection.description else ""
    return f"{said}Stream `{stream.shown}` of the connection `{connection.name}`. {_MODES[connection.mode]}"


def _owners(connection: ConnectionSettings) -> list[str]:
    owner = accepted_owner(connection.owner)
    return [owner] if owner else []
