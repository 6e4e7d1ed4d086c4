"""Who is who: matching, tags, keys that change, references (P26-P30, P35, P36)."""

from __future__ import annotations

from integrations_platform.unified_sync.values import FieldType
from integrations_platform_tests.simulation.memory_store import MemoryStore
from integrations_platform_tests.simulation.sides import Row
from integrations_platform_tests.unified_sync.arrange import Story, shown, sync, text


def p26_copies_of_the_same_records_are_recognised() -> None:
    story = Story()
    for number in range(4):
        story.a.insert({"email": f" P{number}@X.org", "name": f"N{number}", "city": "Bern"})
        story.b.insert({"email": f"p{number}@x.ORG ", "name": f"N{number}", "city": "Bern"})
    story.settle()
    assert (len(story.a.rows), len(story.b.rows)) == (4, 4), "P26: a record that was there already was created"
    assert len(story.links) == 4, "P26: copies were not recognised"


def p26_blanks_are_nobodys_key() -> None:
    story = Story()
    for side in (story.a, story.b):
        side.insert({"email": " ", "name": side.name, "city": "Bern"})
    story.settle()
    assert (len(story.a.rows), len(story.b.rows)) == (2, 2), "P26: two blanks were taken for the same key"


def p27_two_candidates_are_nobodys_guess() -> None:
    for crowded in ("A", "B"):
        story = Story()
        one = {"email": "ann@x.org", "name": "Ann", "city": "Bern"}
        for side, number in (("A", 2 if crowded == "A" else 1), ("B", 2 if crowded == "B" else 1)):
            for _ in range(number):
                story.sides[side].insert(dict(one, name=f"{side}{_}"))  # type: ignore[index]
        story.settle()
        assert story.writes == 0, "P27: an ambiguous match was written"
        assert story.links == [], "P27: an ambiguous match was linked"
        assert len(story.held()) == 3, "P27: candidates are not named"


def p27_a_linked_records_key_is_not_given_away() -> None:
    story = Story()
    story.pair_up()
    story.a.insert({"email": "ANN@x.org", "name": "Second", "city": "Bern"})
    story.settle()
    assert len(story.b.rows) == 1, "P27: a record that claims a linked record's key was created"


def p28_the_match_does_not_depend_on_order() -> None:
    ends = set()
    for names in (("One", "Two"), ("Two", "One")):
        story = Story()
        for name in names:
            story.a.insert({"email": "ann@x.org", "name": name, "city": "Bern"})
            story.b.insert({"email": "ann@x.org", "name": name, "city": "Chur"})
        story.settle()
        ends.add(repr((shown(story.a), shown(story.b))))
    assert len(ends) == 1, "P28: the order of records decided who is who"


def _recognised() -> tuple[Story, Row, Row]:
    """Two records linked by their key, not made by the engine."""
    story = Story()
    one = {"email": "ann@x.org", "name": "Ann", "city": "Bern"}
    row, twin = story.a.insert(one), story.b.insert(one)
    story.settle()
    return story, row, twin


def p29_a_lost_state_makes_and_removes_nothing() -> None:
    story, row, twin = _recognised()
    story.a.insert({"email": "bob@x.org", "name": "Bob", "city": "Bern"})
    story.settle()
    story.a.edit(row, email="new@x.org")
    story.b.edit(twin, email="other@x.org")
    story.memory = MemoryStore()
    story.settle()
    assert (len(story.a.live()), len(story.b.live())) == (2, 2), "P29: a lost state doubled or removed records"
    assert (row.values["email"], twin.values["email"]) == ("new@x.org", "other@x.org"), "P29: a difference was decided"


def p29_what_was_deleted_while_the_state_was_lost_is_not_made_again() -> None:
    story = Story()
    row, _ = story.pair_up()
    story.a.remove(row)
    story.memory = MemoryStore()
    story.settle()
    assert story.a.live() == [], "P29: a record deleted while the state was lost was made again"


def p30_edited_keys_keep_the_number_of_records() -> None:
    story = Story()
    row, twin = story.pair_up()
    for number in range(3):
        story.a.edit(row, email=f"new{number}@x.org")
        story.settle()
        story.b.edit(twin, email=f"newer{number}@x.org")
        story.settle()
    assert (len(story.a.live()), len(story.b.live())) == (1, 1), "P30: an edited key made or removed a record"
    assert shown(story.a) == shown(story.b), "P30: an edited key unlinked its record"


def _family(*, required: bool = False) -> Story:
    spec = sync(text("name"), text("parent", FieldType.REF, references="story", required=required))
    return Story(spec, known={"story": spec})


def p35_no_reference_to_a_record_that_is_gone() -> None:
    story = _family()
    parent = story.a.insert({"name": "Parent"})
    story.settle()
    twin = story.b.only()
    story.a.archive(parent)
    story.settle()
    story.a.insert({"name": "Child", "parent": parent.id})
    story.run()
    pointing = [row.values["parent"] for row in story.b.live()]
    assert twin.archived, "P9: a proved delete did not travel"
    assert twin.id not in pointing, "P35: a record was written with a reference to one that is gone"
    assert parent.id not in pointing, "P35: a reference was carried over with the other side's id"


def p35_a_required_reference_is_never_left_out() -> None:
    story = _family(required=True)
    story.a.insert({"name": "Child", "parent": "a9"})
    story.run()
    assert story.b.rows == {}, "P35: a record was written without the reference it must have"


def p36_a_record_may_come_before_the_one_it_refers_to() -> None:
    story = _family()
    child = story.a.insert({"name": "Child", "parent": "a2"})
    story.run()
    parent = story.a.insert({"name": "Parent"})
    assert parent.id == "a2", "the story's own numbering"
    story.settle(runs=5)
    twins = {row.values["name"]: row for row in story.b.live()}
    assert twins["Child"].values["parent"] == twins["Parent"].id, "P36: an owed reference was never paid"
    assert child.values["parent"] == "a2", "P36: a reference was changed on its own side"


def p36_a_deferred_record_comes_when_its_reference_can_be_written() -> None:
    story = _family()
    parent = story.a.insert({"name": "Parent"})
    story.settle()
    story.a.archive(parent)
    story.settle()
    story.a.insert({"name": "Child", "parent": parent.id})
    story.run()
    story.a.archive(parent, archived=False)
    story.settle(runs=5)
    assert sorted(str(row.values["name"]) for row in story.b.live()) == ["Child", "Parent"], (
        "P36: a deferred one is lost"
    )
