"""A short real history of one sync that leaves rows of every kind in the state: what an upgrade must not lose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integrations_platform.platform import Platform
from integrations_platform.state.inbox import Event
from integrations_platform.unified_sync.port import Side
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform_tests.end_to_end.arrange import PEOPLE, SYNC, Base, World, add_people

BRIEF_LEASE = 0.001  # seconds: whoever comes after a dead holder need not wait for its lease
LONG = "x" * 61  # more than the other side's column holds


class Death(BaseException):
    """The process dies here."""


@dataclass
class _Dying:
    """A side that carries a write out and never says so."""

    inner: Side

    def __getattr__(self, name: str) -> Any:
        return self._write if name == "write" else getattr(self.inner, name)

    def _write(self, *asked: Any) -> Any:
        self.inner.write(*asked)
        raise Death


def world_at(folder: Path, state_url: str) -> World:
    """The world of the history: two SQLite files in ``folder``, and the state wherever it is kept."""
    office, shop = (Base.at("sqlite", f"sqlite:///{folder / name}.sqlite") for name in ("office", "shop"))
    return World(folder, office, shop, state_url, SYNC, runtime=Runtime(lease_seconds=BRIEF_LEASE, holder="history"))


def live(folder: Path, state_url: str) -> World:
    """Live through it: linked people, edits, a conflict decided and one open, a delete, a record held back, a saved
    plan, what is known of an account, an event that woke somebody, and a write whose end nobody has noted."""
    world = world_at(folder, state_url)
    for base in (world.a, world.b):
        base.run(PEOPLE["sqlite"])
    add_people(world.a, [(f"p{number}@example.org", f"Person {number}", f"{number}.50") for number in range(8)])
    world.settle()
    for base, word in ((world.a, "Office"), (world.b, "Shop")):
        for number in (0, 1):
            base.run(f"UPDATE person SET name = '{word} {number}' WHERE email = 'p{number}@example.org'")
    world.run()
    _with_platform(world, _decide_first)
    world.a.run(
        "DELETE FROM person WHERE email = 'p4@example.org'",
        f"UPDATE person SET name = '{LONG}' WHERE email = 'p5@example.org'",
        "UPDATE person SET balance = 3.25 WHERE email = 'p3@example.org'",
    )
    world.b.run("DELETE FROM person WHERE email = 'p6@example.org'")
    world.run()
    _with_platform(world, lambda platform: platform.plan(platform.sync("people")))
    _with_platform(world, lambda platform: platform.store.accounts.change("people", lambda _: ("{}", None)))
    _with_platform(world, _wake)
    world.a.run("UPDATE person SET name = 'Written, not noted' WHERE email = 'p2@example.org'")
    _with_platform(world, _die_writing)
    return world


def _with_platform(world: World, action: Callable[[Platform], Any]) -> None:
    platform = world.platform()
    try:
        action(platform)
    finally:
        platform.close()


def _decide_first(platform: Platform) -> None:
    first, *_ = sorted(platform.store.conflicts("people"), key=lambda row: row.value_a or "")
    at = platform.runtime.clock()
    platform.store.decide("people", first.conflict_id, first.n, "A", None, "history", at, first.opened_run)


def _wake(platform: Platform) -> None:
    platform.store.inbox.store([Event("office", "1", "person.changed", "person", "{}")])
    platform.store.inbox.claim(lambda _source, _subject: ["sync/people"], lambda: "wake-1")


def _die_writing(platform: Platform) -> None:
    spec = platform.sync("people")
    with platform.sides(spec) as sides:
        dying = {name: _Dying(side) if name == "B" else side for name, side in sides.items()}
        try:
            platform.engine(spec).run(spec, dying)  # type: ignore[arg-type]
        except Death:
            return
    raise AssertionError("the history was to end in a write nobody noted")
