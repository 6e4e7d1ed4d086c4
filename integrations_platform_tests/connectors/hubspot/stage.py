"""Where the stories of this folder play: a served portal, sides of it, and a sync with a table.

The engine's clock is the portal's and its sleep moves it, so that nothing here waits.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from integrations_platform.connectors import open_side
from integrations_platform.connectors.budgets import UNLIMITED, Budget
from integrations_platform.connectors.hubspot.side import HubSpotSide
from integrations_platform.declarations import find_sync
from integrations_platform.sandbox.hubspot import TOKEN, HubSpot
from integrations_platform.sandbox.server import SandboxServer
from integrations_platform.state import open_store
from integrations_platform.unified_sync.calls import CallPolicy
from integrations_platform.unified_sync.engine import Engine, Request
from integrations_platform.unified_sync.forms import bound_columns
from integrations_platform.unified_sync.port import BoundColumn, Kind, Outcome, Record, Side, Write
from integrations_platform.unified_sync.report import RunReport
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform.unified_sync.spec import SIDES, SideName, SideSpec
from integrations_platform.unified_sync.store import QuarantineStatus
from integrations_platform.unified_sync.values import FieldType, Value
from integrations_platform_tests.sandbox.hubspot.portal_client import unhurried
from integrations_platform_tests.sandbox.running import running

CONTACT: Mapping[str, FieldType] = {
    "email": FieldType.EMAIL,
    "firstname": FieldType.TEXT,
    "phone": FieldType.PHONE,
    "city": FieldType.TEXT,
    "lifecyclestage": FieldType.ENUM,
}

SYNC = """\
name: people
source: {system: crm, object: contacts}
target: {system: shop, object: person}
match: [email]
fields:
  email: {source: email,     target: email, type: email}
  name:  {source: firstname, target: name,  type: text, required: false}
  city:  {source: city,      target: city,  type: text, required: false}
  stage: {source: lifecyclestage, target: stage, type: enum, required: false}
