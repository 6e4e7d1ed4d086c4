"""Progress of long work: one line that is redrawn on a terminal, elsewhere a line now and then.

Both go to stderr, so that results stay alone on stdout; the line is gone before anything else is written. Work that is
over within a few seconds shows nothing where nobody watches.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from integrations_platform.progress import Progress
from integrations_platform.settings import variable

if TYPE_CHECKING:
    from integrations_platform.connectors.budgets import Usage

REDRAWN_AFTER = 0.2  # seconds
LINE_EVERY = 10.0  # seconds, where nobody watches

_log = logging.getLogger("integrations_platform.cli")


@contextmanager
def shown_progress(spent: Callable[[], Sequence[tuple[str, Usage]]]) -> Iterator[Progress]:
    """What hears of the work. ``spent``: what is used of the quotas of services."""
    if not sys.stderr.isatty() or variable("INTEGRATIONS_LOG_FORMAT") == "json":
        yield Progress(_write, LINE_EVERY, spent)
        return
    line = _Line()
    handlers = logging.getLogger("integrations_platform").handlers
    for handler in handlers:
        handler.addFilter(line.step_aside)
    try:
        yield Progress(line.show, REDRAWN_AFTER, spent)
    finally:
        line.show("")
        for handler in handlers:
            handler.removeFilter(line.step_aside)


def _write(text: str) -> None:
    if not text:
        return
    if variable("INTEGRATIONS_LOG_FORMAT") == "json":
        _log.info("%s", text)
    else:
        click.echo(text, err=True)


class _Line:
    """The last line of a terminal, by carriage returns and blanks alone, which every terminal understands."""

    def __init__(self) -> None:
        self._length = 0

    def show(self, text: str) -> None:
        """Put ``text`` in the place of what is shown, cut to the width; "" leaves an empty line."""
        if not text and not self._length:
            return
        text = text[: _width() - 1]
        sys.stderr.write("\r" + text.ljust(self._length) + ("" if text else "\r"))
        sys.stderr.flush()
        self._length = len(text)

    def step_aside(self, _record: logging.LogRecord) -> bool:
        """Leave the place to a line of the log."""
        self.show("")
        return True


def _width() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except OSError:
        return 80
