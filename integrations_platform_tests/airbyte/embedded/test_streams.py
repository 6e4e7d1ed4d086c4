"""What counts as read: a stream the source calls complete, and nothing else; what fails fails alone."""

from __future__ import annotations

from typing import Any

import pytest

from integrations_platform_tests.airbyte.embedded.stage import (
    Stage,
    of,
    row,
    rows,
    state,
    states_text,
    status,
    trouble,
    whole,
)


def test_complete_streams_land_and_the_next_sync_begins_where_they_ended(stage: Stage) -> None:
    stage.reads = {
        "": [*whole("orders", 1, 2, at="noon"), *whole("people", 1, at="dawn")],
        states_text(orders="noon", people="dawn"): [*whole("orders", 3, at="dusk"), *whole("people", at="dawn")],
    }
    first = stage.report()
    assert first.succeeded
    assert (first.rows, of(first, "orders").rows, of(first, "people").rows) == (3, 2, 1)
    second = stage.report()
    assert second.succeeded
    assert (second.rows, stage.ids("orders"), stage.ids("people")) == (1, [1, 2, 3], [1])


def test_a_stream_that_is_incomplete_fails_alone_and_is_read_again(stage: Stage) -> None:
    stage.reads = {
        "": [*whole("orders", 1, at="noon"), status("people", "STARTED"), *rows("people", 1),
             state("people", at="dawn"), trouble("the page moved", stream="people"), status("people", "INCOMPLETE"),
             {"do": "exit", "code": 1}],
        states_text(orders="noon"): [*whole("orders", at="noon"), *whole("people", 1, 2, at="dawn")],
    }  # fmt: skip
    report = stage.report()
    assert report.partial
    assert not report.permanent
    assert report.failure == "people: the page moved"
    assert (stage.ids("orders"), stage.ids("people")) == ([1], [])
    assert stage.report().succeeded
    assert (stage.ids("orders"), stage.ids("people")) == ([1], [1, 2])


@pytest.mark.parametrize("last", ["", "STARTED", "RUNNING"])
def test_exit_code_0_is_not_success(stage: Stage, last: str) -> None:
    told = [status("people", last)] if last else []
    stage.reads = {"*": [*whole("orders", 1), *told, *rows("people", 1)]}
    report = stage.report()
    assert report.status == "failed"
    assert of(report, "orders").complete
    assert not of(report, "people").complete
    assert stage.ids("people") == []


def test_every_stream_complete_and_a_bad_end_is_told_and_lands(stage: Stage) -> None:
    stage.reads = {"*": [*whole("orders", 1), *whole("people", 1), {"do": "exit", "code": 3}]}
    report = stage.report()
    assert (report.status, report.failure) == ("failed", "every stream is complete, but it ended with exit code 3")
    assert stage.ids("orders") == [1]


def test_text_between_the_messages_is_passed_over(stage: Stage) -> None:
    noise = "Warning: something is deprecated\n\n   \n[1, 2]\n"
    log = {"type": "LOG", "log": {"level": "INFO", "message": "reading"}}
    unknown = {"type": "SOMETHING_NEW", "something": {}}
    stage.reads = {"*": [noise, *whole("orders", 1), log, unknown, noise, *whole("people", 2), noise]}
    assert stage.report().succeeded
    assert (stage.ids("orders"), stage.ids("people")) == ([1], [2])


@pytest.mark.parametrize(
    "line",
    [
        '{"type": "RECORD", "record": {"stream": "people", "da',
        '{"type": "RECORD", "record": {"stream": "people"}}',
        '{"type": "RECORD", "record": {"stream": "people", "data": [1], "emitted_at": 1}}',
        '{"type": "RECORD", "record": {"stream": "people", "data": {"id": 1}, "emitted_at": "soon"}}',
        '{"type": "STATE", "state": {"type": "STREAM", "stream": {}}}',
        "{" * 5000,
    ],
)
def test_a_damaged_message_fails_the_streams_it_may_have_been_of(stage: Stage, line: str) -> None:
    stage.reads = {"*": [*whole("orders", 1), status("people", "STARTED"), line + "\n", *whole("people", 2)]}
    report = stage.report()
    assert of(report, "orders").complete
    assert "damaged" in of(report, "people").failure
    assert (stage.ids("orders"), stage.ids("people")) == ([1], [])


