"""Filling an empty table value by value, between sides that keep the same things in different bytes.

Owns which records are plain here: those of which the target keeps every value as the source shows it. They are written
some thousand at a time and read again in the same transaction; a record that then shows anything else ends the load.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

import polars as pl

from integrations_platform.unified_sync.calls import Caller
from integrations_platform.unified_sync.forms import TEXTUAL, FieldPlace, Unrepresentable
from integrations_platform.unified_sync.loading_port import (
    VALUES,
    Export,
    Filling,
    Loadable,
    Loading,
    Pages,
    Piece,
    Way,
)
from integrations_platform.unified_sync.port import ErrorKind, Record, SideError
from integrations_platform.unified_sync.spec import SIDES, FieldSpec, SideName, SyncSpec
from integrations_platform.unified_sync.values import AS_READ, FieldType, Value, Values, dumps

_VERSIONS = {"id": pl.String, "version": pl.String, "version_a": pl.String}
_ROWS = {"id": pl.String, "row": pl.Binary}


def by_value(
    spec: SyncSpec, places: Sequence[FieldPlace], callers: Mapping[SideName, Caller], key: FieldSpec
) -> Way | None:
    """The way of values, if both sides can be had whole and every field is one column on each. Raises SideError."""
    source, target = (callers[name].side for name in SIDES)
    if not isinstance(source, Loadable) or not isinstance(target, Loadable):
        return None
    if key.type not in (FieldType.INTEGER, FieldType.TEXT, FieldType.UUID) or not all(map(_goes_over, places)):
        return None
    identified = callers["A"].call(lambda: source.keys), callers["B"].call(lambda: target.keys)
    if identified != ([*key.source], [*key.target]):
        return None

    @contextmanager
    def export() -> Iterator[Export]:
        with source.pages() as pages:
            yield _Export(places, pages)

    @contextmanager
    def loading(load_id: str) -> Iterator[Loading | None]:
        with target.filling(load_id) as filling:
            yield None if filling is None else _Loading(spec.target.place, filling)

    return Way(VALUES, export, loading)


def _goes_over(place: FieldPlace) -> bool:
    item, form = place.spec, place.form_b
    single = len(item.source) == 1 and len(item.target) == 1
    return single and place.form_a is not None and form is not None and form.writable and item.type != FieldType.REF


@dataclass(frozen=True, slots=True)
class _Sent:
    """A plain record; ``fields`` and ``columns`` of the target hold the same values."""

    record: Record
    fields: Values
    columns: Values


class _Export:
    mark = digest = None

    def __init__(self, places: Sequence[FieldPlace], pages: Pages) -> None:
        self.total, self._pages = pages.total, pages
        self._columns = [(item.spec.source[0], item.spec.name, item.spec.target[0], _keeping(item)) for item in places]

    def pieces(self) -> Iterator[Piece]:
        for records in self._pages.records():
            plain = [one for one in map(self._plain, records) if one is not None]
            rows = {"id": [one.record.id for one in plain], "row": [dumps(one.fields).encode() for one in plain]}
            yield Piece(plain, pl.DataFrame(rows, schema=_ROWS))

    def _plain(self, record: Record) -> _Sent | None:
        """The record's fields, if each is kept by the target as it is."""
        fields, columns, values = {}, {}, record.values
        for source, name, target, keeps in self._columns:
            value = fields[name] = columns[target] = values[source]
            if not keeps(value):
                return None
        return _Sent(record, fields, columns)


def _keeping(place: FieldPlace) -> Callable[[Value], bool]:
    """Whether the target shows a value of the field as the source does, and nothing that is required is missing."""

    def keeps(value: Value) -> bool:
        try:
            return not place.cleared_or_missing(value) and place.carry(value, "B") == value
        except Unrepresentable:
            return False

    form, item = place.form_b, place.spec
    as_read = AS_READ.get(item.type)
    if form is None or item.options or form.options:
        return keeps
    if as_read is bool or as_read is date:
        return lambda value: type(value) is as_read or keeps(value)
    if item.type not in TEXTUAL or form.trims or form.lower_cases or not form.four_byte_text:
        return keeps
    limit = min(length for length in (form.max_length, item.max_length, sys.maxsize) if length is not None)

    def keeps_text(value: Value) -> bool:
        if type(value) is str and len(value) <= limit and "\x00" not in value:
            return bool(not item.required or value.strip())
        return keeps(value)

    return keeps_text  # most values, and a third of the time


class _Loading:
    digest = None

    def __init__(self, place: str, filling: Filling) -> None:
        self._place, self._filling = place, filling
        self._shown: list[pl.DataFrame] = []

    def send(self, piece: Piece) -> None:
        sent: Sequence[_Sent] = piece.data
        shown = self._filling.write([one.columns for one in sent])
        for one, record in zip(sent, shown, strict=True):
            if record is None or record.id != one.record.id or record.values != one.columns:
                message = f"{self._place} does not show record {one.record.id} as it was sent"
                raise SideError(ErrorKind.PERMANENT, message, code="load")
        versions = {
            "id": [one.record.id for one in sent],
            "version": [record.version for record in shown if record is not None],
            "version_a": [one.record.version for one in sent],
        }
        self._shown.append(pl.DataFrame(versions, schema=_VERSIONS))

    def versions(self) -> Iterator[pl.DataFrame]:
        yield from self._shown

    def commit(self) -> None:
        self._filling.commit()
