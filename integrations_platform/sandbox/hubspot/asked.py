"""One request as its handler needs it: parsed, checked, and with the state it may touch."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.datastructures import QueryParams

from integrations_platform.sandbox.hubspot.answers import Batch, error, invalid, not_found
from integrations_platform.sandbox.hubspot.catalogue import RETURNED_BY_DEFAULT, TYPE_IDS
from integrations_platform.sandbox.hubspot.limits import Limits
from integrations_platform.sandbox.hubspot.portal import Author, Portal, Stored

BATCH = 100
BATCH_WITH_HISTORY = 50


@dataclass
class Asked:
    """``body`` follows the operation's schema. ``dated``: asked under a date version, not v3 or v4."""

    portal: Portal
    limits: Limits
    path: dict[str, str]
    query: QueryParams
    body: Any
    author: Author
    dated: bool
    index_delay: float
    shuffle: random.Random
    check_lock: Callable[[Stored], None]

    def kind(self, name: str = "type") -> str:
        """The object type named in the path, by name or type id. Raises VendorError (404, as for unknown types)."""
        given = self.path[name]
        names = {type_id: kind for kind, type_id in TYPE_IDS.items()} | {"contact": "contacts", "company": "companies",
                                                                        "deal": "deals"}  # fmt: skip
        kind = names.get(given, given)
        if kind not in TYPE_IDS:
            raise error(404, "OBJECT_NOT_FOUND", f"Unable to infer object type from: {given}")
        return kind

    def names(self, parameter: str) -> list[str]:
        """A list in the query, comma-joined or repeated."""
        return [name for part in self.query.getlist(parameter) for name in part.split(",") if name]

    def flag(self, parameter: str) -> bool:
        """A true-or-false parameter."""
        return self.query.get(parameter, "false").lower() == "true"

    def number(self, parameter: str, usual: int, most: int) -> int:
        """A whole number in the query. Raises VendorError (400) beyond ``most``."""
        given = self.query.get(parameter, str(usual))
        if not given.isdecimal() or not 0 < int(given) <= most:
            raise invalid(f"{parameter} must be a number between 1 and {most}")
        return int(given)

    def after(self) -> int:
        """The paging cursor in the query."""
        given = self.query.get("after", "0") or "0"
        if not given.isdecimal() or len(given) > 18:
            raise invalid("after must be an integer")
        return int(given)

    def record(self, name: str = "id", *, by_merged_id: bool = False) -> Stored:
        """The record named in the path, unless it is archived. Raises VendorError (404)."""
        kind, key = self.kind(), self.path[name]
        found = self.portal.find(kind, key, self.unique_property(kind, self.query.get("idProperty")))
        if found is None and by_merged_id and key.isdecimal():
            found = self.portal.records[kind].get(self.portal.survivor(kind, int(key)))
        if found is None or found.archived is not None:
            raise not_found()
        return found

    def unique_property(self, kind: str, name: str | None) -> str | None:
        """``name`` if records can be addressed by it. Raises VendorError (400)."""
        if name in (None, "", "hs_object_id"):
            return None
        definition = self.portal.properties[kind].get(name or "")
        if definition is None or not definition.unique:
            raise invalid(f"{name} is not a unique property of {kind}")
        return name

    def shown_properties(self, kind: str, given: list[str]) -> list[str]:
        """What an answer shows: the defaults unless names are given, and always the record id."""
        return list(dict.fromkeys([*(given or RETURNED_BY_DEFAULT[kind]), "hs_object_id"]))

    def batch(self, most: int = BATCH) -> Batch:
        """An empty answer for the batch in the body. Raises VendorError (400) for too many inputs."""
        if len(self.body["inputs"]) > most:
            raise invalid(f"at most {most} inputs are allowed in one batch")
        return Batch(self.now(), self.shuffle)

    def now(self) -> datetime:
        """The portal's time."""
        return self.portal.now()
