"""`integrations quickstart` on a machine without anything: what it says, and what plain SQL finds afterwards."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
from contextlib import closing, suppress
from pathlib import Path

import httpx
import psycopg
import pytest
import yaml

from integrations_platform.platform import Platform
from integrations_platform.quickstart.data import make_population
from integrations_platform.quickstart.databases import Databases
from integrations_platform.quickstart.folder import CONTACTS, SHEET, Folder, QuickstartError
from integrations_platform.quickstart.server import plain_dsn, running_postgresql
from integrations_platform.quickstart.services import running_services
from integrations_platform.unified_sync.report import RunStatus
from integrations_platform_tests.quickstart.conftest import RECORDS, Made
from integrations_platform_tests.quickstart.running import integrations, running

pytestmark = pytest.mark.xdist_group("quickstart")

PAGES = re.compile(r"(http://\S+)/assets/\S+\n(http://\S+/console)/\n.* its token is (\w+)")

SENTENCES = (
    "200 customers were recognised by e-mail",
    "planning wrote nothing",
    "these are exactly the faults put into the data",
    "Parked, because both sides changed the name",
    "Values that lost are kept in the audit",
    "the run was refused (exit code 4)",
    "with the table back, the next run has nothing to repair",
    "the decided name is on both sides",
    "plain SQL on both databases says the same, value by value",
    "chained by hash and unaltered",
    "26 people were recognised by e-mail",
    "all 54 people are in both now, each once",
    "the run asked again, and there is exactly one such customer",
    "the customer of the deleted contact is inactive, not gone",
    "HubSpot's history of that field proves its change the later one: it is in both",
    "the number that lost is in the audit",
    "the new row is one contact in HubSpot",
    "and one customer in QuickBooks",
    "no call broke a service's published contract",
    "plain SQL finds every day's flights and miles as in the source's file",
    "nothing is there twice",
    "the load was refused, and the table is as it was",
    "landed and loaded again, the day is whole",
    "the newest run in the sync's own history is the one Dagster started",
    "Everything above was checked and held.",
    "uv run integrations ui",
)

CONNECTOR = (
    "plain SQL finds every contact, company and deal of HubSpot in the lake's files, each once",
    "only that contact landed, in its new version beside the old one",
    "no call of the connector broke HubSpot's published contract",
)


@pytest.mark.parametrize("which", [0, 1])
def test_it_tells_its_story_and_every_claim_holds_also_the_second_time(made: Made, which: int) -> None:
    done = made.runs[which]
    assert done.returncode == 0, done.stdout + done.stderr
    told = " ".join(done.stdout.split())
    for sentence in SENTENCES:
        assert sentence in told, sentence
    assert "✗" not in told
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stdout  # plain text where nobody looks at a terminal


def test_a_connector_brings_the_crm_into_the_lake(made: Made) -> None:
    told = " ".join(made.runs[0].stdout.split())
    if "This step is left out" in told and os.environ.get("INTEGRATIONS_REQUIRE_CONNECTORS") != "1":
        pytest.skip("no uv or no network: the connector cannot be installed")
    for sentence in CONNECTOR:
        assert f"✓ {sentence}" in told, sentence


def test_where_the_connector_cannot_be_installed_the_rest_goes_on_and_it_is_said(made: Made) -> None:
    told = " ".join(made.runs[1].stdout.split())
    assert "This step is left out, everything else goes on: airbyte-cdk needs an environment of its own, and uv" in told
    assert not any(sentence in told for sentence in CONNECTOR)


def test_plain_sql_finds_both_sides_in_agreement(made: Made) -> None:
    folder = Folder.at(made.directory)
    with folder.claimed(), running_postgresql(folder) as url:
        databases = Databases(url, folder.webshop)
        crm, shop = databases.by_email()
        shared = crm.keys() & shop.keys()
        differing = [key for key in shared if crm[key] != shop[key]]
        with psycopg.connect(plain_dsn(url)) as connection:
            archived = connection.execute("SELECT count(*) FROM customers WHERE email IS NULL").fetchone()
    assert len(shared) > RECORDS
    assert len(differing) == 4  # two ties of the first sync, and two clashes nobody has decided
    assert all(crm[key].phone == shop[key].phone and crm[key].balance == shop[key].balance for key in differing)
    assert len(crm.keys() - shop.keys()) == 2
    assert len(shop.keys() - crm.keys()) == 1
    assert archived == (0,)


def test_nothing_is_left_running_and_nothing_outside_is_written(made: Made) -> None:
    folder = Folder.at(made.directory)
    assert not (folder.postgres / "postmaster.pid").exists()
    assert sorted(path.name for path in made.directory.parent.iterdir()) == [made.directory.name]


def test_the_files_it_writes_serve_the_command_line(made: Made, tmp_path: Path) -> None:
    folder = Folder.at(made.directory)
    settings = yaml.safe_load(folder.environment.read_text(encoding="utf-8"))
    assert set(settings["systems"]) == {"crm", "webshop", "hubspot", "quickbooks", "google_sheets"}
    with folder.claimed(), running_postgresql(folder):
        done = integrations(
            "--env-file", str(folder.environment), "--syncs", str(folder.syncs),
            "sync", "verify", "quickstart_customers", cwd=tmp_path,
        )  # fmt: skip
    assert done.returncode in (0, 3), done.stdout + done.stderr


def test_the_services_go_on_where_the_story_left_them_and_no_variable_leads_elsewhere(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `integrations ui` starts them: on other ports, with the data they had."""
    monkeypatch.setenv("HUBSPOT_API_TOKEN", "somebody's real token")
    monkeypatch.setenv("ENABLE_SLACK", "true")
    folder = Folder.at(made.directory)
    with folder.claimed(), running_services(folder) as services:
        folder.write_files("postgresql://nobody@127.0.0.1:1/none", services.options)
        platform = Platform.open(env_file=folder.environment)
        try:
            assert platform.settings.alerts.channels == ()
            for name in (SHEET, CONTACTS):
                report = platform.run(platform.sync(name))
                assert (report.status, report.written) == (RunStatus.SUCCEEDED, 0), report.message
        finally:
            platform.close()
        assert services.hub.calls
    assert (folder.services / "google_sheets-credentials.json").stat().st_mode & 0o077 == 0


