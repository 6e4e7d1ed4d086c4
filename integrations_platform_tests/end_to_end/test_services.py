"""Services through the whole platform: found by their stand-ins, counted in the state, and synced with a table."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from integrations_platform.doctor import Level, examine
from integrations_platform.platform import Platform
from integrations_platform.sandbox.catalogue import known, stand_in
from integrations_platform.sandbox.hubspot import HubSpot
from integrations_platform.sandbox.vendor import Vendor
from integrations_platform.settings import load_settings
from integrations_platform.settings_schema import SERVICES
from integrations_platform_tests.sandbox.running import running

OBJECTS = {"hubspot": "contacts", "quickbooks": "customers", "google_sheets": "Customers"}
COLUMNS = {
    "hubspot": {"email": "email", "name": "lastname", "key": "email"},
    "quickbooks": {"email": "PrimaryEmailAddr.Address", "name": "DisplayName", "key": "DisplayName"},
    "google_sheets": {"email": "Email", "name": "Name", "key": "Email"},
}
ENV = """
systems:
  service: {{kind: {kind}, sandbox: "{url}", {required}}}
  shop: {{kind: sqlite, path: {folder}/shop.sqlite}}
state: {{url: "sqlite:///{folder}/state.sqlite"}}
"""
SYNC = """
name: people
source: {{system: service, object: {object}}}
target: {{system: shop, object: person}}
match: [{match}]
fields:
  email: {{source: "{email}", target: email, type: email, required: false}}
  name:  {{source: "{name}", target: name, type: text, required: false}}
conflicts: {{default: source_wins}}
"""


def opened(folder: Path, kind: str, url: str) -> Platform:
    """The environment of a person who set no variable."""
    required = ", ".join(f'{name}: "${{NOT_SET_{name}}}"' for name, each in SERVICES[kind].items() if each.required)
    (folder / "env.yaml").write_text(ENV.format(kind=kind, url=url, folder=folder, required=required))
    syncs = folder / "syncs"
    syncs.mkdir(exist_ok=True)
    match = "email" if COLUMNS[kind]["key"] == COLUMNS[kind]["email"] else "name"
    (syncs / "people.yaml").write_text(SYNC.format(object=OBJECTS[kind], match=match, **COLUMNS[kind]))
    return Platform(load_settings(env_file=folder / "env.yaml", environ={}), folder=syncs)


@pytest.fixture(params=sorted(OBJECTS))
def vendor(request: pytest.FixtureRequest) -> Iterator[tuple[Vendor, str]]:
    """Each stand-in with a dozen records, and where it serves."""
    assert request.param in known()
    vendor = stand_in(request.param)(seed=5)
    vendor.populate(12)
    with running(vendor) as server:
        yield vendor, server.url(request.param)


def test_a_service_syncs_with_a_table_and_every_call_is_counted_for_its_account(
    vendor: tuple[Vendor, str], tmp_path: Path
) -> None:
    served, url = vendor
    kind = served.name
    with closing(sqlite3.connect(tmp_path / "shop.sqlite")) as shop:
        shop.execute("CREATE TABLE person (id INTEGER PRIMARY KEY, email TEXT, name TEXT)")
    platform = opened(tmp_path, kind, url)
    try:
        first = platform.run(platform.sync("people"))
        assert first.status in ("succeeded", "partial"), first.message
        assert first.counts["created_b"] >= 10
        again = platform.run(platform.sync("people"))
        assert (again.status, again.written) == (first.status, 0)
        system = platform.settings.system("service")
        budget = platform.budget(system, platform.address(system))
        assert budget is not None
        assert platform.store.accounts.read(budget.account) is not None, "counted in the state"
        daily = [usage.used for usage in budget.usage() if usage.name == "daily"]
        assert daily in ([], [len(served.calls)]), "no call goes uncounted"
        if isinstance(served, HubSpot):
            (midnight,) = [usage.resets_at for usage in budget.usage()]
            local = midnight.astimezone(ZoneInfo(served.limits.zone))
            assert (local.hour, local.minute) == (0, 0), "of the portal's zone"
        found = next(finding for finding in examine(platform) if finding.subject == "service")
        assert (found.level, "it is the stand-in" in found.message) == (Level.NOTE, True)
    finally:
        platform.close()
