"""How people lay a tab out: headers, merged and protected cells, and what of it stops a sync before any write."""

from __future__ import annotations

from typing import Any

import pytest

from integrations_platform.sandbox.google_sheets.tokens import EMAIL
from integrations_platform.unified_sync.port import ErrorKind, SideError, Status
from integrations_platform.unified_sync.values import FieldType
from integrations_platform_tests.connectors.google_sheets.conftest import (
    Office,
    change,
    create,
    keyed,
    only,
)


def test_header_names_are_compared_without_case_and_blanks(office: Office) -> None:
    office.start([["  NAME ", "e-mail   Address"], ["Ann", "ann@x.org"]])
    side = office.side({"name": FieldType.TEXT, "E-Mail address": FieldType.EMAIL})
    assert list(side.check()) == []
    with side.snapshot() as snapshot:
        (record,) = snapshot.read(snapshot.listing().frame["id"].to_list()).values()
    assert record.values == {"name": "Ann", "E-Mail address": "ann@x.org"}


@pytest.mark.parametrize(
    ("rows", "message", "remedy"),
    [
        ([], "has no header: row 1 is empty", "Name, Email, Balance"),
        ([["Name", "Mail", "Balance"]], "no column 'Email' in row 1 (it has: Name, Mail, Balance)", "B1 says 'Mail'"),
        ([["Name", "Email", "Balance", "email "]], "the header 'Email' twice, in B1 and D1", "rename or delete"),
    ],
)
def test_a_header_that_is_not_as_declared_stops_before_any_write(
    office: Office, rows: list[list[Any]], message: str, remedy: str
) -> None:
    office.start(rows)
    side = office.side()
    (problem,) = side.check()
    assert problem.blocking
    assert "tab 'People'" in problem.message
    assert message in problem.message
    assert remedy in problem.remedy
    with pytest.raises(SideError) as caught, side.snapshot():
        pass
    assert (caught.value.kind, caught.value.code) == (ErrorKind.CONFIGURATION, "header")
    with pytest.raises(SideError, match="People"):
        side.write([create(1)])
    assert office.calls().count("batchUpdate") == 0


def test_merged_cells_in_synced_columns_stop_the_run(office: Office) -> None:
    office.person("merge", range="D2:D3")
    assert list(office.side().check()) == []
    office.person("merge", range="A3:B4")
    (problem,) = office.side().check()
    assert problem.blocking
    assert "merged cells in synced columns: A3:B4" in problem.message


def test_protected_cells_are_found_before_the_run_and_refused_in_it(office: Office) -> None:
    side = office.side()
    bob = keyed(side)["Bob"]
    office.person("protect", range="B2:B100")
    (problem,) = side.check()
    assert problem.blocking
    assert f"B2:B100 is protected from {EMAIL}" in problem.message
    outcome = only(side.write([change("u", bob, Email="b@x.org")]))
    assert (outcome.status, outcome.code) == (Status.REJECTED, "protected")
    office.vendor.books["book"].tabs[0].protections.clear()
    office.person("protect", range="B2:B100", editors=[EMAIL])
    assert list(side.check()) == []
