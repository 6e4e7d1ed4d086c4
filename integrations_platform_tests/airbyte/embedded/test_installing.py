"""Installing a connector, and what is told where it cannot be."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from integrations_platform.airbyte.embedded.connectors import DECLARATIVE, FAKER, KNOWN, Project
from integrations_platform.airbyte.embedded.installing import environment_of, installed, is_installed
from integrations_platform.airbyte.faults import AirbyteFault
from integrations_platform.service_faults import FaultKind
from integrations_platform_tests.airbyte.embedded.environments import connectors_folder
from integrations_platform_tests.airbyte.embedded.stage import Stage, whole


@pytest.mark.parametrize("project", [DECLARATIVE, FAKER], ids=lambda one: one.name)
def test_a_lock_pins_what_the_project_asks_for(project: Project) -> None:
    asked = tomllib.loads((project.folder / "pyproject.toml").read_text())["project"]
    (requirement,) = asked["dependencies"]
    name, _, version = requirement.partition("==")
    locked = {one["name"]: one for one in tomllib.loads((project.folder / "uv.lock").read_text())["package"]}
    assert (name, locked[name]["version"]) == (project.what, version)
    assert all(one.get("wheels", one.get("sdist")) for one in locked.values() if one["name"] != asked["name"])
    assert asked["requires-python"].endswith(f"<{project.below[0]}.{project.below[1]}")


def test_every_manifest_is_shipped() -> None:
    for known in KNOWN.values():
        assert known.project is not None
        assert (known.project.folder / "uv.lock").is_file()
        assert known.manifest is None or known.manifest.is_file()


def test_without_uv_the_message_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("UV", raising=False)
    with pytest.raises(AirbyteFault, match=r"uv, which makes it, is not on this machine.*AIRBYTE_EMBEDDED") as raised:
        installed(DECLARATIVE, tmp_path / "environments", lambda _: None)
    assert raised.value.kind is FaultKind.CONFIGURATION


def test_without_a_network_nothing_is_half_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connectors_folder(DECLARATIVE)  # there is a uv
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(AirbyteFault, match=r"could not be installed: Failed to download.*check the network") as raised:
        installed(DECLARATIVE, tmp_path / "environments", lambda _: None)
    assert raised.value.kind is FaultKind.TRANSIENT
    assert not is_installed(DECLARATIVE, tmp_path / "environments")


def test_what_is_installed_is_taken_without_a_question(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = connectors_folder(DECLARATIVE)
    monkeypatch.setenv("PATH", "")
    notes: list[str] = []
    program = installed(DECLARATIVE, folder, notes.append)
    assert program == environment_of(DECLARATIVE, folder) / ".venv" / "bin" / "source-declarative-manifest"
    assert program.is_file()
    assert notes == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AirbyteFault, match=r"name another folder in airbyte\.folder"):
        installed(DECLARATIVE, tmp_path / "file" / "environments", lambda _: None)


def test_a_manifest_of_your_own_is_run_by_the_program_that_is_named(stage: Stage) -> None:
    manifest = stage.folder / "mine.yaml"
    manifest.write_text("version: 7.0.0")
    stage.connector, stage.executable = str(manifest), str(stage.program)
    stage.reads = {"*": whole("orders", 1)}
    assert stage.report("orders").succeeded


@pytest.mark.nightly
@pytest.mark.skipif(sys.version_info >= (3, 13), reason="source-faker wants an older Python, which uv would fetch")
def test_the_faker_of_airbyte_makes_the_rows_of_a_day(stage: Stage) -> None:
    """Opt-in for users: its licence forbids to ship it. What it makes follows from the day, but for `updated_at`."""
    from dataclasses import replace
    from datetime import date

    stage.connector, stage.config = "faker", {"count": 200}
    days = [date(2026, 2, 1), date(2026, 2, 1), date(2026, 2, 2)]
    made = []
    for day in days:
        sync = stage.sync("users", day=day)
        sync.settings = replace(sync.settings, folder=str(connectors_folder(FAKER)))
        users = replace(sync.lake.settings.datasets["people"], source=_users())
        sync.lake.settings = replace(sync.lake.settings, datasets={"people": users})
        report = sync.report()
        assert report.succeeded, report.failure
        manifest = sync.lake.manifest("people", day)
        assert manifest is not None
        assert manifest.rows == 200
        made.append(sync.lake.read(manifest).drop("updated_at", "_airbyte_raw_id", "_airbyte_extracted_at"))
    assert made[0].equals(made[1])
    assert not made[0].equals(made[2])


def _users() -> object:
    from integrations_platform.settings_lake import AirbyteOutput

    return AirbyteOutput("shop", "users")
