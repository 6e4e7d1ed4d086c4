"""The job of a sync with several shards: one step that runs the sync, and beside it a step for each shard.

All steps work at once, each in a process or pod of its own, and speak through the state. What a shard does is the
engine's; here it is only started, told which run it belongs to, and let go when that run is over.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from integrations_platform.defs.config import SyncConfig
from integrations_platform.defs.events import events_elsewhere
from integrations_platform.defs.running import give_up, opened, run_sync
from integrations_platform.defs.syncs import complaint, is_done, pool_of
from integrations_platform.job_list import sync_job_name
from integrations_platform.jobs import Catalogue, Options
from integrations_platform.jobs import Job as Named
from integrations_platform.unified_sync.spec import Direction, Strategy, SyncSpec

if TYPE_CHECKING:
    from integrations_platform.platform import Platform
    from integrations_platform.state.shards import SqlBoard
    from integrations_platform.unified_sync.sharding import Task

TASK = "task"
"""Topic on the board of a Dagster run: the run of the sync that its steps are to join."""

_LOOK_SECONDS = 0.5
_ENDED = ("SUCCESS", "FAILURE", "SKIPPED")  # of a step; Dagster's names of it are not public


@dataclass(frozen=True)
class Steps:
    """A crew of steps, which Dagster starts. ``dagster_run``: by which they find the run of the sync; ``options``:
    under which it runs."""

    platform: "Platform"
    dagster_run: str
    options: Options

    def board(self, task: "Task") -> "SqlBoard":
        """In the state."""
        return self.platform.store.board(task.pair, task.run_id)

    @contextmanager
    def working(self, spec: SyncSpec, task: "Task") -> Iterator[Callable[[], Mapping[int, str]]]:  # noqa: ARG002
        """Call the steps. Which of them died is told by their silence only."""
        call = self.platform.store.board(task.pair, self.dagster_run)
        call.say(TASK, 0, json.dumps({"task": task.to_json(), "options": asdict(self.options)}))
        yield dict


def take_share(
    platform: "Platform", catalogue: Catalogue, spec: SyncSpec, dagster_run: str, number: int, over: Callable[[], bool]
) -> str:
    """Wait for the run this step belongs to, and do a share of it; says what came of it. ``over``: whether the step
    that runs the sync has ended."""
    from integrations_platform.shard_processes import work_share
    from integrations_platform.unified_sync.sharding import Task

    call = platform.store.board(spec.name, dagster_run)
    while not (called := call.read(TASK)):
        if over():
            return "nothing was shared in this run"
        platform.runtime.sleep(_LOOK_SECONDS)
    data = json.loads(called[0])
    task = Task.from_json(data["task"])
    work_share(platform, _options(data["options"]).applied(spec), catalogue.specs, task, number)
    return f"share {number + 1} of {task.of} of run {task.run_id} is done"


def _options(data: Mapping[str, Any]) -> Options:
    direction, strategy = data["direction"], data["strategy"]
    return Options(
        Direction(direction) if direction else None, data["batch_size"], Strategy(strategy) if strategy else None
    )


def sharded_job(catalogue: Catalogue, named: Mapping[str, Named], spec: SyncSpec) -> dg.JobDefinition:
    """The job a sync's schedule runs when it declares shards."""
    job, in_pods = named[sync_job_name(spec.name)], catalogue.settings.shards.steps == "kubernetes"

    @dg.op(
        name=f"{spec.name}_run", description=job.description, pool=pool_of(catalogue, spec), out=dg.Out(dg.Nothing)
    )  # fmt: skip
    def run(context: dg.OpExecutionContext, config: SyncConfig) -> Iterator[Any]:
        if in_pods and catalogue.settings.state.url().startswith("sqlite"):
            give_up(
                f"{spec.name} declares {spec.shards} shards, which run in pods of their own (shards.steps), and the "
                "state is a SQLite file, which is on one machine: set state.url to postgresql://…"
            )
        options, dagster_run = config.options(), context.run.run_id
        outcome = run_sync(
            context, catalogue, spec, options, dry_run=config.dry_run,
            crew=lambda platform: Steps(platform, dagster_run, options),
        )  # fmt: skip
        yield from events_elsewhere(outcome)
        if not is_done(outcome):
            give_up(complaint(outcome))  # not asked for again: the steps of the shards are over

    def shard(number: int) -> dg.OpDefinition:
        @dg.op(
            name=f"{spec.name}_shard_{number + 1}",
            description=f"Share {number + 1} of a run of {spec.name}.",
            out=dg.Out(dg.Nothing),
        )
        def work(context: dg.OpExecutionContext) -> None:
            def over() -> bool:
                (stats,) = context.instance.get_run_step_stats(context.run.run_id, [spec.name]) or (None,)
                return stats is not None and stats.status is not None and stats.status.value in _ENDED

            def take(platform: "Platform") -> str:
                return take_share(platform, catalogue, spec, context.run.run_id, number, over)

            context.log.info(f"{spec.name}: {opened(context, catalogue, take)}")

        return work

    shards = [shard(number) for number in range(spec.shards)]

    # Of the pod that starts the others only: those run under the account of any run.
    account = {"pod_spec_config": {"service_account_name": catalogue.settings.shards.service_account}}
    tags = {"dagster-k8s/config": account} if in_pods and catalogue.settings.shards.service_account else None

    @dg.job(name=job.name, description=job.description, executor_def=_executor(spec, in_pods=in_pods), tags=tags)
    def steps() -> None:
        run.alias(spec.name)()
        for each in shards:
            each()

    return steps


def _executor(spec: SyncSpec, *, in_pods: bool) -> dg.ExecutorDefinition:
    """What gives every step its own process or pod, all of them at once."""
    if in_pods:
        from dagster_k8s import k8s_job_executor

        return k8s_job_executor
    return dg.multiprocess_executor.configured({"max_concurrent": spec.shards + 1})
