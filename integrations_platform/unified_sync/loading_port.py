"""What a side offers that can be read and filled as a whole, and the two ways rows get from one to the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import polars as pl

from integrations_platform.unified_sync.port import Record
from integrations_platform.unified_sync.spec import SideName
from integrations_platform.unified_sync.values import FieldType, Value, Values

VALUES = "values"
"""The layout of rows that are the values of their fields, as JSON by name."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a side's rows are packed. Sides of one ``token`` keep the same values in the same bytes, and show equal
    records under equal versions. ``layout`` tells the store how to read a packed row again."""

    token: str
    layout: str


@dataclass(frozen=True, slots=True)
class Piece:
    """Some plain rows: as they are sent, and packed, one by one, with their record ids (columns ``id``, ``row``)."""

    data: Any
    rows: pl.DataFrame


class Export(Protocol):
    """A table being read at one moment."""

    @property
    def total(self) -> int:
        """How many records are in scope, plain or not."""

    @property
    def mark(self) -> str | None:
        """The moment they are read at, where the side is :class:`.port.Marking`."""

    def pieces(self) -> Iterator[Piece]:
        """The plain rows. Raises SideError."""

    @property
    def digest(self) -> str | None:
        """What :meth:`.port.Snapshot.digest` says of all that was read, where it is known without another look."""


class Loading(Protocol):
    """A transaction of the target into which rows are sent."""

    def send(self, piece: Piece) -> None:
        """Raises SideError."""

    def versions(self) -> Iterator[pl.DataFrame]:
        """End the sending; ids and versions (columns ``id``, ``version``) of all that the table shows now, and
        ``version_a`` where the source shows others."""

    @property
    def digest(self) -> str | None:
        """What :meth:`.port.Snapshot.digest` says of all that was shown, where it is known without another look."""

    def commit(self) -> None:
        """Make it last. Raises SideError, possibly with an unknown effect."""


@dataclass(frozen=True, slots=True)
class Respelling:
    """A value that changed in its bytes, and may say the same as before. ``row``: which of the compared rows it is."""

    row: int
    field: str
    before: Value
    now: Value


class Changing(Protocol):
    """A transaction in which rows of a table are replaced and added."""

    def send(self, rows: pl.DataFrame) -> None:
        """Rows to write (columns ``id``, ``row``, ``expected``): the version the record must still have, or null for a
        record that must not be there yet. Raises SideError."""

    def versions(self) -> Iterator[pl.DataFrame]:
        """End the sending and write; ids and versions (columns ``id``, ``version``) of what took effect. What is
        missing was no longer as expected. Raises SideError."""

    def commit(self) -> None:
        """Make it last. Raises SideError, possibly with an unknown effect."""


class Bulk(Protocol):
    """Moving rows of one table without reading them."""

    def form(self, key: str, names: Mapping[str, str]) -> Form | None:
        """Of rows with these columns, which are fields of those ``names``. None where rows cannot be moved as they
        are, or ``key`` is not the column that identifies them. Raises SideError."""

    def export(self, required: Sequence[str]) -> AbstractContextManager[Export]:
        """Read the table; rows that lack a value in a ``required`` column are not plain. Raises SideError."""

    def loading(self, load_id: str) -> AbstractContextManager[Loading | None]:
        """Fill the table, leaving ``load_id`` as the receipt; None when it is not empty. Undone unless committed."""

    def pick(self, ids: Sequence[str], required: Sequence[str]) -> Iterator[pl.DataFrame]:
        """The plain rows of these records, packed, and their versions (columns ``id``, ``row``, ``version``), all of
        one moment. Records that a write of the engine's own left its receipt on stay out. Raises SideError."""

    def compare(self, layout: str, rows: pl.DataFrame) -> tuple[pl.DataFrame, Iterator[Respelling]]:
        """How packed rows (column ``row``) differ from what they were (``before``): by field, whether its bytes do; and
        those differing values that may be one value in two spellings."""

    def changing(self, load_id: str) -> AbstractContextManager[Changing | None]:
        """Replace and add rows, leaving ``load_id`` as the receipt; None where no receipt can be left. Undone unless
        committed."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What a record needs in a column to be plain: at most ``longest`` characters; a value (``present``); one that is
    not blank (``filled``)."""

    longest: int | None = None
    present: bool = False
    filled: bool = False


class Texts(Protocol):
    """Moving rows of one table as text, which databases of several sorts write and read alike."""

    def form(self, key: str, names: Mapping[str, str]) -> Form | None:
        """Of rows with these columns, in this order, which are fields of those names. None where they cannot be moved
        so, or ``key`` is not the column that identifies them. Raises SideError."""

    def export(self, names: Sequence[str], demands: Mapping[str, Demand]) -> AbstractContextManager[Export]:
        """Read these columns of the table; rows that do not meet the ``demands`` are not plain. Raises SideError."""

    def loading(self, load_id: str, names: Sequence[str], layout: str) -> AbstractContextManager[Loading | None]:
        """As :meth:`Bulk.loading`."""


class Pages(Protocol):
    """All records of a side at one moment. ``total``: how many."""

    total: int

    def records(self) -> Iterator[Sequence[Record]]:
        """They, some thousand at a time. Raises SideError."""


class Filling(Protocol):
    """A transaction of the target into which records are written."""

    def write(self, rows: Sequence[Values]) -> Sequence[Record | None]:
        """Create records of these columns; each as the table shows it now, in the same order. Raises SideError."""

    def commit(self) -> None:
        """Make it last. Raises SideError, possibly with an unknown effect."""


@runtime_checkable
class Loadable(Protocol):
    """A side that can be read and filled as a whole."""

    @property
    def bulk(self) -> Bulk | None:
        """Moving rows without reading them, where it can."""

    @property
    def texts(self) -> Texts | None:
        """Moving rows as text, where it can."""

    @property
    def keys(self) -> Sequence[str]:
        """The columns whose values are the record id. Raises SideError."""

    def pages(self) -> AbstractContextManager[Pages]:
        """Read the whole. Raises SideError."""

    def filling(self, load_id: str) -> AbstractContextManager[Filling | None]:
        """Fill it, leaving ``load_id`` as the receipt; None when it is not empty. Undone unless committed."""

    def is_loaded(self, load_id: str) -> bool:
        """Whether that load was committed; waits for whoever may still commit it. Raises SideError."""


@dataclass(frozen=True, slots=True)
class Way:
    """How rows get from one side to the other. ``alike``: both show them under the same versions, and so know all of
    them by the same digest."""

    layout: str
    export: Callable[[], AbstractContextManager[Export]]
    loading: Callable[[str], AbstractContextManager[Loading | None]]
    alike: bool = False


@dataclass(frozen=True, slots=True)
class Carriage:
    """Rows to be written to ``side``: ``id``, ``row``, ``version`` (as the other side shows it), ``expected`` (as this
    one does; null for a record to be made) and ``n``, the number its base will have. ``changed``: in how many records
    a field changed."""

    side: SideName
    bulk: Bulk
    layout: str
    key: FieldType
    rows: pl.DataFrame
    changed: Counter[str]
