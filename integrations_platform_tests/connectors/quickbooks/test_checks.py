"""What is found before a run and how errors are worded: settings, columns, faults, limits, secrets."""

from __future__ import annotations

import pytest

from integrations_platform.connectors import introspect
from integrations_platform.connectors.budgets import ALLOWANCES, Budget
from integrations_platform.connectors.quickbooks import open_quickbooks, probe
from integrations_platform.sandbox.faults import Fault, FaultKind
from integrations_platform.sandbox.quickbooks.tokens import FIRST_ACCESS
from integrations_platform.unified_sync.port import (
    BoundColumn,
    ErrorKind,
    SideError,
    Status,
)
from integrations_platform.unified_sync.spec import SideSpec
from integrations_platform.unified_sync.values import FieldType
from integrations_platform_tests.connectors.quickbooks.asking import ann, change, make, written
from integrations_platform_tests.connectors.quickbooks.company import CUSTOMER, INVOICE, Company


def test_the_wrong_company_is_a_setting_to_change(company: Company) -> None:
    side = company.side(changed={"realm_id": "123"})
    (problem,) = side.check()
    assert problem.blocking
    assert "QUICKBOOKS_REALM_ID" in problem.message
    assert "intuit_tid" in problem.message


def test_checks_name_what_is_declared_wrongly(company: Company) -> None:
    types = {"DispalyName": FieldType.TEXT, "Balance": FieldType.DECIMAL, "Taxable": FieldType.DATE}
    problems = company.side(types=types, key=("DisplayName",), soft_delete="Active", only={"Nme": ("x",)}).check()
    text = " ".join(f"{each.message} {each.remedy}" for each in problems)
    for part in ("did you mean DisplayName", "not read as date", "leave `key:` out",
                 "inactive is archived", "`only:` names"):  # fmt: skip
        assert part in text, text
    (problem,) = company.side("costumers").check()
    assert "did you mean customers" in problem.remedy
    company.vendor.company.custom_numbers = False
    warned = company.side("invoices", {"DocNumber": FieldType.TEXT}).check()
    assert {(each.column, each.blocking) for each in warned} == {
        ("CustomerRef", False),
        ("Line", False),
        ("DocNumber", False),
    }


def test_forms_tell_lengths_options_and_what_is_computed(company: Company) -> None:
    forms = company.side(types={**CUSTOMER, "Balance": FieldType.DECIMAL}).columns()
    assert (forms["DisplayName"].max_length, forms["DisplayName"].unique) == (500, True)
    assert forms["PrimaryPhone.FreeFormNumber"].max_length == 30
    assert not forms["Balance"].writable
    assert set(company.side("invoices").columns()) == set(INVOICE)


def test_both_spellings_of_a_fault_are_read_and_html_is_none(company: Company) -> None:
    side = company.side()
    body = company.vendor.error_body(429)
    company.vendor.faults.add(Fault(FaultKind.STATUS, "query", status=400, body={**body, "warnings": None}))
    company.vendor.faults.add(Fault(FaultKind.HTML, "query", status=503))
    for expected in ("called too often", "HTTP 503"):
        with pytest.raises(SideError) as caught:
            side.read(["1"])
        assert caught.value.kind is ErrorKind.TRANSIENT
        assert expected in caught.value.message
        company.rows = type(company.rows)()
        side = company.side()


def test_a_refusal_shows_no_value_and_the_trace(company: Company) -> None:
    outcome = written(company.side(), make("secret : name"))
    assert outcome.status is Status.REJECTED
    assert "secret" not in outcome.message
    assert "intuit_tid 1-" in outcome.message
    assert "(DisplayName)" in outcome.message


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"environment": "staging"}, "production or sandbox"),
        ({"realm_id": "../1"}, "realm_id"),
        ({"client_id": "x"}, "client_secret and refresh_token is missing"),
        ({"access_token": ""}, "QUICKBOOKS_ACCESS_TOKEN"),
        ({"base_url": "http://books.example"}, "not encrypted"),
    ],
)
def test_options_that_cannot_work_are_named(company: Company, changed: dict[str, str], said: str) -> None:
    with pytest.raises(SideError) as caught:
        company.side(changed=changed)
    assert caught.value.kind is ErrorKind.CONFIGURATION
    assert said in caught.value.message


def test_the_usual_addresses_are_the_vendors(company: Company) -> None:
    options = {"access_token": "t", "realm_id": "1", "environment": "sandbox"}
    side = open_quickbooks("books", options, SideSpec("books", "customers"), [BoundColumn("Notes", FieldType.TEXT)],
                           "p", "A", clock=company.vendor.clock.now, budget=Budget())  # fmt: skip
    assert side._client._api._base == "https://sandbox-quickbooks.api.intuit.com"
    side.close()


def test_the_company_is_probed_and_objects_are_described(company: Company) -> None:
    options = company.options()
    assert probe("books", options, clock=company.vendor.clock.now, budget=Budget()).startswith("QuickBooks Online")
    described = introspect("quickbooks", options, "Customers", "books")
    assert {each.name: each.suggested for each in described.columns}["PrimaryEmailAddr.Address"] is FieldType.EMAIL
    with pytest.raises(SideError, match="did you mean invoices"):
        introspect("quickbooks", options, "invoice", "books")


def test_reads_writes_and_batches_are_charged_to_their_own_limits(company: Company) -> None:
    assert set(ALLOWANCES["quickbooks"].buckets) >= {"read", "call", "batch"}
    side = company.side()
    budget = Budget("books", "test", ALLOWANCES["quickbooks"], company.rows, sleep=company.waits.append)
    side._client._api._budget = budget
    records = [ann(company, side, DisplayName=f"C{n}") for n in range(2)]
    side.write([change(record, record.id, Notes="n") for record in records])
    written(side, make())
    (reads,) = budget.usage()
    assert (reads.name, reads.used) == ("reads", 2)


def test_the_token_appears_in_no_message(company: Company) -> None:
    side = company.side(changed={"access_token": f"x{FIRST_ACCESS}"})
    with pytest.raises(SideError) as caught:
        side.read(["1"])
    assert FIRST_ACCESS not in f"{caught.value} {caught.value!r}"
    assert "QUICKBOOKS_ACCESS_TOKEN" in caught.value.message
