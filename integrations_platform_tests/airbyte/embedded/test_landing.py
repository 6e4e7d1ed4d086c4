"""Rows in partitions: added once, whatever is read again and whenever a process dies."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from integrations_platform.airbyte.embedded.columns import raw_id
from integrations_platform.airbyte.faults import AirbyteFault
from integrations_platform.lake.errors import Place
from integrations_platform.lake.objects import StoredObjects
from integrations_platform_tests.airbyte.embedded.stage import (
    ORDERS,
    TODAY,
    Stage,
    of,
    row,
    rows,
    state,
    states_text,
    status,
    whole,
)
from integrations_platform_tests.lake.test_crashes import Cut, PowerCutError

TOMORROW = TODAY + timedelta(days=1)


def test_what_a_source_shows_again_is_landed_once(stage: Stage) -> None:
    stage.reads = {"": whole("orders", 1, 2, 2, at="noon"), "*": whole("orders", 2, 3, at="dusk")}
    stage.report("orders")
    assert stage.report("orders").rows == 1
    assert stage.ids("orders") == [1, 2, 3]


def test_a_day_begins_with_an_empty_partition_and_without_the_last_rows_of_the_day_before(stage: Stage) -> None:
    stage.reads = {"": whole("orders", 1, 2, at="noon"), "*": whole("orders", 2, 3, at="dusk")}
    stage.report("orders")
    stage.now += timedelta(days=1)
    stage.report("orders")
    assert (stage.ids("orders"), stage.ids("orders", TOMORROW)) == ([1, 2], [3])


def test_a_sync_without_rows_leaves_an_empty_partition_with_its_columns(stage: Stage) -> None:
    stage.reads = {"*": whole("orders", at="noon")}
    assert stage.report("orders").succeeded
    assert stage.landed("orders").columns[:4] == ["id", "total", "at", "paid"]


def test_rows_of_later_syncs_are_files_beside_the_first(stage: Stage) -> None:
    stage.reads = {"": whole("orders", 1, at="noon"), "*": whole("orders", 2, at="dusk")}
    stage.report("orders")
    first = stage.lake.manifest("orders", TODAY)
    stage.report("orders")
    second = stage.lake.manifest("orders", TODAY)
    assert first is not None
    assert second is not None
    assert second.files[0] == first.files[0]
    assert [file.rows for file in second.files] == [1, 1]
    assert stage.lake.verify("orders", TODAY, deep=True) == ()


def test_a_stream_that_is_read_in_full_is_the_whole_partition(stage: Stage) -> None:
    stage.reads = {"*": whole("orders", 1, 2, at="noon")}
    stage.report("orders", mode="full")
    stage.reads = {"*": whole("orders", 2, 3, at="dusk")}
    report = stage.report("orders", mode="full")
    assert (report.rows, stage.ids("orders")) == (2, [2, 3])
    assert stage.lake.note("orders") is None


@pytest.mark.parametrize("form", ["parquet", "ndjson"])
def test_columns_that_come_in_the_middle_of_a_day_are_columns_of_the_whole_day(stage: Stage, form: str) -> None:
    stage.form = form
    stage.reads = {"": whole("orders", 1, at="noon")}
    stage.report("orders")
    properties = ORDERS["json_schema"]["properties"] | {"city": {"type": "string"}}
    stage.streams = ({**ORDERS, "json_schema": {"type": "object", "properties": properties}},)
    stage.reads = {"*": [row("orders", id=2, city="Łódź"), status("orders", "COMPLETE")]}
    assert stage.report("orders").succeeded
    assert stage.landed("orders").select("id", "city").rows() == [(1, None), (2, "Łódź")]


def test_a_column_of_another_type_in_the_middle_of_a_day_fails_its_stream(stage: Stage) -> None:
    stage.reads = {"": whole("orders", 1, at="noon"), "*": [*whole("orders", 2, at="dusk"), *whole("people", 1)]}
    stage.report("orders")
    properties = ORDERS["json_schema"]["properties"] | {"paid": {"type": "string", "format": "date"}}
    stage.streams = ({**ORDERS, "json_schema": {"type": "object", "properties": properties}}, stage.streams[1])
    report = stage.report()
    assert "other types" in of(report, "orders").failure
    assert of(report, "people").complete
    assert (stage.ids("orders"), stage.ids("people")) == ([1], [1])


def test_a_crash_at_any_call_to_the_lake_doubles_and_loses_nothing(tmp_path: Path) -> None:
    begun = Stage(tmp_path / "begun", {"": whole("orders", 1, 2, at="noon")})
    begun.report("orders")
    survived = 0
    for at, after in ((at, after) for at in range(1, 40) for after in (False, True)):
        stage = Stage(tmp_path / f"{at}-{after}", {states_text(orders="noon"): whole("orders", 2, 3, at="dusk")})
        stage.program = begun.program
        # Links: a file that is copied is another file to the lake. None is ever changed in place.
        shutil.copytree(begun.folder / "lake", stage.folder / "lake", copy_function=os.link)
        cut = Cut(StoredObjects(stage.lake.store()), at, after)
        stage.objects = cut
        try:
            stage.report("orders")
        except PowerCutError:
            survived += 1
        else:
            break  # there are no more calls
        stage.objects = None
        stage.reads["*"] = whole("orders", 3, at="dusk")
        assert stage.report("orders").succeeded
        assert stage.ids("orders") == [1, 2, 3], (at, after, cut.calls)
    assert survived > 10


def test_a_process_that_is_killed_between_files_and_state_doubles_nothing_even_after_midnight(stage: Stage) -> None:
    stage.reads = {"": whole("orders", 1, 2, at="noon"), "*": whole("orders", 3, at="dusk")}
    victim = f"""
