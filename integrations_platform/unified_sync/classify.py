"""Telling the few records that need a look from the many that do not, as columns.

A linked record whose two versions equal the stored ones is settled without being read. Absence from a listing proves
nothing here; it only puts the record on the list of those to be read by id.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from integrations_platform.unified_sync.port import Listing, Presence
from integrations_platform.unified_sync.store import LinkState

_LIVE = Presence.LIVE.value


@dataclass(frozen=True)
class Classes:
    """``look``: links to be read, as a frame with link_id, id_a, id_b, state, version and seen columns of both sides
    (``seen_a``/``seen_b``: version in the listing, ``presence_a``/``presence_b``, ``same_a``/``same_b``).
    ``new_a``/``new_b``: ids without any link. ``settled``: links equal to their base. ``live_a``/``live_b``: records
    seen live. ``active``: active links."""

    look: pl.DataFrame
    new_a: list[str]
    new_b: list[str]
    settled: int
    active: int
    live_a: int
    live_b: int


def classify(links: pl.DataFrame, listing_a: Listing, listing_b: Listing, *, everything: bool = False) -> Classes:
    """Join the links with both listings. ``everything`` puts every active link on the list (full verification)."""
    joined = links.lazy()
    for letter, listing in (("a", listing_a), ("b", listing_b)):
        seen = listing.frame.lazy().select(
            pl.col("id").alias(f"id_{letter}"),
            pl.col("version").alias(f"seen_{letter}"),
            pl.col("presence").alias(f"presence_{letter}"),
        )
        live = pl.col(f"presence_{letter}").fill_null("") == _LIVE
        same = live & (pl.col(f"seen_{letter}") == pl.col(f"version_{letter}")).fill_null(value=False)
        joined = joined.join(seen, on=f"id_{letter}", how="left").with_columns(same.alias(f"same_{letter}"))
    is_active = pl.col("state") == LinkState.ACTIVE.value
    settled = pl.col("same_a") & pl.col("same_b")
    live_a, live_b = (pl.col(name).fill_null("") == _LIVE for name in ("presence_a", "presence_b"))
    awake = joined.filter(
        (is_active if everything else is_active & ~settled)
        # whatever may have come back into scope or to life; a record that is away is told from one that was deleted
        # meanwhile only by reading it
        | (pl.col("state").is_in([LinkState.OUT_OF_SCOPE.value, LinkState.TRASHED.value]) & (live_a | live_b))
    ).sort("link_id")
    totals = joined.select(active=is_active.sum(), settled=(is_active & settled).sum())
    look, counted, new_a, new_b = pl.collect_all(
        [awake, totals, _unlinked(listing_a, links, "id_a"), _unlinked(listing_b, links, "id_b")]
    )
    return Classes(
        look=look,
        new_a=new_a["id"].to_list(),
        new_b=new_b["id"].to_list(),
        settled=0 if everything else int(counted["settled"][0]),
        active=int(counted["active"][0]),
        live_a=_live_count(listing_a),
        live_b=_live_count(listing_b),
    )


def _unlinked(listing: Listing, links: pl.DataFrame, column: str) -> pl.LazyFrame:
    known = links.lazy().select(pl.col(column).alias("id")).drop_nulls()
    live = listing.frame.lazy().filter(pl.col("presence") == _LIVE).select("id")
    return live.join(known, on="id", how="anti").sort("id")


def _live_count(listing: Listing) -> int:
    return int((listing.frame["presence"] == _LIVE).sum())
