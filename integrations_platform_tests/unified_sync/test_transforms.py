"""Transforms: there and back, one-way where there is no way back, and a failing one harms only its record."""

from __future__ import annotations

from dataclasses import replace

import pytest

from integrations_platform.unified_sync.spec import Direction
from integrations_platform.unified_sync.transforms import (
    LOWER,
    TRIM,
    UPPER,
    Template,
    constant,
    default,
    function,
    template,
    value_map,
)
from integrations_platform.unified_sync.values import FieldType, Value
from integrations_platform_tests.unified_sync.arrange import Story, sync, text

EMAIL = text("email", FieldType.EMAIL)


@pytest.mark.parametrize(
    ("step", "value", "there"),
    [
        (default("none"), None, "none"),
        (default("none"), "x", "x"),
        (value_map({"won": "closed", "new": "open"}), "won", "closed"),
        (value_map({"won": "closed"}), "unlisted", "unlisted"),
        (value_map({"won": "closed"}), None, None),
    ],
)
def test_an_invertible_transform_comes_back_to_where_it_began(step: object, value: Value, there: Value) -> None:
    assert step.forward(value) == there
    assert step.backward(there) == value


@pytest.mark.parametrize(("step", "there"), [(TRIM, "Ann"), (LOWER, " ann "), (UPPER, " ANN ")])
def test_a_lossy_transform_leaves_the_target_as_typed_on_the_way_back(step: object, there: str) -> None:
    assert step.forward(" Ann ") == there
    assert step.backward(there) == there
    assert step.forward(None) is None


def test_a_map_that_sends_two_values_to_one_has_no_way_back() -> None:
    assert value_map({"a": "x", "b": "x"}).backward is None
    assert constant("x").backward is None
    assert template("{a}").backward is None


def test_a_template_leaves_no_gap_for_a_blank_part_and_refuses_what_is_no_column() -> None:
    assert Template("{first} {middle} {last}").render({"first": "Ann", "middle": None, "last": "Lee"}) == "Ann Lee"
    for pattern in ("no column", "{0}", "{a.b}", "{}"):
        with pytest.raises(ValueError, match="must name columns"):
            template(pattern)


def test_p3_a_lossy_transform_never_echoes_its_loss_to_the_side_that_typed_the_value() -> None:
    story = Story(sync(EMAIL, text("name", transforms=(TRIM, UPPER))))
    row, twin = story.pair_up(email="a@x.org", name=" Ann ")
    assert twin.values["name"] == "ANN"
    story.settle()
    assert row.values["name"] == " Ann "
    story.b.edit(twin, name="EVA")
    story.settle()
    assert row.values["name"] == "EVA"


def test_c16_a_placeholder_for_nothing_never_comes_back_as_a_value() -> None:
    story = Story(sync(EMAIL, text("name", transforms=(default("Unknown"),))))
    row, twin = story.pair_up(email="a@x.org", name=None)
    assert twin.values["name"] == "Unknown"
    story.b.edit(twin, email="b@x.org")
    story.settle()
    assert row.values == {"email": "b@x.org", "name": None}


def test_a_value_map_translates_both_ways() -> None:
    story = Story(sync(EMAIL, text("stage", transforms=(value_map({"won": "closed", "new": "open"}),))))
    row, twin = story.pair_up(email="a@x.org", stage="new")
    assert twin.values["stage"] == "open"
    story.b.edit(twin, stage="closed")
    story.settle()
    assert row.values["stage"] == "won"


def test_p15_a_python_function_that_raises_quarantines_its_record_alone_and_says_why() -> None:
    def fragile(value: Value) -> Value:
        return {"one": 1, "two": 2}[str(value)]

    field = replace(
        text("name", transforms=(function("app.fragile", fragile, None),)), direction=Direction.SOURCE_TO_TARGET
    )
    story = Story(sync(EMAIL, field))
    story.a.insert({"email": "a@x.org", "name": "one"})
    story.a.insert({"email": "b@x.org", "name": "many"})
    story.run()
    assert [row.values["email"] for row in story.b.live()] == ["a@x.org"]
    (row,) = story.held()
    assert (row.record_id, row.reason) == ("a2", "validation") or row.reason == "validation"
    assert "app.fragile failed: KeyError" in row.message


def test_a_constant_and_a_template_write_the_target_and_never_the_source() -> None:
    one_way = Direction.SOURCE_TO_TARGET
    label = replace(
        text("label", transforms=(template("{email} ({name})"),), direction=one_way), source=("email", "name")
    )
    origin = replace(text("origin", transforms=(constant("crm"),), direction=one_way), source=())
    story = Story(sync(EMAIL, text("name"), label, origin))
    row, twin = story.pair_up(email="a@x.org", name="Ann")
    assert (twin.values["label"], twin.values["origin"]) == ("a@x.org (Ann)", "crm")
    story.b.edit(twin, label="scribbled", name="Eva")
    story.settle()
    assert row.values == {"email": "a@x.org", "name": "Eva"}
    assert twin.values["label"] == "a@x.org (Eva)"
    assert any("scribbled" in lost for lost in story.lost())
