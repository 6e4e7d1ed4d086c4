"""Batches of records: read, create, update, upsert, archive.

Owns what becomes of a batch with a bad row: reported alone when every input carries a trace id of its own, else the
whole batch fails and nothing is kept.
"""

from __future__ import annotations

from collections import Counter

from starlette.responses import JSONResponse

from integrations_platform.sandbox.hubspot.answers import Batch, entry_of, invalid, refusal
from integrations_platform.sandbox.hubspot.asked import BATCH, BATCH_WITH_HISTORY, Asked
from integrations_platform.sandbox.hubspot.catalogue import Json
from integrations_platform.sandbox.hubspot.links_api import attach
from integrations_platform.sandbox.hubspot.portal import Duplicate, Refused, Stored, shown
from integrations_platform.sandbox.hubspot.records_api import link_targets, needed, shown_after
from integrations_platform.sandbox.vendor import VendorError


def read(asked: Asked) -> JSONResponse:
    """Records by id or unique property; those that are missing are one error entry."""
    kind, body = asked.kind(), asked.body
    histories = body.get("propertiesWithHistory") or []
    batch = asked.batch(BATCH_WITH_HISTORY if histories else BATCH)
    id_property = asked.unique_property(kind, body.get("idProperty"))
    names = asked.shown_properties(kind, body.get("properties") or [])
    archived, missing, seen = asked.flag("archived"), [], set()
    for one in body["inputs"]:
        record = asked.portal.find(kind, one["id"], id_property)
        if record is None or (record.archived is not None) != archived:
            missing.append(one["id"])
        elif record.id not in seen:
            seen.add(record.id)
            batch.results.append(shown(asked.portal, record, names, histories))
    batch.missing(missing)
    return batch.answer(asked.now())


def _traced(inputs: list[Json]) -> bool:
    """Whether single failures can be reported: every input has a trace id of its own."""
    traces = [one.get("objectWriteTraceId") for one in inputs]
    return all(traces) and len(set(traces)) == len(traces)


class _Writing:
    """One batch of writes: each input is checked, and kept at once (traced) or when all are known to be good."""

    def __init__(self, asked: Asked, *, in_part: bool) -> None:
        self._asked, self._in_part = asked, in_part
        self.batch = asked.batch()
        self._claimed: Counter[tuple[str, str]] = Counter()

    def checked(self, kind: str, given: Json, record: Stored | None) -> dict[str, str] | None:
        """Values to keep, or None for a row that was reported as failed. Raises VendorError for the whole batch."""
        portal = self._asked.portal
        try:
            values = portal.checked(kind, given["properties"], record)
            self._claim(kind, values)
        except (Refused, Duplicate) as fault:
            conflict = portal.switches.taken_value_is_conflict
            if not self._in_part:
                raise refusal(fault, names_id=True, taken_is_conflict=conflict) from None
            context = {"objectWriteTraceId": [given["objectWriteTraceId"]]}
            if isinstance(fault, Duplicate):
                context["existingId"] = [str(fault.record_id)]
            self.batch.refuse(entry_of(fault, taken_is_conflict=conflict), context)
            return None
        return values

    def _claim(self, kind: str, values: dict[str, str]) -> None:
        """Two rows of one batch cannot claim the same unique value; kept rows are found by the portal itself."""
        for name, value in values.items():
            if value and not self._in_part and self._asked.portal.properties[kind][name].unique:
                self._claimed[name, value.strip().lower()] += 1
                if self._claimed[name, value.strip().lower()] > 1:
                    fault = Duplicate(kind, name, 0)
                    raise refusal(fault, names_id=False, taken_is_conflict=True)

    def failed(self, given: Json, fault: VendorError) -> None:
        """Report a row that broke another rule. Raises it for the whole batch when single rows are not reported."""
        if not self._in_part:
            raise fault
        entry = {"status": "error", "category": fault.body["category"], "message": fault.body["message"]}
        self.batch.refuse(entry, {"objectWriteTraceId": [given["objectWriteTraceId"]]})


