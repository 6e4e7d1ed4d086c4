"""Which part of a run is whose, and how the processes of one run tell each other what all of them must know.

A run is planned and written by one process or by several, each for the records it owns by a hash of their ids. What
concerns more than one record (who is who among new ones, the guards, that removals come first) is decided by every
process alike, from what all have told. Who begins and ends such a run is in :mod:`.sharding`.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform.unified_sync.store import Observation

ENDED = "ended"
"""Topic of a share's last word: how its part of the run ended."""

PULSE = "pulse"
"""Topic of the words that only say that a process lives."""

TOTALS = "totals"
"""Topic of what the guards look at: who has said it has planned, and nothing is written before all have."""

LEADER = -1
"""The number under which the process speaks that began the run."""

RENEW_SECONDS = 5.0  # between two looks at the lease while waiting for others
_PAUSES = (0.02, 0.5)  # seconds between two looks at the board, the first and the longest

_COUNTED = re.compile(r"(#\d+)+$")  # see identity.link_name


class ShardLost(Exception):  # noqa: N818
    """Another process of this run has ended before it told what all must know."""


class Board(Protocol):
    """Where the processes of one run leave word for each other, by topic and number. A word stands once it is said."""

    def say(self, topic: str, number: int, word: str) -> None:
        """Leave a word; the first one of a number stands."""

    def pulse(self, number: int, at: datetime) -> None:
        """Say that this process lives; replaces what it said before."""

    def said(self, topic: str) -> frozenset[int]:
        """Who has said something about it."""

    def read(self, topic: str) -> Mapping[int, str]:
        """What was said about it, by number."""

    def wipe(self) -> None:
        """Forget what was said in earlier runs of the sync, which left their words when they died."""

    def close(self) -> None:
        """Forget what was said in this run."""


class Share(Protocol):
    """The part of a run that this process decides and writes. Everything else it only sees."""

    @property
    def number(self) -> int:
        """From 0; the first one says what concerns no record in particular."""

    @property
    def whole(self) -> bool:
        """Whether nobody else takes part."""

    def owns(self, name: str) -> bool:
        """Whether this link, or this record as `side:id`, is decided here."""

    def gather(self, topic: str, said: Any) -> list[Any]:
        """What every share says about it, this one ``said``; JSON data. Raises ShardLost, LeaseLost."""

    def wait(self, topic: str) -> None:
        """Go on once every other share has come this far or has ended. Raises LeaseLost."""


class Whole:
    """The one share of a run that is not split."""

    number = 0
    whole = True

    def owns(self, name: str) -> bool:  # noqa: ARG002
        """All of it is."""
        return True

    def gather(self, topic: str, said: Any) -> list[Any]:  # noqa: ARG002
        """Only what is said here."""
        return [said]

    def wait(self, topic: str) -> None:
        """There is nobody to wait for."""


WHOLE = Whole()


@dataclass
class Part:
    """Share ``number`` of ``of``. ``renew`` keeps the run's lease; ``seen``: what this process has seen of the sides,
    stored by the one that ends the run."""

    number: int
    of: int
    board: Board
    runtime: Runtime
    renew: Callable[[], None]
    seen: list[Observation] = field(default_factory=list)
    whole = False

    def owns(self, name: str) -> bool:
        """By the hash of the id the name was made of, so that a record and the link that began with it go together,
        and so do names that are told apart by a number only."""
        stem = _COUNTED.sub("", name.partition(":")[2])
        return zlib.crc32(stem.encode()) % self.of == self.number

    def gather(self, topic: str, said: Any) -> list[Any]:
        """See :class:`Share`."""
        self._meet(topic, json.dumps(said, separators=(",", ":")), all_must=True)
        words = self.board.read(topic)
        return [json.loads(words[number]) for number in sorted(words)]

    def wait(self, topic: str) -> None:
        """See :class:`Share`."""
        self._meet(topic, "", all_must=False)

    def _meet(self, topic: str, word: str, *, all_must: bool) -> None:
        self.board.say(topic, self.number, word)
        pulse, pause, waited = Pulse(self.runtime), _PAUSES[0], 0.0
        while True:
            ended = self.board.said(ENDED)  # looked at first: who ends has said before what it had to say
            missing = set(range(self.of)) - self.board.said(topic)
            if not missing or (missing <= ended and not all_must):
                return
            if missing & ended:
                raise ShardLost(f"shard {min(missing & ended) + 1} of {self.of} ended before all had planned")
            if waited >= RENEW_SECONDS:
                waited = 0.0
                self.renew()
                if pulse.silent(self.board.read(PULSE).get(LEADER)) > self.runtime.lease_seconds:
                    raise ShardLost("the process that began this run is gone")
            self.runtime.sleep(pause)
            pause, waited = min(2 * pause, _PAUSES[1]), waited + pause


class Pulse:
    """How long nothing new was heard of somebody, by this process's own clock."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime, self._since = runtime, runtime.clock()
        self._last: str | None = None

    def silent(self, word: str | None) -> float:
        """Seconds since ``word`` was another one."""
        now = self._runtime.clock()
        if word != self._last:
            self._last, self._since = word, now
        return (now - self._since).total_seconds()
