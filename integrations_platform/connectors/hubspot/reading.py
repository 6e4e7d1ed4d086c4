"""Listings and reads of one object: everything it shows, and records by id with their history.

The complete listing comes from the list endpoint and the archived sweep, never from search. A merged record is in
neither; the survivor names it. It decides nothing about absence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from integrations_platform.connectors.hubspot.binding import MERGED, Binding, Links
from integrations_platform.connectors.hubspot.client import PAGE, HubSpotClient
from integrations_platform.unified_sync.port import LISTING_SCHEMA, Listing, Presence, Record

Json = dict[str, Any]


class HubSpotSnapshot:
    """Reads of one binding. The API has no snapshots: each read shows the moment it is made."""

    def __init__(self, client: HubSpotClient, binding: Binding, page: int = PAGE) -> None:
        self._client, self._binding, self._page = client, binding, page

    def digest(self) -> None:
        """Only the listing itself would tell."""

    def newest(self) -> None:
        """Asking costs as much as listing what changed."""

    def listing(self) -> Listing:
        """All records in scope, then those archived; whoever was archived in between counts as archived."""
        rows: dict[str, tuple[str, str, str]] = {}
        merged: dict[str, str] = {}
        for archived in (False, True):
            for page in self._client.pages(self._binding.asked, archived=archived, limit=self._page):
                links = self._links(page) if not archived else {}
                for row in page:
                    record_id = str(row["id"])
                    if losers := row["properties"].get(MERGED):
                        merged |= {loser.strip(): record_id for loser in losers.split(";") if loser.strip()}
                    presence = self._binding.presence(row)
                    if presence is not Presence.OUT_OF_SCOPE:
                        rows[record_id] = (record_id, self._binding.version(row, links), str(presence))
        frame = pl.DataFrame(list(rows.values()), schema=LISTING_SCHEMA, orient="row")
        return Listing(frame, complete=True, merged={loser: _end(merged, loser) for loser in merged})

    def read(self, ids: Sequence[str]) -> Mapping[str, Record]:
        """Records by id, archived ones too. An answer for another id than was asked for is left out."""
        binding, found = self._binding, {}
        wanted = [one for one in dict.fromkeys(ids) if one.isdecimal()]
        for archived in (False, True):
            missing = [one for one in wanted if one not in found]
            if not missing:
                break
            rows = self._client.read(missing, binding.asked, history=binding.histories, archived=archived)
            links = self._links(rows) if not archived else {}
            for row in rows:
                if str(row["id"]) in missing:
                    found[str(row["id"])] = binding.record(row, links)
        return found

    def _links(self, rows: Sequence[Json]) -> Links:
        if not rows or not self._binding.references:
            return {}
        ids = [str(row["id"]) for row in rows]
        return {target: self._client.associated(ids, target) for target in self._binding.references.values()}


def _end(merged: Mapping[str, str], loser: str) -> str:
    """Who a merged record lives on in, through as many merges as there were."""
    seen = {loser}
    while merged[loser] in merged and merged[loser] not in seen:
        loser = merged[loser]
        seen.add(loser)
    return merged[loser]
