"""One record: found by its id or by what people know it by, its history, and bringing back what it lost.

What a restore would write is shown first, and only that is written: if what it replaces has changed meanwhile, nothing
is.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from integrations_platform import restoration
from integrations_platform.console.arbitration import by_name
from integrations_platform.console.cells import UNKNOWN, Cell, Name, cell, cells, names
from integrations_platform.console.page import Ask, Problem, act, look
from integrations_platform.console.rendering import side_name
from integrations_platform.console.story import steps, write_of
from integrations_platform.console.work import Busy
from integrations_platform.state.records import Linked, Wanted
from integrations_platform.unified_sync.identity import key_digests
from integrations_platform.unified_sync.operations import Operation
from integrations_platform.unified_sync.port import Kind
from integrations_platform.unified_sync.spec import SyncSpec
from integrations_platform.unified_sync.store import LinkState, StoredAuditEntry
from integrations_platform.unified_sync.values import ABSENT, NotCanonical, Value, canonical, to_json
from integrations_platform.words import plain_name

FOUND = 20  # records shown of a search in one sync
LINES = 200  # lines of the audit on one page
_STATES = {
    LinkState.ACTIVE: "",
    LinkState.OUT_OF_SCOPE: "Left alone: it is outside what this sync is about.",
    LinkState.TRASHED: "It was removed on one side and is left alone until it comes back there.",
    LinkState.MERGED_AWAY: "It was merged into another record.",
    LinkState.CLOSED: "Both sides have let go of it.",
}
_DEEDS = {
    Kind.CREATE: "Made anew in",
    Kind.RESTORE: "Brought back in",
    Kind.UPDATE: "Changed in",
}
_NOWHERE = Cell("(not there)", True)


@dataclass(frozen=True)
class Hit:
    """A record that was found, and what it is called."""

    spec: SyncSpec
    link: Linked
    name: Name


@dataclass(frozen=True)
class Write:
    """What a restore would write to one record. ``changes``: (field, as it is now, as it will be)."""

    op_id: str
    deed: str
    changes: Sequence[tuple[str, Cell, Cell]]


def search(ask: Ask) -> Response:
    specs = {spec.name: spec for spec in ask.specs()}
    sync, key = ask.query("sync"), ask.query("q")
    chosen = [specs[sync]] if sync in specs else list(specs.values())
    hits = [hit for spec in chosen for hit in _found(ask, spec, key)] if key else []
    if len(hits) == 1:
        return ask.go("syncs", hits[0].spec.name, "record", id=hits[0].link.link_id)
    aside = {spec.name: ask.platform.store.records.set_aside([spec.name], Wanted(text=key), 0, 0).total
             for spec in chosen} if key else {}  # fmt: skip
    return ask.render("records.html", specs=specs, sync=sync, key=key, hits=hits, aside=aside, most=FOUND)


def _found(ask: Ask, spec: SyncSpec, key: str) -> list[Hit]:
    """Records of that id or match value; where there are none, those that hold the text somewhere."""
    records = ask.platform.store.records
    links = records.find(spec.name, key, key_digests(spec, _as_keys(spec, key)), FOUND)
    links = links or records.holding(spec.name, key, FOUND)
    called = names(ask.platform.store, spec, [(link.link_id, ()) for link in links])
    return [Hit(spec, link, called[link.link_id]) for link in links]


def _as_keys(spec: SyncSpec, key: str) -> dict[str, Value]:
    """What was typed, as a value of each match field that takes it."""
    found: dict[str, Value] = {}
    for name in spec.match:
        try:
            found[name] = canonical(spec.field_named(name).type, key)
        except (NotCanonical, TypeError, ValueError):
            continue
    return found


def one(ask: Ask) -> Response:
    spec = ask.spec()
    store, link = ask.platform.store, _link(ask, spec, ask.query("id"))
    before = _number(ask.query("before"))
    lines = list(store.records.history(spec.name, link.link_id, before, LINES))
    more = len(lines) == LINES
    if more:  # the oldest write may be cut in the middle: it is told whole on the next page
        whole = [line for line in lines if write_of(line) != write_of(lines[-1])]
        lines = whole or lines
    runs = store.records.runs(spec.name, sorted({line.entry.run_id for line in lines}))
    base = store.bases(spec.name, [link.link_id]).get(link.link_id)
    ours = base.values_a if base else None
    theirs = base.values_b if base and base.values_b is not None else ours  # kept once where they are the same
    return ask.render(
        "record.html", spec=spec, record=link, name=names(store, spec, [(link.link_id, ())])[link.link_id],
        state=_STATES[link.state], steps=steps(spec, lines, runs), unknown=UNKNOWN,
        agreed={"A": cells(spec, ours), "B": cells(spec, theirs)},
        agreed_at=base.agreed_at if base else None, older=lines[-1].number if more else None, before=before,
        conflicts=store.records.conflicts(spec.name, link.link_id),
        aside=store.records.set_aside([spec.name], Wanted(link_id=link.link_id), 0, 20).rows,
        present=_present(ask, spec, link) if ask.query("now") else None,
    )  # fmt: skip


def _number(text: str) -> int | None:
    """The number of a line of the audit."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


