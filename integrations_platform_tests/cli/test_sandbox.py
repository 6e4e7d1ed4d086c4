"""`integrations sandbox`: stand-ins in a process of their own, and the platform that finds them."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from integrations_platform.cli import cli
from integrations_platform.doctor import Level, examine
from integrations_platform.platform import Platform
from integrations_platform.settings import json_schema, load_settings
from integrations_platform.settings_schema import SERVICES
from integrations_platform.unified_sync.port import ErrorKind, SideError
from integrations_platform_tests.cli.conftest import ROOT, environment

KINDS = ("hubspot", "quickbooks", "google_sheets", "databricks", "airbyte")


@dataclass
class Running:
    """The command, while it runs."""

    process: subprocess.Popen[str]
    lines: list[str]

    def url(self, kind: str) -> str:
        return next(line.split(" at ")[1] for line in self.lines if line.startswith(f"{kind} at "))

    def exports(self) -> dict[str, str]:
        pairs = [line.strip().removeprefix("export ").split("=", 1) for line in self.lines if "export " in line]
        return {name: value.strip("'") for name, value in pairs}

    def end(self, how: signal.Signals = signal.SIGINT) -> str:
        self.process.send_signal(how)
        out, err = self.process.communicate(timeout=30)
        assert (self.process.returncode, err) == (0, "")
        return out


@contextmanager
def started(*words: str) -> Iterator[Running]:
    """The command, started with free ports; killed if a story left it running."""
    process = subprocess.Popen(
        [sys.executable, "-m", "integrations_platform.cli", "sandbox", "--port", "0", *words],
        cwd=ROOT, env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    lines = []
    try:
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if "Ctrl-C ends it" in line:
                break
        yield Running(process, lines)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_it_serves_all_tells_how_to_reach_them_and_ends_cleanly() -> None:
    with started("--size", "7", "--seed", "3") as command:
        for kind in KINDS:
            answer = httpx.get(f"{command.url(kind)}/_control/log")
            assert answer.json() == {"calls": []}
        said = command.exports()
        assert said["HUBSPOT_BASE_URL"] == command.url("hubspot")
        assert Path(said["GOOGLE_SHEETS_CREDENTIALS_JSON"]).stat().st_mode & 0o077 == 0
        assert command.end() == "ended\n"
        assert not Path(said["GOOGLE_SHEETS_CREDENTIALS_JSON"]).exists(), "nothing is left behind"


def test_data_kept_in_a_folder_goes_on_where_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    key = "GOOGLE_SHEETS_CREDENTIALS_JSON"
    with started("--vendors", "google_sheets", "--state", str(folder), "--size", "3") as command:
        first = Path(command.exports()[key]).read_text()
        assert command.end(signal.SIGTERM) == f"ended; the data is kept in {folder}\n"
    kept = (folder / "google_sheets.json").read_text()
    with started("--vendors", "google_sheets", "--state", str(folder), "--size", "50") as command:
        again = Path(command.exports()[key]).read_text()
        command.end()
    assert (folder / "google_sheets.json").read_text() == kept
    assert again.replace(" ", "").split("token_uri")[0] == first.replace(" ", "").split("token_uri")[0]


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["sandbox", *words])
    return result.exit_code, result.stderr


def test_what_cannot_be_served_is_said(tmp_path: Path) -> None:
    code, said = run("--vendors", "hubspot,salesforce")
    assert (code, "there is one for hubspot, quickbooks, google_sheets" in said) == (2, True)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, said = run("--vendors", "hubspot", "--port", str(taken.getsockname()[1]))
        assert (code, "cannot be used" in said) == (2, True)
    (tmp_path / "hubspot.json").write_text('{"vendor": "hubspot", "state"')
    code, said = run("--vendors", "hubspot", "--state", str(tmp_path))
    assert (code, "the data of hubspot cannot be used" in said) == (2, True)
    (tmp_path / "file").touch()
    code, said = run("--state", str(tmp_path / "file" / "below"))
    assert (code, "cannot be made" in said) == (2, True)


def test_every_option_it_exports_is_one_of_the_service() -> None:
    from integrations_platform.cli.sandbox import VARIABLES
    from integrations_platform.sandbox import catalogue

    file = ROOT / "environments" / "local.yaml"
    shipped, settings = file.read_text(encoding="utf-8"), load_settings(env_file=file)
    for kind, variables in VARIABLES.items():
        assert set(variables) <= set(
            SERVICES.get(kind, json_schema()["properties"].get(kind, {}).get("properties", ()))
        )
        for option, variable in variables.items():
            section = getattr(settings, kind, None)  # of a capability, which may have the variable by itself
            assert f"${{{variable}" in shipped or getattr(section, option).variables == (variable,)
    vendor = catalogue.stand_in("airbyte")(seed=1)
    vendor.populate(1)
    assert len(vendor.exports()) == 4
    assert all(f"${{{variable}" in shipped for variable in vendor.exports())


ENV = """
systems:
  sheets: {{kind: google_sheets, credentials: "${{KEY}}", spreadsheet_id: "${{SHEET}}", sandbox: "{url}"}}
state: {{url: "sqlite:///{folder}/state.sqlite"}}
"""


def platform(tmp_path: Path, url: str, **environ: str) -> Platform:
    file = tmp_path / "env.yaml"
    file.write_text(ENV.format(url=url, folder=tmp_path))
    (tmp_path / "syncs").mkdir(exist_ok=True)
    return Platform(load_settings(env_file=file, environ=environ), folder=tmp_path / "syncs")


def test_a_service_without_credentials_is_reached_by_what_its_stand_in_says(tmp_path: Path) -> None:
    with started("--vendors", "google_sheets", "--size", "1") as command:
        found = platform(tmp_path, command.url("google_sheets"))
        address = found.address(found.settings.system("sheets"))
        assert isinstance(address, dict)
        assert address["base_url"] == command.url("google_sheets")
        assert address["spreadsheet_id"]
        assert "token_uri" in address["credentials"]
        found.close()


def test_a_stand_in_that_is_not_running_is_named_with_the_command_that_starts_it(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        found = platform(tmp_path, url)
        with pytest.raises(
            SideError, match="KEY and SHEET are not set; start it with `integrations sandbox`"
        ) as caught:
            found.address(found.settings.system("sheets"))
        assert caught.value.kind is ErrorKind.CONFIGURATION
        (finding,) = [each for each in examine(found) if each.area == "system"]
        assert (finding.level, "integrations sandbox" in finding.message) == (Level.PROBLEM, True)
        found.close()


def test_a_stand_in_elsewhere_is_refused(tmp_path: Path) -> None:
    found = platform(tmp_path, "https://stand-in.example.test")
    with pytest.raises(SideError, match="on this machine only"):
        found.address(found.settings.system("sheets"))
