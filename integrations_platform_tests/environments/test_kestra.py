"""The flow is one that Kestra reads, asks for what the job takes and nothing else, and maps the exit codes of the
command line, which is tried by running the very line that the flow runs."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from integrations_platform.cli.faults import FAILED, INTERRUPTED, PARTIAL, REFUSED, USAGE
from integrations_platform.jobs import DATA_SYNC_UNIFIED, TYPES
from integrations_platform_tests.environments.manifests import ENVIRONMENTS, ROOT, Document
from integrations_platform_tests.environments.variables import variables_read

pytestmark = pytest.mark.xdist_group("manifests")  # rendered and read once

KINDS = {"string": "SELECT", "integer": "INT", "boolean": "BOOLEAN"}


@cache
def _flow() -> Document:
    path = ENVIRONMENTS / "kestra" / "flows" / "sheets_sync_unified.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@cache
def _schema() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        json.loads((ENVIRONMENTS / "kestra" / "flow.schema.json").read_text(encoding="utf-8"))
    )


def _tasks(value: Any) -> Iterator[Document]:
    """Every task, at any depth."""
    if isinstance(value, list):
        for each in value:
            yield from _tasks(each)
    elif isinstance(value, dict):
        if "id" in value and "." in str(value.get("type", "")) and "taskRunner" not in str(value.get("type")):
            yield value
        for each in value.values():
            yield from _tasks(each)


def _faults(flow: Document) -> list[str]:
    """What the schema and the rules that it cannot say have against a flow."""
    found = [f"{'.'.join(map(str, fault.instance_path))}: {fault.message}" for fault in _schema().iter_errors(flow)]
    tasks = [each["id"] for each in _tasks([flow["tasks"], flow.get("errors", [])])]
    found += [f"id {name} stands twice" for name in set(tasks) if tasks.count(name) > 1]
    inputs = {each["id"] for each in flow.get("inputs", [])}
    text = json.dumps([flow["tasks"], flow.get("errors", [])])
    found += [f"input {name} is not declared" for name in set(re.findall(r"inputs\.(\w+)", text)) - inputs]
    found += [f"task {name} is not there" for name in set(re.findall(r"outputs\.(\w+)", text)) - set(tasks)]
    return found


def test_the_flow_is_one_that_kestra_reads() -> None:
    assert _faults(_flow()) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda flow: flow.update(id="no spaces"),
        lambda flow: flow.update(tsaks=[]),
        lambda flow: flow["tasks"][0].pop("type"),
        lambda flow: flow["tasks"][0].update(timeout="2h"),
        lambda flow: flow["tasks"][0]["retry"].update(maxAttempts=3),
        lambda flow: flow["inputs"][0].pop("values"),
        lambda flow: flow["inputs"][3].update(type="INTEGER"),
        lambda flow: flow["inputs"].pop(0),
        lambda flow: flow["tasks"].append(flow["tasks"][0]),
        lambda flow: flow["tasks"][1].update(value="{{ outputs.snyc.vars.exit_code }}"),
    ],
)  # fmt: skip
def test_a_broken_flow_is_refused(spoil: Callable[[Document], Any]) -> None:
    flow = copy.deepcopy(_flow())
    spoil(flow)
    assert _faults(flow)


def test_its_inputs_are_the_parameters_of_the_job() -> None:
    inputs = {each["id"]: each for each in _flow()["inputs"]}
    parameters = {each.name: each for each in DATA_SYNC_UNIFIED.parameters if each.name != "conflict_resolution"}
    assert list(inputs) == list(parameters)
    for name, parameter in parameters.items():
        given = inputs[name]
        assert given["type"] == KINDS[parameter.type]
        assert (given.get("min"), given.get("max")) == (parameter.minimum, parameter.maximum)
        assert tuple(given.get("values", ())) == (TYPES if name.endswith("_type") else parameter.choices)
    assert inputs["dry_run"]["defaults"] is True


def test_every_exit_code_leads_somewhere_and_no_value_stands_in_the_line() -> None:
    sync, outcome = _flow()["tasks"]
    assert set(outcome["cases"]) == {str(code) for code in (0, USAGE, PARTIAL, REFUSED)}
    (line,) = sync["commands"]
    assert "{{" not in line
    assert set(sync["env"]) - {"CONFIG"} <= variables_read("production")
    secrets = {name for name, value in sync["env"].items() if "secret(" in value}
    assert all(sync["env"][name] == f"{{{{ secret('{name}') }}}}" for name in secrets)


@pytest.mark.parametrize("code", [0, FAILED, USAGE, PARTIAL, REFUSED, INTERRUPTED])
def test_the_line_tells_the_exit_code_and_fails_where_another_try_may_help(code: int, tmp_path: Path) -> None:
    command = tmp_path / "integrations"
    command.write_text(f'#!/bin/sh\nprintf "%s" "$5" > {tmp_path}/config\nexit {code}\n', encoding="utf-8")
    command.chmod(0o755)
    config = '{"source_type": "$(touch evil); \'\\"`x`"}'
    done = _run({"PATH": f"{tmp_path}:{os.environ['PATH']}", "CONFIG": config}, tmp_path)
    assert f'::{{"outputs":{{"exit_code":{code}}}}}::' in done.stdout
    assert done.returncode == (code if code in (FAILED, INTERRUPTED) else 0)
    assert (tmp_path / "config").read_text(encoding="utf-8") == config
    assert not (tmp_path / "evil").exists()


def test_the_command_itself_takes_what_the_flow_gives() -> None:
    config = {each["id"]: each["defaults"] for each in _flow()["inputs"]}
    line = _flow()["tasks"][0]["commands"][0]
    assert shutil.which("sh")
    ours = line.replace("integrations sync", f"{sys.executable} -m integrations_platform.cli sync")
    variables = {"CONFIG": json.dumps({**config, "source_type": "nobody"}), "PYTHONPATH": str(ROOT)}
    done = _run({**os.environ, **variables}, ROOT, ours)
    assert '"exit_code":2}' in done.stdout, done.stderr
    assert "nobody" in done.stderr


def _run(variables: dict[str, str], folder: Path, line: str | None = None) -> subprocess.CompletedProcess[str]:
    """As Kestra does it: a shell that stops at the first failure."""
    return subprocess.run(
        ["/bin/sh", "-c", "set -e\n" + (line or _flow()["tasks"][0]["commands"][0])],
        env=variables, cwd=folder, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
