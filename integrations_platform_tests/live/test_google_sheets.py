"""Google Sheets, live: a service account that may edit the spreadsheet."""

from __future__ import annotations

import pytest

from integrations_platform_tests.live.conftest import from_variables
from integrations_platform_tests.live.trials import try_google_sheets

pytestmark = pytest.mark.live


def test_a_tab_of_the_spreadsheet(prefix: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = from_variables(
        credentials="GOOGLE_SHEETS_CREDENTIALS_JSON", spreadsheet_id="GOOGLE_SHEETS_SPREADSHEET_ID"
    )
    with capsys.disabled():
        try_google_sheets(options, prefix, print)
