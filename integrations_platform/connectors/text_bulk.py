"""Moving the rows of a whole table as text, between databases of two sorts, into an empty table.

Owns which rows are plain, and the proof that the target shows what was sent: every row is read again in the same
transaction. Where the target spells it otherwise (JSON in its own order), both spellings must say the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from integrations_platform.connectors import text_rows
from integrations_platform.connectors.binding import Binding, xor_of
from integrations_platform.connectors.introspection import Family, NativeColumn
from integrations_platform.connectors.reading import RelationalSnapshot, digest_of
from integrations_platform.connectors.session import Row, Session
from integrations_platform.connectors.whole_table import Fill, WholeTable, total
from integrations_platform.unified_sync.loading_port import Demand, Form, Piece
from integrations_platform.unified_sync.port import ErrorKind, SideError

AT_ONCE = 2000  # rows read again by one statement
_INK = ((33, 126), (161, 5759), (12352, 55203))  # code points that are no blank of any sort


class Speech(Protocol):
    """How one sort of database speaks text. ``name`` is always a quoted column."""

    tells_json: bool
    """Whether it can say if a text is JSON."""

    def able(self, session: Session) -> bool:
        """Whether this server does."""

    def spelled(self, column: NativeColumn, name: str) -> str | None:
        """The SQL of a value, not NULL, in the form of its sort; None for types that are not moved so."""

    def joined(self, values: Sequence[str]) -> str:
        """The SQL of texts between separators."""

    def unmarked(self, name: str) -> str:
        """The SQL of whether a text contains neither separator nor mark."""

    def code(self, name: str) -> str:
        """The SQL of the code point that a text begins with."""

    def common(self, column: NativeColumn, sort: str | None, name: str) -> list[str]:
        """Conditions under which a value is one that both sorts of database have."""

    def rows(self, session: Session, binding: Binding, row: str, rest: str, params: Row) -> Iterator[pl.DataFrame]:
        """Ids, versions and texts (columns ``id``, ``version``, ``row``) of a query from FROM on."""

    def fill(self, session: Session, table: str, columns: Sequence[str], rows: pl.Series) -> None:
        """Insert rows given as text; ``columns`` are quoted."""


@dataclass(frozen=True)
class TextTable:
    """Fulfils ``loading_port.Texts``."""

    table: WholeTable
    speech: Speech

    def form(self, key: str, names: Mapping[str, str]) -> Form | None:
        """Only a table keyed by one column that is never NULL, all of whose bound columns have a common form."""
        with self.table.database.session() as session:
            binding, able = self.table.bind(session), self.speech.able(session)
        keyed = [one.name for one in binding.keys] == [key] and not binding.keys[0].nullable
        if not able or not keyed or binding.fingerprint_number is None:
            return None
        fields = []
        for name, field in names.items():
            column, kind = binding.shape.by_name[name], binding.kinds[name]
            sort = text_rows.sort_of(column, kind, binding.zone(column))
            free = not column.generated and column.identity != "always"
            free &= sort != "json" or column.family is Family.JSON or self.speech.tells_json
            if sort is None or not free or self.speech.spelled(column, binding.quote(name)) is None:
                return None
            fields.append((field, kind, sort))
        layout = text_rows.layout(fields)
        return Form(layout, layout)

    @contextmanager
    def export(self, names: Sequence[str], demands: Mapping[str, Demand]) -> Iterator[_Export]:
        """Inside one snapshot."""
        database = self.table.database
        with database.reading(self.table.dialect.begin_read) as session:
            with database.translated():
                binding = self.table.bind(session)
                mark = RelationalSnapshot(binding, session).mark()
                export = _Export(_Rows(session, binding, self.speech, names), total(session, binding), mark, demands)
            yield export

    @contextmanager
    def loading(self, load_id: str, names: Sequence[str], layout: str) -> Iterator[_Loading | None]:
        """Into an empty table."""
        with self.table.fill(load_id, empty=True) as fill:
            rows = None if fill is None else _Rows(fill.session, fill.binding, self.speech, names)
            yield None if fill is None or rows is None else _Loading(fill, rows, layout)


@dataclass(frozen=True)
class _Rows:
    """The rows of a table as text of these columns."""

    session: Session
    binding: Binding
    speech: Speech
    names: Sequence[str]

    def __call__(self, condition: str, params: Row) -> Iterator[pl.DataFrame]:
        rest = f"FROM {self.binding.table} WHERE {condition}"
        with self.binding.database.translated():
            row = self.speech.joined([self._spelled(name) for name in self.names])
            yield from self.speech.rows(self.session, self.binding, row, rest, params)

    def _spelled(self, name: str) -> str:
        column, quoted = self.binding.shape.by_name[name], self.binding.quote(name)
        value = self.speech.spelled(column, quoted)
        return f"COALESCE({value}, '{text_rows.NULL}')" if column.nullable else str(value)

    def plain(self, demands: Mapping[str, Demand]) -> list[str]:
        """Conditions under which a row can go over as text, and the target has what it demands."""
        return [test for name in self.names for test in self._plain(name, demands.get(name, Demand()))]

    def _plain(self, name: str, demand: Demand) -> Iterator[str]:
        column, quoted = self.binding.shape.by_name[name], self.binding.quote(name)
        sort = text_rows.sort_of(column, self.binding.kinds[name], self.binding.zone(column))
        tests = self.speech.common(column, sort, quoted)
        if column.family in (Family.DATE, Family.DATETIME, Family.INSTANT):
            tests += [f"{quoted} >= '0001-01-02'", f"{quoted} < '9999-12-31'"]
        if column.family in (Family.TEXT, Family.JSON):
            tests.append(self.speech.unmarked(quoted))
        if demand.longest is not None and (column.max_length is None or column.max_length > demand.longest):
            tests.append(f"CHAR_LENGTH({self.speech.spelled(column, quoted)}) <= {demand.longest}")
        if column.nullable and (demand.present or demand.filled):
            yield f"{quoted} IS NOT NULL"
        if demand.filled and column.family is Family.TEXT:
            # By the first character; what begins with a blank of any sort may be blank as a whole.
            code = self.speech.code(quoted)
            tests.append(" OR ".join(f"{code} BETWEEN {low} AND {high}" for low, high in _INK))
        if tests:
            every = " AND ".join(f"({test})" for test in tests)
            yield f"({quoted} IS NULL OR ({every}))" if column.nullable else every


@dataclass
class _Export:
    rows: _Rows
    total: int
    mark: str | None
    demands: Mapping[str, Demand]
    _sent: int = 0
    _number: int = 0

    @property
    def digest(self) -> str | None:
        return digest_of(self.rows.binding.digest_text(self._sent, self._number))

    def pieces(self) -> Iterator[Piece]:
        scope, params = self.rows.binding.scope
        for shown in self.rows(" AND ".join([scope, *self.rows.plain(self.demands)]), params):
            there = shown.filter(pl.col("row").is_not_null())  # NULL: more than the server can say at once
            self._sent, self._number = self._sent + there.height, self._number ^ xor_of(there["version"])
            yield Piece(there, there.select("id", pl.col("row").cast(pl.Binary)))


class _Loading:
    def __init__(self, fill: Fill, rows: _Rows, layout: str) -> None:
        self._fill, self._rows, self._layout = fill, rows, layout
        self._shown = [pl.DataFrame(schema={"id": pl.String, "version": pl.String, "version_a": pl.String})]

    def send(self, piece: Piece) -> None:
        sent, binding = piece.data, self._fill.binding
        with self._fill.database.translated():
            columns = [binding.quote(name) for name in self._rows.names]
            self._rows.speech.fill(self._fill.session, binding.table, columns, sent["row"])
        for some in sent.iter_slices(AT_ONCE):
            both = some.join(self._there(some["id"].to_list()), on="id", how="left", suffix="_b", maintain_order="left")
            for name, row, shown in both.filter(pl.col("row").ne_missing(pl.col("row_b"))).select(
                "id", "row", "row_b"
            ).iter_rows():  # fmt: skip
                self._hold(name, row, shown)
            self._shown.append(both.select("id", version="version_b", version_a="version"))

    def _there(self, ids: list[str]) -> pl.DataFrame:
        binding = self._fill.binding
        keys = [part for one in ids for part in binding.key(one) or ()]
        none = pl.DataFrame(schema={"id": pl.String, "version": pl.String, "row": pl.String})
        return pl.concat([none, *self._rows(binding.dialect.keys_in(binding.key_columns, len(keys)), tuple(keys))])

    def _hold(self, name: str, *spelled: str | None) -> None:
        """Raise SideError if a row shows something else than was sent."""
        try:
            sent, shown = text_rows.unpack(self._layout, [text.encode() for text in spelled if text is not None])
        except ValueError:
            sent, shown = "", None
        if sent != shown:
            message = f"{self._fill.binding.spec.object} does not show record {name} as it was sent"
            raise SideError(ErrorKind.PERMANENT, message, code="load")

    def versions(self) -> Iterator[pl.DataFrame]:
        yield from self._shown[1:]

    @property
    def digest(self) -> str | None:
        """Of a table without a scope, which shows no other rows than these."""
        binding = self._fill.binding
        if binding.spec.only:
            return None
        versions = pl.concat([shown.select("version") for shown in self._shown])["version"]
        return digest_of(binding.digest_text(len(versions), xor_of(versions)))

    def commit(self) -> None:
        self._fill.commit()
