"""A process that runs a sync and kills itself with SIGKILL at a numbered boundary, or runs it over and over.

Boundaries lie before and after every write and tag call to a side, and before and after every commit of the state. The
process reports in JSON lines; the package under test knows nothing of it. A victim of one run is forked (``die_at``);

    python -m integrations_platform_tests.end_to_end.victim ENVIRONMENT SYNC STOP_FILE

runs until the file is there. It begins when a line comes on stdin, so that rivals can be let loose at one moment.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from integrations_platform.platform import Platform
from integrations_platform.settings import load_settings
from integrations_platform.unified_sync.port import Side
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform.unified_sync.spec import SideName, SyncSpec
from integrations_platform.unified_sync.store import Lease, LeaseHeld, Store, Transaction

BRIEF_LEASE = 0.001  # seconds: whoever comes after a dead holder need not wait for its lease


def die() -> None:
    """As kill -9 from outside."""
    os.kill(os.getpid(), signal.SIGKILL)


class Boundary:
    """Counts what is passed, and at number ``fatal`` (0: never) dies, or does whatever else is to happen there."""

    def __init__(self, fatal: int, strike: Callable[[], None] = die) -> None:
        self.fatal, self.passed, self._strike = fatal, 0, strike

    def __call__(self) -> None:
        self.passed += 1
        if self.passed == self.fatal:
            self._strike()

    def around(self, action: Callable[..., Any]) -> Callable[..., Any]:
        """``action`` with a boundary before and after it."""

        def bounded(*args: Any) -> Any:
            self()
            result = action(*args)
            self()
            return result

        return bounded


@dataclass
class BoundedSide:
    """A side whose writes are boundaries."""

    inner: Side
    boundary: Boundary

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        return self.boundary.around(found) if name in ("write", "tag") else found


@dataclass
class BoundedStore:
    """A state whose commits are boundaries."""

    inner: Store
    boundary: Boundary

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        return self.boundary.around(found) if name in ("acquire", "release", "next_sequence") else found

    @contextmanager
    def transaction(self, lease: Lease) -> Iterator[Transaction]:
        """The inner one, with a boundary before its commit and one after."""
        with self.inner.transaction(lease) as changes:
            yield changes
            self.boundary()
        self.boundary()


class VictimPlatform(Platform):
    """The platform with boundaries around everything that lasts."""

    boundary: Boundary

    @cached_property
    def store(self) -> Store:
        """The state, bounded."""
        opened = Platform.store.func(self)  # type: ignore[attr-defined]
        return BoundedStore(opened, self.boundary)  # type: ignore[return-value]

    @contextmanager
    def sides(self, spec: SyncSpec) -> Iterator[Mapping[SideName, Side]]:
        """Both sides, bounded."""
        with super().sides(spec) as opened:
            yield {name: BoundedSide(side, self.boundary) for name, side in opened.items()}  # type: ignore[misc]


def run(environment: Path, sync: Path, lease_seconds: float, fatal: int, stop: Path | None) -> None:
    """Run once, or over and over until ``stop`` is there, with numbered boundaries of which ``fatal`` kills."""
    platform = VictimPlatform(load_settings(env_file=environment), Runtime(lease_seconds=lease_seconds), sync.parent)
    platform.boundary = Boundary(fatal)
    spec = platform.sync(sync)
    while True:
        try:
            report = platform.run(spec)
            tell(status=report.status.value, written=report.written, message=report.message)
        except LeaseHeld as held:
            tell(status="held", written=0, message=str(held))
        if stop is None or stop.exists():
            break
    tell(boundaries=platform.boundary.passed)


def die_at(environment: Path, sync: Path, boundary: int, heard: Path) -> None:
    """Run once and die at a boundary; what is said goes to a file. For a process forked for this."""
    with heard.open("wb") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    run(environment, sync, BRIEF_LEASE, boundary, None)


def tell(**said: Any) -> None:
    """One line of JSON for the parent."""
    print(json.dumps(said), flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.stdin.readline()
    run(Path(sys.argv[1]), Path(sys.argv[2]), Runtime.lease_seconds, 0, Path(sys.argv[3]))
