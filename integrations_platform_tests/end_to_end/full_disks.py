"""A disk is full when a run has much to write, and has room later: what was said, and what the next runs make of it.

Owns which disk holds what. Each scenario ends with what was wrong, in words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from integrations_platform.state.errors import StateError
from integrations_platform.unified_sync.report import RunStatus
from integrations_platform_tests.end_to_end.arrange import Base, World, add_people, people_world
from integrations_platform_tests.end_to_end.disks import small_disk
from integrations_platform_tests.end_to_end.own_servers import own_postgresql
from integrations_platform_tests.servers import Server

NEWCOMERS = 300
KNOWN = 3
SERVER_DISK = "160m"  # what an empty server needs, and some


@dataclass(frozen=True)
class Given:
    """Servers whose disks have room."""

    folder: Path
    postgresql: Server
    mysql: Server


def state_file(given: Given, stack: ExitStack) -> list[str]:
    """The state's file lies on a disk that is full to the last byte before the run begins."""
    disk = stack.enter_context(small_disk("8m"))
    for name in ("office", "shop"):
        (given.folder / name).write_bytes(b"")
    office, shop = (Base.at("sqlite", f"sqlite:///{given.folder / name}") for name in ("office", "shop"))
    world = people_world(given.folder, office, shop, KNOWN, f"sqlite:///{disk.folder}/state.sqlite")
    return _story(world, disk.fill, disk.free, ["the state database", "state.sqlite", "free some space"])


def state_server(given: Given, stack: ExitStack) -> list[str]:
    """The server that holds the state has no room for anything."""
    disk = stack.enter_context(small_disk(SERVER_DISK))
    own = stack.enter_context(own_postgresql(disk.folder / "data"))
    office, shop = _sides(given, stack)
    world = people_world(given.folder, office, shop, KNOWN, stack.enter_context(own.server.database()))

    def free() -> None:
        disk.free()
        own.start()

    return _story(world, disk.fill, free, ["the state database", "could not extend file", "free some space"])


def table_server(given: Given, stack: ExitStack) -> list[str]:
    """The server that holds one of the tables has no room for anything."""
    disk = stack.enter_context(small_disk(SERVER_DISK))
    own = stack.enter_context(own_postgresql(disk.folder / "data"))
    office = Base.at("postgresql", stack.enter_context(own.server.database()))
    world = people_world(given.folder, office, _sides(given, stack)[1], KNOWN)

    def free() -> None:
        disk.free()
        own.start()

    return _story(world, disk.fill, free, ["office", "could not extend file", "free space on the database server"])


SCENARIOS: Mapping[str, Callable[[Given, ExitStack], list[str]]] = {
    "state_file": state_file,
    "state_server": state_server,
    "table_server": table_server,
}


def live_through(name: str, given: Given) -> list[str]:
    """One scenario; what was wrong, in words."""
    with ExitStack() as stack:
        return SCENARIOS[name](given, stack)


def _sides(given: Given, stack: ExitStack) -> tuple[Base, Base]:
    office, shop = (stack.enter_context(server.database()) for server in (given.postgresql, given.mysql))
    return Base.at("postgresql", office), Base.at("mysql", shop)


def _story(world: World, fill: Callable[[], None], free: Callable[[], None], words: list[str]) -> list[str]:
    """Many people come to the shop, the disk is full during a run, then has room."""
    world = world.with_lease(0.001)
    rows = [(f"n{number}@example.org", f"{'x' * 30}{number}", None) for number in range(NEWCOMERS)]
    add_people(world.b, rows)
    fill()
    said = _failing_run(world)
    wrong = [f"the message does not say {word!r}: {said}" for word in words if word not in said]
    free()
    created = _count(world.a)
    if not KNOWN <= created < KNOWN + NEWCOMERS:
        wrong.append(f"{created} people although the disk was full: too large for this story")
    world.settle()
    office, shop = world.people()
    if office != shop:
        wrong.append("the sides differ")
    counts = _count(world.a), _count(world.b)
    if counts != (KNOWN + NEWCOMERS,) * 2:
        wrong.append(f"{counts} people, not {KNOWN + NEWCOMERS} each")
    memory = world.memory()
    wrong += [f"{name}: {memory[name]}" for name in ("conflicts", "quarantine", "intents") if memory[name]]
    if fault := world.chain_fault():
        wrong.append(fault)
    return wrong


def _failing_run(world: World) -> str:
    try:
        report = world.run()
    except StateError as fault:
        return str(fault)
    said = " ".join([report.message, *report.warnings])
    return "the run claims success" if report.status is RunStatus.SUCCEEDED else said


def _count(base: Base) -> int:
    return int(base.rows("SELECT count(*) FROM person")[0][0])
