"""Where a connection in Airbyte departs from what is declared of it, and what each departure means.

Compares only; both are handed in. A declared stream that Airbyte does not sync is serious, because its asset would wait
for rows that never come; a stream that only Airbyte knows is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from integrations_platform.airbyte.looks import Connection, Stream
from integrations_platform.settings_airbyte import ConnectionSettings, StreamSettings

_OWN_SCHEDULES = ("", "manual")
_FULL = "full_refresh"


@dataclass(frozen=True)
class Departure:
    """One difference. ``serious``: something that is declared does not, or will not, happen."""

    what: str
    remedy: str
    serious: bool


def departures(declared: ConnectionSettings, found: Connection) -> list[Departure]:
    """Every difference, serious ones first."""
    return sorted(_departures(declared, found), key=lambda each: not each.serious)


def stream_of(declared: StreamSettings, streams: Sequence[Stream]) -> Stream | None:
    """The stream that is meant; a declaration without a namespace means the only one of its name."""
    named = [each for each in streams if each.name == declared.name]
    exact = [each for each in named if each.namespace == declared.namespace]
    if exact:
        return exact[0]
    return named[0] if len(named) == 1 and not (declared.namespace and named[0].namespace) else None


def _departures(declared: ConnectionSettings, found: Connection) -> Iterator[Departure]:
    if found.status not in ("", "active"):
        why = f" ({found.reason})" if found.reason else ""
        remedy = "Airbyte pauses connections that keep failing; mend and enable it there"
        yield Departure(f"it is {found.status}{why} and does not sync", remedy, serious=True)
    if found.schedule.lower() not in _OWN_SCHEDULES:
        what = f"Airbyte itself syncs it, too ({found.schedule})"
        yield Departure(what, "set its schedule in Airbyte to Manual", serious=False)
    known: set[tuple[str, str]] = set()
    for stream in declared.streams:
        meant = stream_of(stream, found.streams)
        if meant is None:
            remedy = "select it there, or remove it from the declaration"
            yield Departure(f"stream {stream.shown} is declared and not synced by Airbyte", remedy, serious=True)
            continue
        known.add((meant.name, meant.namespace))
        if declared.mode != "full" and meant.mode.startswith(_FULL):
            what = f"stream {stream.shown} is declared {declared.mode} and Airbyte reads all of it ({meant.mode})"
            yield Departure(what, "change its sync mode there, or declare mode: full", serious=False)
    for each in found.streams:
        if (each.name, each.namespace) not in known:
            shown = f"{each.namespace}.{each.name}" if each.namespace else each.name
            yield Departure(f"Airbyte syncs stream {shown}, which is not declared", "declare it", serious=False)
