"""The schemas hold something: every mutated example breaks them, and every property appears in some answer."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from integrations_platform.sandbox.quickbooks import QuickBooks
from integrations_platform.sandbox.quickbooks.quotas import UNLIMITED
from integrations_platform.sandbox.quickbooks.schema import DEFINITIONS, KINDS, schema
from integrations_platform_tests.sandbox.quickbooks.books import Books, held, sale
from integrations_platform_tests.sandbox.running import running

NEVER_ANSWERED = {
    "CustomField", "DefinitionId", "StringValue", "BooleanValue", "NumberValue", "DateValue",  # no custom fields
    "GroupLineDetail", "GroupItemRef", "Quantity",  # bundles are recorded, not made here
    "TaxLine", "TaxLineDetail", "TaxRateRef", "TaxPercent", "NetAmountTaxable", "TxnTaxCodeRef",  # no tax engine
    "CreatedByRef", "LastModifiedByRef", "type", "SalesTermRef", "PaymentMethodRef", "CustomerTypeRef",
    "DefaultTaxCodeRef", "AllowOnlineCreditCardPayment", "AllowOnlineACHPayment", "GlobalTaxCalculation",
}  # fmt: skip
"""Members of the contract that this stand-in accepts and keeps but makes none of by itself."""


def everything(books: Books) -> dict[str, Any]:
    """One answer of each shape, with as many members as there can be."""
    address = {"Id": "1"} | dict.fromkeys(
        [
            "Line1",
            "Line2",
            "Line3",
            "Line4",
            "Line5",
            "City",
            "Country",
            "CountryCode",
            "CountrySubDivisionCode",
            "PostalCode",
            "County",
            "Lat",
            "Long",
            "Note",
            "Tag",
        ],
        "x",
    )
    parent = books.customer("Parent")
    person = {"Title": "Dr", "GivenName": "A", "MiddleName": "B", "FamilyName": "C", "Suffix": "Jr",
              "PrimaryPhone": {"FreeFormNumber": "1"}, "Mobile": {"FreeFormNumber": "2"},
              "PrimaryEmailAddr": {"Address": "a@b.example"}}  # fmt: skip
    full = books.customer(
        "Full", **person, CompanyName="C", Notes="n", AcctNum="7", ResaleNum="8", CreditLimit=5.5, IsProject=False,
        BillAddr=address, ShipAddr=address, AlternatePhone={"FreeFormNumber": "3"}, Fax={"FreeFormNumber": "4"},
        WebAddr={"URI": "https://c.example"}, ParentRef={"value": parent["Id"]}, Job=True,
    )  # fmt: skip
    books.post("Vendor", {"DisplayName": "V", "CompanyName": "C"})
    books.post("Employee", {**person, "HiredDate": "2020-01-01"})
    group = books.item("Group")
    account = {"value": group["IncomeAccountRef"]["value"]}
    item = books.item("Part", Sku="s", PurchaseDesc="p", SubItem=True, ParentRef={"value": group["Id"]},
                      Description="d", ExpenseAccountRef=account, AssetAccountRef=account, QtyOnHand=1,
                      InvStartDate="2020-01-01", TrackQtyOnHand=True, Type="Inventory")  # fmt: skip
    books.vendor.company.home_currency = "EUR"
    lines = (
        sale(item, Description="two"),
        {"DetailType": "DescriptionOnly", "Description": "note",
         "DescriptionLineDetail": {"ServiceDate": "2020-01-01"}},
        {"DetailType": "DiscountLineDetail", "Amount": 1,
         "DiscountLineDetail": {"PercentBased": True, "DiscountPercent": 20, "DiscountAccountRef": account}},
    )  # fmt: skip
    lines[0]["SalesItemLineDetail"]["ServiceDate"] = "2020-01-01"
    invoice = books.invoice(full, *lines, DocNumber="A-1", ShipDate="2020-01-01", CustomerMemo={"value": "m"},
                            BillEmail={"Address": "a@b.example"}, ShipAddr=address, PrivateNote="n")  # fmt: skip
    books.vendor.person({"do": "pay", "kind": "Invoice", "id": invoice["Id"], "amount": "1"})
    gone = books.invoice(full, sale(item))
    answers = {}
    for kind in KINDS:
        last = books.query(f"SELECT * FROM {kind}")[kind][-1]["Id"]
        answers[f"{kind}Answer"] = books.call("GET", f"{kind.lower()}/{last}").json()
    answers["Invoice paid"] = books.call("GET", f"invoice/{invoice['Id']}").json()
    answers["Deleted"] = books.call("POST", "invoice", params={"operation": "delete"}, json=held(gone)).json()
    answers["CompanyInfoAnswer"] = books.call("GET", f"companyinfo/{books.vendor.realm}").json()
    answers["PreferencesAnswer"] = books.call("GET", "preferences").json()
    answers["QueryAnswer"] = books.call("GET", "query", params={"query": "SELECT * FROM Customer"}).json()
    answers["CountAnswer"] = books.call("GET", "query", params={"query": "SELECT COUNT(*) FROM Item"}).json()
    answers["CDCAnswer"] = books.call(
        "GET", "cdc", params={"entities": "Customer,Invoice,Vendor", "changedSince": "2026-11-20T00:00:00-08:00"}
    ).json()
    batch = [
        {"bId": "1", "operation": "create", "Customer": {"DisplayName": "Full"}},
        {"bId": "2", "Query": "SELECT * FROM Item"},
        {"bId": "3", "operation": "create", "Vendor": {"DisplayName": "W"}},
    ]
    answers["BatchAnswer"] = books.call("POST", "batch", json={"BatchItemRequest": batch}).json()
    answers["BusinessFault"] = books.call("GET", "customer/999999").json()
    answers["GatewayFault"] = books.call("GET", "customer/1", headers={"Authorization": "Bearer nobody"}).json()
    answers["TokenRefused"] = books.client.post(f"{books.url}/oauth2/v1/tokens/bearer").json()
    auth = ("sandbox-client", "sandbox-client-secret")
    form = {"grant_type": "refresh_token", "refresh_token": "sandbox-refresh-0"}
    answers["TokenAnswer"] = books.client.post(f"{books.url}/oauth2/v1/tokens/bearer", data=form, auth=auth).json()
    return answers


@pytest.fixture(scope="module")
def answers() -> dict[str, Any]:
    """Answers of one company, given once."""
    vendor = QuickBooks(limits=UNLIMITED)
    with running(vendor) as server:
        books = Books(vendor, server.url("quickbooks"))
        try:
            return everything(books)
        finally:
            books.close()


SHAPES = {"Invoice paid": "InvoiceAnswer", "Deleted": "InvoiceAnswer", "CountAnswer": "QueryAnswer"}


def mutants(data: Any) -> Iterator[tuple[str, Any]]:
    """The example with one required-looking thing wrong at a time."""
    if isinstance(data, dict):
        for name, value in data.items():
            misspelt = {(f"{key}x" if key == name else key): held for key, held in data.items()}
            yield f"{name} misspelt", misspelt
            wrong: Any = {"x": 1} if not isinstance(value, dict) else "text"
            yield f"{name} of another type", {**data, name: wrong}
            for what, inner in mutants(value):
                yield f"{name}.{what}", {**data, name: inner}
    elif isinstance(data, list) and data:
        for what, inner in mutants(data[0]):
            yield f"0.{what}", [inner, *data[1:]]


def test_every_answer_fits_and_every_mutated_one_does_not(answers: dict[str, Any]) -> None:
    missed = []
    for name, answer in answers.items():
        validator = jsonschema_rs.validator_for(schema(SHAPES.get(name, name)))
        assert [fault.message for fault in validator.iter_errors(answer)] == [], name
        missed += [f"{name}: {what}" for what, mutant in mutants(answer) if validator.is_valid(mutant)]
    # A Deleted answer's members and a fault's optional ones are all there is to them: nothing may be missed.
    assert missed == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_every_answer_holds_cannot_be_left_out(answers: dict[str, Any], kind: str) -> None:
    answer = answers[f"{kind}Answer"]
    validator = jsonschema_rs.validator_for(schema(f"{kind}Answer"))
    for name in DEFINITIONS[kind]["required"]:
        lacking = copy.deepcopy(answer)
        del lacking[kind][name]
        assert not validator.is_valid(lacking), name


def test_wrong_words_are_found(answers: dict[str, Any]) -> None:
    for name, path, word in (
        ("CustomerAnswer", ("Customer", "PreferredDeliveryMethod"), "Fax"),
        ("ItemAnswer", ("Item", "Type"), "service"),
        ("InvoiceAnswer", ("Invoice", "EmailStatus"), "Sent"),
        ("BusinessFault", ("Fault", "type"), "Validation"),
        ("CustomerAnswer", ("Customer", "domain"), "qbo"),
        ("TokenAnswer", ("token_type",), "Bearer"),
        ("CustomerAnswer", ("time",), "2026-01-01"),
    ):
        wrong = copy.deepcopy(answers[name])
        place = wrong
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = word
        assert not jsonschema_rs.is_valid(schema(name), wrong), (name, path)


def test_every_property_appears_in_some_answer_or_in_the_list_of_exceptions(answers: dict[str, Any]) -> None:
    seen: set[str] = set()

    def collect(data: Any) -> None:
        for name, value in data.items() if isinstance(data, dict) else ():
            seen.add(name)
            collect(value)
        for value in data if isinstance(data, list) else ():
            collect(value)

    collect(answers)
    answered = {name: shape for name, shape in DEFINITIONS.items() if not name.endswith("Sent") and name != "SentLine"}
    declared: set[str] = set()

    def declare(shape: Any) -> None:
        for name, value in shape.items() if isinstance(shape, dict) else ():
            if name == "properties":
                declared.update(value)
            declare(value)
        for value in shape if isinstance(shape, list) else ():
            declare(value)

    declare(answered)
    assert declared - seen - NEVER_ANSWERED == set()
