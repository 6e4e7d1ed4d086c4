"""Records of one QuickBooks object: a complete listing, and records by id.

A listing is complete when it has as many records as QuickBooks counted before and after it. What it read is kept for
the snapshot: asking again would cost reads, of which an account has a number a month.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from integrations_platform.connectors.quickbooks.client import Client
from integrations_platform.connectors.quickbooks.projection import Projection
from integrations_platform.unified_sync.port import (
    LISTING_SCHEMA,
    ErrorKind,
    Listing,
    Presence,
    Record,
    SideError,
)

_IDS_A_QUERY = 200


class QuickBooksSnapshot:
    """What a company showed while it was read. Nobody's edits are held back meanwhile."""

    def __init__(self, client: Client, projection: Projection) -> None:
        self._client, self._projection = client, projection
        self._records: dict[str, Record] = {}

    def digest(self) -> None:
        """Only the listing itself would tell."""

    def newest(self) -> None:
        """Asking costs as much as listing what changed."""

    def listing(self) -> Listing:
        """See :meth:`port.Snapshot.listing`."""
        kind, everything = self._projection.book.kind, self._projection.book.everything
        before = self._client.count(kind, everything)
        reason = ""
        try:
            for page in self._client.pages(kind, everything):
                for entity in page:
                    record = self._projection.record(entity)
                    self._records[record.id] = record
        except SideError as fault:
            if fault.kind is not ErrorKind.PERMANENT:
                raise
            reason = fault.message
        after = self._client.count(kind, everything)
        seen = len(self._records)
        if not reason and not min(before, after) <= seen <= max(before, after):
            reason = f"QuickBooks counts {after} records and has shown {seen}"
        rows = [
            (record.id, record.version, record.presence.value)
            for record in self._records.values()
            if record.presence is not Presence.OUT_OF_SCOPE
        ]
        return Listing(pl.DataFrame(rows, schema=LISTING_SCHEMA, orient="row"), not reason, reason)

    def read(self, ids: Sequence[str]) -> Mapping[str, Record]:
        """See :meth:`port.Snapshot.read`."""
        unknown = [each for each in ids if each not in self._records]
        found = read_records(self._client, self._projection, unknown)
        return found | {each: self._records[each] for each in ids if each in self._records}


def read_records(client: Client, projection: Projection, ids: Sequence[str]) -> dict[str, Record]:
    """Records by id as they are now."""
    return {each: projection.record(entity) for each, entity in read_entities(client, projection, ids).items()}


def read_entities(client: Client, projection: Projection, ids: Sequence[str]) -> dict[str, dict[str, object]]:
    """Entities by id as they are now, inactive ones too; ids QuickBooks cannot have are not found."""
    book = projection.book
    possible = [each for each in dict.fromkeys(ids) if each.isascii() and each.isdigit()]
    found: dict[str, dict[str, object]] = {}
    for start in range(0, len(possible), _IDS_A_QUERY):
        part = possible[start : start + _IDS_A_QUERY]
        found |= {str(entity["Id"]): entity for entity in client.by_ids(book.kind, book.everything, part)}
    return {each: found[each] for each in possible if each in found}
