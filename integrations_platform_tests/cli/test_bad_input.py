"""Wrong settings, wrong tables, wrong state: one clear line, the right exit code, no traceback, no secret, no write."""

from __future__ import annotations

import pytest

from integrations_platform_tests.cli.conftest import SYNC, Company


def _refused(company: Company, *words: str, code: int = 2) -> str:
    result = company.run(*words, code=code)
    assert "Traceback" not in result.output
    assert company.target("SELECT count(*) FROM client") == [(4,)]
    return result.stderr


def test_a_missing_variable_is_named_with_its_line_and_remedy(company: Company) -> None:
    company.configure(
        'systems:\n  billing: {kind: postgresql, url: "${NO_SUCH_URL}"}\n'
        "  shop: {kind: sqlite, path: {folder}/shop.sqlite}\n"
        'state: {url: "sqlite:///{folder}/state.sqlite"}\n'
    )
    for words in (("sync", "plan", "people"), ("sync", "run", "people")):
        said = _refused(company, *words)
        assert "env.yaml:2" in said
        assert "export NO_SUCH_URL=" in said
    text = company.run("doctor", code=1).stdout
    assert "NO_SUCH_URL" in text
    assert "1 problem" in text


@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_server_that_is_down_is_one_line_without_its_password(company: Company, command: str) -> None:
    company.configure(
        "systems:\n"
        '  billing: {kind: postgresql, url: "postgresql://me:hunter2@127.0.0.1:1/x", retry: {attempts: 1}}\n'
        "  shop: {kind: sqlite, path: {folder}/shop.sqlite}\n"
        'state: {url: "sqlite:///{folder}/state.sqlite"}\n'
    )
    said = _refused(company, "sync", command, "people", code=1)
    assert "billing" in said
    assert len(said.strip().splitlines()) == 1
    text = company.run("doctor", code=1)
    assert "PROBLEM system billing" in text.stdout
    assert "hunter2" not in text.output + said


def test_a_wrong_url_is_told_from_the_file(company: Company) -> None:
    company.configure(
        'systems:\n  billing: {kind: postgresql, url: "mysql://me:hunter2@h/x"}\nstate: {url: "sqlite:///./s.sqlite"}\n'
    )
    said = _refused(company, "sync", "plan", "people")
    assert "is no postgresql URL" in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("object: customer", "object: custmer", "did you mean customer"),
        ("source: name,", "source: nmae,", "nmae"),
        ("system: shop", "system: shpo", "shpo"),
        ("match: [email]", "match: [mail]", "mail"),
    ],
)
@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_wrong_table_column_system_or_key_word(company: Company, old: str, new: str, said: str, command: str) -> None:
    company.declare(SYNC.replace(old, new))
    assert said in _refused(company, "sync", command, "people")


@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_table_without_a_key(company: Company, command: str) -> None:
    company.source("DROP TABLE customer")
    company.source("CREATE TABLE customer (email TEXT, name TEXT, balance NUMERIC)")
    assert "no primary key" in _refused(company, "sync", command, "people")
    assert "no primary key" in company.run("doctor", code=1).stdout


def test_a_state_of_a_newer_version_is_left_alone(synced: Company) -> None:
    synced.state("UPDATE integrations_alembic_version SET version_num = '9999'")
    for words in (("sync", "run", "people"), ("sync", "status"), ("state", "upgrade")):
        result = synced.run(*words, code=2)
        assert "9999" in result.stderr
        assert "newer release" in result.stderr
    assert "9999" in synced.run("doctor", code=1).stdout


def test_unknown_names_list_the_known_ones(company: Company) -> None:
    assert "people" in _refused(company, "sync", "run", "peopel")
    assert "cannot be read" in _refused(company, "sync", "run", "--file", "nowhere.yaml")
    _refused(company, "--env", "local", "sync", "list")


def test_an_unusable_environment_file_ends_doctor_with_2(company: Company) -> None:
    company.configure("systems: []\n")
    assert "systems" in _refused(company, "doctor")


def test_an_unexpected_fault_is_one_line_and_a_traceback_only_with_debug(company: Company) -> None:
    company.run("sync", "run", "people")
    company.state("UPDATE sync_run SET counts = 'no json'")
    result = company.run("sync", "history", code=1)
    assert "unexpected JSONDecodeError" in result.stderr
    assert "--debug" in result.stderr
    assert "Traceback" not in result.stderr
    assert "Traceback" in company.run("--debug", "sync", "history", code=1).stderr


def test_doctor_finds_a_company_in_order(synced: Company) -> None:
    text = synced.run("doctor").stdout
    assert "0 problems" in text
    assert "schema version" in text
    assert "archive table" in text
    data = synced.json("doctor")
    assert data["problems"] == 0
    assert {finding["area"] for finding in data["findings"]} == {"settings", "state", "alerts", "system", "sync"}


def test_doctor_tells_a_dead_run_from_a_living_one(synced: Company) -> None:
    synced.state("UPDATE sync_lease SET holder = 'host-seven:1', until = '2020-01-01T00:00:00.000000+00:00'")
    synced.state("UPDATE sync_run SET status = 'running', finished_at = NULL")
    text = synced.run("doctor").stdout
    assert "a lease of host-seven:1 ended" in text
    assert "was interrupted" in text
    synced.state("UPDATE sync_lease SET until = '2999-01-01T00:00:00.000000+00:00'")
    assert "is being run by host-seven:1" in synced.run("doctor").stdout


def test_doctor_names_an_open_breaker_and_a_missing_file(synced: Company) -> None:
    synced.state(
        "INSERT INTO sync_breaker (system, state, failures, opened_at, last_error) "
        "VALUES ('shop', 'open', 5, '2026-01-01T00:00:00.000000+00:00', 'connection refused')"
    )
    assert "circuit breaker is open after 5 failures" in synced.run("doctor", code=1).stdout
    (synced.folder / "billing.sqlite").unlink()
    assert "PROBLEM system billing" in synced.run("doctor", code=1).stdout
