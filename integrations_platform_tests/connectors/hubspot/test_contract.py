"""HubSpot contacts under the promises every service's side makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from integrations_platform.connectors.hubspot.side import HubSpotSide
from integrations_platform.sandbox.hubspot import TOKEN
from integrations_platform.unified_sync.values import FieldType, Values
from integrations_platform_tests.connectors.hubspot.stage import CONTACT, Crm, crm
from integrations_platform_tests.connectors.saas_contract import Account, SaasContract


class Contacts(Account):
    """Contacts of a portal; one address is taken by an archived-and-merged person for what is to be refused."""

    text, other = "firstname", "city"
    operations = {  # noqa: RUF012  the base says what it is
        "list": "objects.list", "read": "objects.batch_read", "create": "objects.batch_create",
        "update": "objects.batch_update",
    }  # fmt: skip
    page = 5
    secret = TOKEN

    def __init__(self, portal: Crm) -> None:
        self.portal, self.vendor = portal, portal.hub

    def side(
        self, *, columns: Mapping[str, FieldType] | None = None, object_name: str = "", token: str = ""
    ) -> HubSpotSide:
        options = self.portal.options(**({"token": token} if token else {}))
        return self.portal.side(object_name or "contacts", columns or CONTACT, page=self.page, options=options)

    def now(self) -> Any:
        return self.vendor.clock.now()

    def values(self, number: int) -> Values:
        return {"email": f"p{number}@x.example", "firstname": f"P{number}", "phone": f"+44 {number}", "city": "Oslo",
                "lifecyclestage": "lead"}  # fmt: skip

    def refused(self, number: int) -> Values:
        return {**self.values(number), "email": "no address"}

    def add(self, number: int) -> str:
        return self.portal.add(**{name: str(value) for name, value in self.values(number).items()})

    def edit(self, record_id: str, column: str, text: str) -> None:
        self.portal.person("edit", id=record_id, properties={column: text})

    def edit_elsewhere(self, record_id: str) -> None:
        self.portal.person("edit", id=record_id, properties={"jobtitle": "Pilot"})

    def remove(self, record_id: str) -> None:
        self.portal.person("archive", id=record_id)

    def shown(self, record_id: str) -> Mapping[str, Any] | None:
        record = self.vendor.portal.records["contacts"].get(int(record_id))
        return None if record is None or record.archived else record.now

    def count(self) -> int:
        return len(self.portal.everyone())


class TestContacts(SaasContract):
    """The promises; the other family of paths is gone through in test_writing."""

    @pytest.fixture
    def account(self) -> Iterator[Contacts]:  # type: ignore[override]
        with crm() as portal:
            yield Contacts(portal)
