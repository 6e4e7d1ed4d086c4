"""What was set aside, why, and letting it be tried again in the next run.

Another try counts for what was on the page: rows that are set aside for another reason by now are left as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from starlette.responses import Response
from starlette.routing import Route

from integrations_platform.console.arbitration import by_name
from integrations_platform.console.cells import Cell, Name, cells, record_name
from integrations_platform.console.page import Ask, act, look
from integrations_platform.console.rendering import side_name
from integrations_platform.state.records import Wanted
from integrations_platform.unified_sync.identity import origin_of
from integrations_platform.unified_sync.spec import SIDES, SideName, SyncSpec
from integrations_platform.unified_sync.store import LinkState, Quarantined
from integrations_platform.words import clean, count, plain_name

SIZE = 50
REASONS = {
    "invalid": "A value cannot be read",
    "validation": "A value breaks a rule of the sync",
    "unrepresentable": "A value does not fit the other side",
    "rejected": "The other system refused it",
    "ambiguous_match": "It is not clear which records belong together",
    "deferred": "It waits for another record",
    "unresolved_reference": "The record it refers to never came",
    "unknown_outcome": "It may have been made already: look there first, another try may make it twice",
}


@dataclass(frozen=True)
class Line:
    """One row of the list. ``place``: where its record is; ``known``: whether it has a history."""

    spec: SyncSpec
    row: Quarantined
    name: Name
    place: str
    known: bool
    reason: str
    message: str
    values: Mapping[str, Cell]

    @property
    def pick(self) -> str:
        """The row as it is shown, for the form to bring back."""
        return "|".join((self.spec.name, _digest([self.row.cause]), self.row.subject))


def listed(ask: Ask, problem: str = "", status: int = 200) -> Response:
    specs = {spec.name: spec for spec in ask.specs()}
    query = {name: ask.query(name) for name in ("sync", "reason", "q")}
    chosen, wanted, page = _chosen(ask, specs), Wanted(query["reason"], query["q"]), ask.page_number()
    found = ask.platform.store.records.set_aside(chosen, wanted, (page - 1) * SIZE, SIZE)
    lines = _lines(ask, specs, found.rows)
    everything = _sum(_all(ask, chosen, wanted)) if found.total > len(lines) and ask.person_decides else ""
    return ask.render(
        "quarantine.html", status=status, problem=problem, lines=lines, total=found.total, page=page, size=SIZE,
        query=query, specs=specs, reasons={name: (_reason(name), number) for name, number in found.reasons.items()},
        everything=everything,
    )  # fmt: skip


def _chosen(ask: Ask, specs: Mapping[str, SyncSpec]) -> list[str]:
    return [ask.query("sync")] if ask.query("sync") in specs else list(specs)


def _lines(ask: Ask, specs: Mapping[str, SyncSpec], rows: Sequence[tuple[str, Quarantined]]) -> list[Line]:
    linked = {
        pair: ask.platform.store.record_ids(pair, [row.link_id for at, row in rows if at == pair and row.link_id])
        for pair in {pair for pair, _ in rows}
    }
    return [_line(specs[pair], row, linked[pair].get(row.link_id or "")) for pair, row in rows]


def _line(spec: SyncSpec, row: Quarantined, linked: tuple[str | None, str | None, LinkState] | None) -> Line:
    message = clean(by_name(spec, row.message))
    return Line(
        spec, row, record_name(spec, None, row.values), clean(_place(spec, row, linked)), linked is not None,
        _reason(row.reason), f"{message[:1].upper()}{message[1:500]}", cells(spec, row.values),
    )  # fmt: skip


def _place(spec: SyncSpec, row: Quarantined, linked: tuple[str | None, str | None, LinkState] | None) -> str:
    """The ids of its record, and what it was kept from. Of a record that has no counterpart yet, those of its own."""
    if row.link_id is None or row.side is None:
        return f"{side_name(spec, row.side)} {row.record_id}" if row.side else ""
    origin = origin_of(row.link_id)
    ids: dict[SideName, str | None] = dict(zip(SIDES, linked, strict=False)) if linked else {}
    ids = ids or ({origin[0]: row.record_id} if origin else {})
    found = [f"{side_name(spec, side)} {record_id}" for side, record_id in ids.items() if record_id]
    return " · ".join([*found, f"not written to {side_name(spec, row.side)}"])


def _reason(name: str) -> str:
    return REASONS.get(name) or plain_name(name)


def _digest(parts: Sequence[str]) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()[:16]


def _all(ask: Ask, pairs: Sequence[str], wanted: Wanted) -> dict[str, dict[str, str]]:
    """By sync, all of the list that can be released, with what each is set aside for."""
    records = ask.platform.store.records
    return {
        pair: {subject: _digest([cause]) for subject, cause in records.causes(pair, wanted).items()} for pair in pairs
    }


def _sum(picks: Mapping[str, Mapping[str, str]]) -> str:
    """Stands for all of these, as they are now."""
    return _digest([" ".join((pair, *each)) for pair, seen in picks.items() for each in seen.items()])


def release(ask: Ask) -> Response:
    specs = {spec.name: spec for spec in ask.specs()}
    if ask.sent("everything"):
        picks = _all(ask, _chosen(ask, specs), Wanted(ask.query("reason"), ask.query("q")))
        if _sum(picks) != ask.sent("everything"):
            return listed(ask, "Nothing was done: the list has changed since you saw it. Look again.", 409)
    else:
        picks = _picked(ask, specs)
    if not any(picks.values()):
        return listed(ask, "Tick the records to try again first.", 422)
    now = _all(ask, list(picks), Wanted())
    released = 0
    for pair, seen in picks.items():
        same = [subject for subject, cause in seen.items() if now[pair].get(subject) == cause]
        released += ask.platform.store.release_quarantined(pair, same, ask.who, ask.now) if same else 0
    left = sum(map(len, picks.values())) - released
    notice = f"{count(released, 'record')} will be tried again in the next run."
    if left:
        notice += f" {count(left, 'other')} changed meanwhile, or somebody was quicker; look again."
    return ask.go("quarantine", notice=notice, **{name: ask.query(name) for name in ("sync", "reason", "q")})


def _picked(ask: Ask, specs: Mapping[str, SyncSpec]) -> dict[str, dict[str, str]]:
    """By sync, the ticked subjects with what they were set aside for."""
    picks: dict[str, dict[str, str]] = {}
    for pick in ask.form.get("pick", ()):
        sync, cause, subject = [*pick.split("|", 2), "", ""][:3]
        if sync in specs and subject:
            picks.setdefault(sync, {})[subject] = cause
    return picks


NAV = ("Quarantine", "/quarantine")
ROUTES = [
    Route("/quarantine", look(listed), methods=["GET"]),
    Route("/quarantine", act(release), methods=["POST"]),
]
