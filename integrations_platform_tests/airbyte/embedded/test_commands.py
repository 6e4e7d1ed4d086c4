"""`integrations airbyte read` and `forget`: what a person gets to see, and the exit codes scripts go by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from integrations_platform.cli import cli
from integrations_platform_tests.airbyte.embedded.stage import ORDERS, PEOPLE, Stage, rows, trouble, whole


class Desk:
    """A person at a terminal, with an environment whose connection has a scripted source."""

    def __init__(self, folder: Path) -> None:
        self.stage = Stage(folder)
        self.mode = "embedded"
        self.config: dict[str, Any] = {}

    def run(self, *words: str, code: int = 0) -> Result:
        config = {"streams": [ORDERS, PEOPLE], "reads": self.stage.reads, **self.config}
        said: dict[str, Any] = {
            "systems": {},
            "state": {"url": "sqlite:///./state.sqlite"},
            "airbyte": {
                "mode": self.mode,
                "url": "http://127.0.0.1:9",
                "connections": {
                    "shop": {
                        "streams": ["orders", "people"],
                        "embedded": {"connector": str(self.stage.program), "config": config},
                    }
                },
            },
            "lake": {
                "url": f"file://{self.stage.folder}/lake",
                "datasets": {
                    name: {"format": "parquet", "source": {"airbyte": "shop", "stream": name}, "starts": "2026-01-01"}
                    for name in ("orders", "people")
                },
            },
        }
        file = self.stage.folder / "desk.yaml"
        file.write_text(yaml.safe_dump(said))
        result = CliRunner().invoke(cli, ["--env-file", str(file), "airbyte", *words])
        assert result.exit_code == code, f"{result.exit_code}: {result.stdout}\n{result.stderr}"
        return result


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """An empty lake."""
    return Desk(tmp_path)


def test_a_read_tells_what_came_and_forgetting_brings_it_again_without_doubling(desk: Desk) -> None:
    desk.stage.reads = {"": [*whole("orders", 1, 2, at="noon"), *whole("people", 1, at="noon")], "*": []}
    shown = " ".join(desk.run("read", "shop").stdout.split())
    assert "orders complete 2 2 people complete 1 1 shop: 3 new rows after" in shown
    desk.run("read", "shop", code=1)
    desk.run("forget", "shop")
    told = json.loads(desk.run("read", "shop", "--json").stdout)
    assert (told["succeeded"], told["rows"], [one["emitted"] for one in told["streams"]]) == (True, 0, [2, 1])


def test_a_stream_that_did_not_arrive_is_exit_code_3_with_its_reason(desk: Desk) -> None:
    desk.stage.reads = {"*": [*whole("orders", 1), trouble("the page moved", stream="people"), *rows("people", 1)]}
    result = desk.run("read", "shop", code=3)
    assert "people: the page moved" in result.stdout


def test_a_check_reads_nothing(desk: Desk) -> None:
    desk.config = {"check": {"status": "SUCCEEDED"}}
    assert "shop can be read" in desk.run("read", "shop", "--check").stdout
    desk.config = {"check": {"status": "FAILED", "message": "no route to host"}}
    assert "no route to host" in desk.run("read", "shop", "--check", code=1).stderr
    assert not (desk.stage.folder / "lake" / "orders").exists()


@pytest.mark.parametrize(
    ("words", "mode", "message"),
    [
        (("read", "shopp"), "embedded", "did you mean shop?"),
        (("read", "shop"), "server", "use `integrations airbyte sync shop`"),
        (("forget", "shop"), "server", "use `integrations airbyte sync shop`"),
        (("read", "shop", "--day", "2026-01-02"), "embedded", "not how they were on 2026-01-02"),
    ],
)
def test_what_cannot_be_done_is_said(desk: Desk, words: tuple[str, ...], mode: str, message: str) -> None:
    desk.mode = mode
    done = desk.run(*words, code=1 if "--day" in words else 2)
    assert message in done.stderr
