"""Deletes: what proves one, what beats one, what stops them, and what is kept (P6, P32-P34, B5)."""

from __future__ import annotations

import json

from integrations_platform.unified_sync.spec import SIDES, Guards, OnDelete, other
from integrations_platform.unified_sync.store import Role
from integrations_platform_tests.unified_sync.arrange import Crash, Story, sync


def p6_a_delete_archives_and_keeps_all_of_the_record() -> None:
    story = Story()
    row, twin = story.pair_up()
    story.a.remove(row)
    story.settle()
    assert twin.id in story.b.rows, "P6: removed for good although nobody asked"
    assert twin.archived, "P9: a proved delete did not travel"
    (line,) = [line.entry for line in story.store.memory.audit if line.entry.role is Role.DELETED]
    assert json.loads(line.lost or "{}") == twin.values, "P6: the audit does not hold the whole record"


def p6_what_an_incomplete_listing_leaves_out_is_not_deleted() -> None:
    story = Story()
    row, twin = story.pair_up()
    story.a.unlisted.add(row.id)
    story.run(lift=frozenset({"empty_side"}))
    assert not twin.archived, "P6: absent from an incomplete listing, and taken for deleted"
    story.a.remove(row)  # not there by id either, but no complete listing says so
    story.run(lift=frozenset({"empty_side"}))
    assert not twin.archived, "P6: a delete without the proof of a complete listing"


def p6_what_a_lying_listing_leaves_out_is_read_by_id() -> None:
    story = Story()
    row, twin = story.pair_up()
    story.a.unlisted.add(row.id)
    story.a.lies = True
    story.b.edit(twin, city="Basel")
    story.run(lift=frozenset({"empty_side"}))
    assert not twin.archived, "P6: absence from a listing was taken for a delete"
    assert row.values["city"] == "Basel", "P9: an edit did not reach a record that is there"


def p6_what_left_the_scope_is_not_deleted() -> None:
    story = Story()
    row, twin = story.pair_up()
    story.a.away.add(row.id)
    story.a.touch(row)
    story.run(lift=frozenset({"empty_side"}))
    assert not twin.archived, "P6: out of scope was taken for deleted"


def p6_a_delete_can_be_undone_by_either_side() -> None:
    for undone in SIDES:
        story = Story()
        row, twin = story.pair_up()
        story.a.archive(row)
        story.settle()
        story.sides[undone].archive(row if undone == "A" else twin, archived=False)
        story.settle()
        assert not row.archived, "P6: brought back on one side, still gone on the other"
        assert not twin.archived, "P6: brought back on one side, still gone on the other"
        assert len(story.links) == 1, "P10: brought back as a new link"


def p6_a_killed_delete_can_be_undone_too() -> None:
    for point in ("after write", "before commit"):
        story = Story()
        row, twin = story.pair_up()
        story.a.archive(row)
        _killed_after_write(story, point)
        assert twin.archived, "P5: the kill came before the write"
        story.settle()
        story.a.archive(row, archived=False)
        story.settle()
        assert not twin.archived, "P6: a delete that was interrupted cannot be undone"


def _killed_after_write(story: Story, point: str) -> None:
    wrote = False

    def at(seen: str) -> None:
        nonlocal wrote
        wrote |= seen == "after write"
        if wrote and seen == point:
            raise Crash

    story.at = at
    assert story.dies()
    story.at = lambda _point: None


def p32_an_update_is_not_lost_to_a_delete() -> None:
    for deleted in SIDES:
        story = Story()
        rows = dict(zip(SIDES, story.pair_up(), strict=True))
        kept = other(deleted)
        story.sides[deleted].remove(rows[deleted])
        story.sides[kept].edit(rows[kept], name="Saved")
        story.settle()
        assert not rows[kept].archived, "P32: a delete beat an update"
        assert [row.values["name"] for row in story.sides[deleted].live()] == ["Saved"], (
            "P32: the update was not brought back"
        )
        assert len(story.links) == 1, "P10: brought back as a second link"


def p33_a_new_record_with_an_old_key_is_a_new_record() -> None:
    story = Story()
    row, twin = story.pair_up()
    story.a.remove(row)
    story.settle()
    again = story.a.insert(dict(row.values, name="New person"))
    story.settle()
    assert not again.archived, "P33: a new record was removed for an old one's delete"
    assert twin.archived, "P33: the old record came back to life for a new one"
    assert twin.values["name"] == "Ann", "P33: the old record was overwritten by a new one"
    assert [r.values["name"] for r in story.b.live()] == ["New person"], "P33: the new record did not travel"
    assert len(story.links) == 2, "P33: a new record took over an old link"


def b5_ignored_deletes_stay_ignored() -> None:
    story = Story(sync(on_delete=dict.fromkeys(SIDES, OnDelete.IGNORE)))
    row, twin = story.pair_up()
    story.a.remove(row)
    for name in ("Two", "Three"):
        story.settle()
        story.b.edit(twin, name=name)
    story.settle()
    assert story.a.rows == {}, "B5: an ignored delete was undone"
    assert not twin.archived, "B5: an ignored delete travelled"


def p34_too_many_deletes_stop_every_write() -> None:
    for deleted in SIDES:
        story = Story(sync(guards=Guards(max_deletes=3, max_delete_fraction=0.05)))
        for number in range(12):
            story.a.insert({"email": f"{number}@x.org", "name": f"N{number}", "city": "Bern"})
        story.settle()
        here, there = story.sides[deleted], story.sides[other(deleted)]
        for row in here.live()[:4]:
            here.remove(row)
        here.edit(here.live()[0], name="Innocent")
        before = story.writes
        report = story.run()
        assert [item.guard for item in report.refusals] == ["deletes"], "P34: a mass delete passed the guard"
        assert story.writes == before, "P34: something was written although a guard stopped the plan"
        assert not any(row.archived for row in there.rows.values()), "P34: records were removed above the limit"


def p34_a_side_that_shows_nothing_stops_every_write() -> None:
    story = Story(sync(guards=Guards(max_deletes=1000)))
    for number in range(3):
        story.a.insert({"email": f"{number}@x.org", "name": f"N{number}", "city": "Bern"})
    story.settle()
    story.b.rows.clear()
    before = story.writes
    report = story.run()
    assert [item.guard for item in report.refusals] == ["empty_side"], "P34: an emptied side passed the guard"
    assert story.writes == before, "P34: something was written although a guard stopped the plan"


def p34_an_unattended_first_run_writes_nothing() -> None:
    story = Story()
    story.a.insert({"email": "ann@x.org"})
    report = story.run(attended=False)
    assert story.writes == 0, "P34: a sync nobody had started wrote"
    assert report.refusals, "P34: a sync nobody had started was not refused"
