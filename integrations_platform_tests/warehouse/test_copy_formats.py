"""How rows are read and which column they reach: rules X10–X15."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from integrations_platform.warehouse.copying.executor import StageTarget
from integrations_platform.warehouse.errors import CopyError, StatementError
from integrations_platform_tests.warehouse.desk import Desk

JSON = "FILE_FORMAT=(TYPE=JSON)"
BY_NAME = "MATCH_BY_COLUMN_NAME=CASE_INSENSITIVE"


def documents(desk: Desk) -> list[object]:
    return [json.loads(row[0]) for row in desk.rows("SELECT v::VARCHAR FROM mydb.public.events")]


def test_x10_json_is_a_record_for_each_line_that_is_not_blank_as_it_was_written(desk: Desk) -> None:
    desk.write("a.json.gz", '{"n": 1.10, "big": 123456789012345678901234567890}\n\n  \r\n[1, 2]\r\n"text"\n')
    desk.copy(f"FROM '{{url}}' {JSON}")
    raw = [row[0] for row in desk.rows("SELECT v::VARCHAR FROM mydb.public.events")]
    assert raw == ['{"n": 1.10, "big": 123456789012345678901234567890}', "[1, 2]", '"text"']


@pytest.mark.parametrize(
    "body", ['[{"x": 1}, {"x": 2}]\n[{"x": 3}]\n', '[\n  {"x": 1},\n  {"x":\n 2},\n {"x": 3}\n]\n']
)
def test_x10_an_outer_array_is_stripped_when_asked(desk: Desk, body: str) -> None:
    desk.write("a.json", body)
    desk.copy("FROM '{url}' FILE_FORMAT=(TYPE=JSON STRIP_OUTER_ARRAY=TRUE)")
    assert documents(desk) == [{"x": 1}, {"x": 2}, {"x": 3}]
    desk.rows("DELETE FROM mydb.public.typed")
    desk.write("b.json", body.replace('"x"', '"id"'))
    desk.copy(f"FROM '{{url}}b' FILE_FORMAT=(TYPE=JSON STRIP_OUTER_ARRAY=TRUE) {BY_NAME}", "typed")
    assert desk.rows("SELECT id FROM mydb.public.typed") == [(1,), (2,), (3,)]


def test_x10_a_byte_order_mark_is_skipped(desk: Desk) -> None:
    desk.write("a.json", "\ufeff" + '{"x": 1}\n')
    desk.copy(f"FROM '{{url}}' {JSON}")
    assert documents(desk) == [{"x": 1}]


def test_x10_csv_fields_are_text_until_the_table_casts_them(desk: Desk) -> None:
    desk.write("a.csv", 'a,b\n1,007\n,"x, ""y"""\nNA,""\n\\N,  s \n')
    desk.copy(
        "FROM '{url}' FILE_FORMAT=(TYPE=CSV SKIP_HEADER=1 NULL_IF=('NA', '\\\\N') FIELD_OPTIONALLY_ENCLOSED_BY='\"')",
        "pairs",
    )
    assert desk.rows("SELECT * FROM mydb.public.pairs") == [(1, "007"), (None, 'x, "y"'), (None, ""), (None, "  s ")]


def test_x10_without_enclosing_a_quote_is_text_and_delimiters_may_be_long(desk: Desk) -> None:
    desk.write("a.csv", '1||"x"\n')
    desk.copy("FROM '{url}' FILE_FORMAT=(TYPE=CSV FIELD_DELIMITER='||')", "pairs")
    assert desk.rows("SELECT * FROM mydb.public.pairs") == [(1, '"x"')]


def test_x10_a_header_names_the_columns_of_a_load_by_name(desk: Desk) -> None:
    desk.write("a.csv", "B,other,a\nx,y,1\n")
    desk.copy(f"FROM '{{url}}' FILE_FORMAT=(TYPE=CSV PARSE_HEADER=TRUE) {BY_NAME}", "pairs")
    assert desk.rows("SELECT * FROM mydb.public.pairs") == [(1, "x")]
    with pytest.raises(StatementError, match="does not go with SKIP_HEADER"):
        desk.copy(f"FROM '{{url}}' FILE_FORMAT=(TYPE=CSV PARSE_HEADER=TRUE SKIP_HEADER=1) {BY_NAME}", "pairs")


