"""Faults of the network and of the service, injected at the edge of a stand-in.

Owns which call is struck and by what; :mod:`.edge` carries it out on the wire. Draws come from a seeded generator, so
that a run with the same seed meets the same faults.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any


class FaultKind(StrEnum):
    """What goes wrong."""

    DROP_BEFORE = "drop_before"  # the connection closes, nothing was done
    DROP_AFTER = "drop_after"  # the request was carried out, then the connection closes without an answer
    COMMIT_THEN_500 = "commit_then_500"  # carried out, answered with a server error
    STATUS = "status"  # refused with `status`, nothing was done
    SLOW = "slow"  # carried out, answered after `seconds`
    TRUNCATE = "truncate"  # carried out; the connection closes in the middle of the body
    CUT_JSON = "cut_json"  # carried out; a whole HTTP answer whose JSON stops in the middle
    HTML = "html"  # a gateway's HTML page with `status`, nothing was done
    EXPIRE_TOKEN = "expire_token"  # noqa: S105  access tokens given out so far end just before this call


_DEFAULT_STATUS = {FaultKind.STATUS: 429, FaultKind.HTML: 502, FaultKind.COMMIT_THEN_500: 500}


@dataclass(frozen=True)
class Fault:
    """One fault and the calls it strikes.

    ``operation`` is a pattern over operation names (``*`` all). ``nth`` strikes from the n-th matching call on, counted
    since the fault was added; ``times`` is how often it strikes in all (None: for ever); ``probability`` is drawn per
    call. ``status``: 0 is the usual one of its kind. ``retry_after`` is sent as it is, seconds or an HTTP date.
    ``body`` replaces the vendor's usual error body. Raises ValueError for what cannot be meant.
    """

    kind: FaultKind
    operation: str = "*"
    nth: int = 1
    times: int | None = 1
    probability: float = 1.0
    status: int = 0
    retry_after: str | None = None
    seconds: float = 30.0
    body: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", FaultKind(self.kind))
        object.__setattr__(self, "status", self.status or _DEFAULT_STATUS.get(self.kind, 0))
        if self.nth < 1 or not 0 < self.probability <= 1 or self.seconds < 0:
            raise ValueError("nth starts at 1, probability lies above 0 and up to 1, seconds are not negative")
        if self.status and not 200 <= self.status <= 599:
            raise ValueError("status lies between 200 and 599")

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Fault:
        """From the control interface's JSON. Raises ValueError naming the known keys and kinds."""
        known = {item.name for item in fields(cls)}
        if unknown := sorted(data.keys() - known):
            raise ValueError(f"unknown {', '.join(unknown)}; known are {', '.join(sorted(known))}")
        if data.get("kind") not in set(FaultKind):
            raise ValueError(f"kind is one of {', '.join(FaultKind)}")
        try:
            return cls(**data)
        except TypeError as fault:
            raise ValueError(f"a value has the wrong type: {fault}") from None

    def to_data(self) -> dict[str, Any]:
        """JSON-safe form."""
        return asdict(self)


class Faults:
    """The faults of one stand-in, in the order they were added; at most one strikes a call, expired tokens apart."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)  # noqa: S311  draws faults, guards nothing
        self._lock = threading.Lock()
        self._waiting: list[_Waiting] = []

    def add(self, fault: Fault) -> None:
        """Let ``fault`` wait for its calls."""
        with self._lock:
            self._waiting.append(_Waiting(fault))

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._waiting.clear()

    @property
    def waiting(self) -> tuple[Fault, ...]:
        """Those that may still strike."""
        with self._lock:
            return tuple(each.fault for each in self._waiting if not each.spent)

    def strike(self, operation: str) -> tuple[Fault, ...]:
        """What strikes a call of ``operation`` now: expired tokens, then at most one other."""
        struck: list[Fault] = []
        with self._lock:
            for each in self._waiting:
                expires = each.fault.kind is FaultKind.EXPIRE_TOKEN
                taken = any(fault.kind is not FaultKind.EXPIRE_TOKEN for fault in struck)
                if each.matches(operation) and (expires or not taken) and each.draws(self._random):
                    struck.append(each.fault)
        return tuple(struck)


class _Waiting:
    """A fault and how often it was met and struck."""

    def __init__(self, fault: Fault) -> None:
        self.fault, self.met, self.struck = fault, 0, 0

    @property
    def spent(self) -> bool:
        return self.fault.times is not None and self.struck >= self.fault.times

    def matches(self, operation: str) -> bool:
        if self.spent or not fnmatchcase(operation, self.fault.operation):
            return False
        self.met += 1
        return self.met >= self.fault.nth

    def draws(self, generator: random.Random) -> bool:
        hit = self.fault.probability >= 1 or generator.random() < self.fault.probability
        self.struck += hit
        return hit
