"""How one sync stands, in a word a person can act on.

Judges what the state shows at one moment; what it sends to whom is for the alerts to decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from integrations_platform.lateness import fresh_within
from integrations_platform.state.overview import Overview, SyncView
from integrations_platform.unified_sync.spec import SIDES, SyncSpec
from integrations_platform.unified_sync.store import Breaker, BreakerState


class Tone(StrEnum):
    """How loudly it is said."""

    GOOD = "good"
    WAITING = "waiting"
    BAD = "bad"
    QUIET = "quiet"


@dataclass(frozen=True)
class Standing:
    """One sync. ``word`` and ``why`` are for people; ``view`` is None before the first run."""

    spec: SyncSpec
    word: str
    tone: Tone
    why: str
    view: SyncView | None


def standings(specs: Sequence[SyncSpec], overview: Overview, now: datetime) -> list[Standing]:
    """All syncs, those that need somebody first."""
    broken = {row.system: row for row in overview.breakers if row.state is not BreakerState.CLOSED}
    found = [_standing(spec, overview.syncs.get(spec.name), broken, now) for spec in specs]
    order = [Tone.BAD, Tone.WAITING, Tone.GOOD, Tone.QUIET]
    return sorted(found, key=lambda one: (order.index(one.tone), one.spec.name))


def _standing(spec: SyncSpec, view: SyncView | None, broken: Mapping[str, Breaker], now: datetime) -> Standing:
    word, tone, why = _judged(spec, view, broken, now)
    return Standing(spec, word, tone, why, view)


def _judged(
    spec: SyncSpec, view: SyncView | None, broken: Mapping[str, Breaker], now: datetime
) -> tuple[str, Tone, str]:
    if view is None:
        return "Not run yet", Tone.QUIET, "A first plan shows what it would do."
    last = view.runs[0]
    if last.status == "running":
        if view.held_until is not None and view.held_until > now:
            return "Running", Tone.QUIET, ""
        return "Interrupted", Tone.BAD, "Its last run died; the next one picks up where it was."
    if last.status == "failed":
        return "Failed", Tone.BAD, last.message
    if last.status == "refused":
        return "Stopped by a guard", Tone.BAD, last.message
    cut_off = [system for system in dict.fromkeys(spec.side(side).system for side in SIDES) if system in broken]
    if cut_off:
        return "Cut off", Tone.BAD, f"{' and '.join(cut_off)} failed too often and is left alone for a while."
    within = fresh_within(spec)
    if within is not None and (view.came_through is None or now - view.came_through > within):
        return "Late", Tone.BAD, "It has not come through for longer than it should."
    if view.conflicts or view.quarantined:
        return "Waits for somebody", Tone.WAITING, "Everything else is in agreement."
    return "In agreement", Tone.GOOD, ""
