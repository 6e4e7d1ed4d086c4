"""HubSpot, live: the token of a private app with the scopes for contacts."""

from __future__ import annotations

import pytest

from integrations_platform_tests.live.conftest import from_variables
from integrations_platform_tests.live.trials import try_hubspot

pytestmark = pytest.mark.live


def test_contacts_of_the_portal(prefix: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = from_variables(token="HUBSPOT_API_TOKEN")
    with capsys.disabled():
        try_hubspot({**options, "api_version": "v3"}, prefix, print)
