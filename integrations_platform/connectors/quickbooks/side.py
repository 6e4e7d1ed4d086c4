"""One object of a QuickBooks company as a side of a sync.

Owns the order of things; what is read and written is in :mod:`.reading` and :mod:`.writing`. It never retries.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta

import polars as pl

from integrations_platform.connectors.http_errors import HttpError
from integrations_platform.connectors.quickbooks import checking
from integrations_platform.connectors.quickbooks.client import BATCH_MOST, Client
from integrations_platform.connectors.quickbooks.objects import OBJECTS, BookObject
from integrations_platform.connectors.quickbooks.projection import VOID, Projection
from integrations_platform.connectors.quickbooks.reading import QuickBooksSnapshot, read_records
from integrations_platform.connectors.quickbooks.writing import Writer
from integrations_platform.unified_sync.port import (
    TAG_SCHEMA,
    BoundColumn,
    Capabilities,
    ClockReading,
    ColumnForm,
    ErrorKind,
    Outcome,
    Problem,
    Record,
    SideError,
    Snapshot,
    Write,
)
from integrations_platform.unified_sync.spec import SideSpec

_MOST_A_CALL = 3 * BATCH_MOST  # changes go by thirties: a hundred would need a fourth batch for the last ten


class QuickBooksSide:
    """Fulfils :class:`port.Side` for one object. Used from one thread; connects to nothing before it must."""

    def __init__(self, client: Client, spec: SideSpec, columns: Sequence[BoundColumn]) -> None:
        self._client, self._spec, self._columns = client, spec, tuple(columns)
        self._book: BookObject | None = OBJECTS.get(spec.object.lower())
        self._projection = None if self._book is None else Projection(self._book, spec, columns)
        self._writer: Writer | None = None

    @property
    def system(self) -> str:
        """Name under ``systems:``."""
        return self._spec.system

    @property
    def requests(self) -> int:
        """See :class:`port.Counted`."""
        return self._client.requests

    @property
    def capabilities(self) -> Capabilities:
        """No tags: no field of QuickBooks' list entities holds an id of ours and is unique."""
        lists = self._book is None or self._book.lists
        return Capabilities(
            compare_and_set=True, replays=True, archive=lists or self._spec.soft_delete == VOID, delete=not lists,
            batch_limit=_MOST_A_CALL,
        )  # fmt: skip

    # Looking

    def check(self) -> Sequence[Problem]:
        """See :meth:`port.Side.check`."""
        if self._book is None:
            return [checking.unknown_object(self._spec)]
        try:
            self._client.company()
            preferences = self._client.preferences()
        except SideError as fault:
            if fault.kind is ErrorKind.TRANSIENT:
                raise
            return [Problem(fault.message, "correct this system's settings")]
        return checking.findings(self._book, self._spec, self._columns, preferences)

    def columns(self) -> Mapping[str, ColumnForm]:
        """See :meth:`port.Side.columns`."""
        if self._book is None:
            raise self._misdeclared(checking.unknown_object(self._spec))
        known = self._book.columns
        return {each.name: known[each.name].form(nul_text=False) for each in self._columns if each.name in known}

    def clock(self) -> ClockReading:
        """By the Date of an answer; whole seconds, as QuickBooks' times of change are."""
        with suppress(HttpError):  # a refusal is dated, too
            self._client.company()
        reading = self._client.clock_reading
        if reading is None:
            message = f"{self.system}: QuickBooks tells no time (no Date header)"
            raise SideError(ErrorKind.TRANSIENT, message, code="clock")
        return ClockReading(reading.offset, reading.uncertainty + timedelta(seconds=1))

    # Reading

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """See :meth:`port.Side.snapshot`."""
        yield QuickBooksSnapshot(self._client, self._bound)

    def read(self, ids: Sequence[str]) -> Mapping[str, Record]:
        """See :meth:`port.Side.read`."""
        return read_records(self._client, self._bound, ids)

    # Writing

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """See :meth:`port.Side.write`; a refused write is REJECTED by itself, whatever is in the batch."""
        if self._writer is None:
            self._writer = Writer(self._client, self._bound)
        return self._writer.write(writes)

    # Tags

    def find_tagged(self, link_ids: Sequence[str]) -> Mapping[str, str]:
        """Nothing: there are no tags."""
        del link_ids
        return {}

    def tags(self) -> pl.DataFrame:
        """None."""
        return pl.DataFrame(schema=TAG_SCHEMA)

    def tag(self, links: Sequence[tuple[str, str]]) -> None:
        """Refused: tags are not claimed."""
        if links:
            message = f"{self.system}: QuickBooks keeps no link ids; nothing was written"
            raise SideError(ErrorKind.PERMANENT, message, code="tags")

    def close(self) -> None:
        """Release connections."""
        self._client.close()

    @property
    def _bound(self) -> Projection:
        """Raises SideError(CONFIGURATION) for an object or a column that QuickBooks does not have."""
        if self._book is None or self._projection is None:
            raise self._misdeclared(checking.unknown_object(self._spec))
        for column in self._columns:
            if column.name not in self._book.columns:
                raise self._misdeclared(checking.unknown_column(self._book, self._spec, column.name))
        return self._projection

    def _misdeclared(self, problem: Problem) -> SideError:
        message = f"{self.system}: {problem.message} ({problem.remedy})"
        return SideError(ErrorKind.CONFIGURATION, message, code="column" if problem.column else "object")
