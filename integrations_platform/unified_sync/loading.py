"""Filling an empty table with a whole other one: one operation instead of one for every record.

It is done only where nothing can go otherwise for a single record: nothing is linked yet, the target holds nothing, the
fields are the same columns on both sides, and the sides keep them in the same bytes. Then the rows pass through as they
are, in one transaction of the target, and what both sides showed is kept as packed rows rather than value by value.
Whatever is not plain (a required value that is blank, a date nobody can read) is left for the ordinary plan, and if the
target refuses anything, all of it is: the ordinary plan then finds the record that is to blame.

The order is that of every write (B7): what was sent is stored before the target commits, and becomes the base after.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

import polars as pl

from integrations_platform.unified_sync.calls import Caller
from integrations_platform.unified_sync.forms import FieldPlace
from integrations_platform.unified_sync.plan import Plan
from integrations_platform.unified_sync.port import ErrorKind, SideError
from integrations_platform.unified_sync.report import RunReport
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform.unified_sync.spec import FieldSpec, SideName, SyncSpec
from integrations_platform.unified_sync.store import AuditEntry, Lease, Observation, OpState, Role, Store
from integrations_platform.unified_sync.values import FieldType
from integrations_platform.unified_sync.watching import span

_log = logging.getLogger(__name__)

PACKED = frozenset({
    FieldType.TEXT, FieldType.INTEGER, FieldType.DECIMAL, FieldType.BOOLEAN, FieldType.DATE, FieldType.DATETIME,
    FieldType.JSON, FieldType.EMAIL, FieldType.PHONE,
})  # fmt: skip
"""Types whose values are what the column holds, with nothing to recognise or to put in order."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a side's rows are packed. Sides of one ``token`` keep the same values in the same bytes, and show equal
    records under equal versions. ``layout`` tells the store how to read a packed row again."""

    token: str
    layout: str


@dataclass(frozen=True, slots=True)
class Piece:
    """Some packed rows: as they are sent, and one by one with their record ids (columns ``id`` and ``row``)."""

    data: bytes
    rows: pl.DataFrame


class Export(Protocol):
    """A table being read at one moment. ``total``: its records in scope, plain or not."""

    total: int

    def pieces(self) -> Iterator[Piece]:
        """The plain rows. Raises SideError."""


class Loading(Protocol):
    """A transaction of the target into which rows are sent."""

    def send(self, piece: Piece) -> None:
        """Raises SideError."""

    def versions(self) -> Iterator[pl.DataFrame]:
        """End the sending; ids and versions (columns ``id``, ``version``) of all that the table shows now."""

    def commit(self) -> None:
        """Make it last. Raises SideError, possibly with an unknown effect."""


class Bulk(Protocol):
    """Moving the whole of one table."""

    def form(self, key: str, names: Mapping[str, str]) -> Form | None:
        """Of rows with these columns, which are fields of those ``names``. None where rows cannot be moved as they
        are, or ``key`` is not the column that identifies them. Raises SideError."""

    def export(self, required: Sequence[str]) -> AbstractContextManager[Export]:
        """Read the table; rows that lack a value in a ``required`` column are not plain. Raises SideError."""

    def loading(self, load_id: str) -> AbstractContextManager[Loading | None]:
        """Fill the table, leaving ``load_id`` as the receipt; None when it is not empty. Undone unless committed."""

    def is_loaded(self, load_id: str) -> bool:
        """Whether that load was committed, asked once nobody can commit it any more. Raises SideError."""


@runtime_checkable
class OffersBulk(Protocol):
    """A side whose whole table can be moved."""

    @property
    def bulk(self) -> Bulk | None:
        """How, if this one can."""


@dataclass(frozen=True, slots=True)
class Load:
    """One load as it is remembered. ``layout`` and ``key`` tell how its rows are read again, ``at`` when they were
    seen; open (``SENT``) until the target is known to have committed or not."""

    load_id: str
    run_id: str
    layout: str
    key: FieldType
    records: int
    state: OpState
    at: datetime


class Loads(Protocol):
    """Where loads are remembered. All methods that write are fenced by the lease; they raise LeaseLost."""

    def begin(self, lease: Lease, load: Load) -> None:
        """An open load without rows."""

    def add(self, lease: Lease, load_id: str, number: int, rows: pl.DataFrame) -> None:
        """A piece of what is sent."""

    def vouch(self, lease: Lease, load_id: str, number: int, versions: pl.DataFrame) -> None:
        """A piece of what the target shows, before it commits."""

    def end(self, lease: Lease, load_id: str, state: OpState, audit: Sequence[AuditEntry]) -> None:
        """Make the load's rows the base of that many links, or forget them."""

    def unfinished(self, pair: str) -> Sequence[Load]:
        """Loads of which nobody knows yet what became."""


def settle_loads(spec: SyncSpec, callers: Mapping[SideName, Caller], store: Store, lease: Lease, run_id: str,
                 now: datetime) -> int:  # fmt: skip
    """Ask the target what became of loads that an earlier run began; how many there were. Raises SideError."""
    loads, bulk = store.loads, _bulk(callers["B"])
    if loads is None or bulk is None:
        return 0
    waiting = loads.unfinished(spec.name)
    for load in waiting:
        done = callers["B"].call(lambda name=load.load_id: bulk.is_loaded(name))  # type: ignore[misc]
        line = _line(load, run_id, now, Role.RECOVERED, "an interrupted load had been committed")
        loads.end(lease, load.load_id, OpState.APPLIED if done else OpState.NOT_APPLIED, [line] if done else [])
    return len(waiting)


