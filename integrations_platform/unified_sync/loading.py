"""Filling an empty table with a whole other one: one operation instead of one for every record.

It is done only where nothing can go otherwise for a single record: nothing is linked yet, the target holds nothing, and
the match key is the id on both sides. Where both sides keep the fields in the same bytes, the rows pass through as they
are; else value by value (:mod:`.loading_values`). Either way it is one transaction of the target, and what both sides
showed is kept row by row, packed. Whatever is not plain (a required value that is blank, a date nobody can read) is
left for the ordinary plan, and if the target refuses anything, all of it is: the ordinary plan then finds the record
that is to blame.

The order is that of every write (B7): what was sent is stored before the target commits, and becomes the base after.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Protocol

import polars as pl

from integrations_platform.unified_sync.calls import Caller
from integrations_platform.unified_sync.forms import FieldPlace
from integrations_platform.unified_sync.loading_port import Bulk, Export, Form, Loadable, Way
from integrations_platform.unified_sync.loading_texts import as_texts
from integrations_platform.unified_sync.loading_values import by_value
from integrations_platform.unified_sync.plan import Plan
from integrations_platform.unified_sync.port import ErrorKind, SideError
from integrations_platform.unified_sync.quiet import named
from integrations_platform.unified_sync.report import RunReport
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform.unified_sync.spec import SIDES, FieldSpec, SideName, SyncSpec
from integrations_platform.unified_sync.store import AuditEntry, Lease, Observation, OpState, Role, Store
from integrations_platform.unified_sync.values import FieldType
from integrations_platform.unified_sync.watching import span

_log = logging.getLogger(__name__)

LOAD = "load:"  # how the names of loads begin, which are operations in the audit
ORIGIN = "A:"  # links that a load can hold are named after the source's record

PACKED = frozenset({
    FieldType.TEXT, FieldType.INTEGER, FieldType.DECIMAL, FieldType.BOOLEAN, FieldType.DATE, FieldType.DATETIME,
    FieldType.JSON, FieldType.EMAIL, FieldType.PHONE,
})  # fmt: skip
"""Types whose values are what the column holds, with nothing to recognise or to put in order."""


@dataclass(frozen=True, slots=True)
class Load:
    """One load as it is remembered. ``layout`` and ``key`` tell how its rows are read again, ``at`` when they were
    seen; open (``SENT``) until the written side is known to have committed or not. ``whole``: of an empty table, rather
    than of changes. ``number``: of two that hold a link, the later counts; the store gives it. ``gathered``: a later
    one holds its rows too."""

    load_id: str
    run_id: str
    layout: str
    key: FieldType
    records: int
    state: OpState
    at: datetime
    side: SideName = "B"
    whole: bool = True
    number: int = 0
    gathered: bool = False


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

    def packed(self, pair: str, layout: str, ids: pl.Series) -> pl.DataFrame:
        """Those of the links of these records that only a load knows, their rows being of that layout: columns ``id``,
        ``row``, and ``n``, the number of the base."""

    def unfinished(self, pair: str) -> Sequence[Load]:
        """Loads of which nobody knows yet what became."""


def settle_loads(spec: SyncSpec, callers: Mapping[SideName, Caller], store: Store, lease: Lease, run_id: str,
                 now: datetime) -> int:  # fmt: skip
    """Ask the written side what became of loads that an earlier run began; how many there were. Raises SideError."""
    loads = store.loads
    if loads is None:
        return 0
    waiting = [(load, side) for load in loads.unfinished(spec.name)
               if isinstance(side := callers[load.side].side, Loadable)]  # fmt: skip
    for load, side in waiting:
        done = callers[load.side].call(partial(side.is_loaded, load.load_id))
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
    loads, key = store.loads, key_of(spec) if _goes_whole(spec, places) else None
    if loads is None or key is None or store.has_links(spec.name):
        return False
    way = (
        _untouched(spec, places, callers, key)
        or as_texts(places, callers, key)
        or by_value(spec, places, callers, key)
    )  # fmt: skip
    if way is None:
        return False
    load = Load(f"{LOAD}{report.run_id}", report.run_id, way.layout, key.type, 0, OpState.SENT, runtime.clock())
    with span("load", {}), way.export() as export:
        if not export.total:
            return False
        try:
            count, digest = _fill(way, export, loads, load, store, lease, runtime, spec)
        except SideError as fault:
            if fault.effect_unknown:
                raise
            loads.end(lease, load.load_id, OpState.NOT_APPLIED, [])
            if fault.kind is ErrorKind.TRANSIENT:
                raise
            _log.info("the whole load was refused (%s); its records go one by one", fault.code or "no code")
            return False
        observed = Observation("A", load.at, export.total, complete=True, mark=named(spec, export.mark),
                               whole_at=load.at)  # fmt: skip
        if count == export.total:  # of rows that were left, the ordinary plan has yet to tell what becomes of them
            observed = replace(observed, digest=named(spec, digest if way.alike else export.digest))
    if count is None:
        return False
    line = _line(load, report.run_id, runtime.clock(), Role.WRITTEN, "loaded whole into the empty target", count)
    loads.end(lease, load.load_id, OpState.APPLIED, [line])
    report.counts.update(dict.fromkeys(("planned_b", "applied_b", "created_b", "loaded"), count))
    report.plan = Plan(spec, load.at)
    with store.transaction(lease) as tx:
        tx.put_observation(report.run_id, observed)
        digest = named(spec, digest)
        tx.put_observation(report.run_id, Observation("B", load.at, count, complete=True, digest=digest))
    if count < export.total:
        return False
    report.counts.update(dict.fromkeys(("active", "live_a", "live_b"), count))  # else the ordinary plan counts them
    return True


def _fill(
    way: Way, export: Export, loads: Loads, load: Load, store: Store, lease: Lease, runtime: Runtime, spec: SyncSpec
) -> tuple[int | None, str | None]:
    """How many records the target committed, or None when it was not empty; and what the target can be known by."""
    with way.loading(load.load_id) as loading:
        if loading is None:
            return None, None
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
        digest = loading.digest
        loading.commit()
    return count, digest


def key_of(spec: SyncSpec) -> FieldSpec | None:
    """The field that may identify a record on both sides, where loads can hold its link."""
    single = len(spec.match) == 1 and not spec.source.soft_delete and not spec.target.soft_delete
    return spec.field_named(spec.match[0]) if single else None


def _goes_whole(spec: SyncSpec, places: Sequence[FieldPlace]) -> bool:
    """Whether every field of every record goes over."""
    if not spec.may_write("B") or not spec.creates["A"] or spec.guards.canary:
        return False
    return all(place.spec.direction.allows("A") and not place.spec.transforms for place in places)


def _untouched(
    spec: SyncSpec, places: Sequence[FieldPlace], callers: Mapping[SideName, Caller], key: FieldSpec
) -> Way | None:
    """Rows as they are, where both sides keep them in the same bytes."""
    found = as_they_are(places, callers, key)
    if found is None:
        return None
    bulks, form = found
    required = [item.source[0] for item in spec.fields if item.required]
    return Way(form.layout, partial(bulks["A"].export, required), bulks["B"].loading, alike=True)


def as_they_are(
    places: Sequence[FieldPlace], callers: Mapping[SideName, Caller], key: FieldSpec
) -> tuple[Mapping[SideName, Bulk], Form] | None:
    """What moves rows of either side, and their form, where both sides keep them in the same bytes; else None. Raises
    SideError."""
    if not all(_travels_as_it_is(place) for place in places):
        return None
    names = {place.spec.source[0]: place.spec.name for place in places}
    bulks: dict[SideName, Bulk] = {}
    forms: dict[SideName, Form | None] = {}
    for name in SIDES:
        side = callers[name].side
        bulk = side.bulk if isinstance(side, Loadable) else None
        if bulk is None:
            return None
        bulks[name], forms[name] = bulk, callers[name].call(partial(bulk.form, key.source[0], names))
    form = forms["A"]
    return None if form is None or form != forms["B"] else (bulks, form)


def _travels_as_it_is(place: FieldPlace) -> bool:
    """Whether every value of one column is a value of the other, and the declaration asks for no less."""
    item, form = place.spec, place.form_a
    if form is None or len(item.source) != 1 or item.source != item.target or item.type not in PACKED or item.options:
        return False
    if item.transforms:
        return False
    digits, length = form.fraction_digits, form.max_length
    fits_scale = item.scale is None or (digits is not None and digits <= item.scale)
    return fits_scale and (item.max_length is None or (length is not None and length <= item.max_length))


def _line(load: Load, run_id: str, at: datetime, role: Role, rule: str, count: int | None = None) -> AuditEntry:
    records = load.records if count is None else count
    return AuditEntry(run_id, role, "", load.side, None, load.load_id, "", f"{rule}: {records:,} records", at)