"""

TABLE = "CREATE TABLE person (id INTEGER PRIMARY KEY, email TEXT UNIQUE, name TEXT, city TEXT, stage TEXT)"


@dataclass
class Crm:
    """A portal as its users see it, and sides of it as the engine opens them."""

    hub: HubSpot
    server: SandboxServer
    opened: list[HubSpotSide] = field(default_factory=list)

    def options(self, **more: str) -> dict[str, str]:
        """Options of the system, as in an environment file."""
        return {"token": TOKEN, "base_url": self.server.url("hubspot"), "api_version": "v3"} | more

    def side(
        self,
        kind: str = "contacts",
        columns: Mapping[str, FieldType] = CONTACT,
        *,
        pair: str = "people",
        name: SideName = "A",
        page: int = 100,
        bound: Sequence[BoundColumn] = (),
        options: Mapping[str, str] | None = None,
        **spec: Any,
    ) -> HubSpotSide:
        """A side, as the engine opens it."""
        each = bound or [BoundColumn(column, of, written=True) for column, of in columns.items()]
        budget = Budget("crm", "test", UNLIMITED, clock=self.hub.clock.now, sleep=self.hub.clock.advance)
        side = HubSpotSide("crm", options or self.options(), SideSpec("crm", kind, **spec), each, pair, name,
                           clock=self.hub.clock.now, budget=budget, page=page)  # fmt: skip
        self.opened.append(side)
        return side

    def person(self, do: str, kind: str = "contacts", **action: Any) -> str:
        """What somebody does by hand; the id it is about."""
        return str(dict(self.hub.person({"do": do, "type": kind, **action})).get("id"))

    def add(self, kind: str = "contacts", **properties: str) -> str:
        """A record made by hand."""
        return self.person("create", kind, properties=properties)

    def shown(self, record_id: str, kind: str = "contacts") -> dict[str, str]:
        """What a person sees of a live record."""
        return {name: text for name, text in self.hub.portal.records[kind][int(record_id)].now.items() if text}

    def everyone(self, kind: str = "contacts") -> list[dict[str, str]]:
        """What a person sees of all live records."""
        return [self.shown(str(record.id), kind) for record in self.hub.portal.live(kind)]

    def count(self, operation: str) -> int:
        """How often an operation was called."""
        return sum(call.operation == operation for call in self.hub.calls)


@contextmanager
def crm(hub: HubSpot | None = None) -> Iterator[Crm]:
    """A served portal; a broken contract fails the test."""
    hub = hub or unhurried()
    with running(hub) as server:
        found = Crm(hub, server)
        yield found
        for side in found.opened:
            side.close()


@dataclass
class Town:
    """A portal, a table, and the sync between them; each run is a new process as far as memory goes."""

    crm: Crm
    folder: Path
    sync: str = SYNC
    page: int = 100

    def __post_init__(self) -> None:
        self.sql(TABLE)

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a user of the table does or sees."""
        with sqlite3.connect(self.folder / "shop.sqlite") as connection:
            return connection.execute(statement, values).fetchall()

    def sides(self) -> tuple[Any, dict[SideName, Side]]:
        """The declared sync and its two sides, freshly opened."""
        file = self.folder / "people.yaml"
        file.write_text(self.sync, encoding="utf-8")
        spec = find_sync(file, self.folder)
        opened: dict[SideName, Side] = {}
        for name in SIDES:
            side, bound = spec.side(name), bound_columns(spec, name)
            if side.system == "shop":
                opened[name] = open_side("shop", "sqlite", str(self.folder / "shop.sqlite"), side, bound, spec.name,
                                         name, self.crm.hub.clock.now)  # fmt: skip
            else:
                only = {key: getattr(side, key) for key in ("only", "modified")}
                opened[name] = self.crm.side(
                    side.object, pair=spec.name, name=name, bound=bound, page=self.page, **only
                )
        return spec, opened

    def run(self, request: Request | None = None) -> RunReport:
        """One run; every operation has an outcome."""
        clock = self.crm.hub.clock
        spec, sides = self.sides()
        runtime = Runtime(clock=clock.now, sleep=clock.advance)
        store = open_store(f"sqlite:///{self.folder / 'state.sqlite'}", clock=clock.now)
        try:
            engine = Engine(store, runtime, {spec.name: spec}, {"crm": CallPolicy(backoff=0.01)})
            report = engine.run(spec, sides, request)
        finally:
            store.close()
            for side in sides.values():
                side.close()
        assert report.unaccounted() == {"A": 0, "B": 0}, report.to_data()
        return report

    def settle(self, most: int = 4) -> RunReport:
        """Run until nothing is written; the last report."""
        for _ in range(most):
            report = self.run()
            if not report.written:
                return report
        raise AssertionError(f"still writing after {most} runs: {report.to_data()}")

    def conflicts(self) -> list[str]:
        """Units with an open conflict."""
        store = open_store(f"sqlite:///{self.folder / 'state.sqlite'}")
        try:
            return [row.unit for row in store.conflicts("people")]
        finally:
            store.close()

    def audited(self) -> str:
        """The whole audit as text."""
        with sqlite3.connect(self.folder / "state.sqlite") as connection:
            return repr(connection.execute("SELECT * FROM sync_audit").fetchall())

    def quarantine(self) -> list[tuple[str, str]]:
        """(reason, message) of what is held back."""
        store = open_store(f"sqlite:///{self.folder / 'state.sqlite'}")
        try:
            return [(row.reason, row.message) for row in store.quarantined("people", QuarantineStatus.OPEN)]
        finally:
            store.close()


def create(number: int, link: str = "", **values: Value) -> Write:
    """A create under op and link numbers."""
    given = {"email": f"p{number}@x.example", "firstname": f"P{number}"} | values
    return Write(f"op-{number}", Kind.CREATE, link or f"link-{number}", given)


def change(op_id: str, record: Record, kind: Kind = Kind.UPDATE, **values: Value) -> Write:
    """A write planned from ``record``."""
    return Write(op_id, kind, record.link_id or "link", values, record.id, record.version)


def only(outcomes: Sequence[Outcome]) -> Outcome:
    """The single outcome."""
    (outcome,) = outcomes
    return outcome


def added(side: HubSpotSide, number: int = 1, **values: Value) -> Record:
    """A record that the engine created."""
    outcome = only(side.write([create(number, **values)]))
    assert outcome.status == "applied", outcome
    return side.read([outcome.id or ""])[outcome.id or ""]
