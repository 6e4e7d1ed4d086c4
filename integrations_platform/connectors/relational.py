"""A table of a SQL database as a side of a sync: what all dialects share.

Owns the order of things: describe, bind, open a transaction, hand over to reading or writing, and give the outcome as
the port wants it. What dialects differ in is in :mod:`.dialect` and its subclasses. It never retries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta

import polars as pl

from integrations_platform.connectors import checking
from integrations_platform.connectors.archive import Archive
from integrations_platform.connectors.binding import Binding
from integrations_platform.connectors.dialect import Dialect
from integrations_platform.connectors.introspection import InboundKey, TableShape
from integrations_platform.connectors.ledger import ARCHIVE_TABLE, LEDGER_TABLE, Entry, Ledger
from integrations_platform.connectors.reading import RelationalSnapshot
from integrations_platform.connectors.session import Database, Session
from integrations_platform.connectors.whole_table import WholeTable
from integrations_platform.connectors.writing import Writer, is_unique_violation
from integrations_platform.unified_sync.loading_port import Bulk, Filling, Pages, Texts
from integrations_platform.unified_sync.port import (
    TAG_SCHEMA,
    BoundColumn,
    Capabilities,
    ClockReading,
    ColumnForm,
    ErrorKind,
    Kind,
    Outcome,
    Problem,
    Record,
    SideError,
    Snapshot,
    Status,
    Write,
)
from integrations_platform.unified_sync.spec import SideName, SideSpec


def system_clock() -> datetime:
    """The time here, in UTC."""
    return datetime.now(UTC)


class RelationalSide:
    """Fulfils :class:`port.Side` for one table. Used from one thread.

    ``url`` is in the dialect's accepted forms; it may hold a password and is shown nowhere. ``pair`` and ``side`` name
    this side's rows in the engine-owned tables. ``clock`` is the engine's own time. Nothing connects before it must.
    Raises SideError(CONFIGURATION) for a URL that cannot be used.
    """

    def __init__(
        self,
        dialect: Dialect,
        url: str,
        spec: SideSpec,
        columns: Sequence[BoundColumn],
        pair: str,
        side: SideName,
        clock: Callable[[], datetime] = system_clock,
    ) -> None:
        self._dialect = dialect
        self._spec = spec
        self._columns = tuple(columns)
        self._pair = f"{pair}:{side}"
        self._clock = clock
        self._database = open_database(dialect, spec.system, spec.object, url)
        self._bound: Binding | None = None
        self._inbound: list[InboundKey] | None = None
        self._tables: bool | None = None  # whether the engine-owned tables are there; None: not asked yet

    @property
    def system(self) -> str:
        """Name under ``systems:``."""
        return self._spec.system

    @property
    def capabilities(self) -> Capabilities:
        """Receipts and tags are claimed until ``check`` or a write finds that the ledger cannot be had."""
        ledger = self._tables is not False
        return Capabilities(
            compare_and_set=True, receipts=ledger, tags=ledger, atomic_batch=True, delete=True,
            archive=ledger or bool(self._spec.soft_delete), batch_limit=self._dialect.batch_limit,
        )  # fmt: skip

    # The whole table: see loading_port.Loadable

    @property
    def bulk(self) -> Bulk | None:
        """Moving the table without reading its rows, where the dialect can."""
        return self._dialect.bulk(self._whole)

    @property
    def texts(self) -> Texts | None:
        """Moving the table as text, where the dialect can."""
        return self._dialect.texts(self._whole)

    @property
    def keys(self) -> Sequence[str]:
        """The key's columns."""
        with self._database.session() as session:
            return [key.name for key in self._binding(session).keys]

    def pages(self) -> AbstractContextManager[Pages]:
        """Read the table."""
        return self._whole.pages()

    def filling(self, load_id: str) -> AbstractContextManager[Filling | None]:
        """Fill it, if it is empty."""
        return self._whole.filling(load_id)

    def is_loaded(self, load_id: str) -> bool:
        """Whether it was filled so."""
        return self._whole.is_loaded(load_id)

    @property
    def _whole(self) -> WholeTable:
        return WholeTable(self._database, self._dialect, self._binding, self._have_tables)

    def _have_tables(self, session: Session, binding: Binding) -> bool:
        self._create_tables(session, binding)
        return bool(self._tables)

    # Looking

    def check(self) -> Sequence[Problem]:
        """See :meth:`port.Side.check`."""
        with self._database.session() as session:
            self._dialect.learn(session)
            shape = self._dialect.describe(session, self._spec.object)
            if shape is None:
                return [checking.missing_object(self._dialect, session, self._spec)]
            problems = checking.missing_columns(shape, self._spec, self._columns)
            problems += checking.without_key(shape, self._spec)
            if any(problem.blocking for problem in problems):
                return problems
            binding = self._bind(shape)
            present = all(self._dialect.table_exists(session, shape.schema, name)
                          for name in (LEDGER_TABLE, ARCHIVE_TABLE))  # fmt: skip
            if not present and not self._dialect.may_create_tables(session, shape):
                self._tables = False
            return problems + checking.findings(binding, session, self._columns, writes_moved_rows=True)

    def columns(self) -> Mapping[str, ColumnForm]:
        """See :meth:`port.Side.columns`."""
        with self._database.session() as session:
            shape = self._describe(session)
        return {
            column.name: shape.by_name[column.name].form(nul_text=self._dialect.nul_text)
            for column in self._columns
            if column.name in shape.by_name
        }

    def clock(self) -> ClockReading:
        """One question; the answer is taken to be from the middle of the round trip."""
        with self._database.session() as session:
            before = self._clock()
            there = self._dialect.now(session)
            half = (self._clock() - before) / 2
        return ClockReading(there - (before + half), half + timedelta(milliseconds=1))

    # Reading

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """See :meth:`port.Side.snapshot`."""
        with self._database.reading(self._dialect.begin_read) as session:
            with self._database.translated():
                snapshot = RelationalSnapshot(self._binding(session), session)
            yield snapshot

    def read(self, ids: Sequence[str]) -> Mapping[str, Record]:
        """Values and receipts of one moment."""
        with self.snapshot() as snapshot:
            return snapshot.read(ids)

    # Writing

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """One transaction. A refused batch of several raises PERMANENT; a refused single write is REJECTED."""
        if not writes:
            return []
        with self._database.session() as session:
            binding = self._binding(session)
            self._create_tables(session, binding)
            try:
                return self._attempt(session, binding, writes)
            except self._database.faults as fault:
                error = self._database.error(fault)
            except SideError as fault:  # from COMMIT: deferred constraints speak there
                error = fault
        if error.kind is ErrorKind.PERMANENT and len(writes) == 1:
            return [Outcome(writes[0].op_id, Status.REJECTED, writes[0].id, error.code, error.message)]
        raise error from None

    def _attempt(self, session: Session, binding: Binding, writes: Sequence[Write]) -> Sequence[Outcome]:
        """Create again only what a rival has not created: its rows are seen once its transaction has ended."""
        if writes[0].kind is not Kind.CREATE or not self._tables:
            return self._transact(session, binding, writes)
        for _ in range(3):
            try:
                return self._transact(session, binding, writes)
            except self._database.faults as fault:
                if not is_unique_violation(fault):
                    raise
                taken = set(Ledger(binding).by_link(session, [write.link_id for write in writes]))
                if not taken & {write.link_id for write in writes}:
                    raise
                last = fault
        raise last

    def _transact(self, session: Session, binding: Binding, writes: Sequence[Write]) -> Sequence[Outcome]:
        ledger = Ledger(binding) if self._tables else None
        archive = Archive(binding) if self._tables else None
        with self._database.transaction(session, self._dialect.begin_write):
            outcomes = Writer(binding, session, ledger, archive, self._inbound_keys).write(writes)
            return self._with_records(session, binding, writes[0].kind, outcomes)

    @staticmethod
    def _with_records(session: Session, binding: Binding, kind: Kind, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
        """What the rows show inside the writing transaction, where nobody else's edit can lie between."""
        applied = [one.id for one in outcomes if one.status is Status.APPLIED and one.id is not None]
        if kind in (Kind.ARCHIVE, Kind.DELETE) or not applied:
            return outcomes
        records = RelationalSnapshot(binding, session).read(applied)
        return [
            Outcome(one.op_id, one.status, one.id, record=records.get(one.id or ""))
            if one.status is Status.APPLIED
            else one
            for one in outcomes
        ]

    def _inbound_keys(self, session: Session) -> Sequence[InboundKey]:
        if self._inbound is None:
            self._inbound = self._dialect.inbound_keys(session, self._describe(session))
        return self._inbound

    def _create_tables(self, session: Session, binding: Binding) -> None:
        """Make the engine-owned tables, before any transaction: MySQL commits at a CREATE TABLE."""
        if self._tables is not None:
            return
        schema, dialect = binding.shape.schema, self._dialect
        for name, definition in (
            (LEDGER_TABLE, Ledger(binding).definition()), (ARCHIVE_TABLE, Archive(binding).definition()),
        ):  # fmt: skip
            if dialect.table_exists(session, schema, name):
                continue
            try:
                session.run(definition)
            except self._database.faults as fault:
                if dialect.table_exists(session, schema, name):
                    continue  # another process made it at the same moment
                error = self._database.error(fault)
                if error.kind is not ErrorKind.CONFIGURATION:
                    raise
                self._tables = False
                return
        self._tables = True

    # Tags

    def find_tagged(self, link_ids: Sequence[str]) -> Mapping[str, str]:
        """Only records that exist, live or archived: a tag outlives a deleted record and proves nothing then."""
        with self._database.session() as session:
            binding = self._binding(session)
            if not self._dialect.table_exists(session, binding.shape.schema, LEDGER_TABLE):
                return {}
            entries = Ledger(binding).by_link(session, link_ids)
            alive = self._writer(session, binding).existing([entry.record_id for entry in entries.values()])
            return {link: entry.record_id for link, entry in entries.items() if entry.record_id in alive}

    def tags(self) -> pl.DataFrame:
        """Tags of records that exist, in scope or not."""
        with self._database.session() as session:
            binding = self._binding(session)
            if not self._dialect.table_exists(session, binding.shape.schema, LEDGER_TABLE):
                return pl.DataFrame(schema=TAG_SCHEMA)
            tags = Ledger(binding).all_tags(session)
            alive = self._writer(session, binding).existing([record_id for record_id, _ in tags])
        kept = [tag for tag in tags if tag[0] in alive]
        return pl.DataFrame({"id": [tag[0] for tag in kept], "link_id": [tag[1] for tag in kept]}, schema=TAG_SCHEMA)

    def _writer(self, session: Session, binding: Binding) -> Writer:
        archived = self._dialect.table_exists(session, binding.shape.schema, ARCHIVE_TABLE)
        return Writer(binding, session, Ledger(binding), Archive(binding) if archived else None, self._inbound_keys)

    def tag(self, links: Sequence[tuple[str, str]]) -> None:
        """The last operation of a record stays noted."""
        with self._database.session() as session:
            binding = self._binding(session)
            self._create_tables(session, binding)
            if not self._tables:
                raise SideError(ErrorKind.CONFIGURATION, f"{self.system}: {self._spec.object}: tags need the table "
                                f"{LEDGER_TABLE}; grant CREATE on its schema", code="ledger")  # fmt: skip
            ledger = Ledger(binding)
            with self._database.transaction(session, self._dialect.begin_write):
                known = ledger.by_record(session, [record_id for record_id, _ in links])
                ledger.put(session, [
                    Entry(record_id, link_id, known[record_id].last_op if record_id in known else None)
                    for record_id, link_id in links
                ], known)  # fmt: skip

    def close(self) -> None:
        """Release connections."""
        self._database.close()

    # Binding

    def _describe(self, session: Session) -> TableShape:
        if self._bound is not None:
            return self._bound.shape
        self._dialect.learn(session)
        shape = self._dialect.describe(session, self._spec.object)
        if shape is None:
            problems = [checking.missing_object(self._dialect, session, self._spec)]
            raise SideError(ErrorKind.CONFIGURATION, checking.as_sentence(problems), code="object")
        return shape

    def _binding(self, session: Session) -> Binding:
        if self._bound is None:
            shape = self._describe(session)
            problems = checking.missing_columns(shape, self._spec, self._columns)
            problems += [problem for problem in checking.without_key(shape, self._spec) if problem.blocking]
            if problems:
                message = f"{self.system}: {checking.as_sentence(problems)}"
                raise SideError(ErrorKind.CONFIGURATION, message, code="columns")
            self._bound = self._bind(shape)
        return self._bound

    def _bind(self, shape: TableShape) -> Binding:
        kinds = {column.name: column.type for column in self._columns}
        return Binding(self._dialect, self._database, self._spec, shape, kinds, self._pair)


def open_database(dialect: Dialect, system: str, target: str, url: str) -> Database:
    """The database behind a URL, not yet connected. Raises SideError(CONFIGURATION), never quoting the URL."""
    try:
        return Database(system, target, dialect, dialect.url(url))
    except ValueError as fault:
        raise SideError(ErrorKind.CONFIGURATION, f"{system}: {fault}", code="url") from None
