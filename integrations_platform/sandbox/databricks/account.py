"""What a workspace holds: jobs, runs, idempotency tokens and files, and the rules of starting, cancelling, repairing.

Unverified against the vendor, and said so in its reference: the code for the token of a deleted run, the codes of
refused repairs, and that cancelling a finished run is accepted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from integrations_platform.sandbox.databricks.refusals import invalid, refusal
from integrations_platform.sandbox.databricks.runs import CANCEL_MS, STARTUP_MS, Perform, Run, Stage, Task, advance
from integrations_platform.sandbox.databricks.scripts import Script
from integrations_platform.sandbox.databricks.shown import shown

LONGEST_TOKEN = 64
MOST_PARAMETER_BYTES = 10_000
LEGACY = (
    "dbt_commands", "jar_params", "notebook_params", "pipeline_params", "python_named_params", "python_params",
    "spark_submit_params", "sql_params",
)  # fmt: skip


class Account:
    """One workspace. ``clock_ms`` tells its time; ``scripts`` say what happens in tasks, by key, ``*`` for the rest."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock = clock_ms
        self.jobs: dict[int, dict[str, Any]] = {}
        self.runs: dict[int, Run] = {}
        self.tokens: dict[str, int] = {}
        self.files: dict[str, str] = {}
        self.scripts: dict[str, Script] = {}
        self.perform: Perform | None = None
        self.next_id = 1000
        self._stage = Stage(self._script, self._room, self.new_id)

    def new_id(self) -> int:
        """The next number: jobs, runs and repairs share one row of them."""
        self.next_id += 1
        return self.next_id

    def catch_up(self) -> int:
        """Bring every run to the present, oldest first; the present in milliseconds."""
        now = self._clock()
        self._stage.perform = self.perform
        for run in sorted(self.runs.values(), key=lambda one: one.run_id):
            advance(run, now, self._stage)
        return now

    def job(self, job_id: int) -> dict[str, Any]:
        """Settings of a job. Raises VendorError when there is none."""
        if job_id not in self.jobs:
            raise invalid(f"Job {job_id} does not exist.")
        return self.jobs[job_id]

    def run(self, run_id: int) -> Run:
        """A run. Raises VendorError when there is none."""
        if run_id not in self.runs:
            raise invalid(f"Run {run_id} does not exist.")
        return self.runs[run_id]

    def create(self, settings: Mapping[str, Any]) -> int:
        """A new job."""
        _check_tasks(settings.get("tasks", ()))
        job_id = self.new_id()
        self.jobs[job_id] = dict(settings)
        return job_id

    def run_now(self, wish: Mapping[str, Any]) -> Run:
        """Start a job, or find the run that the same token started. Raises VendorError as the vendor refuses."""
        known = self._known(wish)
        job = self.job(int(wish["job_id"]))
        if known is not None:
            return known
        overriding = {name: wish[name] for name in LEGACY if wish.get(name)}
        parameters = dict(wish.get("job_parameters") or {})
        _check_parameters(parameters, overriding)
        chosen = wish.get("only")
        tasks = [task for task in job.get("tasks", ()) if chosen is None or task["task_key"] in chosen]
        named = {each["name"]: each.get("default", "") for each in job.get("parameters", ())}
        run = self._started(int(wish["job_id"]), str(job.get("name", "Untitled")), tasks, named | parameters, wish)
        run.overriding = overriding
        active = sum(1 for each in self.runs.values() if each.job_id == run.job_id and not each.final) - 1
        if active >= int(job.get("max_concurrent_runs", 1)):
            if (wish.get("queue") or job.get("queue") or {}).get("enabled"):
                run.life = "QUEUED"
            else:
                run.life, run.result, run.end = "SKIPPED", "MAXIMUM_CONCURRENT_RUNS_REACHED", run.start
                run.message = "The maximum number of concurrent runs of this job is reached."
        return run

    def submit(self, wish: Mapping[str, Any]) -> Run:
        """Start tasks once, without a job."""
        if (known := self._known(wish)) is not None:
            return known
        tasks = wish.get("tasks") or ()
        if not tasks:
            raise invalid("At least one task must be specified.")
        _check_tasks(tasks)
        return self._started(0, str(wish.get("run_name") or "Untitled"), tasks, {}, wish)

    def cancel(self, run_id: int) -> None:
        """Accept a cancellation; it takes effect later, and on a finished run not at all."""
        run = self.run(run_id)
        if not run.final and not run.cancel_at:
            run.cancel_at = self._clock() + CANCEL_MS

    def repair(self, wish: Mapping[str, Any], url: str) -> int:
        """Run tasks of a finished run again, under the same run id. Raises VendorError as the vendor refuses."""
        run, now = self.run(int(wish["run_id"])), self._clock()
        chosen, every = wish.get("rerun_tasks"), wish.get("rerun_all_failed_tasks")
        if bool(chosen) == bool(every):
            raise invalid("Exactly one of rerun_tasks and rerun_all_failed_tasks must be given.")
        if not run.final:
            raise refusal("INVALID_STATE", f"Run {run.run_id} is in progress and cannot be repaired.")
        newest = next((each["id"] for each in reversed(run.repairs) if "id" in each), None)
        if newest is not None and wish.get("latest_repair_id") != newest:
            raise invalid(f"latest_repair_id must be the id of the latest repair of run {run.run_id}.")
        again = [task for task in run.tasks if task.key in chosen] if chosen else _unfinished(run)
        if not again:
            raise invalid(f"Run {run.run_id} has no tasks to repair.")
        past = shown(run, url, now, history=True)["repair_history"]
        repair_id = self.new_id()
        run.repairs = [*past, {"id": repair_id, "type": "REPAIR", "start_time": now}]
        for task in again:
            task.run_id, task.life, task.result, task.message = self.new_id(), "BLOCKED", "", ""
            task.start = task.end = task.attempt = 0
            task.repaired = True
        run.parameters |= dict(wish.get("job_parameters") or {})
        run.life, run.result, run.message, run.end = "PENDING", "", "", 0
        run.due, run.cancel_at, run.cancelled = now + STARTUP_MS, 0, False
        return repair_id

    def delete_run(self, run_id: int) -> None:
        """Forget a finished run; its token stays used."""
        if not self.run(run_id).final:
            raise refusal("INVALID_STATE", f"Run {run_id} is in progress and cannot be deleted.")
        del self.runs[run_id]

    def output(self, run_id: int, url: str) -> dict[str, Any]:
        """What a task run left: logs, error and trace."""
        for run in self.runs.values():
            if run.run_id == run_id and len(run.tasks) > 1:
                raise invalid("Retrieving the output of runs with multiple tasks is not supported.")
            for task in run.tasks:
                if run_id in (task.run_id, run.run_id if len(run.tasks) == 1 else task.run_id):
                    return self._output(run, task, url)
        raise invalid(f"Run {run_id} does not exist.")

    def _output(self, run: Run, task: Task, url: str) -> dict[str, Any]:
        told: dict[str, Any] = {"metadata": shown(run, url, self._clock())}
        script = Script.from_data(task.script or {})
        if task.script is not None:
            told |= {"logs": script.logs[-5_000_000:], "logs_truncated": len(script.logs) > 5_000_000}
        if task.final and task.result not in ("SUCCESS", "CANCELED"):
            told |= {name: text for name, text in (("error", script.error), ("error_trace", script.trace)) if text}
        if task.result == "SUCCESS" and script.notebook_result is not None:
            told["notebook_output"] = {"result": script.notebook_result, "truncated": False}
        return told

    def _known(self, wish: Mapping[str, Any]) -> Run | None:
        token = str(wish.get("idempotency_token") or "")
        if len(token) > LONGEST_TOKEN:
            raise invalid(f"idempotency_token must not be longer than {LONGEST_TOKEN} characters.")
        if not token or token not in self.tokens:
            return None
        if self.tokens[token] not in self.runs:
            raise invalid(f"The run of idempotency token {token} was deleted.")
        return self.runs[self.tokens[token]]

    def _started(self, job_id: int, name: str, tasks: Any, parameters: dict[str, str], wish: Mapping[str, Any]) -> Run:
        now, run_id = self._clock(), self.new_id()
        made = [Task(dict(task), self.new_id()) for task in tasks]
        run = Run(run_id, job_id, name, now, made, parameters, due=now + STARTUP_MS)
        self.runs[run_id] = run
        if token := wish.get("idempotency_token"):
            self.tokens[str(token)] = run_id
        return run

    def _script(self, _run: Run, task: Task) -> Script:
        return self.scripts.get(task.key, self.scripts.get("*", Script()))

    def _room(self, run: Run) -> bool:
        limit = int(self.jobs.get(run.job_id, {}).get("max_concurrent_runs", 1))
        ahead = [
            each for each in self.runs.values()
            if each.job_id == run.job_id and not each.final and each.run_id < run.run_id
        ]  # fmt: skip
        return len(ahead) < limit

    def dump(self) -> dict[str, Any]:
        """All of it, JSON-safe."""
        return {
            "next": self.next_id, "jobs": [[number, job] for number, job in self.jobs.items()], "tokens": self.tokens,
            "files": self.files, "runs": [asdict(run) for run in self.runs.values()],
            "scripts": {key: script.to_data() for key, script in self.scripts.items()},
        }  # fmt: skip

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what :meth:`dump` gave."""
        self.next_id = int(state["next"])
        self.jobs = {int(number): dict(job) for number, job in state["jobs"]}
        self.tokens, self.files = dict(state["tokens"]), dict(state["files"])
        self.runs = {run["run_id"]: Run(**run | {"tasks": [Task(**task) for task in run["tasks"]]})
                     for run in state["runs"]}  # fmt: skip
        self.scripts = {key: Script.from_data(script) for key, script in state["scripts"].items()}


def _unfinished(run: Run) -> list[Task]:
    return [task for task in run.tasks if task.result not in ("SUCCESS", "EXCLUDED")]


def _check_tasks(tasks: Any) -> None:
    keys = [task["task_key"] for task in tasks]
    if len(set(keys)) != len(keys):
        raise invalid("Task keys must be unique.")
    for task in tasks:
        for each in task.get("depends_on", ()):
            if each["task_key"] not in keys:
                raise invalid(f"Task {task['task_key']} depends on {each['task_key']}, which does not exist.")


def _check_parameters(parameters: Mapping[str, str], overriding: Mapping[str, Any]) -> None:
    if parameters and overriding:
        raise invalid("job_parameters cannot be combined with the parameters of single task types.")
    if "notebook_params" in overriding and "jar_params" in overriding:
        raise invalid("notebook_params and jar_params cannot both be given.")
    for given in (parameters, *overriding.values()):
        if len(json.dumps(given).encode()) > MOST_PARAMETER_BYTES:
            raise invalid(f"The JSON of the parameters must not be longer than {MOST_PARAMETER_BYTES} bytes.")
    if not all(str(text).isascii() for text in overriding.get("python_params", ())):
        raise invalid("python_params must be ASCII.")
