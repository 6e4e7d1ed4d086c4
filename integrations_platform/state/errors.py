"""What can go wrong with the state database itself, in words a person can act on.

Owns the two error classes of the state. Messages never carry a password, a URL or a record's values.
"""

from __future__ import annotations

from collections.abc import Sequence


class StateError(Exception):
    """The state database cannot be opened, read or written; the message says what to look at."""


class StateVersionError(StateError):
    """The state database has a schema version that this release does not know; nothing in it was touched."""

    def __init__(self, place: str, found: str, known: Sequence[str]) -> None:
        super().__init__(
            f"{place} has schema version {found}, and this release knows only {', '.join(known)}: a newer release "
            "upgraded it. Run that release (or a later one), or restore the backup taken before the upgrade; "
            "to start without memory, point the state URL at a new, empty database"
        )
        self.found = found
        self.known = tuple(known)
