"""A company's books as a caller without any library sees them, for stories about the stand-in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import httpx

from integrations_platform.sandbox.quickbooks import REALM, QuickBooks
from integrations_platform.sandbox.quickbooks.tokens import FIRST_ACCESS


class Books:
    """Raw calls to a stand-in; every answer is remembered in ``last``."""

    def __init__(self, vendor: QuickBooks, url: str) -> None:
        self.vendor, self.url = vendor, url
        self.token = FIRST_ACCESS
        self.client = httpx.Client(timeout=10)
        self.last: httpx.Response

    def call(self, method: str, path: str, *, realm: str = REALM, **options: Any) -> httpx.Response:
        """One call below the company, with the usual headers."""
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json", **options.pop("headers", {})}
        params = {"minorversion": "75", **options.pop("params", {})}
        url = f"{self.url}/v3/company/{realm}/{path}"
        self.last = self.client.request(method, url, headers=headers, params=params, **options)
        return self.last

    def post(self, kind: str, values: Mapping[str, Any], **params: str) -> Any:
        """Write an entity; the entity of the answer. Fails the test for a fault."""
        body = json.dumps(dict(values), default=str).encode()
        answer = self.call("POST", kind.lower(), content=body, params=params,
                           headers={"Content-Type": "application/json"})  # fmt: skip
        assert answer.status_code == 200, answer.text
        return self.json()[kind]

    def fault(self, kind: str, values: Mapping[str, Any], **params: str) -> tuple[int, str]:
        """Write an entity that is refused: HTTP status and code."""
        answer = self.call("POST", kind.lower(), json=dict(values), params=params)
        return answer.status_code, code(answer)

    def json(self) -> Any:
        """The last answer, money exact."""
        return json.loads(self.last.text, parse_float=Decimal)

    def query(self, statement: str) -> Any:
        """The QueryResponse of a statement."""
        assert self.call("GET", "query", params={"query": statement}).status_code == 200, self.last.text
        return self.json()["QueryResponse"]

    def names(self, statement: str, kind: str = "Customer", member: str = "DisplayName") -> list[str]:
        """One member of every entity a statement finds."""
        return [entity[member] for entity in self.query(statement).get(kind, [])]

    def read(self, kind: str, record_id: str) -> Any:
        """An entity by id."""
        assert self.call("GET", f"{kind.lower()}/{record_id}").status_code == 200, self.last.text
        return self.json()[kind]

    def batch(self, *items: Mapping[str, Any], **params: str) -> list[Any]:
        """Items of a batch answer."""
        assert self.call("POST", "batch", json={"BatchItemRequest": items}, params=params).status_code == 200
        return list(self.json()["BatchItemResponse"])

    def customer(self, name: str = "Ann", **values: Any) -> Any:
        """A new customer."""
        return self.post("Customer", {"DisplayName": name, **values})

    def item(self, name: str = "Bolt", price: str = "2.50", **values: Any) -> Any:
        """A new item, with the account it needs."""
        found = self.query("SELECT * FROM Account WHERE AccountType = 'Income'").get("Account")
        sales = {"Name": "Sales", "AccountType": "Income", "AccountSubType": "SalesOfProductIncome"}
        account = found[0] if found else self.post("Account", sales)
        return self.post("Item", {"Name": name, "Type": "Service", "UnitPrice": float(price),
                                  "IncomeAccountRef": {"value": account["Id"]}, **values})  # fmt: skip

    def invoice(self, customer: Any = None, *lines: Mapping[str, Any], **values: Any) -> Any:
        """A new invoice."""
        customer = customer or self.customer()
        lines = lines or (sale(self.item()),)
        return self.post("Invoice", {"CustomerRef": {"value": customer["Id"]}, "Line": lines, **values})

    def close(self) -> None:
        """Release connections."""
        self.client.close()


def sale(item: Any, quantity: float = 2, price: float = 2.5, **line: Any) -> dict[str, Any]:
    """A line of an invoice."""
    return {
        "Amount": quantity * price, "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": {"ItemRef": {"value": item["Id"]}, "Qty": quantity, "UnitPrice": price}, **line,
    }  # fmt: skip


def held(entity: Mapping[str, Any]) -> dict[str, Any]:
    """What every update names."""
    return {"Id": entity["Id"], "SyncToken": entity["SyncToken"], "sparse": True}


def code(answer: httpx.Response) -> str:
    """The code of a fault in either spelling."""
    body = answer.json()
    return str(body["Fault"]["Error"][0]["code"] if "Fault" in body else body["fault"]["error"][0]["code"])
