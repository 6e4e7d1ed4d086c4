"""A connector brought by another package is a kind like any other."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from integrations_platform.connectors import open_side, probe
from integrations_platform.connectors.plugins import GROUP, plugin
from integrations_platform.connectors.services import budget_for, service
from integrations_platform.platform import Platform
from integrations_platform.settings import SettingsError, load_settings
from integrations_platform.unified_sync.port import SideError
from integrations_platform.unified_sync.spec import SideSpec

MODULE = """
from integrations_platform.connectors.budgets import Allowance, Quota
from integrations_platform.settings_schema import Option

OPTIONS = {
    "key": Option("from the page of your account", required=True),
    "region": Option("eu or us", usual="eu"),
}
IDENTITY = ("key",)
ALLOWANCE = Allowance((Quota("daily", 2, "day"),), {"call": ("daily",)})


class Ledger:
    def __init__(self, system, options, spec):
        self.system, self.options, self.object = system, options, spec.object

    def close(self):
        pass


def open_acme(system, options, spec, columns, pair, side, *, clock, budget):
    budget.spend()
    return Ledger(system, dict(options), spec)


def probe(system, options, *, clock, budget):
    return f"Acme of {options['region']}"
"""

ENV = """
systems: {{books: {{kind: acme, {options}}}}}
state: {{url: "sqlite:///{folder}/state.sqlite"}}
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package as pip leaves it."""
    (tmp_path / "acme_connector.py").write_text(MODULE)
    info = tmp_path / "acme_connector-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-connector\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nacme = acme_connector\nhubspot = acme_connector\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    plugin.cache_clear()
    yield tmp_path
    plugin.cache_clear()
    sys.modules.pop("acme_connector", None)


def loaded(folder: Path, options: str, **environ: str) -> Platform:
    file = folder / "env.yaml"
    file.write_text(ENV.format(options=options, folder=folder))
    return Platform(load_settings(env_file=file, environ=environ), folder=folder)


def test_its_options_come_from_the_environment_file_and_its_limits_hold(installed: Path) -> None:
    platform = loaded(installed, 'key: "${ACME_KEY}"', ACME_KEY="k-1")
    system = platform.settings.system("books")
    address = platform.address(system)
    assert address == {"key": "k-1", "region": "eu"}
    assert probe(system.kind, address, "books") == "Acme of eu"
    for _ in range(2):
        side = open_side(
            "books", "acme", address, SideSpec("books", "ledger"), (), "p", "A", budget=platform.budget(system, address)
        )
        assert (side.system, side.object) == ("books", "ledger")  # type: ignore[attr-defined]
    with pytest.raises(SideError, match="daily quota of 2 calls"):
        open_side("books", "acme", address, SideSpec("books", "l"), (), "p", "A",
                  budget=platform.budget(system, address))  # fmt: skip
    platform.close()


def test_what_its_kind_does_not_know_is_a_fault_like_any_other(installed: Path) -> None:
    with pytest.raises(SettingsError, match=r"books\.token: has no meaning for kind acme; kind acme takes key, region"):
        loaded(installed, "key: k, token: t")
    with pytest.raises(SettingsError, match=r"books\.key: is missing; kind acme needs it: from the page"):
        loaded(installed, "region: us")
    platform = loaded(installed, 'key: "${ACME_KEY}"')
    with pytest.raises(SettingsError, match="ACME_KEY"):
        platform.address(platform.settings.system("books"))


def test_a_kind_of_the_platform_cannot_be_taken_over(installed: Path) -> None:
    assert plugin("hubspot") is not None
    assert service("hubspot").__name__ == "integrations_platform.connectors.hubspot"
    file = installed / "own.yaml"
    file.write_text("systems: {x: {kind: hubspot, key: k}}\nstate: {url: 'sqlite:///s.sqlite'}\n")
    with pytest.raises(SettingsError, match=r"x\.key: unknown key"):
        load_settings(env_file=file, environ={})


def test_a_connector_that_cannot_be_imported_is_named(installed: Path) -> None:
    (installed / "acme_connector.py").write_text("import a_library_nobody_installed")
    sys.modules.pop("acme_connector", None)
    with pytest.raises(SideError, match=r"cannot be imported from acme_connector.*a_library_nobody_installed"):
        loaded(installed, "key: k")


def test_a_kind_that_nobody_brings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="'acme' is not known"):
        loaded(tmp_path, "key: k")


def test_the_limits_of_a_service_account_are_its_users_however_the_key_is_given(tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    file.write_text('{"client_email": "robot@x.example", "private_key": "one"}')
    given = (str(file), '{"client_email": "robot@x.example", "private_key": "two"}', '{"client_email": "other"}')

    def account(credentials: str) -> object:
        options = {"credentials": credentials, "base_url": "https://sheets.googleapis.com"}
        budget = budget_for("s", "google_sheets", options, clock=lambda: None, sleep=lambda _: None)  # type: ignore[arg-type,return-value]
        return budget.account

    assert account(given[0]) == account(given[1]) != account(given[2])