def test_half_a_line_before_a_sudden_death_lands_nothing_of_its_stream(stage: Stage) -> None:
    half = '{"type": "RECORD", "record": {"stream": "people", "data": {"id"'
    stage.reads = {"*": [*whole("orders", 1), status("people", "STARTED"), *rows("people", 1), half, {"do": "die"}]}
    report = stage.report()
    assert report.partial
    assert "people" in report.failure
    assert (stage.ids("orders"), stage.ids("people")) == ([1], [])


def test_a_sudden_death_is_told_as_such(stage: Stage) -> None:
    stage.reads = {"*": [*rows("orders", 1), {"do": "die"}]}
    assert "killed by signal 9" in stage.report("orders").failure


def test_the_end_of_its_complaints_is_the_reason_where_it_gives_none(stage: Stage) -> None:
    stage.reads = {"*": [{"do": "complain", "text": "ImportError: no module named tzdata"}, {"do": "exit", "code": 1}]}
    report = stage.report("orders")
    assert report.failure == "orders: ImportError: no module named tzdata"
    assert not report.permanent


def test_a_wrong_setting_is_not_worth_trying_again(stage: Stage) -> None:
    stage.reads = {"*": [trouble("Your key expired", "config_error"), {"do": "exit", "code": 1}]}
    report = stage.report()
    assert report.permanent
    assert report.failure == "orders, people: Your key expired"


def test_streams_that_were_not_asked_for_are_left_and_told_once(stage: Stage) -> None:
    stage.reads = {"*": [*whole("orders", 1), *whole("people", 1, 2)]}
    assert stage.report("orders").succeeded
    assert stage.ids("people") == []
    assert len(stage.warnings) == 1


def test_state_that_belongs_to_all_streams_together_is_refused_where_it_would_be_lost(stage: Stage) -> None:
    from integrations_platform.airbyte.faults import AirbyteFault

    shared: dict[str, Any] = {"type": "STATE", "state": {"type": "GLOBAL", "global": {"stream_states": []}}}
    stage.reads = {"*": [*whole("orders", 1), shared]}
    with pytest.raises(AirbyteFault, match="one state for all its streams"):
        stage.report("orders")
    assert stage.ids("orders") == []
    assert stage.report("orders", mode="full").succeeded


def test_a_value_that_does_not_fit_is_kept_as_it_was_sent(stage: Stage) -> None:
    stage.reads = {
        "*": [
            row("orders", id=1, total="12,5", at="2026-03-04T10:00:00+02:00", paid=None, note={"a": [1]}),
            row("orders", id=2**70, total=2, at="soon", paid="yes"),
            row("orders", id=3, total=0.5, at="2026-03-04T10:00:00", paid=True),
            status("orders", "COMPLETE"),
        ]
    }
    assert stage.report("orders").succeeded
    found = stage.landed("orders").to_dicts()
    assert [one["id"] for one in found] == [1, None, 3]
    assert [one["total"] for one in found] == [None, 2.0, 0.5]
    assert [one["at"] and one["at"].isoformat() for one in found] == [
        "2026-03-04T08:00:00+00:00", None, "2026-03-04T10:00:00+00:00",
    ]  # fmt: skip
    assert found[0]["_airbyte_meta"] == '{"misfits": {"total": "12,5"}, "undeclared": {"note": {"a": [1]}}}'
    assert str(2**70) in found[1]["_airbyte_meta"]
    assert found[2]["_airbyte_meta"] is None
    assert found[0]["_airbyte_extracted_at"].isoformat() == "2026-03-04T12:00:00+00:00"
    assert len({one["_airbyte_raw_id"] for one in found}) == 3
