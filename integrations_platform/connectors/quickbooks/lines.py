"""Lines of an invoice as one JSON value: ``[{"item": "7", "quantity": 2, "unit_price": 2.5, "description": "…"}, …]``.

``item`` is the id QuickBooks knows the item by, as text. There is one spelling for each line, so that what was written
is what is read: empty members are left out, and ``amount`` stands only where it is not quantity times unit_price. The
subtotal is computed and never in the value; a discount and a line's tax code, date and id stay as they are in
QuickBooks when the rest is replaced. A bundle (group line) has no such form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

_SOLD, _TEXT, _DISCOUNT = "SalesItemLineDetail", "DescriptionOnly", "DiscountLineDetail"
_KNOWN = {"item", "quantity", "unit_price", "description", "amount"}
_CENT = Decimal("0.01")


class UnfitLinesError(ValueError):
    """Lines that cannot be shown or written; the message says what is wrong and never holds a value."""


def shown_lines(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The lines people entered, members that are empty left out. Raises UnfitLinesError for a bundle."""
    found: list[dict[str, Any]] = []
    for line in lines:
        kind = line.get("DetailType")
        if kind == _SOLD:
            detail = line.get(_SOLD) or {}
            quantity, price, amount = detail.get("Qty"), detail.get("UnitPrice"), line.get("Amount")
            values = {
                "item": (detail.get("ItemRef") or {}).get("value"), "quantity": quantity, "unit_price": price,
                "description": line.get("Description") or None,
                "amount": None if amount == _product(quantity, price) else amount,
            }  # fmt: skip
            found.append({name: value for name, value in values.items() if value is not None})
        elif kind == _TEXT:
            found.append({"description": line.get("Description") or ""})
        elif kind not in ("SubTotalLineDetail", _DISCOUNT):
            raise UnfitLinesError(f"a line of kind {kind}, which cannot be synced; enter its items one by one")
    return found


def sent_lines(value: Any, present: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Lines as QuickBooks takes them, with what ``present`` ones have beyond the value carried over.

    Raises UnfitLinesError naming the position of a line that makes no sense.
    """
    if not isinstance(value, list) or not value:
        raise UnfitLinesError("an invoice needs a list of at least one line")
    left = list(present)
    sent = [_sent(position, line, left) for position, line in enumerate(value, 1)]
    return sent + [dict(line) for line in present if line.get("DetailType") == _DISCOUNT]


def _sent(position: int, line: Any, left: list[Mapping[str, Any]]) -> dict[str, Any]:
    if not isinstance(line, dict) or (unknown := line.keys() - _KNOWN):
        known = ", ".join(sorted(_KNOWN))
        what = f"unknown {', '.join(sorted(unknown))}" if isinstance(line, dict) else "no object"
        raise UnfitLinesError(f"line {position}: {what}; a line holds {known}")
    if blank := sorted(name for name, value in line.items() if value is None or value == ""):
        raise UnfitLinesError(f"line {position}: leave {', '.join(blank)} out, there is nothing in it")
    if not all(isinstance(line[name], str) for name in ("item", "description") if name in line):
        raise UnfitLinesError(f"line {position}: item (an id) and description are texts")
    if "item" not in line:
        if line.keys() != {"description"}:
            raise UnfitLinesError(f"line {position}: an item is missing")
        old = _taken(left, lambda each: each.get("Description") == line["description"], _TEXT)
        return {**_kept(old), "DetailType": _TEXT, "Description": line["description"], "DescriptionLineDetail": {}}
    item = line["item"]
    quantity, price, amount = (_number(position, name, line.get(name)) for name in ("quantity", "unit_price", "amount"))
    computed = _product(quantity, price)
    if amount is not None and amount == computed:
        raise UnfitLinesError(f"line {position}: leave amount out, it is quantity times unit_price")
    amount = computed if amount is None else amount
    if amount is None:
        raise UnfitLinesError(f"line {position}: neither an amount nor quantity and unit_price")
    old = _taken(left, lambda each: str((each[_SOLD].get("ItemRef") or {}).get("value")) == item, _SOLD)
    detail: dict[str, Any] = {"ItemRef": {"value": item}}
    detail |= {name: value for name, value in (("Qty", quantity), ("UnitPrice", price)) if value is not None}
    for name in ("TaxCodeRef", "ServiceDate"):
        if old is not None and name in old[_SOLD]:
            detail[name] = old[_SOLD][name]
    sold = {**_kept(old), "DetailType": _SOLD, "Amount": amount, _SOLD: detail}
    return sold | ({"Description": line["description"]} if "description" in line else {})


def _product(quantity: Any, price: Any) -> Decimal | None:
    """The amount QuickBooks computes; None where a factor is missing."""
    if quantity is None or price is None:
        return None
    return (Decimal(quantity) * Decimal(price)).quantize(_CENT, ROUND_HALF_UP)


def _taken(left: list[Mapping[str, Any]], fits: Any, kind: str) -> Mapping[str, Any] | None:
    """The first present line of that kind that fits; it is used once."""
    for position, each in enumerate(left):
        if each.get("DetailType") == kind and fits(each):
            return left.pop(position)
    return None


def _kept(old: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"Id": old["Id"]} if old is not None and "Id" in old else {}


def _number(position: int, name: str, value: Any) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise UnfitLinesError(f"line {position}: {name} is not a number")
    return Decimal(value)
