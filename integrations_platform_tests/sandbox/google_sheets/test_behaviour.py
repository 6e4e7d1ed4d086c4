"""Rules no schema states, each with the section of the Google Sheets contract reference it was taken from.

Rows marked ``assumption`` are not documented and not recorded anywhere: a run against the live service decides them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from integrations_platform.sandbox.google_sheets import GoogleSheets
from integrations_platform.sandbox.google_sheets.cells import Cell
from integrations_platform.sandbox.google_sheets.tokens import EMAIL
from integrations_platform_tests.sandbox.google_sheets.conftest import Desk

Call = tuple[str, str, Any, dict[str, Any]]
RAW = {"valueInputOption": "RAW"}
PLAIN = {"valueRenderOption": "UNFORMATTED_VALUE"}
FORMULA = {"valueRenderOption": "FORMULA"}


def values(text: str) -> str:
    """The path of a range."""
    return f"/values/{quote(text, safe='')}"


@dataclass(frozen=True)
class Row:
    """One rule: what is in the tab, what is asked, and what part of the answer must be exactly this."""

    id: str
    cites: str
    call: Call
    expected: dict[str, Any]
    filled: Sequence[Sequence[Any]] = ()
    tabs: Sequence[str] = ()
    absent: Sequence[str] = ()
    assumption: bool = False
    locale: str = "en_US"


def get(text: str, **query: Any) -> Call:
    return ("GET", values(text), None, query)


def put(text: str, rows: list[list[Any]], **query: Any) -> Call:
    return ("PUT", values(text), {"values": rows}, {**RAW, **query})


def append(text: str, rows: list[list[Any]], **query: Any) -> Call:
    return ("POST", f"{values(text)}:append", {"values": rows}, {**RAW, **query})


NOBODYS = [[Cell(None, "=4/2"), Cell(43831.0, kind="DATE"), 53]]

TABLE = [
    Row("quotes dropped where not needed", "§4", get("'Sheet1'!D4"), {"range": "Sheet1!D4"}),
    Row("a single cell stays one", "§4", get("Sheet1!D4"), {"range": "Sheet1!D4"}),
    Row("quotes kept with a space", "§4", get("'My Tab'!A1:C3"), {"range": "'My Tab'!A1:C3"}, tabs=["My Tab"]),
    Row("quotes kept for other letters", "§4", get("'Künden'!A1:B1"), {"range": "'Künden'!A1:B1"}, tabs=["Künden"]),
    Row("a quote in a title is doubled", "§4", get("'It''s'!A1"), {"range": "'It''s'!A1"}, tabs=["It's"]),
    Row("a slash in a title", "§10", get("'a/b'!A1"), {"range": "'a/b'!A1"}, tabs=["a/b"]),
    Row("a title that starts with a digit is quoted", "§11", get("'2024'!A1"), {"range": "'2024'!A1"}, tabs=["2024"],
        assumption=True),
    Row("a title that reads like a cell is quoted", "§11", get("'Q1'!A1"), {"range": "'Q1'!A1"}, tabs=["Q1"],
        assumption=True),
    Row("no tab named: the first", "§4", get("B2"), {"range": "Sheet1!B2"}, tabs=["Other"]),
    Row("a title alone is the grid", "§4", get("Sheet1"), {"range": "Sheet1!A1:Z1000"}),
    Row("an open column", "§4", get("A1:A"), {"range": "Sheet1!A1:A1000"}),
    Row("an open row", "§4", get("A1:1"), {"range": "Sheet1!A1:Z1"}),
    Row("an empty range has no values", "§4", get("A1:B2"), {"range": "Sheet1!A1:B2"}, absent=["values"]),
    Row("a cleared cell is empty", "§4", get("A1:B2"), {}, filled=[["", None]], absent=["values"]),
    Row("trailing cells and rows are cut, inner ones stay", "§4", get("A1:E5"),
        {"values": [["a", "", "b"], [], ["c"]]}, filled=[["a", None, "b", None], [], ["c"]]),
    Row("unformatted values", "§4", get("A1:C1", **PLAIN), {"values": [[2, 43831, 53]]}, filled=NOBODYS),
    Row("formulas", "§4", get("A1:C1", **FORMULA), {"values": [["=4/2", 43831, 53]]}, filled=NOBODYS),
    Row("formatted values", "§4", get("A1:C1"), {"values": [["2", "2020-01-01", "53"]]}, filled=NOBODYS),
    Row("dates as text on request", "§4", get("A1:C1", **PLAIN, dateTimeRenderOption="FORMATTED_STRING"),
        {"values": [[2, "2020-01-01", 53]]}, filled=NOBODYS),
    Row("types arrive as they are", "§4", get("A1:D1", **PLAIN), {"values": [[1.5, True, "007", False]]},
        filled=[[1.5, True, "007", False]]),
    Row("a number beyond 2^53 has lost digits", "§4", get("A1:B1", **PLAIN),
        {"values": [[9007199254740992, "9007199254740993"]]}, filled=[[9007199254740993, "9007199254740993"]]),
    Row("formatted depends on the locale", "§8.6", get("A1"), {"values": [["1,5"]]}, filled=[[1.5]], locale="de_DE"),
    Row("a formula that refers to cells", "§4", get("C1", **PLAIN), {"values": [[5]]},
        filled=[[2, 3, Cell(None, "=A1+B1")]]),
    Row("a formula that fails shows its error", "§4", get("A1", **PLAIN), {"values": [["#DIV/0!"]]},
        filled=[[Cell(None, "=1/0")]], assumption=True),
    Row("columns as the major dimension", "§2", get("A1:B", majorDimension="COLUMNS"),
        {"majorDimension": "COLUMNS", "values": [["a", "b"], ["", "c"]]}, filled=[["a"], ["b", "c"]]),
    Row("a write at a cell expands", "§4", put("A1", [["x"] * 4] * 4),
        {"updatedRange": "Sheet1!A1:D4", "updatedRows": 4, "updatedColumns": 4, "updatedCells": 16}),
    Row("fewer rows than the range", "§4", put("A1:B2", [["a", "b"]]),
        {"updatedRange": "Sheet1!A1:B1", "updatedRows": 1, "updatedCells": 2}),
    Row("ragged rows count the given cells", "§4", put("A1:D2", [["a"], ["b", "c", "d", "e"]]),
        {"updatedRange": "Sheet1!A1:D2", "updatedCells": 5}),
    Row("null skips a cell and is not counted", "§4", put("A1:C1", [["a", None, "c"]]),
        {"updatedRange": "Sheet1!A1:C1", "updatedCells": 2}),
    Row("nothing written has no counts", "§4", put("A1", []), {"updatedRange": "Sheet1!A1"},
        absent=["updatedCells"], assumption=True),
    Row("a write is echoed on request", "§3", put("A1", [["a"]], includeValuesInResponse="true"),
        {"updatedData": {"range": "Sheet1!A1", "majorDimension": "ROWS", "values": [["a"]]}}),
    Row("append to an empty tab", "§4", append("Sheet1", [["a", "b"]]),
        {"updates": {"spreadsheetId": "book", "updatedRange": "Sheet1!A1:B1", "updatedRows": 1, "updatedColumns": 2,
                     "updatedCells": 2}}, absent=["tableRange"]),
    Row("append after a gap in the header", "§4", append("Sheet1", [[1, 2, 3]]),
        {"tableRange": "Sheet1!C1", "updates": {"spreadsheetId": "book", "updatedRange": "Sheet1!C2:E2",
                                                "updatedRows": 1, "updatedColumns": 3, "updatedCells": 3}},
        filled=[["x", "", "z"]]),
    Row("append with the table named", "§4", append("A1", [[1, 2, 3]]),
        {"tableRange": "Sheet1!A1", "updates": {"spreadsheetId": "book", "updatedRange": "Sheet1!A2:C2",
                                                "updatedRows": 1, "updatedColumns": 3, "updatedCells": 3}},
        filled=[["x", "", "z"]]),
    Row("clear echoes its range", "§3", ("POST", f"{values('A1:B2')}:clear", None, {}),
        {"spreadsheetId": "book", "clearedRange": "Sheet1!A1:B2"}, filled=[["a"]]),
    Row("several clears", "§3", ("POST", "/values:batchClear", {"ranges": ["A1", "Sheet1!B1:B"]}, {}),
        {"clearedRanges": ["Sheet1!A1", "Sheet1!B1:B1000"]}),
    Row("several reads answer in the order asked", "§3", ("GET", "/values:batchGet", None, {"ranges": ["B1", "A1"]}),
        {"valueRanges": [{"range": "Sheet1!B1", "majorDimension": "ROWS", "values": [["b"]]},
                         {"range": "Sheet1!A1", "majorDimension": "ROWS", "values": [["a"]]}]}, filled=[["a", "b"]]),
    Row("several writes and their totals", "§3",
        ("POST", "/values:batchUpdate", {**RAW, "data": [{"range": "A1:B1", "values": [["a", "b"]]},
                                                        {"range": "A3", "values": [["c"]]}]}, {}),
        {"totalUpdatedRows": 2, "totalUpdatedColumns": 2, "totalUpdatedCells": 3, "totalUpdatedSheets": 1}),
    Row("an empty reply per request", "§3",
        ("POST", ":batchUpdate", {"requests": [{"appendDimension": {"sheetId": 0, "dimension": "ROWS", "length": 1}}]},
         {}), {"spreadsheetId": "book", "replies": [{}]}),
]  # fmt: skip


@pytest.mark.parametrize("row", TABLE, ids=[row.id for row in TABLE])
def test_the_table(desk: Desk, row: Row) -> None:
    for title in row.tabs:
        desk.book.add_tab(title)
    desk.book.locale = row.locale
    desk.fill([list(line) for line in row.filled])
    method, path, body, query = row.call
    answer = desk.ask(method, path, body, **query)
    assert {name: answer.get(name) for name in row.expected} == row.expected, row.cites
    assert [name for name in row.absent if name in answer] == []


REFUSALS: Sequence[tuple[str, str, Call, str]] = [
    ("an unknown tab", "§6", get("Nobody!A1"), "Unable to parse range: Nobody!A1"),
    ("no range at all", "§6", get("A1:B:C"), "Unable to parse range: A1:B:C"),
    ("outside the grid (assumption)", "§11", get("A1001"), "exceeds grid limits. Max rows: 1000, max columns: 26"),
    ("writing outside the grid (assumption)", "§11", put("Z1", [["a", "b"]]), "exceeds grid limits"),
    ("more rows than the range (assumption)", "§4", put("A1:B1", [["a"], ["b"]]), "tried writing to row [2]"),
    ("no input option (assumption)", "§2", ("PUT", values("A1"), {"values": []}, {}), "'valueInputOption' is required"),
    ("a misspelt member", "§6", ("POST", ":batchUpdate", {"requets": []}, {}), "Invalid JSON payload received."),
    ("too long a text", "§6", put("A1", [["x" * 50_001]]), "more than the maximum of 50000 characters"),
    ("a bad request in a batch", "§6", ("POST", ":batchUpdate",
     {"requests": [{"updateSheetProperties": {"properties": {"sheetId": 9}, "fields": "title"}}]}, {}),
     "Invalid requests[0].updateSheetProperties: "),
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS, ids=[case[0] for case in REFUSALS])
def test_bad_requests_are_invalid_arguments(desk: Desk, case: tuple[str, str, Call, str]) -> None:
    method, path, body, query = case[2]
    error = desk.refused(method, path, body, **query)
    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    assert case[3] in error["message"]


def rows(desk: Desk) -> list[list[Any]]:
    """What the tab shows, unformatted."""
    return list(desk.ask("GET", values("Sheet1"), **PLAIN).get("values", []))


def request(desk: Desk, **requests: Any) -> Any:
    """One :batchUpdate of these requests, in order."""
    return desk.ask("POST", ":batchUpdate", {"requests": [{name: body} for name, body in requests.items()]})


def test_raw_keeps_text_and_user_entered_reads_it(desk: Desk) -> None:  # §4
    typed = [["=1+1", "7", "TRUE", "2020-01-01", "'007"]]
    desk.ask("PUT", values("A1"), {"values": typed}, **RAW)
    assert rows(desk) == typed
    desk.ask("PUT", values("A1"), {"values": typed}, valueInputOption="USER_ENTERED")
    assert rows(desk) == [[2, 7, True, 43831, "007"]]


def test_null_leaves_a_cell_and_empty_text_clears_it(desk: Desk) -> None:  # §4
    desk.fill([["a", "b", "c"]])
    desk.ask("PUT", values("A1"), {"values": [[None, "", "d"]]}, **RAW)
    assert rows(desk) == [["a", "", "d"]]


def test_a_batch_with_one_bad_request_changes_nothing(desk: Desk) -> None:  # §5
    desk.fill([["a"], ["b"], ["c"]])
    version = desk.book.version
    good = {"deleteDimension": {"range": {"sheetId": 0, "dimension": "ROWS", "startIndex": 0, "endIndex": 1}}}
    bad = {"updateCells": {"start": {"sheetId": 7}, "rows": [], "fields": "userEnteredValue"}}
    error = desk.refused("POST", ":batchUpdate", {"requests": [good, good, bad]})
    assert error["message"].startswith("Invalid requests[2].updateCells: ")
    assert (rows(desk), desk.book.version) == ([["a"], ["b"], ["c"]], version)


def test_rows_are_deleted_from_zero_and_half_open(desk: Desk) -> None:  # §2
    desk.fill([[letter] for letter in "abcd"])
    request(desk, deleteDimension={"range": {"sheetId": 0, "dimension": "ROWS", "startIndex": 1, "endIndex": 3}})
    assert rows(desk) == [["a"], ["d"]]
    assert desk.tab.row_count == 998


def test_inserted_rows_push_the_rest_down(desk: Desk) -> None:  # §5
    desk.fill([["a"], ["b"]])
    request(desk, insertDimension={"range": {"sheetId": 0, "dimension": "ROWS", "startIndex": 1, "endIndex": 3}})
    assert rows(desk) == [["a"], [], [], ["b"]]


def test_cells_written_by_update_cells_keep_their_types(desk: Desk) -> None:  # §5
    cells = [{"userEnteredValue": value} for value in (
        {"stringValue": "=1+1"}, {"numberValue": 2}, {"boolValue": True}, {"formulaValue": "=B1*3"})]  # fmt: skip
    request(desk, updateCells={"start": {"sheetId": 0, "rowIndex": 0, "columnIndex": 0}, "rows": [{"values": cells}],
                               "fields": "userEnteredValue"})  # fmt: skip
    assert rows(desk) == [["=1+1", 2, True, 6]]
    assert desk.ask("GET", values("A1:D1"), **FORMULA)["values"] == [["=1+1", 2, True, "=B1*3"]]


def test_appended_cells_start_in_column_a_below_everything(desk: Desk) -> None:  # §5
    desk.fill([["x", "", "z"], [], ["", "", "total"]])
    request(desk, appendCells={"sheetId": 0, "rows": [{"values": [{"userEnteredValue": {"stringValue": "n"}}]}],
                               "fields": "userEnteredValue"})  # fmt: skip
    assert rows(desk)[3] == ["n"]


def test_a_sort_moves_rows_whole(desk: Desk) -> None:  # §5
    desk.fill([["n", "v"], ["b", 1], ["a", 2], ["c", 3]])
    request(desk, sortRange={"range": {"sheetId": 0, "startRowIndex": 1},
                             "sortSpecs": [{"dimensionIndex": 0, "sortOrder": "DESCENDING"}]})  # fmt: skip
    assert rows(desk) == [["n", "v"], ["c", 3], ["b", 1], ["a", 2]]


def test_a_sheet_id_of_zero_is_shown_in_properties_and_left_out_of_ranges(desk: Desk) -> None:  # §3
    request(desk, addProtectedRange={"protectedRange": {"range": {"sheetId": 0, "endRowIndex": 1}}})
    (sheet,) = desk.ask("GET", "", fields="sheets.properties,sheets.protectedRanges")["sheets"]
    assert sheet["properties"]["sheetId"] == 0
    assert sheet["protectedRanges"][0]["range"] == {"startRowIndex": 0, "endRowIndex": 1}


def test_protected_cells_are_refused(desk: Desk) -> None:  # §8.7
    desk.vendor.person({"do": "protect", "range": "A1:A5"})
    error = desk.refused("PUT", values("A3:B3"), {"values": [["x", "y"]]}, **RAW)
    assert (error["code"], "protected" in error["message"]) == (400, True)
    assert rows(desk) == []
    desk.vendor.person({"do": "protect", "range": "B1:B5", "editors": [EMAIL]})
    assert desk.ask("PUT", values("B3"), {"values": [["y"]]}, **RAW)["updatedCells"] == 1


def test_hidden_rows_are_read(desk: Desk) -> None:  # §8.7
    desk.fill([["a"], ["b"]])
    desk.vendor.person({"do": "hide_row", "row": 1})
    assert rows(desk) == [["a"], ["b"]]


def test_metadata_follows_its_row_through_inserts_and_dies_with_it(desk: Desk) -> None:  # §5
    desk.fill([["h"], ["a"], ["b"]])
    place = {"dimensionRange": {"sheetId": 0, "dimension": "ROWS", "startIndex": 2, "endIndex": 3}}
    request(desk, createDeveloperMetadata={"developerMetadata": {
        "metadataKey": "id", "metadataValue": "7", "visibility": "DOCUMENT", "location": place}})  # fmt: skip
    lookup = {"dataFilters": [{"developerMetadataLookup": {"metadataKey": "id"}}]}
    desk.vendor.person({"do": "insert_rows", "row": 2, "count": 2})
    (found,) = desk.ask("POST", "/developerMetadata:search", lookup)["matchedDeveloperMetadata"]
    assert found["developerMetadata"]["location"]["dimensionRange"]["startIndex"] == 4
    read = desk.ask("POST", "/values:batchGetByDataFilter", lookup | PLAIN)
    assert read["valueRanges"][0]["valueRange"]["values"] == [["b"]]
    wrote = desk.ask("POST", "/values:batchUpdateByDataFilter", {**RAW, "data": [
        {"dataFilter": lookup["dataFilters"][0], "majorDimension": "ROWS", "values": [["B"]]}]})  # fmt: skip
    assert (wrote["totalUpdatedCells"], rows(desk)[4]) == (1, ["B"])
    desk.vendor.person({"do": "delete_rows", "row": 5})
    assert desk.ask("POST", "/developerMetadata:search", lookup) == {}


def test_metadata_stays_at_its_row_when_values_are_sorted_beneath_it(desk: Desk) -> None:  # §11, assumption
    desk.fill([["h"], ["b"], ["a"]])
    place = {"dimensionRange": {"sheetId": 0, "dimension": "ROWS", "startIndex": 1, "endIndex": 2}}
    request(desk, createDeveloperMetadata={"developerMetadata": {
        "metadataKey": "id", "visibility": "DOCUMENT", "location": place}})  # fmt: skip
    desk.vendor.person({"do": "sort", "column": 0})
    read = desk.ask("POST", "/values:batchGetByDataFilter",
                    {"dataFilters": [{"developerMetadataLookup": {"metadataKey": "id"}}]})  # fmt: skip
    assert read["valueRanges"][0]["valueRange"]["values"] == [["a"]]


def test_sixty_reads_a_minute_and_sixty_writes(desk: Desk) -> None:  # §6
    assert GoogleSheets().limits == {"Read": 60, "Write": 60}
    desk.vendor.limits = {"Read": 6, "Write": 1}
    for _ in range(6):
        desk.ask("GET", values("A1"))
    error = desk.refused("GET", values("A1"))
    assert (error["code"], error["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert error["message"].startswith("Quota exceeded for quota metric 'Read requests'")
    desk.ask("PUT", values("A1"), {"values": [["writes have their own"]]}, **RAW)
    desk.vendor.clock.advance(60)
    assert desk.ask("GET", values("A1"))["values"] == [["writes have their own"]]


def test_a_full_minute_may_say_when_to_come_back(desk: Desk) -> None:  # §10, §11
    desk.vendor.limits = {"Read": 0, "Write": 0}
    url = "https://sheets.googleapis.com/v4/spreadsheets/book/values/A1"
    session = desk.client.http_client.session
    assert "retry-after" not in session.get(url.replace("https://sheets.googleapis.com", desk.url)).headers
    desk.vendor.retry_after = 7
    answer = session.get(url.replace("https://sheets.googleapis.com", desk.url))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")


def test_a_spreadsheet_that_is_not_shared_or_not_there(desk: Desk) -> None:  # §6
    desk.vendor.person({"do": "share", "role": "viewer"})
    assert desk.ask("GET", values("A1"))["range"] == "Sheet1!A1"
    assert desk.refused("PUT", values("A1"), {"values": [["x"]]}, **RAW)["status"] == "PERMISSION_DENIED"
    desk.vendor.person({"do": "share", "role": "none"})
    assert desk.refused("GET", values("A1"))["code"] == 403
    desk.vendor.books.clear()
    error = desk.refused("GET", values("A1"))
    assert (error["code"], error["message"]) == (404, "Requested entity was not found.")


def test_drive_counts_every_change(desk: Desk) -> None:  # §8.3
    url = "https://www.googleapis.com/drive/v3/files/book"

    def seen() -> dict[str, str]:
        return dict(desk.client.http_client.request("GET", url, params={"fields": "modifiedTime,version"}).json())

    before = seen()
    desk.vendor.clock.advance(5)
    desk.ask("GET", values("A1"))
    assert seen() == before
    desk.ask("PUT", values("A1"), {"values": [["x"]]}, **RAW)
    wrote = seen()
    desk.vendor.person({"do": "type", "at": "A2", "values": [["by hand"]]})
    typed = seen()
    assert int(before["version"]) < int(wrote["version"]) < int(typed["version"])
    assert before["modifiedTime"] < wrote["modifiedTime"]


def test_an_edit_may_wait_for_a_call(desk: Desk) -> None:  # §10
    desk.fill([["h"], ["b"], ["a"]])
    desk.vendor.person({"do": "sort", "column": 0, "before": "spreadsheets.values.update"})
    assert rows(desk) == [["h"], ["b"], ["a"]]
    desk.ask("PUT", values("A2"), {"values": [["x"]]}, **RAW)
    assert rows(desk) == [["h"], ["x"], ["b"]]


def test_a_state_file_restores_the_same_spreadsheet(desk: Desk) -> None:
    desk.fill([["a", Cell(None, "=A1&A1"), Cell(43831.0, kind="DATE")]])
    desk.vendor.person({"do": "merge", "range": "A2:B2"})
    desk.vendor.person({"do": "protect", "range": "C1"})
    kept = json.loads(json.dumps(desk.vendor.dump()))
    desk.vendor.reset()
    desk.vendor.load(kept)
    assert desk.vendor.dump() == kept
    assert rows(desk) == [["a", "aa", 43831]]


def test_a_person_does_only_what_is_known(desk: Desk) -> None:
    with pytest.raises(ValueError, match="do is one of delete_column, delete_rows"):
        desk.vendor.person({"do": "dance"})
