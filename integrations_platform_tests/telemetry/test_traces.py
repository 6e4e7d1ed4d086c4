"""What a collector is told of a run, by the standard variables of OpenTelemetry; and that without them nobody is."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanKind

from integrations_platform.connectors.budgets import Budget
from integrations_platform.connectors.http import HttpApi
from integrations_platform.connectors.http_errors import HttpError
from integrations_platform.telemetry.tracing import _exporter, _exporter_wanted, _watcher_to
from integrations_platform.unified_sync.watching import unwatched, watch
from integrations_platform_tests.end_to_end.arrange import SYNC, Base, World, people_world
from integrations_platform_tests.sandbox.notebook import Notebook
from integrations_platform_tests.sandbox.running import Start
from integrations_platform_tests.telemetry.collector import Collector, collector

PROGRAM = """
import sys
from integrations_platform.cli import cli
try:
    cli(sys.argv[1:])
finally:
    print("imported" if any(name.startswith("opentelemetry") for name in sys.modules) else "not imported")
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Three people, of whom one was edited and one is new."""
    office, shop = (Base.at("sqlite", f"sqlite:///{tmp_path}/{name}.sqlite") for name in ("office", "shop"))
    made = people_world(tmp_path, office, shop, 3)
    made.sync = SYNC
    office.run(
        "UPDATE person SET name = 'Ann' WHERE id = 1", "INSERT INTO person (email, name) VALUES ('new@x.org', 'N')"
    )
    return made


def run(world: World, **variables: str) -> str:
    """Run the sync in a process of its own; what that said last."""
    environment, sync = world.write_files()
    words = ["--env-file", str(environment), "--syncs", str(sync.parent), "sync", "run", "people"]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], env=inherited | variables, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def of(opened: Collector, name: str) -> list[dict[str, object]]:
    return [span.facts for span in opened.spans() if span.name == name]


def test_a_run_is_a_tree_of_plan_batches_and_calls(world: World) -> None:
    with collector() as opened:
        assert run(world, OTEL_EXPORTER_OTLP_ENDPOINT=opened.url) == "imported"
    spans = opened.spans()
    assert opened.services == {"integrations_platform"}
    assert len({span.trace for span in spans}) == 1, "one run, one trace"
    (top,) = [span for span in spans if span.parent is None]
    assert top.name == "run"
    assert (top.facts["integrations.sync"], top.facts["integrations.outcome"]) == ("people", "succeeded")
    assert top.facts["integrations.written"] == 2
    assert {(span.name, span.parent) for span in spans[1:]} == {
        ("call", "run"), ("plan", "run"), ("call", "plan"), ("batch", "run"), ("call", "batch"),
    }  # fmt: skip
    batches = {(facts["integrations.kind"], facts["integrations.records"]) for facts in of(opened, "batch")}
    assert batches == {("update", 1), ("create", 1)}
    calls = of(opened, "call")
    assert {facts["integrations.system"] for facts in calls} == {"office", "shop"}
    assert {"listing", "write"} <= {facts["integrations.call"] for facts in calls}
    assert not any(word in str(spans) for word in ("Ann", "x.org", "example.org")), "of nobody's data"


def test_a_call_over_http_tells_method_host_and_status_and_nothing_else(
    sandbox: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = sandbox(Notebook(seed=1, validate=False)).url("notebook")
    budget = Budget(sleep=lambda _: None)
    with collector() as opened:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", opened.url)
        watcher, provider = _watcher_to(_exporter("otlp"))
        watch(watcher)
        api = HttpApi("book", url, budget=budget, clock=lambda: datetime.now(UTC), authorize=lambda: {"X-Key": "t1"})
        try:
            with pytest.raises(HttpError):
                api.request("GET", "/notes/hush", params={"email": "ana@example.org"})
        finally:
            watch(unwatched)
            provider.shutdown()
            api.close()
    (span,) = opened.spans()
    assert (span.name, span.failed, span.kind) == ("GET", True, SpanKind.SPAN_KIND_CLIENT)
    assert span.facts == {
        "http.request.method": "GET", "server.address": "127.0.0.1", "http.response.status_code": 401,
        "error.type": "401",
    }  # fmt: skip


def test_without_the_variables_nothing_is_imported_and_nothing_sent(world: World) -> None:
    with collector() as opened:
        assert run(world, OTEL_EXPORTER_OTLP_ENDPOINT=opened.url, OTEL_SDK_DISABLED="true") == "not imported"
    assert opened.received == []


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, ""),
        ({"OTEL_SERVICE_NAME": "nightly"}, ""),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, "otlp"),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "otlp"),
        ({"OTEL_TRACES_EXPORTER": "console"}, "console"),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, ""),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "TRUE"}, ""),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, ""),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, ""),
    ],
)
def test_the_standard_variables_decide(
    variables: dict[str, str], wanted: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert _exporter_wanted() == wanted
    misfit = {"zipkin", "grpc"} & set(variables.values())
    assert ("no traces" in caplog.text) == bool(misfit), "what is asked for and cannot be had is said"
