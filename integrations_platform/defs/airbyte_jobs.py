"""Jobs and schedules of connections: one each, one for all of them beside each other, and the one that clears first.

A schedule leaves a connection alone that is syncing already, whoever started that; when Airbyte cannot be asked it
starts the run all the same, so that the trouble shows where trouble is looked for.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from integrations_platform.defs import airbyte_reporting as reporting
from integrations_platform.defs.airbyte import GROUP, stream_key
from integrations_platform.defs.airbyte_outcome import outcome_of
from integrations_platform.defs.airbyte_step import opened
from integrations_platform.defs.config import field_of
from integrations_platform.defs.following import follow_sensor
from integrations_platform.defs.jobs import Job, asset_job
from integrations_platform.defs.running import give_up
from integrations_platform.job_list import AIRBYTE_ALL, connection_job_name
from integrations_platform.jobs import RESET, Catalogue
from integrations_platform.jobs import Job as Named
from integrations_platform.schema_check import nearest
from integrations_platform.secret_text import SettingsError
from integrations_platform.settings_airbyte import ConnectionSettings

if TYPE_CHECKING:
    from integrations_platform.waiting import Timing

FOLLOW = "airbyte_follow"
WORKSPACE_TAG = "airbyte/workspace"
"""A tag of every run that is started here, by which an instance limits how many talk to one Airbyte at a time."""

_MOST_AT_ONCE = 100


def connection_jobs(
    catalogue: Catalogue, named: Mapping[str, Named], assets: Sequence[dg.AssetsDefinition]
) -> dict[str, Job]:
    """The job of each connection by the connection's name; ``assets`` in the order of the connections."""
    tags = {WORKSPACE_TAG: catalogue.settings.name}
    return {
        name: asset_job(named[connection_job_name(name)], dg.AssetSelection.assets(*asset.keys), tags)
        for name, asset in zip(catalogue.settings.airbyte.connections, assets, strict=True)
    }


def all_job(catalogue: Catalogue, named: Mapping[str, Named], assets: Sequence[dg.AssetsDefinition]) -> Job:
    """All connections beside each other, each a process of its own: a slow one, or one that fails, holds up none."""
    return asset_job(
        named[AIRBYTE_ALL], dg.AssetSelection.assets(*(key for asset in assets for key in asset.keys)),
        tags={WORKSPACE_TAG: catalogue.settings.name},
        executor=dg.multiprocess_executor.configured({
            "max_concurrent": min(len(assets), _MOST_AT_ONCE),
            # Processes begin as copies of one that has loaded everything, which is a third of the work.
            "start_method": {"forkserver": {"preload_modules": ["integrations_platform.definitions"]}},
        }),
    )  # fmt: skip


def connection_schedules(catalogue: Catalogue, jobs: Mapping[str, Job]) -> list[dg.ScheduleDefinition]:
    """The schedules of the connections that declare one."""
    return [
        _schedule(catalogue, connection, jobs[connection.name])
        for connection in catalogue.settings.airbyte.connections.values()
        if connection.schedule
    ]


def connections_follow(catalogue: Catalogue) -> list[dg.AutomationConditionSensorDefinition]:
    """The sensor that syncs connections once what is upstream of them has changed; none where none has an upstream."""
    connections = catalogue.settings.airbyte.connections.values()
    keys = [stream_key(each, stream) for each in connections if each.upstream for stream in each.streams]
    text = "Runs connections once the assets they follow were made anew."
    return follow_sensor(FOLLOW, keys, text, {WORKSPACE_TAG: catalogue.settings.name})


def _schedule(catalogue: Catalogue, connection: ConnectionSettings, job: Job) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"airbyte_{connection.name}_schedule", job=job, cron_schedule=connection.schedule or "",
        description=f"The connection {connection.name} as declared, in UTC; skipped while it is syncing already.",
    )  # fmt: skip
    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        busy = _busy(context, catalogue, connection)
        return dg.SkipReason(busy) if busy else dg.RunRequest()

    return tick


def _busy(context: dg.ScheduleEvaluationContext, catalogue: Catalogue, connection: ConnectionSettings) -> str:
    """What the connection is busy with; empty when it is free, or when nobody can tell."""
    from integrations_platform.airbyte.faults import AirbyteFault

    try:
        if catalogue.settings.airbyte.engine() == "embedded":
            return ""
        with opened(catalogue) as airbyte:
            active = airbyte.active(connection.id())
    except (AirbyteFault, SettingsError) as fault:
        context.log.warning(f"airbyte/{connection.name}: {fault}; the run will say the same, or find it mended")
        return ""
    return f"it is busy: {active[0].type} {active[0].told}" if active else ""


class ResetConfig(dg.Config):
    """What is cleared. Everything the connection wrote at its destination is removed, and read anew."""

    connection: str = field_of(RESET, "connection")
    confirm: str = field_of(RESET, "confirm")
    streams: list[str] = field_of(RESET, "streams")


def reset_job(catalogue: Catalogue, timing: "Timing | None" = None) -> dg.JobDefinition:
    """Clear a connection, then sync it: for a person who has confirmed it by writing its name twice."""

    @dg.op(
        name=RESET.step, description="Removes what the connection wrote, then reads everything anew.",
        tags={"dagster/max_retries": str(RESET.retries)},
    )  # fmt: skip
    def clear_then_sync(context: dg.OpExecutionContext, config: ResetConfig) -> Iterator[Any]:
        yield from _cleared(context, catalogue, config, timing)

    @dg.job(
        name=RESET.name, description=RESET.description,
        tags={WORKSPACE_TAG: catalogue.settings.name, "dagster/max_retries": str(RESET.retries)},
    )  # fmt: skip
    def airbyte_reset_then_sync() -> None:
        clear_then_sync()

    return airbyte_reset_then_sync


def _cleared(
    context: dg.OpExecutionContext, catalogue: Catalogue, config: ResetConfig, timing: "Timing | None"
) -> Iterator[Any]:
    from integrations_platform.airbyte.declared import policy_of
    from integrations_platform.airbyte.faults import AirbyteFault
    from integrations_platform.airbyte.resetting import Reset
    from integrations_platform.waiting import Timing

    declared, log = catalogue.settings.airbyte.connections, context.log
    connection = declared.get(config.connection)
    if connection is None:
        give_up(f"no connection is named {config.connection!r}; {nearest(config.connection, declared)}")
    if config.confirm != connection.name:
        give_up(
            f"not confirmed, and nothing was cleared: `confirm` must say {connection.name!r}, the connection's name"
        )
    keys = [stream_key(connection, stream) for stream in connection.streams]
    try:
        if catalogue.settings.airbyte.engine() == "embedded":
            give_up("nothing was cleared: there is no server; what was landed in the lake is kept there by days")
        with opened(catalogue, timing) as airbyte:
            reset = Reset(
                airbyte, connection, config.streams, policy_of(connection), timing or Timing(), log.info, log.warning
            )
            report = reset.clear_and_sync()
            outcome = outcome_of(catalogue, connection, keys, report, airbyte, log.warning)
    except (AirbyteFault, SettingsError) as fault:
        give_up(f"{GROUP}/{connection.name}: {fault}")
    # Yielded, not logged: what is logged waits for the end of the step, and is lost when it fails.
    for event in outcome.events(context.instance):
        yield reporting.as_event(event)
    if outcome.complaint:
        give_up(outcome.complaint, None, reporting.failure_metadata(report))
    yield dg.Output(None)
