"""Whom a spreadsheet lets in, how it is found, and what trouble on the way there comes to."""

from __future__ import annotations

import pytest

from integrations_platform.connectors.google_sheets import introspect, open_google_sheets, probe
from integrations_platform.sandbox.faults import Fault, FaultKind
from integrations_platform.sandbox.google_sheets.tokens import EMAIL
from integrations_platform.unified_sync.port import BoundColumn, ErrorKind, SideError, Status
from integrations_platform.unified_sync.spec import SideSpec
from integrations_platform.unified_sync.values import FieldType
from integrations_platform_tests.connectors.google_sheets.conftest import (
    HEADER,
    Office,
    by_name,
    change,
    create,
    keyed,
    now,
    only,
    unlimited,
)


def test_the_tab_is_found_by_title_and_near_ones_are_named(office: Office) -> None:
    (problem,) = office.side(tab="Peopel").check()
    assert problem.blocking
    assert "'People'" in problem.remedy
    for tab in ("", "-"):
        assert list(office.side(tab=tab).check()) == []
    office.vendor.books["book"].add_tab("It's Ours")
    (problem,) = office.side(tab="", options=office.options(sheet_name="It's Ours")).check()
    assert problem.message.startswith('tab "It\'s Ours" has no header')


@pytest.mark.parametrize("role", ["none", "viewer"])
def test_a_spreadsheet_that_is_not_shared_names_whom_to_share_it_with(office: Office, role: str) -> None:
    side = office.side()
    if role == "viewer":
        by_name(side)
    office.person("share", role=role)
    with pytest.raises(SideError) as caught:
        side.write([create(1)])
    assert caught.value.kind is ErrorKind.CONFIGURATION
    assert f"share the spreadsheet with {EMAIL} as Editor" in caught.value.message


def test_an_unknown_spreadsheet_says_where_its_id_stands(office: Office) -> None:
    with pytest.raises(SideError, match="between /d/ and /edit") as caught:
        office.side(options=office.options(spreadsheet_id="nobody")).check()
    assert caught.value.kind is ErrorKind.CONFIGURATION


@pytest.mark.parametrize("credentials", ["", "{", "{}", "/no/such/file.json", '{"client_email": "x"}'])
def test_unusable_credentials_are_refused_without_being_shown(office: Office, credentials: str) -> None:
    with pytest.raises(SideError, match="service account") as caught:
        office.side(options=office.options(credentials=credentials))
    assert (caught.value.kind, caught.value.code) == (ErrorKind.CONFIGURATION, "credentials")


def test_a_key_that_was_withdrawn_is_a_setting_to_change(office: Office) -> None:
    import json

    account = json.loads(office.options()["credentials"]) | {"client_email": "somebody@else.example"}
    with pytest.raises(SideError) as caught:
        office.side(options=office.options(credentials=json.dumps(account))).check()
    assert caught.value.kind is ErrorKind.CONFIGURATION
    assert "somebody@else.example" in caught.value.message
    assert "BEGIN PRIVATE" not in caught.value.message


def test_an_ended_token_is_renewed_in_the_middle_of_a_run(office: Office) -> None:
    side = office.side()
    found = keyed(side)
    office.vendor.faults.add(Fault(FaultKind.EXPIRE_TOKEN, "spreadsheets.batchUpdate"))
    assert only(side.write([change("u", found["Bob"], Name="Rob")])).status is Status.APPLIED
    assert [row[0] for row in office.cells("A")] == ["Ann", "Rob", "Cy"]


@pytest.mark.parametrize(
    "fault",
    [Fault(FaultKind.HTML), Fault(FaultKind.DROP_BEFORE), Fault(FaultKind.CUT_JSON), Fault(FaultKind.TRUNCATE),
     Fault(FaultKind.STATUS, status=503), Fault(FaultKind.STATUS, status=429)],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)  # fmt: skip
def test_trouble_while_reading_is_transient_and_leaves_nothing_open(office: Office, fault: Fault) -> None:
    side = office.side()
    office.vendor.faults.add(fault.from_data(fault.to_data() | {"operation": "spreadsheets.values.*"}))
    with pytest.raises(SideError) as caught, side.snapshot():
        pass
    assert (caught.value.kind, caught.value.effect_unknown) == (ErrorKind.TRANSIENT, False)
    assert len(by_name(side)) == 3


def test_a_full_minute_is_waited_for_as_long_as_it_takes(office: Office) -> None:
    office.vendor.limits = {"Read": 0, "Write": 0}
    with pytest.raises(SideError) as caught:
        office.side().check()
    assert (caught.value.code, caught.value.retry_after) == ("rate_limit", 20.0)


def test_a_base_url_that_would_carry_the_token_in_clear_is_refused(office: Office) -> None:
    with pytest.raises(SideError, match="not encrypted"):
        office.side(options=office.options(base_url="http://sheets.example.com"))


def test_a_system_can_be_asked_who_it_is_and_described(office: Office) -> None:
    said = probe("office", office.options(), clock=now, budget=unlimited())
    assert said == f"Google Sheets 'Office' (tabs: People) as {EMAIL}"
    keyed(office.side())
    described = introspect("office", office.options(), "", clock=now, budget=unlimited())
    assert {column.name: column.suggested for column in described.columns} == {
        "Name": FieldType.TEXT, "Email": FieldType.EMAIL, "Balance": FieldType.DECIMAL, "Note": FieldType.TEXT
    }  # fmt: skip


def test_nothing_is_asked_of_anybody_until_it_must_be(office: Office) -> None:
    side = open_google_sheets("office", office.options(), SideSpec("office", "People"),
                              [BoundColumn(name, FieldType.TEXT) for name in HEADER], "people", "B", clock=now,
                              budget=unlimited())  # fmt: skip
    assert (side.requests, side.write([]), side.read([]), side.system) == (0, [], {}, "office")
    side.close()
