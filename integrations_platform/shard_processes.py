"""The shards of a run as processes of this machine: started, listened to, and gone when the run is over.

Each opens the environment anew, because nothing that may hold a secret is handed from one process to another. What it
decides and writes is the engine's; how shards become steps on several machines is Dagster's.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform.unified_sync.sharding import Task

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from integrations_platform.platform import Platform
    from integrations_platform.state import SqlStore
    from integrations_platform.state.shards import SqlBoard
    from integrations_platform.unified_sync.spec import SyncSpec

GRACE_SECONDS = 10.0  # for what is under way in a process that was asked to end
_TELL_SECONDS = 0.5  # between two words about progress


@dataclass(frozen=True)
class Processes:
    """A crew of processes. ``environment``: the file they open; ``known``: syncs that references may point to."""

    store: SqlStore
    environment: Path
    known: Sequence[SyncSpec]
    runtime: Runtime

    def board(self, task: Task) -> SqlBoard:
        """In the state."""
        return self.store.board(task.pair, task.run_id)

    @contextmanager
    def working(self, spec: SyncSpec, task: Task) -> Iterator[Callable[[], Mapping[int, str]]]:
        """A process for every share; whatever is left of them on leaving is ended."""
        processes, progress = [], _Progress(self.runtime)
        try:
            for number in range(task.of):
                ours, theirs = multiprocessing.Pipe(duplex=False)
                processes.append(self.start(spec, task, number, theirs))
                theirs.close()
                progress.lines.append(ours)

            def fallen() -> dict[int, str]:
                progress.pass_on()
                return {n: _death(process) for n, process in enumerate(processes) if process.exitcode is not None}

            yield fallen
            for process in processes:
                process.join(GRACE_SECONDS)
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.join(GRACE_SECONDS)
                process.kill()

    def start(self, spec: SyncSpec, task: Task, number: int, line: Connection) -> BaseProcess:
        """A process that works on one share and tells of its progress on ``line``."""
        process = multiprocessing.get_context("spawn").Process(
            target=work_process, args=(self.environment, spec, tuple(self.known), task, number, line),
            name=f"shard {number + 1} of {task.of}",
        )  # fmt: skip
        process.start()
        return process


def work_share(platform: Platform, spec: SyncSpec, known: Sequence[SyncSpec], task: Task, number: int) -> None:
    """Do share ``number`` of a run. Shares of one run divide the calls per second that a system allows a process."""
    engine = platform.engine(*known, spec)
    engine.call_policies = {
        name: policy if policy.per_second is None else replace(policy, per_second=policy.per_second / task.of)
        for name, policy in engine.call_policies.items()
    }
    with platform.sides(spec) as sides:
        engine.work(spec, sides, task, number, platform.store.board(task.pair, task.run_id))


def work_process(
    environment: Path, spec: SyncSpec, known: Sequence[SyncSpec], task: Task, number: int, line: Connection
) -> None:
    """What such a process does; ``line`` takes its progress."""
    from integrations_platform.platform import Platform

    platform = Platform.open(env_file=environment)
    platform.runtime = Runtime(progress=_telling(line))
    try:
        work_share(platform, spec, known, task, number)
    except KeyboardInterrupt:  # whoever began the run says so
        raise SystemExit(128 + signal.SIGINT) from None
    finally:
        platform.close()


def _telling(line: Connection) -> Callable[[str, int, int], None]:
    last: dict[str, float] = {}

    def tell(stage: str, done: int, total: int) -> None:
        now = monotonic()
        if done == total or now - last.get(stage, 0.0) >= _TELL_SECONDS:
            last[stage] = now
            line.send((stage, done, total))

    return tell


@dataclass
class _Progress:
    """What all processes have done, stage by stage, as if it were one."""

    runtime: Runtime
    lines: list[Connection] = field(default_factory=list)
    heard: dict[str, dict[int, tuple[int, int]]] = field(default_factory=dict)

    def pass_on(self) -> None:
        """Hear what there is to hear and tell it on."""
        stages = set()
        for number, line in enumerate(self.lines):
            while not line.closed and line.poll():
                try:
                    stage, done, total = line.recv()
                except EOFError:
                    line.close()
                    break
                self.heard.setdefault(stage, {})[number] = done, total
                stages.add(stage)
        for stage in sorted(stages):
            done, total = map(sum, zip(*self.heard[stage].values(), strict=True))
            self.runtime.progress(stage, done, total)


def _death(process: BaseProcess) -> str:
    code = process.exitcode or 0
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
