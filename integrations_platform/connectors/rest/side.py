"""An object of a described API as a side: records to canonical values and back, one call for each write.

Before an update or a removal the record is read again, and one that changed since the plan is left alone; between that
look and the write somebody may still edit it, so this is no compare-and-set and is not claimed to be.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from integrations_platform.connectors import http_json
from integrations_platform.connectors.rest.client import RestClient, has, put, within
from integrations_platform.connectors.rest.description import Change
from integrations_platform.unified_sync.port import (
    LISTING_SCHEMA,
    TAG_SCHEMA,
    BoundColumn,
    Capabilities,
    ClockReading,
    ColumnForm,
    ErrorKind,
    Kind,
    Listing,
    Outcome,
    Presence,
    Problem,
    Record,
    SideError,
    Snapshot,
    Status,
    Write,
)
from integrations_platform.unified_sync.spec import SideSpec
from integrations_platform.unified_sync.values import (
    ABSENT,
    FieldType,
    Invalid,
    NotCanonical,
    Value,
    Values,
    canonical,
    dumps,
    to_json,
)


class RestSide:
    """Fulfils :class:`port.Side`. Used from one thread. ``clock`` is the engine's."""

    def __init__(
        self, client: RestClient, spec: SideSpec, columns: Sequence[BoundColumn], clock: Callable[[], datetime]
    ) -> None:
        self._client, self._spec, self._columns, self._clock = client, spec, tuple(columns), clock
        self._target = client.target

    @property
    def system(self) -> str:
        """Name under ``systems:``."""
        return self._spec.system

    @property
    def requests(self) -> int:
        """See :class:`port.Counted`."""
        return self._client.api.requests

    @property
    def capabilities(self) -> Capabilities:
        """Tags where the description names a column for them; removal where it names the call."""
        target = self._target
        return Capabilities(tags=bool(target.external_id), delete=target.delete is not None, batch_limit=100)

    # Looking

    def check(self) -> Sequence[Problem]:
        """See :meth:`port.Side.check`: columns, and the calls that writing needs."""
        problems = [self._undeclared(name) for name in self._missing()]
        written = [column.name for column in self._columns if column.written]
        problems += [
            Problem(f"the API does not let {name} be written", "sync it one way only", column=name)
            for name in written
            if name in self._target.columns and not self._target.columns[name].writable
        ]
        for verb, change in (("create", self._target.create), ("update", self._target.update)):
            if written and change is None:
                what = f"the description of {self._target.name} has no call to {verb} a record"
                problems.append(Problem(what, f"add `{verb}:` to it, or sync this side one way only"))
        if not self._target.external_id:
            what = f"{self._target.name} has no column for the link id, by which a create whose answer is lost is found"
            problems.append(Problem(what, "name one as `external_id:`", blocking=False))
        next(self._client.pages(), None)
        return problems

    def columns(self) -> Mapping[str, ColumnForm]:
        """See :meth:`port.Side.columns`: as declared."""
        return {
            column.name: ColumnForm(
                column.name, nullable=column.nullable, writable=column.writable, max_length=column.max_length,
                fraction_digits=column.scale, native_type=column.type,
            )
            for bound in self._columns
            if (column := self._target.columns.get(bound.name)) is not None
        }  # fmt: skip

    def clock(self) -> ClockReading:
        """By the Date of an answer; a service that sends none is given a minute either way."""
        next(self._client.pages(), None)
        return self._client.api.clock_reading or ClockReading(timedelta(), timedelta(minutes=1))

    # Reading

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """What the listing showed; see :class:`RestSnapshot`."""
        yield RestSnapshot(self)

    def read(self, ids: Sequence[str]) -> Mapping[str, Record]:
        """Each by a call of its own."""
        self._refuse_undeclared()
        found = ((record_id, self._client.read(record_id)) for record_id in dict.fromkeys(ids))
        records = (self.record(data) for _, data in found if data is not None)
        return {record.id: record for record in records if record.id in set(ids)}

    def everything(self) -> tuple[list[Record], str]:
        """All records, and why they may not be all ("" when they are)."""
        self._refuse_undeclared()
        records: dict[str, Record] = {}
        reason, first, count = "", None, 0
        for page, total in self._client.pages():
            count += len(page)
            first = total if first is None else first
            if total != first:
                reason = "the number of records changed while they were read"
            for data in page:
                record = self.record(data)
                if record.id in records:
                    reason = "records moved between pages while they were read"
                records[record.id] = record
        if first is not None and first != count:
            reason = reason or f"the API counts {first} records and listed {count}"
        return list(records.values()), reason

    def record(self, data: Any) -> Record:
        """A record as the engine sees it. Raises SideError for one without an id."""
        target = self._target
        record_id = within(data, target.key)
        if not isinstance(record_id, str | int) or isinstance(record_id, bool) or record_id == "":
            message = f"{self.system}: {target.name}: a record has no id at {target.key!r}; check `key:`"
            raise SideError(ErrorKind.CONFIGURATION, message, code="key")
        values = {column.name: self._value(data, column.name, column.type) for column in self._columns}
        link_id = within(data, target.external_id) if target.external_id else None
        modified = self._value(data, target.modified, FieldType.DATETIME) if target.modified else None
        return Record(
            str(record_id), _version(values), values, self._presence(data),
            modified if isinstance(modified, datetime) else None, link_id=str(link_id) if link_id else None,
        )  # fmt: skip

    def _value(self, data: Any, path: str, kind: FieldType) -> Value:
        if not has(data, path):
            return None if self._target.omits_empty else ABSENT
        raw = within(data, path)
        try:
            return canonical(kind, raw, self._spec.zone)
        except NotCanonical as fault:
            return Invalid(str(raw)[:200], str(fault))

    def _presence(self, data: Any) -> Presence:
        for column, accepted in self._spec.only.items():
            kind = self._target.columns[column].type if column in self._target.columns else FieldType.TEXT
            if self._value(data, column, kind) not in accepted:
                return Presence.OUT_OF_SCOPE
        return Presence.LIVE

    # Writing

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """One after the other; after a fault that is not the record's own, the rest is left for another try."""
        self._refuse_undeclared()
        outcomes: list[Outcome] = []
        for at, write in enumerate(writes):
            try:
                outcomes.append(self._one(write))
            except SideError as fault:
                if fault.kind is ErrorKind.PERMANENT:
                    outcomes.append(Outcome(write.op_id, Status.REJECTED, write.id, fault.code, fault.message))
                    continue
                if not outcomes and len(writes) == 1:
                    raise
                if fault.effect_unknown:
                    outcomes.append(Outcome(write.op_id, Status.UNKNOWN, write.id, fault.code, fault.message))
                    at += 1
                elif not outcomes:
                    raise
                rest = writes[at:]
                outcomes += [Outcome(each.op_id, Status.RETRYABLE, each.id, fault.code, fault.message) for each in rest]
                break
        return outcomes

    def _one(self, write: Write) -> Outcome:
        if write.kind is Kind.CREATE:
            made = self._client.change(self._call("create"), None, self._body({}, write.values, write.link_id))
            if made is None or within(made, self._target.key) is None:
                message = f"{self.system}: {self._target.name}: the answer to a create holds no record; check `record:`"
                raise SideError(ErrorKind.TRANSIENT, message, code="answer", effect_unknown=True)
            record = self.record(made)
            return Outcome(write.op_id, Status.APPLIED, record.id)
        if write.id is None or (seen := self._client.read(write.id)) is None:
            return Outcome(write.op_id, Status.STALE, write.id)
        if write.expected_version is not None and self.record(seen).version != write.expected_version:
            return Outcome(write.op_id, Status.STALE, write.id)
        if write.kind is Kind.UPDATE:
            how = self._call("update")
            self._client.change(how, write.id, self._body(seen if how.method == "PUT" else {}, write.values, ""))
        else:
            self._client.change(self._call("delete"), write.id, None)
        return Outcome(write.op_id, Status.APPLIED, write.id)

    def _call(self, verb: str) -> Change:
        change: Change | None = getattr(self._target, verb)
        if change is None:
            message = f"{self.system}: {self._target.name}: the description has no call to {verb} a record"
            raise SideError(ErrorKind.CONFIGURATION, f"{message}; add `{verb}:`", code="description")
        return change

    def _body(self, start: Any, values: Values, link_id: str) -> Any:
        body = deepcopy(start) if start else {}
        for name, value in values.items():
            put(body, name, _plain(self._target.columns[name].type, value))
        if link_id and self._target.external_id:
            put(body, self._target.external_id, link_id)
        return body

    # Tags

    def find_tagged(self, link_ids: Sequence[str]) -> Mapping[str, str]:
        """By a whole listing: a search of an API nobody knows may lag behind."""
        wanted = set(link_ids)
        return {link: record_id for record_id, link in self.tags().rows() if link in wanted}

    def tags(self) -> pl.DataFrame:
        """See :meth:`port.Side.tags`."""
        tagged = [(record.id, record.link_id) for record in self.everything()[0] if record.link_id]
        return pl.DataFrame(tagged, schema=TAG_SCHEMA, orient="row")

    def tag(self, links: Sequence[tuple[str, str]]) -> None:
        """One update each."""
        for record_id, link_id in links:
            how = self._call("update")
            start = self._client.read(record_id) if how.method == "PUT" else {}
            self._client.change(how, record_id, self._body(start, {}, link_id))

    def close(self) -> None:
        """Release connections."""
        self._client.close()

    def _missing(self) -> list[str]:
        return [column.name for column in self._columns if column.name not in self._target.columns]

    def _undeclared(self, name: str) -> Problem:
        what = f"{self._target.name} has no column {name} in its description"
        return Problem(what, f"declare it, or use one of {', '.join(self._target.columns)}", column=name)

    def _refuse_undeclared(self) -> None:
        for name in self._missing():
            problem = self._undeclared(name)
            message = f"{self.system}: {problem.message}; {problem.remedy}"
            raise SideError(ErrorKind.CONFIGURATION, message, code="columns")


