"""Databricks, live: a token that may run the job DATABRICKS_JOB_ID, which is started once and cancelled."""

from __future__ import annotations

import pytest

from integrations_platform_tests.live.conftest import from_variables
from integrations_platform_tests.live.trials import try_databricks

pytestmark = pytest.mark.live


def test_a_run_of_a_job(prefix: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = from_variables(host="DATABRICKS_HOST", token="DATABRICKS_TOKEN", job_id="DATABRICKS_JOB_ID")
    with capsys.disabled():
        try_databricks(options, prefix, print)
