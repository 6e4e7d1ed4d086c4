"""From events to runs, one round at a time: what waits is claimed, what has run is noted, what may run is asked for.

Everything is in the inbox before anybody is told, and asked for again until a run is seen; who starts runs recognises a
wake-up that it has started. So a round may die anywhere, and be made twice. It starts nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from integrations_platform.state.inbox import SqlInbox, WakeState, WakeUp
from integrations_platform.webhooks.targets import LOOK, Target


class Phase(Enum):
    """How far a run is. ``AHEAD``: it has not begun, so that it will see what an event tells of."""

    AHEAD = "ahead"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Runs(Protocol):
    """The runs that wake-ups have led to."""

    def find(self, wake_ids: Sequence[str]) -> Mapping[str, tuple[str, Phase]]:
        """(run id, phase) by wake-up; of several attempts the newest. Those without a run are left out."""
        ...


@dataclass(frozen=True)
class Round:
    """What came of one round. ``requests``: wake-ups a run of a job is wanted for; ``claimed``: events; ``notes``: what
    people should know."""

    requests: Sequence[tuple[WakeUp, str]]
    claimed: int
    notes: Sequence[str]


@dataclass
class Waking:
    """``targets``: whom events of (source, subject) wake; ``jobs``: names of those that exist; ``busy``: what keeps a
    target from being run now, None when nothing does."""

    inbox: SqlInbox
    targets: Callable[[str, str], Sequence[Target]]
    jobs: frozenset[str]
    busy: Callable[[Target], str | None]
    runs: Runs
    new_id: Callable[[], str]
    _requests: list[tuple[WakeUp, str]] = field(default_factory=list, init=False)
    _notes: list[str] = field(default_factory=list, init=False)

    def round(self) -> Round:
        """One round. Raises StateError."""
        self._requests, self._notes = [], []
        claimed = self.inbox.claim(lambda *event: [str(each) for each in self.targets(*event)], self.new_id)
        unended = self.inbox.wake_ups()
        asked = [each for each in unended if each.state is not WakeState.WAITING]
        # After the claim: a run that has not begun now begins after every event that was claimed.
        found = self.runs.find([each.wake_id for each in asked])
        under_way = {each.target: phase for each in asked if (phase := self._noted(each, found.get(each.wake_id)))}
        for wake_up in unended:
            if wake_up.state is WakeState.WAITING:
                self._next(wake_up, under_way.get(wake_up.target))
        return Round(self._requests, claimed, self._notes)

    def _noted(self, wake_up: WakeUp, run: tuple[str, Phase] | None) -> tuple[str | None, Phase] | None:
        """Note how far the run of a requested wake-up is; (run, phase) while it is not at its end."""
        target = Target.of(wake_up.target)
        if run is None:
            if wake_up.state is WakeState.STARTED:
                self._ended(wake_up, WakeState.FAILED, "its run was deleted")
                return None
            self._request(wake_up, target)
            return None, Phase.AHEAD
        run_id, phase = run
        if phase is Phase.SUCCEEDED:
            self.inbox.move(wake_up, WakeState.DONE, run_id=run_id)
            return None
        if phase is Phase.FAILED:
            self._ended(wake_up, WakeState.FAILED, "its run failed", run_id)
            return None
        state = WakeState.STARTED if phase is Phase.RUNNING else WakeState.REQUESTED
        if (wake_up.state, wake_up.run_id) != (state, run_id):
            self.inbox.move(wake_up, state, run_id=run_id)
        return run_id, phase

    def _next(self, wake_up: WakeUp, before: tuple[str | None, Phase] | None) -> None:
        """Ask for a run of a waiting wake-up, unless one is under way, or will see the same anyway."""
        target = Target.of(wake_up.target)
        if target.kind == LOOK:
            return  # not for a run: whoever looks takes it
        if before is not None and before[1] is Phase.AHEAD:
            self.inbox.move(wake_up, WakeState.JOINED, run_id=before[0], note="a run had been asked for and not begun")
        elif before is not None or (reason := self.busy(target)) is not None:
            self._note(wake_up, "waits for the run under way" if before is not None else f"waits: {reason}")
        elif target.job not in self.jobs:
            self._note(wake_up, "it is not declared, so that nothing can be run; kept until it is")
            self._missing(wake_up, target)
        elif self.inbox.move(wake_up, WakeState.REQUESTED):
            self._request(wake_up, target)

    def _request(self, wake_up: WakeUp, target: Target) -> None:
        if target.job is None or target.job not in self.jobs:
            self._missing(wake_up, target)
        else:
            self._requests.append((wake_up, target.job))

    def _missing(self, wake_up: WakeUp, target: Target) -> None:
        self._notes.append(f"{target.shown} is not declared; {wake_up.events} events for it are kept")

    def _ended(self, wake_up: WakeUp, state: WakeState, note: str, run_id: str | None = None) -> None:
        self.inbox.move(wake_up, state, run_id=run_id, note=note)
        self._notes.append(
            f"{Target.of(wake_up.target).shown}: {note}; the next run sees what {wake_up.events} events told of, or "
            f"`integrations webhooks replay {wake_up.wake_id}` asks for one"
        )

    def _note(self, wake_up: WakeUp, note: str) -> None:
        if wake_up.note != note:
            self.inbox.move(wake_up, WakeState.WAITING, note=note)
