"""Telling by one word for each side that nothing moved since a run that found nothing to do.

A plan is a function of what the sides show and of what is remembered. Where both are what they were when a whole look
left nothing to do, there is nothing to do now, and neither side need be listed; where one is, that one need not be.
Only the newest run counts: whatever changes the memory is a run of its own, or needs an open conflict or a quarantined
record, and then nothing is quiet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl

from integrations_platform.unified_sync.calls import Caller
from integrations_platform.unified_sync.plan import World
from integrations_platform.unified_sync.port import LISTING_SCHEMA, Listing, Presence
from integrations_platform.unified_sync.spec import SideName, SyncSpec, spec_digest
from integrations_platform.unified_sync.store import LinkState, Observation, Quiet

MARGIN = timedelta(minutes=10)


def unmoved(
    spec: SyncSpec, callers: Mapping[SideName, Caller], quiet: Quiet, clock: Callable[[], datetime]
) -> dict[SideName, Observation]:
    """Observations of the sides that still have the digest they had. A side that has stamped a record as changed since
    is not asked for it: making it, the server reads every record. Raises SideError."""
    found: dict[SideName, Observation] = {}
    with ExitStack() as stack:
        for side, caller in callers.items():
            taken_at = clock()
            snapshot = stack.enter_context(caller.call(caller.side.snapshot))
            newest = caller.call(snapshot.newest)
            if newest is not None and quiet.taken_at[side] < newest <= taken_at:
                continue
            digest = caller.call(snapshot.digest)
            if digest is not None and _named(spec, digest) == quiet.digests[side]:
                known = quiet.records[side]
                found[side] = Observation(side, taken_at, known, complete=True, digest=quiet.digests[side])
    return found


def remembered(spec: SyncSpec, links: pl.DataFrame, observation: Observation) -> Listing:
    """The listing of a side that is what it was when there was nothing to do: its live records are those of the active
    links, as they were agreed. Who is archived, or out of scope, has no part in telling what changed."""
    letter = observation.side.lower()
    active = links.filter(pl.col("state") == LinkState.ACTIVE.value)
    live = pl.lit(Presence.LIVE.value, LISTING_SCHEMA["presence"])
    frame = active.select(id=f"id_{letter}", version=f"version_{letter}", presence=live)
    return Listing(frame, complete=True, digest=(observation.digest or "").removeprefix(_named(spec, "")))


def untouched(
    spec: SyncSpec, callers: Mapping[SideName, Caller], quiet: Quiet, _clock: Callable[[], datetime]
) -> dict[SideName, Observation]:
    """The observations of that run, still standing, if neither side has stamped a record as changed since; else none.

    A hint and no more (P42): deletes go unseen. So nothing is dated anew, and times of change that lie within
    ``MARGIN`` before the run count as later, because a transaction stamps its rows long before it commits.
    """
    with ExitStack() as stack:
        for side, caller in callers.items():
            if not quiet.digests[side].startswith(_named(spec, "")):
                return {}
            clock = caller.call(caller.side.clock)
            newest = caller.call(stack.enter_context(caller.call(caller.side.snapshot)).newest)
            if newest is None or newest - clock.offset > quiet.taken_at[side] - MARGIN - clock.uncertainty:
                return {}
    return {
        side: Observation(side, quiet.taken_at[side], quiet.records[side], complete=True, digest=quiet.digests[side])
        for side in callers
    }


def with_digests(observations: Sequence[Observation], world: World) -> list[Observation]:
    """The observations of a world that needs nothing, with what the next run can know them by."""
    return [
        observation
        if (digest := world.listings[observation.side].digest) is None
        else replace(observation, digest=_named(world.spec, digest))
        for observation in observations
    ]


def _named(spec: SyncSpec, digest: str) -> str:
    """Another declaration reads and decides otherwise: the same records are then another thing to see."""
    return f"{spec_digest(spec)}:{digest}"
