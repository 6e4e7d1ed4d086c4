"""Telling records apart: a few row by row, many by columns, with one answer."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations_platform.unified_sync import classify as module
from integrations_platform.unified_sync.port import LISTING_SCHEMA, Listing, Presence
from integrations_platform.unified_sync.store import LINK_SCHEMA, LinkState

ENDED = (LinkState.CLOSED, LinkState.MERGED_AWAY)
# Mostly what settles a record, so that a change on one side alone, or a single record that is gone, is not rare.
VERSIONS = st.sampled_from(["1", "1", "1", "1", "2", None])
SHOWN = st.sampled_from(["1", "1", "1", "1", "2"])
PRESENCES = st.sampled_from([*[Presence.LIVE] * 4, *Presence])
STATES = st.sampled_from([*[LinkState.ACTIVE] * 4, *LinkState])


@st.composite
def observed(draw: st.DrawFn) -> tuple[pl.DataFrame, Listing, Listing]:
    """Links in every state, some with an id missing or, once they have ended, with one that another link has, and
    listings that know other records as well."""

    def ids(letter: str) -> list[str | None]:
        return draw(st.permutations([f"{letter}{number}" for number in range(6)] + [None, None]))

    def listing(letter: str) -> Listing:
        missing = draw(st.sets(st.integers(0, 7), max_size=3))
        names = [f"{letter}{number}" for number in draw(st.permutations(range(8))) if number not in missing]
        rows = [(name, draw(SHOWN), draw(PRESENCES).value) for name in names]
        return Listing(pl.DataFrame(rows, schema=LISTING_SCHEMA, orient="row"), True)

    ids_a, ids_b = ids("a"), ids("b")
    links = [
        (f"l{number}", ids_a[number], ids_b[number], draw(STATES).value, draw(VERSIONS), None)
        for number in range(draw(st.integers(0, 8)))
    ]
    links = [(*link[:5], draw(VERSIONS)) for link in links]
    links += [
        (f"{name}#2", id_a, id_b, draw(st.sampled_from(ENDED)).value, version_a, version_b)
        for name, id_a, id_b, _, version_a, version_b in links
        if draw(st.booleans())
    ]
    frame = pl.DataFrame(draw(st.permutations(links)), schema=LINK_SCHEMA, orient="row")
    return frame, listing("a"), listing("b")


@given(observed(), st.booleans())
@settings(max_examples=300, deadline=None, database=None, derandomize=True)
def test_row_by_row_and_by_columns_the_answer_is_the_same(
    observed: tuple[pl.DataFrame, Listing, Listing], everything: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        few = module.classify(*observed, everything=everything)
        patch.setattr(module, "FEW", -1)
        many = module.classify(*observed, everything=everything)
    assert few.look.rows(named=True) == many.look.rows(named=True)
    assert few.look.schema == many.look.schema
    for name in ("new_a", "new_b", "settled", "active", "live_a", "live_b"):
        assert getattr(few, name) == getattr(many, name), name


@given(observed(), st.sets(st.integers(0, 7)))
@settings(max_examples=300, deadline=None, database=None, derandomize=True)
def test_of_a_listing_told_from_the_links_it_is_enough_to_compare_who_stands_apart(
    observed: tuple[pl.DataFrame, Listing, Listing], more: set[int]
) -> None:
    links, *listings = observed
    told = [
        replace(listing, apart=pl.Series(sorted({*_unlike(links, listing, letter), *(f"{letter}{n}" for n in more)})))
        for letter, listing in zip("ab", listings, strict=True)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FEW", -1)
        all_compared, some_compared = module.classify(links, *listings), module.classify(links, *told)
    assert all_compared.look.rows() == some_compared.look.rows()
    assert replace(all_compared, look=some_compared.look) == some_compared


def _unlike(links: pl.DataFrame, listing: Listing, letter: str) -> set[str]:
    """Who is live and unlinked, or shows otherwise than an active link remembers, or is not there."""
    shown = {name: (version, presence) for name, version, presence in listing.frame.rows()}
    found = {name for name in shown if name not in set(links[f"id_{letter}"])}
    for row in links.rows(named=True):
        name, agreed = row[f"id_{letter}"], (row[f"version_{letter}"], Presence.LIVE.value)
        if name is not None and row["state"] == LinkState.ACTIVE.value and shown.get(name) != agreed:
            found.add(name)
    return found
