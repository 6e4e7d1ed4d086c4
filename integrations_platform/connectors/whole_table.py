"""Reading the whole of a table record by record, and filling an empty one, each in one transaction.

Owns the receipt of a load: an entry of the ledger under the load's own name, written first. Whoever asks for it tries
to write it again, which waits until the transaction that holds it has ended one way or the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from integrations_platform.connectors.archive import Archive
from integrations_platform.connectors.binding import Binding
from integrations_platform.connectors.dialect import Dialect
from integrations_platform.connectors.ledger import Entry, Ledger
from integrations_platform.connectors.session import Database, Row, Session
from integrations_platform.connectors.writing import is_unique_violation
from integrations_platform.unified_sync.port import Record
from integrations_platform.unified_sync.values import Values

PAGE = 2000  # records held as objects


def _is_empty(session: Session, binding: Binding) -> bool:
    """Whether there is no row, archived row or tag. Whatever was there once is for the ordinary plan."""
    there = session.rows(f"SELECT 1 FROM {binding.table} LIMIT 1")
    return not (there or Archive(binding).versions(session) or Ledger(binding).all_tags(session))


def _receive(session: Session, binding: Binding, load_id: str) -> None:
    """Leave the receipt of a load in the transaction that is open."""
    Ledger(binding).add(session, [Entry(load_id, load_id, load_id)])


def _is_received(database: Database, session: Session, binding: Binding, load_id: str) -> bool:
    """Whether the receipt of a load is there for good."""
    try:
        for statement in binding.dialect.begin_write:
            session.run(statement)
        _receive(session, binding, load_id)
    except database.faults as fault:
        if is_unique_violation(fault):
            return True
        raise
    finally:
        with suppress(*database.faults):
            session.run("ROLLBACK")
    return False


class Fill:
    """A transaction that writes a table. Whoever leaves it by an exception closes the connection, and the server undoes
    all."""

    def __init__(self, database: Database, session: Session, binding: Binding) -> None:
        self.database, self.session, self.binding = database, session, binding
        self.committed = False

    def commit(self) -> None:
        """See :meth:`loading_port.Filling.commit`."""
        try:
            self.session.run("COMMIT")
        except self.database.faults as fault:
            raise self.database.error(fault, committing=True) from None
        self.committed = True


@dataclass(frozen=True)
class WholeTable:
    """A table as ``loading_port.Loadable`` has it. ``bind`` describes it, ``tables`` makes the engine-owned ones and
    says whether they are there."""

    database: Database
    dialect: Dialect
    bind: Callable[[Session], Binding]
    tables: Callable[[Session, Binding], bool]

    @contextmanager
    def pages(self) -> Iterator[_Pages]:
        """Inside one snapshot."""
        with self.database.reading(self.dialect.begin_read) as session:
            with self.database.translated():
                pages = _Pages(self.database, session, self.bind(session))
            yield pages

    @contextmanager
    def filling(self, load_id: str) -> Iterator[_Filling | None]:
        """Nobody else sees the rows, or can touch them, before they are committed."""
        with self.fill(load_id, empty=True) as fill:
            yield None if fill is None else _Filling(fill)

    @contextmanager
    def fill(self, load_id: str, *, empty: bool, lock: str = "") -> Iterator[Fill | None]:
        """A transaction in which the receipt is left; None where none can be, or where the table is to be ``empty`` and
        is not. ``lock``: the mode in which others are kept from the table meanwhile."""
        with self.database.connection() as session:
            with self.database.translated():
                binding = self.bind(session)
                able = self.tables(session, binding)
                for statement in self.dialect.begin_write:
                    session.run(statement)
                if lock:
                    session.run(f"LOCK TABLE {binding.table} IN {lock} MODE")
                able = able and (not empty or _is_empty(session, binding))
                if able:
                    _receive(session, binding, load_id)
            fill = Fill(self.database, session, binding)
            yield fill if able else None
            if not fill.committed:
                with self.database.translated():
                    session.run("ROLLBACK")

    def is_loaded(self, load_id: str) -> bool:
        """By its receipt."""
        with self.database.session() as session:
            binding = self.bind(session)
            return self.tables(session, binding) and _is_received(self.database, session, binding, load_id)


def total(session: Session, binding: Binding) -> int:
    """How many records are in scope."""
    scope, params = binding.scope
    return int(session.rows(f"SELECT COUNT(*) FROM {binding.table} WHERE {scope}", params)[0][0])


class _Pages:
    def __init__(self, database: Database, session: Session, binding: Binding) -> None:
        self.database, self.session, self.binding = database, session, binding
        self.total = total(session, binding)

    def records(self) -> Iterator[Sequence[Record]]:
        scope, params = self.binding.scope
        sql = f"SELECT {_selected(self.binding)} FROM {self.binding.table} WHERE {scope}"
        with self.database.translated():
            for rows in self.session.stream(sql, params, PAGE):
                yield [_record(self.binding, row) for row in rows]


@dataclass(frozen=True)
class _Filling:
    fill: Fill

    def write(self, rows: Sequence[Values]) -> Sequence[Record | None]:
        if not rows:
            return []
        session, binding = self.fill.session, self.fill.binding
        columns = tuple(binding.kinds)
        with self.fill.database.translated():
            binders = [binding.binders[name] for name in columns]
            bound = [tuple([bind(row[name]) for bind, name in zip(binders, columns, strict=True)]) for row in rows]
            places = [columns.index(key.name) for key in binding.keys]
            keys = [tuple(row[place] for place in places) for row in bound]
            binding.dialect.fill(session, binding.table, columns, bound, binding.quote)
            shown = session.rows(
                f"SELECT {_selected(binding)} FROM {binding.table} "
                f"WHERE {binding.dialect.keys_in(binding.key_columns, len(keys))}",
                [part for key in keys for part in key],
            )
        ids = [binding.record_id(key) for key in keys]
        written = dict(zip(ids, zip(bound, rows, strict=True), strict=True))
        records: dict[str, Record] = {}
        width = len(keys[0])
        for row in shown:
            record_id = binding.record_id(row[:width])
            if record_id in written:
                values = binding.shown(row[width + 1 :], *written[record_id])
                records[record_id] = Record(record_id, _version(binding, row[width]), values)
        return [records.get(record_id) for record_id in ids]

    def commit(self) -> None:
        self.fill.commit()


def _selected(binding: Binding) -> str:
    return ", ".join([*binding.key_selects, binding.fingerprint, *binding.column_selects])


def _record(binding: Binding, row: Row) -> Record:
    width = len(binding.keys)
    return Record(binding.record_id(row[:width]), _version(binding, row[width]), binding.values(row[width + 1 :]))


def _version(binding: Binding, fingerprint: str | bytes) -> str:
    text = fingerprint.decode() if isinstance(fingerprint, bytes) else fingerprint
    return f"{binding.version_prefix}{text}"
