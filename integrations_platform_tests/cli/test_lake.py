"""`integrations lake`: what it says, what it leaves behind, and how it ends."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from integrations_platform_tests.cli.conftest import ENVIRONMENT, Company

LAKE = """
lake:
  url: "file://{folder}/lake"
  datasets:
    flights: {{format: parquet, source: {{sample: flights}}, starts: 2013-01-01, ends: 2013-12-31}}
    events: {{format: ndjson, source: files, starts: 2025-10-01}}
    changes: {{format: ndjson, source: {{sync: people, publish: changes}}, starts: 2026-01-01, may_be_empty: true}}
    people: {{format: parquet, source: {{sync: people, publish: state}}, starts: 2026-01-01}}
"""


@pytest.fixture
def lake(company: Company) -> Path:
    """The company with a lake; the folder its events are in."""
    company.configure((ENVIRONMENT + LAKE).format(folder=company.folder))
    day = company.folder / "lake" / "events" / "date=2025-10-30"
    day.mkdir(parents=True)
    for number in range(3):
        (day / f"{number}.json").write_text(f'{{"id": {number}}}\n', encoding="utf-8")
    return day


def test_partitions_are_landed_listed_shown_and_verified(company: Company, lake: Path) -> None:
    assert "sync:people:changes" in company.run("lake", "list").stdout
    assert "events 2025-10-30: 3 rows in 3 files" in company.run("lake", "land", "events", "2025-10-30").stdout
    (listed,) = company.json("lake", "list", "events")["partitions"]
    assert (listed["day"], listed["rows"], len(listed["files"])) == ("2025-10-30", 3, 3)
    shown = company.run("lake", "show", "events", "2025-10-30").stdout
    assert f"file://{lake}/" in shown
    assert "columns: id int64" in shown
    assert "everything is as recorded" in company.run("lake", "verify", "events", "2025-10-30", "--deep").stdout


def test_verify_ends_with_3_when_a_load_would_get_something_else(company: Company, lake: Path) -> None:
    company.run("lake", "land", "events", "2025-10-30")
    (lake / "0.json").write_text('{"id": 7}\n', encoding="utf-8")
    (lake / "1.json").unlink()
    (lake / "late.json").write_text('{"id": 8}\n', encoding="utf-8")
    said = company.run("lake", "verify", "events", "2025-10-30", code=3).stdout
    assert "0.json was rewritten at" in said
    assert "1.json is not there" in said
    assert "late.json is in no manifest" in said
    assert "2 wrong, 1 left over" in said


def test_small_files_are_put_together(company: Company, lake: Path) -> None:
    company.run("lake", "land", "events", "2025-10-30")
    assert "3 rows in 1 file" in company.run("lake", "compact", "events", "2025-10-30").stdout
    assert len(list(lake.iterdir())) == 1
    assert company.json("lake", "land", "events", "2025-10-30")["partitions"][0]["rows"] == 3


def test_tidy_deletes_nothing_that_may_still_be_wanted(company: Company, lake: Path) -> None:
    company.run("lake", "land", "events", "2025-10-30")
    (lake / "late.json").write_text('{"id": 8}\n', encoding="utf-8")
    assert "0 files deleted" in company.run("lake", "tidy", "events", "2025-10-30").stdout
    assert (lake / "late.json").exists()


def test_a_sync_publishes_what_it_agreed_on_today(synced: Company, lake: Path) -> None:
    today = synced.json("state", "upgrade") and synced.store().runs("people", 1)[0][1].started_at.date()
    (landed,) = synced.json("lake", "land", "people", str(today))["partitions"]
    assert landed["rows"] == 7
    assert {"link_id", "source_id", "email", "balance"} <= set(landed["schema"])
    assert landed["schema"]["balance"] == "decimal(38,2)"
    refused = synced.run("lake", "land", "people", "2026-01-01", code=2)
    assert "was not taken then" in refused.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("land", "fligths", "2013-01-01"), 2, "no dataset is named 'fligths'; did you mean flights?"),
        (("land", "flights", "2013-13-01"), 2, "'2013-13-01' is no day; write YYYY-MM-DD"),
        (("land", "flights", "2014-01-01"), 2, "the dataset has days from 2013-01-01 to 2013-12-31"),
        (("land", "events", "2025-10-31"), 1, "dataset events, 2025-10-31: there are no files below"),
        (("show", "events", "2025-10-30"), 2, "has no recorded partition 2025-10-30; land it: integrations lake land"),
        (("land", "events", "2025-10-30", "--to", "2025-10-01"), 2, "--to 2025-10-01 is before 2025-10-30"),
        (("compact", "events", "2025-10-30"), 1, "has no manifest; land or observe it first"),
    ],
)
def test_what_cannot_be_is_put_into_words(
    company: Company, lake: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    assert date.fromisoformat(lake.name.removeprefix("date="))
    assert said in company.run("lake", *words, code=code).stderr