class RestSnapshot:
    """One reading of all pages; records it saw are given from it, so that both readings agree."""

    def __init__(self, side: RestSide) -> None:
        self._side = side
        self._seen: dict[str, Record] = {}

    def digest(self) -> None:
        """Only the listing itself would tell."""

    def newest(self) -> None:
        """Asking costs as much as listing what changed."""

    def listing(self) -> Listing:
        """See :meth:`port.Snapshot.listing`."""
        records, reason = self._side.everything()
        self._seen = {record.id: record for record in records}
        shown = [(r.id, r.version, r.presence.value) for r in records if r.presence is not Presence.OUT_OF_SCOPE]
        return Listing(pl.DataFrame(shown, schema=LISTING_SCHEMA, orient="row"), not reason, reason)

    def read(self, ids: Sequence[str]) -> Mapping[str, Record]:
        """See :meth:`port.Snapshot.read`."""
        unseen = [record_id for record_id in ids if record_id not in self._seen]
        known = {record_id: self._seen[record_id] for record_id in ids if record_id in self._seen}
        return {**known, **self._side.read(unseen)} if unseen else known


def _version(values: Values) -> str:
    """Over names and values, so that a version over other columns never compares equal."""
    text = f"{','.join(sorted(values))}\n{dumps(values)}"
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]


def _plain(kind: FieldType, value: Value) -> Any:
    """A canonical value as JSON."""
    if kind is FieldType.DECIMAL:
        return value  # a number with all its digits
    if kind is FieldType.JSON and isinstance(value, str):
        return http_json.parse(value.encode())
    return to_json(value)
