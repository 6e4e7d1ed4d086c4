"""Letting what was received wake whom it is for once more, as the command line and the console do it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from integrations_platform.state.inbox import SqlInbox


@dataclass(frozen=True)
class Replayed:
    """How many events and ended wake-ups wait again; ``unknown``: ids that are neither. Then nothing was done."""

    events: int = 0
    wake_ups: int = 0
    unknown: Sequence[str] = ()


def replay(
    inbox: SqlInbox, ids: Sequence[str], new_id: Callable[[], str], *, source: str | None = None
) -> Replayed:  # fmt: skip
    """Replay events or ended wake-ups by their ids, and all events of ``source``. Raises StateError."""
    found, ended = inbox.known(ids)
    unknown = [each for each in ids if each not in {*found, *ended}]
    if unknown:
        return Replayed(unknown=unknown)
    return Replayed(inbox.replay(found, source=source), inbox.again(ended, new_id))
