"""The live trials on the stand-ins: known to run, to say what they found, and to leave nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from integrations_platform.sandbox.airbyte import Airbyte
from integrations_platform.sandbox.catalogue import known, stand_in
from integrations_platform.sandbox.databricks import Databricks
from integrations_platform.waiting import Timing
from integrations_platform_tests.live.trials import (
    try_airbyte,
    try_databricks,
    try_google_sheets,
    try_hubspot,
    try_quickbooks,
)
from integrations_platform_tests.sandbox.running import running

TRIALS: dict[str, Callable[..., None]] = {
    "hubspot": try_hubspot, "quickbooks": try_quickbooks, "google_sheets": try_google_sheets,
    "databricks": try_databricks, "airbyte": try_airbyte,
}  # fmt: skip
RENEWAL = {"quickbooks": ("client_id", "client_secret", "refresh_token")}


@pytest.mark.parametrize("kind", known())
def test_it_runs_says_which_reading_holds_and_cleans_up(kind: str, prefix: str) -> None:
    vendor = stand_in(kind)()
    vendor.populate(3)
    said: list[str] = []
    with running(vendor) as server:
        options = {
            name: text for name, text in vendor.options(server.url(kind)).items() if name not in RENEWAL.get(kind, ())
        }
        trial = TRIALS[kind]
        if isinstance(vendor, Databricks):
            options["job_id"] = str(next(iter(vendor.account.jobs)))
            trial = partial(trial, timing=Timing(sleep=vendor.clock.advance))
        elif isinstance(vendor, Airbyte):
            options["connection_id"] = next(iter(vendor.account.connections))
            trial = partial(trial, timing=Timing(sleep=vendor.clock.advance))
        trial(options, prefix, said.append)
    assert said
    live = vendor.dump()
    if kind == "quickbooks":
        assert not [each for each in live["entities"]["Customer"].values() if prefix in str(each) and each["Active"]]
    elif kind == "hubspot":
        assert all(each["archived"] for each in live["records"] if prefix in str(each))
    elif kind == "databricks":
        assert [run["result"] for run in live["runs"]] == ["CANCELED"]
    elif kind == "airbyte":
        assert list(vendor.account.jobs.values())[-1].status == "cancelled"
    else:
        assert prefix not in str(live)
