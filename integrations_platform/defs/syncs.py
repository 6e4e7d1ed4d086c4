"""One asset per declared sync: what the catalogue knows about it, and a step that runs it and says what came of it.

A materialisation is claimed only for a run that ended succeeded or partial; a dry run leaves an observation, a refused
or failed run a failure. Policies are the declaration's; nothing here loosens one.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from integrations_platform.defs import checks, reporting
from integrations_platform.defs.config import SyncConfig
from integrations_platform.defs.following import condition_of, key_of
from integrations_platform.defs.running import Outcome, console_page, give_up, look_at, run_sync
from integrations_platform.jobs import Catalogue
from integrations_platform.lateness import fresh_within
from integrations_platform.unified_sync.spec import Direction, FieldSpec, SyncSpec

GROUP = "unified_sync"
_ARROWS = {
    Direction.SOURCE_TO_TARGET: "→",
    Direction.TARGET_TO_SOURCE: "←",
    Direction.BIDIRECTIONAL: "↔",
    Direction.NEVER: "·",
}


def sync_assets(catalogue: Catalogue) -> list[dg.AssetsDefinition]:
    """The assets of all declared syncs; a sync that refers to another depends on it."""
    upstream = catalogue.upstream()
    return [sync_asset(catalogue, spec, upstream[spec.name]) for spec in catalogue.specs]


def sync_asset(catalogue: Catalogue, spec: SyncSpec, upstream: tuple[str, ...] = ()) -> dg.AssetsDefinition:
    """The asset of one sync. Its checks can also be executed alone; the sync is then looked at, not run."""

    @dg.multi_asset(
        name=spec.name,
        specs=[_asset_spec(catalogue, spec, upstream)],
        check_specs=checks.check_specs(spec),
        can_subset=True,
        pool=pool_of(catalogue, spec),
    )
    def sync(context: dg.AssetExecutionContext, config: SyncConfig) -> Iterator[Any]:
        wanted = {key.name for key in context.selected_asset_check_keys}
        events = (
            _run(context, catalogue, spec, config) if context.selected_asset_keys else _look(context, catalogue, spec)
        )
        for event in events:
            if not isinstance(event, dg.AssetCheckResult) or event.check_name in wanted:
                yield event

    return sync


def pool_of(catalogue: Catalogue, spec: SyncSpec) -> str:
    """The pool a sync waits in: that of its slower system.

    Dagster gives a step one pool, and a sync calls two systems. The one with the lower limit of calls is the one that
    suffers from syncs side by side; the other is still held to its limit by the engine, per process, and protected by
    its breaker. Without limits it is the target, which takes most writes.
    """
    settings = catalogue.settings.systems
    limits = {
        name: settings[name].limits.calls_per_second or float("inf")
        for name in (spec.target.system, spec.source.system)
        if name in settings
    }
    return f"system_{min(limits, key=lambda name: limits[name]) if limits else spec.target.system}"


def outcome_events(outcome: Outcome) -> Iterator[Any]:
    """A run's checks and, where data was brought into agreement, its materialisation: what a step yields or logs."""
    spec, report = outcome.spec, outcome.report
    if report.dry_run:
        yield dg.AssetObservation(spec.name, metadata=reporting.dry_run_metadata(outcome))
    elif is_done(outcome):
        yield dg.MaterializeResult(asset_key=spec.name, metadata=reporting.run_metadata(outcome))
    if outcome.problems is not None:
        faulty = report.fault is not None and report.fault.value == "configuration"
        yield checks.validation(spec, outcome.problems, passed=not faulty, message=report.message)
    if not report.dry_run:
        yield from checks.state_checks(spec, outcome.memory, report.status.value)


def is_done(outcome: Outcome) -> bool:
    """Whether the run did what it was asked, wholly or in part."""
    return outcome.report.status.value in ("succeeded", "partial")


def may_pass(outcome: Outcome) -> bool:
    """Whether what a run failed for may pass by itself."""
    return outcome.report.fault is not None and outcome.report.fault.value == "transient"