def test_dagster_keeps_the_run(made: Made) -> None:
    history = made.directory / "dagster_home" / "history" / "runs.db"
    with closing(sqlite3.connect(f"file:{history}?mode=ro", uri=True)) as runs:
        statuses = [row[0] for row in runs.execute("SELECT status FROM runs")]
    assert statuses == ["SUCCESS", "SUCCESS"]  # one for each quickstart: history outlives a rebuild


def test_a_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("mine")
    done = integrations("quickstart", "--directory", str(tmp_path), "--fresh", cwd=tmp_path)
    assert done.returncode == 1
    assert "is not empty and no quickstart made it (it holds letters.txt)" in done.stderr
    assert (tmp_path / "letters.txt").read_text() == "mine"


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    with Folder.at(tmp_path / "one").claimed():
        done = integrations("quickstart", "--directory", "one", cwd=tmp_path)
    assert done.returncode == 1
    assert "is in use by process" in done.stderr


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(QuickstartError, match="a file is in the way"), Folder.at(tmp_path / "file" / "x").claimed():
        raise AssertionError


def test_a_quickstart_stopped_in_the_middle_leaves_no_server(home: Path) -> None:
    """SIGTERM while it works; the next one starts from there without a complaint."""
    log = home / "log"
    with running("quickstart", "--directory", "q", "--records", "5000", cwd=home, log=log) as process:
        while "First sync: carried out" not in log.read_text():
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
            assert process.poll() is None, log.read_text()
    assert process.returncode == 130, log.read_text()  # as Ctrl-C, not killed
    assert not (home / "q" / "postgres" / "postmaster.pid").exists()
    assert "Traceback" not in log.read_text()


@pytest.mark.nightly
def test_it_ends_with_both_pages_open_and_ctrl_c_leaves_nothing(home: Path) -> None:
    log = home / "log"
    words = ("quickstart", "--keep-open", "--records", "1000", "--directory", "q")
    with running(*words, cwd=home, log=log) as process:
        while (found := PAGES.search(log.read_text())) is None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.2)
            assert process.poll() is None, log.read_text()
        dagster, console, token = found.groups()
        assert httpx.get(f"{dagster}/server_info").status_code == 200
        with httpx.Client(headers={"origin": console.removesuffix("/console")}, follow_redirects=True) as you:
            (proof,) = re.findall(r'name="proof" value="(\w+)"', you.get(f"{console}/sign-in").text)
            overview = you.post(f"{console}/sign-in", data={"proof": proof, "token": token}).text
            assert "4 conflicts" in overview
            assert f"{dagster}/runs/" in you.get(f"{console}/syncs/quickstart_customers").text
            assert "Created in Webshop" in you.get(f"{console}/records", params={"q": "A:74"}).text
        process.send_signal(signal.SIGINT)
        process.wait(60)
    assert process.returncode == 0, log.read_text()
    for address in (dagster, console):
        with pytest.raises(httpx.ConnectError):
            httpx.get(address)
    assert not (home / "q" / "postgres" / "postmaster.pid").exists()


def test_the_interface_says_how_to_begin(tmp_path: Path) -> None:
    done = integrations("ui", cwd=tmp_path)
    assert done.returncode == 1
    assert "make one with `uv run integrations quickstart`" in done.stderr


def test_the_data_is_the_same_every_time_and_counted_right() -> None:
    one, two = make_population(RECORDS), make_population(RECORDS)
    assert one == two
    assert len(one.crm) == RECORDS
    emails = [customer.email.strip().lower() for customer in one.crm]
    assert len(emails) - len(set(emails)) == 3  # two pairs, and two blanks that are one
    assert sum(customer.phone is None for customer in one.crm) > RECORDS // 20
    assert any(not customer.name.isascii() for customer in one.crm)
    with pytest.raises(ValueError, match="at least"):
        make_population(10)
