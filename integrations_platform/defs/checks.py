"""Asset checks of a sync: what they are called, what they mean, and how a run or a look at the state answers them.

Four come with the sync's own step, because what they need is at hand there. ``both_sides_agree`` reads every linked
record of both sides, so it is a step of its own: on demand, with a materialisation by hand, and in the nightly
verification, but not in scheduled runs.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from integrations_platform.defs import reporting
from integrations_platform.defs.running import Memory, verify
from integrations_platform.jobs import Catalogue
from integrations_platform.unified_sync.spec import SyncSpec

if TYPE_CHECKING:
    from integrations_platform.unified_sync.port import Problem

VALIDATION = "validation"
COMPLETE = "complete"
OPEN_CONFLICTS = "open_conflicts"
BREAKER_CLOSED = "breaker_closed"
BOTH_SIDES_AGREE = "both_sides_agree"


def check_specs(spec: SyncSpec) -> list[dg.AssetCheckSpec]:
    """The checks that the sync's own step answers."""
    limit = spec.max_open_conflicts
    beyond = "" if limit is None else f"; more than {limit} are an error"
    described = {
        VALIDATION: "Tables, columns, keys, permissions and types are in order on both sides. Judged before the first "
        "write; a failure stops the sync and whatever depends on it.",
        COMPLETE: "The newest run left nothing over: nothing parked, quarantined, deferred, stale or unknown.",
        OPEN_CONFLICTS: f"No conflict waits for a decision{beyond}.",
        BREAKER_CLOSED: "Calls to both systems are let through; a breaker opens after failures in a row.",
    }
    return [
        dg.AssetCheckSpec(name, asset=spec.name, description=text, blocking=name == VALIDATION)
        for name, text in described.items()
    ]


def validation(
    spec: SyncSpec, problems: "Sequence[Problem]", *, passed: bool, message: str = ""
) -> dg.AssetCheckResult:
    """Answer of the blocking check; problems that block nothing are shown and pass."""
    blocking = sum(problem.blocking for problem in problems)
    metadata: dict[str, Any] = {"problems_blocking": blocking, "problems_other": len(problems) - blocking}
    tables = {"problems": reporting.problems_table(problems)} if problems else {}
    said = {"message": message} if message and not passed else {}
    return dg.AssetCheckResult(
        asset_key=spec.name,
        check_name=VALIDATION,
        passed=passed,
        severity=dg.AssetCheckSeverity.ERROR,
        description=message if not passed else None,
        metadata=metadata | said | tables,
    )


def state_checks(spec: SyncSpec, memory: Memory, status: str | None) -> Iterator[dg.AssetCheckResult]:
    """Answers that follow from what is remembered; ``status`` is that of the newest run, None when there was none."""
    warn, error = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
    deferred = sum(row.reason == "deferred" for row in memory.quarantined)
    yield dg.AssetCheckResult(
        asset_key=spec.name,
        check_name=COMPLETE,
        passed=status == "succeeded",
        severity=warn if status in (None, "partial") else error,
        description=f"the newest run: {status}" if status else "this sync has never run",
        metadata={
            "conflicts_open": len(memory.conflicts),
            "quarantined": len(memory.quarantined) - deferred,
            "deferred": deferred,
        }
        | ({"quarantined_records": reporting.quarantine_table(memory.quarantined)} if memory.quarantined else {}),
    )
    limit, count = spec.max_open_conflicts, len(memory.conflicts)
    yield dg.AssetCheckResult(
        asset_key=spec.name,
        check_name=OPEN_CONFLICTS,
        passed=count == 0,
        severity=error if limit is not None and count > limit else warn,
        description=f"{count} open" if count else None,
        metadata={"conflicts_open": count}
        | ({"conflicts": reporting.conflicts_table(memory.conflicts)} if memory.conflicts else {}),
    )
    shut = [item.system for item in memory.breakers if item.state.value != "closed"]
    yield dg.AssetCheckResult(
        asset_key=spec.name,
        check_name=BREAKER_CLOSED,
        passed=not shut,
        severity=warn,
        description=f"not closed: {', '.join(shut)}" if shut else None,
        metadata={
            "breakers_not_closed": len(shut),
            "failures_in_a_row": sum(item.failures for item in memory.breakers),
            "systems": reporting.breakers_table(memory.breakers),
        },
    )


def agreement_check(catalogue: Catalogue, spec: SyncSpec, pool: str) -> dg.AssetChecksDefinition:
    """The full comparison of one sync. It fails for what no conflict or quarantined record explains."""

    @dg.asset_check(
        asset=spec.name,
        name=BOTH_SIDES_AGREE,
        description="Both sides hold the same values, read and compared in full, never through what is remembered.",
        pool=pool,
    )
    def both_sides_agree(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        agreement = verify(context, catalogue, spec)
        nothing_linked = agreement.links == 0 and agreement.unlinked_a + agreement.unlinked_b > 0
        return dg.AssetCheckResult(
            passed=agreement.agrees and not nothing_linked,
            severity=dg.AssetCheckSeverity.WARN if nothing_linked else dg.AssetCheckSeverity.ERROR,
            description="nothing is linked yet: the sync has not run" if nothing_linked else None,
            metadata=reporting.agreement_metadata(agreement),
        )

    return both_sides_agree
