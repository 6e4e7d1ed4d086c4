"""One run of one sync inside a Dagster step: who started it, what came of it, and whether trying again can help.

Calls the engine and reads what it remembers; it emits no event and decides nothing about records.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import dagster as dg

from integrations_platform.jobs import Catalogue, NoSuchJob, Options
from integrations_platform.progress import Progress, quota_words
from integrations_platform.yaml_source import ConfigurationError

if TYPE_CHECKING:
    from integrations_platform.connectors.budgets import Usage
    from integrations_platform.platform import Platform
    from integrations_platform.settings import Settings
    from integrations_platform.unified_sync.agreement import Agreement
    from integrations_platform.unified_sync.port import Problem, Side
    from integrations_platform.unified_sync.report import RunReport
    from integrations_platform.unified_sync.sharding import Crew
    from integrations_platform.unified_sync.spec import SideName, SyncSpec
    from integrations_platform.unified_sync.store import Breaker, Conflict, Quarantined, Store

T = TypeVar("T")
Context = dg.AssetExecutionContext | dg.OpExecutionContext | dg.AssetCheckExecutionContext

WAKE_UP_TAG = "integrations/wake_up"
"""On runs that received events have woken: which wake-up it was."""

LOG_EVERY_SECONDS = 5.0
RETRIES = 2
FIRST_WAIT_SECONDS = 30.0

# Tags that Dagster puts on runs it starts by itself, and what each says. A backfill may come from a person or from an
# automation; nobody has looked at its plan, so it counts as unattended.
_AUTOMATIC = {
    "dagster/schedule_name": "schedule",
    "dagster/sensor_name": "sensor",
    "dagster/auto_materialize": "automation",
    "dagster/from_automation_condition": "automation",
    "dagster/backfill": "backfill",
}


@dataclass(frozen=True)
class Memory:
    """What the state holds about a sync. ``last_status``: of its newest run; None when it never ran."""

    links: int
    conflicts: Sequence[Conflict]
    quarantined: Sequence[Quarantined]
    breakers: Sequence[Breaker]
    last_status: str | None


@dataclass(frozen=True)
class Outcome:
    """What one run came to. ``problems`` is None when the sides could not be looked at. ``page``: where people see the
    sync in the console; empty: nowhere. ``quotas``: how much of them is used, by service."""

    spec: SyncSpec
    problems: Sequence[Problem] | None
    report: RunReport
    memory: Memory
    page: str = ""
    quotas: Sequence[tuple[str, Usage]] = ()


def origin(tags: Mapping[str, str]) -> tuple[bool, str]:
    """Whether a person started the run that carries these tags, and what did, for the history."""
    for tag, kind in _AUTOMATIC.items():
        if tag in tags:
            name = f":{tags[tag]}" if kind in ("schedule", "sensor", "backfill") else ""
            return False, f"dagster:{kind}{name}"
    return True, "dagster"


def run_sync(
    context: Context,
    catalogue: Catalogue,
    spec: SyncSpec,
    options: Options,
    *,
    dry_run: bool,
    crew: Callable[[Platform], Crew] | None = None,
) -> Outcome:
    """Run ``spec`` under ``options``. ``crew``: who works on its shards; processes of this machine, if left out. Raises
    dg.Failure, or dg.RetryRequested for what may pass by itself."""
    from integrations_platform.unified_sync.engine import Request
    from integrations_platform.unified_sync.port import ErrorKind

    attended, trigger = origin(context.run.tags)
    # The run's id stands in the history, so that whoever reads it finds the way to the run's page.
    started = f"{trigger} run {context.run.run_id}"
    request = Request(dry_run=dry_run, attended=attended, trigger=started, actor=f"dagster:{context.run.run_id}")

    def run(platform: Platform) -> Outcome:
        chosen = options.applied(spec)
        context.log.info(f"{spec.name}: reading {_ends(spec)}" + (" (dry run: nothing is written)" if dry_run else ""))
        with platform.sides(chosen) as sides:
            engine = platform.engine(*catalogue.specs, chosen)
            if crew is not None:
                engine.crew = crew(platform)
            report = engine.run(chosen, sides, request)
            # The engine has judged the sides before writing; asking again, now that they answered, adds the words.
            asked = report.fault is not ErrorKind.TRANSIENT
            problems = find_problems(chosen, sides) if asked else None
        quotas = platform.quotas()
        told = [
            f"{spec.name}: {report.status.value} in {report.seconds:.1f} s", f"{report.written:,} written",
            f"{report.rows_per_second:,} records a second", *quota_words(quotas),
        ]  # fmt: skip
        context.log.info(", ".join(told))
        page = console_page(catalogue.settings, spec.name)
        return Outcome(chosen, problems, report, recall(platform.store, chosen), page, quotas)

    return opened(context, catalogue, run)


def console_page(settings: Settings, name: str) -> str:
    """Where people see a sync in the console; empty where nobody says, or not so that it can be meant."""
    try:
        return settings.console.pages().sync(name)
    except ConfigurationError:
        return ""


def look_at(context: Context, catalogue: Catalogue, spec: SyncSpec) -> tuple[Sequence[Problem], Memory]:
    """What stands in the way of ``spec`` and what is remembered of it, without running it. Raises like run_sync."""

    def look(platform: Platform) -> tuple[Sequence[Problem], Memory]:
        with platform.sides(spec) as sides:
            return find_problems(spec, sides), recall(platform.store, spec)

    return opened(context, catalogue, look)


def verify(context: Context, catalogue: Catalogue, spec: SyncSpec) -> Agreement:
    """Compare both sides in full. Raises like run_sync."""

    def compare(platform: Platform) -> Agreement:
        context.log.info(f"{spec.name}: comparing all of {_ends(spec)}")
        with platform.sides(spec) as sides:
            return platform.engine(*catalogue.specs).verify(spec, sides)

    return opened(context, catalogue, compare)


def opened(context: Context, catalogue: Catalogue, action: Callable[[Platform], T]) -> T:
    """``action`` on the opened environment, its errors told as Dagster's."""
    from integrations_platform.platform import Platform
    from integrations_platform.state.errors import StateError
    from integrations_platform.telemetry.tracing import trace_as_asked
    from integrations_platform.unified_sync.faults import SetupRefused
    from integrations_platform.unified_sync.port import ErrorKind, SideError
    from integrations_platform.unified_sync.store import LeaseHeld

    trace_as_asked()
    platform = Platform(catalogue.settings)
    platform.show(progress_to(context.log.info, platform.quotas))
    try:
        return action(platform)
    except (ConfigurationError, StateError, SetupRefused, NoSuchJob) as fault:
        give_up(str(fault))
    except LeaseHeld as fault:
        # Nothing is wrong with the data, and the run that holds the sync does the work: trying again would only queue.
        # Except for a run that an event has woken: the other one may have read before the event.
        give_up(
            f"{fault}. Nothing was done by this run", context.retry_number if WAKE_UP_TAG in context.run.tags else None
        )
    except SideError as fault:
        give_up(fault.message, context.retry_number if fault.kind is ErrorKind.TRANSIENT else None)
    finally:
        platform.close()


