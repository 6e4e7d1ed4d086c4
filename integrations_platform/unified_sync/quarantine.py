"""Setting aside what cannot go on as it is, without letting anything else wait for it.

A row is tried again only when its cause changed or a person released it, so a poison record costs nothing per run.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from integrations_platform.unified_sync.identity import origin_of
from integrations_platform.unified_sync.links import LinkView
from integrations_platform.unified_sync.plan import Plan, World
from integrations_platform.unified_sync.spec import SIDES, SideName, other
from integrations_platform.unified_sync.store import LinkState, Quarantined, QuarantineStatus
from integrations_platform.unified_sync.values import Values, dumps

UNKNOWN_OUTCOME = "unknown_outcome"
"""Reason of a create that may have happened, on a side that cannot tell: never repeated without a person."""

WAITING = ("deferred", "unresolved_reference")
"""Reasons of what waits for another record: the one it refers to, or its counterpart that cannot be seen."""

_ENDED = (LinkState.CLOSED.value, LinkState.MERGED_AWAY.value)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is set aside: a write to ``side`` of a link, or a record of ``side`` that has no link yet."""

    side: SideName
    link_id: str | None
    record_id: str | None
    values: Values

    @property
    def name(self) -> str:
        """The same over all runs, so that the row is found again."""
        return f"{self.side}:{self.record_id}" if self.link_id is None else f"{self.link_id}:{self.side}"


def write_to(view: LinkView, side: SideName, sent: Values | None = None, *, creates: bool = False) -> Subject:
    """The write to one side of a link, shown with the values it would have carried: the other side's, and over them
    those ``sent``, which a person may have decided. One that ``creates`` a record is told by the record it is made
    from."""
    known, origin = view.side(side), view.side(other(side))
    values = origin.now or known.now or known.base
    return Subject(side, view.link_id, origin.id if creates else known.id, {**values, **sent} if sent else values)


def withhold(world: World, plan: Plan, subject: Subject, *, reason: str, message: str, cause: str) -> None:
    """Keep one record, match or write out of this plan, and say why.

    An open row with the same cause is left as it is, so that settled trouble does not change the state on every run.
    """
    known, letter = world.quarantined.get(subject.name), subject.side.lower()
    plan.counts["quarantined"] += 1
    plan.counts[f"planned_{letter}"] += 1
    plan.counts[f"rejected_{letter}"] += 1
    plan.notes.setdefault(subject.link_id or subject.name, []).append(f"quarantined: {message}")
    if known is None or known.cause != cause or known.message != message:
        plan.quarantine.append(_row(world, subject, known, reason, message, cause))


def refused_before(world: World, plan: Plan, subject: Subject, op_id: str, *, creates: bool = False) -> bool:
    """Whether this very operation was refused and nothing relevant changed since; it is then withheld again. A create
    (``creates``) also waits, whatever it carries by now, while an earlier one may have happened."""
    known = world.quarantined.get(subject.name)
    if known is None or known.status is not QuarantineStatus.OPEN:
        return False
    if known.cause != op_id and not (creates and known.reason == UNKNOWN_OUTCOME):
        return False
    withhold(world, plan, subject, reason=known.reason, message=known.message, cause=known.cause)
    return True


def cleared(world: World, plan: Plan, name: str) -> None:
    """The subject of that name is in order again; its row ends with this run."""
    if name in world.quarantined:
        plan.cleared.append(name)


def clear_outdated(world: World, plan: Plan) -> None:
    """End the rows of what waits for another record no more, and of records that are not there any more: nobody can
    mend or release those. What may have been made of one on the other side (``unknown_outcome``) still waits for a
    person.
    """
    alive = set(world.links.filter(~pl.col("state").is_in(_ENDED))["link_id"].to_list())
    set_aside = {row.subject for row in plan.quarantine}
    subjects: dict[SideName, dict[str, set[str]]] = {side: {} for side in SIDES}
    for name, row in world.quarantined.items():
        if not world.share.owns(row.link_id or name):
            continue
        if row.reason == UNKNOWN_OUTCOME or row.side is None or name in plan.waiting or name in set_aside:
            continue
        if row.link_id in alive:
            if row.reason in WAITING:  # said anew by every run for as long as it holds
                cleared(world, plan, name)
            continue
        origin = (row.side, (row.record_id or "",)) if row.link_id is None else origin_of(row.link_id)
        if origin is not None and world.listings[origin[0]].complete:
            subjects[origin[0]][name] = set(origin[1])
    for side, gone in subjects.items():
        ids = {record_id for readings in gone.values() for record_id in readings}
        frame = world.listings[side].frame
        there = set(frame.filter(pl.col("id").is_in(sorted(ids)))["id"].to_list()) if ids else set()
        for name, readings in gone.items():
            if not readings & there:
                cleared(world, plan, name)


def defer(world: World, plan: Plan, subject: Subject, *, field: str, missing: str) -> None:
    """Let a write wait for the record it refers to; after ``defer_runs`` runs it is called unresolved."""
    known, letter, cause = world.quarantined.get(subject.name), subject.side.lower(), f"ref:{missing}"
    waited = known is not None and known.cause == cause
    runs = known.runs + 1 if known is not None and waited else 1
    message = f"field {field} refers to record {missing}, which is not linked yet"
    plan.waiting.add(subject.name)
    plan.counts["deferred"] += 1
    plan.counts[f"planned_{letter}"] += 1
    plan.counts[f"deferred_{letter}"] += 1
    plan.notes.setdefault(subject.link_id or subject.name, []).append(f"waiting: {message}")
    if known is not None and waited and known.reason == WAITING[1]:
        return
    overdue = runs > world.spec.defer_runs
    reason, message = (WAITING[1], f"{message} after {runs} runs") if overdue else (WAITING[0], message)
    plan.quarantine.append(_row(world, subject, known, reason, message, cause, runs))


def await_proof(world: World, plan: Plan, view: LinkView, gone: SideName, *, proved: bool) -> None:
    """Remember that the record of a link is gone from one side, while nobody can see whether the other one is there:
    the link cannot end, and nothing may refer to what is gone (P35). Told by the record it would be made from anew.

    ``proved``: by this run; what an earlier one proved holds until the record is seen again.
    """
    subject = write_to(view, gone, creates=True)
    known, cause = world.quarantined.get(subject.name), f"gone:{view.side(gone).id}"
    told = known is not None and known.cause == cause
    if told or proved:
        plan.waiting.add(subject.name)
    if told or not proved or (known is not None and known.reason == UNKNOWN_OUTCOME):
        return
    message = (
        f"record {view.side(gone).id} is gone from {world.spec.side(gone).system}; whether its counterpart "
        f"{subject.record_id} is still there could not be seen, so nothing is removed yet"
    )
    plan.quarantine.append(_row(world, subject, known, WAITING[0], message, cause))


def _row(
    world: World, subject: Subject, known: Quarantined | None, reason: str, message: str, cause: str, runs: int = 1
) -> Quarantined:
    return Quarantined(
        subject=subject.name,
        side=subject.side,
        link_id=subject.link_id,
        record_id=subject.record_id,
        reason=reason,
        message=message,
        cause=cause,
        values=dumps(subject.values),
        run_id=world.run_id,
        at=known.at if known else world.now,
        runs=runs,
    )
