"""What stands wrong and has been told, and the messages on their way to people, until they have arrived.

Changes of state and the messages about them are one transaction, so that none is told twice or never. Of each target's
messages one process at a time may send the oldest, for as long as its claim lasts; whoever dies with a claim leaves
them to the next, so that what was sent in that moment may come twice. What is worth a message, and how one travels, is
its callers' business.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from integrations_platform.state import tables
from integrations_platform.state.database import Database
from integrations_platform.state.rows import as_row, from_row, to_text

LOCK = 7_215_904_333  # one change of the outbox at a time on PostgreSQL; SQLite's writers come one at a time anyway
TOGETHER = 20  # messages of one target sent as one, when so many have gathered
_GATHERED = 3  # up to this many are sent one by one
_standing, _outbox = tables.standing, tables.outbox


class MessageState(StrEnum):
    """``FAILED``: given up, kept to be seen."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"


@dataclass(frozen=True)
class Standing:
    """What is known about one topic. ``kind`` None: all is well. ``since``: when it came to be so. ``times``: how often
    the trouble was met since. ``body``: JSON, its callers' memory of the topic."""

    topic: str
    subject: str
    kind: str | None
    since: datetime
    seen_at: datetime
    times: int
    body: str = "{}"


@dataclass(frozen=True)
class Message:
    """One message to one target. ``body``: JSON, what it says. Two of one id are one message."""

    message_id: str
    target: str
    severity: str
    subject: str
    body: str


@dataclass(frozen=True)
class StoredMessage:
    """A message in the outbox. ``bundle``: those of one bundle are sent as one. ``note``: what came of the newest try.
    ``recipients``: JSON, those that are still to get it; None: all."""

    message_id: str
    number: int
    target: str
    severity: str
    subject: str
    body: str
    state: MessageState
    bundle: str | None
    attempts: int
    next_at: datetime
    claimed_by: str | None
    claimed_until: datetime | None
    recipients: str | None
    note: str
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True)
class Bundle:
    """Messages of one target, claimed to be sent as one. ``attempts``: tries so far, this one included."""

    bundle_id: str
    target: str
    holder: str
    attempts: int
    messages: tuple[StoredMessage, ...]

    @property
    def recipients(self) -> tuple[str, ...] | None:
        """Those that are still to get it; None: all."""
        kept = self.messages[0].recipients
        return None if kept is None else tuple(json.loads(kept))


Judged = tuple[Sequence[Standing], Sequence[Message]]


