"""One run of one job inside a Dagster step: what is launched where, and what comes of it as events.

What a final state means and what a task may publish is decided in :mod:`integrations_platform.databricks`; here it is
only put into Dagster's words. Nothing is yielded before everything the job was to write is in place.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from integrations_platform.defs.chosen import chosen
from integrations_platform.defs.lake_step import LakeStep
from integrations_platform.defs.pipes import LakeMessageReader
from integrations_platform.defs.reporting import table
from integrations_platform.defs.running import give_up
from integrations_platform.jobs import Catalogue
from integrations_platform.secret_text import SettingsError
from integrations_platform.settings import Settings, variable
from integrations_platform.settings_databricks import JobSettings, filled
from integrations_platform.settings_lake import DatasetSettings

if TYPE_CHECKING:
    from integrations_platform.databricks.launch import Launch, PythonFile
    from integrations_platform.databricks.looks import RunReport
    from integrations_platform.lake.lake import Lake
    from integrations_platform.waiting import Timing

EVERY_TASK = "every_task_succeeded"
_LOG = 4_000  # characters of a task's output in the metadata


@dataclass
class JobStep:
    """One materialisation of one partition."""

    context: dg.AssetExecutionContext
    catalogue: Catalogue
    job: JobSettings
    key: dg.AssetKey
    datasets: list[DatasetSettings]
    timing: Timing | None

    def events(self) -> Iterator[Any]:
        """Results of the job, its check, and of the datasets it wrote. Raises dg.Failure or dg.RetryRequested."""
        from integrations_platform.databricks.faults import JobFault
        from integrations_platform.lake.errors import LakeError, Trouble
        from integrations_platform.service_faults import FaultKind

        try:
            yield from chosen(self.context, self._events())
        except JobFault as fault:
            passing = fault.kind is FaultKind.TRANSIENT
            give_up(f"{self.key.to_user_string()}: {fault.message}", self.context.retry_number if passing else None)
        except LakeError as fault:
            passing = fault.trouble is Trouble.UNAVAILABLE
            give_up(f"{self.key.to_user_string()}: {fault}", self.context.retry_number if passing else None)
        except (SettingsError, FileNotFoundError) as fault:
            give_up(f"{self.key.to_user_string()}: {fault}")

    def _events(self) -> Iterator[Any]:
        if self.job.task:
            yield from self._task_events()
        else:
            report = self._remote(self._existing(), lambda: None)
            yield from self._judged(report, [])

    @property
    def settings(self) -> Settings:
        """The environment's."""
        return self.catalogue.settings

    @property
    def _day(self) -> date:
        return date.fromisoformat(self.context.partition_key)

    @property
    def _values(self) -> dict[str, str]:
        day, after = self._day.isoformat(), (self._day + timedelta(days=1)).isoformat()
        return {"day": day, "next_day": after, "run_id": self.context.run.run_id}

    def _parameters(self) -> dict[str, str]:
        return {name: filled(text, self._values) for name, text in self.job.parameters.items()}

    def _token(self, attempt: int) -> str:
        from integrations_platform.databricks.launch import token_of

        return token_of(self.context.run.run_id, self.key.to_user_string(), self.context.partition_key, attempt)

    def _existing(self) -> Launch:
        from integrations_platform.databricks.launch import Compute, ExistingJob, Notebook

        job = self.job
        if job.job_id is None:
            compute = Compute(job.existing_cluster_id, job.new_cluster, job.libraries)
            return Notebook(job.notebook, self._parameters(), compute)
        text = job.job_id.resolve().strip()
        if not text.isdigit():
            raise job.job_id.error("is no job id", "copy the number from the job's page")
        return ExistingJob(int(text), self._parameters(), job.only)

    def _task_events(self) -> Iterator[Any]:
        """A task file of ours: with messages, and what it wrote made partitions."""
        from integrations_platform.databricks.messages import FOLDER, Messages
        from integrations_platform.databricks.publishing import Staging, told
        from integrations_platform.lake.lake import Lake

        lake = Lake.open(self.settings.lake)
        folder = f"{FOLDER}/{self._token(0)}"
        staging = Staging(lake, self._token(0))
        messages = Messages(lake.store(), folder, self.context.log.warning)
        reader = LakeMessageReader(messages, folder)
        injector = dg.PipesEnvContextInjector()
        with dg.open_pipes_session(self.context, injector, reader) as session:
            launch = self._launch(lake, staging.folder, session.get_bootstrap_cli_arguments())
            report = self._run_task(lake, launch, reader.look)
        reported = [
            result for result in session.get_reported_results()
            if isinstance(result, dg.MaterializeResult) and result.asset_key in (None, self.key)
        ]  # fmt: skip
        if not self._succeeded(report):
            staging.clear()
            messages.clear()
        events = list(self._judged(report, reported))
        # Nothing is claimed before everything the job wrote is in place.
        files = told(session.get_custom_messages()) if self.datasets else ()
        for dataset in self.datasets:
            manifest = staging.publish(dataset.name, self._day, files, self.context.run.run_id)
            step = LakeStep(self.context, self.catalogue, dataset, dg.AssetKey(["lake", dataset.name]))
            events += step.published(manifest)
        staging.clear()
        messages.clear()
        yield from events

    def _launch(self, lake: Lake, folder: str, pipes: Mapping[str, str]) -> PythonFile:
        from integrations_platform.databricks.launch import Compute, PythonFile
        from integrations_platform.databricks.local import task_file

        job, day = self.job, self._day
        arguments = ["--lake", str(lake.address), "--write", folder]
        if job.reads:
            manifest = lake.manifest(job.reads, day)
            if manifest is None:
                give_up(f"{self.key.to_user_string()}: lake/{job.reads} has no partition {day}; materialize it first")
            arguments += [part for file in manifest.files for part in ("--read", file.key)]
        arguments += [part for name, text in self._parameters().items() for part in (f"--{name}", text)]
        arguments += [part for pair in pipes.items() for part in pair]
        compute = Compute(job.existing_cluster_id, job.new_cluster, job.libraries)
        return PythonFile(task_file(job.task), tuple(arguments), self.settings.databricks.folder, compute)

    def _run_task(self, lake: Lake, launch: PythonFile, look: Callable[[], None]) -> RunReport:
        from integrations_platform.databricks.local import PASSED_ON, LocalRun
        from integrations_platform.databricks.publishing import store_options
        from integrations_platform.waiting import Timing

        if self.settings.databricks.host.resolve().strip():
            if lake.address.kind == "file":
                self.context.log.warning("the lake is a folder; a cluster reads it only where it is mounted there")
            return self._remote(launch, look)
        passed = {name: value for name in PASSED_ON if (value := variable(name)) is not None}
        variables = {**passed, "LAKE_STORE": json.dumps(store_options(lake))}
        run = LocalRun(launch, variables, self.job.timeout, self.timing or Timing(), self.context.log.info, look)
        return run.report()

    def _remote(self, launch: Launch, look: Callable[[], None]) -> RunReport:
        from integrations_platform.databricks.opening import open_workspace
        from integrations_platform.databricks.running import Policy, RemoteRun
        from integrations_platform.waiting import Patience, Timing

        workspace = open_workspace(self.settings.databricks)
        policy = Policy(Patience(timeout=self.job.timeout), self.job.repairs, self.job.when_late == "cancel")
        log = self.context.log
        return RemoteRun(
            workspace, launch, self._token, self.context.retry_number, policy, self.timing or Timing(), log.info,
            log.warning, look,
        ).report()  # fmt: skip

    def _succeeded(self, report: RunReport) -> bool:
        outcome = report.verdict.outcome.value
        return outcome == "succeeded" or (outcome == "partial" and self.job.partial == "warn")

    def _judged(self, report: RunReport, reported: list[dg.MaterializeResult[Any]]) -> list[Any]:
        """The materialisation and check of a run that did its work; a failure with the reason of one that did not."""
        metadata = run_metadata(report)
        if not self._succeeded(report):
            retries = self.context.retry_number if report.verdict.may_pass else None
            give_up(f"{self.key.to_user_string()}: {report.complaint}", retries, metadata)
        own = {name: value for result in reported for name, value in (result.metadata or {}).items()}
        partial = report.verdict.outcome.value == "partial"
        check = dg.AssetCheckResult(
            asset_key=self.key,
            check_name=EVERY_TASK,
            passed=not partial,
            severity=dg.AssetCheckSeverity.WARN,
            description=report.complaint if partial else None,
            metadata={"tasks_failed": metadata["tasks_failed"]},
        )
        return [dg.MaterializeResult(asset_key=self.key, metadata=own | metadata), check]