import os, signal
from pathlib import Path
from integrations_platform.airbyte.embedded import states
from integrations_platform_tests.airbyte.embedded.stage import Stage
states.keep = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
Stage(Path({str(stage.folder)!r}), {stage.reads!r}).report("orders")
"""
    done = subprocess.run([sys.executable, "-c", victim], check=False)
    assert done.returncode == -signal.SIGKILL
    assert (stage.ids("orders"), stage.lake.note("orders")) == ([1, 2], None)
    stage.now += timedelta(days=1)
    assert stage.report("orders").rows == 0
    assert (stage.ids("orders"), stage.ids("orders", TOMORROW)) == ([1, 2], [])
    assert stage.report("orders").rows == 1


def test_of_two_syncs_at_once_one_is_told_and_no_row_is_lost_or_doubled(stage: Stage) -> None:
    stage.reads = {"": whole("orders", 1, at="noon"), "*": whole("orders", 1, 2, at="dusk")}
    stage.report("orders")
    slow = stage.sync("orders")
    rival = Stage(stage.folder, {"*": whole("orders", 2, 3, at="dawn")})

    class Overtaken(StoredObjects):
        done = False

        def replace(self, key: str, data: bytes, expected: str | None, place: Place) -> bool:
            if not self.done:
                self.done = True
                assert rival.report("orders").succeeded
            return super().replace(key, data, expected, place)

    slow.lake = replace(slow.lake, objects=Overtaken(stage.lake.store()))
    report = slow.report()
    assert "was written by run run-1 meanwhile" in report.failure
    assert sorted(stage.ids("orders")) == [1, 2, 3]
    assert stage.report("orders").succeeded
    assert sorted(stage.ids("orders")) == [1, 2, 3]


def test_forgotten_all_is_read_again_and_nothing_is_landed_twice(stage: Stage) -> None:
    stage.reads = {"": whole("orders", 1, 2, at="noon")}
    stage.report("orders")
    stage.sync("orders").forget()
    assert stage.report("orders").rows == 0
    assert stage.ids("orders") == [1, 2]


def test_state_of_another_connector_means_nothing_here(stage: Stage) -> None:
    stage.reads = {"": whole("orders", 1, at="noon")}
    stage.report("orders")
    stage.program = stage.program.rename(stage.folder / "another")
    assert stage.report("orders").succeeded  # there is no read for a state


def test_state_that_is_damaged_is_told_with_its_remedy(stage: Stage) -> None:
    stage.reads = {"": whole("orders", 1, at="noon")}
    stage.report("orders")
    found = stage.lake.note("orders")
    assert found is not None
    stage.lake.keep_note("orders", found[0][:-5], found[1])
    with pytest.raises(AirbyteFault, match=r"is damaged.*integrations airbyte forget shop"):
        stage.report("orders")
    stage.sync("orders").forget()
    assert stage.report("orders").succeeded


def test_state_comes_after_its_rows_and_not_before(stage: Stage) -> None:
    """A source may say COMPLETE and then die without having said where to go on: all of it is read again."""
    stage.reads = {"": [*rows("orders", 1), status("orders", "COMPLETE")], "*": []}
    assert stage.report("orders").succeeded
    assert stage.lake.note("orders") is None
    stage.reads = {"": [*rows("orders", 1), state("orders", at="noon"), status("orders", "COMPLETE")]}
    assert stage.report("orders").rows == 0
    assert stage.lake.note("orders") is not None


def test_the_same_record_has_the_same_id_whatever_the_order_of_its_fields() -> None:
    assert raw_id("a", {"x": 1, "y": "ß"}) == raw_id("a", {"y": "ß", "x": 1})
    assert raw_id("a", {"x": 1}) != raw_id("b", {"x": 1})
    assert raw_id("a", {"x": "\ud800"}) != raw_id("a", {"x": "?"})
