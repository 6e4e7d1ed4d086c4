"""What a person does in QuickBooks' own screens: edits without tokens, payments, deactivation, voids and deletes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from integrations_platform.sandbox.quickbooks import invoicing
from integrations_platform.sandbox.quickbooks.answers import shown
from integrations_platform.sandbox.quickbooks.company import NAME_OF, Company, Entity
from integrations_platform.sandbox.quickbooks.schema import KINDS
from integrations_platform.sandbox.vendor import VendorError


def act(company: Company, action: Mapping[str, Any]) -> Entity:
    """Carry out ``{"do": …, "kind": "Customer", "id": "7", "values": {…}}``; the entity as it is then.

    Raises ValueError for what a person cannot do, naming what they can.
    """
    deed = _DEEDS.get(str(action.get("do")))
    kind = str(action.get("kind", "Customer"))
    if deed is None or kind not in KINDS:
        raise ValueError(f"do is one of {', '.join(_DEEDS)}; kind is one of {', '.join(KINDS)}")
    try:
        return shown(deed(company, kind, action))
    except VendorError as error:
        raise ValueError(f"QuickBooks refuses: {error.body}") from None


def _held(company: Company, kind: str, action: Mapping[str, Any]) -> Entity:
    return company.entity(kind, str(action.get("id")))


def _token(entity: Entity) -> dict[str, Any]:
    return {"Id": entity["Id"], "SyncToken": entity["SyncToken"]}


def _create(company: Company, kind: str, action: Mapping[str, Any]) -> Entity:
    return company.create(kind, dict(action.get("values", {})))


def _edit(company: Company, kind: str, action: Mapping[str, Any]) -> Entity:
    held = _held(company, kind, action)
    return company.update(kind, {**_token(held), "sparse": True, **action.get("values", {})})


def _deactivate(company: Company, kind: str, action: Mapping[str, Any]) -> Entity:
    return company.update(kind, {**_token(_held(company, kind, action)), "sparse": True, "Active": False})


def _reactivate(company: Company, kind: str, action: Mapping[str, Any]) -> Entity:
    held = _held(company, kind, action)
    name = NAME_OF[kind]
    known = str(held[name]).partition(" (deleted")[0]
    return company.update(kind, {**_token(held), "sparse": True, "Active": True, name: known})


def _delete(company: Company, kind: str, action: Mapping[str, Any]) -> Entity:
    return company.delete(kind, _token(_held(company, kind, action)))


def _void(company: Company, kind: str, action: Mapping[str, Any]) -> Entity:
    return company.void(kind, _token(_held(company, kind, action)))


def _pay(company: Company, kind: str, action: Mapping[str, Any]) -> Entity:
    if kind != "Invoice":
        raise ValueError(f"a {kind} is not paid; name an Invoice")
    invoice = _held(company, kind, action)
    company.last_id += 1
    invoicing.pay(company, invoice, Decimal(str(action["amount"])), str(company.last_id))
    return invoice


_DEEDS: dict[str, Callable[[Company, str, Mapping[str, Any]], Entity]] = {
    "create": _create,
    "edit": _edit,
    "deactivate": _deactivate,
    "reactivate": _reactivate,
    "delete": _delete,
    "void": _void,
    "pay": _pay,
}
