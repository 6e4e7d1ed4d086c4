"""Records that are merged on their own side: links follow, nothing is removed unasked, people decide (P31)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from integrations_platform.unified_sync.port import Capabilities, Status
from integrations_platform.unified_sync.spec import SIDES, Direction, Guards, SideName, other
from integrations_platform.unified_sync.store import Conflict, ConflictStatus, LinkState, Role
from integrations_platform_tests.simulation.memory_store import MemoryStore
from integrations_platform_tests.unified_sync.arrange import Crash, Story, sync
from integrations_platform_tests.unified_sync.story_side import Row

by_side = pytest.mark.parametrize("side", SIDES)


def two_pairs(side: SideName, **more: object) -> tuple[Story, list[Row], list[Row]]:
    """Two linked pairs; the rows of ``side``, where merges happen, and those of the other one, in the same order."""
    story = Story(sync(**more))
    pairs = [story.pair_up(), story.pair_up(email="bob@x.org", name="Bob", city="Chur")]
    mine, theirs = zip(*(pair if side == "A" else pair[::-1] for pair in pairs), strict=True)
    return story, list(mine), list(theirs)


def three_pairs(side: SideName) -> tuple[Story, list[Row], list[Row]]:
    """As :func:`two_pairs`, and one more."""
    story, mine, theirs = two_pairs(side)
    pair = story.pair_up(email="cid@x.org", name="Cid", city="Genf")
    return story, [*mine, pair[side == "B"]], [*theirs, pair[side == "A"]]


def merged_case(side: SideName, **more: object) -> tuple[Story, Row, Row]:
    """Two linked records of ``side`` merged into the first; the survivor's and the loser's counterparts."""
    story, mine, theirs = two_pairs(side, **more)
    story.sides[side].merge(mine[1], mine[0])
    story.run()
    return story, theirs[0], theirs[1]


@by_side
def test_p31_a_link_follows_its_record_into_a_survivor_nobody_knew(side: SideName) -> None:
    story = Story(sync())
    pair = story.pair_up()
    mine, theirs = pair if side == "A" else pair[::-1]
    system = story.sides[side]
    survivor = system.insert({"email": "ann@x.org", "name": "Ann", "city": "Basel"})
    system.merge(mine, survivor)
    story.run()
    (link,) = story.links
    assert (link.id_a if side == "A" else link.id_b) == survivor.id
    assert [line.entry.rule for line in story.store.memory.audit if "merged into" in line.entry.rule]
    story.settle()
    assert theirs.values["city"] == "Basel", "the base was kept: what the merge changed is an ordinary change"
    assert len(story.sides[other(side)].live()) == 1
    assert story.store.memory.conflicts == {}


@by_side
def test_p31_a_chain_of_merges_is_followed_to_its_end(side: SideName) -> None:
    story = Story(sync())
    pair = story.pair_up()
    mine = pair[0] if side == "A" else pair[1]
    system = story.sides[side]
    middle, last = (system.insert({"email": "ann@x.org", "name": "Ann", "city": "Bern"}) for _ in range(2))
    system.merge(mine, middle)
    system.merge(middle, last)
    system.merged[mine.id] = middle.id  # told step by step
    story.settle()
    (link,) = story.links
    assert (link.id_a if side == "A" else link.id_b) == last.id


@by_side
def test_p31_two_linked_records_that_become_one_are_a_case_for_a_person(side: SideName) -> None:
    story, kept, loser = merged_case(side)
    assert not kept.archived
    assert not loser.archived
    row = story.conflict()
    assert (row.kind, row.unit) == ("merge", "")
    state = {link.link_id: link.state for link in story.links}
    assert state[row.link_id] is LinkState.MERGED_AWAY
    before, essence = story.writes, story.store.memory.essence()
    report = story.run()
    assert (story.writes, story.store.memory.essence()) == (before, essence), "P1, P25"
    assert report.status == "partial"
    ids = [link.id_a if side == "A" else link.id_b for link in story.links]
    assert sorted(filter(None, ids)) == [story.sides[side].only().id], "no link points to a dead id"


@by_side
def test_p31_a_link_that_sleeps_out_of_scope_follows_too(side: SideName) -> None:
    story, mine, theirs = two_pairs(side)
    story.sides[other(side)].away.add(theirs[0].id)
    story.sides[other(side)].touch(theirs[0])
    story.settle()
    system = story.sides[side]
    survivor = system.insert({"email": "ann@x.org", "name": "Ann", "city": "Bern"})
    system.away.add(survivor.id)
    system.merge(mine[0], survivor)
    story.settle()
    ids = {link.link_id: (link.id_a if side == "A" else link.id_b, link.state) for link in story.links}
    assert (survivor.id, LinkState.OUT_OF_SCOPE) in ids.values()
    assert mine[0].id not in {record_id for record_id, _ in ids.values()}


@by_side
def test_p31_records_that_both_sides_merged_are_one_and_no_decision_is_asked_or_taken(side: SideName) -> None:
    """Each side keeps another of the two; a decision on the case of one would have removed the other's counterpart."""
    story, mine, theirs = two_pairs(side)
    story.sides[side].merge(mine[1], mine[0])
    story.sides[other(side)].merge(theirs[0], theirs[1])
    story.settle()
    assert story.store.conflicts("story") == []
    assert sorted(link.state for link in story.links) == [LinkState.ACTIVE, LinkState.CLOSED]
    assert [row.archived for row in (mine[0], theirs[1])] == [False, False]
    story.sides[side].edit(mine[0], city="Basel")
    story.settle()
    assert theirs[1].values["city"] == "Basel"


