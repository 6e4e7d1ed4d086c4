"""What syncs have to publish: the changes of a day from their audit, and the records they agree on as of now.

Reads the state and nothing else, so that publishing costs the synced systems no call. A day's changes are the same
whenever they are asked for, once it is over; a snapshot of the state can only be taken on its own day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import polars as pl

from integrations_platform.lake.errors import LakeError, Place, Trouble
from integrations_platform.unified_sync.links import load_base
from integrations_platform.unified_sync.spec import FieldSpec, SyncSpec
from integrations_platform.unified_sync.store import LinkState
from integrations_platform.unified_sync.values import Absent, FieldType, Invalid, Unresolved

if TYPE_CHECKING:
    from integrations_platform.state import SqlStore

CHANGE_SCHEMA: dict[str, pl.DataType] = {
    "sync": pl.String(),
    "number": pl.Int64(),
    "at": pl.Datetime("us", "UTC"),
    "run_id": pl.String(),
    "role": pl.String(),
    "link_id": pl.String(),
    "side": pl.String(),
    "record_id": pl.String(),
    "op_id": pl.String(),
    "field": pl.String(),
    "rule": pl.String(),
    "old": pl.String(),
    "new": pl.String(),
    "lost": pl.String(),
    "actor": pl.String(),
    "hash": pl.String(),
}
"""Columns of a day's changes: the audit's lines. ``side`` is source or target; values are JSON text."""

_SIDES = {"A": "source", "B": "target", None: None}
_PIECE = 20_000  # links whose values are in memory together
_TYPES: Mapping[FieldType, pl.DataType] = {
    FieldType.INTEGER: pl.Int64(),
    FieldType.BOOLEAN: pl.Boolean(),
    FieldType.DATE: pl.Date(),
    FieldType.DATETIME: pl.Datetime("us", "UTC"),
    FieldType.SET: pl.List(pl.String()),
}


def changes(store: SqlStore, syncs: Sequence[str], day: date, now: datetime, dataset: str) -> Iterator[pl.DataFrame]:
    """Every audit line of these syncs that was written on ``day`` (UTC), in order; one empty frame at least.

    Raises LakeError(REFUSED) for a day that is not over, StateError.
    """
    if day >= now.astimezone(UTC).date():
        what = "the day is not over, and its changes would be incomplete"
        raise LakeError(Trouble.REFUSED, Place(dataset, day), what, "publish it tomorrow")
    start = datetime.combine(day, time(), UTC)
    yield pl.DataFrame(schema=CHANGE_SCHEMA)
    for sync in sorted(syncs):
        lines = store.audit(sync, within=(start, start + timedelta(days=1)))
        while some := list(islice(lines, _PIECE)):
            rows = [
                {name: getattr(line.entry, name) for name in CHANGE_SCHEMA if hasattr(line.entry, name)}
                | {"sync": sync, "number": line.number, "hash": line.hash}
                | {"role": line.entry.role.value, "side": _SIDES[line.entry.side]}
                for line in some
            ]
            yield pl.DataFrame(rows, schema=CHANGE_SCHEMA)


def state(store: SqlStore, spec: SyncSpec, day: date, now: datetime, dataset: str) -> Iterator[pl.DataFrame]:
    """The linked records of a sync as its two sides last agreed on them; one empty frame at least.

    One column per field, as the source side says it; ``target_values`` is the target's own saying, JSON, where it
    differs. Raises LakeError(REFUSED) for any day but today (UTC): the past is not kept, and StateError.
    """
    if day != now.astimezone(UTC).date():
        what = "a snapshot of this day was not taken then, and cannot be taken later"
        raise LakeError(Trouble.REFUSED, Place(dataset, day), what, "publish today's, every day")
    schema = state_schema(spec)
    yield pl.DataFrame(schema=schema)
    links = store.links(spec.name).filter(pl.col("state") == LinkState.ACTIVE.value)
    for some in links.iter_slices(_PIECE):
        bases = store.bases(spec.name, some["link_id"].to_list())
        rows: list[dict[str, Any]] = []
        for link_id, id_a, id_b in some.select("link_id", "id_a", "id_b").iter_rows():
            base = bases.get(link_id)
            values = load_base(spec, base.values_a if base else None)
            rows.append(
                {"link_id": link_id, "source_id": id_a, "target_id": id_b}
                | {"agreed_at": base.agreed_at if base else None, "target_values": base.values_b if base else None}
                | {_column(item): _cell(item, values.get(item.name)) for item in spec.fields}
            )
        try:
            yield pl.DataFrame(rows, schema=schema)
        except (OverflowError, TypeError, pl.exceptions.PolarsError) as fault:
            what = f"a value does not fit its column ({str(fault)[:100]})"
            raise LakeError(Trouble.REFUSED, Place(dataset, day), what, "declare the field as text") from None


def state_schema(spec: SyncSpec) -> dict[str, pl.DataType]:
    """Columns of a sync's state."""
    schema: dict[str, pl.DataType] = {"link_id": pl.String(), "source_id": pl.String(), "target_id": pl.String()}
    schema["agreed_at"] = pl.Datetime("us", "UTC")
    schema |= {_column(item): _dtype(item) for item in spec.fields}
    return schema | {"target_values": pl.String()}


_OWN = {"link_id", "source_id", "target_id", "agreed_at", "target_values"}


def _column(item: FieldSpec) -> str:
    """The field's name; marked where it is a column of ours."""
    return f"field_{item.name}" if item.name in _OWN else item.name


def _dtype(item: FieldSpec) -> pl.DataType:
    if item.type is FieldType.DECIMAL and item.scale is not None:
        return pl.Decimal(38, item.scale)
    # A decimal without a declared scale stays text: every digit counts.
    return _TYPES.get(item.type, pl.String())


def _cell(item: FieldSpec, value: Any) -> Any:
    """A value as its column takes it; what has no canonical form is empty here and quarantined there."""
    if value is None or isinstance(value, Absent | Invalid | Unresolved):
        return None
    if item.type is FieldType.SET:
        return list(value)
    if item.type is FieldType.DECIMAL and item.scale is None:
        return str(value)
    return value
