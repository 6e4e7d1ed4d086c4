"""How the machinery stands: breakers, who runs which sync, received events, and messages on their way to people."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from starlette.responses import Response
from starlette.routing import Route

from integrations_platform.alerts.alert import Alert
from integrations_platform.console.page import Ask, act, look
from integrations_platform.unified_sync.calls import CallPolicy
from integrations_platform.unified_sync.store import Breaker, BreakerState
from integrations_platform.webhooks.replaying import replay
from integrations_platform.webhooks.targets import Target
from integrations_platform.words import clean, count

if TYPE_CHECKING:
    from integrations_platform.connectors.budgets import Usage

_log = logging.getLogger("integrations_platform.console")
NEWEST = 20  # events, wake-ups and messages shown of each


@dataclass(frozen=True)
class Held:
    """Who runs a sync. ``since``: None when the run cannot be told. ``over``: it died, or is about to be given up."""

    sync: str
    holder: str
    since: datetime | None
    until: datetime
    over: bool


@dataclass(frozen=True)
class Source:
    """Events of one sender, by what became of them, and how often some of them came again."""

    name: str
    waiting: int = 0
    woke: int = 0
    idle: int = 0
    again: int = 0


def operations(ask: Ask) -> Response:
    store, specs = ask.platform.store, ask.specs()
    inbox, outbox = store.inbox, store.outbox
    wrong = [row for row in outbox.standing() if row.kind is not None]
    interrupted = {spec.name: len(store.open_intents(spec.name)) for spec in specs}
    return ask.render(
        "operations.html", systems=_systems(ask), quotas=_quotas(ask), held=_held(ask),
        interrupted={name: number for name, number in interrupted.items() if number},
        sources=_sources(ask), oldest=inbox.oldest_waiting(), events=inbox.events(limit=NEWEST),
        wake_ups=[(row, Target.of(row.target).shown) for row in
                  (*inbox.wake_ups(limit=NEWEST), *inbox.wake_ups(ended=True, limit=NEWEST))],
        wrong=wrong, counts={state.value: number for state, number in outbox.count().items()}, messages=_messages(ask),
    )  # fmt: skip


def _systems(ask: Ask) -> list[tuple[Breaker, datetime | None]]:
    """Every system's breaker, and when calls are tried again if they are stopped; those that are stopped first."""
    known = {row.system: row for row in ask.platform.store.overview([]).breakers}
    rows = [known.get(name, Breaker(name)) for name in sorted({*known, *ask.platform.settings.systems})]
    rows.sort(key=lambda row: row.state is BreakerState.CLOSED)
    cooldown = timedelta(seconds=CallPolicy.cooldown)
    return [(row, row.opened_at + cooldown if row.opened_at and row.state is BreakerState.OPEN else None)
            for row in rows]  # fmt: skip


def _quotas(ask: Ask) -> dict[str, list[Usage]]:
    found: dict[str, list[Usage]] = {}
    for system, usage in ask.platform.quotas(ask.platform.settings.systems):
        found.setdefault(system, []).append(usage)
    return found


def _held(ask: Ask) -> list[Held]:
    found = []
    for pair, holder, until in ask.platform.store.leases():
        host, _, run_id = holder.rpartition(":")
        run = ask.platform.store.records.runs(pair, [run_id]).get(run_id)
        found.append(Held(pair, clean(host or holder), run.started_at if run else None, until, until <= ask.now))
    return found


def _sources(ask: Ask) -> list[Source]:
    found: dict[str, dict[str, int]] = {name: {} for name in ask.platform.settings.webhooks.sources}
    for name, state, number, again in ask.platform.store.inbox.counts():
        told = found.setdefault(name, {})
        told[state.value] = number
        told["again"] = told.get("again", 0) + again
    return [Source(name, **told) for name, told in sorted(found.items())]


def _messages(ask: Ask) -> list[dict[str, Any]]:
    """The newest messages, each with what it says."""
    rows = ask.platform.store.outbox.messages(limit=NEWEST)
    return [{"row": row, "headline": clean(Alert.from_json(row.body).headline)[:200]} for row in rows]


def replayed(ask: Ask) -> Response:
    ids, source = [each for each in ask.form.get("id", ()) if each], ask.sent("source")
    if bool(ids) == bool(source):
        return ask.go("operations", notice="Nothing was done: tick the events to replay first.")
    done = replay(ask.platform.store.inbox, ids, lambda: uuid4().hex, source=source or None)
    if done.unknown:
        return ask.go("operations", notice="Nothing was done: some of that is not there any more, or goes on already.")
    what = f"{count(done.events, 'event')} and {count(done.wake_ups, 'wake-up')}"
    _log.info("console: %s replayed %s of the inbox", clean(ask.who), what)
    return ask.go("operations", notice=f"{what} wait again; whoever starts runs takes them within a minute.")


def sent_again(ask: Ask) -> Response:
    number = ask.platform.store.outbox.retry()
    _log.info("console: %s had %s tried again", clean(ask.who), count(number, "message"))
    return ask.go("operations", notice=f"{count(number, 'message')} will be tried again within a minute.")


NAV = ("Operations", "/operations")
ROUTES = [
    Route("/operations", look(operations), methods=["GET"]),
    Route("/operations/replay", act(replayed), methods=["POST"]),
    Route("/operations/alerts", act(sent_again), methods=["POST"]),
]
