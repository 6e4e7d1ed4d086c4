"""Many deliveries, one commit: events that arrive while a transaction is being written go together into the next.

Owns the queue between the receiving loop and the one thread that writes. A waiter is answered after the commit that
holds its events, never before; a full queue is said at once.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue

from integrations_platform.state.errors import StateError
from integrations_platform.state.inbox import Event

CAPACITY = 10_000  # events that wait; beyond it senders are asked to come back
BATCH = 2_000  # events of one transaction

_Waiting = tuple[Sequence[Event], "asyncio.Future[None]"]


class Full(Exception):  # noqa: N818
    """More waits than is written for the moment."""


class Intake:
    """``store`` keeps events durably or raises StateError. Used from one event loop."""

    def __init__(self, store: Callable[[Sequence[Event]], None], *, capacity: int = CAPACITY) -> None:
        self._store, self._capacity = store, capacity
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._waiting = 0
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """Events that came and are not kept yet."""
        return self._waiting

    def start(self) -> None:
        """Begin to write. To be called in the loop that will put events."""
        loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._write, args=(loop,), name="webhooks", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Write what waits, then end."""
        if self._thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None

    async def put(self, events: Sequence[Event]) -> None:
        """Returns once ``events`` are kept. Raises :class:`Full`, and StateError when they could not be."""
        if not events:
            return
        if self._waiting + len(events) > self._capacity:
            raise Full
        self._waiting += len(events)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.put((events, done))
        try:
            await asyncio.shield(done)  # the sender may go away; what it sent is kept, and counted until it is
        except asyncio.CancelledError:
            done.add_done_callback(lambda future: future.exception())
            raise

    def _write(self, loop: asyncio.AbstractEventLoop) -> None:
        while (first := self._queue.get()) is not None:
            batch, last = self._together(first)
            fault: StateError | None = None
            try:
                self._store([event for events, _ in batch for event in events])
            except StateError as refusal:
                fault = refusal
            except ValueError as refusal:  # a text that a driver cannot put into bytes; this thread must outlive it
                fault = StateError(f"the driver of the state database refuses a text: {type(refusal).__name__}")
            loop.call_soon_threadsafe(self._answer, batch, fault)
            if last:
                return

    def _together(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        """What waits now, and whether the end was asked for behind it."""
        batch, size = [first], len(first[0])
        while size < BATCH:
            try:
                following = self._queue.get_nowait()
            except Empty:
                break
            if following is None:
                return batch, True
            batch.append(following)
            size += len(following[0])
        return batch, False

    def _answer(self, batch: Sequence[_Waiting], fault: StateError | None) -> None:
        for events, done in batch:
            self._waiting -= len(events)
            if done.done():
                continue
            if fault is None:
                done.set_result(None)
            else:
                done.set_exception(fault)
