"""The real thing: airbyte-cdk in its own environment reads the HubSpot stand-in over HTTP, by the manifest we ship."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from integrations_platform.airbyte.embedded import EmbeddedSync
from integrations_platform.airbyte.embedded.connectors import DECLARATIVE
from integrations_platform.airbyte.reports import SyncReport
from integrations_platform.lake import Lake
from integrations_platform.sandbox.hubspot import HubSpot
from integrations_platform.sandbox.hubspot.app import TOKEN
from integrations_platform.sandbox.server import SandboxServer
from integrations_platform.settings import Settings, load_settings
from integrations_platform_tests.airbyte.embedded.environments import connectors_folder

PEOPLE = 450  # three pages
_ENVIRONMENT = """
systems: {{}}
state: {{url: "sqlite:///{folder}/state.sqlite"}}
airbyte:
  mode: embedded
  folder: {connectors}
  connections:
    crm:
      streams: [contacts, companies, deals]
      embedded: {{connector: hubspot, config: {{token: "${{HUBSPOT_API_TOKEN}}", base_url: "{url}"}}}}
lake:
  url: file://{folder}/lake
  datasets:
    crm_contacts: {{format: parquet, source: {{airbyte: crm, stream: contacts}}, starts: 2026-01-01, date_column: ds}}
    crm_companies: {{format: ndjson, source: {{airbyte: crm, stream: companies}}, starts: 2026-01-01}}
    crm_deals: {{format: parquet, source: {{airbyte: crm, stream: deals}}, starts: 2026-01-01}}
"""


@pytest.fixture
def hub() -> HubSpot:
    """A portal whose search is behind by nothing, so that nobody waits."""
    hub = HubSpot()
    hub.index_delay = 0.0
    hub.populate(PEOPLE)
    return hub


@pytest.fixture
def environment(hub: HubSpot, tmp_path: Path) -> Iterator[Path]:
    """An environment file whose connection reads the stand-in."""
    connectors = connectors_folder(DECLARATIVE)
    with SandboxServer(hub) as server:
        file = tmp_path / "test.yaml"
        file.write_text(_ENVIRONMENT.format(folder=tmp_path, connectors=connectors, url=server.url("hubspot")))
        yield file


def _settings(environment: Path, token: str = TOKEN) -> Settings:
    return load_settings(env_file=environment, environ={"HUBSPOT_API_TOKEN": token})


def _synced(settings: Settings, warnings: list[str] | None = None) -> SyncReport:
    heard = [] if warnings is None else warnings
    connection = settings.airbyte.connections["crm"]
    return EmbeddedSync(connection, settings.airbyte, Lake.open(settings.lake), "run", warn=heard.append).report()


def _rows(settings: Settings, dataset: str) -> list[dict[str, object]]:
    lake = Lake.open(settings.lake)
    return [row for manifest in lake.manifests(dataset).values() for row in lake.read(manifest).to_dicts()]


def test_a_portal_lands_and_later_only_what_changed_and_what_the_token_may_see(hub: HubSpot, environment: Path) -> None:
    settings = _settings(environment)
    moved, late, *_ = hub.portal.live("contacts")
    hub.index_delay = 600.0
    hub.person({"do": "edit", "type": "contacts", "id": str(late.id), "properties": {"city": "Žilina"}})
    first = _synced(settings)
    assert first.succeeded, first.failure
    hub.index_delay = 0.0
    for kind in ("contacts", "companies", "deals"):
        landed = _rows(settings, f"crm_{kind}")
        portal = {str(record.id): record for record in hub.portal.live(kind)}
        assert sorted(str(row["id"]) for row in landed) == sorted(portal)
        assert {row["_airbyte_meta"] for row in landed} == {None}
    people = {row["email"]: row["city"] for row in _rows(settings, "crm_contacts")}
    portal = {record.now["email"]: record.now.get("city") for record in hub.portal.live("contacts")}
    assert {email for email in portal if people[email] != portal[email]} == {late.now["email"]}

    # From now on with a token that may not read deals.
    token = "pat-na1-of-somebody-else"
    hub.scopes[token] = frozenset({f"crm.objects.{kind}.read" for kind in ("contacts", "companies")})
    settings = _settings(environment, token)
    hub.person({"do": "edit", "type": "contacts", "id": str(moved.id), "properties": {"city": "Łódź"}})
    warnings: list[str] = []
    second = _synced(settings, warnings)
    assert {one.name: one.rows for one in second.streams} == {"contacts": 2, "companies": 0, "deals": 0}
    missing = "HubSpot refuses this (403): give the private app the scope crm.objects.deals.read."
    assert (second.partial, second.permanent, second.failure) == (True, True, f"deals: {missing}")
    assert token not in f"{second} {warnings}"
    for contact, city in ((moved, "Łódź"), (late, "Žilina")):  # the second by looking back behind a late index
        versions = [row["city"] for row in _rows(settings, "crm_contacts") if row["id"] == str(contact.id)]
        assert versions[-1] == city
        assert len(versions) == 2
    assert hub.violations == []


@pytest.mark.nightly
def test_a_token_that_is_refused_is_told_and_not_worth_trying_again(environment: Path) -> None:
    settings = _settings(environment, "pat-na1-nobody")
    warnings: list[str] = []
    report = _synced(settings, warnings)
    assert report.permanent
    refused = "HubSpot refuses the token (401): set a valid access token of a private app."
    assert report.failure == f"contacts, companies, deals: {refused}"
    assert "pat-na1-nobody" not in f"{report} {warnings}"


@pytest.mark.nightly
def test_a_portal_beyond_the_wall_of_ten_thousand_results_is_read_whole(hub: HubSpot, environment: Path) -> None:
    hub.limits.searches = 1_000
    hub.populate(10_300 - PEOPLE)
    settings = _settings(environment)
    assert _synced(settings).succeeded
    assert len(_rows(settings, "crm_contacts")) == 10_300
    assert hub.violations == []