@by_side
def test_p31_records_that_both_sides_merged_into_different_ones_are_nobodys_case(side: SideName) -> None:
    """Neither record of the link is left. A case opened all the same asked a person nothing and was over in the next
    run, although the one before had written nothing (P1)."""
    story, mine, theirs = three_pairs(side)
    story.sides[side].merge(mine[1], mine[0])
    story.sides[other(side)].merge(theirs[1], theirs[2])
    story.run()
    assert story.store.memory.conflicts == {}
    assert Counter(link.state for link in story.links) == {LinkState.ACTIVE: 2, LinkState.CLOSED: 1}
    essence = story.store.memory.essence()
    story.run()
    assert story.store.memory.essence() == essence
    assert len(story.a.live()) == len(story.b.live()) == 2


@by_side
def test_p31_a_case_ends_when_the_other_side_merges_too(side: SideName) -> None:
    story, kept, loser = merged_case(side)
    story.decide(side)
    story.sides[other(side)].merge(kept, loser)
    story.settle()
    assert not loser.archived, "it is the counterpart of the survivor by now"
    assert story.store.conflicts("story") == []


@by_side
@pytest.mark.parametrize("last", range(1, 7))
def test_p31_a_decision_is_kept_when_the_run_that_opened_the_case_died_on_its_way(side: SideName, last: int) -> None:
    story, mine, theirs = two_pairs(side)
    story.sides[side].merge(mine[1], mine[0])
    commits = 0

    def dies(point: str) -> None:
        nonlocal commits
        commits += point == "after commit"
        if commits == last:
            raise Crash

    story.at = dies
    story.dies()
    story.at = lambda _: None
    if not story.store.conflicts("story"):
        story.run()
    name = story.conflict().conflict_id
    story.decide(side)
    seen: list[str | None] = []
    story.at = lambda point: seen.append(story.store.memory.conflicts[name].choice) if point == "before write" else None
    story.settle()
    assert theirs[1].archived
    assert seen == [side], "the decision stands while it is carried out"
    kept = story.store.memory.conflicts[name]
    assert (kept.status, kept.choice, kept.decided_by) == (ConflictStatus.RESOLVED, side, "clerk")


def half_opened_case(side: SideName) -> tuple[Story, list[Row], list[Row], Conflict]:
    """Of three linked pairs the second was merged into the first, and the run that opened the case died before it
    stored what became of the link. The rows of ``side``, those of the other one, and the case."""
    story, mine, theirs = three_pairs(side)
    story.sides[side].merge(mine[1], mine[0])

    def dies(_point: str) -> None:
        if story.store.conflicts("story"):
            raise Crash

    story.at = dies
    assert story.dies()
    story.at = lambda _: None
    case = story.conflict()
    assert {link.state for link in story.links} == {LinkState.ACTIVE}
    return story, mine, theirs, case


