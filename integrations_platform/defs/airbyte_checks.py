"""Checks of connections as they are set up in Airbyte, and of how long ago they last synced, whoever started that.

One step looks at all connections with one list call; it syncs nothing. What cannot be asked is a warning of each
connection concerned, because a server that is away says nothing about how it is set up.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from integrations_platform.defs.airbyte import connection_key, freshness
from integrations_platform.defs.airbyte_step import opened
from integrations_platform.defs.jobs import Job, asset_job
from integrations_platform.defs.reporting import table
from integrations_platform.job_list import AIRBYTE_WATCH
from integrations_platform.jobs import Catalogue
from integrations_platform.jobs import Job as Named
from integrations_platform.secret_text import SettingsError
from integrations_platform.settings_airbyte import ConnectionSettings

if TYPE_CHECKING:
    from integrations_platform.airbyte.looks import Connection
    from integrations_platform.airbyte.server import Airbyte

AS_DECLARED, FRESH = "as_declared", "fresh"
_DESCRIBED = {
    AS_DECLARED: "Airbyte syncs the declared streams, the connection is active, and nothing but Dagster starts it.",
    FRESH: "The newest sync that did well, whoever started it, is not longer ago than is declared.",
}
_WARN, _ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


def connection_checks(catalogue: Catalogue) -> list[dg.AssetChecksDefinition]:
    """The checks of all connections in one definition, which can be executed for some of them; none without any."""
    connections = catalogue.settings.airbyte.connections
    if not connections:
        return []
    specs = [
        dg.AssetCheckSpec(name, asset=connection_key(connection), description=text)
        for connection in connections for name, text in _DESCRIBED.items()
    ]  # fmt: skip

    @dg.multi_asset_check(name="airbyte_connections", specs=specs, can_subset=True)
    def look_at_connections(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        wanted = context.selected_asset_check_keys
        chosen = {key.asset_key.path[-1] for key in wanted}
        for result in _looked(catalogue, {name: each for name, each in connections.items() if name in chosen}):
            if dg.AssetCheckKey(result.asset_key or dg.AssetKey([]), result.check_name or "") in wanted:
                yield result

    return [look_at_connections]


def watch_job(named: Mapping[str, Named]) -> Job:
    """The checks of all connections, for a schedule."""
    keys = [
        dg.AssetCheckKey(connection_key(target.name), check)
        for target in named[AIRBYTE_WATCH].targets for check in _DESCRIBED
    ]  # fmt: skip
    return asset_job(named[AIRBYTE_WATCH], dg.AssetSelection.checks(*keys))


def watch_schedule(named: Mapping[str, Named], job: Job) -> dg.ScheduleDefinition:
    """Every hour."""
    return dg.ScheduleDefinition(
        name="airbyte_watch_schedule", job=job, cron_schedule=named[AIRBYTE_WATCH].schedule,
        description="Look at how connections are set up in Airbyte, every hour.",
    )  # fmt: skip


def _looked(catalogue: Catalogue, connections: Mapping[str, ConnectionSettings]) -> Iterator[dg.AssetCheckResult]:
    from integrations_platform.airbyte.faults import AirbyteFault

    settings = catalogue.settings.airbyte
    try:
        if settings.engine() == "embedded":
            for each in connections.values():
                yield from _unknown(each, "there is no server: its connectors run on this machine", passed=True)
            return
        with opened(catalogue) as airbyte:
            known = {each.id: each for each in airbyte.connections()}
            for each in connections.values():
                yield from _judged(airbyte, each, known)
    except (AirbyteFault, SettingsError) as fault:
        for each in connections.values():
            yield from _unknown(each, f"Airbyte could not be asked: {fault}")


def _judged(
    airbyte: "Airbyte", connection: ConnectionSettings, known: "Mapping[str, Connection]"
) -> Iterator[dg.AssetCheckResult]:
    from integrations_platform.airbyte.faults import AirbyteFault

    try:
        number = connection.id()
        found = known.get(number) or airbyte.connection(number)
        yield _as_declared(connection, found)
        yield _fresh(airbyte, connection, number)
    except SettingsError as fault:
        yield from _unknown(connection, str(fault))
    except AirbyteFault as fault:
        gone = fault.status in (400, 403, 404, 422)
        what = f"{fault.message}; correct its id" if gone else f"Airbyte could not be asked: {fault.message}"
        yield from _unknown(connection, what, serious=gone)


def _as_declared(connection: ConnectionSettings, found: "Connection") -> dg.AssetCheckResult:
    from integrations_platform.airbyte.drift import departures

    differences = departures(connection, found)
    rows = [{"what": each.what, "remedy": each.remedy} for each in differences]
    return dg.AssetCheckResult(
        asset_key=connection_key(connection.name),
        check_name=AS_DECLARED,
        passed=not differences,
        severity=_ERROR if any(each.serious for each in differences) else _WARN,
        description="; ".join(each.what for each in differences) or None,
        metadata={"differences": len(differences), "streams": len(found.streams)}
        | ({"found": table(rows)} if rows else {}),
    )


def _fresh(airbyte: "Airbyte", connection: ConnectionSettings, number: str) -> dg.AssetCheckResult:
    late = freshness(connection)
    jobs = airbyte.jobs(number, status="succeeded", most=20)
    ended = [job.updated or job.started for job in jobs if job.type == "sync"]
    newest = max((moment for moment in ended if moment is not None), default=None)
    age = None if newest is None else datetime.now(UTC) - newest
    passed = late is None or (age is not None and age <= late)
    said = (
        "it has never synced well" if age is None else f"it last synced well {age.total_seconds() / 3600:.1f} hours ago"
    )
    bound = "" if late is None else f"; {late.total_seconds() / 3600:g} hours are allowed"
    facts: dict[str, Any] = {} if age is None else {"age_hours": round(age.total_seconds() / 3600, 2)}
    return dg.AssetCheckResult(
        asset_key=connection_key(connection.name), check_name=FRESH, passed=passed, severity=_ERROR,
        description=f"{said}{bound}", metadata=facts,
    )  # fmt: skip


def _unknown(
    connection: ConnectionSettings, what: str, *, passed: bool = False, serious: bool = False
) -> Iterator[dg.AssetCheckResult]:
    for name in _DESCRIBED:
        yield dg.AssetCheckResult(
            asset_key=connection_key(connection.name), check_name=name, passed=passed,
            severity=_ERROR if serious else _WARN, description=what,
        )  # fmt: skip
