"""QuickBooks customers keep what every side of a service promises."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integrations_platform_tests.connectors.quickbooks.company import Customers
from integrations_platform_tests.connectors.saas_contract import SaasContract
from integrations_platform_tests.sandbox.running import Start


class TestCustomers(SaasContract):
    """The shared stories."""

    @pytest.fixture
    def account(self, sandbox: Start) -> Iterator[Customers]:  # type: ignore[override]
        customers = Customers(sandbox)
        yield customers
        customers.close()
