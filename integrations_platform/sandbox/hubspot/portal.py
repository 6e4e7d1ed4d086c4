"""The records of one portal: their values with history, uniqueness, archive, merges and associations.

Owns every rule that holds between records. It speaks neither HTTP nor limits. Switches stand for facts that the vendor
does not document; whoever syncs with HubSpot must work under both readings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from integrations_platform.sandbox.hubspot.catalogue import (
    SINGULAR,
    TYPE_IDS,
    Json,
    Property,
    stock_properties,
)
from integrations_platform.sandbox.hubspot.property_values import Refusal, accepted, iso

COMPUTED = frozenset({
    "hs_object_id", "createdate", "lastmodifieddate", "hs_lastmodifieddate", "hs_merged_object_ids",
    "hs_object_source", "hs_object_source_id",
})  # fmt: skip
LIFECYCLE = "lifecyclestage"
ADDITIONAL = "hs_additional_emails"


@dataclass(frozen=True)
class Author:
    """Who writes, as histories show it."""

    source_type: str
    source_id: str | None = None


PERSON = Author("CRM_UI", "userId:1")


@dataclass(frozen=True)
class Entry:
    """One value a property had, from ``at`` on."""

    value: str
    at: datetime
    author: Author


class Duplicate(Exception):  # noqa: N818
    """A unique value is taken by the record ``id``."""

    def __init__(self, object_type: str, name: str, record_id: int) -> None:
        super().__init__(f"{SINGULAR[object_type]} already exists. Existing ID: {record_id}")
        self.name, self.record_id = name, record_id


class Refused(Exception):  # noqa: N818
    """Property values that were not accepted, each with its reason."""

    def __init__(self, refusals: list[Refusal]) -> None:
        super().__init__("property values were not valid")
        self.refusals = refusals


@dataclass
class Stored:
    """One record. ``history`` holds each property's entries, oldest first."""

    id: int
    type: str
    created: datetime
    updated: datetime
    author: Author
    now: dict[str, str] = field(default_factory=dict)
    history: dict[str, list[Entry]] = field(default_factory=dict)
    archived: datetime | None = None
    merged: list[int] = field(default_factory=list)

    def as_of(self, moment: datetime) -> Mapping[str, str]:
        """Property values at an earlier moment."""
        if self.updated <= moment:
            return self.now
        values = {}
        for name, entries in self.history.items():
            past = [entry.value for entry in entries if entry.at <= moment]
            if past:
                values[name] = past[-1]
        return values


@dataclass
class Switches:
    """Readings of what is not documented."""

    merge_gives_new_id: bool = False
    merged_ids_resolve: bool = False  # reading by a merged id answers the survivor
    lower_cases_email: bool = True
    backwards_stage_is_refused: bool = False  # else it is ignored
    taken_value_is_conflict: bool = True  # a taken custom unique value: CONFLICT, else VALIDATION_ERROR
    email_upserts_in_part: bool = False  # an upsert by e-mail reports single failures


