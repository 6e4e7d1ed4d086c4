"""Layer A: gspread itself, over HTTP, for every operation in use; what it accepts and what it raises."""

from __future__ import annotations

import json

import gspread
import httpx
import pytest
from google.auth.exceptions import RefreshError
from gspread.exceptions import APIError, SpreadsheetNotFound

from integrations_platform.sandbox.google_sheets import GoogleSheets
from integrations_platform.sandbox.google_sheets.tokens import EMAIL
from integrations_platform_tests.sandbox.google_sheets.conftest import Desk
from integrations_platform_tests.sandbox.google_sheets.peers import client_of


def test_opening_and_listing_tabs(desk: Desk) -> None:
    desk.book.add_tab("My Tab")
    sheet = desk.sheet
    assert (sheet.title, sheet.timezone, sheet.locale) == ("A book", "Europe/London", "en_US")
    assert [tab.title for tab in sheet.worksheets()] == ["Sheet1", "My Tab"]
    assert sheet.worksheet("My Tab").id == sheet.get_worksheet(1).id
    assert (sheet.sheet1.row_count, sheet.sheet1.col_count) == (1000, 26)
    assert "properties" in sheet.fetch_sheet_metadata({"fields": "sheets.properties"})["sheets"][0]


def test_reading(desk: Desk) -> None:
    desk.fill([["k", "n"], ["1", 2.5], ["", "x"]])
    tab = desk.sheet.sheet1
    assert tab.get_all_values() == [["k", "n"], ["1", "2.5"], ["", "x"]]
    assert (tab.row_values(1), tab.col_values(1)) == (["k", "n"], ["k", "1"])
    assert tab.get("A2:B2", value_render_option="UNFORMATTED_VALUE") == [["1", 2.5]]
    assert [block[0] for block in tab.batch_get(["A1:A1", "B2:B2"])] == [["k"], ["2.5"]]
    found = tab.find("x")
    assert found is not None
    assert (found.row, found.col) == (3, 2)
    answer = desk.sheet.values_batch_get(["Sheet1"], {"valueRenderOption": "UNFORMATTED_VALUE"})
    assert answer["valueRanges"][0]["values"][1] == ["1", 2.5]


def test_writing(desk: Desk) -> None:
    tab = desk.sheet.sheet1
    assert tab.update([["a", None, "=1+1"]], "A1:C1")["updatedCells"] == 2
    assert tab.batch_update([{"range": "A2", "values": [["b"]]}])["totalUpdatedCells"] == 1
    assert tab.update_cells([gspread.Cell(3, 1, "c"), gspread.Cell(4, 2, "d")])["updatedRange"] == "Sheet1!A3:B4"
    assert tab.append_rows([["e"]], table_range="A1")["updates"]["updatedRange"] == "Sheet1!A5"
    assert tab.get_all_values() == [["a", "", "=1+1"], ["b", "", ""], ["c", "", ""], ["", "d", ""], ["e", "", ""]]
    tab.delete_rows(3, 4)
    assert [row[0] for row in tab.get_all_values()] == ["a", "b", "e"]
    tab.insert_rows([["i"]], row=2)
    assert [row[0] for row in tab.get_all_values()] == ["a", "i", "b", "e"]
    tab.batch_clear(["A1:A2"])
    tab.clear()
    assert tab.get_all_values() == [[]]


def test_tabs_and_their_properties(desk: Desk) -> None:
    sheet = desk.sheet
    tab = sheet.add_worksheet("New", rows=5, cols=3)
    assert (tab.title, tab.row_count, tab.col_count) == ("New", 5, 3)
    tab.resize(rows=7)
    tab.add_rows(2)
    tab.freeze(rows=1)
    tab.update_title("Newer")
    fresh = sheet.worksheet("Newer")
    assert (fresh.row_count, fresh.frozen_row_count) == (9, 1)
    tab.sort((1, "asc"))
    tab.add_protected_range("A1:A2", editor_users_emails=[EMAIL])
    assert sheet.list_protected_ranges(tab.id)[0]["range"]["endRowIndex"] == 2
    with pytest.raises(APIError, match="already exists"):
        sheet.add_worksheet("newer", rows=1, cols=1)
    sheet.del_worksheet(tab)
    assert [one.title for one in sheet.worksheets()] == ["Sheet1"]


def test_drive(desk: Desk) -> None:
    made = desk.client.create("Made here")
    assert desk.client.open("Made here").id == made.id
    assert made.sheet1.title == "Sheet1"
    assert {one["id"] for one in desk.client.list_spreadsheet_files()} == {"book", made.id}
    assert desk.sheet.get_lastUpdateTime().endswith("Z")
    # gspread sends a parameter of another method along; Google ignores it.
    assert {violation.pointer for violation in desk.vendor.violations} == {"?includeItemsFromAllDrives"}
    desk.vendor.violations.clear()


def test_what_the_client_raises(desk: Desk) -> None:
    with pytest.raises(SpreadsheetNotFound):
        desk.client.open_by_key("nobody")
    desk.vendor.person({"do": "share", "role": "none"})
    with pytest.raises(PermissionError):
        desk.client.open_by_key("book")
    desk.vendor.person({"do": "share", "role": "editor"})
    with pytest.raises(APIError) as caught:
        desk.sheet.values_get("Nobody!A1")
    assert (caught.value.code, caught.value.error["status"]) == (400, "INVALID_ARGUMENT")


def test_an_ended_token_is_renewed_once(desk: Desk) -> None:
    sheet = desk.sheet
    desk.vendor.expire_token()
    assert sheet.values_get("A1")["range"] == "Sheet1!A1"
    seen = [(call.operation, call.status) for call in desk.vendor.calls]
    assert seen[-3:] == [("spreadsheets.values.get", 401), ("token", 200), ("spreadsheets.values.get", 200)]


def test_a_token_ends_by_itself(desk: Desk) -> None:
    sheet = desk.sheet
    desk.vendor.clock.advance(3600)
    assert sheet.values_get("A1")["range"] == "Sheet1!A1"
    assert [call.operation for call in desk.vendor.calls][-3:].count("token") == 1


def test_a_key_that_was_not_given_out_gets_no_token(desk: Desk) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = other.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    forged = desk.vendor.credentials(desk.url) | {"private_key": pem}
    client = client_of(desk.vendor, desk.url, forged)
    with pytest.raises(RefreshError, match="Invalid JWT Signature"):
        client.open_by_key("book")


def test_a_call_without_a_token_is_refused(desk: Desk) -> None:
    answer = httpx.get(f"{desk.url}/v4/spreadsheets/book")
    assert (answer.status_code, answer.json()["error"]["status"]) == (401, "UNAUTHENTICATED")
    desk.vendor.calls.clear()


def test_seeded_data_is_the_same_for_the_same_seed() -> None:
    first, again, other = GoogleSheets(seed=3), GoogleSheets(seed=3), GoogleSheets(seed=4)
    for vendor in (first, again, other):
        vendor.populate(20)
    assert json.dumps(first.dump()["books"]) == json.dumps(again.dump()["books"])
    assert first.dump()["books"] != other.dump()["books"]
    assert client_of(first, "http://127.0.0.1:1") is not None
