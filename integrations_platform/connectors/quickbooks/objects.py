"""What a sync may name in QuickBooks Online: three objects, their columns as dotted paths, and what each can hold.

Columns are those of the accounting API, version 3. Computed ones can be read and never written; ``Line`` of an invoice
is JSON, see :mod:`.lines`; ``Line.…`` are columns of its one sold line, see :mod:`.one_line`. Lengths stand only where
the vendor states them: the rest is refused by QuickBooks itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from integrations_platform.connectors.introspection import Family, NativeColumn, TableShape

_ADDRESS = (
    "Line1", "Line2", "Line3", "Line4", "Line5", "City", "Country", "CountryCode", "CountrySubDivisionCode",
    "PostalCode", "County", "Note", "Tag",
)  # fmt: skip
_PLACE = ("Lat", "Long")  # found out by QuickBooks from the address


@dataclass(frozen=True)
class BookObject:
    """One kind of entity. ``naming`` is the column with its unique name, if it has one; ``shares_name_with`` are the
    other kinds among which that name must be unique, too. ``lists``: it has ``Active`` and can never be deleted.
    ``needs``: columns of which each group must have a member written, or nothing can be created."""

    kind: str
    shape: TableShape
    naming: str
    shares_name_with: tuple[str, ...] = ()
    lists: bool = True
    needs: tuple[tuple[str, ...], ...] = ()

    @property
    def path(self) -> str:
        """Its part of a URL."""
        return self.kind.lower()

    @property
    def columns(self) -> Mapping[str, NativeColumn]:
        """Columns by name."""
        return self.shape.by_name

    @property
    def everything(self) -> str:
        """The condition under which a query hides nothing."""
        return "Active IN (true,false)" if self.lists else ""


def _texts(*names: str, longest: int | None = None) -> Iterator[NativeColumn]:
    for name in names:
        yield NativeColumn(name, "string", Family.TEXT, max_length=longest)


def _typed(family: Family, native: str, *names: str, computed: bool = False) -> Iterator[NativeColumn]:
    for name in names:
        yield NativeColumn(name, native, family, generated=computed)


def _common() -> Iterator[NativeColumn]:
    yield NativeColumn("Id", "id", Family.TEXT, nullable=False, generated=True, unique=True)
    yield from _typed(Family.INSTANT, "time", "MetaData.CreateTime", "MetaData.LastUpdatedTime", computed=True)


def _addresses() -> Iterator[NativeColumn]:
    for address in ("BillAddr", "ShipAddr"):
        yield from _texts(*(f"{address}.{part}" for part in _ADDRESS))
        yield from _typed(Family.TEXT, "string", *(f"{address}.{part}" for part in _PLACE), computed=True)


def _choice(name: str, *options: str) -> NativeColumn:
    return NativeColumn(name, "enumeration", Family.ENUM, options=options)


def _refs(*names: str) -> Iterator[NativeColumn]:
    yield from _typed(Family.TEXT, "reference", *names)


def _shape(name: str, *columns: Iterator[NativeColumn] | NativeColumn) -> TableShape:
    flat: list[NativeColumn] = []
    for column in (_common(), *columns):
        flat += [column] if isinstance(column, NativeColumn) else column
    return TableShape(None, name, tuple(flat), ("Id",))


def _unique(name: str, longest: int) -> NativeColumn:
    return NativeColumn(name, "string", Family.TEXT, nullable=False, max_length=longest, unique=True)


_CUSTOMERS = _shape(
    "customers",
    _unique("DisplayName", 500),
    _texts("Title", "GivenName", "MiddleName", "FamilyName", "Suffix", "CompanyName", "PrintOnCheckName", "Notes"),
    _texts("AcctNum", "ResaleNum", "PrimaryEmailAddr.Address", "WebAddr.URI"),
    _texts(*(f"{phone}.FreeFormNumber" for phone in ("PrimaryPhone", "AlternatePhone", "Mobile", "Fax")), longest=30),
    _choice("PreferredDeliveryMethod", "Print", "Email", "None"),
    _typed(Family.BOOLEAN, "boolean", "Taxable", "Job", "BillWithParent"),
    _typed(Family.DECIMAL, "decimal", "CreditLimit"),
    _refs("CurrencyRef", "ParentRef", "DefaultTaxCodeRef", "SalesTermRef", "PaymentMethodRef", "CustomerTypeRef"),
    _addresses(),
    _typed(Family.TEXT, "string", "FullyQualifiedName", computed=True),
    _typed(Family.BOOLEAN, "boolean", "Active", "IsProject", computed=True),
    _typed(Family.DECIMAL, "decimal", "Balance", "BalanceWithJobs", computed=True),
    _typed(Family.INTEGER, "integer", "Level", computed=True),
)
_ITEMS = _shape(
    "items",
    _unique("Name", 100),
    _texts("Sku", "Description", "PurchaseDesc"),
    _choice(
        "Type", "Service", "NonInventory", "Inventory", "Assembly", "Category", "Fixed Asset", "Group", "Other Charge",
        "Payment", "Subtotal", "Discount", "Tax", "Tax Group", "Bundle",
    ),
    _typed(Family.DECIMAL, "decimal", "UnitPrice", "PurchaseCost", "QtyOnHand"),
    _typed(Family.BOOLEAN, "boolean", "Taxable", "SubItem", "TrackQtyOnHand"),
    _typed(Family.DATE, "date", "InvStartDate"),
    _refs("ParentRef", "IncomeAccountRef", "ExpenseAccountRef", "AssetAccountRef"),
    _typed(Family.TEXT, "string", "FullyQualifiedName", computed=True),
    _typed(Family.BOOLEAN, "boolean", "Active", computed=True),
    _typed(Family.INTEGER, "integer", "Level", computed=True),
)  # fmt: skip
_INVOICES = _shape(
    "invoices",
    NativeColumn("DocNumber", "string", Family.TEXT, unique=True),
    _typed(Family.DATE, "date", "TxnDate", "DueDate", "ShipDate"),
    _texts("PrivateNote", "CustomerMemo.value", "BillEmail.Address"),
    _refs("CustomerRef", "SalesTermRef", "CurrencyRef"),
    _typed(Family.JSON, "lines", "Line"),
    NativeColumn("Line.ItemRef", "item of the one line", Family.TEXT),
    _typed(Family.DECIMAL, "decimal", "Line.Quantity", "Line.Amount"),
    _texts("Line.Description", longest=4000),
    _typed(Family.DECIMAL, "decimal", "ExchangeRate"),
    _choice("PrintStatus", "NotSet", "NeedToPrint", "PrintComplete"),
    _choice("EmailStatus", "NotSet", "NeedToSend", "EmailSent"),
    _choice("GlobalTaxCalculation", "TaxInclusive", "TaxExcluded", "NotApplicable"),
    _typed(Family.BOOLEAN, "boolean", "AllowOnlineCreditCardPayment", "AllowOnlineACHPayment"),
    _addresses(),
    _typed(Family.DECIMAL, "decimal", "TotalAmt", "Balance", "HomeTotalAmt", "HomeBalance", "Deposit", computed=True),
)

OBJECTS: Final[Mapping[str, BookObject]] = {
    "customers": BookObject(
        "Customer", _CUSTOMERS, "DisplayName", ("Vendor", "Employee"),
        needs=(("DisplayName", "GivenName", "FamilyName", "Title", "MiddleName", "Suffix"),),
    ),
    "items": BookObject("Item", _ITEMS, "Name", needs=(("Name",), ("Type",), ("IncomeAccountRef",))),
    "invoices": BookObject(
        "Invoice", _INVOICES, "DocNumber", lists=False, needs=(("CustomerRef",), ("Line", "Line.ItemRef"))
    ),
}  # fmt: skip