def test_x10_another_number_of_fields_is_an_error_unless_said_otherwise(desk: Desk) -> None:
    desk.write("a.csv", "1,x\n2\n3,y,z\n")
    with pytest.raises(CopyError, match=r"Expected Number of Columns: 2 Found: 1.*a\.csv', line 2"):
        desk.copy("FROM '{url}' FILE_FORMAT=(TYPE=CSV)", "pairs")
    (result,) = desk.copy("FROM '{url}' FILE_FORMAT=(TYPE=CSV) ON_ERROR=CONTINUE FORCE=TRUE", "pairs")
    assert (result.status, result.rows_parsed, result.rows_loaded, result.errors_seen) == ("PARTIALLY_LOADED", 3, 1, 2)
    desk.rows("DELETE FROM mydb.public.pairs")
    desk.copy("FROM '{url}' FILE_FORMAT=(TYPE=CSV ERROR_ON_COLUMN_COUNT_MISMATCH=FALSE) FORCE=TRUE", "pairs")
    assert desk.rows("SELECT * FROM mydb.public.pairs") == [(1, "x"), (2, None), (3, "y")]


def test_x10_a_row_of_parquet_is_a_document(desk: Desk) -> None:
    desk.parquet("a.parquet", "SELECT 1 AS id, DATE '2025-10-30' AS d, [1, 2] AS l, {'k': 'v'} AS s, NULL AS n")
    desk.copy("FROM '{url}' FILE_FORMAT=(TYPE=PARQUET)")
    assert documents(desk) == [{"id": 1, "d": "2025-10-30", "l": [1, 2], "s": {"k": "v"}, "n": None}]


@pytest.mark.parametrize("kind", ["JSON", "PARQUET"])
def test_x11_without_names_documents_need_exactly_one_column(desk: Desk, kind: str) -> None:
    desk.lines("a.json", [{"a": 1}])
    desk.parquet("a.parquet", "SELECT 1 AS a")
    with pytest.raises(StatementError, match="can produce one and only one column of type variant, object, or array"):
        desk.copy(f"FROM '{{url}}a.{kind.lower()}' FILE_FORMAT=(TYPE={kind})", "pairs")


def test_x12_columns_are_matched_to_the_union_of_keys_missing_is_null_surplus_ignored(desk: Desk) -> None:
    desk.lines("a.json", [{"ID": 1, "Name": "x"}, {"ID": 2, "amount": "1.5", "who": 1}, {"extra": {"k": [1]}}])
    desk.copy(f"FROM '{{url}}' {JSON} {BY_NAME}", "typed")
    found = desk.rows("SELECT id, name, amount::VARCHAR, seen, extra::VARCHAR FROM mydb.public.typed")
    assert found == [(1, "x", None, None, None), (2, None, "1.50", None, None), (None, None, None, None, '{"k":[1]}')]
    desk.copy(f"FROM '{{url}}' {JSON} MATCH_BY_COLUMN_NAME=CASE_SENSITIVE FORCE=TRUE", "typed")
    assert desk.rows("SELECT count(id), count(amount) FROM mydb.public.typed") == [(2, 2)]


def test_x12_each_file_is_matched_by_itself(desk: Desk) -> None:
    desk.parquet("a.parquet", "SELECT 1 AS a, 'x' AS b")
    desk.parquet("b.parquet", "SELECT 'y' AS b")
    desk.parquet("c.parquet", "SELECT 'z' AS other")
    desk.copy(f"FROM '{{url}}' FILE_FORMAT=(TYPE=PARQUET) {BY_NAME}", "pairs")
    assert desk.rows("SELECT * FROM mydb.public.pairs") == [(1, "x"), (None, "y"), (None, None)]


def test_x12_a_variant_column_takes_values_of_any_type_as_what_they_are(desk: Desk) -> None:
    desk.parquet("a.parquet", "SELECT 1::INTEGER AS id, 'no json' AS extra")
    desk.parquet("b.parquet", "SELECT 2::INTEGER AS id, [1, 2] AS extra")
    desk.write("c.csv", "id,extra\n3,7\n")
    desk.lines("d.json", [{"id": 4, "extra": "text"}, {"id": 5}])
    desk.copy(f"FROM '{{url}}' FILE_FORMAT=(TYPE=PARQUET) {BY_NAME} PATTERN='.*parquet'", "typed")
    desk.copy(f"FROM '{{url}}c' FILE_FORMAT=(TYPE=CSV PARSE_HEADER=TRUE) {BY_NAME}", "typed")
    desk.copy(f"FROM '{{url}}d' {JSON} {BY_NAME}", "typed")
    assert desk.rows("SELECT extra::VARCHAR FROM mydb.public.typed ORDER BY id") == [
        ('"no json"',), ("[1,2]",), ('"7"',), ('"text"',), (None,)
    ]  # fmt: skip


