"""`sync unified`: the job ``data_sync_unified`` as a command."""

from __future__ import annotations

import json

import pytest

from integrations_platform.cli import unified
from integrations_platform.jobs import DATA_SYNC_UNIFIED
from integrations_platform_tests.cli.conftest import SYNC, Company

NOTES = """\
name: notes
source: {system: billing, object: note}
target: {system: shop, object: memo}
match: [text]
fields:
  customer: {source: customer_id, target: client_id, type: ref, to: people}
  text: {source: text, target: text, type: text}
"""


def with_notes(company: Company, *, target: bool = True) -> None:
    """Notes about customers, which refer to them."""
    company.source("CREATE TABLE note (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, text TEXT NOT NULL)")
    company.source("INSERT INTO note VALUES (1, 2, 'pays late')")
    if target:
        company.target("CREATE TABLE memo (id INTEGER PRIMARY KEY, client_id INTEGER NOT NULL, text TEXT NOT NULL)")
    company.declare(NOTES, "a_notes")


def test_it_runs_what_joins_two_ends_each_after_what_it_refers_to(company: Company) -> None:
    with_notes(company)
    config = {"source_type": "billing", "target_type": "shop", "direction": "bidirectional", "batch_size": 50,
              "dry_run": False}  # fmt: skip
    done = company.json("sync", "unified", "--config", json.dumps(config))
    assert [run["sync"] for run in done["runs"]] == ["people", "notes"]
    ((client, text),) = company.target("SELECT client_id, text FROM memo")
    assert company.target("SELECT mail FROM client WHERE id = ?", client) == [("p2@x.org",)]
    assert text == "pays late"


def test_options_and_config_say_the_same_and_options_go_first(company: Company) -> None:
    words = ("sync", "unified", "--source-type", "sqlite", "--target-type", "shop", "--dry-run")
    assert "succeeded" in company.run(*words).stdout
    config = '{"source_type": "nothing", "target_type": "shop", "dry_run": true}'
    company.run("sync", "unified", "--config", "-", "--source-type", "billing", input=config)
    assert len(company.target("SELECT * FROM client")) == 4, "a dry run writes nothing"
    assert company.run("sync", "unified", "--source-type", "shop", "--target-type", "billing").exit_code == 0
    assert len(company.target("SELECT * FROM client")) == 7


def test_what_refers_to_a_failed_sync_is_not_run_and_the_worst_code_counts(company: Company) -> None:
    with_notes(company)
    company.declare(SYNC.replace("object: client", "object: missing"))
    done = company.run("sync", "unified", "--source-type", "billing", "--target-type", "shop", code=2)
    assert "notes was not run: it refers to people, which failed" in done.stderr
    assert company.target("SELECT * FROM memo") == []


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("[", "not JSON"),
        ("[]", "JSON object"),
        ('{"source_typ": "a"}', "did you mean source_type?"),
        ('{"source_type": "billing"}', "target_type must be given"),
        ('{"source_type": "billing", "target_type": "shop", "batch_size": 0}', "batch_size cannot be 0"),
        ('{"source_type": "billing", "target_type": "shop", "batch_size": true}', "batch_size cannot be true"),
        ('{"source_type": "billing", "target_type": "shop", "direction": "up"}', "direction cannot be"),
        ('{"source_type": "billing", "target_type": "hubspot"}', "no declared sync joins"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(company: Company, config: str, said: str) -> None:
    assert said in company.run("sync", "unified", "--config", config, code=2).stderr


def test_the_options_are_the_jobs_parameters() -> None:
    options = {parameter.name for parameter in unified.unified.params} - {"config", "unattended", "as_json"}
    assert options == {parameter.name for parameter in DATA_SYNC_UNIFIED.parameters}
    for parameter in DATA_SYNC_UNIFIED.parameters:
        (option,) = [one for one in unified.unified.params if one.name == parameter.name]
        assert tuple(getattr(option.type, "choices", ())) == parameter.choices
