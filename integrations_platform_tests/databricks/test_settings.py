"""The `databricks:` section: what it says, and what is wrong with it, by line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from integrations_platform.settings import Settings, SettingsError, load_settings
from integrations_platform.settings_databricks import filled

FRAME = """
systems: {}
state: {url: "sqlite:///./state.sqlite"}
lake:
  url: file://./lake
  datasets:
    flights: {format: parquet, source: {sample: flights}, starts: 2013-01-01}
"""


def loaded(tmp_path: Path, section: str, **environ: str) -> Settings:
    file = tmp_path / "env.yaml"
    file.write_text(FRAME + section)
    return load_settings(env_file=file, environ=environ)


def test_a_file_without_the_section_has_no_jobs_and_no_workspace(tmp_path: Path) -> None:
    section = loaded(tmp_path, "").databricks
    assert (section.host.resolve(), dict(section.jobs)) == ("", {})


def test_an_existing_job_needs_its_number_and_first_day_only(tmp_path: Path) -> None:
    section = loaded(tmp_path, """
databricks:
  host: "${HOST:-}"
  token: "${TOKEN}"
  jobs:
    nightly: {job_id: 12345, starts: 2026-01-01}
    hourly: {job_id: "${HOURLY}", starts: 2026-01-01, timeout_hours: 0.5, only: [load]}
""", HOST="https://adb", HOURLY="7").databricks  # fmt: skip
    nightly, hourly = section.jobs["nightly"], section.jobs["hourly"]
    assert (section.host.resolve(), nightly.job_id and nightly.job_id.resolve()) == ("https://adb", "12345")
    assert (nightly.starts, nightly.timeout, hourly.timeout, hourly.only) == (date(2026, 1, 1), None, 1800, ("load",))
    assert hourly.job_id is not None
    assert hourly.job_id.resolve() == "7"
    with pytest.raises(SettingsError, match="TOKEN"):
        section.token.resolve()


@pytest.mark.parametrize(
    ("job", "words"),
    [
        ("{starts: 2026-01-01}", "says neither job_id, notebook nor task"),
        ("{job_id: 1, task: flight_features, starts: 2026-01-01}", "more than one of job_id, notebook and task"),
        ("{job_id: 1}", "starts: is missing"),
        ("{job_id: 1, starts: 2026-02-30}", "no day '2026-02-30'"),
        ("{job_id: 1, starts: 2026-02-03, ends: 2026-02-01}", "is before `starts`"),
        ("{job_id: 1, starts: 2026-01-01, libraries: [x]}", "libraries: has no meaning beside job_id"),
        ("{notebook: /x, starts: 2026-01-01, only: [x]}", "only: has no meaning beside notebook"),
        ("{task: x, starts: 2026-01-01, parameters: {a: '{date}'}}", "use one of {day}, {next_day}, {run_id}"),
        ("{task: x, starts: 2026-01-01, reads: flihgts}", "did you mean flights?"),
        ("{task: x, starts: 2026-01-01, existing_cluster_id: a, new_cluster: {num_workers: 1}}", "keep one of them"),
        ("{job_id: 1, starts: 2026-01-01, repairs: 11}", "out of range"),
        ("{job_id: 1, starts: 2026-01-01, reapirs: 1}", "did you mean repairs?"),
    ],
)
def test_what_cannot_be_meant_is_said(tmp_path: Path, job: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, f"databricks:\n  jobs:\n    nightly: {job}\n")
    assert words in str(caught.value)
    assert "databricks.jobs.nightly" in str(caught.value)


def test_a_dataset_of_an_unknown_job_is_said(tmp_path: Path) -> None:
    dataset = "    features: {format: parquet, source: {job: faetures}, starts: 2013-01-01}\n"
    with pytest.raises(SettingsError, match=r"lake\.datasets\.features\.source\.job: no job is named 'faetures'"):
        loaded(tmp_path, dataset + "databricks: {jobs: {features: {task: flight_features, starts: 2013-01-01}}}\n")


def test_placeholders_are_filled_in_and_other_braces_stay() -> None:
    assert filled('{"day": "{day}"} {other} {}', {"day": "2013-01-01"}) == '{"day": "2013-01-01"} {other} {}'
