"""Airbyte, live: an application that may sync the connection AIRBYTE_TRIAL_CONNECTION_ID, which is cancelled."""

from __future__ import annotations

import pytest

from integrations_platform_tests.live.conftest import from_variables
from integrations_platform_tests.live.trials import try_airbyte

pytestmark = pytest.mark.live


def test_a_sync_of_a_connection(prefix: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = from_variables(
        url="AIRBYTE_API_URL", client_id="AIRBYTE_CLIENT_ID", client_secret="AIRBYTE_CLIENT_SECRET",
        connection_id="AIRBYTE_TRIAL_CONNECTION_ID",
    )  # fmt: skip
    with capsys.disabled():
        try_airbyte(options, prefix, print)
