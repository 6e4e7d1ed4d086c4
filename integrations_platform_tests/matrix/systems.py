"""What a history does with a system: its users' actions, what they see, what goes wrong there.

Everything here goes past the connector: users act on the service's own state or in plain SQL, and what they see is read
the same way. Values are texts whatever their type, so that each is a token of its own.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from integrations_platform.unified_sync.port import BoundColumn, Side
from integrations_platform.unified_sync.spec import SideName, SideSpec
from integrations_platform.unified_sync.values import FieldType

FIELDS: Mapping[str, FieldType] = {
    "email": FieldType.EMAIL,
    "first": FieldType.TEXT,
    "last": FieldType.TEXT,
    "phone": FieldType.PHONE,
    "city": FieldType.TEXT,
    "amount": FieldType.DECIMAL,
}
"""The fields of a person, which all five systems have in one form or another."""

PAIR = "people"
Told = Mapping[str, str | None]


class Cannot(Exception):  # noqa: N818  named as the sentence reads
    """The system does not let its user do this."""


@dataclass(frozen=True)
class Seen:
    """A live record as its users see it. ``uid`` stays the same for its whole life, ``id`` is what the engine knows it
    by, empty while it has none that lasts."""

    uid: str
    id: str
    values: Told


class Moment:
    """The time of a world: every look at it moves it, so that no two moments are the same."""

    def __init__(self, start: datetime) -> None:
        self._start = self._now = start

    def now(self) -> datetime:
        """The time."""
        self._now += timedelta(milliseconds=1)
        return self._now

    def wait(self, seconds: float) -> None:
        """Time goes by."""
        self._now += timedelta(seconds=seconds)

    def restart(self) -> None:
        """Back to the beginning of time."""
        self._now = self._start


class System(ABC):
    """One system with one object of people. ``columns``: the column of each field. ``lower_cases``: fields whose texts
    are kept in lower case. ``window``: the operation before which an edit cannot be seen by the connector any more, and
    is overwritten without a trace (B7). ``struck`` counts the faults that hit."""

    kind: ClassVar[str]
    object_name: ClassVar[str]
    columns: ClassVar[Mapping[str, str]]
    lower_cases: ClassVar[frozenset[str]] = frozenset()
    window: ClassVar[str] = ""
    struck: int = 0

    def __init__(self, moment: Moment) -> None:
        self.moment = moment
        self.before: Callable[[str], None] | None = None

    @abstractmethod
    def reset(self, drawn: random.Random) -> None:
        """Empty, without faults, under one drawn reading of what the vendor leaves open."""

    @abstractmethod
    def open(self, columns: list[BoundColumn], side: SideName) -> Side:
        """A side, as a new process opens it."""

    def spec(self) -> SideSpec:
        """The declaration of this end of the sync."""
        return SideSpec(self.kind, self.object_name, zone="UTC")

    # Users

    @abstractmethod
    def create(self, values: Told) -> str:
        """A new record; its uid. Raises Cannot."""

    @abstractmethod
    def edit(self, uid: str, field: str, text: str | None) -> None:
        """Overwrite or empty one field. Raises Cannot."""

    @abstractmethod
    def remove(self, uid: str) -> None:
        """What users call deleting here. Raises Cannot."""

    def removed(self) -> list[str]:
        """What users could bring back."""
        return []

    def restore(self, uid: str) -> None:
        """Bring a removed record back. Raises Cannot."""
        raise Cannot(uid)

    def merge(self, survivor: str, loser: str) -> str:
        """Merge two records; the uid of what is left. Raises Cannot."""
        raise Cannot(f"{survivor} {loser}")

    def shuffle(self, drawn: random.Random) -> str:
        """Move records about without changing any; what was done. Raises Cannot where they have no places."""
        raise Cannot(str(drawn))

    @abstractmethod
    def people(self) -> dict[str, Seen]:
        """Live records by uid."""

    def kept(self, field: str, text: str) -> str:
        """How this system keeps a text."""
        return text.lower() if field in self.lower_cases else text

    # Trouble

    @abstractmethod
    def strike(self, drawn: random.Random) -> str:
        """Let one fault wait for its moment; which."""

    @abstractmethod
    def calm(self) -> None:
        """No faults from now on."""

    def reached(self, point: str) -> None:  # noqa: B027  not abstract: most systems fail at their own edge
        """The engine has come to this point of a call to the side; a system without a network of its own fails here."""

    # Witnesses

    @abstractmethod
    def writes(self) -> object:
        """Something that is the same as long as nobody writes through the connector's way in."""

    def broken(self) -> list[str]:
        """Violations of the vendor's contract."""
        return []
