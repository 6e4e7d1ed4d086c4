"""The list of jobs that Airflow reads is the one that Dagster renders, and a day is one of those there are."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from integrations_platform.airflow_shim.catalogue import SHIPPED, CatalogueError, day_fault, load_jobs, newest_day
from integrations_platform.job_list import listing_text
from integrations_platform.jobs import load_catalogue

ENDED = {"starts": "2013-01-01", "ends": "2013-12-31", "today": False}
GOES_ON = {"starts": "2026-01-01", "ends": None, "today": False}
AT = datetime(2026, 11, 22, 1, 15, tzinfo=UTC)


def test_the_shipped_list_is_the_one_of_the_local_environment() -> None:
    """Renewed by `integrations --env local jobs --json > integrations_platform/airflow_shim/catalogue.json`."""
    assert SHIPPED.read_text(encoding="utf-8") == listing_text(load_catalogue("local"))


def test_another_list_is_read_where_a_variable_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own.json"
    own.write_text(listing_text(load_catalogue("staging")), encoding="utf-8")
    monkeypatch.setenv("INTEGRATIONS_CATALOGUE", str(own))
    assert {job.name for job in load_jobs()} >= {"data_sync_unified", "customers_job"}


@pytest.mark.parametrize("text", ["", "[]", '{"jobs": [{"name": "x"}]}'])
def test_a_file_that_is_none_is_named_with_the_remedy(tmp_path: Path, text: str) -> None:
    (tmp_path / "list.json").write_text(text, encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"list\.json is no list of jobs.*integrations jobs --json"):
        load_jobs(tmp_path / "list.json")


def test_the_newest_day_is_the_one_before_unless_it_goes_on_or_all_is_over() -> None:
    assert newest_day(GOES_ON, AT) == "2026-11-21"
    assert newest_day({**GOES_ON, "today": True}, AT) == "2026-11-22"
    assert newest_day(ENDED, AT) == "2013-12-31"


def test_a_day_outside_is_told_with_those_there_are() -> None:
    assert day_fault(GOES_ON, "2026-11-21") == ""
    assert "2013-01-01 to 2013-12-31" in day_fault(ENDED, "2014-01-01")
    assert "2026-01-01 to now" in day_fault(GOES_ON, "2025-12-31")
    assert "write YYYY-MM-DD" in day_fault(GOES_ON, "yesterday")
