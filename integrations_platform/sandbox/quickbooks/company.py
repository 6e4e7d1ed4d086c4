"""The books of one company: entities, their tokens and names, and what a write does to them.

Owns the rules no schema can state: stale tokens, sparse and full updates, names shared by three kinds, deactivation as
the only delete of a list entity. What invoices add to that is in :mod:`.invoicing`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from integrations_platform.sandbox.quickbooks import invoicing
from integrations_platform.sandbox.quickbooks.checks import check_shape, sent_values, without_blanks
from integrations_platform.sandbox.quickbooks.readings import Readings
from integrations_platform.sandbox.quickbooks.refusals import refusal, stamp
from integrations_platform.sandbox.quickbooks.schema import KINDS

Entity = dict[str, Any]
Data = TypeVar("Data")
NAMED = ("Customer", "Vendor", "Employee")  # one name among all of these
NAME_OF = {"Customer": "DisplayName", "Vendor": "DisplayName", "Employee": "DisplayName", "Item": "Name",
           "Account": "Name"}  # fmt: skip
_PARTS = ("Title", "GivenName", "MiddleName", "FamilyName", "Suffix")
_FORBIDDEN = ":\t\n"
_REFERENCES = {
    "Customer": {"ParentRef": "Customer"},
    "Item": {"IncomeAccountRef": "Account", "ExpenseAccountRef": "Account", "AssetAccountRef": "Account",
             "ParentRef": "Item"},
    "Invoice": {"CustomerRef": "Customer"},
}  # fmt: skip


class Company:
    """The state of one realm. ``now`` is the service's time. Every write ends whole or raises VendorError."""

    def __init__(self, realm: str, now: Callable[[], datetime], readings: Readings) -> None:
        self.realm, self.now, self.readings = realm, now, readings
        self.custom_numbers = True  # SalesFormsPrefs.CustomTxnNumbers
        self.home_currency, self.many_currencies = "USD", False
        self.time_zone = "America/Los_Angeles"
        self.lenient = False
        self.entities: dict[str, dict[str, Entity]] = {kind: {} for kind in KINDS}
        self._names: dict[tuple[str, str], str] = {}
        self.tombstones: list[tuple[str, Entity]] = []
        self.last_id = 0

    # Looking

    def entity(self, kind: str, record_id: str) -> Entity:
        """One entity. Raises fault 610."""
        held = self.entities[kind].get(record_id)
        if held is None:
            raise refusal("610", f"Object Not Found : {kind} {record_id}")
        return held

    def records(self, kind: str) -> list[Entity]:
        """All entities of a kind, inactive ones too."""
        return list(self.entities[kind].values())

    # Writing

    @contextmanager
    def at(self, moment: datetime) -> Iterator[None]:
        """What is written inside was written at ``moment``."""
        present, self.now = self.now, lambda: moment
        try:
            yield
        finally:
            self.now = present

    def create(self, kind: str, sent: Mapping[str, Any]) -> Entity:
        """A new entity, as it is answered."""
        self._shaped(kind, sent)
        entity = without_blanks(sent_values(kind, sent))
        self._refuse_references(kind, entity)
        if kind == "Invoice":
            invoicing.refuse_lines(self, entity.get("Line", []))
        entity["Id"] = str(self.last_id + 1)
        self._complete(kind, entity)
        self._refuse_name(kind, entity)
        if kind == "Invoice":
            invoicing.number(self, entity, None)
        moment = stamp(self.now())
        entity |= {"SyncToken": "0", "domain": "QBO", "sparse": False,
                   "MetaData": {"CreateTime": moment, "LastUpdatedTime": moment}}  # fmt: skip
        self.last_id += 1
        self._keep(kind, entity)
        if kind == "Invoice":
            invoicing.settle(self, None, entity)
        return copied(entity)

    def update(self, kind: str, sent: Mapping[str, Any]) -> Entity:
        """A changed entity, as it is answered: sparse, or with every omitted member nulled."""
        self._shaped(kind, sent)
        old = self._held(kind, sent)
        given = sent_values(kind, sent)
        sparse = sent.get("sparse") is True
        self._refuse_fixed(kind, old, given)
        if sparse:
            entity = copied(old)
            for name, value in given.items():
                if self.readings.sparse_merges_objects and isinstance(value, dict) and not name.endswith("Ref"):
                    entity[name] = {**(old.get(name) or {}), **value}
                else:
                    entity[name] = copied(value)
        else:
            kept = {name for name in old if name not in sent_values(kind, old)}
            entity = copied({**given, **{name: old[name] for name in kept}})
        entity = without_blanks(entity)
        self._refuse_references(kind, entity, {name for name in given if given[name] != old.get(name)})
        if kind == "Invoice" and ("Line" in given or not sparse):
            invoicing.refuse_lines(self, entity.get("Line", []))
        if kind in NAME_OF and old.get("Active", True) and entity.get("Active") is False:
            self._hide(kind, entity)
        self._complete(kind, entity)
        self._refuse_name(kind, entity)
        if kind == "Invoice":
            invoicing.number(self, entity, old)
        self.stamp(entity)
        entity["sparse"] = False
        self._keep(kind, entity)
        if kind == "Invoice":
            invoicing.settle(self, old, entity)
        for child in self.records(kind):
            if child.get("ParentRef", {}).get("value") == entity["Id"]:
                self._complete(kind, child)
        return copied(entity)

    def delete(self, kind: str, sent: Mapping[str, Any]) -> Entity:
        """Remove a transaction; leaves a tombstone for CDC."""
        if kind != "Invoice":
            raise refusal("6000", f"{kind} cannot be deleted; make it inactive")
        entity = self._held(kind, sent)
        if entity.get("LinkedTxn"):
            raise refusal("6000", "The transaction is linked to a payment")
        del self.entities[kind][entity["Id"]]
        invoicing.settle(self, entity, None)
        gone = {"domain": "QBO", "status": "Deleted", "Id": entity["Id"]}
        self.tombstones.append((kind, {**gone, "MetaData": {"LastUpdatedTime": stamp(self.now())}}))
        return gone

    def void(self, kind: str, sent: Mapping[str, Any]) -> Entity:
        """Keep a transaction and its number, without its amounts."""
        if kind != "Invoice":
            raise refusal("6000", f"{kind} cannot be voided")
        old = self._held(kind, sent)
        entity = invoicing.voided(copied(old), keeps_amounts=self.readings.void_keeps_amounts)
        self.stamp(entity)
        self.entities[kind][entity["Id"]] = entity
        invoicing.settle(self, old, entity)
        return copied(entity)

    def stamp(self, entity: Entity) -> None:
        """Count a change of an entity."""
        entity["SyncToken"] = str(int(entity["SyncToken"]) + 1)
        entity["MetaData"] = {**entity["MetaData"], "LastUpdatedTime": stamp(self.now())}

    def derive(self, kind: str, record_id: str, changes: Mapping[str, Any]) -> None:
        """A change that follows from another entity's; whether it counts as one is a matter of reading."""
        entity = self.entities[kind].get(record_id)
        if entity is None or all(entity.get(name) == value for name, value in changes.items()):
            return
        entity |= changes
        if self.readings.derived_changes_bump_token:
            self.stamp(entity)

    # What is refused

    def _shaped(self, kind: str, sent: Mapping[str, Any]) -> None:
        if not self.lenient or not isinstance(sent, dict):
            check_shape(kind, sent)

    def _held(self, kind: str, sent: Any) -> Entity:
        """The entity a request speaks of, at the token it names."""
        if not isinstance(sent, Mapping):
            raise refusal("2010", "The request body is no object")
        for name in ("Id", "SyncToken"):
            if sent.get(name) in (None, ""):
                raise refusal("2020", f"Required parameter {name} is missing in the request", name)
        entity = self.entity(kind, str(sent["Id"]))
        if str(sent["SyncToken"]) != entity["SyncToken"]:
            raise refusal("5010", f"Stale Object Error : You and someone else were working on {kind} {sent['Id']}")
        return entity

    def _refuse_references(self, kind: str, entity: Entity, only: set[str] | None = None) -> None:
        for member, target in _REFERENCES.get(kind, {}).items():
            if member in entity and (only is None or member in only):
                self.refuse_reference(target, entity[member], member)

    def refuse_reference(self, target: str, reference: Any, element: str) -> None:
        """Refuse a reference to nothing (2500) or to an inactive entity (610)."""
        found = self.entities[target].get(str(reference.get("value")) if isinstance(reference, Mapping) else "")
        if found is None:
            raise refusal("2500", f"Invalid Reference Id : {target} does not exist", element)
        if not found.get("Active", True):
            raise refusal("610", f"Object Not Found : {target} {found['Id']} was made inactive", element)

    def _refuse_fixed(self, kind: str, old: Entity, given: Mapping[str, Any]) -> None:
        for member in {"Item": ("Type",), "Customer": ("CurrencyRef",)}.get(kind, ()):
            if member not in given or given[member] in (None, ""):
                continue
            before, after = old.get(member), given[member]
            if isinstance(before, Mapping) and isinstance(after, Mapping):
                before, after = before.get("value"), after.get("value")
            if before != after:
                raise refusal("6000", f"{member} cannot be changed", member)

    def _refuse_name(self, kind: str, entity: Entity) -> None:
        if kind in NAME_OF and self._holder(kind, entity[NAME_OF[kind]]) not in (None, entity["Id"]):
            raise refusal("6240", "The name supplied already exists.", NAME_OF[kind])

    def _holder(self, kind: str, name: str) -> str | None:
        """The id of the entity that holds a name, whatever its case, among all kinds that share names with ``kind``."""
        return self._names.get((_names_of(kind), name.casefold()))

    def _keep(self, kind: str, entity: Entity) -> None:
        """Store an entity, its name held and the one it had before given free."""
        old = self.entities[kind].get(entity["Id"])
        for held, action in ((old, "free"), (entity, "hold")):
            if kind in NAME_OF and held is not None:
                key = (_names_of(kind), held[NAME_OF[kind]].casefold())
                if action == "free":
                    self._names.pop(key, None)
                else:
                    self._names[key] = held["Id"]
        self.entities[kind][entity["Id"]] = entity

    def take_over(self, entities: Mapping[str, Mapping[str, Entity]]) -> None:
        """Hold these entities and no others."""
        self.entities, self._names = {kind: {} for kind in KINDS}, {}
        for kind, held in entities.items():
            for entity in held.values():
                self._keep(kind, entity)

    # What is filled in

    def _hide(self, kind: str, entity: Entity) -> None:
        """A deactivated entity gives its name free."""
        name = str(entity[NAME_OF[kind]])
        hidden, number = f"{name} (deleted)", 2
        while self._holder(kind, hidden) is not None:
            hidden, number = f"{name} (deleted {number})", number + 1
        entity[NAME_OF[kind]] = hidden

    def _complete(self, kind: str, entity: Entity) -> None:
        if kind in NAMED:
            self._complete_person(kind, entity)
        elif kind == "Item":
            self._complete_item(entity)
        elif kind == "Invoice":
            invoicing.complete(self, entity)
        elif kind == "Account":
            _needs(entity, "Name", "AccountType")
            entity.setdefault("Classification", "Revenue" if entity["AccountType"] == "Income" else "Expense")
            entity.setdefault("CurrentBalance", Decimal(0))
            entity.setdefault("Active", True)

    def _complete_person(self, kind: str, entity: Entity) -> None:
        if "DisplayName" not in entity:
            entity["DisplayName"] = " ".join(str(entity[part]) for part in _PARTS if part in entity)
        if not entity["DisplayName"]:
            raise refusal("2020", "Required parameter DisplayName, or a part of the name, is missing", "DisplayName")
        _refuse_signs(entity["DisplayName"], "DisplayName")
        entity.setdefault("PrintOnCheckName", entity["DisplayName"])
        entity.setdefault("Active", True)
        if kind != "Customer":
            return
        for flag, default in (("Taxable", True), ("Job", False), ("BillWithParent", False)):
            entity.setdefault(flag, default)
        for amount in ("Balance", "BalanceWithJobs"):
            entity.setdefault(amount, Decimal(0))
        entity.setdefault("PreferredDeliveryMethod", "Print")
        entity.setdefault("CurrencyRef", {"value": self.home_currency, "name": self.home_currency})
        self._place(kind, entity, "DisplayName", has_parent=entity["Job"])

    def _complete_item(self, entity: Entity) -> None:
        _needs(entity, "Name", "Type")
        _refuse_signs(entity["Name"], "Name")
        if entity["Type"] == "Inventory":
            _needs(entity, "TrackQtyOnHand", "QtyOnHand", "InvStartDate", "AssetAccountRef", "ExpenseAccountRef")
        _needs(entity, "IncomeAccountRef")
        entity.setdefault("Description", "")
        for flag, default in (("Active", True), ("Taxable", False), ("TrackQtyOnHand", False)):
            entity.setdefault(flag, default)
        for amount in ("UnitPrice", "PurchaseCost"):
            entity.setdefault(amount, Decimal(0))
        self._place("Item", entity, "Name", has_parent="ParentRef" in entity)

    def _place(self, kind: str, entity: Entity, name: str, *, has_parent: bool) -> None:
        """The full name and level below a parent."""
        entity["FullyQualifiedName"] = entity[name]
        entity.pop("Level", None)
        if not has_parent:
            return
        _needs(entity, "ParentRef")
        parent = self.entity(kind, str(entity["ParentRef"]["value"]))
        entity["FullyQualifiedName"] = f"{parent['FullyQualifiedName']}:{entity[name]}"
        entity["Level"] = parent.get("Level", 0) + 1


def copied(value: Data) -> Data:
    """Plain data, copied through and through; far faster than the general way."""
    if isinstance(value, dict):
        return {name: copied(held) for name, held in value.items()}  # type: ignore[return-value]
    return [copied(held) for held in value] if isinstance(value, list) else value  # type: ignore[return-value]


def _names_of(kind: str) -> str:
    return "people" if kind in NAMED else kind


def _needs(entity: Mapping[str, Any], *members: str) -> None:
    for member in members:
        if member not in entity:
            raise refusal("2020", f"Required parameter {member} is missing in the request", member)


def _refuse_signs(name: str, element: str) -> None:
    if any(sign in name for sign in _FORBIDDEN):
        raise refusal("2010", f"{element} may hold no colon, tab or line break", element)
