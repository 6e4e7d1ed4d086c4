"""Creates that find their tag on a record of another link: set aside for a person, nobody else waits for it (P10)."""

from __future__ import annotations

import pytest

from integrations_platform_tests.unified_sync.arrange import Crash, Story, sync


def with_a_tag_astray() -> Story:
    """Two pairs and a newcomer whose tag a user has put, as a copied cell, on the record of another pair."""
    story = Story(sync())
    _, twin = story.pair_up()
    story.pair_up(email="bob@x.org", name="Bob", city="Chur")
    story.settle()
    new = story.a.insert({"email": "cid@x.org", "name": "Cid", "city": None})
    story.a.insert({"email": "dee@x.org", "name": "Dee", "city": None})
    twin.link_id = f"A:{new.id}"
    return story


def _check_set_aside(story: Story) -> None:
    (row,) = story.held()
    assert row.subject == "A:a3:B"
    assert "b1" in row.message
    assert "A:a1" in row.message
    assert sorted(link.id_a or "" for link in story.links) == ["a1", "a2", "a4"]
    assert len(story.b.rows) == 3, "the other newcomer is made"
    assert not story.store.open_intents("story")


def test_p10_a_create_that_finds_its_tag_on_a_record_of_another_link_is_set_aside() -> None:
    story = with_a_tag_astray()
    report = story.run()
    assert (report.status, report.counts["rejected_b"], report.counts["applied_b"]) == ("partial", 1, 1)
    _check_set_aside(story)
    writes = story.writes
    story.settle()
    assert story.writes == writes, "it is not tried again for nothing"


@pytest.mark.parametrize("point", ["before write", "after write", "before commit"])
def test_p5_an_interrupted_create_whose_tag_is_on_a_record_of_another_link_is_set_aside(point: str) -> None:
    story = with_a_tag_astray()
    sent = False

    def at(where: str) -> None:
        nonlocal sent
        sent |= where == "before write"
        if sent and where == point:
            raise Crash(where)

    story.at = at
    assert story.dies()
    story.at = lambda _: None
    story.settle()
    _check_set_aside(story)


def test_p10_once_the_tag_is_mended_and_the_row_released_the_record_is_made() -> None:
    story = with_a_tag_astray()
    story.run()
    story.b.rows["b1"].link_id = "A:a1"
    (row,) = story.held()
    story.store.release_quarantined("story", [row.subject], "clerk", story.tick())
    story.settle()
    assert story.held() == []
    assert len(story.links) == len(story.b.rows) == 4