class SqlOutbox:
    """The rows. ``clock`` dates what happens. Any method raises :class:`StateError`."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database, self._clock = database, clock

    def change(self, judge: Callable[[Mapping[str, Standing]], Judged]) -> Sequence[Message]:
        """Replace what stands by what ``judge`` makes of it (by topic), and queue its messages, all or nothing. Returns
        those that were not there yet. Whoever comes meanwhile waits."""
        now = to_text(self._clock())
        with self._alone() as connection:
            rows = connection.execute(sa.select(_standing)).mappings()
            standing, messages = judge({row["topic"]: from_row(Standing, row) for row in rows})
            if standing:
                connection.execute(self._database.upsert(_standing), [as_row(row) for row in standing])
            ids = [message.message_id for message in messages]
            known = set(connection.execute(
                sa.select(_outbox.c.message_id).where(self._database.one_of(_outbox.c.message_id, ids))
            ).scalars())  # fmt: skip
            new = [message for message in messages if message.message_id not in known]
            if new:
                last = connection.execute(sa.select(sa.func.max(_outbox.c.number))).scalar() or 0
                rows_ = [
                    as_row(message) | {
                        "number": number, "state": MessageState.WAITING.value, "bundle": None, "attempts": 0,
                        "next_at": now, "claimed_by": None, "claimed_until": None, "recipients": None, "note": "",
                        "created_at": now, "changed_at": now,
                    }
                    for number, message in enumerate(new, last + 1)
                ]  # fmt: skip
                connection.execute(self._database.insert_missing(_outbox), rows_)
        return new

    def standing(self) -> Sequence[Standing]:
        """Every topic, by name."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(_standing).order_by(_standing.c.topic)).mappings().all()
        return [from_row(Standing, row) for row in rows]

    def claim(self, targets: Sequence[str], holder: str, seconds: float) -> Bundle | None:
        """The oldest messages of the first of ``targets`` that has some due and that nobody else is sending to; theirs
        is the target for so many ``seconds``. None: there is nothing to send now.

        A target whose oldest message has to wait is left alone: what comes after it must not arrive before it.
        """
        now = self._clock()
        if not self._any(tables.WAITING):
            return None
        with self._alone() as connection:
            for target in targets:
                mine = _outbox.c.target == target, tables.WAITING
                query = sa.select(_outbox).where(*mine).order_by(_outbox.c.number).limit(TOGETHER)
                rows = [from_row(StoredMessage, row) for row in connection.execute(query).mappings()]
                if not rows or any(row.claimed_until is not None and row.claimed_until > now for row in rows):
                    continue
                if rows[0].next_at <= now:
                    return self._taken(connection, _first_bundle(rows), holder, now, seconds)
        return None

    def _taken(
        self, connection: sa.Connection, rows: Sequence[StoredMessage], holder: str, now: datetime, seconds: float
    ) -> Bundle:
        bundle = Bundle(rows[0].bundle or rows[0].message_id, rows[0].target, holder, rows[0].attempts + 1, tuple(rows))
        ids = [row.message_id for row in rows]
        values = {
            "bundle": bundle.bundle_id, "attempts": bundle.attempts, "claimed_by": holder,
            "claimed_until": to_text(now + timedelta(seconds=seconds)), "changed_at": to_text(now),
        }  # fmt: skip
        connection.execute(
            sa.update(_outbox).where(self._database.one_of(_outbox.c.message_id, ids)).values(values)
        )  # fmt: skip
        return bundle

    def settle(self, bundle: Bundle, state: MessageState, note: str) -> bool:
        """End the way of a bundle; False when its claim had ended and another process has it by now."""
        return self._release(bundle, {"state": state.value, "note": note})

    def postpone(self, bundle: Bundle, until: datetime, note: str, recipients: Sequence[str] | None = None) -> bool:
        """Try a bundle again later, for these ``recipients`` only, if given; False as :meth:`settle`."""
        values: dict[str, Any] = {"next_at": to_text(until), "note": note}
        if recipients is not None:
            values["recipients"] = json.dumps(list(recipients))
        return self._release(bundle, values)

    def _release(self, bundle: Bundle, values: Mapping[str, Any]) -> bool:
        still_mine = _outbox.c.bundle == bundle.bundle_id, _outbox.c.claimed_by == bundle.holder, tables.WAITING
        freed = {"claimed_by": None, "claimed_until": None, "changed_at": to_text(self._clock())}
        with self._alone() as connection:
            changed = connection.execute(sa.update(_outbox).where(*still_mine).values({**values, **freed})).rowcount
        return changed > 0

    def messages(self, state: MessageState | None = None, limit: int | None = None) -> Sequence[StoredMessage]:
        """Messages, newest first; ``state`` None: of every state."""
        query = sa.select(_outbox).order_by(_outbox.c.number.desc()).limit(limit)
        if state is not None:
            query = query.where(_outbox.c.state == state.value)
        with self._database.read() as connection:
            return [from_row(StoredMessage, row) for row in connection.execute(query).mappings()]

    def count(self) -> Mapping[MessageState, int]:
        """How many messages there are in each state."""
        query = sa.select(_outbox.c.state, sa.func.count()).group_by(_outbox.c.state)
        with self._database.read() as connection:
            found = {str(state): int(number) for state, number in connection.execute(query)}
        return {state: found.get(state.value, 0) for state in MessageState}

    def retry(self) -> int:
        """Try everything that waits or was given up, now; how many messages that is."""
        now = to_text(self._clock())
        values = {"state": MessageState.WAITING.value, "next_at": now, "changed_at": now, "attempts": 0}
        unsent = _outbox.c.state != MessageState.SENT.value
        idle = sa.or_(_outbox.c.claimed_until.is_(None), _outbox.c.claimed_until <= now)
        with self._alone() as connection:
            return connection.execute(sa.update(_outbox).where(unsent, idle).values(values)).rowcount

    def tidy(self, give_up_before: datetime, forget_before: datetime, note: str) -> int:
        """Give up messages that wait since before the one time, and forget those that ended before the other; returns
        how many were given up."""
        now = to_text(self._clock())
        old = tables.WAITING, _outbox.c.created_at < to_text(give_up_before)
        ended = _outbox.c.state != MessageState.WAITING.value, _outbox.c.changed_at < to_text(forget_before)
        if not self._any(sa.or_(sa.and_(*old), sa.and_(*ended))):
            return 0
        with self._alone() as connection:
            # Its last words stay: they say why it never arrived.
            said = sa.literal(note) + sa.case((_outbox.c.note != "", "; " + _outbox.c.note), else_="")
            given_up = connection.execute(
                sa.update(_outbox).where(*old).values(state=MessageState.FAILED.value, note=said, changed_at=now)
            ).rowcount
            connection.execute(sa.delete(_outbox).where(*ended))
        return given_up

    def _any(self, condition: sa.ColumnElement[bool] | sa.TextClause) -> bool:
        """Whether there is such a message: usually none, and then no writer has to wait for us."""
        with self._database.read() as connection:
            return connection.execute(sa.select(_outbox.c.number).where(condition).limit(1)).first() is not None

    @contextmanager
    def _alone(self) -> Iterator[sa.Connection]:
        """A write transaction that no other change of the outbox runs beside."""
        with self._database.write() as connection:
            if not self._database.on_sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
            yield connection


def _first_bundle(rows: Sequence[StoredMessage]) -> list[StoredMessage]:
    """What is sent next of a target's oldest messages: a bundle stays what it was, so that trying again is the same."""
    if rows[0].bundle is not None:
        return [row for row in rows if row.bundle == rows[0].bundle]
    free = [row for row in rows if row.bundle is None]
    return free if len(free) > _GATHERED else free[:1]