@by_side
def test_p25_a_half_opened_case_stays_the_one_case_of_its_link_when_the_survivor_is_merged_on(side: SideName) -> None:
    """Whom the record was merged into is another one by now; that it was merged away is the same case."""
    story, mine, theirs, case = half_opened_case(side)
    story.sides[side].merge(mine[0], mine[2])
    story.sides[other(side)].edit(theirs[1], name="Robert")
    story.settle()
    rows = [row for row in story.store.memory.conflicts.values() if row.link_id == case.link_id]
    assert [(row.conflict_id, row.status, row.n) for row in rows] == [(case.conflict_id, ConflictStatus.OPEN, 2)]
    assert "Robert" in str(rows[0].value_b if side == "A" else rows[0].value_a)


@by_side
def test_p31_a_decision_of_a_half_opened_case_is_kept_when_the_survivor_is_merged_on(side: SideName) -> None:
    story, mine, theirs, case = half_opened_case(side)
    story.decide(side, row=case)
    story.sides[side].merge(mine[0], mine[2])
    story.settle()
    assert [row.archived for row in theirs] == [False, True, False]
    rows = [row for row in story.store.memory.conflicts.values() if row.link_id == case.link_id]
    assert [(row.conflict_id, row.status, row.choice) for row in rows] == [
        (case.conflict_id, ConflictStatus.RESOLVED, side)
    ]


@by_side
def test_p31_a_half_opened_case_ends_when_the_other_side_merges_too(side: SideName) -> None:
    story, mine, theirs, case = half_opened_case(side)
    story.decide(side, row=case)
    story.sides[other(side)].merge(theirs[1], theirs[2])
    story.settle()
    assert [row.archived for row in (mine[0], mine[2], theirs[0], theirs[2])] == [False] * 4
    assert story.store.conflicts("story") == []


def test_p31_a_create_answered_with_a_record_merged_away_since_is_linked_to_what_is_left() -> None:
    story = Story()
    story.b.able = Capabilities(compare_and_set=True, replays=True, archive=True, delete=True)
    row = story.a.insert({"email": "ann@x.org", "name": "Ann", "city": "Bern"})
    survivor = story.b.insert({"email": "bob@x.org", "name": "Bob", "city": "Chur"})
    story.b.merged["b0"] = survivor.id
    story.b.answers = lambda _, told: [replace(each, status=Status.ALREADY, id="b0", record=None) for each in told]
    story.run(spec=story.spec.overridden(direction=Direction.SOURCE_TO_TARGET))
    assert [link.id_b for link in story.links if link.id_a == row.id] == [survivor.id]


@by_side
def test_p31_the_surviving_link_goes_on_from_its_base(side: SideName) -> None:
    story, mine, theirs = two_pairs(side)
    story.sides[side].edit(mine[0], city="Basel")
    story.sides[side].merge(mine[1], mine[0])
    story.settle()
    assert (theirs[0].values["city"], theirs[1].values["city"]) == ("Basel", "Chur")


@by_side
def test_p31_decided_for_the_merge_the_other_record_is_archived_and_kept_in_the_audit(side: SideName) -> None:
    story, kept, loser = merged_case(side)
    story.decide(side)
    story.settle()
    assert (kept.archived, loser.archived) == (False, True)
    assert story.store.conflicts("story") == []
    assert any(
        line.entry.role is Role.DELETED and "Bob" in (line.entry.lost or "") for line in story.store.memory.audit
    )
    before = story.writes
    story.run()
    assert story.writes == before


@by_side
def test_p31_decided_for_the_other_side_both_records_stay_and_one_is_no_longer_synced(side: SideName) -> None:
    story, _, loser = merged_case(side)
    far = other(side)
    story.decide(far)
    story.settle()
    assert [row.archived for row in story.sides[far].rows.values()] == [False, False]
    story.sides[far].edit(loser, name="Robert")
    story.settle()
    assert len(story.sides[side].rows) == 1, "it is not made anew"
    assert story.sides[side].only().values["name"] == "Ann"


@by_side
def test_p31_a_run_that_dies_as_it_ends_a_case_decided_for_the_other_side_has_closed_its_link(side: SideName) -> None:
    """No later run would look at it again: there is nothing left to decide."""
    story, _, _ = merged_case(side)
    story.decide(other(side))

    def dies(_point: str) -> None:
        if not story.store.conflicts("story"):
            raise Crash

    story.at = dies
    assert story.dies()
    story.at = lambda _: None
    story.settle()
    assert sorted(link.state for link in story.links) == [LinkState.ACTIVE, LinkState.CLOSED]