class Portal:
    """All records, properties and associations. ``now`` is the portal's clock."""

    def __init__(self, now: Callable[[], datetime], switches: Switches) -> None:
        self.now, self.switches = now, switches
        self.records: dict[str, dict[int, Stored]] = {kind: {} for kind in TYPE_IDS}
        self.properties: dict[str, dict[str, Property]] = {kind: stock_properties(kind) for kind in TYPE_IDS}
        self.survivors: dict[tuple[str, int], int] = {}
        self.links: dict[tuple[str, int, str], dict[int, set[int]]] = {}
        self._taken: dict[tuple[str, str], dict[str, int]] = {}
        self.next_id = 501
        self._last = self.opened = now()

    # Looking

    def tick(self) -> datetime:
        """The time of a change: each a millisecond after the one before, so that no two histories tie."""
        now = self.now()
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        self._last = max(now, self._last + timedelta(milliseconds=1))
        return self._last

    @contextmanager
    def at(self, moment: datetime) -> Iterator[None]:
        """What is written inside was written at ``moment``."""
        present = self.now, self._last
        self.now, self._last = lambda: moment, moment - timedelta(milliseconds=1)
        try:
            yield
        finally:
            self.now, self._last = present

    def live(self, object_type: str) -> Iterator[Stored]:
        """Records that are not archived, by id."""
        return (record for _, record in sorted(self.records[object_type].items()) if record.archived is None)

    def find(self, object_type: str, key: str, id_property: str | None = None) -> Stored | None:
        """A record, archived or not, by id or by a unique property."""
        if id_property in (None, "", "hs_object_id"):
            record_id = int(key) if key.isdecimal() and len(key) < 20 else -1
            if self.switches.merged_ids_resolve:
                record_id = self.survivor(object_type, record_id)
        else:
            record_id = self._taken.get((object_type, id_property or ""), {}).get(key.strip().lower(), -1)
        return self.records[object_type].get(record_id)

    def survivor(self, object_type: str, record_id: int) -> int:
        """The record that a merged one lives on in; the id itself if it was never merged away."""
        while (object_type, record_id) in self.survivors:
            record_id = self.survivors[object_type, record_id]
        return record_id

    def values(self, record: Stored, names: Iterable[str]) -> Json:
        """Values as answered: asked but empty is null, an unknown name is left out."""
        known = self.properties[record.type]
        return {name: self.value(record, name) for name in names if name in known}

    def value(self, record: Stored, name: str) -> str | None:
        """One value as answered."""
        if name not in COMPUTED:
            return record.now.get(name) or None
        if name == "hs_object_id":
            return str(record.id)
        if name == "createdate":
            return iso(record.created)
        if name == "hs_merged_object_ids":
            return ";".join(map(str, record.merged)) or None
        if name == "hs_object_source":
            return record.author.source_type
        if name == "hs_object_source_id":
            return record.author.source_id
        return iso(record.updated)

    # Writing

    def checked(self, object_type: str, properties: Mapping[str, str], record: Stored | None) -> dict[str, str]:
        """Values in the form they are kept. Raises :class:`Refused` and :class:`Duplicate`."""
        known, clean, refusals = self.properties[object_type], {}, []
        for name, raw in properties.items():
            try:
                if name not in known:
                    raise Refusal(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
                current = record.now.get(name) if record else None
                value = accepted(known[name], raw, current)
                if name == "email" and self.switches.lower_cases_email:
                    value = value.strip().lower()
                if name == LIFECYCLE and self._backwards(known[name], current, value):
                    continue
                clean[name] = value
            except Refusal as refusal:
                refusals.append(refusal)
        if refusals:
            raise Refused(refusals)
        self._unique(object_type, clean, record)
        return clean

    def _backwards(self, definition: Property, current: str | None, value: str) -> bool:
        order = [option.value for option in definition.options]
        if not current or not value or order.index(value) >= order.index(current):
            return False
        if self.switches.backwards_stage_is_refused:
            raise Refusal(LIFECYCLE, "INVALID_OPTION", f"{LIFECYCLE} only moves forward; clear it first")
        return True

    def adopt(self, record: Stored) -> None:
        """Take over a record as it was kept elsewhere."""
        self.records[record.type][record.id] = record
        if record.archived is None:
            self._claim(record)

    def _claim(self, record: Stored) -> None:
        for name, value in record.now.items():
            definition = self.properties[record.type].get(name)
            if value and definition is not None and definition.unique:
                self._taken.setdefault((record.type, name), {})[value.strip().lower()] = record.id

    def _unique(self, object_type: str, values: Mapping[str, str], record: Stored | None) -> None:
        for name, value in values.items():
            definition = self.properties[object_type].get(name)
            if value and definition is not None and definition.unique:
                holder = self._taken.get((object_type, name), {}).get(value.strip().lower())
                if holder is not None and (record is None or holder != record.id):
                    raise Duplicate(object_type, name, holder)

    def create(self, object_type: str, values: Mapping[str, str], author: Author) -> Stored:
        """Create a record from checked values."""
        at = self.tick()
        record = Stored(self.next_id, object_type, at, at, author)
        self.next_id += 1
        self.records[object_type][record.id] = record
        self._put(record, values, author, at)
        return record

    def update(self, record: Stored, values: Mapping[str, str], author: Author) -> None:
        """Set checked values; what does not change leaves no trace."""
        changed = {name: value for name, value in values.items() if record.now.get(name, "") != value}
        if changed:
            record.updated = self.tick()
            self._put(record, changed, author, record.updated)

    def _put(self, record: Stored, values: Mapping[str, str], author: Author, at: datetime) -> None:
        for name, value in values.items():
            taken = self._taken.setdefault((record.type, name), {})
            if self.properties[record.type][name].unique:
                taken.pop(record.now.get(name, "").strip().lower(), None)
                if value:
                    taken[value.strip().lower()] = record.id
            record.now[name] = value
            record.history.setdefault(name, []).append(Entry(value, at, author))

    def archive(self, record: Stored) -> None:
        """Archive; archiving again changes nothing. Unique values become free."""
        if record.archived is None:
            record.archived = self.tick()
            self._release(record)

    def restore(self, record: Stored) -> None:
        """What a person does in the application. Raises :class:`Duplicate` when a value is taken meanwhile."""
        self._unique(record.type, record.now, record)
        record.archived, record.updated = None, self.tick()
        self._claim(record)

    def _release(self, record: Stored) -> None:
        for name, value in record.now.items():
            taken = self._taken.get((record.type, name), {})
            if taken.get(value.strip().lower()) == record.id:
                del taken[value.strip().lower()]

    def forget(self, record: Stored) -> None:
        """Remove without a tombstone."""
        self._release(record)
        del self.records[record.type][record.id]
        self._unlink(record)

    def merge(self, primary: Stored, loser: Stored, author: Author) -> Stored:
        """Merge ``loser`` into ``primary``; the survivor, which under one reading has an id of its own."""
        at = self.tick()
        for record in (primary, loser):
            self._release(record)
        if self.switches.merge_gives_new_id:
            survivor = Stored(self.next_id, primary.type, primary.created, at, primary.author)
            self.next_id += 1
            survivor.merged = [*primary.merged, *loser.merged, primary.id, loser.id]
            gone = [primary, loser]
            self.records[primary.type][survivor.id] = survivor
            survivor.now = dict(primary.now)
            survivor.history = {name: list(entries) for name, entries in primary.history.items()}
        else:
            survivor, gone = primary, [loser]
            survivor.merged = [*primary.merged, *loser.merged, loser.id]
        self._claim(survivor)
        filled = {name: value for name, value in loser.now.items() if value and not survivor.now.get(name)}
        if (email := loser.now.get("email")) and "email" not in filled:
            filled[ADDITIONAL] = ";".join(filter(None, [survivor.now.get(ADDITIONAL), email]))
            self._taken[survivor.type, "email"][email.lower()] = survivor.id
        self._put(survivor, filled, author, at)
        survivor.updated = at
        for record in gone:
            self.survivors[record.type, record.id] = survivor.id
            del self.records[record.type][record.id]
            self._move_links(record, survivor)
        return survivor

    # Associations

    def link(self, origin: Stored, target: Stored, type_id: int, back: int) -> None:
        """Associate two records in both directions. ``back`` is the type id of the way back."""
        self.links.setdefault((origin.type, origin.id, target.type), {}).setdefault(target.id, set()).add(type_id)
        self.links.setdefault((target.type, target.id, origin.type), {}).setdefault(origin.id, set()).add(back)

    def linked(self, record: Stored, to_type: str) -> dict[int, set[int]]:
        """Type ids of a record's associations, by the other record's id."""
        return self.links.get((record.type, record.id, to_type), {})

    def unlink(self, from_type: str, origin: int, to_type: str, target: int) -> None:
        """Remove all associations of two records; none is no error."""
        self.links.get((from_type, origin, to_type), {}).pop(target, None)
        self.links.get((to_type, target, from_type), {}).pop(origin, None)

    def _unlink(self, record: Stored) -> None:
        for kind in TYPE_IDS:
            for target in list(self.linked(record, kind)):
                self.unlink(record.type, record.id, kind, target)

    def _move_links(self, record: Stored, survivor: Stored) -> None:
        for kind in TYPE_IDS:
            for target, types in list(self.linked(record, kind).items()):
                back = self.links[kind, target, record.type].get(record.id, set())
                self.unlink(record.type, record.id, kind, target)
                self.links.setdefault((survivor.type, survivor.id, kind), {}).setdefault(target, set()).update(types)
                self.links.setdefault((kind, target, survivor.type), {}).setdefault(survivor.id, set()).update(back)


def shown(portal: Portal, record: Stored, names: Iterable[str], histories: Iterable[str] = ()) -> Json:
    """A record as the API answers it."""
    answer: Json = {
        "id": str(record.id),
        "properties": portal.values(record, names),
        "createdAt": iso(record.created),
        "updatedAt": iso(record.updated),
        "archived": record.archived is not None,
        "url": f"https://app.hubspot.com/contacts/1/record/{TYPE_IDS[record.type]}/{record.id}",
    }
    if record.archived is not None:
        answer["archivedAt"] = iso(record.archived)
    if histories := [name for name in histories if name in portal.properties[record.type]]:
        answer["propertiesWithHistory"] = {name: _history(portal, record, name) for name in histories}
    return answer


def _history(portal: Portal, record: Stored, name: str) -> list[Json]:
    if name in COMPUTED:
        value = portal.value(record, name)
        entries = [Entry(value, record.updated, Author("CALCULATED"))] if value else []
    else:
        entries = record.history.get(name, [])
    found = []
    for entry in reversed(entries):
        row: Json = {"value": entry.value, "timestamp": iso(entry.at), "sourceType": entry.author.source_type}
        if entry.author.source_id is not None:
            row["sourceId"] = entry.author.source_id
        found.append(row)
    return found
