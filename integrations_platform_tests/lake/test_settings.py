"""The `lake:` section: read with its line, wrong entries named, secrets resolved late and never shown."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from integrations_platform.settings import Settings, SettingsError, load_settings
from integrations_platform.settings_lake import DEFAULT_URL, FilesOfOthers, SampleData, SyncOutput, Volume

BASE = "systems: {}\nstate: {url: 'sqlite:///./state.sqlite'}\n"
LAKE = """\
lake:
  url: "${LAKE_URL:-file://./lake}"
  options: {secret_access_key: "${AWS_SECRET_ACCESS_KEY:-}", region: eu-central-1}
  datasets:
    flights: {format: parquet, source: {sample: flights}, starts: 2013-01-01, ends: 2013-12-31, date_column: ds}
    events:  {format: csv, source: files, starts: 2025-10-01, volume: {days: 7, same_weekday: false}}
    changes: {format: ndjson, compression: gzip, source: {sync: "*", publish: changes}, starts: 2026-01-01}
"""


def load(folder: Path, text: str, **environ: str) -> Settings:
    file = folder / "env.yaml"
    file.write_text(BASE + text, encoding="utf-8")
    return load_settings(env_file=file, environ=environ)


def faults_of(folder: Path, text: str) -> str:
    with pytest.raises(SettingsError) as raised:
        load(folder, text)
    return str(raised.value)


def test_datasets_are_read_as_declared(tmp_path: Path) -> None:
    lake = load(tmp_path, LAKE).lake
    flights, events, changes = lake.datasets.values()
    assert (flights.source, flights.starts, flights.ends) == (
        SampleData("flights"),
        date(2013, 1, 1),
        date(2013, 12, 31),
    )
    assert (flights.date_column, flights.volume) == ("ds", Volume())
    assert (events.source, events.format, events.volume) == (FilesOfOthers(), "csv", Volume(days=7, same_weekday=False))
    assert (changes.source, changes.compression) == (SyncOutput("*", "changes"), "gzip")


def test_without_a_section_the_lake_is_a_folder_here(tmp_path: Path) -> None:
    lake = load(tmp_path, "").lake
    assert lake.url.resolve() == DEFAULT_URL
    assert not lake.datasets


def test_the_shipped_environments_have_a_lake() -> None:
    for name in ("local", "staging", "production"):
        assert "flights" in load_settings(name, environ={}).lake.datasets


def test_secrets_are_resolved_late_and_never_shown(tmp_path: Path) -> None:
    lake = load(tmp_path, LAKE, AWS_SECRET_ACCESS_KEY="hunter2", LAKE_URL="s3://b/p").lake
    assert "hunter2" not in repr(lake)
    assert lake.options["secret_access_key"].resolve() == "hunter2"
    assert lake.url.resolve() == "s3://b/p"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("format: parquet", "format: avro", "7: lake.datasets.flights.format: 'avro' is not known"),
        ("{sample: flights}", "{sample: boats}", "lake.datasets.flights.source.sample: 'boats' is not known"),
        ("{sample: flights}", "{sync: a}", "lake.datasets.flights.source: does not say one source"),
        ("{sample: flights}", "{sample: flights, sync: a, publish: state}", "does not say one source"),
        ("2013-01-01", "2013-02-30", "lake.datasets.flights.starts: there is no day '2013-02-30'"),
        ("2013-12-31", "2012-12-31", "lake.datasets.flights.ends: is before `starts`"),
        ("flights:", "_manifests:", "the name '_manifests' cannot be used"),
        ("format: ndjson", "format: csv", "lake.datasets.changes.format: csv is never written here"),
        ("format: ndjson", "format: parquet", "lake.datasets.changes.compression: has no meaning for parquet"),
        ("source: files,", "source: files, date_column: ds,", "events.date_column: has no meaning for files of others"),
        ("region:", "regoin:", "lake.options.regoin: unknown key; did you mean region?"),
        ("${LAKE_URL:-file://./lake}", "${LAKE_URL", "lake.url: holds a malformed"),
    ],
)
def test_a_wrong_entry_is_named_with_its_line(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert expected in faults_of(tmp_path, LAKE.replace(old, new, 1))
