"""Lines of the log that a machine reads: each is one, whole, and tells nobody's secret."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest
import yaml
from click.testing import CliRunner
from starlette.routing import Route

from integrations_platform.cli import cli
from integrations_platform.secret_text import SecretText
from integrations_platform.serving import Part, application
from integrations_platform.telemetry.json_logs import JsonFormatter, hashed
from integrations_platform_tests.end_to_end.arrange import SYNC, Base, people_world
from integrations_platform_tests.telemetry.figures import OBSERVABILITY


def line(message: object, *values: object, fault: bool = False, **more: object) -> dict[str, Any]:
    """What a record comes to; it must be one line of ASCII."""
    record = logging.LogRecord("any", logging.INFO, "file", 1, message, values, sys.exc_info() if fault else None)
    record.__dict__.update(more)
    text = JsonFormatter().format(record)
    assert text.isascii()
    assert text.isprintable(), "no end of line, no control character"
    found: dict[str, Any] = json.loads(text)
    return found


@pytest.mark.parametrize(
    "hostile",
    ["two\nlines", '"}\r\n{"level":"fake"', "\x00\x1b[31m\x7f", "\u2028\u0085", "half \ud83d", "é" * 999],
    ids=["lines", "json", "controls", "separators", "surrogate", "long"],
)
def test_whatever_stands_in_it_a_record_is_one_line(hostile: str) -> None:
    told = line("said %s", hostile, system=hostile, record=hostile)
    assert told["message"] == f"said {hostile}".replace("\ud83d", "\ufffd")
    assert told["record"] == hashed(hostile)
    assert line("does not fit %d", hostile)["message"] == "does not fit %d"


def test_no_secret_reaches_it() -> None:
    variables = {"CRM_TOKEN": "pat-na1-777", "SHOP_URL": "mysql://shop:pa%2Fss@db/shop", "REGION": "eu-west-1"}
    for number, text in enumerate(("${CRM_TOKEN}", "${SHOP_URL}", "${REGION}")):
        SecretText(text, "env.yaml", number, f"systems.one.option{number}", variables)
    said = "pat-na1-777 at mysql://shop:pa%2Fss@db/shop, pa/ss, eu-west-1, Bearer abc.def, ?sig=xyz&page=2, amqp://u:other@q"
    try:
        raise ValueError(said)
    except ValueError:
        told = line(said, fault=True, trigger=said)
    for text in (told["message"], told["trigger"], told["exception"].rpartition("ValueError")[2]):
        assert not any(secret in text for secret in ("pat-na1", "pa%2Fss", "pa/ss", "abc.def", "xyz", "other")), text
        assert all(word in text for word in ("eu-west-1", "page=2", "Bearer ***")), "the rest can be read"
    assert "test_logs.py" in told["exception"]


def test_a_record_is_named_by_a_hash_that_a_key_makes_unguessable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INTEGRATIONS_LOG_KEY", raising=False)
    plain = line("x", record="ana@example.org")["record"]
    assert plain == hashlib.sha256(b"ana@example.org").hexdigest()[:16]
    monkeypatch.setenv("INTEGRATIONS_LOG_KEY", "ours")
    keyed = line("x", record="ana@example.org")["record"]
    assert (len(keyed), keyed == plain) == (16, False)


@pytest.fixture
def as_json(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("INTEGRATIONS_LOG_FORMAT", "json")
    yield
    logging.getLogger("integrations_platform").setLevel(logging.NOTSET)


@pytest.mark.usefixtures("as_json")
def test_a_run_says_which_it_is_in_every_line(tmp_path: Path) -> None:
    office, shop = (Base.at("sqlite", f"sqlite:///{tmp_path}/{name}.sqlite") for name in ("office", "shop"))
    world = people_world(tmp_path, office, shop, 2)
    world.sync = SYNC + "conflicts: {default: manual}\n"
    office.run("UPDATE person SET name = 'Ann' WHERE id = 1")
    shop.run("UPDATE person SET name = 'Bea' WHERE id = 1")
    environment, sync = world.write_files()
    words = ["--env-file", str(environment), "--syncs", str(sync.parent)]
    result = CliRunner().invoke(cli, [*words, "sync", "run", "people"])
    assert result.exit_code == 3, result.output
    lines = [json.loads(text) for text in result.stderr.splitlines()]
    begun, conflict, ended = [each for each in lines if "unified_sync" in each["logger"]]
    assert {each["sync"] for each in (begun, conflict, ended)} == {"people"}
    assert len({each["run"] for each in (begun, conflict, ended)}) == 1
    assert (conflict["message"], conflict["record"]) == ("conflict (field)", hashed("1"))
    assert (ended["level"], ended["outcome"], ended["written"]) == ("WARNING", "partial", 0)
    assert not any(word in result.stderr for word in ("Ann", "Bea", "example.org"))
    failed = CliRunner().invoke(cli, [*words, "sync", "run", "nobody"])
    assert [json.loads(text)["level"] for text in failed.stderr.splitlines()] == ["ERROR"], "faults are lines, too"


def test_a_request_that_fails_is_logged_without_the_secret_in_its_path(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(_request: object) -> None:
        raise ZeroDivisionError

    app = application([Part("/webhooks", Route("/{secret:path}", broken))], lambda: None)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://served") as client:
            return await client.get("/webhooks/airbyte/hush")

    assert asyncio.run(ask()).status_code == 500
    said = [record.getMessage() for record in caplog.records if record.name == "integrations_platform.serving"]
    assert said == ["GET /webhooks failed: ZeroDivisionError"]


def test_dagsters_own_lines_have_the_same_form(capfd: pytest.CaptureFixture[str]) -> None:
    """As the example of dagster.yaml says, without the signs that make it a comment."""

    @dg.op
    def speak() -> None:
        dg.get_dagster_logger().info("one\ntwo")

    @dg.job
    def talk() -> None:
        speak()

    text = (OBSERVABILITY.parent / "dagster" / "dagster.yaml").read_text("utf-8")
    wanted = yaml.safe_load(re.sub("^# ", "", text[text.index("# python_logs:") :], flags=re.MULTILINE))
    with dg.instance_for_test(overrides=wanted) as instance:
        run_id = talk.execute_in_process(instance=instance).run_id
    lines = [json.loads(text) for text in capfd.readouterr().out.splitlines()]
    (said,) = [each for each in lines if each["message"].endswith("one\ntwo")]
    assert (said["dagster_run"], said["job"], said["step"]) == (run_id, "talk", "speak")
