"""Entities as the engine sees them, and values as QuickBooks takes them.

Owns which value stands at which path, the version of what is shown, scope and presence. The `` (deleted)`` that
QuickBooks appends to the name of an inactive record is not part of any value.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from integrations_platform.connectors.introspection import Family, NativeColumn, suggested_type
from integrations_platform.connectors.quickbooks.lines import UnfitLinesError, sent_lines, shown_lines
from integrations_platform.connectors.quickbooks.objects import BookObject
from integrations_platform.connectors.quickbooks.one_line import PREFIX, sent_line, shown_member
from integrations_platform.unified_sync.port import BoundColumn, Presence, Record
from integrations_platform.unified_sync.spec import SideSpec
from integrations_platform.unified_sync.values import (
    ABSENT,
    Absent,
    Invalid,
    NotCanonical,
    Unresolved,
    Value,
    canonical,
    compact_json,
    dumps,
)

Entity = Mapping[str, Any]
VOID = "void"  # as `soft_delete:` of invoices: archiving voids, and a voided invoice is an archived one
_HIDDEN_NAME = re.compile(r" \(deleted(?: \d+)?\)$")
_NAMES = ("DisplayName", "Name", "FullyQualifiedName")


class UnfitError(ValueError):
    """A value that QuickBooks has no form for; the message names the column and never holds the value."""


class Projection:
    """One object bound to the columns of one sync."""

    def __init__(self, book: BookObject, spec: SideSpec, columns: Sequence[BoundColumn]) -> None:
        self.book, self.spec = book, spec
        self.bound = {column.name: column for column in columns}
        listed = compact_json([(name, column.type.value) for name, column in sorted(self.bound.items())])
        self._prefix = hashlib.sha256(f"{book.kind}{listed}".encode()).hexdigest()[:6]
        self._scope = {
            name: {canonical(suggested_type(book.columns[name]), value) for value in accepted}
            for name, accepted in spec.only.items()
            if name in book.columns
        }

    # Reading

    def record(self, entity: Entity) -> Record:
        """An entity as a record."""
        presence = self.presence(entity)
        values = {name: self._value(entity, column) for name, column in self.bound.items()}
        changed = at_path(entity, "MetaData.LastUpdatedTime")
        return Record(
            str(entity["Id"]),
            self._version(entity, presence, values),
            values,
            presence,
            datetime.fromisoformat(changed) if isinstance(changed, str) else None,
        )

    def presence(self, entity: Entity) -> Presence:
        """Out of scope, archived (inactive, or voided where that counts), or live."""
        for name, accepted in self._scope.items():
            kind = suggested_type(self.book.columns[name])
            if self._read(entity, self.book.columns[name], kind) not in accepted:
                return Presence.OUT_OF_SCOPE
        if self.book.lists:
            return Presence.LIVE if entity.get("Active", True) else Presence.ARCHIVED
        voided = self.spec.soft_delete == VOID and entity.get("PrivateNote") == "Voided"
        return Presence.ARCHIVED if voided else Presence.LIVE

    def name_of(self, entity: Entity) -> str:
        """The unique name of an entity, as it was before it was made inactive."""
        name = str(entity.get(self.book.naming, ""))
        return name if entity.get("Active", True) else _HIDDEN_NAME.sub("", name)

    def token(self, version: str | None) -> str | None:
        """The SyncToken of a version, or None for a version of other columns: that one never holds."""
        prefix, _, rest = (version or "").partition(":")
        return rest.partition(":")[0] if prefix == self._prefix and rest else None

    def _version(self, entity: Entity, presence: Presence, values: Mapping[str, Value]) -> str:
        # The token alone would miss what follows from other entities (a balance, a parent's name) without moving it.
        seen = hashlib.sha256(f"{presence}{dumps(values)}".encode()).hexdigest()[:16]
        return f"{self._prefix}:{entity['SyncToken']}:{seen}"

    def _value(self, entity: Entity, column: BoundColumn) -> Value:
        native = self.book.columns.get(column.name)
        return ABSENT if native is None else self._read(entity, native, column.type)

    def _read(self, entity: Entity, native: NativeColumn, kind: Any) -> Value:
        try:
            if native.name == "Line":
                return canonical(kind, compact_decimal(shown_lines(entity.get("Line") or [])))
            if native.name.startswith(PREFIX):
                raw = shown_member(entity.get("Line") or [], native.name)
            else:
                raw = at_path(entity, native.name)
        except UnfitLinesError as fault:
            return Invalid("", str(fault))
        if raw is None or raw == "":
            return None
        if native.name in _NAMES and isinstance(raw, str) and not entity.get("Active", True):
            raw = _HIDDEN_NAME.sub("", raw)
        try:
            return canonical(kind, raw)
        except NotCanonical as fault:
            return Invalid(str(raw), str(fault))

    # Writing

    def needs_present(self, values: Mapping[str, Value]) -> bool:
        """Whether a change of these columns must be told together with what is there now: members of an address, the
        lines, and anything cleared, which only a full update can say."""
        return any("." in name or name == "Line" or _is_empty(value) for name, value in values.items())

    def clears(self, values: Mapping[str, Value]) -> bool:
        """Whether a column is emptied."""
        return any(_is_empty(value) for value in values.values())

    def body(self, values: Mapping[str, Value], present: Entity | None) -> dict[str, Any]:
        """Members to send for these columns; an object of which one member changes is sent whole.

        ``present`` is the entity as it is, for a create None. Raises UnfitError.
        """
        sent: dict[str, Any] = {}
        sold: dict[str, Any] = {}
        for name, value in values.items():
            native = self.book.columns.get(name)
            if native is None or native.generated:
                raise UnfitError(f"column {name} cannot be written")
            if isinstance(value, Absent):
                continue
            head, _, member = name.partition(".")
            if name.startswith(PREFIX):
                sold[name] = None if _is_empty(value) else _encoded(native, value)
            elif member:
                whole = sent.setdefault(head, dict((present or {}).get(head) or {}))
                whole.pop(member, None)
                if not _is_empty(value):
                    whole[member] = _encoded(native, value)
            elif name == "Line":
                sent[name] = self._lines(value, present)
            elif _is_empty(value):
                sent[name] = None
            else:
                sent[name] = _encoded(native, value)
        if sold:
            sent["Line"] = self._one_line(sold, present)
        if sent.get("ParentRef") is not None and self.book.kind == "Customer":
            sent["Job"] = True
        # A member without a value is not sent: to a sparse update that means "leave it", to a full one "none".
        return {name: value for name, value in sent.items() if value is not None and value != {}}

    def whole(self, values: Mapping[str, Value], present: Entity) -> dict[str, Any]:
        """The entity with these columns changed, for a full update: what it leaves out is emptied."""
        changed = self.body(values, present)
        gone = {name.partition(".")[0] for name in values} - changed.keys()
        computed = {name for name, native in self.book.columns.items() if native.generated} - {"Active"}
        kept = {
            name: value for name, value in present.items()
            if name not in gone | computed | {"MetaData", "domain", "sparse", "status"}
        }  # fmt: skip
        return kept | changed

    def _lines(self, value: Value, present: Entity | None) -> list[dict[str, Any]]:
        try:
            parsed = json.loads(str(value), parse_float=Decimal) if value is not None else []
            return sent_lines(parsed, (present or {}).get("Line") or [])
        except (UnfitLinesError, ValueError) as fault:
            raise UnfitError(f"column Line: {fault if isinstance(fault, UnfitLinesError) else 'no JSON'}") from None

    def _one_line(self, members: Mapping[str, Any], present: Entity | None) -> list[dict[str, Any]]:
        try:
            return sent_line(members, (present or {}).get("Line") or [])
        except UnfitLinesError as fault:
            raise UnfitError(f"{' and '.join(sorted(members))}: {fault}") from None


def at_path(entity: Entity, path: str) -> Any:
    """The value at a dotted path; a reference is its id."""
    value: Any = entity
    for name in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value.get("value") if isinstance(value, Mapping) and path.endswith("Ref") else value


def compact_decimal(data: Any) -> Any:
    """Data whose numbers have one spelling, so that 2 and 2.00 are the same line."""
    if isinstance(data, Mapping):
        return {name: compact_decimal(value) for name, value in data.items()}
    if isinstance(data, list):
        return [compact_decimal(value) for value in data]
    return Decimal(data) if isinstance(data, int) and not isinstance(data, bool) else data


def _is_empty(value: Value) -> bool:
    return value is None or value == ""


def _encoded(native: NativeColumn, value: Value) -> Any:
    if isinstance(value, Invalid | Unresolved | tuple):
        raise UnfitError(f"column {native.name}: there is no valid value to write")
    if native.native_type == "reference":
        return {"value": str(value)}
    if native.family is Family.DECIMAL and not isinstance(value, bool):
        try:
            return Decimal(str(value))
        except InvalidOperation:
            raise UnfitError(f"column {native.name} takes a number") from None
    if native.family is Family.BOOLEAN:
        if not isinstance(value, bool):
            raise UnfitError(f"column {native.name} takes true or false")
        return value
    if isinstance(value, date):
        return value.isoformat()
    return str(value).lower() if isinstance(value, bool) else str(value)
