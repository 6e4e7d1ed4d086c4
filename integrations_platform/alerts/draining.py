"""Messages of the outbox sent, each once: claim, send, settle or put off.

At least once, that is: a process that dies between the other side's yes and its own note of it leaves the bundle to the
next, which sends it again under the same Message-ID. Nothing here is ever in the way of a run; a sensor, a command or a
callback after the end of a task calls it, for a bounded time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from integrations_platform.alerts.alert import Alert
from integrations_platform.alerts.delivery import Answer, Fate, Sender
from integrations_platform.state.outbox import Bundle, MessageState, SqlOutbox
from integrations_platform.waiting import Timing

CLAIM_SECONDS = 120.0  # several times what sending takes; a dead process holds its target up for as long
PACE_SECONDS = 1.0  # between messages to one target: what Slack takes from a webhook
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 30.0, 3600.0
GIVE_UP_AFTER = timedelta(days=7)
FORGET_AFTER = timedelta(days=30)
_log = logging.getLogger("integrations_platform.alerts")


@dataclass
class Drained:
    """What came of a round, in messages. ``notes``: what went wrong, a line each."""

    sent: int = 0
    put_off: int = 0
    given_up: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Drain:
    """A drain of ``outbox`` through ``senders`` (by target). ``holder`` names this process; ``seconds``: how long a
    round may begin new messages."""

    outbox: SqlOutbox
    senders: Mapping[str, Sender]
    holder: str
    clock: Callable[[], datetime]
    timing: Timing = field(default_factory=Timing)
    seconds: float = 20.0

    def round(self) -> Drained:
        """Send what is due. Raises StateError; nothing else."""
        done, began = Drained(), self.timing.clock()
        last: dict[str, float] = {}
        now = self.clock()
        days = f"given up after {GIVE_UP_AFTER.days} days"
        if lost := self.outbox.tidy(now - GIVE_UP_AFTER, now - FORGET_AFTER, days):
            done.given_up += lost
            self._say(done, f"{lost} alerts were {days}")
        while self.timing.clock() - began < self.seconds:
            bundle = self.outbox.claim(list(self.senders), self.holder, CLAIM_SECONDS)
            if bundle is None:
                break
            if bundle.target in last:
                self.timing.sleep(max(0.0, last[bundle.target] + PACE_SECONDS - self.timing.clock()))
            self._send(bundle, done)
            last[bundle.target] = self.timing.clock()
        return done

    def _send(self, bundle: Bundle, done: Drained) -> None:
        alerts = [Alert.from_json(message.body) for message in bundle.messages]
        answer = self.senders[bundle.target].send(alerts, bundle.bundle_id, recipients=bundle.recipients)
        size = len(alerts)
        if answer.fate is Fate.ARRIVED:
            kept = self.outbox.settle(bundle, MessageState.SENT, answer.note)
            done.sent += size
        elif answer.fate is Fate.NEVER:
            kept = self.outbox.settle(bundle, MessageState.FAILED, answer.note)
            done.given_up += size
        else:
            wait = self._wait(answer, bundle.attempts)
            kept = self.outbox.postpone(bundle, self.clock() + timedelta(seconds=wait), answer.note, answer.remaining)
            done.put_off += size
        if answer.fate is not Fate.ARRIVED or "refused" in answer.note:
            self._say(done, f"{bundle.target}: {size} of our alerts, try {bundle.attempts}: {answer.note}")
        if not kept:
            self._say(done, f"{bundle.target}: {size} of our alerts may have been sent twice: the claim had ended")

    def _wait(self, answer: Answer, attempts: int) -> float:
        """Seconds until the next try: as asked for, or doubling; an hour where a setting has to change."""
        if answer.fate is Fate.LATER:
            return max(LONGEST_WAIT_SECONDS, answer.wait or 0.0)
        usual = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(attempts - 1, 20))
        return max(usual * (0.8 + 0.4 * self.timing.draw()) if answer.wait is None else answer.wait, 1.0)

    @staticmethod
    def _say(done: Drained, note: str) -> None:
        done.notes.append(note)
        _log.warning("%s", note)
