"""The jobs: one per declared sync for its schedule, the unified one that takes two systems or kinds, and verification.

What ``data_sync_unified`` runs is chosen by the catalogue; how each sync is run and reported is the same as for its
asset.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from integrations_platform.defs import reporting
from integrations_platform.defs.checks import BOTH_SIDES_AGREE
from integrations_platform.defs.config import UnifiedSyncConfig
from integrations_platform.defs.events import events_elsewhere
from integrations_platform.defs.running import Outcome, give_up, run_sync
from integrations_platform.defs.syncs import complaint, is_done, may_pass
from integrations_platform.job_list import VERIFY, sync_job_name
from integrations_platform.jobs import DATA_SYNC_UNIFIED, Catalogue, NoSuchJob
from integrations_platform.jobs import Job as Named

Job = dg.JobDefinition | Any  # the type of unresolved asset jobs is not public


def asset_job(
    named: Named, selection: dg.AssetSelection | None = None, tags: Mapping[str, str] | None = None,
    executor: dg.ExecutorDefinition | None = None,
) -> Job:  # fmt: skip
    """A job of the list. ``selection``: what it runs, by default all that its targets name."""
    if selection is None:
        keys = [dg.AssetKey(asset.split("/")) for target in named.targets for asset in target.assets]
        selection = dg.AssetSelection.assets(*keys)
    return dg.define_asset_job(named.name, selection, description=named.description, tags=tags, executor_def=executor)


def sync_job(jobs: Mapping[str, Named], asset: dg.AssetsDefinition) -> Job:
    """The job a sync's schedule runs: the sync and the checks of its own step, without the full comparison."""
    selection = dg.AssetSelection.assets(asset.key).without_checks() | dg.AssetSelection.checks(*asset.check_keys)
    return asset_job(jobs[sync_job_name(asset.key.to_user_string())], selection)


def verify_job(jobs: Mapping[str, Named]) -> Job:
    """Compare both sides of every sync in full, writing nothing."""
    keys = [dg.AssetCheckKey(dg.AssetKey(target.name), BOTH_SIDES_AGREE) for target in jobs[VERIFY].targets]
    return asset_job(jobs[VERIFY], dg.AssetSelection.checks(*keys))


def unified_job(catalogue: Catalogue) -> dg.JobDefinition:
    """``data_sync_unified``: the syncs between two ends, one after another, each after those it refers to."""

    @dg.op(name=DATA_SYNC_UNIFIED.step, description=DATA_SYNC_UNIFIED.description)
    def sync_pair(context: dg.OpExecutionContext, config: UnifiedSyncConfig) -> Iterator[Any]:
        try:
            chosen = catalogue.joining(config.source_type, config.target_type, config.options())
        except NoSuchJob as fault:
            give_up(str(fault))
        upstream = catalogue.upstream()
        failed: dict[str, str] = {}
        may_help = True  # to run all of it again: only when everything that failed may pass by itself
        lines = []
        for spec, options in chosen:
            waits = [name for name in upstream[spec.name] if name in failed]
            if waits:
                failed[spec.name] = f"sync {spec.name!r} was not run: it refers to {', '.join(waits)}"
                continue
            try:
                outcome = run_sync(context, catalogue, spec, options, dry_run=config.dry_run)
            except (dg.Failure, dg.RetryRequested) as fault:
                cause = fault if isinstance(fault, dg.Failure) else fault.__cause__
                failed[spec.name] = f"sync {spec.name!r} failed\n{getattr(cause, 'description', cause)}"
                may_help = may_help and isinstance(fault, dg.RetryRequested)
                continue
            # Yielded, not logged: what is logged waits for the end of the step, and is lost when it fails.
            yield from events_elsewhere(outcome)
            lines.append(_line(outcome))
            if not is_done(outcome):
                failed[spec.name] = complaint(outcome)
                may_help = may_help and may_pass(outcome)
        done: dict[str, Any] = {"syncs": reporting.table(lines)} if lines else {}
        if failed:
            give_up("\n".join(failed.values()), context.retry_number if may_help else None, done)
        yield dg.Output(None, metadata={"syncs_run": len(lines)} | done)

    @dg.job(name=DATA_SYNC_UNIFIED.name, description=DATA_SYNC_UNIFIED.description)
    def data_sync_unified() -> None:
        sync_pair()

    return data_sync_unified


def _line(outcome: Outcome) -> dict[str, str]:
    report = outcome.report
    return {
        "sync": report.sync,
        "status": report.status.value,
        "direction": outcome.spec.direction.value,
        "written": str(report.written),
        "conflicts_open": str(len(outcome.memory.conflicts)),
        "quarantined": str(len(outcome.memory.quarantined)),
        "seconds": f"{report.seconds:.1f}",
    }