def load_whole(
    spec: SyncSpec,
    places: Sequence[FieldPlace],
    callers: Mapping[SideName, Caller],
    store: Store,
    lease: Lease,
    runtime: Runtime,
    report: RunReport,
) -> bool:
    """Fill the empty target if that is all there is to do; whether nothing is left for the ordinary plan.

    Raises SideError of a side that cannot be reached, LeaseLost.
    """
    source, target, loads = _bulk(callers["A"]), _bulk(callers["B"]), store.loads
    key = _key(spec, places)
    if source is None or target is None or loads is None or key is None or not store.links(spec.name).is_empty():
        return False
    names = {item.source[0]: item.name for item in spec.fields}
    form = callers["A"].call(lambda: source.form(key.source[0], names))
    if form is None or form != callers["B"].call(lambda: target.form(key.target[0], names)):
        return False
    load = Load(f"load:{report.run_id}", report.run_id, form.layout, key.type, 0, OpState.SENT, runtime.clock())
    required = [item.source[0] for item in spec.fields if item.required]
    with span("load", {}), source.export(required) as export:
        observed = Observation("A", load.at, export.total, complete=True)
        try:
            count = _fill(target, export, loads, load, store, lease, runtime, spec)
        except SideError as fault:
            if fault.effect_unknown:
                raise
            loads.end(lease, load.load_id, OpState.NOT_APPLIED, [])
            if fault.kind is ErrorKind.TRANSIENT:
                raise
            _log.info("the whole load was refused (%s); its records go one by one", fault.code or "no code")
            return False
    if count is None:
        return False
    line = _line(load, report.run_id, runtime.clock(), Role.WRITTEN, "loaded whole into the empty target", count)
    loads.end(lease, load.load_id, OpState.APPLIED, [line])
    report.counts.update(dict.fromkeys(("planned_b", "applied_b", "created_b", "loaded"), count))
    report.plan = Plan(spec, load.at)
    with store.transaction(lease) as tx:
        tx.put_observation(report.run_id, observed)
        tx.put_observation(report.run_id, Observation("B", load.at, count, complete=True))
    if count < export.total:
        return False
    report.counts.update(dict.fromkeys(("active", "live_a", "live_b"), count))  # else the ordinary plan counts them
    return True


def _fill(
    target: Bulk, export: Export, loads: Loads, load: Load, store: Store, lease: Lease, runtime: Runtime, spec: SyncSpec
) -> int | None:
    """How many records the target committed, or None when it was not empty."""
    with target.loading(load.load_id) as loading:
        if loading is None:
            return None
        loads.begin(lease, load)
        count, stage = 0, f"writing to {spec.target.place}"
        for number, piece in enumerate(export.pieces()):
            runtime.progress(stage, count, export.total)
            loading.send(piece)
            loads.add(lease, load.load_id, number, piece.rows)
            count += piece.rows.height
            store.renew(lease, runtime.lease_seconds, runtime.clock())
        runtime.progress(stage, export.total, export.total)
        shown = 0
        for number, versions in enumerate(loading.versions()):
            loads.vouch(lease, load.load_id, number, versions)
            shown += versions.height
        if shown != count:
            message = f"{spec.target.system}: {count} records were sent and {shown} are there"
            raise SideError(ErrorKind.PERMANENT, message, code="load")
        store.renew(lease, runtime.lease_seconds, runtime.clock())  # whoever took over has asked for the receipt by now
        loading.commit()
    return count


def _bulk(caller: Caller) -> Bulk | None:
    return caller.side.bulk if isinstance(caller.side, OffersBulk) else None


def _key(spec: SyncSpec, places: Sequence[FieldPlace]) -> FieldSpec | None:
    """The field that identifies a record on both sides, if all fields may travel as they are."""
    if len(spec.match) != 1 or not spec.may_write("B") or not spec.creates["A"]:
        return None
    if spec.source.soft_delete or spec.target.soft_delete or spec.guards.canary:
        return None
    return spec.field_named(spec.match[0]) if all(_travels_as_it_is(place) for place in places) else None


def _travels_as_it_is(place: FieldPlace) -> bool:
    """Whether every value of one column is a value of the other, and the declaration asks for no less."""
    item, form = place.spec, place.form_a
    if form is None or len(item.source) != 1 or item.source != item.target or item.type not in PACKED:
        return False
    if item.transforms or item.options or not item.direction.allows("A"):
        return False
    digits, length = form.fraction_digits, form.max_length
    fits_scale = item.scale is None or (digits is not None and digits <= item.scale)
    return fits_scale and (item.max_length is None or (length is not None and length <= item.max_length))


def _line(load: Load, run_id: str, at: datetime, role: Role, rule: str, count: int | None = None) -> AuditEntry:
    records = load.records if count is None else count
    return AuditEntry(run_id, role, "", "B", None, load.load_id, "", f"{rule}: {records:,} records", at)
