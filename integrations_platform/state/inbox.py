"""What others have sent us and which runs it is to wake, until those runs have ended.

Events are rows of their own, each stored once however often it is delivered. A wake-up is one run to be: of those that
wait there is at most one for each target, so that events before its start share it. Which targets an event is for, and
what a target is, is its callers' business.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from integrations_platform.state import tables
from integrations_platform.state.database import Database, chunks
from integrations_platform.state.rows import as_row, from_row, from_text, to_text

CLAIM_LOCK = 7_215_904_332  # one claim at a time on PostgreSQL; SQLite's writers come one at a time anyway
_event, _wake = tables.event, tables.wake_up


class EventState(StrEnum):
    """``IDLE``: it was for nobody."""

    WAITING = "waiting"
    WOKE = "woke"
    IDLE = "idle"


class WakeState(StrEnum):
    """``REQUESTED``: a run may exist, and is asked for until it does; ``JOINED``: an earlier run had not begun yet."""

    WAITING = "waiting"
    REQUESTED = "requested"
    STARTED = "started"
    DONE = "done"
    FAILED = "failed"
    JOINED = "joined"


@dataclass(frozen=True)
class Event:
    """One event. ``key``: by which the sender tells it from others; ``topic``: what happened, ``subject``: to what, as
    far as that decides who is woken; ``body``: as it was sent."""

    source: str
    key: str
    topic: str
    subject: str
    body: str

    @property
    def event_id(self) -> str:
        """The name it has here."""
        return sha256(f"{self.source}\0{self.key}".encode()).hexdigest()[:32]


@dataclass(frozen=True)
class StoredEvent:
    """An event in the inbox. ``duplicates``: how often it came again."""

    event_id: str
    source: str
    event_key: str
    topic: str
    subject: str
    body: str
    received_at: datetime
    duplicates: int
    state: EventState
    wake_ups: str

    @property
    def woke(self) -> tuple[str, ...]:
        """The wake-ups it is part of."""
        return tuple(json.loads(self.wake_ups))


@dataclass(frozen=True)
class WakeUp:
    """One run to be, for ``events`` events since ``since``. ``note``: what stands in its way, or how it ended."""

    wake_id: str
    target: str
    state: WakeState
    events: int
    since: datetime
    changed_at: datetime
    run_id: str | None = None
    note: str = ""


class SqlInbox:
    """The inbox. ``clock`` dates what happens. Any method raises :class:`StateError`."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database, self._clock = database, clock
        kept = [column.name for column in _event.columns if column.name != "duplicates"]
        again = _event.c.duplicates + sa.literal_column("excluded.duplicates") + 1
        self._insert = database.upsert(_event, keep=kept, duplicates=again)

    def store(self, events: Sequence[Event]) -> None:
        """Keep ``events``; they are safe once this returns. Of those that are there already only the count grows."""
        named = [(event.event_id, event) for event in events]
        times = Counter(event_id for event_id, _ in named)
        now = to_text(self._clock())
        rows = {
            event_id: {
                "event_id": event_id, "source": event.source, "event_key": event.key, "topic": event.topic,
                "subject": event.subject, "body": event.body, "received_at": now,
                "duplicates": times[event_id] - 1, "state": EventState.WAITING.value, "wake_ups": "[]",
            }
            for event_id, event in named
        }  # fmt: skip
        if rows:
            with self._database.write() as connection:
                # In one order, so that two receivers of the same events wait for and never deadlock each other.
                connection.execute(self._insert, [rows[event_id] for event_id in sorted(rows)])

    def ready(self) -> None:
        """Returns when the inbox can be reached."""
        with self._database.read() as connection:
            connection.execute(sa.select(_wake.c.wake_id).limit(1)).first()

    def claim(self, targets: Callable[[str, str], Iterable[str]], new_id: Callable[[], str]) -> int:
        """Turn waiting events into waiting wake-ups of what ``targets`` says for their (source, subject); how many.

        Whoever dies in here has changed nothing.
        """
        waiting = sa.select(_event.c.source, _event.c.subject, sa.func.min(_event.c.received_at).label("since"))
        waiting = waiting.where(tables.WAITING).group_by(_event.c.source, _event.c.subject)
        with self._database.read() as connection:
            if connection.execute(waiting.limit(1)).first() is None:
                return 0
        claimed = 0
        with self._database.write() as connection:
            self._one_at_a_time(connection)
            for group in connection.execute(waiting).all():
                same = (tables.WAITING, _event.c.source == group.source, _event.c.subject == group.subject)
                woken = {target: self._waiting(connection, target, new_id) for target in
                         dict.fromkeys(targets(group.source, group.subject))}  # fmt: skip
                state = EventState.WOKE if woken else EventState.IDLE
                values = {"state": state.value, "wake_ups": json.dumps(list(woken.values()))}
                number = connection.execute(sa.update(_event).where(*same).values(values)).rowcount
                for wake_id in woken.values():
                    self._grow(connection, wake_id, number, group.since)
                claimed += number
        return claimed

    def wake_ups(self, *, ended: bool = False, limit: int | None = None) -> Sequence[WakeUp]:
        """Wake-ups whose run has not ended, oldest first; ``ended``: those that have, newest first."""
        query = sa.select(_wake).where(tables.ENDED if ended else tables.UNENDED)
        order = (_wake.c.changed_at.desc(), _wake.c.wake_id) if ended else (_wake.c.since, _wake.c.wake_id)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(*order).limit(limit)).mappings().all()
        return [from_row(WakeUp, row) for row in rows]

    def move(self, wake_up: WakeUp, state: WakeState, *, run_id: str | None = None, note: str = "") -> bool:
        """Change a wake-up that is still as ``wake_up`` says; False when somebody else was first."""
        now = to_text(self._clock())
        same = (
            _wake.c.wake_id == wake_up.wake_id,
            _wake.c.state == wake_up.state.value,
            _wake.c.events == wake_up.events,
        )
        values = {"state": state.value, "run_id": run_id or wake_up.run_id, "note": note, "changed_at": now}
        with self._database.write() as connection:
            return connection.execute(sa.update(_wake).where(*same).values(values)).rowcount == 1

    def events(
        self, *, source: str | None = None, state: EventState | None = None, limit: int | None = None
    ) -> Sequence[StoredEvent]:
        """Events, newest first."""
        query = sa.select(_event).order_by(_event.c.received_at.desc(), _event.c.event_id).limit(limit)
        if source is not None:
            query = query.where(_event.c.source == source)
        if state is not None:
            query = query.where(_event.c.state == state.value)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [from_row(StoredEvent, row) for row in rows]

    def oldest_waiting(self) -> datetime | None:
        """When the oldest event came that nobody has taken."""
        with self._database.read() as connection:
            return from_text(
                connection.execute(sa.select(sa.func.min(_event.c.received_at)).where(tables.WAITING)).scalar()
            )

    def counts(self) -> Sequence[tuple[str, EventState, int, int]]:
        """(source, state, events, duplicates) of everything that is kept, by source."""
        names = _event.c.source, _event.c.state
        sums = sa.func.count(), sa.cast(sa.func.sum(_event.c.duplicates), sa.BigInteger)
        with self._database.read() as connection:
            rows = connection.execute(sa.select(*names, *sums).group_by(*names).order_by(*names)).all()
        return [(str(row[0]), EventState(row[1]), int(row[2]), int(row[3])) for row in rows]

    def known(self, ids: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
        """Which of ``ids`` are events, and which are wake-ups that have ended."""
        with self._database.read() as connection:
            events = sa.select(_event.c.event_id).where(self._database.one_of(_event.c.event_id, ids))
            ended = sa.select(_wake.c.wake_id).where(tables.ENDED, self._database.one_of(_wake.c.wake_id, ids))
            return connection.execute(events).scalars().all(), connection.execute(ended).scalars().all()

    def replay(self, event_ids: Sequence[str] = (), *, source: str | None = None) -> int:
        """Let these events, or all of a source, wake whom they are for once more; how many there are."""
        again = {"state": EventState.WAITING.value, "wake_ups": "[]"}
        these = [self._database.one_of(_event.c.event_id, some) for some in chunks(event_ids)]
        if source is not None:
            these.append(_event.c.source == source)
        with self._database.write() as connection:
            return sum(connection.execute(sa.update(_event).where(some).values(again)).rowcount for some in these)

    def again(self, wake_ids: Sequence[str], new_id: Callable[[], str]) -> int:
        """Let ended wake-ups wake their targets for once more; how many there are."""
        ended = sa.select(_wake).where(tables.ENDED, self._database.one_of(_wake.c.wake_id, wake_ids))
        with self._database.write() as connection:
            self._one_at_a_time(connection)
            found = connection.execute(ended).mappings().all()
            for row in found:
                self._grow(connection, self._waiting(connection, row["target"], new_id), row["events"], row["since"])
        return len(found)

    def purge(self, before: datetime, source: str | None = None) -> tuple[int, int]:
        """Forget events that nobody waits for, and ended wake-ups, from before that time; how many of each."""
        old: list[Any] = [tables.TAKEN, _event.c.received_at < to_text(before)]
        unended = sa.select(_wake.c.wake_id).where(tables.UNENDED)
        with self._database.write() as connection:
            self._one_at_a_time(connection)
            for_whom_it_waits = connection.execute(unended).scalars().all()
            old += [sa.not_(_event.c.wake_ups.contains(wake_id, autoescape=True)) for wake_id in for_whom_it_waits]
            if source is not None:
                old.append(_event.c.source == source)
            events = connection.execute(sa.delete(_event).where(*old)).rowcount
            wake_ups = 0
            if source is None:
                ended = tables.ENDED, _wake.c.changed_at < to_text(before)
                wake_ups = connection.execute(sa.delete(_wake).where(*ended)).rowcount
        return events, wake_ups

    def _one_at_a_time(self, connection: sa.Connection) -> None:
        if not self._database.on_sqlite:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(CLAIM_LOCK)))

    def _waiting(self, connection: sa.Connection, target: str, new_id: Callable[[], str]) -> str:
        """The waiting wake-up of ``target``, made if there is none."""
        query = sa.select(_wake.c.wake_id).where(tables.WAITING, _wake.c.target == target)
        # Locked: it stays the waiting one, with its new events, or is found no more.
        found = connection.execute(query.with_for_update()).scalar()
        if found is None:
            now = self._clock()
            found = new_id()
            row = as_row(WakeUp(found, target, WakeState.WAITING, 0, now, now))
            connection.execute(sa.insert(_wake), row)
        return str(found)

    def _grow(self, connection: sa.Connection, wake_id: str, number: int, since: str) -> None:
        earlier = sa.case((_wake.c.since < since, _wake.c.since), else_=since)
        values: dict[str, Any] = {"events": _wake.c.events + number, "since": earlier}
        connection.execute(sa.update(_wake).where(_wake.c.wake_id == wake_id).values(values))
