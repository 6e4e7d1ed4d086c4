"""Where histories are played: two systems at a time of five that are served once, a fresh state, and watched sides."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from integrations_platform.sandbox.server import SandboxServer
from integrations_platform.state import SqlStore, open_store
from integrations_platform.unified_sync.port import Kind, Listing, Outcome, Record, Side, Snapshot, Write
from integrations_platform.unified_sync.store import Lease
from integrations_platform_tests.matrix.databases import MySQL, PostgreSQL, Table
from integrations_platform_tests.matrix.services import Books, Portal, Service, Sheet
from integrations_platform_tests.matrix.systems import Moment, System
from integrations_platform_tests.servers import Server

KINDS = ("hubspot", "quickbooks", "google_sheets", "postgresql", "mysql")
BEGIN = datetime(2026, 1, 5, 8, tzinfo=UTC)


class Stage:
    """Five systems and the way to a new state. ``urls``: empty databases by kind; kinds without one are not there."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self.moment = Moment(BEGIN)
        services: list[Service] = [kind(self.moment) for kind in (Portal, Books, Sheet)]
        self.server = SandboxServer(*(service.vendor for service in services))
        self.server.start()
        for service in services:
            service.url = self.server.url(service.kind)
        tables: list[Table] = [kind(self.moment, urls[kind.kind]) for kind in (PostgreSQL, MySQL) if kind.kind in urls]
        self.systems: dict[str, System] = {each.kind: each for each in [*services, *tables]}
        self._tables = tables
        self.folder = Path(tempfile.mkdtemp(prefix="matrix-"))
        open_store(f"sqlite:///{self.folder / 'empty.sqlite'}").close()

    def store(self) -> SqlStore:
        """A new, empty state in the place of the last one."""
        for file in self.folder.glob("state.sqlite*"):
            file.unlink()
        shutil.copy(self.folder / "empty.sqlite", self.folder / "state.sqlite")
        return open_store(f"sqlite:///{self.folder / 'state.sqlite'}", clock=self.moment.now)

    def close(self) -> None:
        """End everything."""
        self.server.stop()
        for table in self._tables:
            table.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def staged(servers: Mapping[str, Server]) -> Iterator[Stage]:
    """A stage with a database of its own on each server."""
    opened = {kind: server.database() for kind, server in servers.items()}
    urls = {kind: database.__enter__() for kind, database in opened.items()}
    try:
        stage = Stage(urls)
        try:
            yield stage
        finally:
            stage.close()
    finally:
        for database in opened.values():
            database.__exit__(None, None, None)


@cache
def process_stage(administrators: tuple[tuple[str, str], ...]) -> Stage:
    """The stage of this process, on servers that somebody else runs, by kind and URL; it ends with the process."""
    opened = staged({kind: Server(sa.make_url(url), lambda: None) for kind, url in administrators})
    stage = opened.__enter__()
    atexit.register(opened.__exit__, None, None, None)
    return stage


class Crash(BaseException):
    """The process dies here; only what was committed survives."""


class Process:
    """One process's sight of the state. A dead one writes nothing and gives nothing back, whatever unwinds in it."""

    def __init__(self, store: SqlStore, at: Callable[[str], None]) -> None:
        self._store, self._at, self.dead = store, at, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @contextmanager
    def transaction(self, lease: Lease) -> Iterator[Any]:
        """As the store's; a dead process has none."""
        if self.dead:
            raise Crash("dead")
        with self._store.transaction(lease) as transaction:
            yield transaction
            self._at("before commit")
        self._at("after commit")

    def release(self, lease: Lease) -> None:
        """As the store's; the lease of a dead process runs out instead."""
        if not self.dead:
            self._store.release(lease)


class Watched:
    """A side whose every call passes somebody who may do something, count, or raise. ``at`` takes the point and the
    writes concerned."""

    def __init__(self, side: Side, at: Callable[[str, Sequence[Write]], None]) -> None:
        self.side, self._at = side, at
        self.calls: list[Kind] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.side, name)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """See :meth:`port.Side.snapshot`."""
        with self.side.snapshot() as snapshot:
            yield _WatchedSnapshot(snapshot, self._at)

    def read(self, ids: Sequence[str]) -> Mapping[str, Record]:
        """See :meth:`port.Side.read`."""
        found = self.side.read(ids)
        self._at("looked", ())
        return found

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """See :meth:`port.Side.write`."""
        self._at("before write", writes)
        self.calls += [write.kind for write in writes]
        outcomes = self.side.write(writes)
        self._at("after write", writes)
        return outcomes

    def tag(self, links: Sequence[tuple[str, str]]) -> None:
        """See :meth:`port.Side.tag`."""
        self._at("before tags", ())
        self.side.tag(links)
        self._at("after tags", ())


class _WatchedSnapshot:
    def __init__(self, snapshot: Snapshot, at: Callable[[str, Sequence[Write]], None]) -> None:
        self._snapshot, self._at = snapshot, at

    def listing(self) -> Listing:
        found = self._snapshot.listing()
        self._at("listed", ())
        return found

    def digest(self) -> str | None:
        return self._snapshot.digest()

    def newest(self) -> datetime | None:
        return self._snapshot.newest()

    def read(self, ids: Sequence[str]) -> Mapping[str, Record]:
        return self._snapshot.read(ids)
