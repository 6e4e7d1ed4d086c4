"""A connector as a guest: it gets little, leaves nothing, and goes when it is told to."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import pytest

from integrations_platform.airbyte.embedded import process, reading
from integrations_platform.airbyte.embedded.private import private_folder
from integrations_platform.airbyte.faults import AirbyteFault
from integrations_platform.secret_text import SecretText
from integrations_platform.service_faults import FaultKind
from integrations_platform.settings_airbyte import EmbeddedSettings
from integrations_platform_tests.airbyte.embedded.stage import Stage, ends, row, rows, trouble, whole

TOKEN = "s3cr3t/with+signs"


def _token(text: str = "${CRM_TOKEN}") -> SecretText:
    return SecretText(text, "test.yaml", 1, "token", {"CRM_TOKEN": TOKEN})


def test_it_gets_private_files_that_are_gone_afterwards_and_few_variables(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRBYTE_CLIENT_SECRET", "not-yours")
    stage.reads = {"": whole("orders", 1, at="noon"), "*": [{"do": "tell"}, *whole("orders", 2, at="dusk")]}
    stage.report("orders")
    assert stage.report("orders").succeeded
    told = stage.told()
    assert told["modes"] == dict.fromkeys(("--config", "--catalog", "--state"), "0o600")
    assert not Path(told["folder"]).parent.exists()
    assert set(told["variables"]) <= {
        *process.PASSED_ON,
        "PYTHONUNBUFFERED",
        "DO_NOT_TRACK",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "LC_CTYPE",
        "_",
    }


def test_what_a_killed_sync_has_left_of_secrets_the_next_one_removes(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = stage.folder / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    here = {"type": "LOG", "log": {"level": "WARN", "message": "here"}}
    stage.reads = {"*": [*rows("orders", 1), here]}
    victim = f"""
