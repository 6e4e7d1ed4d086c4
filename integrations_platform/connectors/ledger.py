"""The engine's own table next to the data: which record carries which link, and which operation wrote it last.

Every write updates it in the transaction of the record's change, so receipts and tags can never disagree with the data.
It holds ids only, no values, and is made when it is first needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from integrations_platform.connectors.binding import Binding
from integrations_platform.connectors.session import Session

LEDGER_TABLE = "integrations_ledger"
ARCHIVE_TABLE = "integrations_archive"
CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """What the ledger says about one record."""

    record_id: str
    link_id: str | None
    last_op: str | None


def chunks(items: Sequence[str], size: int = CHUNK) -> list[list[str]]:
    """Distinct items in their order, in lists of at most ``size``."""
    rest = iter(dict.fromkeys(items))
    found = []
    while part := list(islice(rest, size)):
        found.append(part)
    return found


class Ledger:
    """The ledger of one pair and side. A link's row outlives its record, so that a repeated delete is recognised."""

    def __init__(self, binding: Binding) -> None:
        self._binding = binding
        self._dialect = binding.dialect
        self.table = binding.quote(binding.shape.schema, LEDGER_TABLE)

    def definition(self) -> str:
        """CREATE TABLE, harmless when it exists.

        Ids lead the keys: of a table without statistics PostgreSQL would read a whole pair rather than look ids up.
        """
        types = self._dialect.types
        return (
            f"CREATE TABLE IF NOT EXISTS {self.table} (pair {types.pair} NOT NULL, "
            f"record_id {types.record_id} NOT NULL, "
            f"link_id {types.link_id}, last_op {types.link_id}, PRIMARY KEY (record_id, pair), "
            f"UNIQUE (link_id, pair)){types.suffix}"
        )

    def by_record(self, session: Session, record_ids: Sequence[str]) -> dict[str, Entry]:
        """Entries by record id."""
        return {entry.record_id: entry for entry in self._find(session, "record_id", record_ids)}

    def by_link(self, session: Session, link_ids: Sequence[str]) -> dict[str, Entry]:
        """Entries by link id."""
        return {entry.link_id: entry for entry in self._find(session, "link_id", link_ids) if entry.link_id}

    def _find(self, session: Session, column: str, wanted: Sequence[str]) -> list[Entry]:
        found = []
        for part in chunks(wanted):
            among, params = self._dialect.one_of(column, part)
            rows = session.rows(
                f"SELECT record_id, link_id, last_op FROM {self.table} WHERE pair = {self._dialect.mark} AND {among}",
                (self._binding.pair, *params),
            )
            found += [Entry(*row) for row in rows]
        return found

    def all_tags(self, session: Session) -> list[tuple[str, str]]:
        """(record id, link id) of all entries with a link."""
        sql = (f"SELECT record_id, link_id FROM {self.table} WHERE pair = {self._dialect.mark} "
               "AND link_id IS NOT NULL")  # fmt: skip
        return [(row[0], row[1]) for row in session.rows(sql, (self._binding.pair,))]

    def add(self, session: Session, entries: Sequence[Entry]) -> None:
        """Insert entries of new records. A link that is already there is a unique violation: someone was faster."""
        self._put(session, (), entries)

    def drop(self, session: Session, column: str, wanted: Sequence[str]) -> None:
        """Forget entries by ``record_id`` or ``link_id``."""
        for part in chunks(wanted):
            among, params = self._dialect.one_of(column, part)
            session.run(
                f"DELETE FROM {self.table} WHERE pair = {self._dialect.mark} AND {among}",
                (self._binding.pair, *params),
            )

    def put(self, session: Session, entries: Sequence[Entry], known: Mapping[str, Entry]) -> None:
        """Make entries hold, moving a link to its new record. ``known``: what :meth:`by_record` found for them."""
        strangers = [entry.link_id for entry in entries if entry.link_id and not self._holds(known, entry)]
        if strangers:
            others = self.by_link(session, strangers)
            self.drop(session, "link_id", list(others))
        self._put(session, ("pair", "record_id"), {entry.record_id: entry for entry in entries}.values())

    def _put(self, session: Session, key: tuple[str, ...], entries: Iterable[Entry]) -> None:
        rows = [(self._binding.pair, entry.record_id, entry.link_id, entry.last_op) for entry in entries]
        self._dialect.put_texts(session, self.table, ("pair", "record_id", "link_id", "last_op"), key, rows)

    @staticmethod
    def _holds(known: Mapping[str, Entry], entry: Entry) -> bool:
        return entry.record_id in known and known[entry.record_id].link_id == entry.link_id
