"""Who is who: first sync, ambiguity, edited keys, and the loss of everything that was remembered (P26–P30)."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations_platform.unified_sync.identity import key_digests_by_rule, link_name, match_records, origin_of
from integrations_platform.unified_sync.port import Capabilities, Status
from integrations_platform.unified_sync.report import RunStatus
from integrations_platform.unified_sync.spec import Direction, SideName, SyncSpec
from integrations_platform.unified_sync.store import LinkState
from integrations_platform.unified_sync.values import FieldType, Invalid, Value
from integrations_platform_tests.simulation.memory_store import MemoryStore
from integrations_platform_tests.unified_sync.arrange import Story, shown, sync, text
from integrations_platform_tests.unified_sync.story_side import ABLE

TWO_RULES = sync(text("email", FieldType.EMAIL), text("phone", FieldType.PHONE), text("name"), match=("email", "phone"))


def person(number: int, **more: Value) -> dict[str, Value]:
    return {"email": f"p{number}@x.org", "name": f"Person {number}", "city": "Bern"} | more


def nodes(**keys: tuple[str | None, str | None]) -> dict[tuple[Any, str], dict[int, str]]:
    """``a1=("mail", "phone")`` is record 1 on A."""
    return {(name[0].upper(), name[1:]): digests(*key) for name, key in keys.items()}


def digests(mail: str | None, phone: str | None) -> dict[int, str]:
    return key_digests_by_rule(TWO_RULES, {"email": mail, "phone": phone})


def digest(spec: SyncSpec, rule: int, key: str) -> str:
    return key_digests_by_rule(spec, {spec.match[rule]: key})[rule]


def test_one_of_each_is_a_pair_and_one_alone_is_new() -> None:
    found = match_records(TWO_RULES, nodes(a1=("m", None), b1=(" M ", None), b2=("other", None)), {})
    assert (found.pairs, found.alone, found.ambiguous) == ([("1", "1")], [("B", "2")], [])


def test_p27_two_against_one_is_nobodys_guess() -> None:
    found = match_records(TWO_RULES, nodes(a1=("m", None), a2=("m", None), b1=("m", None)), {})
    assert found.pairs == []
    assert found.alone == []
    assert [members for members, _ in found.ambiguous] == [(("A", "1"), ("A", "2"), ("B", "1"))]


def test_p26_blanks_never_match() -> None:
    found = match_records(TWO_RULES, nodes(a1=(None, "  "), b1=("", None)), {})
    assert found.pairs == []
    assert found.alone == [("A", "1"), ("B", "1")]


UNREADABLE = Invalid("31.2.", "not a date")


@pytest.mark.parametrize("unreadable", ["A", "B"])
def test_a_record_that_cannot_be_read_is_not_made_a_second_time(unreadable: str) -> None:
    """It is known by its key all the same; only what it holds cannot be told."""
    story = Story()
    rows = {"A": story.a.insert(person(1)), "B": story.b.insert(person(1))}
    rows[unreadable].values["city"] = UNREADABLE
    story.run()
    assert (len(story.a.live()), len(story.b.live())) == (1, 1)
    assert {(item.side, item.reason) for item in story.held()} == {("A", "invalid"), ("B", "invalid")}
    rows[unreadable].values["city"] = "Bern"
    rows[unreadable].version += 1
    story.settle()
    assert ([link.state for link in story.links], story.held()) == (["active"], [])


def test_what_never_travels_is_nobodys_trouble_however_it_reads() -> None:
    story = Story(sync(direction=Direction.SOURCE_TO_TARGET))
    story.a.insert(person(1))
    story.b.insert(person(2) | {"city": UNREADABLE})
    story.b.insert({"email": UNREADABLE, "name": "Bo", "city": "Bern"})
    assert story.settle().status is RunStatus.SUCCEEDED
    assert (len(story.a.live()), len(story.b.live()), story.held()) == (1, 3, [])


def test_a_key_that_a_linked_record_holds_is_not_given_away() -> None:
    owners = {digest(TWO_RULES, 0, "m"): ("A:9",)}
    found = match_records(TWO_RULES, nodes(a1=("m", None), b1=("m", None)), owners)
    assert found.pairs == []
    assert "A:9" in found.ambiguous[0][1]


def test_rules_go_in_order_and_whoever_is_found_by_the_first_is_out_of_the_second() -> None:
    found = match_records(TWO_RULES, nodes(a1=("m", "1"), b1=("m", "2"), a2=(None, "2")), {})
    assert found.pairs == [("1", "1")]
    assert found.alone == [("A", "2")]
    by_second = match_records(TWO_RULES, nodes(a1=("m", "1"), b1=("n", "1")), {})
    assert by_second.pairs == [("1", "1")]


keys = st.sampled_from([None, "", "m", "M", "n", "o"])


@given(
    st.dictionaries(
        st.tuples(st.sampled_from(["A", "B"]), st.sampled_from("1234")), st.tuples(keys, keys), min_size=1, max_size=8
    ),
    st.integers(0, 2**16),
    st.booleans(),
)
@settings(max_examples=250, deadline=None, database=None, derandomize=True)
def test_p28_the_match_does_not_depend_on_any_order(drawn: dict[Any, Any], seed: int, owned: bool) -> None:
    unlinked = {node: digests(*keys) for node, keys in drawn.items()}
    owners = {digest(TWO_RULES, 0, "m"): ("L",)} if owned else {}
    shuffled = list(unlinked.items())
    random.Random(seed).shuffle(shuffled)
    one, two = match_records(TWO_RULES, unlinked, owners), match_records(TWO_RULES, dict(shuffled), owners)
    assert sorted(one.pairs) == sorted(two.pairs)
    assert (one.alone, sorted(one.ambiguous)) == (two.alone, sorted(two.ambiguous))
    placed = [("A", a) for a, _ in one.pairs] + [("B", b) for _, b in one.pairs] + one.alone
    placed += [node for members, _ in one.ambiguous for node in members]
    assert sorted(placed) == sorted(unlinked), "every record has exactly one fate"


@pytest.mark.parametrize("record_id", ["1", "a#2", "x:y", "#7", "007"])
def test_a_links_name_tells_the_record_it_began_with(record_id: str) -> None:
    first = link_name("A", record_id, set())
    again = link_name("A", record_id, {first})
    assert first != again
    for name in (first, again):
        origin = origin_of(name)
        assert origin is not None
        assert origin[0] == "A"
        assert record_id in origin[1]
    assert origin_of("somebody else's tag") is None


def test_p26_the_first_sync_of_two_copies_of_the_same_records_creates_none() -> None:
    story = Story()
    for number in range(20):
        story.a.insert(person(number))
        story.b.insert(person(number, email=f" P{number}@X.ORG"))
    story.settle()
    assert (len(story.a.rows), len(story.b.rows), len(story.links)) == (20, 20, 20)
    assert {row.values["email"] for row in story.b.live()} == {f" P{number}@X.ORG" for number in range(20)}


def test_p27_an_ambiguous_match_writes_nothing_and_names_its_candidates_until_a_person_mends_it() -> None:
    story = Story()
    first, second = story.a.insert(person(1)), story.a.insert(person(1, name="Twin"))
    story.b.insert(person(1))
    story.a.insert(person(2))
    report = story.run()
    assert report.exit_code == 3
    assert len(story.b.rows) == 2, "only the unambiguous one was created"
    assert {row.subject for row in story.held()} == {"A:a1", "A:a2", "B:b1"}
    assert all("source a1" in row.message and "target b1" in row.message for row in story.held())
    before = story.writes
    story.run()
    assert story.writes == before
    story.a.edit(second, email="twin@x.org")
    story.settle()
    assert story.held() == []
    assert shown(story.a) == shown(story.b)
    assert {(link.id_a, link.id_b) for link in story.links} >= {(first.id, "b1")}


def test_a_new_record_that_claims_a_linked_records_key_waits_and_harms_nobody() -> None:
    story = Story()
    row, twin = story.pair_up(**person(1))
    story.a.insert(person(1, name="Copy"))
    story.a.edit(row, name="Anna")
    report = story.run()
    assert twin.values["name"] == "Anna", "P15"
    assert len(story.b.rows) == 1
    assert report.counts["quarantined"] == 1


@pytest.mark.parametrize("seed", range(3))
def test_p30_edited_and_swapped_keys_keep_the_number_of_records(seed: int) -> None:
    drawn = random.Random(seed)
    story = Story()
    for number in range(6):
        story.a.insert(person(number))
    story.settle()
    for _ in range(6):
        side = drawn.choice([story.a, story.b])
        one, two = drawn.sample(side.live(), 2)
        first, second = one.values["email"], two.values["email"]
        side.edit(one, email=second if drawn.random() < 0.5 else f"new{drawn.random()}@x.org")
        side.edit(two, email=first)
        story.settle()
    assert (len(story.a.rows), len(story.b.rows), len(story.links)) == (6, 6, 6)
    assert shown(story.a) == shown(story.b)


def test_p29_losing_the_whole_state_creates_and_deletes_nothing_even_with_edited_keys() -> None:
    story = Story()
    for number in range(5):
        story.a.insert(person(number))
    story.settle()
    rows = story.a.live()
    story.memory = MemoryStore()
    story.a.edit(rows[0], email="changed@x.org")  # the key no longer matches: only the tag knows
    story.a.edit(rows[1], name="Changed")
    report = story.settle()
    assert (len(story.a.rows), len(story.b.rows), len(story.links)) == (5, 5, 5)
    assert report.open_conflicts == 2, "without a base, a difference is a conflict"
    assert report.counts["deleted_a"] + report.counts["archived_b"] + report.counts["created_b"] == 0
    assert not any(row.archived for side in story.sides.values() for row in side.rows.values())


def test_p7_a_look_at_a_lost_state_finds_the_links_again_and_stores_none_of_them() -> None:
    story = Story()
    for number in range(3):
        story.a.insert(person(number))
    story.settle()
    story.memory = MemoryStore()
    story.a.edit(story.a.rows["a1"], name="Changed")
    report = story.run(dry_run=True)
    assert report.exit_code == 0
    assert report.counts["active"] == 3
    assert report.plan is not None
    assert {op.kind for op in report.plan.operations} <= {"update"}, "P29: nothing is made a second time"
    assert story.links == []


@pytest.mark.parametrize("untagged", ["A", "B"])
def test_p29_a_pair_recognised_by_its_key_is_tagged_where_it_can_be_and_known_by_that_after_a_loss(
    untagged: SideName,
) -> None:
    """One side keeps no tags (QuickBooks); the link is named after its record, and the other one carries the name."""
    story = Story()
    story.sides[untagged].able = replace(ABLE, tags=False, receipts=False)
    story.a.insert(person(1))
    story.b.insert(person(1))
    story.settle()
    story.memory = MemoryStore()
    story.b.edit(story.b.only(), email="changed@x.org")  # the key no longer matches: only the tag knows
    report = story.settle()
    assert (len(story.a.rows), len(story.b.rows), len(story.links)) == (1, 1, 1)
    assert report.open_conflicts == 1, "without a base, a difference is a conflict"


def test_p29_a_record_deleted_while_the_state_was_lost_is_not_made_again() -> None:
    story = Story()
    for number in range(3):
        story.a.insert(person(number))
    story.settle()
    story.memory = MemoryStore()
    story.a.remove(story.a.rows["a2"])
    story.settle()
    assert sorted(story.a.rows) == ["a1", "a3"]
    assert len(story.b.live()) == 3, "the delete has no proof any more: nothing is removed either"


@pytest.mark.parametrize(
    "able", [ABLE, replace(ABLE, tags=False, receipts=False, replays=True)], ids=["tags", "replays"]
)
def test_p29_a_create_done_before_the_loss_and_undone_by_a_user_since_removes_nothing(able: Capabilities) -> None:
    """The side answers that it made the record before; nobody saw it go, so that is no delete to carry on."""
    story = Story()
    story.b.able = able
    row, twin = story.pair_up()
    story.settle()
    story.memory = MemoryStore()
    story.b.archive(twin)
    if able.replays:  # as QuickBooks' connector tells an answer that is an old one's
        story.b.answers = lambda _, told: [replace(each, status=Status.ALREADY, record=None) for each in told]
    story.settle()
    assert [each.archived for each in (row, twin)] == [False, True]
    assert [link.state for link in story.links] == [LinkState.TRASHED]
    assert len(story.b.rows) == 1, "and nothing is made anew"
    story.b.archive(twin, archived=False)
    story.a.edit(row, name="Anna")
    story.settle()
    assert [link.state for link in story.links] == [LinkState.ACTIVE]


def test_a_side_that_creates_nothing_is_only_reported() -> None:
    story = Story(sync(creates={"A": False, "B": True}))
    story.a.insert(person(1))
    story.b.insert(person(2))
    report = story.run()
    assert report.counts["only_on_a"] == 1
    assert [row.values["name"] for row in story.a.live()] == ["Person 1", "Person 2"]
    assert len(story.b.rows) == 1


def test_ids_that_last_only_until_an_edit_are_made_lasting_when_a_record_is_linked() -> None:
    story = Story()
    story.a.able = replace(story.a.able, provisional_ids=True)
    story.a.insert(person(1))
    story.a.insert(person(2))
    story.b.insert(person(2))
    assert story.run(dry_run=True).exit_code == 0
    assert [row.link_id for row in story.a.rows.values()] == [None, None], "a look asks for nothing"
    story.settle()
    assert [row.link_id for row in story.a.rows.values()] == ["", ""]
    assert sorted(row.link_id or "" for row in story.b.rows.values()) == sorted(link.link_id for link in story.links)


def test_p10_two_creates_answered_with_one_record_are_not_joined_in_it() -> None:
    """The side names no link on its records: only that the first create has the record says that the second has not."""
    story = Story()
    story.b.able = Capabilities(compare_and_set=True, replays=True, archive=True, delete=True)
    for number in (1, 2):
        story.a.insert({"email": f"p{number}@x.org", "name": f"N{number}", "city": "Bern"})
    story.b.answers = lambda _, told: [replace(each, id=told[0].id, record=None) for each in told]
    report = story.run()
    assert report.status is RunStatus.PARTIAL
    assert len([link.id_b for link in story.links if link.id_b is not None]) == 1
    (held,) = story.held()
    assert "was created before" in held.message
