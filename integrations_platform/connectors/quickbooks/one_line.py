"""The one sold line of an invoice as columns: ``Line.ItemRef``, ``Line.Quantity``, ``Line.Amount``,
``Line.Description``.

For systems whose sale is of one article, such as a deal of a CRM. An invoice with several sold lines, or with a bundle,
has no such columns: none of its lines is guessed to be the one. The amount rules, as in the system it comes from:
where there is a quantity, the unit price is the amount divided by it. Text-only lines and a discount stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from integrations_platform.connectors.quickbooks.lines import UnfitLinesError

PREFIX: Final = "Line."
_SOLD, _UNSOLD = "SalesItemLineDetail", ("DescriptionOnly", "SubTotalLineDetail", "DiscountLineDetail")
_PRICE_STEP = Decimal("0.0000001")  # QuickBooks keeps seven places of a price

Line = Mapping[str, Any]


def shown_member(lines: Sequence[Line], column: str) -> Any:
    """What a column shows of the one sold line, None where there is none. Raises UnfitLinesError for several."""
    line = _the_one(lines) or {}
    detail = line.get(_SOLD) or {}
    return {
        "Line.ItemRef": (detail.get("ItemRef") or {}).get("value"),
        "Line.Quantity": detail.get("Qty"),
        "Line.Amount": line.get("Amount"),
        "Line.Description": line.get("Description"),
    }[column]


def sent_line(members: Mapping[str, Any], present: Sequence[Line]) -> list[dict[str, Any]]:
    """All lines of the invoice with these members of its one sold line; None clears a member.

    ``present`` are its lines now, none for a new invoice. Raises UnfitLinesError for what QuickBooks would refuse.
    """
    old = _the_one(present)
    line = dict(old or {"DetailType": _SOLD})
    detail = dict(line.get(_SOLD) or {})
    for column, value in members.items():
        if column == "Line.ItemRef":
            detail["ItemRef"] = {"value": value} if value is not None else None
        elif column == "Line.Quantity":
            detail["Qty"] = value
        else:
            line[column.removeprefix(PREFIX)] = value
    amount, quantity = line.get("Amount"), detail.get("Qty")
    if detail.get("ItemRef") is None:
        raise UnfitLinesError("an invoice's line needs an item (Line.ItemRef)")
    if amount is None:
        raise UnfitLinesError("an invoice's line needs an amount (Line.Amount)")
    if members.keys() & {"Line.Amount", "Line.Quantity"}:
        detail["UnitPrice"] = (Decimal(amount) / Decimal(quantity)).quantize(_PRICE_STEP) if quantity else None
    line[_SOLD] = {name: value for name, value in detail.items() if value is not None}
    sold = {name: value for name, value in line.items() if value is not None}
    if old is None:
        return [sold, *(dict(each) for each in _kept(present))]
    return [sold if each is old else dict(each) for each in _kept(present)]


def _kept(lines: Sequence[Line]) -> list[Line]:
    return [line for line in lines if line.get("DetailType") != "SubTotalLineDetail"]


def _the_one(lines: Sequence[Line]) -> Line | None:
    for line in lines:
        if line.get("DetailType") not in (_SOLD, *_UNSOLD):
            raise UnfitLinesError(f"the invoice has a line of kind {line.get('DetailType')}, which is no single sale")
    sold = [line for line in lines if line.get("DetailType") == _SOLD]
    if len(sold) > 1:
        raise UnfitLinesError(
            f"the invoice has {len(sold)} sold lines, and Line.* columns are for invoices that have one; bind Line"
        )
    return sold[0] if sold else None
