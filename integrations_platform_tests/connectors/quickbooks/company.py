"""One QuickBooks company as its users see it, and sides of it as the engine opens them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

from integrations_platform.connectors.budgets import UNLIMITED as NO_ALLOWANCE
from integrations_platform.connectors.budgets import Budget, LocalRows
from integrations_platform.connectors.quickbooks import open_quickbooks
from integrations_platform.connectors.quickbooks.side import QuickBooksSide
from integrations_platform.sandbox.quickbooks import QuickBooks
from integrations_platform.sandbox.quickbooks.quotas import UNLIMITED
from integrations_platform.sandbox.quickbooks.tokens import FIRST_ACCESS
from integrations_platform.unified_sync.port import BoundColumn, ColumnForm
from integrations_platform.unified_sync.spec import SideSpec
from integrations_platform.unified_sync.values import FieldType, Values
from integrations_platform_tests.connectors.saas_contract import Account, Action
from integrations_platform_tests.sandbox.running import Start

CUSTOMER: Mapping[str, FieldType] = {
    "DisplayName": FieldType.TEXT,
    "Notes": FieldType.TEXT,
    "CompanyName": FieldType.TEXT,
    "PrimaryEmailAddr.Address": FieldType.EMAIL,
    "PrimaryPhone.FreeFormNumber": FieldType.PHONE,
    "BillAddr.Line1": FieldType.TEXT,
    "BillAddr.City": FieldType.TEXT,
    "CreditLimit": FieldType.DECIMAL,
    "Taxable": FieldType.BOOLEAN,
}
ITEM: Mapping[str, FieldType] = {
    "Name": FieldType.TEXT,
    "Type": FieldType.ENUM,
    "UnitPrice": FieldType.DECIMAL,
    "Description": FieldType.TEXT,
    "IncomeAccountRef": FieldType.TEXT,
}
INVOICE: Mapping[str, FieldType] = {
    "DocNumber": FieldType.TEXT,
    "CustomerRef": FieldType.REF,
    "TxnDate": FieldType.DATE,
    "PrivateNote": FieldType.TEXT,
    "Line": FieldType.JSON,
}
COLUMNS = {"customers": CUSTOMER, "items": ITEM, "invoices": INVOICE}


class Company:
    """A stand-in that serves, and sides of it; nobody sleeps, pages are small."""

    def __init__(self, start: Start, **options: Any) -> None:
        self.vendor = QuickBooks(**{"limits": UNLIMITED, **options})
        self.url = start(self.vendor).url("quickbooks")
        self.rows = LocalRows()
        self.opened: list[QuickBooksSide] = []
        self.waits: list[float] = []  # what sides would have slept

    def options(self, *, renews: bool = False) -> dict[str, str]:
        """Options of a system; with ``renews`` tokens are renewed."""
        app = ("client_id", "client_secret", "refresh_token")
        return {name: text for name, text in QuickBooks.options(self.url).items() if renews or name not in app}

    def side(
        self, object_name: str = "customers", types: Mapping[str, FieldType] | None = None, *, renews: bool = False,
        page: int = 3, changed: Mapping[str, str] | None = None, **spec: Any,
    ) -> QuickBooksSide:  # fmt: skip
        """A side as the engine opens it."""
        columns = types if types is not None else COLUMNS.get(object_name, CUSTOMER)
        budget = Budget("books", "test", NO_ALLOWANCE, self.rows, sleep=self.waits.append)
        side = open_quickbooks(
            "books", {**self.options(renews=renews), **(changed or {})}, SideSpec("books", object_name, **spec),
            [BoundColumn(name, kind, written=True) for name, kind in columns.items()], "pair", "B",
            clock=lambda: datetime.now(UTC), budget=budget, page=page,
        )  # fmt: skip
        self.opened.append(side)
        return side

    def person(self, do: str, kind: str = "Customer", **action: Any) -> dict[str, Any]:
        """What a person does in QuickBooks; the entity as it is then."""
        return dict(self.vendor.person({"do": do, "kind": kind, **action}))

    def entity(self, record_id: str, kind: str = "Customer") -> dict[str, Any]:
        """An entity as it is stored."""
        return self.vendor.company.entity(kind, record_id)

    def live(self, kind: str = "Customer") -> list[dict[str, Any]]:
        """Active entities."""
        return [each for each in self.vendor.company.records(kind) if each.get("Active", True)]

    def income_account(self) -> str:
        """The id of an account for items."""
        values = {"Name": f"Sales {self.vendor.company.last_id}", "AccountType": "Income"}
        return str(self.person("create", "Account", values=values)["Id"])

    def item(self, name: str = "Bolt") -> str:
        """An item's id."""
        reference = {"value": self.income_account()}
        values = {"Name": name, "Type": "Service", "UnitPrice": Decimal("2.5"), "IncomeAccountRef": reference}
        return str(self.person("create", "Item", values=values)["Id"])

    def close(self) -> None:
        """Release connections."""
        for side in self.opened:
            side.close()