def complaint(outcome: Outcome) -> str:
    """Why a run that is not done is not, and what to do."""
    report = outcome.report
    what = "was refused" if report.refusals else "failed"
    lines = [f"sync {report.sync!r} {what}" + (" in a dry run" if report.dry_run else "")]
    if report.refusals:
        lines += [f"{item.guard}: {item.message}. To go on, {item.remedy}" for item in report.refusals]
    elif report.message:
        lines.append(report.message)
    return "\n".join(lines)


def _run(context: dg.AssetExecutionContext, catalogue: Catalogue, spec: SyncSpec, config: SyncConfig) -> Iterator[Any]:
    outcome = run_sync(context, catalogue, spec, config.options(), dry_run=config.dry_run)
    yield from outcome_events(outcome)
    if not is_done(outcome):
        retries = context.retry_number if may_pass(outcome) else None
        give_up(complaint(outcome), retries, reporting.run_metadata(outcome))


def _look(context: dg.AssetExecutionContext, catalogue: Catalogue, spec: SyncSpec) -> Iterator[dg.AssetCheckResult]:
    problems, memory = look_at(context, catalogue, spec)
    yield checks.validation(spec, problems, passed=not any(problem.blocking for problem in problems))
    yield from checks.state_checks(spec, memory, memory.last_status)


def _asset_spec(catalogue: Catalogue, spec: SyncSpec, upstream: tuple[str, ...]) -> dg.AssetSpec:
    ends = (
        f"{spec.source.system}:{spec.source.object} {_ARROWS[spec.direction]} {spec.target.system}:{spec.target.object}"
    )
    kinds = {kind for end in (spec.source, spec.target) if (kind := catalogue.kind(end.system))}
    owner, page = accepted_owner(spec.owner), console_page(catalogue.settings, spec.name)
    return dg.AssetSpec(
        spec.name,
        deps=[*upstream, *(key_of(each) for each in spec.after if each not in upstream)],
        skippable=True,  # a dry run claims nothing
        description=f"{spec.description}\n\n{ends}".strip(),
        group_name=GROUP,
        kinds=kinds,
        owners=[owner] if owner else [],
        tags=dict(spec.tags),
        metadata={
            "dagster/column_schema": dg.TableSchema(columns=[_column(spec, item) for item in spec.fields]),
            "dagster/table_name": f"{spec.target.system}.{spec.target.object}",
            "source": f"{spec.source.system}:{spec.source.object}",
            "target": f"{spec.target.system}:{spec.target.object}",
            "direction": spec.direction.value,
            "conflict_resolution": spec.strategy.value,
            "batch_size": spec.batch_size,
        }
        | ({"owner": spec.owner} if spec.owner and not owner else {})
        | ({"console": dg.MetadataValue.url(page)} if page else {}),
        freshness_policy=freshness(spec),
        automation_condition=condition_of(spec.after),
    )


def freshness(spec: SyncSpec) -> dg.FreshnessPolicy | None:
    """When a sync counts as late, as Dagster's policy."""
    allowed = fresh_within(spec)
    return None if allowed is None else dg.FreshnessPolicy.time_window(fail_window=allowed)


def _column(spec: SyncSpec, item: FieldSpec) -> dg.TableColumn:
    source, target = (" + ".join(columns) or "(constant)" for columns in (item.source, item.target))
    said = [f"{source} {_ARROWS[item.direction]} {target}", f"conflicts: {item.strategy.value}"]
    other = [
        text
        for text, holds in (
            ("match key", item.name in spec.match),
            (f"at most {item.max_length} characters", item.max_length is not None),
            (f"{item.scale} decimal places", item.scale is not None),
            (f"one of {', '.join(item.options)}", bool(item.options)),
            (f"refers to {item.references}", item.references is not None),
            (f"group {item.group}", item.group is not None),
        )
        if holds
    ]
    return dg.TableColumn(
        item.name,
        type=item.type.value,
        description="; ".join(said),
        constraints=dg.TableColumnConstraints(nullable=not item.required, other=other),
    )


def accepted_owner(declared: str | None) -> str | None:
    """The owner as Dagster takes it: teams and plain addresses. Its idea of an address is narrower than a sync file's,
    and an odd one must not keep the location from loading: it is shown as metadata instead."""
    if declared is None:
        return None
    try:
        dg.AssetSpec("probe", owners=[declared])
    except dg.DagsterInvalidDefinitionError:
        return None
    return declared
