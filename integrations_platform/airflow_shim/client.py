"""Dagster over its GraphQL: runs found, launched, resumed, looked at and stopped; errors put into one table.

Reads are repeated a few times. What starts a run is sent once: whether a lost answer started one is for
:mod:`.launching` to find out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from integrations_platform.airflow_shim import documents
from integrations_platform.airflow_shim.faults import DagsterFault
from integrations_platform.service_faults import FaultKind
from integrations_platform.waiting import Timing, insist

ATTEMPTS = 4
CONNECT_SECONDS, ANSWER_SECONDS = 10.0, 60.0  # launching takes over 30 s on a busy machine
MOST_MATERIALIZATIONS, LONGEST_TEXT = 200, 500
WILL_RETRY, RETRIED_AS = "dagster/will_retry", "dagster/auto_retry_run_id"
SUCCESS, FAILURE, CANCELED, CANCELING = "SUCCESS", "FAILURE", "CANCELED", "CANCELING"
WAITING = ("QUEUED", "NOT_STARTED", "MANAGED")
_TRANSIENT = frozenset({"PythonError", "PipelineNotFoundError", "RepositoryNotFoundError", "RunConflict"})
_CONFIGURATION = frozenset({"UnauthorizedError"})


@dataclass(frozen=True)
class Place:
    """Where Dagster is. ``url``: with its path prefix, without /graphql; ``headers`` may hold a token."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    verify: bool = True


@dataclass(frozen=True)
class Run:
    """A run as it was at one moment."""

    run_id: str
    status: str
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def will_be_retried(self) -> bool:
        """Whether Dagster itself starts it once more."""
        return self.status == FAILURE and self.tags.get(WILL_RETRY) == "true"

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it. A status that is not known is never taken for an end."""
        return self.status in (SUCCESS, CANCELED) or (self.status == FAILURE and not self.will_be_retried)


@dataclass(frozen=True)
class Order:
    """A run that is wanted. ``assets``: only these of the job's, keys with parts joined by /."""

    job: str
    run_config: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    assets: Sequence[str] = ()
    location: str = ""