def test_x12_two_keys_for_one_column_are_refused(desk: Desk) -> None:
    desk.lines("a.json", [{"id": 1, "ID": 2}])
    with pytest.raises(StatementError, match="both match column id"):
        desk.copy(f"FROM '{{url}}' {JSON} {BY_NAME}", "typed")


def test_x12_matching_excludes_transformations_and_column_lists(desk: Desk) -> None:
    for into, source in (("pairs(a)", "'{url}'"), ("pairs", "(SELECT $1 FROM @in)")):
        with pytest.raises(StatementError, match="neither with a transformation nor with a list"):
            desk.copy(f"FROM {source} {JSON} {BY_NAME}", into)


def test_x12_a_line_that_is_no_object_is_a_bad_row_not_a_value(desk: Desk) -> None:
    desk.write("a.json", '5\n{"id": 1}\n')
    with pytest.raises(CopyError, match=r"no object.*line 1"):
        desk.copy(f"FROM '{{url}}' {JSON} {BY_NAME}", "typed")
    (result,) = desk.copy(f"FROM '{{url}}' {JSON} {BY_NAME} ON_ERROR=CONTINUE", "typed")
    assert (result.rows_loaded, result.errors_seen) == (1, 1)
    assert desk.rows("SELECT id FROM mydb.public.typed") == [(1,)]


def test_x13_metadata_of_the_file_fills_columns_of_a_load_by_name(desk: Desk) -> None:
    desk.rows("CREATE TABLE mydb.public.known (id BIGINT, f VARCHAR, r BIGINT, m TIMESTAMP, s TIMESTAMP, k VARCHAR)")
    desk.lines("in/a.json", [{"id": 7}, {"id": 8}])
    desk.copy(
        f"FROM '{{url}}in/' {JSON} {BY_NAME} INCLUDE_METADATA=(f=METADATA$FILENAME, r=METADATA$FILE_ROW_NUMBER, "
        "m=METADATA$FILE_LAST_MODIFIED, s=METADATA$START_SCAN_TIME, k=METADATA$FILE_CONTENT_KEY)",
        "known",
    )
    first, second = desk.rows("SELECT * FROM mydb.public.known ORDER BY id")
    assert (first[0], first[2], second[2]) == (7, 1, 2)
    assert first[1].endswith("in/a.json")
    assert "://" not in first[1]
    changed = datetime.fromtimestamp((desk.folder / "in/a.json").stat().st_mtime, UTC)
    assert abs((first[3].replace(tzinfo=UTC) - changed).total_seconds()) < 1
    assert first[4] == desk.clock().replace(tzinfo=None)
    assert first[5]


def test_x14_a_load_from_a_stage_may_look_up_cast_and_stamp(desk: Desk) -> None:
    desk.stages["in"] = StageTarget(f"{desk.url}in/")
    desk.rows("CREATE TABLE mydb.public.stamped (id BIGINT, city VARCHAR, whole JSON, ds DATE, file VARCHAR, n BIGINT)")
    desk.lines("in/p/a.json", [{"id": "3", "at": {"city": "Lima's", "x y": 1}}])
    desk.copy(
        "FROM (SELECT t.$1:id::int, $1:at.city::varchar, $1:at, '2025-10-30'::date, metadata$filename, -1 "
        f"FROM @in/p/ t) {JSON}",
        "stamped",
    )
    ((number, city, whole, day, file, minus),) = desk.rows("SELECT * FROM mydb.public.stamped")
    assert (number, city, json.loads(whole), str(day), minus) == (3, "Lima's", {"city": "Lima's", "x y": 1},
                                                                  "2025-10-30", -1)  # fmt: skip
    assert file.endswith("in/p/a.json")


