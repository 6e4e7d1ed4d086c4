"""A create of ours that takes effect after it was given up has made the record of its link, and no new one (P10)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from integrations_platform.unified_sync.operations import from_intent
from integrations_platform.unified_sync.spec import OnDeleteOfChanged
from integrations_platform.unified_sync.values import FieldType, Invalid
from integrations_platform_tests.unified_sync.arrange import Crash, Story, shown, sync, text
from integrations_platform_tests.unified_sync.story_side import ABLE, Row

FIELDS = (text("email", FieldType.EMAIL), text("name", required=True), text("city"))


def with_a_create_come_late(*, receipts: bool = True, **declared: Any) -> tuple[Story, Row, Row]:
    """Beside another pair, a record of the source and the one made of it when its counterpart had been deleted: the run
    that was about to make it stood still, and went on when the next one had given that up and died."""
    story = Story(sync(*FIELDS, **declared))
    story.b.able = replace(ABLE, receipts=receipts)
    row, twin = story.pair_up()
    story.pair_up(email="b@x.org", name="Bob", city="Chur")
    story.settle()
    story.b.remove(twin)
    story.a.edit(row, name="Anna")
    if declared:
        story.run()
        story.decide("A")
    late = ""
    for point in ("before write", "before snapshot"):
        story.at = _dying(point)
        assert story.dies()
        late = late or story.store.open_intents("story")[0].op_id
    story.at = lambda _: None
    assert story.store.open_intents("story") == []
    made = story.b.one(from_intent(story.spec, story.store.intents("story", [late])[late]).as_write()).id
    assert made is not None
    return story, row, story.b.rows[made]


def _dying(wanted: str) -> Callable[[str], None]:
    def die(point: str) -> None:
        if point == wanted:
            raise Crash(point)

    return die


def check_one_record(story: Story, row: Row, made: Row) -> None:
    """Both sides have two records, and the late one is that of the link it was made for."""
    story.settle()
    assert shown(story.a) == shown(story.b)
    assert len(story.b.live()) == 2
    (link,) = [link for link in story.links if link.id_a == row.id]
    assert link.id_b == made.id
    assert story.store.conflicts("story") == []


@pytest.mark.parametrize("receipts", [True, False])
def test_p10_it_is_no_new_record_while_nothing_proves_that_the_former_one_is_gone(*, receipts: bool) -> None:
    """A page of the listing is missing, so that its link cannot be given a record in this run; it carries its name."""
    story, row, made = with_a_create_come_late(receipts=receipts)
    story.b.unlisted = {one.id for one in story.b.live() if one is not made}
    story.run()
    assert len(story.a.live()) == 2
    story.b.unlisted = set()
    check_one_record(story, row, made)
    assert story.held() == []


@pytest.mark.parametrize(("name", "reason"), [(Invalid("\ud83d", "a lone surrogate"), "invalid"), (None, "validation")])
def test_p10_it_is_no_new_record_while_that_which_it_was_made_of_cannot_be_made_again(name: Any, reason: str) -> None:
    story, row, made = with_a_create_come_late()
    story.a.edit(row, name=name)
    story.run()
    assert len(story.a.live()) == 2
    assert [held.reason for held in story.held()] == [reason]
    story.a.edit(row, name="Anna")
    check_one_record(story, row, made)


def test_p10_it_is_no_new_record_while_a_person_has_to_decide_again_whether_to_make_it() -> None:
    story, row, made = with_a_create_come_late(on_delete_of_changed=OnDeleteOfChanged.MANUAL)
    story.a.edit(row, city="Bonn")
    story.run()
    assert len(story.a.live()) == 2
    story.decide("A")
    check_one_record(story, row, made)
