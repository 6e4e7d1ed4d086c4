"""One run by several processes: what it is as they are told of it, who has died meanwhile, and what it came to.

The process that begins the run holds its lease and lets the others work under the same token; it alone says who is
dead, so that all believe the same. What each of them decides and how they agree is in :mod:`.shares`.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from integrations_platform.unified_sync.plan import Refusal
from integrations_platform.unified_sync.port import ErrorKind
from integrations_platform.unified_sync.report import RunReport, RunStatus
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform.unified_sync.shares import ENDED, LEADER, PULSE, RENEW_SECONDS, TOTALS, Board, Pulse
from integrations_platform.unified_sync.spec import SIDES, SyncSpec
from integrations_platform.unified_sync.store import Lease, Observation, Store

START_SECONDS = 600.0
"""How long a process may take to begin with its share: on a cluster, until its machine is there."""

LOOK_SECONDS = 0.1  # between two looks at who has ended


class Asked(Protocol):
    """How a run was asked for, as far as its shares must know."""

    @property
    def attended(self) -> bool: ...

    @property
    def actor(self) -> str: ...

    @property
    def trigger(self) -> str: ...


@dataclass(frozen=True)
class Task:
    """A run that was begun, as whoever takes a share of it must know it. ``of``: shares."""

    run_id: str
    of: int
    pair: str
    holder: str
    token: int
    first_run: bool
    attended: bool
    actor: str
    trigger: str

    @property
    def lease(self) -> Lease:
        """The run's, which all of its processes hold together."""
        return Lease(self.pair, self.holder, self.token)

    @classmethod
    def of_run(cls, lease: Lease, run_id: str, of: int, asked: Asked, *, first_run: bool) -> Task:
        """The run that holds this lease."""
        who = lease.pair, lease.holder, lease.token
        return cls(run_id, of, *who, first_run, asked.attended, asked.actor, asked.trigger)

    def to_json(self) -> str:
        """For a process on another machine."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Task:
        """See :meth:`to_json`."""
        return cls(**json.loads(text))


class Crew(Protocol):
    """Where the processes of a run come from."""

    def board(self, task: Task) -> Board:
        """Where they leave word for each other."""

    def working(self, spec: SyncSpec, task: Task) -> AbstractContextManager[Callable[[], Mapping[int, str]]]:
        """Have every share worked on. Gives what tells which processes are known to be dead, and how they died; on
        leaving, none of those that were started here is left."""


@dataclass
class Ending:
    """How one share of a run ended. ``planned``: the counts of its plan.
    ``seen``: its observations. For one that ``died``, whoever saw it tells it."""

    message: str = ""
    status: RunStatus = RunStatus.FAILED
    fault: ErrorKind | None = None
    died: bool = False
    two_sided: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    planned: dict[str, int] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    seen: list[Observation] = field(default_factory=list)

    @classmethod
    def of(cls, report: RunReport, seen: list[Observation]) -> Ending:
        """The ending of the share that this report is of."""
        return cls(
            report.message, report.status, report.fault,
            two_sided=report.plan is not None and report.plan.two_sided, counts=dict(report.counts),
            planned=dict(report.plan.counts) if report.plan is not None else {},
            refusals=report.refusals, warnings=report.warnings, seen=seen,
        )  # fmt: skip

    def to_json(self) -> str:
        """As it stands on the board."""
        data = asdict(self)
        # Marks and the like are kept of whole looks that left nothing to do; a share's look is never one.
        data["seen"] = [{**row, "taken_at": row["taken_at"].isoformat(), "whole_at": None} for row in data["seen"]]
        return json.dumps(data)

    @classmethod
    def from_json(cls, text: str) -> Ending:
        """See :meth:`to_json`."""
        data: dict[str, Any] = json.loads(text)
        data["status"] = RunStatus(data["status"])
        data["fault"] = ErrorKind(data["fault"]) if data["fault"] else None
        data["refusals"] = [Refusal(**row) for row in data["refusals"]]
        data["seen"] = [
            Observation(**{**row, "taken_at": datetime.fromisoformat(row["taken_at"])}) for row in data["seen"]
        ]
        return cls(**data)


@dataclass(frozen=True)
class Endings:
    """Of all shares, in order. ``agreed``: whether all had planned, so that some may have written."""

    shares: list[Ending]
    agreed: bool

    @property
    def two_sided(self) -> bool:
        """Whether any share has decided what a second look confirms."""
        return any(ending.two_sided for ending in self.shares)


def see_through(spec: SyncSpec, task: Task, crew: Crew, store: Store, runtime: Runtime) -> Endings:
    """Have all shares worked on and wait until the last one has ended. Raises LeaseLost."""
    board, waited = crew.board(task), RENEW_SECONDS
    board.wipe()
    with crew.working(spec, task) as fallen:
        pulses = [Pulse(runtime) for _ in range(task.of)]
        while True:
            dead = dict(fallen())
            if waited >= RENEW_SECONDS:
                waited = 0.0
                store.renew(task.lease, runtime.lease_seconds, runtime.clock())
                board.pulse(LEADER, runtime.clock())
                dead |= _silent(board.read(PULSE), pulses, runtime)
            ended = board.said(ENDED)
            for number in dead.keys() - ended:
                board.say(ENDED, number, Ending(dead[number], died=True).to_json())
            if len(ended | dead.keys()) == task.of:
                break
            runtime.sleep(LOOK_SECONDS)
            waited += LOOK_SECONDS
    words = board.read(ENDED)
    agreed = len(board.said(TOTALS)) == task.of
    board.close()
    return Endings([Ending.from_json(words[number]) for number in range(task.of)], agreed)


def _silent(words: Mapping[int, str], pulses: list[Pulse], runtime: Runtime) -> dict[int, str]:
    found = {}
    for number, pulse in enumerate(pulses):
        begun = number in words
        seconds = pulse.silent(words.get(number))
        if seconds > (runtime.lease_seconds if begun else START_SECONDS):
            found[number] = f"was not heard of for {seconds:.0f} s" if begun else (
                f"has not begun within {seconds:.0f} s; all shards of a run work at once, so there must be room for as "
                "many processes or pods, and on several machines one state for all of them, in PostgreSQL"
            )  # fmt: skip
    return found


@contextmanager
def beating(board: Board, number: int, runtime: Runtime) -> Iterator[None]:
    """Let the others know that this process lives, however long a single step of it takes."""
    over = threading.Event()

    def beat() -> None:
        while True:
            board.pulse(number, runtime.clock())
            if over.wait(2 * RENEW_SECONDS):
                return

    thread = threading.Thread(target=beat, name=f"pulse of shard {number + 1}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def sum_up(report: RunReport, endings: Endings) -> Counter[str]:
    """Put what the shares came to into the run's report; returns the counts of their plans together. Shares that did
    not end well are named; while others have, the run is a partial one."""
    planned: Counter[str] = Counter()
    for ending in endings.shares:
        report.counts.update(ending.counts)
        planned.update(ending.planned)
        report.warnings += [text for text in ending.warnings if text not in report.warnings]
        report.refusals += [refusal for refusal in ending.refusals if refusal not in report.refusals]
    of = len(endings.shares)
    failed = [(n, end) for n, end in enumerate(endings.shares, 1) if end.status is RunStatus.FAILED]
    report.lost_shards = len(failed)
    if report.refusals:
        report.status = RunStatus.REFUSED
        report.message = "; ".join(refusal.message for refusal in report.refusals)
    elif failed:
        told = [(n, end) for n, end in failed if end.message]  # the others only waited for these
        said = "; ".join(f"shard {n} of {of} {'' if end.died else 'failed: '}{end.message}" for n, end in told)
        if len(failed) < of:
            report.status = RunStatus.PARTIAL
            report.message = f"{said}. What the others wrote stands; the next run takes up what is left"
        else:
            fault = told[0][1].fault if told else None
            report.fail(said if endings.agreed else f"{said}. Nothing was written", fault or ErrorKind.TRANSIENT)
    return planned


def seen_by_all(endings: Endings) -> list[Observation]:
    """What the run has seen: of several looks at a side the earliest counts, and it is whole only if all were."""
    found = []
    for side in SIDES:
        looks = [seen for ending in endings.shares for seen in ending.seen if seen.side == side]
        partial = [seen for seen in looks if not seen.complete]
        first = min(looks, key=lambda seen: seen.taken_at)
        found.append(replace(partial[0] if partial else first, taken_at=first.taken_at))
    return found
