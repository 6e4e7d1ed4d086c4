"""What holds of every load of a whole table, whichever way its rows go.

A module that uses it has a fixture ``world``: the table ``person``, four people on the source, nothing on the target.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from integrations_platform.connectors.reading import RelationalSnapshot
from integrations_platform.connectors.whole_table import Fill
from integrations_platform.state.loads import SqlLoads
from integrations_platform.unified_sync.port import ErrorKind, SideError
from integrations_platform.unified_sync.report import RunStatus
from integrations_platform_tests.end_to_end.arrange import Base, World


def person(base: Base, number: int, column: str) -> Any:
    """One value of one person."""
    return base.rows(f"SELECT {column} FROM person WHERE id = {number}")[0][0]


class Died(BaseException):
    """The process ends here."""


@contextmanager
def death(monkeypatch: pytest.MonkeyPatch, when: str, where: str) -> Iterator[None]:
    """The process ends before or after this step of remembering a load."""
    step = getattr(SqlLoads, where)

    def dies(*arguments: Any) -> None:
        if when == "after":
            step(*arguments)
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(SqlLoads, where, dies)
        with pytest.raises(Died):
            yield


@contextmanager
def unheard(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Commits are made, and their answers lost."""
    commit = Fill.commit

    def lost(fill: Fill) -> None:
        commit(fill)
        raise SideError(ErrorKind.TRANSIENT, "the connection is gone", effect_unknown=True)

    with monkeypatch.context() as patched:
        patched.setattr(Fill, "commit", lost)
        yield


class LoadStories:
    """Nobody can tell it from a load record by record, and no death leaves half of it."""

    def test_p4_what_is_remembered_is_what_a_load_record_by_record_remembers(
        self, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        world.run()
        loaded = world.memory()
        monkeypatch.setattr(SqlLoads, "readable", False)
        world.b.run(*(f"DELETE FROM {table}" for table in ("person", "integrations_ledger", "integrations_archive")))
        world.state_url = f"sqlite:///{tmp_path / 'other.sqlite'}"
        assert world.run().counts["loaded"] == 0
        one_by_one = world.memory()
        # Of the target's own version only that it stands there can be the same: JSON may be spelled in two ways.
        assert [link[:5] for link in loaded["links"]] == [link[:5] for link in one_by_one["links"]]

        def values(memory: Any) -> list[str]:
            return [text.partition("values_a=")[2].partition(", values_b=")[0] for text in memory["bases"]]

        assert sorted(values(loaded)) == sorted(values(one_by_one))

    def test_p2_an_empty_table_is_in_agreement_and_loaded_once_there_is_something(self, world: World) -> None:
        world.a.run("CREATE TABLE kept AS SELECT * FROM person", "DELETE FROM person")
        for _ in range(2):
            assert world.run().written == 0
        world.a.run("INSERT INTO person SELECT * FROM kept")
        assert world.run().counts["loaded"] == 4
        assert world.run().counts["settled"] == 4

    def test_p4_the_first_run_after_it_finds_both_sides_as_they_were_left_and_lists_neither(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert world.run().counts["loaded"] == 4

        def listed(*_: object) -> None:
            raise AssertionError("listed")

        with monkeypatch.context() as patched:
            if world.a.kind != "sqlite" and world.b.kind != "sqlite":  # which makes no digest
                patched.setattr(RelationalSnapshot, "_in_scope", listed)
            again = world.run()
            if world.a.kind == world.b.kind == "postgresql":  # which knows by itself that nothing moved since
                patched.setattr(RelationalSnapshot, "digest", listed)
                assert world.run().counts["settled"] == 4
        assert (again.status, again.written, again.counts["settled"]) == (RunStatus.SUCCEEDED, 0, 4), again.to_data()
        world.a.run("UPDATE person SET name = 'Edited' WHERE id = 1")
        world.b.run("DELETE FROM person WHERE id = 3")
        world.settle()
        assert person(world.b, 1, "name") == "Edited"
        assert world.a.rows("SELECT id FROM person WHERE id = 3") == []

    @pytest.mark.parametrize("where", ["begin", "add", "vouch", "end"])
    @pytest.mark.parametrize("when", ["before", "after"])
    def test_p5_a_load_cut_at_any_step_is_finished_or_forgotten_and_later_edits_are_plain(
        self, world: World, monkeypatch: pytest.MonkeyPatch, where: str, when: str
    ) -> None:
        with death(monkeypatch, when, where):
            world.run()
        committed = world.b.rows("SELECT count(*) FROM person") == [(4,)]
        assert committed == (where == "end"), "the target has all of it or nothing"
        world.a.run("UPDATE person SET name = 'Edited meanwhile' WHERE id = 1")
        world.settle()
        assert person(world.b, 1, "name") == "Edited meanwhile"
        memory = world.memory()
        assert (memory["conflicts"], memory["quarantine"], len(memory["links"])) == ([], [], 4)
        assert world.chain_fault() is None
