"""What goes on in a run, for whoever watches: spans of work within each other, and what lines of the log are about.

It watches nothing itself. Without a watcher a span is one call that does nothing; who watches is said once per process,
before work begins, by whoever starts it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Protocol

Fact = str | int | float | bool


class Span(Protocol):
    """A piece of work that goes on."""

    def tell(self, name: str, fact: Fact) -> None:
        """A fact that is known only once the work is done. No value of a record, no key, no secret."""


Watcher = Callable[[str, Mapping[str, Fact]], AbstractContextManager[Span]]


class _Unwatched:
    """A span that nobody sees; one serves all."""

    def __enter__(self) -> _Unwatched:
        return self

    def __exit__(self, *_fault: object) -> None:
        return None

    def tell(self, _name: str, _fact: Fact) -> None:
        return None


_UNWATCHED = _Unwatched()


def unwatched(_name: str, _facts: Mapping[str, Fact]) -> AbstractContextManager[Span]:
    """The watcher of processes that nobody watches."""
    return _UNWATCHED


_watcher: Watcher = unwatched
_about: ContextVar[Mapping[str, str]] = ContextVar("about")


def watch(watcher: Watcher) -> None:
    """From now on ``watcher`` is told of every span of this process: its name, and the facts it begins with."""
    global _watcher
    _watcher = watcher


def span(name: str, facts: Mapping[str, Fact]) -> AbstractContextManager[Span]:
    """A piece of work, for as long as the block lasts; an exception that leaves the block is how it ended."""
    return _watcher(name, facts)


@contextmanager
def about(sync: str, run: str) -> Iterator[None]:
    """Whatever is logged in this block, by whomever, belongs to this run."""
    token = _about.set({"sync": sync, "run": run})
    try:
        yield
    finally:
        _about.reset(token)


def subject() -> Mapping[str, str]:
    """The run that is going on here, by name and id; empty outside of any."""
    return _about.get({})
