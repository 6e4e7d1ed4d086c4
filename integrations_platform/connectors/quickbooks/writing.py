"""Writes to QuickBooks: one request for each create, batches for what a SyncToken guards, one outcome for each.

A create is protected by its requestid (and by its unique name or number), so it travels alone. Anything else is refused
by QuickBooks when its token is stale; whether a batch's requestid is honoured does not matter then. Its requestid names
the version too: after a loss of the state an operation may have the id of one done long ago, on an older version, and
QuickBooks would repeat that one's answer and do nothing. Outcomes of a batch are attributed by bId.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integrations_platform.connectors.http_errors import HttpError
from integrations_platform.connectors.quickbooks.client import BATCH_MOST, Client, literal
from integrations_platform.connectors.quickbooks.errors import THROTTLED_SECONDS, Fault, fault_in
from integrations_platform.connectors.quickbooks.projection import VOID, Entity, Projection, UnfitError
from integrations_platform.connectors.quickbooks.reading import read_entities, read_records
from integrations_platform.unified_sync.port import ErrorKind, Kind, Outcome, Presence, SideError, Status, Write

_NAMESPACE = uuid.UUID("6f1b1f0e-3d2c-5b52-9f43-0b5f5d1f6a10")
_OURS = {"5010": Status.STALE, "3001": Status.RETRYABLE, "10000": Status.UNKNOWN}
_TAKEN = ("6240", "6140")


@dataclass(frozen=True)
class _Request:
    """A write as it is sent; ``operation`` is that of a batch item."""

    write: Write
    operation: str
    body: Mapping[str, Any]


def request_id(*parts: str) -> str:
    """The requestid of a write, or of a batch of them: the same for the same, at most 50 characters."""
    return str(uuid.uuid5(_NAMESPACE, "\0".join(parts)))


def _guarded(write: Write) -> tuple[str, str]:
    """What makes a write to a record one and the same: its operation, and the version it was planned from."""
    return write.op_id, write.expected_version or ""


class Writer:
    """Carries out the writes of one side. It remembers creates whose answer was lost, to know them when they are found
    under the name they were to have."""

    def __init__(self, client: Client, projection: Projection) -> None:
        self._client, self._projection = client, projection
        self._unsure: set[str] = set()

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """See :meth:`port.Side.write`."""
        if not writes:
            return []
        return self._create(writes) if writes[0].kind is Kind.CREATE else self._change(writes)

    # Creates

    def _create(self, writes: Sequence[Write]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for position, write in enumerate(writes):
            try:
                outcomes.append(self._create_one(write))
            except SideError as fault:
                if position == 0:
                    raise
                outcomes += _unsent(fault, writes[position : position + 1], writes[position + 1 :])
                break
        return outcomes

    def _create_one(self, write: Write) -> Outcome:
        kind = self._projection.book.kind
        try:
            body = self._projection.body(write.values, None)
            entity = self._client.write(kind, body, request_id(write.op_id))
        except UnfitError as fault:
            return Outcome(write.op_id, Status.REJECTED, code="unfit", message=str(fault))
        except HttpError as fault:
            if fault.kind is ErrorKind.PERMANENT:
                return self._refused_create(write, fault_in(fault.data) or Fault(fault.code), fault.message)
            self._unsure |= {write.op_id} if fault.status >= 500 else set()
            raise
        except SideError as fault:
            self._unsure |= {write.op_id} if fault.code != "budget" else set()
            raise
        if self._client.repeated(entity):
            return Outcome(write.op_id, Status.ALREADY, str(entity["Id"]))
        return self._applied(write, entity)

    def _refused_create(self, write: Write, fault: Fault, message: str) -> Outcome:
        if fault.code in _TAKEN:
            kind, holder = self._holder(write)
            ours = kind == self._projection.book.kind and holder is not None
            if ours and holder is not None and write.op_id in self._unsure and self._is_ours(write, holder):
                return Outcome(write.op_id, Status.ALREADY, str(holder["Id"]))
            return self._duplicate(write, fault, message, (kind, holder))
        return Outcome(write.op_id, Status.REJECTED, code=fault.code, message=message)

    def _is_ours(self, write: Write, holder: Entity) -> bool:
        """Whether the holder of the name is what our earlier, unanswered attempt made: untouched, with all we sent."""
        shown = self._projection.record(holder).values
        same = all(shown.get(name) == value for name, value in write.values.items() if value not in (None, ""))
        return same and str(holder["SyncToken"]) == "0"

    # Changes

    def _change(self, writes: Sequence[Write]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        requests: list[_Request] = []
        present = self._present(writes)
        for write in writes:
            prepared = self._prepared(write, present)
            (outcomes if isinstance(prepared, Outcome) else requests).append(prepared)  # type: ignore[arg-type]
        if len(requests) == 1:
            outcomes.append(self._alone(requests[0]))
        else:
            for start in range(0, len(requests), BATCH_MOST):
                try:
                    outcomes += self._together(requests[start : start + BATCH_MOST])
                except SideError as fault:
                    if start == 0:
                        raise
                    left = [each.write for each in requests[start:]]
                    outcomes += _unsent(fault, left[:BATCH_MOST], left[BATCH_MOST:])
                    break
        return outcomes

    def _present(self, writes: Sequence[Write]) -> Mapping[str, Entity]:
        """The entities that must be known in full before they can be written."""
        wanted = [
            write.id or ""
            for write in writes
            if write.kind is Kind.RESTORE
            or write.expected_version is None
            or (write.kind is Kind.UPDATE and self._projection.needs_present(write.values))
        ]
        return read_entities(self._client, self._projection, wanted) if wanted else {}

    def _prepared(self, write: Write, present: Mapping[str, Entity]) -> _Request | Outcome:
        entity = present.get(write.id or "")
        token = self._projection.token(write.expected_version)
        if write.expected_version is None and entity is not None:
            token = str(entity["SyncToken"])
        if token is None or not write.id or (entity is not None and str(entity["SyncToken"]) != token):
            return self._stale(write)
        held: dict[str, Any] = {"Id": write.id, "SyncToken": token}
        sparse = held | {"sparse": True}
        lists = self._projection.book.lists
        try:
            if write.kind is Kind.DELETE:
                return self._unable(write, "deleted; archive it") if lists else _Request(write, "delete", held)
            if write.kind is Kind.ARCHIVE:
                if lists:
                    return _Request(write, "update", sparse | {"Active": False})
                voids = self._projection.spec.soft_delete == VOID
                return _Request(write, "void", held) if voids else self._unable(
                    write, "archived; declare `soft_delete: void` to void invoices, or on_delete: delete"
                )  # fmt: skip
            if write.kind is Kind.RESTORE:
                if not lists:
                    return self._unable(write, "brought back once voided; enter it anew")
                if entity is None:
                    return self._stale(write)
                return _Request(write, "update", sparse | self._revived(entity) | self._told(write, entity))
            if entity is None and self._projection.needs_present(write.values):
                return self._stale(write)
            if entity is not None and self._projection.clears(write.values):
                return _Request(write, "update", self._projection.whole(write.values, entity) | held)
            return _Request(write, "update", sparse | self._told(write, entity))
        except UnfitError as fault:
            return Outcome(write.op_id, Status.REJECTED, write.id, "unfit", str(fault))

    def _told(self, write: Write, entity: Entity | None) -> dict[str, Any]:
        return self._projection.body(write.values, entity)

    def _revived(self, entity: Entity) -> dict[str, Any]:
        """Active again, under the name it had."""
        name = self._projection.book.naming
        return {"Active": True, name: self._projection.name_of(entity)}

    def _alone(self, request: _Request) -> Outcome:
        write, operation = request.write, request.operation
        try:
            entity = self._client.write(
                self._projection.book.kind, request.body, request_id(*_guarded(write)),
                operation=operation if operation in ("delete", "void") else None,
            )  # fmt: skip
        except HttpError as fault:
            if fault.kind is not ErrorKind.PERMANENT:
                raise
            return self._refused(write, fault_in(fault.data) or Fault(fault.code), fault.message)
        return self._applied(write, entity)

    def _together(self, requests: Sequence[_Request]) -> list[Outcome]:
        kind = self._projection.book.kind
        by_bid = {request.write.op_id: request for request in requests}
        bids = {request_id(op_id): op_id for op_id in by_bid}
        items = [
            {"bId": bid, "operation": by_bid[op_id].operation, kind: by_bid[op_id].body} for bid, op_id in bids.items()
        ]
        named = [part for request in requests for part in _guarded(request.write)]
        answered = self._client.batch(items, request_id("batch", *named))
        return list(self._read_batch(answered, {bid: by_bid[op_id] for bid, op_id in bids.items()}))

    def _read_batch(self, answered: Sequence[Mapping[str, Any]], sent: Mapping[str, _Request]) -> Iterator[Outcome]:
        kind = self._projection.book.kind
        for item in answered:
            request = sent.get(str(item.get("bId")))
            if request is None:
                continue
            fault, entity = fault_in(item), item.get(kind)
            if fault is not None:
                message = f"{self._client.system}: {kind} {request.write.id}: {fault.message} (code {fault.code})"
                yield self._refused(request.write, fault, message)
            elif isinstance(entity, dict) and str(entity.get("Id")) == request.write.id:
                yield self._applied(request.write, entity)

    # Outcomes

    def _applied(self, write: Write, entity: Entity) -> Outcome:
        if write.kind in (Kind.ARCHIVE, Kind.DELETE):
            return Outcome(write.op_id, Status.APPLIED, str(entity["Id"]))
        record = self._projection.record(entity)
        return Outcome(write.op_id, Status.APPLIED, record.id, record=record)

    def _refused(self, write: Write, fault: Fault, message: str) -> Outcome:
        if fault.code == "3001":
            self._client.throttled(THROTTLED_SECONDS, "call")
        if fault.code in ("5010", "610"):
            return self._moved(write, fault, message)
        if fault.code in _TAKEN:
            return self._duplicate(write, fault, message, self._holder(write))
        return Outcome(write.op_id, _OURS.get(fault.code, Status.REJECTED), write.id, fault.code, message)

    def _moved(self, write: Write, fault: Fault, message: str) -> Outcome:
        """The record is not as expected: done already, gone, changed, or it refers to an inactive one (610)."""
        try:
            record = read_records(self._client, self._projection, [write.id or ""]).get(write.id or "")
        except SideError:  # whatever was written beside this one is written: the engine asks about this one alone
            return Outcome(write.op_id, Status.UNKNOWN, write.id)
        if write.kind in (Kind.ARCHIVE, Kind.DELETE) and (record is None or record.presence is Presence.ARCHIVED):
            return Outcome(write.op_id, Status.ALREADY, write.id)
        if fault.code == "610" and record is not None:
            return Outcome(write.op_id, Status.REJECTED, write.id, fault.code, message)
        return self._stale(write)

    def _stale(self, write: Write) -> Outcome:
        message = f"{self._client.system}: {self._projection.book.kind} {write.id}: changed since it was read"
        return Outcome(write.op_id, Status.STALE, write.id, "stale", message)

    def _unable(self, write: Write, what: str) -> Outcome:
        kind = self._projection.book.kind
        message = f"{self._client.system}: {kind} {write.id}: {kind.lower()}s cannot be {what}"
        return Outcome(write.op_id, Status.REJECTED, write.id, "unsupported", message)

    def _duplicate(self, write: Write, fault: Fault, message: str, held: tuple[str, Entity | None]) -> Outcome:
        kind, holder = held
        what = "document number" if fault.code == "6140" else "name"
        taken = f"the {what} is taken by {kind} {holder['Id']}; give one of them another {what}" if holder else message
        text = taken if holder is None else f"{self._client.system}: {self._projection.book.kind}: {taken}"
        return Outcome(write.op_id, Status.REJECTED, write.id, "duplicate", text)

    def _holder(self, write: Write) -> tuple[str, Entity | None]:
        """The kind and the entity that has the name or number this write wants; None where it is not found."""
        book = self._projection.book
        name = write.values.get(book.naming)
        if not isinstance(name, str):
            return book.kind, None
        for kind in (book.kind, *book.shares_name_with):
            statement = f"SELECT * FROM {kind} WHERE {book.naming} = {literal(name)} MAXRESULTS 1"
            try:
                found = self._client.query(kind, statement)
            except SideError:  # it only makes the message better
                break
            for entity in found:
                if str(entity["Id"]) != write.id:
                    return kind, entity
        return book.kind, None


def _unsent(fault: SideError, now: Sequence[Write], later: Sequence[Write]) -> list[Outcome]:
    """Outcomes where a call failed after others had gone well, so that those keep theirs: the engine asks about
    ``now``, which the failed request held, if it may have been carried out; ``later`` was not sent."""
    status = Status.UNKNOWN if fault.effect_unknown else Status.RETRYABLE
    return [Outcome(write.op_id, status, write.id, fault.code, fault.message) for write in now] + [
        Outcome(write.op_id, Status.RETRYABLE, write.id, fault.code, fault.message) for write in later
    ]