def give_up(message: str, retries: int | None = None, metadata: Mapping[str, Any] | None = None) -> NoReturn:
    """Fail for good; or, given the number of ``retries`` made so far, ask for another while some are left.

    Not a RetryPolicy: that would also repeat refused config, and runs that a person has stopped.
    """
    failure = dg.Failure(message, metadata=dict(metadata or {}), allow_retries=retries is not None)
    if retries is not None and retries < RETRIES:
        wait = FIRST_WAIT_SECONDS * 2**retries
        raise dg.RetryRequested(max_retries=RETRIES, seconds_to_wait=wait) from failure
    raise failure


def find_problems(spec: SyncSpec, sides: Mapping[SideName, Side]) -> Sequence[Problem]:
    """Everything that is not in order about sides and fields, blocking or not. Raises SideError."""
    from integrations_platform.unified_sync.forms import place_fields
    from integrations_platform.unified_sync.port import found_by

    problems = [problem for name, side in sides.items() for problem in found_by(side, spec.side(name).object)]
    if not any(problem.blocking for problem in problems):
        _, misfits = place_fields(spec, sides["A"].columns(), sides["B"].columns())
        problems += misfits
    return problems


def recall(store: Store, spec: SyncSpec) -> Memory:
    """What the state holds about ``spec``. Raises StateError."""
    links = store.links(spec.name)
    newest = store.runs(spec.name, 1)
    return Memory(
        links=int((links["state"] == "active").sum()),
        conflicts=store.conflicts(spec.name),
        quarantined=store.quarantined(spec.name),
        breakers=[store.breaker(name) for name in sorted({spec.source.system, spec.target.system})],
        last_status=newest[0][1].status if newest else None,
    )


def progress_to(
    write: Callable[[str], None],
    spent: Callable[[], Sequence[tuple[str, Usage]]] = tuple,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Progress:
    """Work as a line of the run's log every few seconds. ``spent``: what is used of the quotas of services."""
    return Progress(lambda line: write(line) if line else None, LOG_EVERY_SECONDS, spent, clock)


def _ends(spec: SyncSpec) -> str:
    return f"{spec.source.system}:{spec.source.object} and {spec.target.system}:{spec.target.object}"
