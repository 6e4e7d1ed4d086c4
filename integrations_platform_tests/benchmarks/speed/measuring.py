"""What a command costs: CPU of its processes and of the servers it uses, time on the clock, memory.

CPU of the client is what the kernel counted for the children of this process, so nothing else may be waited for
meanwhile. CPU of a server is that of its first process, of the children that process has reaped and of those that live.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SETTLING = 0.4  # seconds after which a server has reaped the processes of a client that ended
EVERY = 0.04  # seconds between two looks at the memory of a client's processes
_TICKS = os.sysconf("SC_CLK_TCK")
_MIB = os.sysconf("SC_PAGESIZE") / 2**20
_LINES = 15


class Failed(Exception):  # noqa: N818  named as the sentence reads
    """A command ended with an error; the message holds the end of what it said."""


@dataclass(frozen=True)
class Cost:
    """Of one command: CPU seconds of the client's processes and of the servers, seconds on the clock, the most memory
    its processes had together, the load of the machine when it ended. ``cut_off``: it was killed at the limit, so that
    everything is a lower bound. ``said`` is its standard output."""

    client: float
    server: float
    wall: float
    peak_mib: float
    load: float
    cut_off: bool = False
    said: str = ""

    @property
    def cpu(self) -> float:
        """CPU seconds in all."""
        return self.client + self.server


def measure(
    command: Sequence[str | Path],
    servers: Sequence[int] = (),
    *,
    limit: float = 3600.0,
    folder: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> Cost:
    """Run a command, with every process it starts, and count what it and the servers (by process id) used.

    Raises Failed when it ends with an error; one that is still running after ``limit`` seconds is killed.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
        served, used, began = sum(map(server_seconds, servers)), _children_seconds(), time.perf_counter()
        process = subprocess.Popen(
            command, stdout=said, stderr=complained, stdin=subprocess.DEVNULL, cwd=folder,
            env=environment | dict(variables or {}), start_new_session=True,
        )  # fmt: skip
        watch = _MemoryWatch(process.pid)
        cut_off = False
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            cut_off = True
        finally:
            watch.end()
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        wall, client = time.perf_counter() - began, _children_seconds() - used
        time.sleep(SETTLING if servers else 0)  # the real time is what is measured
        server = sum(map(server_seconds, servers)) - served
        texts = []
        for file in (said, complained):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
        if process.returncode and not cut_off:
            end = "\n".join("\n".join(texts).strip().splitlines()[-_LINES:])
            raise Failed(f"{command[0]} ended with code {process.returncode}:\n{end}")
        return Cost(client, server, wall, watch.peak_mib, load(), cut_off, texts[0])


def load() -> float:
    """How many processes wanted a core in the last minute, on the average."""
    return os.getloadavg()[0]


def server_seconds(pid: int) -> float:
    """CPU seconds of a server so far: its first process, the children it has reaped, and those alive."""
    alive = sum(_own_seconds(child)[0] for child in _children(pid))
    own, reaped = _own_seconds(pid)
    return own + reaped + alive


def _own_seconds(pid: int) -> tuple[float, float]:
    """(of the process, of the children it has reaped); nothing for a process that has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0.0, 0.0
    user, system, user_reaped, system_reaped = (int(each) / _TICKS for each in fields[11:15])
    return user + system, user_reaped + system_reaped


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _children(pid: int) -> Iterator[int]:
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            yield from map(int, listed.read_text(encoding="ascii").split())


class _MemoryWatch:
    """Looks at the memory of a process and all below it, every ``EVERY`` seconds, in a thread."""

    def __init__(self, pid: int) -> None:
        self.peak_mib = 0.0
        self._pid, self._ended = pid, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Look no more."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.peak_mib = max(self.peak_mib, sum(_resident(pid) for pid in _tree(self._pid)))
            if self._ended.wait(EVERY):
                return


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for child in _children(pid):
        yield from _tree(child)


def _resident(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _MIB
    except OSError:
        return 0.0
