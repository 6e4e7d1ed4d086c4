"""Telling by one word for each side that nothing moved since a run that found nothing to do, or else what did.

A plan is a function of what the sides show and of what is remembered. Where both are what they were when a whole look
left nothing to do, there is nothing to do now, and neither side need be listed; where one is, that one need not be.
A side that marks its moments is asked what moved since a run that left nothing undone, and the rest is remembered; its
word for that is taken for a day, after which every record is looked at again.
Only the newest run counts: whatever changes the memory is a run of its own, or needs an open conflict or a quarantined
record, and then nothing is quiet.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl

from integrations_platform.unified_sync.calls import Caller
from integrations_platform.unified_sync.plan import Plan, World
from integrations_platform.unified_sync.port import LISTING_SCHEMA, Listing, Marking, Presence, Snapshot
from integrations_platform.unified_sync.spec import SideName, SyncSpec, spec_digest
from integrations_platform.unified_sync.store import LinkState, Observation, Quiet

MARGIN = timedelta(minutes=10)
TRUSTED = timedelta(hours=24)  # for how long marks stand for looking at every record


@dataclass(frozen=True)
class Recalled:
    """How a side stood at an earlier moment. ``still``: it stands so now, and ``seen`` says when that was told; else it
    is asked what moved since. ``listing``: what it showed; None: nothing was to do, and the links tell it."""

    seen: Observation
    still: bool = True
    listing: Listing | None = None


def unmoved(
    spec: SyncSpec, callers: Mapping[SideName, Caller], quiet: Quiet, clock: Callable[[], datetime]
) -> dict[SideName, Recalled]:
    """The sides that stand as they did, and those that can tell what moved. Raises SideError."""
    found: dict[SideName, Recalled] = {}
    with ExitStack() as stack:
        for side, caller in callers.items():
            seen, taken_at = quiet.seen.get(side), clock()
            if seen is None:
                continue
            digest, mark = _word(spec, seen.digest), _word(spec, seen.mark)
            if seen.whole_at is None or taken_at >= seen.whole_at + TRUSTED:
                mark = None
            if mark is not None and digest is None:  # that run wrote, so something has moved since
                found[side] = Recalled(seen, still=False)
            elif digest is not None:
                snapshot = stack.enter_context(caller.call(caller.side.snapshot))
                stands = None if mark is None else _stands(caller, snapshot, mark, seen.records)
                if stands is not None:
                    found[side] = Recalled(replace(seen, taken_at=taken_at) if stands else seen, still=stands)
                elif _same(caller, snapshot, digest, seen.taken_at, taken_at):
                    mark = caller.call(snapshot.mark) if isinstance(snapshot, Marking) else None
                    found[side] = Recalled(
                        replace(seen, taken_at=taken_at, mark=named(spec, mark), whole_at=taken_at)
                    )  # fmt: skip
    return found


def _stands(caller: Caller, snapshot: Snapshot, mark: str, records: int) -> bool | None:
    return caller.call(lambda: snapshot.stands(mark, records)) if isinstance(snapshot, Marking) else None


def _same(caller: Caller, snapshot: Snapshot, digest: str, seen_at: datetime, now: datetime) -> bool:
    """Whether the digest is still that one. A side that has stamped a record as changed since is not asked for it:
    making it, the server reads every record."""
    newest = caller.call(snapshot.newest)
    return not (newest is not None and seen_at < newest <= now) and caller.call(snapshot.digest) == digest


def without_marks(quiet: Quiet) -> Quiet:
    """For whoever wants every record looked at."""
    return replace(quiet, seen={side: replace(seen, whole_at=None) for side, seen in quiet.seen.items()})


def standing(recalled: Mapping[SideName, Recalled], quiet: Quiet) -> list[Observation]:
    """The observations of sides that both stand as they did. A mark is kept where there was one: whether all that is
    live is of an active link, only a plan can tell; or a whole load, of which all that is live came."""
    counts = json.loads(quiet.counts)

    def held(side: SideName) -> bool:
        loaded = counts.get("loaded")
        of_load = loaded is not None and loaded == counts.get("active") == counts.get(f"live_{side.lower()}")
        return of_load or quiet.seen[side].mark is not None

    return [one.seen if held(side) else replace(one.seen, mark=None) for side, one in recalled.items()]


def remembered(spec: SyncSpec, links: pl.DataFrame, seen: Observation) -> Listing:
    """The listing of a side as it was when nothing was left to do: its live records are those of the active links, as
    they were agreed. Who is archived, or out of scope, has no part in telling what changed."""
    letter = seen.side.lower()
    active = links.filter(pl.col("state") == LinkState.ACTIVE.value)
    live = pl.lit(Presence.LIVE.value, LISTING_SCHEMA["presence"])
    frame = active.select(id=f"id_{letter}", version=f"version_{letter}", presence=live)
    digest, mark = _word(spec, seen.digest), _word(spec, seen.mark)
    return Listing(frame, complete=True, digest=digest, mark=mark, apart=pl.Series(dtype=pl.String))


def told_since(caller: Caller, snapshot: Snapshot, earlier: Listing) -> Listing | None:
    """The listing, told from an earlier one, if the side can and all that was shown is known. Raises SideError."""
    if earlier.mark is None or not isinstance(snapshot, Marking) or earlier.frame["version"].null_count():
        return None
    return caller.call(lambda: snapshot.since(earlier))


def untouched(
    spec: SyncSpec, callers: Mapping[SideName, Caller], quiet: Quiet, _clock: Callable[[], datetime]
) -> dict[SideName, Recalled]:
    """Both sides as they were seen then, if neither has stamped a record as changed since; else none.

    A hint and no more (P42): deletes go unseen. So nothing is dated anew, and times of change that lie within
    ``MARGIN`` before the run count as later, because a transaction stamps its rows long before it commits.
    """
    with ExitStack() as stack:
        for side, caller in callers.items():
            seen = quiet.seen.get(side)
            if seen is None or _word(spec, seen.digest) is None:
                return {}
            clock = caller.call(caller.side.clock)
            newest = caller.call(stack.enter_context(caller.call(caller.side.snapshot)).newest)
            if newest is None or newest - clock.offset > seen.taken_at - MARGIN - clock.uncertainty:
                return {}
    return {side: Recalled(quiet.seen[side]) for side in callers}


def with_digests(observations: Sequence[Observation], world: World) -> list[Observation]:
    """The observations of a world that needs nothing, with what the next run can know them by."""
    return [
        replace(observation, digest=named(world.spec, world.listings[observation.side].digest))
        for observation in observations
    ]


def with_marks(observations: Sequence[Observation], world: World, plan: Plan) -> list[Observation]:
    """The observations of a world of which nothing is left undone: what did not move since is what the links tell."""
    return [
        replace(observation, mark=named(world.spec, world.listings[observation.side].mark))
        if observation.side in plan.held
        else observation
        for observation in observations
    ]


def named(spec: SyncSpec, word: str | None) -> str | None:
    """Another declaration reads and decides otherwise: the same records are then another thing to see."""
    return None if word is None else f"{spec_digest(spec)}:{word}"


def _word(spec: SyncSpec, named: str | None) -> str | None:
    """The word that this declaration has named so."""
    prefix = f"{spec_digest(spec)}:"
    return named.removeprefix(prefix) if named is not None and named.startswith(prefix) else None
