"""A stateful stand-in for Dagster's GraphQL over real HTTP; the contract of :mod:`.test_client` holds it to Dagster's.

It knows the jobs of :mod:`.location`. A run moves on one status each time it is looked at.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_USUAL = ("QUEUED", "STARTING", "STARTED")
WAYS = {
    "picky": (*_USUAL, "SUCCESS"),
    "broken": (*_USUAL, "FAILURE"),
    "moody": (*_USUAL, "FAILURE"),
    "endless": ("QUEUED", "STARTED"),
    "ledger_job": (*_USUAL, "SUCCESS"),
}


@dataclass
class Held:
    """A run as the stand-in keeps it; ``way`` holds the statuses that are still to come."""

    run_id: str
    job: str
    tags: dict[str, str]
    way: list[str]
    status: str = "NOT_STARTED"

    def shown(self) -> dict[str, Any]:
        tags = [{"key": key, "value": value} for key, value in self.tags.items()]
        return {"__typename": "Run", "runId": self.run_id, "status": self.status, "tags": tags}


@dataclass
class FakeDagster:
    """``answers``: by operation, what is said once instead of the truth, as (status, body), after it was carried out;
    None breaks the connection. ``daemon``: whether somebody takes runs from the queue. ``refused``: why nothing can be
    resumed."""

    url: str = ""
    runs: list[Held] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    answers: dict[str, list[tuple[int, str] | None]] = field(default_factory=dict)
    daemon: bool = True
    refused: str = ""
    ways: dict[str, tuple[str, ...]] = field(default_factory=lambda: dict(WAYS))
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def answer(self, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
        return {operation: getattr(self, operation.lower())(asked)}

    def launch(self, asked: dict[str, Any]) -> dict[str, Any]:
        order = asked["p"]
        job = order["selector"]["jobName"]
        config = order["runConfigData"].get("ops", {}).get("wished", {}).get("config", {})
        if job == "picky" and "name" not in config:
            said = 'Missing required config entry "name" at path root:ops:wished:config.'
            return {"__typename": "RunConfigValidationInvalid", "errors": [{"message": said, "reason": "MISSING"}]}
        return self._started(job, {tag["key"]: tag["value"] for tag in order["executionMetadata"]["tags"]})

    def resume(self, asked: dict[str, Any]) -> dict[str, Any]:
        if self.refused:
            return {"__typename": "InvalidSubsetError", "message": self.refused}
        order = asked["p"]
        parent = self._held(order["parentRunId"])
        tags = {tag["key"]: tag["value"] for tag in order["extraTags"]}
        self.ways["moody"] = WAYS["picky"]
        return self._started(parent.job, {**parent.tags, **tags, "dagster/parent_run_id": parent.run_id})

    def find(self, asked: dict[str, Any]) -> dict[str, Any]:
        (tag,) = asked["f"]["tags"]
        found = [run.shown() for run in reversed(self.runs) if run.tags.get(tag["key"]) == tag["value"]]
        return {"__typename": "Runs", "results": found}

    def status(self, asked: dict[str, Any]) -> dict[str, Any]:
        run = next((run for run in self.runs if run.run_id == asked["id"]), None)
        if run is None:
            return {"__typename": "RunNotFoundError", "message": f"Run {asked['id']} could not be found."}
        if run.way and not (run.status == "QUEUED" and not self.daemon):
            run.status = run.way.pop(0)
        return run.shown()

    def result(self, asked: dict[str, Any]) -> dict[str, Any]:
        run = self._held(asked["id"])
        made = []
        if run.job == "ledger_job":
            day = run.tags["dagster/partition"]
            entries = [
                {"label": "rows", "intRepr": "3000000000"},
                {"label": "day", "text": day},
                {"label": "share", "floatValue": 0.5},
            ]
            made.append({"partition": day, "assetKey": {"path": ["ledger"]}, "metadataEntries": entries})
        return {"__typename": "Run", "assetMaterializations": made}

    def why(self, asked: dict[str, Any]) -> dict[str, Any]:
        run = self._held(asked["id"])
        events: list[dict[str, Any]] = [{"__typename": "RunStartEvent"}]
        if run.status == "CANCELED":
            events.append({"__typename": "RunCanceledEvent", "message": f'Execution of run for "{run.job}" canceled.'})
        else:
            causes = ["RuntimeError: the ledger could not be read\n", "ValueError: invalid literal for int() …\n"]
            chain = [{"error": {"message": cause}} for cause in causes]
            error = {"message": "DagsterExecutionStepExecutionError: Error occurred …\n", "errorChain": chain}
            event = {"stepKey": "breaks", "error": error, "failureMetadata": None}
            events.append({"__typename": "ExecutionStepFailureEvent", **event})
        return {"__typename": "Run", "eventConnection": {"cursor": "1", "hasMore": False, "events": events}}

    def stop(self, asked: dict[str, Any]) -> dict[str, Any]:
        run = self._held(asked["id"])
        if run.status in ("SUCCESS", "FAILURE", "CANCELED"):
            return {"__typename": "TerminateRunFailure", "message": f"Run {run.run_id} could not be terminated"}
        run.way[:] = ["CANCELING", "CANCELED"]
        return {"__typename": "TerminateRunSuccess"}

    def where(self, _asked: dict[str, Any]) -> dict[str, Any]:
        node = {"name": "__repository__", "location": {"name": "tests"}, "jobs": [{"name": name} for name in self.ways]}
        return {"__typename": "RepositoryConnection", "nodes": [node]}

    def daemons(self, _asked: dict[str, Any]) -> dict[str, Any]:
        said = {"daemonType": "QUEUED_RUN_COORDINATOR", "required": True, "healthy": self.daemon}
        return {"daemonHealth": {"allDaemonStatuses": [said]}}

    def _started(self, job: str, tags: dict[str, str]) -> dict[str, Any]:
        run = Held(f"run-{next(self._numbers)}", job, tags, list(self.ways[job]))
        self.runs.append(run)
        return {"__typename": "LaunchRunSuccess", "run": run.shown()}

    def _held(self, run_id: str) -> Held:
        return next(run for run in self.runs if run.run_id == run_id)


@contextmanager
def faked() -> Iterator[FakeDagster]:
    """The stand-in, served on a free port."""
    fake = FakeDagster()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            operation = asked["query"].split("(")[0].split("{")[0].split()[1]
            fake.asked.append(operation)
            truth = fake.answer(operation, asked["variables"])
            scripted = fake.answers.get(operation)
            said = scripted.pop(0) if scripted else (200, json.dumps({"data": truth}))
            if said is None:
                self.close_connection = True
                self.connection.close()
                return
            status, text = said
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_said: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
