"""Plans: what is shown is what is done, a reviewed plan is applied as reviewed, options only narrow (P7, P8, P14)."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from integrations_platform.unified_sync.spec import Direction, Strategy
from integrations_platform.unified_sync.store import OpState
from integrations_platform_tests.unified_sync.arrange import Story, shown, sync, text


def busy() -> Story:
    """Work in both directions: an edit each way, a delete, a new record, a conflict."""
    story = Story(sync(strategy=Strategy.SOURCE_WINS))
    for index in range(5):
        story.a.insert({"email": f"p{index}@x.org", "name": f"P{index}", "city": "Bern"})
    story.settle()
    story.a.edit(story.a.rows["a1"], name="Anna")
    story.b.edit(story.b.rows["b2"], city="Basel")
    story.a.remove(story.a.rows["a3"])
    story.a.edit(story.a.rows["a4"], name="Left")
    story.b.edit(story.b.rows["b4"], name="Right")
    story.b.insert({"email": "new@x.org", "name": "New"})
    return story


def test_p7_a_dry_run_writes_nothing_remembers_nothing_and_names_exactly_what_the_run_then_does() -> None:
    story = busy()
    before = repr(story.store.memory)
    dry = story.run(dry_run=True)
    assert repr(story.store.memory) == before
    assert dry.dry_run
    wrote = story.writes
    planned = dry.plan
    assert planned is not None
    story.a.written_values.clear()
    story.b.written_values.clear()
    story.run()
    assert story.writes > wrote
    done = {write.op_id: dict(write.values) for side in story.sides.values() for write in side.written_values}
    assert done == {op.op_id: dict(op.columns) for op in planned.operations}


def test_p7_a_dry_run_of_a_refused_plan_shows_the_refusal_and_the_plan() -> None:
    story = busy()
    story.spec = replace(story.spec, guards=replace(story.spec.guards, max_deletes=0, max_delete_fraction=0))
    report = story.run(dry_run=True)
    assert report.exit_code == 4
    assert report.plan is not None
    assert len(report.plan.operations) == 5


def test_p14_planning_the_same_thing_again_gives_the_same_text() -> None:
    story = busy()
    assert story.plan().to_json() == story.plan().to_json()
    assert busy().plan().op_ids == story.plan().op_ids


def test_a_reviewed_plan_is_applied_as_reviewed_and_nothing_else() -> None:
    story = busy()
    saved = story.engine().save_plan(story.spec, story.plan())
    story.a.edit(story.a.rows["a5"], name="After the review")
    report = story.run(only_ops=frozenset(saved.op_ids), plan_id=saved.plan_id)
    assert report.stale == []
    assert story.b.rows["b1"].values["name"] == "Anna"
    assert story.b.rows["b5"].values["name"] == "P4"
    assert story.store.memory.plans[saved.plan_id].applied_run == report.run_id
    story.settle()
    assert story.b.rows["b5"].values["name"] == "After the review"
    assert shown(story.a) == shown(story.b)


def test_operations_that_are_no_longer_the_same_are_named_and_not_carried_out() -> None:
    story = busy()
    saved = story.engine().save_plan(story.spec, story.plan())
    (reviewed,) = [op.op_id for op in story.plan().operations if op.record_id == "b1"]
    story.a.edit(story.a.rows["a1"], name="Something else")
    report = story.run(only_ops=frozenset(saved.op_ids))
    assert report.stale == [reviewed]
    assert report.exit_code == 3
    assert story.b.rows["b1"].values["name"] == "P0"
    assert story.a.rows["a2"].values["city"] == "Basel"


def test_a_chosen_part_of_a_plan_leaves_the_rest_as_it_was() -> None:
    story = busy()
    chosen = next(op for op in story.plan().operations if op.record_id == "a2")
    assert story.run(only_ops=frozenset({chosen.op_id})).stale == [], "what was not chosen is not out of date"
    assert story.a.rows["a2"].values["city"] == "Basel"
    assert story.b.rows["b1"].values["name"] == "P0"
    assert not story.b.rows["b3"].archived
    assert {op.op_id for op in story.store.memory.intents.values() if op.state is OpState.SENT} == set()
    story.settle()
    assert shown(story.a) == shown(story.b)


@pytest.mark.parametrize(
    ("direction", "written", "spared"), [("source_to_target", "b", "a"), ("target_to_source", "a", "b")]
)
def test_a_run_limited_to_one_direction_writes_one_side_and_leaves_the_rest_for_later(
    direction: str, written: str, spared: str
) -> None:
    story = busy()
    limited = story.spec.overridden(direction=Direction(direction))
    before = {side: getattr(story, side).write_calls for side in "ab"}
    story.run(spec=limited)
    assert getattr(story, spared).write_calls == before[spared]
    assert getattr(story, written).write_calls > before[written]
    story.settle()
    assert shown(story.a) == shown(story.b)
    names = {row.values["email"]: (row.values["name"], row.values["city"]) for row in story.a.live()}
    assert names["p1@x.org"] == ("P1", "Basel"), "P3: the edit of the other side was neither overwritten nor lost"
    assert names["p0@x.org"] == ("Anna", "Bern")


def test_an_option_never_widens_what_the_declaration_allows() -> None:
    one_way = sync(direction=Direction.SOURCE_TO_TARGET)
    for direction in (Direction.BIDIRECTIONAL, Direction.TARGET_TO_SOURCE):
        wide = one_way.overridden(direction=direction)
        assert not wide.may_write("A")
        assert not wide.writes_to("A")
    assert one_way.overridden(direction=Direction.SOURCE_TO_TARGET).may_write("B")
    assert not one_way.overridden(direction=Direction.TARGET_TO_SOURCE).may_write("B")


def test_a_field_is_never_wider_than_its_sync() -> None:
    way = Direction
    table = {
        (way.BIDIRECTIONAL, way.SOURCE_TO_TARGET): way.SOURCE_TO_TARGET,
        (way.SOURCE_TO_TARGET, way.BIDIRECTIONAL): way.SOURCE_TO_TARGET,
        (way.SOURCE_TO_TARGET, way.SOURCE_TO_TARGET): way.SOURCE_TO_TARGET,
        (way.SOURCE_TO_TARGET, way.TARGET_TO_SOURCE): way.NEVER,
        (way.NEVER, way.SOURCE_TO_TARGET): way.NEVER,
        (way.NEVER, way.BIDIRECTIONAL): way.NEVER,
    }
    assert {pair: pair[0].within(pair[1]) for pair in table} == table


def test_a_strategy_option_replaces_every_fields_own() -> None:
    spec = sync(text("email"), replace(text("name"), strategy=Strategy.MANUAL))
    changed = spec.overridden(strategy=Strategy.TARGET_WINS, batch_size=7)
    assert {item.strategy for item in changed.fields} == {Strategy.TARGET_WINS}
    assert (changed.strategy, changed.batch_size) == (Strategy.TARGET_WINS, 7)
    assert spec.overridden() == spec


@pytest.mark.parametrize("seed", range(4))
def test_p8_the_end_depends_neither_on_the_order_of_records_nor_on_the_batch_size_nor_on_how_many_runs(
    seed: int,
) -> None:
    ends = set()
    for batch_size, often in ((1, False), (7, True), (100, False)):
        drawn = random.Random(seed)
        story = Story(sync(batch_size=batch_size))
        numbers = list(range(8))
        random.Random(batch_size).shuffle(numbers)
        for number in numbers:
            side = story.a if number % 2 else story.b
            side.insert({"email": f"p{number}@x.org", "name": f"P{number}", "city": "Bern"})
        story.settle()
        for step in range(8):
            side = drawn.choice([story.a, story.b])
            row = next(item for item in side.live() if item.values["email"] == f"p{step}@x.org")
            side.edit(row, **{drawn.choice(["name", "city"]): drawn.choice(["x", None, f"v{step}"])})
            if often:
                story.run()
        story.settle()
        assert shown(story.a) == shown(story.b)
        ends.add(tuple(shown(story.a)))
    assert len(ends) == 1


def test_p9_a_field_a_side_cannot_show_is_not_written_holds_up_no_other_and_is_not_forgotten() -> None:
    story = Story()
    row, twin = story.pair_up()
    story.b.columns_of = ("email", "name")  # the right side lost a column, or the permission to read it
    del twin.values["city"]
    story.b.touch(twin)
    story.a.edit(row, city="Basel", name="Anna")
    story.run()
    assert twin.values == {"email": "ann@x.org", "name": "Anna"}
    story.b.columns_of, twin.values["city"] = ("email", "name", "city"), "Bern"
    story.b.touch(twin)
    story.settle()
    assert twin.values["city"] == "Basel", "P13: the change was not forgotten while the field was away"


def test_progress_counts_every_record_that_is_compared_up_to_all_of_them() -> None:
    story = busy()
    told: list[tuple[str, int, int]] = []
    engine = story.engine()
    engine.runtime = replace(engine.runtime, progress=lambda *said: told.append(said))
    engine.plan(story.spec, story.sides)
    assert [said for said in told if said[0] == "comparing"] == [("comparing", 4, 4)], "one of five is settled"