def test_x14_a_value_of_a_document_reaches_a_column_as_its_text_and_null_as_none(desk: Desk) -> None:
    desk.stages["in"] = StageTarget(desk.url)
    desk.lines("a.json", [{"a": "7", "b": "text"}, {"a": None, "b": None}, {"b": {"k": "v"}}])
    desk.copy(f"FROM (SELECT $1:a, $1:b FROM @in/) {JSON}", "pairs")
    assert desk.rows("SELECT * FROM mydb.public.pairs") == [(7, "text"), (None, None), (None, '{"k":"v"}')]


def test_x14_columns_of_delimited_text_are_numbered(desk: Desk) -> None:
    desk.stages["in"] = StageTarget(desk.url)
    desk.write("a.csv", "x,1,9\n")
    desk.copy(
        "FROM (SELECT $2, $1 FROM @in/a.csv) FILE_FORMAT=(TYPE=CSV ERROR_ON_COLUMN_COUNT_MISMATCH=FALSE)", "pairs"
    )
    assert desk.rows("SELECT * FROM mydb.public.pairs") == [(1, "x")]


@pytest.mark.parametrize("item", ["upper($1)", "$1 + 1", "(SELECT 1)", "$1:a || 'x'", "read_text('/etc/passwd')"])
def test_x14_computing_is_refused(desk: Desk, item: str) -> None:
    desk.stages["in"] = StageTarget(desk.url)
    desk.lines("a.json", [{}])
    with pytest.raises(StatementError, match="not supported in a load here"):
        desk.copy(f"FROM (SELECT {item} FROM @in/) {JSON}")


def test_x14_a_transformation_from_a_url_is_refused_as_in_snowflake(desk: Desk) -> None:
    desk.lines("a.json", [{}])
    with pytest.raises(StatementError, match="invalid URL prefix found in"):
        desk.copy(f"FROM (SELECT $1 FROM '{{url}}') {JSON}")


def test_x14_a_stage_that_nobody_knows_is_named(desk: Desk) -> None:
    with pytest.raises(StatementError, match="'nowhere' does not exist"):
        desk.copy(f"FROM @nowhere/x/ {JSON}")


@pytest.mark.parametrize(
    ("document", "column", "message"),
    [
        ({"id": "x7"}, "id", "Numeric value 'x7' is not recognized"),
        ({"seen": "yesterday"}, "seen", "Timestamp 'yesterday' is not recognized"),
        ({"amount": 123456789012}, "amount", "Numeric value '123456789012' is not recognized"),
    ],
)
def test_x15_a_value_that_cannot_be_cast_makes_its_row_bad(
    desk: Desk, document: dict[str, object], column: str, message: str
) -> None:
    desk.lines("a.json", [{"id": 1}, {"id": None}, document])
    with pytest.raises(CopyError, match=f"{message}.*line 3, column {column}"):
        desk.copy(f"FROM '{{url}}' {JSON} {BY_NAME}", "typed")
    assert desk.count("typed") == 0


def test_x15_a_missing_value_of_a_required_column_makes_its_row_bad(desk: Desk) -> None:
    desk.lines("a.json", [{"a": 1}, {"b": "x"}])
    with pytest.raises(CopyError, match=r"NULL result in a non-nullable column a.*line 2"):
        desk.copy(f"FROM '{{url}}' {JSON} {BY_NAME}", "strict")


def test_x15_a_parquet_column_of_another_type_is_cast_or_bad(desk: Desk) -> None:
    desk.parquet("a.parquet", "SELECT unnest(['1', 'two']) AS a")
    with pytest.raises(CopyError, match=r"Numeric value 'two' is not recognized.*line 2, column a"):
        desk.copy(f"FROM '{{url}}' FILE_FORMAT=(TYPE=PARQUET) {BY_NAME}", "pairs")


def test_a_columns_list_leaves_the_others_at_their_default(desk: Desk) -> None:
    desk.write("a.csv", "x\n")
    desk.copy("FROM '{url}' FILE_FORMAT=(TYPE=CSV)", "pairs(b)")
    assert desk.rows("SELECT * FROM mydb.public.pairs") == [(None, "x")]
    with pytest.raises(StatementError, match="invalid identifier 'NOPE'"):
        desk.copy("FROM '{url}' FILE_FORMAT=(TYPE=CSV)", "pairs(nope)")
