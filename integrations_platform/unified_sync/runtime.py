"""Everything that is not a function of its inputs, injected: time, sleep, ids, randomness and progress."""

from __future__ import annotations

import os
import random
import socket
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime


def _now() -> datetime:
    return datetime.now(UTC)


def _run_id() -> str:
    return uuid.uuid4().hex[:16]


def _silent(_stage: str, _done: int, _total: int) -> None:
    return None


@dataclass(frozen=True)
class Runtime:
    """``clock``: aware UTC now. ``sleep``: seconds. ``new_id``: a run id. ``random``: jitter. ``progress``: called with
    (stage, done, total) as work goes on, last when all of it is done. ``holder``: this process, for the lease.
    ``lease_seconds``: how long a silent holder keeps a sync to itself. ``settle_seconds``: how long a record just made
    may take to show on its side."""

    clock: Callable[[], datetime] = _now
    sleep: Callable[[float], None] = time.sleep
    new_id: Callable[[], str] = _run_id
    random: random.Random = field(default_factory=random.Random)
    progress: Callable[[str, int, int], None] = _silent
    holder: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")
    lease_seconds: float = 120.0
    settle_seconds: float = 20.0
