"""The board of a run that several processes share: what they leave there for one another, in the state database.

It stores; what is said, and who is dead, is the engine's business. A word stands once it is said, except a pulse.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from integrations_platform.state import tables
from integrations_platform.state.database import Database
from integrations_platform.state.rows import to_text
from integrations_platform.unified_sync.shares import PULSE

_shard = tables.shard


class SqlBoard:
    """What the processes of one run of a sync say. Any method raises :class:`StateError`."""

    def __init__(self, database: Database, pair: str, run_id: str) -> None:
        self._database, self._pair, self._run_id = database, pair, run_id

    def say(self, topic: str, number: int, word: str) -> None:
        """Leave a word; the first one of a number stands."""
        with self._database.write() as connection:
            connection.execute(self._database.insert_missing(_shard), self._row(topic, number, word))

    def pulse(self, number: int, at: datetime) -> None:
        """Say that this process lives; replaces what it said before."""
        with self._database.write() as connection:
            connection.execute(self._database.upsert(_shard), self._row(PULSE, number, to_text(at)))

    def said(self, topic: str) -> frozenset[int]:
        """Who has said something about it."""
        with self._database.read() as connection:
            return frozenset(connection.execute(sa.select(_shard.c.number).where(*self._about(topic))).scalars())

    def read(self, topic: str) -> Mapping[int, str]:
        """What was said about it, by number."""
        query = sa.select(_shard.c.number, _shard.c.word).where(*self._about(topic))
        with self._database.read() as connection:
            return {row.number: row.word for row in connection.execute(query)}

    def wipe(self) -> None:
        """Forget what was said in earlier runs of the sync."""
        with self._database.write() as connection:
            connection.execute(sa.delete(_shard).where(_shard.c.pair == self._pair, _shard.c.run_id != self._run_id))

    def close(self) -> None:
        """Forget what was said in this run."""
        with self._database.write() as connection:
            connection.execute(sa.delete(_shard).where(_shard.c.pair == self._pair, _shard.c.run_id == self._run_id))

    def _row(self, topic: str, number: int, word: str | None) -> dict[str, object]:
        return {"pair": self._pair, "run_id": self._run_id, "topic": topic, "number": number, "word": word}

    def _about(self, topic: str) -> tuple[sa.ColumnElement[bool], ...]:
        return _shard.c.pair == self._pair, _shard.c.run_id == self._run_id, _shard.c.topic == topic
