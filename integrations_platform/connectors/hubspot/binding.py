"""An object of a portal bound to the columns of one sync: what is asked for, and records from what is answered.

Owns versions, scope, references and the meaning of histories. It asks nothing by itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from json.encoder import encode_basestring
from typing import Any

from integrations_platform.connectors.hubspot.properties import (
    ASSOCIATION,
    Property,
    UnfitValue,
    decode,
    encode,
    moment,
)
from integrations_platform.unified_sync.port import Change, Presence, Record
from integrations_platform.unified_sync.spec import SideSpec
from integrations_platform.unified_sync.values import ABSENT, FieldType, Invalid, Value, Values, canonical

MERGED = "hs_merged_object_ids"
PRIMARY: Mapping[tuple[str, str], int] = {
    ("contacts", "companies"): 1, ("companies", "contacts"): 2, ("deals", "companies"): 5, ("companies", "deals"): 6,
}  # fmt: skip
PLAIN: Mapping[tuple[str, str], int] = {
    ("contacts", "companies"): 279, ("companies", "contacts"): 280, ("deals", "contacts"): 3,
    ("contacts", "deals"): 4, ("deals", "companies"): 341, ("companies", "deals"): 342,
}  # fmt: skip
_APPS = ("INTEGRATION", "API")
_SLACK = timedelta(seconds=5)  # between the time a record says it was changed and its history's

Links = Mapping[str, Mapping[str, Mapping[str, set[int]]]]
"""Association type ids by object, record id and associated id."""

_json_of = json.JSONEncoder(ensure_ascii=False).encode  # json.dumps would make one for every record


@dataclass
class Sent:
    """What this process wrote, so that it knows its own entries in a history: texts and times by record and property,
    oldest first."""

    values: dict[tuple[str, str], list[tuple[str, datetime]]] = field(default_factory=dict)
    apps: set[str] = field(default_factory=set)  # source ids that are us

    def remember(self, record_id: str, properties: Mapping[str, str], at: datetime) -> None:
        """Note a write and the time the record gives for it."""
        for name, text in properties.items():
            self.values.setdefault((record_id, name), []).append((text, at))

    def learn(self, entries: Iterable[Any]) -> None:
        """Whoever wrote the link id is us: nobody else writes that property."""
        for entry in entries:
            if entry.get("sourceType") in _APPS and entry.get("sourceId"):
                self.apps.add(str(entry["sourceId"]))

    def ours(self, record_id: str, name: str, entry: Mapping[str, Any], at: datetime) -> bool:
        """Whether an entry is our own. Other tools may share the app, so what we remember outranks who is named."""
        if entry.get("sourceType") not in _APPS:
            return False
        known = self.values.get((record_id, name), [])
        if known and at >= known[0][1] - _SLACK:
            text = str(entry.get("value") or "")
            return any(text == sent and abs(at - when) <= _SLACK for sent, when in known)
        return str(entry.get("sourceId")) in self.apps


@dataclass
class Binding:
    """``shape`` holds the object's properties; ``tag`` is the property with our link ids, None where there is none."""

    kind: str
    spec: SideSpec
    shape: Mapping[str, Property]
    kinds: Mapping[str, FieldType]
    tag: str | None
    sent: Sent

    @property
    def zone(self) -> str:
        """Where the days of moments are counted that are read as dates."""
        return self.spec.zone or "UTC"

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Bound columns that are properties."""
        return tuple(name for name in self.kinds if not name.startswith(ASSOCIATION))

    @cached_property
    def references(self) -> Mapping[str, str]:
        """Bound columns that are associations, with the object they lead to."""
        return {name: name.removeprefix(ASSOCIATION) for name in self.kinds if name.startswith(ASSOCIATION)}

    @property
    def asked(self) -> list[str]:
        """Properties that are asked for."""
        also = [MERGED, *self.spec.only, *([self.spec.modified] if self.spec.modified else [])]
        return list(dict.fromkeys([*self.columns, *also, *([self.tag] if self.tag else [])]))

    @property
    def histories(self) -> list[str]:
        """Properties whose history is asked for."""
        return list(dict.fromkeys([*self.columns, *([self.tag] if self.tag else [])]))

    # From answers

    def version(self, row: Mapping[str, Any], links: Links) -> str:
        """A hash over what the bound columns hold, and which columns those are."""
        values = row["properties"]
        # The JSON of [names, held, tied, archived], put together: an encoder asked for each record takes twice as long.
        held = ", ".join([
            "null" if not value else encode_basestring(value) if isinstance(value, str) else _json_of(value)
            for value in map(values.get, self.columns)
        ])  # fmt: skip
        tied = [sorted((to, sorted(types)) for to, types in links.get(target, {}).get(str(row["id"]), {}).items())
                for target in self.references.values()]  # fmt: skip
        ends = f"{_json_of(tied) if tied else '[]'}, {'true' if row.get('archived') else 'false'}"
        text = f"[{self._names}, [{held}], {ends}]"
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

    @cached_property
    def _names(self) -> str:
        return _json_of(list(self.kinds))

    def presence(self, row: Mapping[str, Any]) -> Presence:
        """How the record stands."""
        if row.get("archived"):
            return Presence.ARCHIVED
        return Presence.LIVE if self.in_scope(row) else Presence.OUT_OF_SCOPE

    def in_scope(self, row: Mapping[str, Any]) -> bool:
        """Whether the record holds what ``only:`` asks for."""
        for name, accepted in self.spec.only.items():
            shape = self.shape[name]
            kind = self.kinds.get(name, shape.suggested())
            mine = decode(shape, kind, row["properties"].get(name), self.zone)
            if mine not in [canonical(kind, value, "UTC") for value in accepted]:
                return False
        return True

    def values(self, row: Mapping[str, Any], links: Links) -> Values:
        """Canonical values by column."""
        found: dict[str, Value] = {}
        for name, kind in self.kinds.items():
            if target := self.references.get(name):
                found[name] = self._reference(target, links.get(target, {}).get(str(row["id"]), {}))
            elif name in self.shape and name in row["properties"]:
                found[name] = decode(self.shape[name], kind, row["properties"][name], self.zone)
            else:
                found[name] = ABSENT
        return found

    def _reference(self, target: str, tied: Mapping[str, set[int]]) -> Value:
        """The associated record: the primary one, else the only one."""
        primary = PRIMARY.get((self.kind, target))
        marked = [record_id for record_id, types in tied.items() if primary in types]
        candidates = marked or list(tied)
        if len(candidates) > 1:
            listed = ", ".join(sorted(candidates)[:5])
            return Invalid(listed, f"several {target} are associated and none of them is the primary one; keep one")
        return candidates[0] if candidates else None

    def record(self, row: Mapping[str, Any], links: Links) -> Record:
        """A record from its row."""
        values = row["properties"]
        modified = moment(values.get(self.spec.modified)) if self.spec.modified else None
        return Record(
            str(row["id"]), self.version(row, links), self.values(row, links), self.presence(row), modified, None,
            (values.get(self.tag) or None) if self.tag else None, self._history(row),
        )  # fmt: skip

    def _history(self, row: Mapping[str, Any]) -> dict[str, tuple[Change, ...]]:
        given = row.get("propertiesWithHistory") or {}
        if self.tag:
            self.sent.learn(given.get(self.tag) or [])
        found = {}
        for name in self.columns:
            if name not in self.shape:
                continue
            changes = []
            for entry in given.get(name) or []:
                at = moment(entry.get("timestamp"))
                if at is None:
                    continue
                value = decode(self.shape[name], self.kinds[name], entry.get("value"), self.zone)
                changes.append(Change(value, at, self.sent.ours(str(row["id"]), name, entry, at)))
            found[name] = tuple(changes)
        return found

    # To requests

    def properties(self, values: Values) -> dict[str, str]:
        """Texts of the columns that are properties. Raises :class:`UnfitValue`."""
        return {
            name: encode(self.shape[name], value, self.zone)
            for name, value in values.items()
            if value is not ABSENT and name not in self.references
        }

    def targets(self, values: Values) -> dict[str, str | None]:
        """The record each association is to lead to, by object; None: to nobody. Raises :class:`UnfitValue`."""
        found: dict[str, str | None] = {}
        for name, target in self.references.items():
            if name in values and values[name] is not ABSENT:
                value = values[name]
                if value is not None and not (isinstance(value, str) and value.isdecimal()):
                    raise UnfitValue(f"{name}: there is no record to associate with")
                found[target] = value if isinstance(value, str) else None
        return found

    def has_primary(self, target: str) -> bool:
        """Whether one association with ``target`` can be marked as the primary one."""
        return (self.kind, target) in PRIMARY

    def type_id(self, target: str) -> int:
        """The type of an association we make: the primary one where there is such a thing."""
        return PRIMARY.get((self.kind, target)) or PLAIN[self.kind, target]

    def types(self, target: str) -> list[dict[str, Any]]:
        """:meth:`type_id` as the API takes it."""
        return [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": self.type_id(target)}]
