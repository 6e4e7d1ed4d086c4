"""The image's recipe and the compose file keep what they promise, as far as that can be seen without building them."""

from __future__ import annotations

import re
from functools import cache

import pytest
import yaml

from integrations_platform_tests.documentation import command_fault
from integrations_platform_tests.environments.manifests import (
    ROOT,
    Document,
    containers,
    overlay,
    workloads,
)
from integrations_platform_tests.environments.variables import variables_read

pytestmark = pytest.mark.xdist_group("manifests")  # rendered and read once

RECIPES = ("Dockerfile", "environments/airflow/Dockerfile", "environments/mlflow/Dockerfile")
_PINNED = re.compile(r"[\w./-]+:v?(\d+\.)+\d+[\w.-]*( AS \w+)?")


@cache
def _steps(name: str = "Dockerfile") -> list[tuple[str, str]]:
    """Instructions of a Dockerfile with what they say, continued lines put together."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


@cache
def _compose() -> Document:
    return yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


def test_the_image_is_made_of_pinned_ones_and_of_the_lock() -> None:
    for recipe in RECIPES:
        bases = [rest for word, rest in _steps(recipe) if word == "FROM"]
        assert bases
        assert all(_PINNED.fullmatch(base) for base in bases), recipe
    syncs = [rest for word, rest in _steps() if word == "RUN" and "uv sync" in rest]
    assert len(syncs) == 2
    assert all("--locked" in each and "--extra kubernetes" in each for each in syncs)


def test_the_image_has_its_byte_code_and_no_developer_tools() -> None:
    variables = " ".join(rest for word, rest in _steps() if word == "ENV")
    assert "UV_COMPILE_BYTECODE=1" in variables
    assert "UV_NO_DEV=1" in variables


def test_the_image_runs_as_the_user_that_the_manifests_name() -> None:
    last = [word for word, _ in _steps()].index("USER")
    assert not any(word in ("RUN", "COPY", "ADD") for word, _ in _steps()[last:])
    user, group = _steps()[last][1].split(":")
    for workload in workloads(overlay("production")):
        context = workload["spec"]["template"]["spec"]["securityContext"]
        assert (context["runAsUser"], context["runAsGroup"]) == (int(user), int(group))


def test_no_secret_gets_into_the_image() -> None:
    said = " ".join(rest for word, rest in _steps() if word in ("ENV", "ARG"))
    assert not re.search(r"(?i)secret|token|password|_key", said)
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    assert "*" in ignored, "what is not named stays outside: .env, .integrations, .git"
    copied = {
        name.rstrip("/")
        for recipe in RECIPES
        for word, rest in _steps(recipe)
        if word == "COPY" and "--from" not in rest
        for name in rest.split()[:-1]
    }
    assert copied == {line[1:] for line in ignored if line.startswith("!")}
    assert all(list(ROOT.glob(name)) for name in copied)


def test_what_pods_write_to_is_in_the_image_or_a_volume() -> None:
    made = " ".join(rest for word, rest in _steps() if word == "RUN")
    for workload in workloads(overlay("production")):
        if workload["metadata"]["namespace"] == "data":
            for box in containers(workload):
                for mount in box["volumeMounts"]:
                    if not mount.get("readOnly") and mount["mountPath"] != "/tmp":
                        assert mount["mountPath"] in made


@pytest.mark.parametrize("name", ["code-location", "webserver", "daemon", "serve", "state", "sandbox"])
def test_compose_starts_the_parts_as_kubernetes_does(name: str) -> None:
    service = _compose()["services"][name]
    command = [str(word) for word in service["command"]]
    assert command_fault(command) is None
    for workload in workloads(overlay("local")):
        if workload["metadata"]["name"] == name:
            (box,) = (each for each in containers(workload) if each["name"] == "platform")
            theirs = [word for word in box["args"] if word not in ("--log-format", "json")]
            assert [word.replace("/workspace/workspace.yaml", "/workspace.yaml") for word in theirs] == command
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    for volume in service["volumes"]:
        source = volume.split(":")[0]
        assert source in _compose()["volumes"] or (ROOT / source).is_file(), volume


def test_compose_gives_variables_that_are_read_and_no_secret() -> None:
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    assert not re.search(r"://\w+:(?!\$\{)", text), "passwords come from .env"
    given = set(_compose()["x-platform"]["environment"])
    assert given - {"DAGSTER_POSTGRES_URL"} <= variables_read("local")
    for service in _compose()["services"].values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), "Dagster asks nobody who they are"
