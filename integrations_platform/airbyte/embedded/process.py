"""A connector as a process: its lines one by one, the end of what it complained about, and its end, however it comes.

It runs in a process group of its own with few variables of ours, so that an interrupted read ends it and what it has
started, and so that nothing secret of this process reaches a program of somebody else.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from integrations_platform.process_group import end_group
from integrations_platform.settings import variable

PASSED_ON = (
    "PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "HTTP_PROXY",
    "HTTPS_PROXY", "NO_PROXY",
)  # fmt: skip
"""Variables a connector gets of this process."""


def passed_on(*further: str) -> dict[str, str]:
    """Those variables, and ``further`` ones, as they are now."""
    return {name: value for name in (*PASSED_ON, *further) if (value := variable(name)) is not None}


LONGEST_LINE = 256_000_000  # bytes; a record is held in memory
NOTE_SECONDS = 5.0  # between two words of progress, which may be lines of a log
_TAIL = 50  # lines of what was written to stderr
_TAIL_LINE = 100_000  # bytes of one; whoever shows them cuts after taking out what is secret
_LOOK_SECONDS = 0.5
_LINGER_SECONDS = 5.0  # how long what a finished connector has started may keep its output open
_END_SECONDS = 5.0  # how long a connector that was asked to end may take


class StuckError(Exception):
    """A connector says nothing, does not end, or writes a line without an end; ``str()`` says which."""


class UnstartableError(Exception):
    """A connector cannot be started; ``str()`` says why."""


@dataclass
class Connector:
    """One call of a connector. ``timeout`` seconds for the whole (None: as long as it takes), ``silence`` seconds
    without a line. ``clock`` is monotonic; ``beat`` is called twice a second."""

    command: Sequence[str]
    environment: Mapping[str, str]
    timeout: float | None = None
    silence: float = 3600.0
    clock: Callable[[], float] = time.monotonic
    beat: Callable[[], None] = lambda: None
    code: int | None = None
    _tail: deque[bytes] = field(default_factory=lambda: deque(maxlen=_TAIL))

    @property
    def complaints(self) -> str:
        """The last lines of its stderr."""
        return "\n".join(line[:_TAIL_LINE].decode("utf-8", "replace") for line in self._tail)

    def lines(self) -> Generator[bytes, None, None]:
        """Run it and give its lines as they come; afterwards ``code`` is its exit code, negative for a signal.

        Raises StuckError, UnstartableError. It is ended when the caller stops asking.
        """
        try:
            process = subprocess.Popen(  # noqa: S603  no shell; what to run is declared or installed here
                list(self.command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env=dict(self.environment), start_new_session=True, bufsize=0,
            )  # fmt: skip
        except OSError as fault:
            raise UnstartableError(fault.strerror or str(fault)) from None
        try:
            yield from self._read(process)
        finally:
            end_group(process, _END_SECONDS)
            self.code = process.returncode
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()

    def _read(self, process: subprocess.Popen[bytes]) -> Iterator[bytes]:
        out, err = _Lines(process.stdout.fileno()), _Lines(process.stderr.fileno())  # type: ignore[union-attr]
        began = heard = self.clock()
        ended: float | None = None
        with selectors.DefaultSelector() as waiting:
            for lines in (out, err):
                os.set_blocking(lines.pipe, False)
                waiting.register(lines.pipe, selectors.EVENT_READ, lines)
            while waiting.get_map():
                for key, _ in waiting.select(_LOOK_SECONDS):
                    lines = key.data
                    for line in lines.take():
                        heard = self.clock()
                        if lines is err:
                            self._tail.append(line)
                        else:
                            yield line
                    if lines.closed:
                        waiting.unregister(lines.pipe)
                now = self.clock()
                self.beat()
                if process.poll() is not None:
                    ended = now if ended is None else ended
                    if now - ended > _LINGER_SECONDS:
                        return
                elif self.timeout is not None and now - began > self.timeout:
                    raise StuckError(f"it did not end within {self.timeout:,.0f} s")
                elif now - heard > self.silence:
                    raise StuckError(f"it said nothing for {self.silence:,.0f} s")
        # Its output is closed: an orderly end follows at once.
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)


class _Lines:
    """Whole lines of a pipe; the last one may lack its end."""

    def __init__(self, pipe: int) -> None:
        self.pipe, self.closed = pipe, False
        self._begun: list[bytes] = []
        self._size = 0

    def take(self) -> Iterator[bytes]:
        """The lines that have arrived. Raises StuckError."""
        try:
            data = os.read(self.pipe, 1 << 20)
        except BlockingIOError:
            return
        if not data:
            self.closed = True
            if self._begun:
                yield b"".join(self._begun)
            return
        *whole, rest = data.split(b"\n")
        for line in whole:
            yield b"".join([*self._begun, line])
            self._begun, self._size = [], 0
        if rest:
            self._begun.append(rest)
            self._size += len(rest)
            if self._size > LONGEST_LINE:
                raise StuckError(f"it wrote a line of more than {LONGEST_LINE:,} bytes")
