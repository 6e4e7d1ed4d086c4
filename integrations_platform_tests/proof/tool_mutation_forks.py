"""Forks that each answer one question: a few at a time, each bounded in memory and in time, and silent.

The time that counts is the processor's, so that a busy machine takes no mutant for one that does not end; a fork that
waits for ever is ended by the clock on the wall.
"""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import connection, get_context
from typing import Any, Generic, TypeVar

MEMORY = 4 << 30  # bytes a fork may use
WALL = 900.0  # seconds, for one that waits

Answer = dict[str, Any]
Key = TypeVar("Key")


class EndlessError(BaseException):
    """More processor time was used than anything that ends would take."""


@contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """Raise EndlessError inside once so much processor time is used."""

    def stop(_number: int, _frame: Any) -> None:
        raise EndlessError(f"does not end within {seconds:.0f} s")

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds, 1.0)  # again each second: a broken engine may swallow the first
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)


def _silently(pipe: connection.Connection, work: Callable[[], Answer]) -> None:
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    try:
        answer = work()
    except BaseException as fault:  # a broken engine may raise anything at all, at import too
        answer = {"killed_by": f"dies: {type(fault).__name__}: {str(fault)[:100]}"}
    pipe.send(answer | {"seconds": round(time.process_time(), 2)})
    pipe.close()
    os._exit(0)


class Forks(Generic[Key]):
    """Forks at work. ``Key``: what their answers are about."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._context = get_context("fork")
        self._working: dict[connection.Connection, tuple[Key, Any, float]] = {}

    def start(self, key: Key, work: Callable[[], Answer]) -> None:
        """Begin in a fork; there must be room."""
        ours, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_silently, args=(theirs, work), daemon=True)
        process.start()
        theirs.close()
        self._working[ours] = (key, process, time.monotonic() + WALL)

    @property
    def full(self) -> bool:
        """Whether one must end before another may begin."""
        return len(self._working) >= self.most

    def __bool__(self) -> bool:
        return bool(self._working)

    def ended(self) -> Iterator[tuple[Key, Answer]]:
        """Wait until at least one has ended or run out of time, and give their answers."""
        soonest = min(until for _, _, until in self._working.values())
        ready = connection.wait(list(self._working), timeout=max(0.0, soonest - time.monotonic()))
        now = time.monotonic()
        for pipe in [pipe for pipe, (_, _, until) in self._working.items() if pipe in ready or now >= until]:
            key, process, _ = self._working.pop(pipe)
            answer: Answer
            if pipe in ready:
                try:
                    answer = pipe.recv()
                except EOFError:  # ended by the system: out of memory, or a fault in compiled code
                    answer = {"killed_by": "dies", "seconds": 0.0}
            else:
                process.kill()
                answer = {"killed_by": f"waits for more than {WALL:.0f} s", "seconds": 0.0}
            process.join()
            pipe.close()
            yield key, answer
