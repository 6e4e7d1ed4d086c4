"""Rules and dashboard speak of figures that exist, of all of them, and of commands that exist."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from prometheus_client.metrics_core import Metric

from integrations_platform.cli import cli
from integrations_platform.telemetry.metrics import Declared, StateCollector
from integrations_platform_tests.telemetry.figures import OBSERVABILITY, promtool
from integrations_platform_tests.telemetry.test_metrics import _none

RULES = OBSERVABILITY / "prometheus" / "rules.yaml"
DASHBOARD = OBSERVABILITY / "grafana" / "integrations.json"
_NAME = re.compile(r"\bintegrations_[a-z_]+\b")
_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",), "info": ("_info",)}


def alerts() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text("utf-8"))["groups"] for rule in group["rules"]]


def exposed() -> dict[str, Metric]:
    """The metric behind every name a series may have."""
    families = StateCollector(_none, Declared()).collect()
    return {family.name + suffix: family for family in families for suffix in _SUFFIXES[family.type]}


def _expressions(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("expr", "query") and isinstance(value, str):
                yield value
            else:
                yield from _expressions(value)
    elif isinstance(node, list):
        for item in node:
            yield from _expressions(item)


def shown_by_dashboard() -> list[str]:
    """What its panels ask for."""
    return [text for text in _expressions(json.loads(DASHBOARD.read_text("utf-8"))) if "integrations_" in text
            and "label_values" not in text]  # fmt: skip


def named_in(text: str) -> set[str]:
    return set(_NAME.findall(text))


def test_rules_and_dashboard_name_what_there_is_and_the_dashboard_shows_all_of_it() -> None:
    known = exposed()
    dashboard = " ".join(_expressions(json.loads(DASHBOARD.read_text("utf-8"))))
    assert named_in(" ".join(rule["expr"] for rule in alerts())) <= known.keys()
    assert named_in(dashboard) <= known.keys()
    assert {known[name].name for name in named_in(dashboard)} == {family.name for family in known.values()}


def test_several_servers_that_show_one_state_count_once() -> None:
    """Each figure is taken from one of them before anything is added up."""
    once = re.compile(r"(max|min) by \([a-z_, ]+\) \((rate\(|increase\()?$")
    for text in [*shown_by_dashboard(), *(rule["expr"] for rule in alerts())]:
        for found in _NAME.finditer(text):
            assert once.search(text[: found.start()]), text


def test_every_metric_says_what_it_is() -> None:
    for family in exposed().values():
        assert family.documentation.endswith("."), family.name
        seconds = "seconds" in family.documentation.lower()
        assert not seconds or family.name.endswith("_seconds"), family.name


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: str(rule["alert"]))
def test_an_alert_says_what_to_do_by_a_command_that_exists_and_where_more_is_written(rule: dict[str, Any]) -> None:
    said = rule["annotations"]
    named = re.findall(r"`integrations ([^`]+)`", said["description"])
    assert named, "which command comes first"
    for words in named:
        _find(words.replace("{{ $labels.", "").replace(" }}", "").split())
    file, _, anchor = said["runbook_url"].partition("#")
    headings = re.findall(r"^## (\w+)$", (OBSERVABILITY.parents[1] / file).read_text("utf-8"), re.MULTILINE)
    assert rule["alert"] in headings
    assert anchor == rule["alert"].lower(), "as the heading is linked to"


def _find(words: list[str]) -> None:
    """The command of these words, its options among them."""
    command: click.Command = cli
    context = click.Context(cli)
    while isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None
        command = found
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options


def test_prometheus_can_read_what_the_dashboard_asks_for(tmp_path: Path) -> None:
    recorded = [{"record": f"panel_{number}", "expr": text} for number, text in enumerate(shown_by_dashboard())]
    file = tmp_path / "panels.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recorded}]}), encoding="utf-8")
    assert f"{len(recorded)} rules found" in promtool("check", "rules", str(file))


def test_the_rules_hold_in_promtool_and_each_fear_is_told_when_it_comes_true() -> None:
    folder = OBSERVABILITY / "prometheus"
    promtool("check", "config", str(folder / "prometheus.yaml"))  # and the rules it names
    stories = [folder / "rules_test.yaml", folder / "rules_of_days_test.yaml"]
    promtool("test", "rules", *map(str, stories))
    told = {
        case["alertname"]
        for story in stories
        for test in yaml.safe_load(story.read_text("utf-8"))["tests"]
        for case in test["alert_rule_test"]
        if case["exp_alerts"]
    }
    assert told == {rule["alert"] for rule in alerts()}
