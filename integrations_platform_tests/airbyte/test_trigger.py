"""A sync for whoever runs Python, from variables alone."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from integrations_platform.airbyte import trigger_airbyte_sync
from integrations_platform.airbyte.faults import AirbyteFault
from integrations_platform.sandbox.airbyte.app import CLIENT_ID, CLIENT_SECRET
from integrations_platform.service_faults import FaultKind
from integrations_platform_tests.airbyte.conftest import STRIPE, Site


@pytest.fixture
def known(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Airbyte as an operator has told it, by variables."""
    monkeypatch.setenv("AIRBYTE_API_URL", site.url)
    monkeypatch.setenv("AIRBYTE_CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("AIRBYTE_CLIENT_SECRET", CLIENT_SECRET)
    return site


def test_it_syncs_and_gives_a_report_that_any_orchestrator_can_keep(known: Site) -> None:
    known.script(seconds=60)
    report = trigger_airbyte_sync(connection_id=STRIPE, timing=known.timing())
    assert json.loads(json.dumps(report))["connection"] == "stripe_to_postgres"
    assert (report["job_id"], report["status"], report["how"], report["rows"]) == (101, "succeeded", "started", 60)
    assert [each["name"] for each in report["streams"]] == ["charges", "customers"]
    assert known.posts_and_deletes == (1, 0)


def test_it_may_return_once_the_sync_is_started(known: Site) -> None:
    assert trigger_airbyte_sync(STRIPE, wait=False, timing=known.timing())["status"] == "pending"
    again = trigger_airbyte_sync(STRIPE, on_conflict="skip", timing=known.timing())
    assert (again["how"], known.posts_and_deletes) == ("skipped", (1, 0))


def test_a_sync_that_failed_raises_with_airbytes_reason(known: Site) -> None:
    expired = {"timestamp": 1, "failureType": "config_error", "externalMessage": "Your API key expired"}
    known.script(ends="failed", failures=[expired])
    with pytest.raises(
        AirbyteFault, match=r"job 101 of stripe_to_postgres failed: Your API key expired.*see http"
    ) as no:
        trigger_airbyte_sync(STRIPE, timing=known.timing())
    assert no.value.kind is FaultKind.PERMANENT


def test_an_unknown_word_for_a_conflict_lists_the_known_ones(known: Site) -> None:
    with pytest.raises(AirbyteFault, match="attach, skip, fail, not 'wait'"):
        trigger_airbyte_sync(STRIPE, on_conflict="wait")
    assert not known.vendor.calls


def test_without_an_address_it_says_which_variable_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRBYTE_API_URL", raising=False)
    with pytest.raises(AirbyteFault, match="set AIRBYTE_API_URL"):
        trigger_airbyte_sync(STRIPE)


def test_it_imports_no_orchestrator_and_nothing_slow_before_it_is_called() -> None:
    code = (
        "import sys; import integrations_platform.airbyte; "
        "print([name for name in ('dagster', 'httpx', 'polars', 'sqlalchemy', 'yaml') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
