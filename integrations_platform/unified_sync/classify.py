"""Telling the few records that need a look from the many that do not, as columns.

A linked record whose two versions equal the stored ones is settled without being read. Absence from a listing proves
nothing here; it only puts the record on the list of those to be read by id. A handful of records is told apart row by
row, because building a columnar query costs more (4 ms) than the rows themselves; both ways give the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import itemgetter

import polars as pl

from integrations_platform.unified_sync.port import LISTING_SCHEMA, Listing, Presence
from integrations_platform.unified_sync.shares import Share
from integrations_platform.unified_sync.store import LINK_SCHEMA, LinkState

_LIVE = Presence.LIVE.value
_ACTIVE = LinkState.ACTIVE.value
_ASLEEP = (LinkState.OUT_OF_SCOPE.value, LinkState.TRASHED.value)

_LOOK_SCHEMA = LINK_SCHEMA | {
    f"{name}_{letter}": dtype
    for letter in "ab"
    for name, dtype in (("seen", pl.String), ("presence", LISTING_SCHEMA["presence"]), ("same", pl.Boolean))
}
_NOT_SEEN = (None, None)

FEW = 2000  # rows of links and listings up to which they are told apart row by row


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

    def strangers(self, letter: str) -> int:
        """How many live records of a side are not new, and yet of no active link: their link is asleep or closed."""
        away = self.look.filter((pl.col("state") == _ACTIVE) & ~_alive(letter)).height
        live, new = {"a": (self.live_a, self.new_a), "b": (self.live_b, self.new_b)}[letter]
        return live - (self.active - away) - len(new)

    def owned(self, share: Share) -> Classes:
        """These, with the links on the list that the share owns."""
        if share.whole:
            return self
        mine = pl.Series([share.owns(link_id) for link_id in self.look["link_id"]], dtype=pl.Boolean)
        return replace(self, look=self.look.filter(mine))


def classify(links: pl.DataFrame, listing_a: Listing, listing_b: Listing, *, everything: bool = False) -> Classes:
    """Join the links with both listings. ``everything`` puts every active link on the list (full verification)."""
    few = links.height + listing_a.frame.height + listing_b.frame.height <= FEW
    return (_by_row if few else _by_column)(links, listing_a, listing_b, everything=everything)


def _by_column(links: pl.DataFrame, listing_a: Listing, listing_b: Listing, *, everything: bool) -> Classes:
    """By leaving out what equals its base, a side at a time: joining all links with all records takes several
    times the room of either. Of a listing that was told from the links, only who stands apart is compared."""
    listings = {"a": listing_a.frame, "b": listing_b.frame}
    apart = {"a": listing_a.apart, "b": listing_b.apart}
    live = {letter: int((frame["presence"] == _LIVE).sum()) for letter, frame in listings.items()}
    active = _those(links, "state", _ACTIVE)
    moved, new = active.head(0), {}
    for letter, frame in listings.items():
        theirs = _among(active, apart[letter], f"_{letter}")
        shown = _those(_among(frame, apart[letter]), "presence", _LIVE)
        agreed = shown.select(pl.col("id").alias(f"id_{letter}"), pl.col("version").alias(f"version_{letter}"))
        found, new[letter] = _moved_and_new(links, theirs, agreed)
        moved = pl.concat([moved, found])
    moved = moved.unique("link_id")
    # whatever may have come back into scope or to life; a record that is away is told from one that was deleted
    # meanwhile only by reading it
    asleep = links.filter(pl.col("state").is_in(_ASLEEP))
    look = pl.concat([active if everything else moved, asleep])
    for letter, frame in listings.items():
        seen = frame.select(
            pl.col("id").alias(f"id_{letter}"),
            pl.col("version").alias(f"seen_{letter}"),
            pl.col("presence").alias(f"presence_{letter}"),
        ).filter(pl.col(f"id_{letter}").is_in(look[f"id_{letter}"].implode()))
        same = _alive(letter) & (pl.col(f"seen_{letter}") == pl.col(f"version_{letter}")).fill_null(value=False)
        look = look.join(seen, on=f"id_{letter}", how="left").with_columns(same.alias(f"same_{letter}"))
    settled = active.height - moved.height
    return Classes(
        look=look.filter((pl.col("state") == _ACTIVE) | _alive("a") | _alive("b")).sort("link_id"),
        new_a=new["a"],
        new_b=new["b"],
        settled=0 if everything else settled,
        active=active.height,
        live_a=live["a"],
        live_b=live["b"],
    )


def _those(frame: pl.DataFrame, column: str, value: str) -> pl.DataFrame:
    """The rows of this value; usually all of them, which are then not copied."""
    are = frame[column] == value
    return frame if are.all() else frame.filter(are)


def _among(frame: pl.DataFrame, ids: pl.Series | None, suffix: str = "") -> pl.DataFrame:
    """The rows of these ids, and those that lack an id or a version, and so agree with nothing."""
    if ids is None:
        return frame
    record, version = pl.col(f"id{suffix}"), pl.col(f"version{suffix}")
    return frame.filter(record.is_in(ids.implode()) | record.is_null() | version.is_null())


def _alive(letter: str) -> pl.Expr:
    return (pl.col(f"presence_{letter}") == _LIVE).fill_null(value=False)


def _by_row(links: pl.DataFrame, listing_a: Listing, listing_b: Listing, *, everything: bool) -> Classes:
    shown_a, shown_b = _shown(listing_a), _shown(listing_b)
    known_a: set[str | None] = set()
    known_b: set[str | None] = set()
    look: list[tuple[object, ...]] = []
    active = settled = 0
    for row in links.rows():
        _, id_a, id_b, state, version_a, version_b = row
        known_a.add(id_a)
        known_b.add(id_b)
        seen_a, presence_a = shown_a.get(id_a or "", _NOT_SEEN)
        seen_b, presence_b = shown_b.get(id_b or "", _NOT_SEEN)
        live_a, live_b = presence_a == _LIVE, presence_b == _LIVE
        same_a = live_a and version_a is not None and seen_a == version_a
        same_b = live_b and version_b is not None and seen_b == version_b
        if state == _ACTIVE:
            active += 1
            settled += same_a and same_b
            wanted = everything or not (same_a and same_b)
        else:
            wanted = state in _ASLEEP and (live_a or live_b)
        if wanted:
            look.append((*row, seen_a, presence_a, same_a, seen_b, presence_b, same_b))
    return Classes(
        look=pl.DataFrame(sorted(look, key=itemgetter(0)), schema=_LOOK_SCHEMA, orient="row"),
        new_a=sorted(name for name, (_, presence) in shown_a.items() if presence == _LIVE and name not in known_a),
        new_b=sorted(name for name, (_, presence) in shown_b.items() if presence == _LIVE and name not in known_b),
        settled=0 if everything else settled,
        active=active,
        live_a=sum(presence == _LIVE for _, presence in shown_a.values()),
        live_b=sum(presence == _LIVE for _, presence in shown_b.values()),
    )


def _shown(listing: Listing) -> dict[str, tuple[str | None, str | None]]:
    return {name: (version, presence) for name, version, presence in listing.frame.rows()}


def _moved_and_new(links: pl.DataFrame, active: pl.DataFrame, live: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Active links that no live record shows as agreed, and ids of live records without any link. ``live`` has the
    columns of a link that tell this: the id and the version of one side. All are compared once; whose record changed
    and who is new is then told among the few that are left."""
    name = live.columns[0]
    odd = _without(live, active.select(live.columns)).select(name)
    moved = active.filter(pl.col(name).is_in(odd[name].implode()))
    if active.height - moved.height != live.height - odd.height:  # not one record to each other link: some are gone
        moved = _without(active, live)
    known = links[name].filter(links[name].is_in(odd[name].implode()))
    return moved, odd[name].filter(~odd[name].is_in(known.implode())).sort().to_list()


def _without(frame: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """The rows that equal none of the others in the others' columns, in any order. Streamed: the ordinary engine would
    take five times the room."""
    return frame.lazy().join(others.lazy(), on=others.columns, how="anti").collect(engine="streaming")
