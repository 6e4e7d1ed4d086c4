"""Where people see things: addresses of pages of Dagster and of the console, for whoever links there.

Owns the shape of those addresses. Where the two are is said by an environment's settings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

_STARTED = re.compile(r"dagster\b.* run ([0-9a-f-]{36})")


@dataclass(frozen=True)
class Pages:
    """Where people see Dagster and the console; empty: nowhere, and then there is no link."""

    dagster: str = ""
    console: str = ""

    def asset(self, name: str) -> str:
        """Dagster's page of an asset, such as a sync's."""
        return _below(self.dagster, "assets", name)

    def run(self, run_id: str | None) -> str:
        """Dagster's page of one of its runs."""
        return _below(self.dagster, "runs", run_id) if run_id else ""

    def sync(self, name: str) -> str:
        """The console's page of a sync."""
        return _below(self.console, "syncs", name)


def _below(base: str, *parts: str) -> str:
    return "/".join([base, *(quote(part, safe="") for part in parts)]) if base else ""


def dagster_run(trigger: str) -> str | None:
    """The id of Dagster's run that started a run, by the trigger in its history; None: something else did."""
    found = _STARTED.fullmatch(trigger)
    return found[1] if found else None
