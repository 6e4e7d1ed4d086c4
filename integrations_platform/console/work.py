"""What people had begun from a page and what goes on after it: making a plan, applying one, bringing values back.

Each goes on in a thread of its own and is watched on a page of its own. A sync has one at a time here; other processes
are kept out by its lease. What a server that ends leaves unfinished, the next run picks up like any run that died.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from integrations_platform.state.errors import StateError
from integrations_platform.unified_sync.engine import Engine, Request
from integrations_platform.unified_sync.faults import SetupRefused
from integrations_platform.unified_sync.port import SideError
from integrations_platform.unified_sync.store import LeaseHeld, LeaseLost
from integrations_platform.yaml_source import ConfigurationError

if TYPE_CHECKING:
    from integrations_platform.platform import Platform
    from integrations_platform.unified_sync.report import RunReport
    from integrations_platform.unified_sync.spec import SyncSpec

KEPT = 200  # finished ones that are remembered, so that a form that is sent again begins nothing again
ENDING_SECONDS = 25.0  # for which a server that ends waits for what goes on
_UNEXPECTED = "It ended unexpectedly. What went wrong is in the log of this server; the next run picks up."


class Busy(Exception):  # noqa: N818
    """Something of the same sync goes on already; ``work`` is that."""

    def __init__(self, work: Work) -> None:
        super().__init__(f"{work.by} has begun something of this sync already")
        self.work = work


@dataclass
class Work:
    """One of them. ``key`` comes from the form that began it. ``record``: the link it is about, if it is about one.
    ``problem``: why it came to nothing, if it did."""

    key: str
    sync: str
    title: str
    by: str
    began: datetime
    record: str = ""
    stage: str = ""
    done: int = 0
    total: int = 0
    ended: datetime | None = None
    problem: str = ""
    plan_id: str = ""
    report: RunReport | None = None

    def progress(self, stage: str, done: int, total: int) -> None:
        """What the engine says while it goes on."""
        self.stage, self.done, self.total = stage, done, total


@dataclass
class Works:
    """All that goes on in this process, and what has ended lately."""

    platform: Platform
    _known: OrderedDict[str, Work] = field(default_factory=OrderedDict)
    _threads: dict[str, threading.Thread] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, sync: str, key: str) -> Work | None:
        """What that form began; None: nothing, or it is long over."""
        work = self._known.get(key)
        return work if work is not None and work.sync == sync else None

    def plan(self, key: str, spec: SyncSpec, by: str) -> Work:
        """Make a plan and keep it. Raises :class:`Busy`."""

        def do(work: Work, engine: Engine) -> None:
            with self.platform.sides(spec) as sides:
                made = engine.plan(spec, sides)
            work.plan_id = engine.save_plan(spec, made).plan_id

        return self._begin(key, spec, "Making a plan", by, do)

    def run(self, key: str, spec: SyncSpec, title: str, request: Request, record: str = "") -> Work:
        """Run as asked, in the name of ``request.actor``, because of ``record`` if one is given. Raises
        :class:`Busy`."""

        def do(work: Work, engine: Engine) -> None:
            with self.platform.sides(spec) as sides:
                work.report = engine.run(spec, sides, request)
            work.report.plan = None  # it holds every record it is about, and would as long as this is remembered
            work.problem = work.report.message if work.report.status == "failed" else ""

        return self._begin(key, spec, title, request.actor, do, record)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While requests are served; what goes on at the end is given some time."""
        try:
            yield
        finally:
            until = time.monotonic() + ENDING_SECONDS
            for thread in list(self._threads.values()):
                thread.join(max(0.0, until - time.monotonic()))

    def _begin(
        self, key: str, spec: SyncSpec, title: str, by: str, do: Callable[[Work, Engine], None], record: str = ""
    ) -> Work:
        with self._lock:
            known = self.find(spec.name, key)
            if known is not None:  # the same form, sent twice
                return known
            other = next((one for one in self._known.values() if one.sync == spec.name and one.ended is None), None)
            if other is not None:
                raise Busy(other)
            work = self._known[key] = Work(key, spec.name, title, by, self.platform.runtime.clock(), record)
            for old in [name for name, one in self._known.items() if one.ended is not None][:-KEPT]:
                del self._known[old]
            # Python waits for threads that are no daemons; this one may be left, as a run may be killed at any time.
            thread = threading.Thread(target=self._go, args=(work, spec, do), name=f"console {key}", daemon=True)
            self._threads[key] = thread
            thread.start()
        return work

    def _go(self, work: Work, spec: SyncSpec, do: Callable[[Work, Engine], None]) -> None:
        engine = self.platform.engine(spec)
        engine.runtime = replace(engine.runtime, progress=work.progress)
        work.problem = _UNEXPECTED
        try:
            do(work, engine)
            if work.report is None:
                work.problem = ""
        except SetupRefused as fault:
            work.problem = "\n".join(f"{item.message}; {item.remedy}".rstrip("; ") for item in fault.problems)
        except SideError as fault:
            work.problem = fault.message
        except (ConfigurationError, LeaseHeld, LeaseLost, StateError) as fault:
            work.problem = str(fault)
        finally:
            work.ended = self.platform.runtime.clock()
            self._threads.pop(work.key, None)
