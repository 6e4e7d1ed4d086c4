"""A Databricks workspace through databricks-sdk: one call each, its answers in this project's words.

The only module that imports the library, and only when a workspace is opened: the import alone costs 1.7 s. The
library repeats calls by itself, a POST whose answer was lost among them, and stops waiting after 20 minutes; both are
switched off, so that every repetition is a decision made in :mod:`.running` with the token that makes it harmless.
"""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from integrations_platform.databricks.authentication import AccessToken, Authentication
from integrations_platform.databricks.faults import JobFault
from integrations_platform.databricks.launch import Compute, ExistingJob, Launch, Notebook, remote_name
from integrations_platform.databricks.looks import LONGEST_MESSAGE, RunLook, TaskLook, brief
from integrations_platform.service_faults import FaultKind

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.service import jobs

T = TypeVar("T")
TASK_KEY = "task"
ANSWER_SECONDS = 60
_AUTH_TYPE = "integrations-platform"  # said to the library, it looks for no other credentials in the environment
_HOST = re.compile(r"https://[A-Za-z0-9.-]+(:\d+)?/?|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?/?")
_MOST_LOG = 20_000  # characters of a task's output that are looked at


class Workspace:
    """One workspace, asked as ``who`` says: a personal access token, or something that gives tokens.
    ``answer_seconds``: how long one call may take."""

    def __init__(self, host: str, who: str | Authentication, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        from databricks.sdk import WorkspaceClient
        from databricks.sdk.config import Config

        logging.getLogger("databricks.sdk").setLevel(logging.WARNING)  # it logs bodies, and those hold parameters
        self._authentication = AccessToken(who) if isinstance(who, str) else who
        _check(host)
        config = Config(
            host=host, credentials_strategy=_strategy(self._authentication), auth_type=_AUTH_TYPE,
            http_timeout_seconds=answer_seconds, clock=_one_try(),
        )  # fmt: skip
        self.host = config.host
        self._client: WorkspaceClient = WorkspaceClient(config=config)

    def who(self) -> str:
        """The name the token acts under."""
        return self._call("asking who the token belongs to", lambda: self._client.current_user.me()).user_name or ""

    def start(self, launch: Launch, token: str) -> int:
        """Start a run, or find the one that ``token`` has started; its id. Safe to repeat. Raises JobFault."""
        if isinstance(launch, ExistingJob):
            wish: dict[str, Any] = {"job_parameters": dict(launch.parameters)} if launch.parameters else {}
            if launch.only:
                wish["only"] = list(launch.only)
            what = f"starting job {launch.job_id}"
            started = self._call(
                what, lambda: self._client.jobs.run_now(launch.job_id, idempotency_token=token, **wish)
            )
            return _number(started.response, "run_id", what)
        tasks, name = self._task(launch)
        submitted = self._call(
            f"submitting {name}",
            lambda: self._client.jobs.submit(tasks=[tasks], idempotency_token=token, run_name=f"dagster: {name}",
                                             **_environments(launch.compute)),
        )  # fmt: skip
        return _number(submitted.response, "run_id", f"submitting {name}")

    def look(self, run_id: int, *, history: bool = False) -> RunLook:
        """The run as it is now, all pages of its tasks. Raises JobFault."""
        run = self._call(
            f"looking at run {run_id}", lambda: self._client.jobs.get_run(run_id, include_history=history or None)
        )
        return _run_look(run)

    def output(self, task: TaskLook) -> tuple[TaskLook, str | None]:
        """``task`` with what it left: error, trace, logs; and a notebook's result. Raises JobFault."""
        left = self._call(
            f"reading the output of task {task.key}", lambda: self._client.jobs.get_run_output(task.run_id)
        )
        logs = (left.logs or "")[-_MOST_LOG:]
        kept = asdict(task) | {"error": left.error or "", "trace": left.error_trace or "", "logs": logs}
        return TaskLook(**kept), None if left.notebook_output is None else left.notebook_output.result

    def cancel(self, run_id: int) -> None:
        """Ask for the end of a run; it comes later. Safe to repeat. Raises JobFault."""
        self._call(f"cancelling run {run_id}", lambda: self._client.jobs.cancel_run(run_id))

    def repair(self, run_id: int, latest_repair_id: int | None) -> int:
        """Run all failed tasks of a finished run again; the repair's id. Never to be repeated blindly: it takes no
        token. Raises JobFault."""
        what = f"repairing run {run_id}"
        started = self._call(
            what,
            lambda: self._client.jobs.repair_run(
                run_id, rerun_all_failed_tasks=True, latest_repair_id=latest_repair_id
            ),
        )
        return _number(started.response, "repair_id", what)

    def put(self, folder: str, name: str, content: bytes) -> str:
        """Put a file into a folder of the workspace, unless it is there; its path. Safe to repeat. Raises JobFault."""
        from databricks.sdk.service.workspace import ImportFormat

        path, text = f"{folder.rstrip('/')}/{name}", base64.b64encode(content).decode()

        def put() -> None:
            self._client.workspace.mkdirs(folder.rstrip("/"))
            self._client.workspace.import_(path, content=text, format=ImportFormat.RAW, overwrite=True)

        self._call(f"putting {name} into {folder}", put)
        return path

    def _task(self, launch: Any) -> tuple[jobs.SubmitTask, str]:
        from databricks.sdk.service import compute, jobs

        needs = launch.compute
        where: dict[str, Any] = {}
        if needs.existing_cluster_id:
            where["existing_cluster_id"] = needs.existing_cluster_id
        elif needs.new_cluster:
            where["new_cluster"] = compute.ClusterSpec.from_dict(dict(needs.new_cluster))
        elif needs.libraries:
            where["environment_key"] = TASK_KEY
        if needs.libraries and "environment_key" not in where:
            where["libraries"] = [
                compute.Library(pypi=compute.PythonPyPiLibrary(package=each)) for each in needs.libraries
            ]
        if isinstance(launch, Notebook):
            done = jobs.NotebookTask(notebook_path=launch.path, base_parameters=dict(launch.parameters))
            return jobs.SubmitTask(task_key=TASK_KEY, notebook_task=done, **where), launch.path
        content = launch.file.read_bytes()
        path = self.put(launch.folder, remote_name(launch.file, content), content)
        ours = jobs.SparkPythonTask(python_file=path, parameters=list(launch.arguments))
        return jobs.SubmitTask(task_key=TASK_KEY, spark_python_task=ours, **where), launch.file.name

    def _call(self, what: str, call: Callable[[], T]) -> T:
        from databricks.sdk.errors.base import DatabricksError
        from databricks.sdk.errors.platform import Unauthenticated
        from requests import RequestException

        try:
            try:
                return call()
            except Unauthenticated:
                if not self._authentication.renew():
                    raise
                return call()  # nothing was done for a caller that was not known
        except DatabricksError as fault:
            raise _told(what, fault) from fault
        except TimeoutError as fault:  # the library gave up repeating: what it met is the cause
            if isinstance(fault.__cause__, DatabricksError):
                raise _told(what, fault.__cause__) from fault
            raise _unreachable(what, self.host, fault.__cause__ or fault) from fault
        except (RequestException, ValueError, KeyError) as fault:  # cut connections, answers that are no JSON
            raise _unreachable(what, self.host, fault) from fault


def _check(host: str) -> None:
    """Refuse an address that is none, or that would send the token in the clear."""
    if not _HOST.fullmatch(host):
        what = "databricks.host is no address of a workspace; write https://… without a path"
        raise JobFault(FaultKind.CONFIGURATION, what)


def _strategy(authentication: Authentication) -> Any:
    """The library's way of asking for the headers of a call."""
    from databricks.sdk.credentials_provider import CredentialsStrategy

    class Strategy(CredentialsStrategy):
        def auth_type(self) -> str:
            return _AUTH_TYPE

        def __call__(self, _: Any) -> Any:
            return lambda: {"Authorization": f"Bearer {authentication.token()}"}

    return Strategy()


def _one_try() -> Any:
    """A clock whose sleep is past every deadline of the library at once, so that it makes each call once."""
    from databricks.sdk.clock import Clock

    class OneTry(Clock):
        def __init__(self) -> None:
            self._now = 0.0

        def time(self) -> float:
            return self._now

        def sleep(self, seconds: float) -> None:
            self._now += seconds + timedelta(days=1).total_seconds()

    return OneTry()


def _environments(needs: Compute) -> dict[str, Any]:
    """The environment of a serverless task; its libraries are not the task's but the environment's."""
    from databricks.sdk.service import compute, jobs

    if not needs.libraries or needs.existing_cluster_id or needs.new_cluster:
        return {}
    spec = compute.Environment(client="2", dependencies=list(needs.libraries))
    return {"environments": [jobs.JobEnvironment(environment_key=TASK_KEY, spec=spec)]}


def _told(what: str, fault: Any) -> JobFault:
    """A refusal of the service, by what can be done about it."""
    from databricks.sdk import errors

    said, code = brief(str(fault), LONGEST_MESSAGE), str(fault.error_code or "")
    table: Iterable[tuple[type, FaultKind, str]] = (
        (errors.Unauthenticated, FaultKind.CONFIGURATION, "check databricks.token: it may have expired"),
        (errors.PermissionDenied, FaultKind.CONFIGURATION, "grant the token's owner the right, e.g. CAN MANAGE RUN"),
        (errors.TooManyRequests, FaultKind.TRANSIENT, ""),
        (errors.TemporarilyUnavailable, FaultKind.TRANSIENT, ""),
        (errors.DeadlineExceeded, FaultKind.TRANSIENT, ""),
        (errors.InternalError, FaultKind.TRANSIENT, ""),
        (errors.NotFound, FaultKind.PERMANENT, ""),
        (errors.BadRequest, FaultKind.PERMANENT, ""),
    )
    kind, remedy = next(((kind, remedy) for of, kind, remedy in table if isinstance(fault, of)), (None, ""))
    if kind is None:  # an HTTP error page of something between here and there has no code the library knows
        kind = FaultKind.TRANSIENT if code.startswith(("BAD_GATEWAY", "GATEWAY")) else FaultKind.PERMANENT
    if kind is FaultKind.PERMANENT and "does not exist" in said and "Job " in said:
        remedy = "it was deleted, or job_id is of another workspace: correct it under databricks.jobs"
    wait = getattr(fault, "retry_after_secs", None)
    text = f"{what}: {said}" + (f" ({code})" if code else "") + (f"; {remedy}" if remedy else "")
    return JobFault(kind, text, code=code, wait=None if wait is None else float(wait))


def _unreachable(what: str, host: str | None, fault: BaseException) -> JobFault:
    return JobFault(FaultKind.TRANSIENT, f"{what}: no usable answer of {host} ({type(fault).__name__})")


def _number(answer: Any, name: str, what: str) -> int:
    found = getattr(answer, name)
    if found is None:
        raise JobFault(FaultKind.PERMANENT, f"{what}: the answer has no {name}")
    return int(found)


def _run_look(run: jobs.Run) -> RunLook:
    state, status = run.state, run.status
    details = None if status is None else status.termination_details
    repairs = [each.id for each in run.repair_history or () if each.id is not None]
    return RunLook(
        run_id=run.run_id or 0,
        life=_word(state and state.life_cycle_state),
        result=_word(state and state.result_state),
        message=brief((state and state.state_message) or ""),
        code=_word(details and details.code) or "",
        termination=_word(details and details.type) or "",
        url=run.run_page_url or "",
        seconds=(run.run_duration or 0) / 1000,
        tasks=tuple(_task_look(task) for task in run.tasks or ()),
        repairs=tuple(repairs),
    )


def _task_look(task: jobs.RunTask) -> TaskLook:
    state, cluster = task.state, task.cluster_instance
    took = task.run_duration or sum(
        part or 0 for part in (task.setup_duration, task.execution_duration, task.cleanup_duration)
    )
    return TaskLook(
        key=task.task_key,
        run_id=task.run_id or 0,
        life=_word(state and state.life_cycle_state),
        result=_word(state and state.result_state),
        message=brief((state and state.state_message) or ""),
        attempt=task.attempt_number or 0,
        seconds=took / 1000,
        cluster=(cluster and cluster.cluster_id) or "",
    )


def _word(value: Any) -> str | None:
    return None if value is None else str(value.value)
