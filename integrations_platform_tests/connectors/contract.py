"""What every SQL side promises, as stories told against a real server; each connector's test class inherits them.

A subclass supplies ``store``: see :mod:`.sql_store`. Nothing here is mocked.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from integrations_platform.connectors import introspect, probe
from integrations_platform.connectors.relational import RelationalSide
from integrations_platform.unified_sync.port import (
    ErrorKind,
    Kind,
    Presence,
    SideError,
    Status,
    Write,
)
from integrations_platform.unified_sync.values import FieldType, Value
from integrations_platform_tests.connectors.sql_store import (
    ROUND_TRIPS,
    TYPES,
    Store,
    added,
    change,
    create,
    only,
    presences,
    versions,
)


def digests(side: RelationalSide) -> tuple[str | None, str | None]:
    """The digest as the server makes it, and as it is made from a listing."""
    with side.snapshot() as snapshot:
        return snapshot.digest(), snapshot.listing().digest


class SideContract:
    """Stories; ``store`` has the tables people, orders (people_id, ON DELETE CASCADE), pairs (a, b: composite key),
    words (text key), soft (flag), soft_at (moment)."""

    def test_a_healthy_table_has_no_blocking_problem(self, store: Store) -> None:
        assert [problem for problem in store.side().check() if problem.blocking] == []

    @pytest.mark.parametrize(("column", "value"), ROUND_TRIPS)
    def test_a_written_value_is_read_back_exactly(self, store: Store, column: str, value: Value) -> None:
        record = added(store.side(), **{column: value})
        assert record.values[column] == value

    def test_an_update_writes_the_same_forms_as_a_create(self, store: Store) -> None:
        side = store.side()
        record = added(side)
        for number, (column, value) in enumerate(ROUND_TRIPS):
            assert only(side.write([change(f"u{number}", record, **{column: value})])).status is Status.APPLIED
            record = side.read([record.id])[record.id]
            assert record.values[column] == value

    def test_null_and_empty_text_are_two_things(self, store: Store) -> None:
        side = store.side()
        empty, null = added(side, 1, name=""), added(side, 2, name=None)
        assert (empty.values["name"], null.values["name"]) == ("", None)
        assert empty.version != null.version

    def test_a_stale_version_writes_nothing(self, store: Store) -> None:
        side = store.side()
        record = added(side, name="before")
        store.run("UPDATE people SET name = 'typed by a user'")
        assert only(side.write([change("u", record, name="ours")])).status is Status.STALE
        assert store.rows("SELECT name FROM people") == [("typed by a user",)]

    def test_an_update_of_a_vanished_record_is_stale(self, store: Store) -> None:
        side = store.side()
        record = added(side)
        store.run("DELETE FROM people")
        assert only(side.write([change("u", record, name="ours")])).status is Status.STALE

    def test_an_edit_of_an_unbound_column_does_not_make_a_version_stale(self, store: Store) -> None:
        side = store.side()
        record = added(side)
        store.run("UPDATE people SET secret_note = 'changed'")
        assert versions(side)[record.id] == record.version
        assert only(side.write([change("u", record, name="ours")])).status is Status.APPLIED

    @pytest.mark.parametrize(
        ("column", "edit"),
        [
            ("name", "'PERSON 1'"), ("name", "'Person 1 '"), ("name", "NULL"), ("email", "'A@x.org'"),
            ("amount", "1.01"), ("count_of", "8"), ("active", "NULL"), ("born", "'2000-01-02'"),
            ("seen", "'2001-02-03 04:05:06.000007'"), ("tags", "'x;z'"),
            ("code", "'1f8fad5b-d9cb-469f-a165-70867728950e'"), ("attrs", "'{\"a\": 2}'"),
        ],
    )  # fmt: skip
    def test_any_edit_of_a_bound_column_changes_the_version(self, store: Store, column: str, edit: str) -> None:
        side = store.side()
        record = added(
            side, email="a@x.org", amount=Decimal(1), count_of=7, active=True, born=date(2000, 1, 1),
            seen=datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC), tags=("x", "y"), attrs='{"a":1}',
            code="0f8fad5b-d9cb-469f-a165-70867728950e",
        )  # fmt: skip
        store.run(f"UPDATE people SET {column} = {edit}".replace("%", "%%"))
        assert versions(side)[record.id] != record.version
        assert side.read([record.id])[record.id].version == versions(side)[record.id]

    def test_values_do_not_run_into_one_another_in_the_version(self, store: Store) -> None:
        side = store.side()
        one, two = added(side, 1, name="ab", email="c"), added(side, 2, name="a", email="bc")
        assert one.version != two.version

    def test_a_version_over_other_columns_never_compares_equal(self, store: Store) -> None:
        record = added(store.side())
        narrower = store.side(types={"name": FieldType.TEXT})
        assert versions(narrower)[record.id] != record.version
        assert only(narrower.write([change("u", record, name="x")])).status is Status.STALE

    def test_one_bad_record_refuses_its_batch_and_nothing_is_written(self, store: Store) -> None:
        side = store.side()
        writes = [create(number, email=f"{number}@x.org") for number in range(9)]
        writes[5] = create(5, email="0@x.org")  # unique
        with pytest.raises(SideError) as caught:
            side.write(writes)
        assert caught.value.kind is ErrorKind.PERMANENT
        assert "0@x.org" not in str(caught.value)
        assert store.count() == 0
        good = side.write([write for write in writes if write is not writes[5]])
        assert {outcome.status for outcome in good} == {Status.APPLIED}
        bad = only(side.write([writes[5]]))
        assert bad.status is Status.REJECTED
        assert "already holds" in bad.message
        assert store.count() == 8

    def test_outcomes_name_the_record_of_their_own_operation(self, store: Store) -> None:
        side = store.side()
        outcomes = side.write([create(number) for number in range(50)])
        records = side.read([outcome.id or "" for outcome in outcomes])
        for outcome in outcomes:
            number = outcome.op_id.removeprefix("op-")
            assert records[outcome.id or ""].values["name"] == f"Person {number}"

    def test_a_repeated_create_finds_its_record_and_inserts_none(self, store: Store) -> None:
        side = store.side()
        first = {outcome.op_id: outcome.id for outcome in side.write([create(1), create(2)])}
        again = store.side().write([create(1), create(2), create(3)])
        assert {outcome.op_id: outcome.status for outcome in again} == {
            "op-1": Status.ALREADY, "op-2": Status.ALREADY, "op-3": Status.APPLIED
        }  # fmt: skip
        assert {outcome.op_id: outcome.id for outcome in again if outcome.op_id != "op-3"} == first
        assert store.count() == 3

    def test_two_processes_creating_the_same_record_make_one(self, store: Store) -> None:
        store.side().tag([("0", "warm-up")])
        sides = [store.side(), store.side()]
        writes = [create(number, email=f"{number}@x.org") for number in range(100)]
        gate, found, faults = threading.Barrier(2), [], []

        def attempt(side: RelationalSide) -> None:
            gate.wait()
            try:
                found.append(side.write(writes))
            except SideError as fault:  # a deadlock is a permitted answer: nothing was written, and it is retried
                faults.append(fault)
                found.append(side.write(writes))

        threads = [threading.Thread(target=attempt, args=(side,)) for side in sides]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.count() == 100
        assert len(found) == 2
        assert all(fault.kind is ErrorKind.TRANSIENT and not fault.effect_unknown for fault in faults)
        assert {o.op_id: o.id for o in found[0]} == {o.op_id: o.id for o in found[1]}

    def test_a_create_whose_record_a_user_deleted_is_not_done_twice_but_a_new_one_is(self, store: Store) -> None:
        side = store.side()
        record = added(side)
        store.run("DELETE FROM people")
        assert only(side.write([create(1)])).status is Status.ALREADY
        assert side.find_tagged(["link-1"]) == {}
        anew = only(side.write([Write("op-new", Kind.CREATE, "link-1", record.values)]))
        assert anew.status is Status.APPLIED
        assert side.find_tagged(["link-1"]) == {"link-1": anew.id}

    def test_receipts_name_the_last_operation(self, store: Store) -> None:
        side = store.side()
        record = added(side)
        assert (record.last_op, record.link_id) == ("op-1", "link-1")
        write = change("op-u", record, name="changed")
        assert only(side.write([write])).status is Status.APPLIED
        assert side.read([record.id])[record.id].last_op == "op-u"
        assert only(side.write([write])).status is Status.ALREADY

    def test_a_repeated_update_does_not_undo_what_a_user_did_since(self, store: Store) -> None:
        side = store.side()
        record = added(side, name="old")
        write = change("op-u", record, name="new")
        side.write([write])
        store.run("UPDATE people SET name = 'old'")  # back to the version the write expects
        assert only(side.write([write])).status is Status.ALREADY
        assert store.rows("SELECT name FROM people") == [("old",)]

    def test_tags_survive_and_move(self, store: Store) -> None:
        side = store.side()
        store.run("INSERT INTO people (name) VALUES ('one'), ('two')")
        ids = list(versions(side))
        side.tag([(ids[0], "link-a"), (ids[1], "link-b")])
        side.tag([(ids[0], "link-a")])
        assert store.side().find_tagged(["link-a", "link-b", "link-c"]) == {"link-a": ids[0], "link-b": ids[1]}
        store.run("DELETE FROM people WHERE name = 'one'")
        side.tag([(ids[1], "link-a")])
        assert dict(side.tags().rows()) == {ids[1]: "link-a"}

    def test_an_archived_record_leaves_the_table_and_comes_back_whole(self, store: Store) -> None:
        side = store.side()
        record = added(side, name="Ünïcode 👍", amount=Decimal("0.1"), active=True, born=date(2000, 1, 2),
                       seen=datetime(2001, 2, 3, 4, 5, 6, 7, UTC), tags=("x",), attrs='{"a":1}')  # fmt: skip
        store.run("UPDATE people SET secret_note = 'kept, though no field maps it'")
        before = store.rows("SELECT * FROM people")
        archive = change("op-a", record, Kind.ARCHIVE)
        assert only(side.write([archive])).status is Status.APPLIED
        assert store.count() == 0
        assert only(side.write([archive])).status is Status.ALREADY
        archived = side.read([record.id])[record.id]
        assert archived.presence is Presence.ARCHIVED
        assert archived.values == record.values
        assert (archived.link_id, archived.last_op) == ("link-1", "op-a")
        assert presences(side) == {record.id: "archived"}
        assert versions(side)[record.id] == archived.version
        assert side.find_tagged(["link-1"]) == {"link-1": record.id}
        restore = change("op-r", archived, Kind.RESTORE)
        assert only(side.write([restore])).status is Status.APPLIED
        assert store.rows("SELECT * FROM people") == before
        assert only(side.write([restore])).status is Status.ALREADY
        back = side.read([record.id])[record.id]
        assert (back.presence, back.version) == (Presence.LIVE, record.version)

    def test_a_changed_record_is_not_archived(self, store: Store) -> None:
        side = store.side()
        record = added(side)
        store.run("UPDATE people SET name = 'edited meanwhile'")
        for kind in (Kind.ARCHIVE, Kind.DELETE):
            assert only(side.write([change(f"op-{kind}", record, kind)])).status is Status.STALE
        assert store.count() == 1

    def test_a_delete_is_recognised_when_repeated(self, store: Store) -> None:
        side = store.side()
        record = added(side)
        write = change("op-d", record, Kind.DELETE)
        assert only(side.write([write])).status is Status.APPLIED
        assert store.count() == 0
        assert only(side.write([write])).status is Status.ALREADY
        assert side.read([record.id]) == {}

    def test_nothing_is_carried_along_by_a_cascade(self, store: Store) -> None:
        side = store.side()
        lonely, busy = added(side, 1), added(side, 2)
        store.run(f"INSERT INTO orders (people_id) VALUES ({busy.id})")
        assert any("orders" in problem.message and not problem.blocking for problem in side.check())
        for kind in (Kind.ARCHIVE, Kind.DELETE):
            refused = only(side.write([change(f"op-{kind}", busy, kind)]))
            assert refused.status is Status.REJECTED
            assert "orders" in refused.message
        assert (store.count(), store.count("orders")) == (2, 1)
        assert only(side.write([change("op-l", lonely, Kind.ARCHIVE)])).status is Status.APPLIED

    @pytest.mark.parametrize(("table", "column"), [("soft", "gone"), ("soft_at", "gone_at")])
    def test_a_soft_delete_column_marks_and_clears(self, store: Store, table: str, column: str) -> None:
        side = store.side(table, {"name": FieldType.TEXT}, soft_delete=column)
        record = added(side)
        assert only(side.write([change("op-a", record, Kind.ARCHIVE)])).status is Status.APPLIED
        archived = side.read([record.id])[record.id]
        assert (archived.presence, presences(side)) == (Presence.ARCHIVED, {record.id: "archived"})
        assert archived.version != record.version
        assert store.count(table) == 1
        assert only(side.write([change("op-r", archived, Kind.RESTORE, name="back")])).status is Status.APPLIED
        back = side.read([record.id])[record.id]
        assert (back.presence, back.values["name"]) == (Presence.LIVE, "back")

    def test_the_scope_limits_the_listing_but_not_a_read(self, store: Store) -> None:
        side = store.side(only={"name": ("in", "In too")})
        store.run("INSERT INTO people (name) VALUES ('in'), ('out'), ('IN'), ('In too'), (NULL)")
        ids = {row[0]: str(row[1]) for row in store.rows("SELECT name, id FROM people")}
        assert set(versions(side)) == {ids["in"], ids["In too"]}
        found = side.read(list(ids.values()))
        assert {name for name in ids if found[ids[name]].presence is Presence.OUT_OF_SCOPE} == {"out", "IN", None}
        nulls = store.side(only={"name": (None,)})
        assert set(versions(nulls)) == {ids[None]}

    @pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
    def test_who_is_stopped_while_it_reads_the_whole_table_hears_nothing_of_the_connection(self, store: Store) -> None:
        store.run("INSERT INTO people (name) VALUES ('a'), ('b')")
        with suppress(KeyboardInterrupt), store.side().pages() as pages:
            reading = pages.records()
            next(iter(reading))
            raise KeyboardInterrupt
        reading.close()  # as the interpreter does it, at a moment of its own

    def test_a_digest_tells_all_that_a_listing_would_and_nothing_else(self, store: Store) -> None:
        side = store.side(only={"name": ("in", "too")})
        store.run("INSERT INTO people (name) VALUES ('in'), ('out'), ('too')")
        added(side, name="in")
        told = [digests(side)]
        if told == [(None, None)]:
            pytest.skip("this server makes no digest; every look is a listing")
        store.run("UPDATE people SET secret_note = 'not bound'", "UPDATE people SET amount = 9 WHERE name = 'out'")
        assert digests(side) == told[0]
        for edit in (
            "UPDATE people SET amount = 5 WHERE name = 'in'",
            "UPDATE people SET name = CASE name WHEN 'in' THEN 'too' ELSE 'in' END WHERE name IN ('in', 'too')",
            "DELETE FROM people WHERE name = 'too'",
            "INSERT INTO people (name) VALUES ('in')",
            "UPDATE people SET name = 'in' WHERE name = 'out'",
        ):
            store.run(edit)
            told.append(digests(side))
        side.write([change("op-a", added(side, 2, name="too"), Kind.ARCHIVE)])
        told.append(digests(side))
        assert all(word == listed for word, listed in told)
        assert len({word for word, _ in told}) == len(told)

    def test_the_newest_stamp_is_that_of_the_records_in_scope(self, store: Store) -> None:
        for name, moment in (
            ("in", "2024-01-02 03:04:05"),
            ("in", "2023-01-01 00:00:00"),
            ("out", "2025-01-01 00:00:00"),
        ):
            store.run(f"INSERT INTO people (name, updated_at) VALUES ('{name}', '{moment}')")
        for declared, newest in (("updated_at", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)), (None, None)):
            with store.side(only={"name": ("in",)}, modified=declared).snapshot() as snapshot:
                assert snapshot.newest() == newest
        store.run("DELETE FROM people")
        with store.side(modified="updated_at").snapshot() as snapshot:
            assert snapshot.newest() is None

    def test_a_snapshot_does_not_see_what_is_edited_while_it_is_open(self, store: Store) -> None:
        side = store.side()
        store.run("INSERT INTO people (name) VALUES ('before')")
        (record_id,) = versions(side)
        with side.snapshot() as snapshot:
            if store.kind != "sqlite" or store.rows("PRAGMA journal_mode") == [("wal",)]:
                store.run("UPDATE people SET name = 'after'", "INSERT INTO people (name) VALUES ('new')")
            assert snapshot.listing().frame.height == 1
            assert snapshot.read([record_id])[record_id].values["name"] == "before"
        assert side.read([record_id])[record_id].values["name"] == "after"

    def test_an_error_of_whoever_reads_a_snapshot_passes_unchanged(self, store: Store) -> None:
        side = store.side()

        def look() -> None:
            with side.snapshot():
                raise FileNotFoundError

        with pytest.raises(FileNotFoundError):
            look()
        assert versions(side) == {}

    def test_a_composite_key_is_a_json_array(self, store: Store) -> None:
        side = store.side("pairs", {"a": FieldType.INTEGER, "b": FieldType.TEXT, "name": FieldType.TEXT})
        texts = ["x", 'q"u,o]te', "Ünï", "X"]
        outcomes = side.write([
            Write(f"op-{n}", Kind.CREATE, f"l-{n}", {"a": 7, "b": text, "name": text}) for n, text in enumerate(texts)
        ])  # fmt: skip
        assert outcomes[0].id == '["7","x"]'
        records = side.read([outcome.id or "" for outcome in outcomes])
        assert sorted(str(record.values["b"]) for record in records.values()) == sorted(texts)
        record = records['["7","x"]']
        assert only(side.write([change("u", record, name="changed")])).status is Status.APPLIED
        assert store.rows("SELECT b FROM pairs WHERE name = 'changed'") == [("x",)]
        renamed = change("k", side.read([record.id])[record.id], b="other")
        assert only(side.write([renamed])).status is Status.REJECTED
        assert side.read(["7", '["7"]', "[]", '["x","y"]', '{"a":1}', ""]) == {}

    def test_a_text_key_is_compared_exactly(self, store: Store) -> None:
        side = store.side("words", {"word": FieldType.TEXT, "name": FieldType.TEXT})
        outcome = only(side.write([Write("op", Kind.CREATE, "l", {"word": "Key", "name": "n"})]))
        assert outcome.id == "Key"
        assert side.read(["key", "Key ", "KEY"]) == {}
        for wrong in ("key", "Key "):
            write = Write(f"u{wrong}", Kind.UPDATE, "l", {"name": "hit"}, wrong)
            assert only(side.write([write])).status is Status.STALE
        assert set(side.read(["Key"])) == {"Key"}
        record = side.read(["Key"])["Key"]
        assert only(side.write([change("a", record, Kind.ARCHIVE)])).status is Status.APPLIED
        assert side.read(["Key"])["Key"].presence is Presence.ARCHIVED

    def test_an_id_no_key_can_have_is_not_found(self, store: Store) -> None:
        side = store.side()
        assert side.read(["abc", "", "1.5", "9" * 40, "٣"]) == {}
        assert only(side.write([Write("u", Kind.UPDATE, "l", {"name": "x"}, "abc")])).status is Status.STALE

    def test_what_a_column_cannot_hold_is_refused_not_altered(self, store: Store) -> None:
        side = store.side()
        for column, value in (("amount", Decimal("0.001")), ("count_of", 2**70), ("tags", ("a;b",))):
            assert only(side.write([create(1, **{column: value})])).status is Status.REJECTED
        assert store.count() == 0

    def test_time_of_change_is_read(self, store: Store) -> None:
        side = store.side(modified="updated_at", zone="UTC")
        store.run("INSERT INTO people (name, updated_at) VALUES ('x', '2024-05-06 07:08:09')")
        (record,) = side.read(list(versions(side))).values()
        assert record.modified == datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)

    def test_the_clock_is_ours_on_this_machine(self, store: Store) -> None:
        reading = store.side().clock()
        assert abs(reading.offset) <= reading.uncertainty + timedelta(seconds=1)
        assert reading.uncertainty < timedelta(seconds=5)

    def test_a_missing_table_is_named_with_near_ones(self, store: Store) -> None:
        side = store.side("peopel")
        (problem,) = side.check()
        assert problem.blocking
        assert "people" in problem.remedy
        with pytest.raises(SideError) as caught, side.snapshot():
            pass
        assert caught.value.kind is ErrorKind.CONFIGURATION

    def test_a_missing_column_lists_those_there_are(self, store: Store) -> None:
        (problem,) = store.side(types={"nmae": FieldType.TEXT}).check()
        assert problem.column == "nmae"
        assert "secret_note" in problem.remedy

    def test_a_type_that_cannot_be_read_is_found_before_the_run(self, store: Store) -> None:
        problems = store.side(types={"name": FieldType.DECIMAL, "born": FieldType.BOOLEAN}).check()
        assert {problem.column for problem in problems if problem.blocking} == {"name", "born"}

    def test_forms_tell_what_fits(self, store: Store) -> None:
        forms = store.side().columns()
        assert forms["name"].max_length == 60
        assert forms["amount"].fraction_digits == 2
        assert forms["email"].unique
        assert not forms["name"].unique
        assert set(forms) == set(TYPES)

    def test_a_table_can_be_described_for_a_draft(self, store: Store) -> None:
        described = introspect(store.kind, store.url, "people")
        suggested = {column.name: column.suggested for column in described.columns}
        assert described.primary_key == ("id",)
        assert suggested["email"] is FieldType.EMAIL
        assert suggested["amount"] is FieldType.DECIMAL
        assert suggested["born"] is FieldType.DATE
        assert probe(store.kind, store.url).split()[1][0].isdigit()

    def test_names_that_need_quoting_are_quoted(self, store: Store) -> None:
        name = "select" if store.kind == "mysql" else "Odd %s name"
        quoted = (
            f"`{name}`" if store.kind == "mysql" else f'"{name}"'.replace("%", "%%" if store.kind != "sqlite" else "%")
        )
        store.run(f"CREATE TABLE {quoted} (id INTEGER PRIMARY KEY, {quoted} VARCHAR(20))")
        side = store.side(name, {"id": FieldType.INTEGER, name: FieldType.TEXT})
        outcome = only(side.write([Write("op", Kind.CREATE, "l", {"id": 5, name: "v"})]))
        record = side.read([outcome.id or ""])["5"]
        assert only(side.write([change("u", record, **{name: "w"})])).status is Status.APPLIED
        assert only(side.write([change("a", side.read(["5"])["5"], Kind.ARCHIVE)])).status is Status.APPLIED