def create(asked: Asked) -> JSONResponse:
    """Create records."""
    kind, inputs = asked.kind(), asked.body["inputs"]
    in_part = _traced(inputs)
    writing = _Writing(asked, in_part=in_part)
    waiting = []
    for one in inputs:
        values = writing.checked(kind, one, None)
        if values is None:
            continue
        try:
            needed(kind, values)
            targets = link_targets(asked, kind, one.get("associations") or [])
        except VendorError as fault:
            writing.failed(one, fault)
            continue
        waiting.append((one, values, targets))
        if in_part:
            _keep(asked, kind, writing.batch, waiting)
    _keep(asked, kind, writing.batch, waiting)
    return writing.batch.answer(asked.now(), 201)


def _keep(
    asked: Asked, kind: str, batch: Batch, waiting: list[tuple[Json, dict[str, str], list[tuple[Stored, list[int]]]]]
) -> None:
    for one, values, targets in waiting:
        record = asked.portal.create(kind, values, asked.author)
        for target, type_ids in targets:
            attach(asked, record, target, type_ids)
        batch.results.append(shown_after(asked, record, one["properties"]))
    waiting.clear()


def update(asked: Asked) -> JSONResponse:
    """Set properties of records. A merged id reaches nobody here."""
    kind, inputs = asked.kind(), asked.body["inputs"]
    counted = Counter(one["id"] for one in inputs)
    if repeated := [key for key, count in counted.items() if count > 1]:
        raise invalid(f"Duplicate IDs found in batch input: [{', '.join(repeated)}]")
    in_part = _traced(inputs)
    writing = _Writing(asked, in_part=in_part)
    missing, waiting = [], []
    for one in inputs:
        record = asked.portal.find(kind, one["id"], asked.unique_property(kind, one.get("idProperty")))
        merged = one["id"].isdecimal() and asked.portal.survivor(kind, int(one["id"])) != int(one["id"])
        if record is None or record.archived is not None or merged:
            missing.append(one["id"])
            continue
        asked.check_lock(record)
        values = writing.checked(kind, one, record)
        if values is None:
            continue
        waiting.append((record, values, one))
        if in_part:
            _set(asked, writing.batch, waiting)
    _set(asked, writing.batch, waiting)
    writing.batch.missing(missing)
    return writing.batch.answer(asked.now())


def _set(asked: Asked, batch: Batch, waiting: list[tuple[Stored, dict[str, str], Json]]) -> None:
    for record, values, one in waiting:
        asked.portal.update(record, values, asked.author)
        batch.results.append(shown_after(asked, record, one["properties"]))
    waiting.clear()


def upsert(asked: Asked) -> JSONResponse:
    """Create or update by a unique property; each result says whether it is new."""
    kind, inputs = asked.kind(), asked.body["inputs"]
    by = {one["idProperty"] for one in inputs}
    if len(by) > 1:
        raise invalid("all inputs must use the same idProperty")
    in_part = _traced(inputs) and (by != {"email"} or asked.portal.switches.email_upserts_in_part)
    writing = _Writing(asked, in_part=in_part)
    for id_property in by:
        if asked.unique_property(kind, id_property) is None:
            raise invalid(f"{id_property} cannot be used to upsert {kind}")
    waiting: list[tuple[Stored | None, dict[str, str], Json]] = []
    for one in inputs:
        record = asked.portal.find(kind, one["id"], one["idProperty"])
        given = one | {"properties": {one["idProperty"]: one["id"]} | one["properties"]}
        values = writing.checked(kind, given, record)
        if values is None:
            continue
        if record is None:
            try:
                needed(kind, values)
            except VendorError as fault:
                writing.failed(one, fault)
                continue
        waiting.append((record, values, given))
        if in_part:
            _put(asked, kind, writing.batch, waiting)
    _put(asked, kind, writing.batch, waiting)
    return writing.batch.answer(asked.now())


def _put(asked: Asked, kind: str, batch: Batch, waiting: list[tuple[Stored | None, dict[str, str], Json]]) -> None:
    for record, values, one in waiting:
        if record is None:
            stored = asked.portal.create(kind, values, asked.author)
        else:
            stored = record
            asked.portal.update(stored, values, asked.author)
        batch.results.append(shown_after(asked, stored, one["properties"]) | {"new": record is None})
    waiting.clear()


def archive(asked: Asked) -> None:
    """Archive records; unknown and archived ones are no error."""
    kind = asked.kind()
    asked.batch()
    records = [asked.portal.find(kind, one["id"]) for one in asked.body["inputs"]]
    for record in records:
        if record is not None:
            asked.check_lock(record)
    for record in records:
        if record is not None:
            asked.portal.archive(record)
