"""Searching as the vendor does it: a late index, filters, one sort, and a wall at ten thousand results.

Owns which records match and in which order. What a search shows may be older than the record; it never shows archived
or merged records.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from integrations_platform.sandbox.hubspot.answers import invalid
from integrations_platform.sandbox.hubspot.catalogue import TYPE_IDS, Json, Property
from integrations_platform.sandbox.hubspot.portal import COMPUTED, Portal, Stored
from integrations_platform.sandbox.hubspot.property_values import comparable, iso

DEPTH = 10_000
MOST_CHARACTERS = 3000
DEFAULT_TEXT = {
    "contacts": ("email", "firstname", "lastname", "phone", "company"),
    "companies": ("name", "domain", "website", "phone"),
    "deals": ("dealname",),
}
_ORDERED: Mapping[str, Callable[[Any, Any], bool]] = {
    "LT": operator.lt, "LTE": operator.le, "GT": operator.gt, "GTE": operator.ge, "EQ": operator.eq, "NEQ": operator.ne,
}  # fmt: skip


class Search:
    """One search of ``object_type`` over the index as it stood at ``moment``."""

    def __init__(self, portal: Portal, object_type: str, moment: datetime) -> None:
        self._portal, self._type, self._moment = portal, object_type, moment
        self._known = portal.properties[object_type]

    def find(self, body: Json) -> list[Stored]:
        """All matches in order. Raises VendorError (400) for what cannot be asked."""
        groups = body.get("filterGroups") or []
        filters = [one for group in groups for one in group["filters"]]
        if len(groups) > 5 or any(len(group["filters"]) > 6 for group in groups) or len(filters) > 18:
            raise invalid("too many filters: at most 5 groups of 6, 18 in all")
        sorts = body.get("sorts") or []
        if len(sorts) > 1:
            raise invalid("only one sort is supported")
        for one in filters:
            self._check(one)
        found = [record for record in self._portal.live(self._type) if record.created <= self._moment]
        if groups:
            found = [record for record in found if self._any_group(record, groups)]
        if body.get("query"):
            found = [record for record in found if self._mentions(record, str(body["query"]).lower())]
        for sort in sorts:
            self._property(sort["propertyName"])
            self._sort(found, sort["propertyName"], descending=sort.get("direction") == "DESCENDING")
        return found

    def values(self, record: Stored, names: list[str]) -> Json:
        """Property values as the index has them."""
        return {name: self._value(record, name) for name in names if name in self._known}

    def _check(self, one: Json) -> None:
        name, verb = one["propertyName"], one["operator"]
        if name.startswith("associations."):
            if name.removeprefix("associations.").rstrip("s") not in {
                kind.rstrip("s") for kind in (*TYPE_IDS, "company")
            }:
                raise invalid(f"unknown association {name}")
            return
        definition = self._property(name)
        wanted = {"BETWEEN": ("value", "highValue"), "IN": ("values",), "NOT_IN": ("values",), "HAS_PROPERTY": (),
                  "NOT_HAS_PROPERTY": ()}.get(verb, ("value",))  # fmt: skip
        for member in wanted:
            if one.get(member) in (None, [], ""):
                raise invalid(f"operator {verb} needs {member}")
            given = one[member] if isinstance(one[member], list) else [one[member]]
            for text in given:
                self._comparable(definition, str(text))

    def _property(self, name: str) -> Property:
        if name not in self._known:
            raise invalid(f"Property {name} does not exist")
        return self._known[name]

    @staticmethod
    def _comparable(definition: Property, text: str) -> Decimal | str:
        try:
            return comparable(definition, text)
        except (ValueError, ArithmeticError):
            raise invalid(f"{text} is no value of property {definition.name}") from None

    def _value(self, record: Stored, name: str) -> str | None:
        if name in ("lastmodifieddate", "hs_lastmodifieddate") and record.updated > self._moment:
            times = [entry.at for entries in record.history.values() for entry in entries if entry.at <= self._moment]
            return iso(max(times, default=record.created))
        if name in COMPUTED:
            return self._portal.value(record, name)
        return record.as_of(self._moment).get(name) or None

    def _any_group(self, record: Stored, groups: list[Json]) -> bool:
        return any(all(self._matches(record, one) for one in group["filters"]) for group in groups)

    def _matches(self, record: Stored, one: Json) -> bool:
        name: str = one["propertyName"]
        verb: str = one["operator"]
        if name.startswith("associations."):
            kind = name.removeprefix("associations.")
            kind = {"contact": "contacts", "company": "companies", "deal": "deals"}.get(kind, kind)
            return any(str(target) == str(one.get("value")) for target in self._portal.linked(record, kind))
        definition, text = self._known[name], self._value(record, name)
        if verb in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
            return (text is None) == (verb == "NOT_HAS_PROPERTY")
        if text is None:
            return verb in ("NEQ", "NOT_IN", "NOT_CONTAINS_TOKEN")
        mine = comparable(definition, text)
        if verb in ("IN", "NOT_IN"):
            # Text is kept in lower case in the index and is compared as given: a capital never matches.
            given = [str(value) for value in one["values"]]
            inside = mine in [value if isinstance(mine, str) else comparable(definition, value) for value in given]
            return inside == (verb == "IN")
        if verb in ("CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"):
            inside = str(one["value"]).lower().strip("*") in text.lower()
            return inside == (verb == "CONTAINS_TOKEN")
        if verb == "BETWEEN":
            low, high = comparable(definition, str(one["value"])), comparable(definition, str(one["highValue"]))
            return bool(operator.le(low, mine) and operator.le(mine, high))
        return _ORDERED[verb](mine, comparable(definition, str(one["value"])))

    def _mentions(self, record: Stored, text: str) -> bool:
        return any(text in (self._value(record, name) or "").lower() for name in DEFAULT_TEXT[self._type])

    def _sort(self, found: list[Stored], name: str, *, descending: bool) -> None:
        definition = self._known[name]
        empty = [record for record in found if self._value(record, name) is None]
        rest = [record for record in found if self._value(record, name) is not None]
        if name == "hs_object_id":
            rest.sort(key=lambda record: record.id, reverse=descending)
        else:
            rest.sort(key=lambda record: comparable(definition, self._value(record, name) or ""), reverse=descending)
        found[:] = [*rest, *empty]
