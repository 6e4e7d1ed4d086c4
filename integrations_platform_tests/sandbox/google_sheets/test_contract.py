"""The schema itself: it comes from the vendor's documents, and it notices every small mistake."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest

from integrations_platform.sandbox.contracts import OTHER_STATUS, Contract
from integrations_platform.sandbox.google_sheets import GoogleSheets
from integrations_platform.sandbox.google_sheets.app import METHODS
from integrations_platform.sandbox.google_sheets.schema import ALWAYS, document, template, verb

UPDATE = {"spreadsheetId": "b", "updatedRange": "Sheet1!A1", "updatedRows": 1, "updatedColumns": 1, "updatedCells": 1}
RANGE = {"range": "Sheet1!A1:B1", "majorDimension": "ROWS", "values": [["a", 1, True, None]]}
ANSWERS: dict[str, Any] = {
    "spreadsheets.get": {
        "spreadsheetId": "b", "spreadsheetUrl": "https://x.invalid",
        "properties": {"title": "t", "locale": "en_US", "timeZone": "Europe/London", "autoRecalc": "ON_CHANGE"},
        "sheets": [{"properties": {"sheetId": 0, "title": "Sheet1", "index": 0, "sheetType": "GRID",
                                   "gridProperties": {"rowCount": 1000, "columnCount": 26}},
                    "merges": [{"startRowIndex": 1, "endRowIndex": 2, "startColumnIndex": 0, "endColumnIndex": 2}]}],
    },
    "spreadsheets.values.get": RANGE,
    "spreadsheets.values.batchGet": {"spreadsheetId": "b", "valueRanges": [RANGE]},
    "spreadsheets.values.update": UPDATE,
    "spreadsheets.values.append": {"spreadsheetId": "b", "tableRange": "Sheet1!A1", "updates": UPDATE},
    "spreadsheets.batchUpdate": {"spreadsheetId": "b", "replies": [{}, {"addSheet": {"properties": {"sheetId": 1}}}]},
    "files.get": {"kind": "drive#file", "id": "b", "name": "n", "mimeType": "m", "version": "3",
                  "modifiedTime": "2024-01-01T00:00:00.000Z"},
}  # fmt: skip
REQUESTS: dict[str, Any] = {
    "spreadsheets.values.update": {"range": "A1", "majorDimension": "ROWS", "values": [["a"]]},
    "spreadsheets.batchUpdate": {"requests": [
        {"deleteDimension": {"range": {"sheetId": 0, "dimension": "ROWS", "startIndex": 1, "endIndex": 2}}},
        {"updateCells": {"start": {"sheetId": 0, "rowIndex": 0, "columnIndex": 0}, "fields": "userEnteredValue",
                         "rows": [{"values": [{"userEnteredValue": {"stringValue": "x"}}]}]}},
    ]},
}  # fmt: skip


@pytest.fixture(scope="module")
def contract() -> Contract:
    return GoogleSheets().contract()


def mutations(example: Any, always: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Small mistakes: an object where a scalar belongs and the other way round, a misspelt member, a dropped one."""
    for name in always:
        yield f"without {name}", {key: value for key, value in example.items() if key != name}
    for path in paths(example):
        whole = copy.deepcopy(example)
        parent = whole
        for step in path[:-1]:
            parent = parent[step]
        value = parent[path[-1]]
        if "values" in path[:-1] and isinstance(path[-1], int) and not isinstance(value, dict | list):
            continue  # a cell of a ValueRange may be anything
        parent[path[-1]] = "text" if isinstance(value, dict | list) else {"an": "object"}
        yield f"type of {path}", whole
        if isinstance(path[-1], str):
            whole = copy.deepcopy(example)
            parent = whole
            for step in path[:-1]:
                parent = parent[step]
            parent[path[-1] + "x"] = parent.pop(path[-1])
            yield f"misspelt {path}", whole


def paths(data: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    members = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for step, value in members:
        yield (*above, step)
        yield from paths(value, (*above, step))


@pytest.mark.parametrize("method", ANSWERS)
def test_every_small_mistake_in_an_answer_is_a_violation(contract: Contract, method: str) -> None:
    name = METHODS[method]
    schema = contract.operations[(verb(name, method), template(name, method))].responses[200]
    assert schema is not None
    check = contract.validator(schema)
    assert check.is_valid(ANSWERS[method])
    passed = [what for what, wrong in mutations(ANSWERS[method], ALWAYS.get(method, ())) if check.is_valid(wrong)]
    assert passed == []


@pytest.mark.parametrize("method", REQUESTS)
def test_every_small_mistake_in_a_request_is_a_violation(contract: Contract, method: str) -> None:
    name = METHODS[method]
    schema = contract.operations[(verb(name, method), template(name, method))].request
    assert schema is not None
    check = contract.validator(schema)
    assert check.is_valid(REQUESTS[method])
    assert [what for what, wrong in mutations(REQUESTS[method], ()) if check.is_valid(wrong)] == []


@pytest.mark.parametrize(
    ("method", "wrong"),
    [
        ("spreadsheets.values.get", RANGE | {"majorDimension": "rows"}),
        ("spreadsheets.get", {"properties": {"autoRecalc": "SOMETIMES"}}),
    ],
)
def test_an_unknown_word_of_a_list_is_a_violation(contract: Contract, method: str, wrong: Any) -> None:
    schema = contract.operations[("GET", template("sheets.v4", method))].responses[200]
    assert schema is not None
    assert not contract.validator(schema).is_valid(wrong)


def test_every_schema_compiles_and_every_method_has_a_route(contract: Contract) -> None:
    for operation in contract.operations.values():
        for schema in (operation.request, operation.responses[200], operation.responses[OTHER_STATUS]):
            assert schema is None or contract.validator(schema)
    for name in ("sheets.v4", "drive.v3"):
        assert set(document(name)["methods"]) == {method for method, where in METHODS.items() if where == name}


def test_error_envelopes_are_checked(contract: Contract) -> None:
    check = contract.validator(contract.operations[("GET", "/v4/spreadsheets/{spreadsheetId}")].responses[0] or {})
    assert check.is_valid({"error": {"code": 404, "message": "m", "status": "NOT_FOUND"}})
    assert not check.is_valid({"message": "m"})
    assert not check.is_valid({"error": {"code": "404", "message": "m"}})


def test_the_documents_name_their_source_and_licence() -> None:
    from importlib.resources import files

    notice = files("integrations_platform.sandbox.google_sheets").joinpath("NOTICE").read_text(encoding="utf-8")
    for name in ("sheets.v4", "drive.v3"):
        assert document(name)["revision"] in notice
    assert re.search(r"Apache License,\s+Version 2.0", notice)
