"""An object of a service as its users see it, for the contract of services' sides, and what its stories do with it.

A connector's tests subclass :class:`Account`; the stories are in :mod:`.saas_contract`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, ClassVar, Literal, TypeVar

import pytest

from integrations_platform.sandbox.edge import Call
from integrations_platform.sandbox.faults import Fault, FaultKind
from integrations_platform.sandbox.vendor import Vendor
from integrations_platform.unified_sync.port import (
    Capabilities,
    ErrorKind,
    Kind,
    Outcome,
    Presence,
    Record,
    Side,
    SideError,
    Status,
    Write,
)
from integrations_platform.unified_sync.values import FieldType, Value, Values

T = TypeVar("T")
Action = Literal["list", "read", "create", "update"]


class Account(ABC):
    """An object of a service behind its stand-in. ``side()`` gives sides whose budget never sleeps.

    ``text`` and ``other``: two bound text columns that may be edited and emptied. ``operations``: per action of a side,
    the operation (a pattern) that carries it out. ``page``: records after which a listing needs a second page.
    ``secret``: the text of a credential that must appear nowhere. ``renews``: an expired token is replaced by itself.
    """

    vendor: Vendor
    text: ClassVar[str]
    other: ClassVar[str]
    operations: ClassVar[Mapping[Action, str]]
    page: ClassVar[int]
    secret: ClassVar[str]
    renews: ClassVar[bool] = False

    @abstractmethod
    def side(self, *, columns: Mapping[str, FieldType] | None = None, object_name: str = "", token: str = "") -> Side:
        """A side bound to the object's usual columns, or to ``columns``, all written; with a wrong ``token`` or another
        object if given."""

    def now(self) -> datetime:
        """The engine's clock, as sides were given it."""
        return datetime.now(UTC)

    @abstractmethod
    def values(self, number: int) -> Values:
        """All bound columns of a record that the service accepts, different for each number."""

    @abstractmethod
    def refused(self, number: int) -> Values:
        """Like :meth:`values`, for a record that the service will never accept."""

    @abstractmethod
    def add(self, number: int) -> str:
        """A person adds the record of :meth:`values`; returns its id."""

    @abstractmethod
    def edit(self, record_id: str, column: str, text: str) -> None:
        """A person changes a text column."""

    @abstractmethod
    def edit_elsewhere(self, record_id: str) -> None:
        """A person changes something of the record that is not bound."""

    @abstractmethod
    def remove(self, record_id: str) -> None:
        """A person archives or deletes the record."""

    @abstractmethod
    def shown(self, record_id: str) -> Mapping[str, Any] | None:
        """The text columns as a person sees them, an empty one as None or ""; None when the record is not there."""

    @abstractmethod
    def count(self) -> int:
        """How many live records a person sees."""


def strike(account: Account, action: Action, kind: FaultKind, **fault: Any) -> None:
    """Let a fault wait for the next call of an action."""
    account.vendor.faults.add(Fault(kind, account.operations[action], **fault))


def create(account: Account, number: int = 1, **values: Value) -> Write:
    """A create under op and link numbers."""
    return Write(f"op-{number}", Kind.CREATE, f"link-{number}", {**account.values(number), **values})


def update(op_id: str, record: Record, **values: Value) -> Write:
    """An update planned from ``record``."""
    return Write(op_id, Kind.UPDATE, record.link_id or "link-1", values, record.id, record.version)


def only(outcomes: Sequence[Outcome]) -> Outcome:
    """The single outcome."""
    (outcome,) = outcomes
    return outcome


def created(account: Account, side: Side, number: int = 1, **values: Value) -> Record:
    """A record that the engine created."""
    outcome = only(side.write([create(account, number, **values)]))
    assert outcome.status is Status.APPLIED, outcome
    assert outcome.id is not None
    return side.read([outcome.id])[outcome.id]


def listed(side: Side) -> dict[str, tuple[str, str]]:
    """Versions and presences by id; the listing must be complete."""
    with side.snapshot() as snapshot:
        listing = snapshot.listing()
    assert listing.complete, listing.reason
    rows = listing.frame.select("id", "version", "presence").rows()
    assert len({row[0] for row in rows}) == len(rows), "no id comes twice"
    return {record_id: (version, presence) for record_id, version, presence in rows}


def live(side: Side) -> set[str]:
    """Ids of live records."""
    return {record_id for record_id, (_, presence) in listed(side).items() if presence == Presence.LIVE}


def sent(account: Account, action: Action) -> list[Call]:
    """Calls of an action's operation, so far."""
    return [call for call in account.vendor.calls if fnmatchcase(call.operation, account.operations[action])]


def failed(action: Any) -> SideError:
    """The error of a call."""
    with pytest.raises(SideError) as caught:
        action()
    return caught.value


def attempted(action: Callable[[], T]) -> T | SideError:
    """What a call gave, or the error it ended in, where either is allowed."""
    try:
        return action()
    except SideError as error:
        return error


def open_question(side: Side, write: Write) -> bool:
    """Carry out a write whose answer is lost; whether the side left open what became of it."""
    answer = attempted(lambda: side.write([write]))
    if isinstance(answer, SideError):
        assert answer.kind is ErrorKind.TRANSIENT, answer
        return answer.effect_unknown
    outcome = only(answer)
    assert outcome.status in (Status.UNKNOWN, Status.RETRYABLE), outcome
    return outcome.status is Status.UNKNOWN


def finished(side: Side, write: Write) -> str | None:
    """What the engine does with an open create: ask by tag, or send it again where that is harmless; the record's id,
    None when it must be created anew."""
    capabilities: Capabilities = side.capabilities
    if capabilities.tags:
        return side.find_tagged([write.link_id]).get(write.link_id)
    if capabilities.replays:
        return only(side.write([write])).id
    return None