@by_side
def test_p22_a_decision_about_a_merge_counts_only_for_the_record_its_author_saw(side: SideName) -> None:
    story, _, loser = merged_case(side)
    story.decide(side)
    story.sides[other(side)].edit(loser, name="Robert")
    story.run()
    assert not loser.archived
    assert (story.conflict().n, story.conflict().choice) == (2, None)
    assert "Robert" in str(story.conflict().value_b if side == "A" else story.conflict().value_a)
    story.decide(side)
    story.settle()
    assert loser.archived


@by_side
def test_p34_a_decided_merge_stands_under_the_guard_against_mass_deletes(side: SideName) -> None:
    story, _, loser = merged_case(side, guards=Guards(max_deletes=0, max_delete_fraction=0.0, change_floor=1000))
    story.decide(side)
    report = story.run()
    assert report.status == "refused"
    assert not loser.archived


@by_side
def test_a_merge_case_ends_when_the_other_record_is_gone_anyway(side: SideName) -> None:
    story, _, loser = merged_case(side)
    story.sides[other(side)].remove(loser)
    story.settle()
    assert story.store.conflicts("story") == []
    (row,) = story.store.memory.conflicts.values()
    assert row.status is ConflictStatus.CONVERGED


@by_side
def test_p31_an_interrupted_archive_of_a_decided_merge_is_made_good(side: SideName) -> None:
    for number in range(1, 12):
        story, kept, loser = merged_case(side)
        story.decide(side)
        passed = Counter[str]()

        def at(point: str, passed: Counter[str] = passed, number: int = number) -> None:
            passed["points"] += point in ("before write", "after write", "before commit", "after commit")
            if passed["points"] == number:
                raise Crash(point)

        story.at = at
        story.dies()
        story.at = lambda _: None
        story.settle()
        assert (kept.archived, loser.archived) == (False, True)
        assert story.store.conflicts("story") == []


@by_side
def test_p31_a_record_merged_between_the_listing_and_its_reading_is_not_taken_for_deleted(side: SideName) -> None:
    """Not every system offers one consistent view: it was listed, and a moment later it is nowhere."""
    story, mine, theirs = two_pairs(side)
    system = story.sides[side]
    system.edit(mine[1], city="Genf")
    system.unread.add(mine[1].id)
    story.run()
    assert [row.archived for row in theirs] == [False, False]
    system.unread.clear()
    system.merge(mine[1], mine[0])
    story.settle()
    assert [row.archived for row in theirs] == [False, False]


@by_side
def test_p29_after_the_loss_of_the_state_a_merged_record_is_still_known_by_its_tag(side: SideName) -> None:
    story = Story(sync())
    pair = story.pair_up()
    mine, theirs = pair if side == "A" else pair[::-1]
    system = story.sides[side]
    survivor = system.insert({"email": "else@x.org", "name": "Ann", "city": "Bern"})
    system.merge(mine, survivor)
    story.run()
    story.store.memory = type(story.store.memory)()
    story.run()
    assert [len(of.rows) for of in story.sides.values()] == [1, 1]
    (link,) = story.links
    assert {link.id_a, link.id_b} == {survivor.id, theirs.id}


def test_a_side_without_tags_follows_merges_too() -> None:
    story, mine, _ = two_pairs("A")
    story.a.able = replace(story.a.able, tags=False)
    story.a.merge(mine[1], mine[0])
    story.run()
    assert story.conflict().kind == "merge"


def lost_after_a_merge() -> tuple[Story, Row, Row, Row]:
    """A record that began on A merged with one that began on B, whose tag the merge copied to it; then the state is
    lost. The survivor, its counterpart and the other one's."""
    story = Story()
    kept, its_own = story.pair_up()
    other_one = story.b.insert({"email": "bob@x.org", "name": "Bob", "city": "Chur"})
    story.run()
    (loser,) = [row for row in story.a.live() if row is not kept]
    story.a.merge(loser, kept)
    kept.link_id = loser.link_id
    story.memory = MemoryStore()
    return story, kept, its_own, other_one


def test_p29_a_tag_that_a_merge_copied_does_not_end_the_first_run_after_the_loss_of_the_state() -> None:
    story, kept, its_own, other_one = lost_after_a_merge()
    story.settle()
    assert [row.id for row in story.a.live()] == [kept.id]
    assert sorted(row.id for row in story.b.live()) == sorted([its_own.id, other_one.id]), "P31: nothing is removed"
    (case,) = story.store.conflicts(story.spec.name)
    assert case.kind == "merge"