class Dagster:
    """One Dagster webserver. Every method raises DagsterFault."""

    def __init__(self, place: Place, timing: Timing | None = None, answer_seconds: float = ANSWER_SECONDS) -> None:
        self.place, self.timing = place, timing or Timing()
        self._http = httpx.Client(
            headers=dict(place.headers), verify=place.verify,
            timeout=httpx.Timeout(answer_seconds, connect=CONNECT_SECONDS),
        )  # fmt: skip

    def __enter__(self) -> Dagster:
        return self

    def __exit__(self, *_fault: object) -> None:
        self._http.close()

    def page_of(self, run_id: str) -> str:
        """Where people see a run."""
        return f"{self.place.url}/runs/{run_id}"

    def find(self, tag: str, value: str) -> list[Run]:
        """Runs with a tag, the newest first."""
        found = self._read(documents.FIND, {"f": {"tags": [{"key": tag, "value": value}]}})
        return [_run(item) for item in found["results"]]

    def launch(self, order: Order) -> Run:
        """Start a run. Sent once."""
        location, repository = self._place_of(order)
        selector: dict[str, Any] = {
            "jobName": order.job, "repositoryLocationName": location, "repositoryName": repository,
        }  # fmt: skip
        if order.assets:
            selector["assetSelection"] = [{"path": asset.split("/")} for asset in order.assets]
        params = {
            "selector": selector,
            "runConfigData": dict(order.run_config),
            "executionMetadata": {"tags": _pairs(order.tags)},
        }
        return _run(self._once(documents.LAUNCH, {"p": params})["run"])

    def resume(self, parent: str, tags: Mapping[str, str]) -> Run:
        """Start what a failed run left undone as a new run. Sent once."""
        params = {"parentRunId": parent, "strategy": "FROM_FAILURE", "extraTags": _pairs(tags)}
        return _run(self._once(documents.RESUME, {"p": params})["run"])

    def run(self, run_id: str) -> Run:
        """The run. Asked once: who follows it asks again."""
        return _run(self._once(documents.STATUS, {"id": run_id}))

    def stop(self, run_id: str) -> None:
        """End a run; one that is over stays as it is."""
        self._read(documents.STOP, {"id": run_id})

    def materializations(self, run_id: str) -> tuple[list[dict[str, Any]], bool]:
        """What a run brought up to date, and whether that was cut short."""
        found = self._read(documents.RESULT, {"id": run_id})["assetMaterializations"]
        shown = [
            {
                "asset_key": "/".join(item["assetKey"]["path"]),
                "partition": item["partition"],
                "metadata": _metadata(item["metadataEntries"]),
            }
            for item in found[:MOST_MATERIALIZATIONS]
        ]
        return shown, len(found) > MOST_MATERIALIZATIONS

    def reason(self, run_id: str) -> str:
        """Why a run failed or was cancelled, in Dagster's own words: each failed step with its causes."""
        cancelled: list[str] = []
        of_steps: list[str] = []
        of_run: list[str] = []
        after: str | None = None
        while True:
            page = self._read(documents.WHY, {"id": run_id, "after": after})["eventConnection"]
            for event in page["events"]:
                if event["__typename"] == "ExecutionStepFailureEvent":
                    of_steps.append(_step_said(event))
                elif event["__typename"] == "RunFailureEvent":
                    of_run.append((event["error"] or event)["message"].strip())
                elif event["__typename"] == "RunCanceledEvent":
                    cancelled.append(event["message"].strip())
            after = page["cursor"]
            if not page["hasMore"]:
                break
        return "\n".join(dict.fromkeys(cancelled or of_steps or of_run)) or "Dagster tells no reason"

    def unhealthy_daemons(self) -> list[str]:
        """Daemons that Dagster needs and that do not run."""
        health = self._read(documents.DAEMONS, {})["daemonHealth"]["allDaemonStatuses"]
        return sorted(item["daemonType"] for item in health if item["required"] and not item["healthy"])

    def _place_of(self, order: Order) -> tuple[str, str]:
        nodes = self._read(documents.WHERE, {})["nodes"]
        found = [
            (node["location"]["name"], node["name"])
            for node in nodes
            if order.location in ("", node["location"]["name"]) and order.job in {job["name"] for job in node["jobs"]}
        ]
        if len(found) > 1:
            places = ", ".join(location for location, _ in found)
            what = f"job {order.job!r} is in several locations ({places})"
            raise DagsterFault(FaultKind.CONFIGURATION, f"{what}; name one as location=")
        if not found:
            # Also the answer while a location reloads or is broken: the next try may find it.
            where = f"location {order.location!r}" if order.location else "any location"
            loaded = ", ".join(sorted(node["location"]["name"] for node in nodes)) or "none"
            what = f"Dagster has no job {order.job!r} in {where} (loaded: {loaded})"
            raise DagsterFault(FaultKind.TRANSIENT, what, code="PipelineNotFoundError")
        return found[0]

    def _read(self, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        return insist(lambda: self._once(document, variables), self.timing, ATTEMPTS)

    def _once(self, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        url = f"{self.place.url}/graphql"
        try:
            response = self._http.post(url, json={"query": document, "variables": variables})
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as fault:
            raise DagsterFault(FaultKind.TRANSIENT, f"Dagster at {url} could not be reached: {fault}") from None
        except httpx.HTTPError as fault:
            what = f"Dagster at {url} gave no answer: {type(fault).__name__} {fault}".rstrip()
            raise DagsterFault(FaultKind.TRANSIENT, what, perhaps_done=True) from None
        return _answer(url, response)


def _answer(url: str, response: httpx.Response) -> dict[str, Any]:
    status = response.status_code
    if status in (401, 403):
        what = f"Dagster at {url} refused the credentials ({status})"
        raise DagsterFault(FaultKind.CONFIGURATION, f"{what}; correct the connection's password or headers")
    try:
        body = response.json()
    except ValueError:
        body = None
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, dict):
        raise _without_data(url, response, body)
    (answer,) = data.values()
    name = str(answer.get("__typename", ""))
    if "message" in answer and name != "TerminateRunFailure":
        kind = _kind(name)
        raise DagsterFault(kind, f"{name}: {answer['message']}", code=name, perhaps_done=name == "PythonError")
    if "errors" in answer:
        said = "; ".join(str(item["message"]) for item in answer["errors"])
        raise DagsterFault(FaultKind.PERMANENT, f"{name}: {said}", code=name)
    return dict(answer)


def _without_data(url: str, response: httpx.Response, body: Any) -> DagsterFault:
    status = response.status_code
    if isinstance(body, dict) and body.get("errors"):
        said = "; ".join(str(item.get("message", item)) for item in body["errors"])
        return DagsterFault(FaultKind.CONFIGURATION, f"this Dagster does not understand what is asked: {said}")
    if status == 429 or status >= 500 or status < 300:
        asked = response.headers.get("retry-after", "")
        return DagsterFault(
            FaultKind.TRANSIENT, f"Dagster at {url} answered {status} and no JSON",
            wait=float(asked) if asked.isdecimal() else None, perhaps_done=status != 429,
        )  # fmt: skip
    what = f"at {url} there is no GraphQL of Dagster's ({status})"
    return DagsterFault(FaultKind.CONFIGURATION, f"{what}; correct the connection's host or path_prefix")


def _kind(name: str) -> FaultKind:
    if name in _TRANSIENT:
        return FaultKind.TRANSIENT
    return FaultKind.CONFIGURATION if name in _CONFIGURATION else FaultKind.PERMANENT


def _run(data: Mapping[str, Any]) -> Run:
    return Run(data["runId"], data["status"], {tag["key"]: tag["value"] for tag in data["tags"]})


def _pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def _metadata(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for entry in entries:
        values = [value for key, value in entry.items() if key != "label"]
        if not values or (isinstance(values[0], str) and len(values[0]) > LONGEST_TEXT):
            continue
        number = entry.get("intRepr")
        found[entry["label"]] = json.loads(number) if number is not None else values[0]
    return found


def _step_said(event: Mapping[str, Any]) -> str:
    """What a step failed of: its own words where it has some, else the causes of what Dagster wraps around them."""
    error = event["error"] or {"message": "failed", "errorChain": []}
    causes = [item["error"]["message"].strip() for item in error["errorChain"]] or [error["message"].strip()]
    said = (event["failureMetadata"] or {}).get("description") or " caused by ".join(causes)
    return f"step {event['stepKey']}: {said}"