import os, signal
from pathlib import Path
from integrations_platform_tests.airbyte.embedded.stage import Stage
sync = Stage(Path({str(stage.folder)!r}), {stage.reads!r}).sync("orders")
sync.warn = lambda _: os.kill(os.getpid(), signal.SIGKILL)
sync.report()
"""
    assert subprocess.run([sys.executable, "-c", victim], check=False).returncode == -signal.SIGKILL
    assert len(list(temporary.glob("*/config.json"))) == 1
    begun = stage.sync("orders")
    seen: list[int] = []
    begun.warn = lambda _: seen.append(len(list(temporary.glob("*/config.json"))))
    stage.reads["*"] = [here, *whole("orders", 1)]
    with private_folder() as in_use:
        assert begun.report().succeeded
        assert in_use.is_dir()
    assert (seen, list(temporary.iterdir())) == ([1], [])


def test_what_is_secret_in_its_configuration_is_never_repeated(stage: Stage) -> None:
    stage.config = {"token": _token(), "api": {"password": "hunter22"}, "pem": _token("-----BEGIN\n${CRM_TOKEN}\n")}
    said = f"401 for {TOKEN} and hunter22, https://host/?token=s3cr3t%2Fwith%2Bsigns"
    stage.reads = {
        "*": [
            {"type": "LOG", "log": {"level": "ERROR", "message": said}},
            {"do": "complain", "text": said},
            trouble(said, "config_error"),
            '{"type": "RECORD", "token": "' + TOKEN,
        ]
    }
    report = stage.report("orders")
    shown = " ".join([*stage.warnings, *stage.notes, str(report)])
    assert "401 for … and …, https://host/?token=…" in shown
    for text in (TOKEN, "hunter22", "s3cr3t"):
        assert text not in shown


def test_an_interrupted_sync_ends_the_connector_and_what_it_started(stage: Stage) -> None:
    stage.reads = {"*": [*rows("orders", 1), {"do": "hang"}]}
    sync = stage.sync("orders")
    children: list[int] = []

    def interrupted(text: str) -> None:
        children.append(int(text.split()[1]))
        raise KeyboardInterrupt

    sync.warn = interrupted
    with pytest.raises(KeyboardInterrupt):
        sync.report()
    assert ends(children[0])
    assert stage.ids("orders") == []


def test_a_connector_that_takes_too_long_is_ended_and_what_is_complete_lands(stage: Stage) -> None:
    stage.reads = {"*": [*whole("orders", 1), *rows("people", 1), {"do": "hang"}]}
    report = stage.report(timeout=0.5)
    assert report.failure == "people: it did not end within 0 s"
    assert (stage.ids("orders"), stage.ids("people")) == ([1], [])


def test_a_connector_that_falls_silent_is_given_up(stage: Stage) -> None:
    stage.reads = {"*": [{"do": "hang"}]}
    with stage.sync("orders")._conversation(stage.now.date()) as conversation:
        conversation.silence = 0.2
        outcome = conversation.read([(dict(stage.streams[0]), False)], {})
    assert outcome.failure == "orders: it said nothing for 0 s"


def test_a_line_without_an_end_is_given_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LONGEST_LINE", 100_000)
    stage.reads = {"*": ['{"type": "RECORD", "record": ' + "x" * 3_000_000]}
    assert "line of more than" in stage.report("orders").failure


@pytest.mark.parametrize("size", [1, 100_000])
def test_a_full_disk_is_told_as_such(stage: Stage, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """/dev/full takes nothing: much is refused when it is written, little when the file is closed."""
    stage.reads = {"*": [row("orders", id=1, note="x" * size), *whole("orders", 1)]}
    sync = stage.sync("orders")
    private = reading._private
    full = Path("/dev/full")
    monkeypatch.setattr(reading, "_private", lambda path: private(full if path.suffix == ".jsonl" else path))
    with pytest.raises(AirbyteFault, match=r"No space left on device.*set TMPDIR"):
        sync.report()
    assert stage.ids("orders") == []


def test_a_check_that_fails_says_why(stage: Stage) -> None:
    stage.config = {"check": {"status": "FAILED", "message": "no route to host"}}
    with pytest.raises(AirbyteFault, match="no route to host"):
        stage.sync().check()
    stage.config = {"check": {"status": "SUCCEEDED"}}
    stage.sync().check()


@pytest.mark.parametrize(
    ("wanted", "changes", "message"),
    [
        (("returns",), {}, "no dataset of the lake has the stream returns of shop"),
        (("orders",), {"mode": "cdc"}, "is cdc, which only an Airbyte server can follow"),
        (("orders",), {"embedded": None}, "does not say what reads it without a server"),
        (("orders",), {"embedded": EmbeddedSettings("hubspt")}, "no embedded connector is named 'hubspt'.*hubspot"),
    ],
)
def test_what_is_declared_wrong_is_told_before_anything_is_read(
    stage: Stage, wanted: tuple[str, ...], changes: dict[str, object], message: str
) -> None:
    with pytest.raises(AirbyteFault, match=message) as raised:
        stage.report(*wanted, **changes)
    assert raised.value.kind is FaultKind.CONFIGURATION


def test_a_stream_the_source_does_not_have_is_told_with_those_it_has(stage: Stage) -> None:
    stage.streams = stage.streams[:1]
    with pytest.raises(AirbyteFault, match="has no stream people; it has orders"):
        stage.report()
    assert stage.sync().streams()[0].name == "orders"


def test_a_program_that_is_none_is_told(stage: Stage) -> None:
    stage.program.chmod(0o644)
    with pytest.raises(AirbyteFault, match=r"cannot be run.*Permission denied") as raised:
        stage.report()
    assert raised.value.kind is FaultKind.CONFIGURATION


def test_the_past_cannot_be_read_from_a_source_that_says_how_things_are(stage: Stage) -> None:
    with pytest.raises(AirbyteFault, match="not how they were on 2026-03-01; sync today"):
        stage.report(day=date(2026, 3, 1))


def test_rows_made_for_a_day_come_from_a_seed_of_that_day_and_never_from_a_state(stage: Stage) -> None:
    """As Airbyte's source-faker is used, which has nothing new to say once it is given a state."""
    stage.connector, stage.executable = "faker", str(stage.program)
    stage.reads = {"": [{"do": "tell"}, *whole("orders", 7, at="noon")]}
    day = date(2026, 2, 1)
    for _ in range(2):
        assert stage.report("orders", day=day).rows == 1
    told = stage.told()
    assert (told["seed"], told["sync_modes"]) == (day.toordinal(), ["full_refresh"])
    assert (stage.ids("orders", day), stage.ids("orders")) == ([7], [])
