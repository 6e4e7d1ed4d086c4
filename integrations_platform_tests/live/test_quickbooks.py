"""QuickBooks, live: a token of an hour. QUICKBOOKS_ENVIRONMENT: production or sandbox, Intuit's own (the default)."""

from __future__ import annotations

import os

import pytest

from integrations_platform_tests.live.conftest import from_variables
from integrations_platform_tests.live.trials import try_quickbooks

pytestmark = pytest.mark.live


def test_customers_of_the_company(prefix: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = from_variables(access_token="QUICKBOOKS_ACCESS_TOKEN", realm_id="QUICKBOOKS_REALM_ID")
    environment = os.environ.get("QUICKBOOKS_ENVIRONMENT", "sandbox")
    with capsys.disabled():
        try_quickbooks({**options, "environment": environment}, prefix, print)
