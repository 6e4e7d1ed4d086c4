"""Setting aside what cannot go on as it is, without letting anything else wait for it.

A row is tried again only when its cause changed or a person released it, so a poison record costs nothing per run.
"""

from __future__ import annotations

from integrations_platform.unified_sync.plan import Plan, World
from integrations_platform.unified_sync.spec import SideName
from integrations_platform.unified_sync.store import Quarantined, QuarantineStatus
from integrations_platform.unified_sync.values import Values, dumps


def withhold(
    world: World,
    plan: Plan,
    *,
    subject: str,
    side: SideName | None,
    link_id: str | None,
    record_id: str | None,
    reason: str,
    message: str,
    cause: str,
    values: Values,
) -> None:
    """Keep one record, match or write out of this plan, and say why.

    ``side`` is the side that would have been written, or the one that shows the fault. An open row with the same cause
    is left as it is, so that settled trouble does not change the state on every run.
    """
    known = world.quarantined.get(subject)
    plan.counts["quarantined"] += 1
    if side is not None:
        plan.counts[f"planned_{side.lower()}"] += 1
        plan.counts[f"rejected_{side.lower()}"] += 1
    plan.notes.setdefault(link_id or subject, []).append(f"quarantined: {message}")
    if known is not None and known.cause == cause and known.message == message:
        return
    plan.quarantine.append(
        Quarantined(
            subject=subject,
            side=side,
            link_id=link_id,
            record_id=record_id,
            reason=reason,
            message=message,
            cause=cause,
            values=dumps(values),
            run_id=world.run_id,
            at=known.at if known else world.now,
        )
    )


def still_refused(world: World, subject: str, op_id: str) -> bool:
    """Whether this very operation was refused before and nothing relevant changed since."""
    known = world.quarantined.get(subject)
    return known is not None and known.status is QuarantineStatus.OPEN and known.cause == op_id


def cleared(world: World, plan: Plan, subject: str) -> None:
    """The subject is in order again; its row ends with this run."""
    if subject in world.quarantined:
        plan.cleared.append(subject)


def defer(
    world: World,
    plan: Plan,
    *,
    subject: str,
    side: SideName,
    link_id: str,
    record_id: str | None,
    field: str,
    missing: str,
    values: Values,
) -> None:
    """Let a write wait for the record it refers to; after ``defer_runs`` runs it is called unresolved."""
    known = world.quarantined.get(subject)
    runs = known.runs + 1 if known is not None and known.cause == f"ref:{missing}" else 1
    overdue = runs > world.spec.defer_runs
    message = f"field {field} refers to record {missing}, which is not linked yet"
    plan.counts["deferred"] += 1
    plan.counts[f"planned_{side.lower()}"] += 1
    plan.counts[f"deferred_{side.lower()}"] += 1
    plan.notes.setdefault(link_id, []).append(f"waiting: {message}")
    if known is not None and known.reason == "unresolved_reference" and known.cause == f"ref:{missing}":
        return
    plan.quarantine.append(
        Quarantined(
            subject=subject,
            side=side,
            link_id=link_id,
            record_id=record_id,
            reason="unresolved_reference" if overdue else "deferred",
            message=f"{message} after {runs} runs" if overdue else message,
            cause=f"ref:{missing}",
            values=dumps(values),
            run_id=world.run_id,
            at=known.at if known else world.now,
            runs=runs,
        )
    )