def _link(ask: Ask, spec: SyncSpec, link_id: str) -> Linked:
    link = ask.platform.store.records.link(spec.name, link_id)
    if link is None:
        raise Problem(404, "There is no such record", "Search for it by its id or by its e-mail.")
    return link


def _present(ask: Ask, spec: SyncSpec, link: Linked) -> dict[str, Any]:
    """What both sides say at this moment, and what the next run would do about it."""
    with ask.platform.sides(spec) as sides:
        found = ask.platform.engine(spec).explain(spec, sides, link.link_id)
    fields = {field.name: field for field in spec.fields}
    rows = [
        (name, cell(fields.get(name), both["source"]), cell(fields.get(name), both["target"]))
        for shown in found for name, both in shown.fields.items()
    ]  # fmt: skip
    ahead = [
        f"The next run would {body['kind']} it in {side_name(spec, body['side'])}"
        + (f": {', '.join(map(plain_name, body['fields']))}." if body["fields"] else ".")
        for shown in found for body in shown.operations
    ]  # fmt: skip
    reasons = [f"{by_name(spec, reason)}." for shown in found for reason in shown.reasons]
    return {"rows": rows, "ahead": ahead, "reasons": reasons}


def ask_restore(ask: Ask) -> Response:
    spec = ask.spec()
    line = _line(ask, spec)
    plan = restoration.preview(ask.platform, spec, [line])
    return ask.render(
        "restore.html", spec=spec, line=line, key=secrets.token_urlsafe(12),
        warnings=[text.removeprefix(f"link {line.entry.link_id}: ") for text in plan.warnings],
        writes=[_shown(spec, operation, line.entry.lost) for operation in plan.operations],
        name=names(ask.platform.store, spec, [(line.entry.link_id, ())])[line.entry.link_id],
        other=side_name(spec, "B" if line.entry.side == "A" else "A"),
    )  # fmt: skip


def restore(ask: Ask) -> Response:
    spec = ask.spec()
    line = _line(ask, spec)
    request = restoration.request([line], ask.who, ask.form.get("shown", ()))
    called = names(ask.platform.store, spec, [(line.entry.link_id, ())])[line.entry.link_id]
    title = f"Restoring {called.title or 'a record'}"
    try:
        work = ask.console.works.run(ask.form_key(), spec, title, request, line.entry.link_id)
    except Busy as fault:
        return ask.go("syncs", spec.name, "work", fault.work.key, notice=f"{fault}; nothing was restored.")
    return ask.go("syncs", spec.name, "work", work.key)


def _line(ask: Ask, spec: SyncSpec) -> StoredAuditEntry:
    try:
        return restoration.lost_lines(ask.platform.store, spec.name, number=_number(ask.query("line")) or 0)[0]
    except restoration.NothingToRestore:
        raise Problem(
            404, "There is nothing to restore", "What lost something has a button in a record's history."
        ) from None


def _shown(spec: SyncSpec, operation: Operation, lost: str | None) -> Write:
    fields = {field.name: field for field in spec.fields}

    def value(name: str, of: Value) -> Cell:
        return UNKNOWN if of is ABSENT else cell(fields.get(name), to_json(of))

    if operation.kind is Kind.UPDATE:
        changes = [(each.name, value(each.name, each.before), value(each.name, each.sent)) for each in operation.fields]
    else:  # an archived record comes back as it was, whatever is written
        kept = cells(spec, lost)
        changes = [(name, _NOWHERE, kept[name]) for name in fields if name in kept]
    return Write(operation.op_id, f"{_DEEDS[operation.kind]} {side_name(spec, operation.side)}", changes)


NAV = ("Records", "/records")
ROUTES = [
    Route("/records", look(search)),
    Route("/syncs/{sync}/record", look(one)),
    Route("/syncs/{sync}/restore", look(ask_restore), methods=["GET"]),
    Route("/syncs/{sync}/restore", act(restore), methods=["POST"]),
]