class Customers(Company, Account):
    """Customers for the shared stories."""

    text: ClassVar[str] = "Notes"
    other: ClassVar[str] = "BillAddr.City"
    operations: ClassVar[Mapping[Action, str]] = {
        "list": "query", "read": "query", "create": "customer.write", "update": "customer.write"
    }  # fmt: skip
    page: ClassVar[int] = 3
    secret: ClassVar[str] = FIRST_ACCESS

    def side(  # type: ignore[override]
        self, *, columns: Mapping[str, FieldType] | None = None, object_name: str = "", token: str = ""
    ) -> QuickBooksSide:
        """See :meth:`Account.side`."""
        changed = {"access_token": token} if token else {}
        return Company.side(self, object_name or "customers", columns, changed=changed)

    def values(self, number: int) -> Values:
        """See :meth:`Account.values`."""
        return {
            "DisplayName": f"Ann & Søns {number}", "Notes": f"note {number}\nsecond line", "CompanyName": "Søns",
            "PrimaryEmailAddr.Address": f"Ann.{number}@Example.org", "PrimaryPhone.FreeFormNumber": "(555) 010-1234",
            "BillAddr.Line1": "1 'Pier' Street", "BillAddr.City": "Lakeside", "CreditLimit": Decimal("1234.56"),
            "Taxable": False,
        }  # fmt: skip

    def refused(self, number: int) -> Values:
        """See :meth:`Account.refused`."""
        return {**self.values(number), "DisplayName": "with : a colon"}

    def add(self, number: int) -> str:
        """See :meth:`Account.add`."""
        values = self.values(number)
        flat = {name: value for name, value in values.items() if "." not in name}
        nested = {
            "PrimaryEmailAddr": {"Address": values["PrimaryEmailAddr.Address"]},
            "BillAddr": {"Line1": values["BillAddr.Line1"], "City": values["BillAddr.City"]},
        }
        return str(self.person("create", values={**flat, **nested})["Id"])

    def edit(self, record_id: str, column: str, text: str) -> None:
        """See :meth:`Account.edit`."""
        self.person("edit", id=record_id, values={column: text})

    def edit_elsewhere(self, record_id: str) -> None:
        """See :meth:`Account.edit_elsewhere`."""
        self.person("edit", id=record_id, values={"AcctNum": "77"})

    def remove(self, record_id: str) -> None:
        """See :meth:`Account.remove`."""
        self.person("deactivate", id=record_id)

    def shown(self, record_id: str) -> Mapping[str, Any] | None:
        """See :meth:`Account.shown`."""
        entity = self.entity(record_id)
        return {"Notes": entity.get("Notes"), "BillAddr.City": entity.get("BillAddr", {}).get("City")}

    def count(self) -> int:
        """See :meth:`Account.count`."""
        return len(self.live())


def form(side: QuickBooksSide, column: str) -> ColumnForm:
    """The form of one column."""
    return side.columns()[column]
