"""When a sync counts as late, and when as stopped, by what its file declares.

Judges declarations only; when a sync last came through is known to the state.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache

from integrations_platform.cron import longest_pause
from integrations_platform.unified_sync.spec import SyncSpec

SHORTEST = timedelta(hours=1)


def fresh_within(spec: SyncSpec) -> timedelta | None:
    """The hours a sync declares, else two missed firings of its schedule and never under an hour; None: never late,
    because it is only run by hand."""
    if spec.freshness_hours is not None:
        return timedelta(hours=spec.freshness_hours)
    return None if spec.schedule is None else max(2 * pause(spec.schedule), SHORTEST)


def silent_after(spec: SyncSpec, intervals: int) -> timedelta | None:
    """So many intervals of the sync's schedule; None: it has none."""
    return None if spec.schedule is None else intervals * pause(spec.schedule)


pause = cache(longest_pause)
"""The longest time between two firings; remembered, because whoever watches asks often."""