def run_metadata(report: RunReport) -> dict[str, Any]:
    """What a run was and did, under keys that stay the same; a table of its tasks and the end of their output."""
    run = report.run
    rows = [
        {"task": task.key, "result": task.result or task.life or "unknown", "attempt": str(task.attempt),
         "seconds": f"{task.seconds:.1f}", "cluster": task.cluster, "run_id": str(task.run_id)}
        for task in run.tasks
    ]  # fmt: skip
    said = "\n".join(task.logs for task in run.tasks if task.logs)
    told: dict[str, Any] = {
        "run_id": str(run.run_id),
        "ran_on": report.where,
        "outcome": report.verdict.outcome.value,
        "run_seconds": round(run.seconds, 3),
        "attempt": report.attempt,
        "repairs": len(run.repairs),
        "tasks_total": len(run.tasks),
        "tasks_failed": sum(task.failed for task in run.tasks),
    }
    if run.url:
        told["run_page"] = dg.MetadataValue.url(run.url)
    if run.repairs:
        told["repair_ids"] = ", ".join(map(str, run.repairs))
    if rows:
        told["tasks"] = table(rows)
    if report.notebook_result is not None:
        told["notebook_result"] = report.notebook_result[:_LOG]
    if said:
        told["logs"] = dg.MetadataValue.md(f"```\n{said[-_LOG:].replace('```', '')}\n```")
    return told
