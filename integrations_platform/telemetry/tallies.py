"""Counts what is committed outside of the state: loads of the warehouse and jobs of Airbyte.

They are noted in the state right after they have ended. Where that fails they have ended all the same: it is said in
the log, and the work is not undone for a figure.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from integrations_platform.platform import Platform
from integrations_platform.settings import Settings, SettingsError
from integrations_platform.state.errors import StateError

if TYPE_CHECKING:
    from integrations_platform.state.counters import Count

STARTED_HERE = ("started", "adopted")
ENDED = ("succeeded", "failed", "cancelled")
_log = logging.getLogger("integrations_platform.telemetry")


@contextmanager
def counted_load(settings: Settings, table: str) -> Iterator[Callable[[int], None]]:
    """A load of one day into ``table``: the block calls what it is given with the rows it has committed. A block that
    ends in an exception is a load that failed."""
    rows: list[int] = []
    try:
        yield rows.append
    except Exception:
        _tally(settings, "warehouse_loads", "warehouse_last_load", {"table": table, "outcome": "failed"}, ())
        raise
    loaded = [("warehouse_rows", {"table": table}, float(sum(rows)))]
    _tally(settings, "warehouse_loads", "warehouse_last_load", {"table": table, "outcome": "loaded"}, loaded)


def count_job(settings: Settings, connection: str, how: str, outcome: str, rows: int | None) -> None:
    """A job of Airbyte. Counted is what was started here and has ended: a job that was only followed is counted by
    whoever started it."""
    if how in STARTED_HERE and outcome in ENDED:
        brought = [("airbyte_rows", {"connection": connection}, float(rows or 0))]
        labels = {"connection": connection, "outcome": outcome}
        _tally(settings, "airbyte_jobs", "airbyte_last_job", labels, brought)


def _tally(settings: Settings, counter: str, moment: str, labels: dict[str, str], more: Sequence[Count]) -> None:
    platform = Platform(settings)
    try:
        now = platform.runtime.clock().timestamp()
        platform.store.counters.note([(counter, labels, 1.0), *more], [(moment, labels, now)])
    except (StateError, SettingsError) as fault:
        _log.warning("%s of %s is not counted: %s", counter, " ".join(labels.values()), fault)
    finally:
        platform.close()
