"""Writes and questions that the stories about QuickBooks share."""

from __future__ import annotations

from typing import Any

from integrations_platform.connectors.quickbooks.side import QuickBooksSide
from integrations_platform.unified_sync.port import (
    Kind,
    Outcome,
    Record,
    Write,
)
from integrations_platform.unified_sync.values import Value
from integrations_platform_tests.connectors.quickbooks.company import Company
from integrations_platform_tests.connectors.saas_contract import only


def make(name: str = "Ann", op: str = "op-1", **values: Value) -> Write:
    return Write(op, Kind.CREATE, f"link-{op}", {"DisplayName": name, **values})


def change(record: Record, op: str = "op-u", kind: Kind = Kind.UPDATE, **values: Value) -> Write:
    return Write(op, kind, "link", values, record.id, record.version)


def ann(company: Company, side: QuickBooksSide, **values: Any) -> Record:
    record_id = company.person("create", values={"DisplayName": "Ann", **values})["Id"]
    return side.read([record_id])[record_id]


def sent(company: Company, operation: str) -> list[Any]:
    return [call.json for call in company.vendor.calls if call.operation == operation]


def written(side: QuickBooksSide, write: Write) -> Outcome:
    return only(side.write([write]))
