"""What a run would do, record by record, and having exactly that done.

A plan is applied as it was shown: records that changed since are left alone and named. What a guard refused passes only
for one plan, by somebody who said so.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from integrations_platform.console.arbitration import by_name
from integrations_platform.console.cells import Cell, Name, cell, names
from integrations_platform.console.page import Ask, Problem, act, look
from integrations_platform.console.rendering import side_name
from integrations_platform.console.work import Busy
from integrations_platform.plan_data import DamagedPlan, saved_data
from integrations_platform.unified_sync.engine import Request
from integrations_platform.unified_sync.spec import SIDES, SideName, SyncSpec, spec_digest
from integrations_platform.unified_sync.store import SavedPlan
from integrations_platform.words import count

SIZE = 50
KINDS = {
    "create": "New in",
    "update": "Changed in",
    "archive": "Archived in",
    "restore": "Brought back in",
    "delete": "Deleted from",
}


@dataclass(frozen=True)
class Change:
    """One field of a write. ``rule``: why, where that is not why the whole is written. ``lost``: somebody had written
    what is replaced."""

    name: str
    before: Cell
    after: Cell
    rule: str
    lost: bool


@dataclass(frozen=True)
class Write:
    """One write to one side."""

    kind: str
    side: str
    name: Name
    changes: Sequence[Change]
    rule: str


def listed(ask: Ask) -> Response:
    rows = [(spec, ask.platform.store.newest_plan(spec.name)) for spec in ask.specs()]
    return ask.render("plans.html", rows=rows, key=secrets.token_urlsafe(12))


def make(ask: Ask) -> Response:
    spec = ask.spec()
    try:
        work = ask.console.works.plan(ask.form_key(), spec, ask.who)
    except Busy as fault:
        return ask.go("syncs", spec.name, "work", fault.work.key, notice=f"{fault}.")
    return ask.go("syncs", spec.name, "work", work.key)


def one(ask: Ask, problem: str = "", status: int = 200) -> Response:
    spec, saved = ask.spec(), _saved(ask)
    about = _data(saved)
    bodies: list[dict[str, Any]] = about["operations"]
    counted = Counter((body["side"], body["kind"]) for body in bodies)
    side, kind, text = ask.query("side"), ask.query("kind"), ask.query("q")
    found = [
        body
        for body in bodies
        if side in ("", body["side"]) and kind in ("", body["kind"]) and (not text or text.lower() in _text(body))
    ]
    page = ask.page_number()
    return ask.render(
        "plan.html", status=status, spec=spec, saved=saved, total=len(found), page=page, size=SIZE, problem=problem,
        writes=_writes(ask, spec, found[(page - 1) * SIZE : page * SIZE]), all=len(bodies), kinds=KINDS,
        counts=[(side_name(spec, each), each, [(name, counted[each, name]) for name in KINDS if counted[each, name]])
                for each in SIDES],
        query={"side": side, "kind": kind, "q": text}, key=secrets.token_urlsafe(12),
        guards=_guards(about), warnings=[by_name(spec, line) for line in about.get("warnings", ())],
        linked=about.get("counts", {}).get("linked", 0),
        conflicts=len(about.get("conflicts", ())), aside=len(about.get("quarantine", ())),
        declared_anew=saved.spec_digest != spec_digest(spec),
    )  # fmt: skip


def _data(saved: SavedPlan) -> dict[str, Any]:
    try:
        return saved_data(saved)
    except DamagedPlan as fault:
        raise Problem(409, "This plan cannot be shown", f"{fault}.") from None


def _text(body: Mapping[str, Any]) -> str:
    return json.dumps([body["record"], body["other"], body["fields"]], ensure_ascii=False).lower()


def _guards(about: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(guard, what it says) of those that would refuse the plan."""
    found: list[tuple[str, str]] = []
    for line in about.get("refusals", ()):
        guard, _, said = line.partition(": ")
        found.append((guard, said))
    return found


def _writes(ask: Ask, spec: SyncSpec, bodies: Sequence[Mapping[str, Any]]) -> list[Write]:
    stored = [(body["link"], [_object(body, "sent"), _object(body, "before")]) for body in bodies]
    called = names(ask.platform.store, spec, stored)
    return [_write(spec, body, called[body["link"]]) for body in bodies]


def _object(body: Mapping[str, Any], part: str) -> str:
    return json.dumps({name: field[part] for name, field in body["fields"].items()})


def _write(spec: SyncSpec, body: Mapping[str, Any], name: Name) -> Write:
    fields = {field.name: field for field in spec.fields}
    side: SideName = "A" if body["side"] == "A" else "B"
    changes = [
        Change(
            field, cell(fields.get(field), change["before"]), cell(fields.get(field), change["sent"]),
            "" if change["rule"] == body["rule"] else by_name(spec, change["rule"]), bool(change["lost"]),
        )
        for field, change in body["fields"].items()
    ]  # fmt: skip
    return Write(body["kind"], side_name(spec, side), name, changes, by_name(spec, body["rule"]))


def _saved(ask: Ask) -> SavedPlan:
    saved = ask.platform.store.plan(ask.part("sync"), ask.part("plan"))
    if saved is None:
        raise Problem(
            404, "There is no such plan", "It may be one of another sync. Make a new one from the list of plans."
        )
    return saved


def apply(ask: Ask) -> Response:
    spec, saved = ask.spec(), _saved(ask)
    about, work = _data(saved), ask.console.works.find(spec.name, ask.form_key())
    if work is not None:
        return ask.go("syncs", spec.name, "work", work.key)
    guards = dict(_guards(about))
    lifted = [guard for guard in guards if guard in ask.form.get("lift", ())]
    if len(lifted) < len(guards):
        return one(ask, "A guard refuses this plan. Tick each guard that shall pass, or leave the plan alone.", 422)
    request = Request(
        only_ops=frozenset(saved.op_ids),
        plan_id=saved.plan_id,
        lift=frozenset(lifted),
        actor=ask.who,
        trigger="console",
    )
    ask.platform.store.approve_plan(spec.name, saved.plan_id, ask.sent("applied_run") or None, lifted, ask.who, ask.now)
    title = f"Applying a plan of {count(len(saved.op_ids), 'change')}"
    try:
        work = ask.console.works.run(ask.form_key(), spec, title, request)
    except Busy as fault:
        return ask.go("syncs", spec.name, "work", fault.work.key, notice=f"{fault}; your plan was not applied.")
    return ask.go("syncs", spec.name, "work", work.key)


NAV = ("Plans", "/plans")
ROUTES = [
    Route("/plans", look(listed), methods=["GET"]),
    Route("/syncs/{sync}/plans", act(make), methods=["POST"]),
    Route("/syncs/{sync}/plans/{plan}", look(one), methods=["GET"]),
    Route("/syncs/{sync}/plans/{plan}", act(apply), methods=["POST"]),
]
