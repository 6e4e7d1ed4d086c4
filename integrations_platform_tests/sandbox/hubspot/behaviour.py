"""Rules of the API that no schema states, as rows: id, section of the HubSpot contract reference, what is seen.

A row tagged ``assumption`` stands for a fact the vendor does not document; both readings must be bearable.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from integrations_platform.sandbox.faults import Fault, FaultKind
from integrations_platform.sandbox.hubspot.portal import PERSON
from integrations_platform_tests.sandbox.hubspot.portal_client import PortalClient


@dataclass(frozen=True)
class Row:
    """One rule and the sequence that shows it."""

    id: str
    section: str
    assumption: bool
    run: Callable[[PortalClient], None]


ROWS: list[Row] = []


def rule(section: str, *, assumption: bool = False) -> Callable[[Callable[[PortalClient], None]], None]:
    """Add a function to the table under its own name."""

    def add(run: Callable[[PortalClient], None]) -> None:
        ROWS.append(Row(run.__name__, section, assumption, run))

    return add


def refused(answer: httpx.Response, status: int, category: str = "", words: str = "") -> None:
    """The answer is an error of this kind."""
    assert answer.status_code == status, answer.text
    if category:
        assert answer.json()["category"] == category
    assert words in answer.json()["message"]


def contact(number: int, **more: Any) -> dict[str, Any]:
    return {"properties": {"email": f"p{number}@x.example", "firstname": f"P{number}"}, **more}


# §1 Base, auth, versions


@rule("1")
def a_wrong_token_is_401_and_a_missing_scope_403_that_names_it(api: PortalClient) -> None:
    api.hub.scopes["weak"] = frozenset({"crm.objects.contacts.read"})
    refused(api.http.get("/crm/v3/objects/contacts", headers={"Authorization": "Bearer wrong"}), 401)
    weak = {"Authorization": "Bearer weak"}
    assert api.http.get("/crm/v3/objects/contacts", headers=weak).status_code == 200
    answer = api.http.post("/crm/v3/objects/contacts", json=contact(1), headers=weak)
    refused(answer, 403, "MISSING_SCOPES")
    assert answer.json()["errors"][0]["context"]["requiredGranularScopes"] == ["crm.objects.contacts.write"]


@rule("1")
def both_path_families_answer_the_same(api: PortalClient) -> None:
    record = api.create(email="a@x.example")
    paths = [
        ("/crm/v3/objects/contacts", "/crm/objects/2026-09/contacts", "/crm/objects/2026-03/contacts"),
        (f"/crm/v3/objects/contacts/{record}", f"/crm/objects/2026-09/contacts/{record}"),
        ("/crm/v3/properties/contacts", "/crm/properties/2026-09/contacts"),
        ("/crm/v3/pipelines/deals", "/crm/pipelines/2026-09/deals"),
        ("/account-info/v3/details", "/account-info/2026-09/details"),
    ]
    for old, *new in paths:
        for path in new:
            assert api.get(path).json() == api.get(old).json()


@rule("1")
def a_type_id_names_an_object_as_well_as_its_name(api: PortalClient) -> None:
    record = api.create(email="a@x.example")
    assert api.get("/crm/v3/objects/0-1").json()["results"][0]["id"] == record
    assert api.get("/crm/v3/objects/0-2").json()["results"] == []
    refused(api.get("/crm/v3/objects/unicorns"), 404)


# §2 Operations


@rule("2")
def a_listing_pages_by_id_and_ends_without_paging(api: PortalClient) -> None:
    ids = [api.create(email=f"{number}@x.example") for number in range(5)]
    page = api.get("/crm/v3/objects/contacts", limit=2).json()
    assert [row["id"] for row in page["results"]] == ids[:2]
    assert page["paging"]["next"]["after"] == ids[2]
    last = api.get("/crm/v3/objects/contacts", limit=2, after=ids[4]).json()
    assert "paging" not in last
    assert len(api.get("/crm/v3/objects/contacts").json()["results"]) == 5
    refused(api.get("/crm/v3/objects/contacts", limit=101), 400)
    refused(api.get("/crm/v3/objects/contacts", limit=51, propertiesWithHistory="email"), 400)


@rule("2")
def listed_properties_may_be_joined_or_repeated(api: PortalClient) -> None:
    record = api.create(email="a@x.example", city="Oslo")
    joined = api.get(f"/crm/v3/objects/contacts/{record}?properties=email,city").json()
    assert joined == api.get(f"/crm/v3/objects/contacts/{record}?properties=email&properties=city").json()


@rule("2")
def an_asked_empty_property_is_null_and_an_unknown_one_is_left_out(api: PortalClient) -> None:
    record = api.create(email="a@x.example")
    shown = api.read(record, properties="city,nonsense")["properties"]
    assert shown == {"city": None, "hs_object_id": record}


@rule("2")
def without_properties_only_the_defaults_are_shown(api: PortalClient) -> None:
    record = api.create(email="a@x.example", city="Oslo")
    assert set(api.read(record)["properties"]) == {
        "createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"
    }  # fmt: skip


@rule("2")
def a_taken_email_is_409_with_the_id_in_its_text(api: PortalClient) -> None:
    record = api.create(email="a@x.example")
    refused(api.post("/crm/v3/objects/contacts", {"properties": {"email": "A@x.example"}}), 409, "CONFLICT",
            f"Existing ID: {record}")  # fmt: skip


@rule("2")
def an_empty_value_clears(api: PortalClient) -> None:
    record = api.create(email="a@x.example", city="Oslo")
    assert api.patch(f"/crm/v3/objects/contacts/{record}", {"properties": {"city": ""}}).status_code == 200
    assert api.read(record, properties="city")["properties"]["city"] is None


@rule("2")
def archiving_is_204_again_and_again(api: PortalClient) -> None:
    record = api.create(email="a@x.example")
    for _ in range(2):
        assert api.delete(f"/crm/v3/objects/contacts/{record}").status_code == 204
    refused(api.get(f"/crm/v3/objects/contacts/{record}"), 404)
    assert api.read(record, archived="true")["archivedAt"]


@rule("2")
def an_erased_contact_leaves_no_tombstone(api: PortalClient) -> None:
    record = api.create(email="a@x.example")
    assert api.post("/crm/v3/objects/contacts/gdpr-delete", {"objectId": record}).status_code == 204
    assert api.get("/crm/v3/objects/contacts", archived="true").json()["results"] == []
    refused(api.get(f"/crm/v3/objects/contacts/{record}", archived="true"), 404)


@rule("2")
def a_batch_takes_a_hundred_inputs(api: PortalClient) -> None:
    inputs = [{"id": str(number)} for number in range(101)]
    refused(api.batch("read", inputs), 400, "VALIDATION_ERROR")
    assert api.batch("read", inputs[:100]).status_code == 207


@rule("2", assumption=True)
def a_batch_read_with_history_takes_fifty_inputs(api: PortalClient) -> None:
    inputs = [{"id": str(number)} for number in range(51)]
    refused(api.batch("read", inputs, propertiesWithHistory=["email"]), 400)
    assert api.batch("read", inputs[:50], propertiesWithHistory=["email"]).status_code == 207


@rule("2")
def one_bad_row_without_trace_ids_fails_all(api: PortalClient) -> None:
    api.create(email="p3@x.example")
    refused(api.batch("create", [contact(number) for number in range(5)]), 409, "CONFLICT")
    half_traced = [contact(number, **({"objectWriteTraceId": "t"} if number else {})) for number in range(5)]
    refused(api.batch("create", half_traced), 409)
    assert len(api.get("/crm/v3/objects/contacts").json()["results"]) == 1


@rule("2")
def with_a_trace_id_of_its_own_each_bad_row_fails_alone(api: PortalClient) -> None:
    taken = api.create(email="p3@x.example")
    inputs = [contact(number, objectWriteTraceId=f"r{number}") for number in range(5)]
    inputs[1]["properties"]["nonsense"] = "1"
    answer = api.batch("create", inputs)
    assert answer.status_code == 207
    body = answer.json()
    assert {row["properties"]["email"] for row in body["results"]} == {"p0@x.example", "p2@x.example", "p4@x.example"}
    assert body["numErrors"] == 2
    conflict, broken = sorted(body["errors"], key=lambda row: row["category"])
    assert conflict["context"] == {"objectWriteTraceId": ["r3"], "existingId": [taken]}
    assert broken["context"] == {"objectWriteTraceId": ["r1"]}


@rule("2")
def two_rows_of_one_batch_cannot_claim_one_email(api: PortalClient) -> None:
    twins = [contact(1, objectWriteTraceId="a"), contact(1, objectWriteTraceId="b")]
    body = api.batch("create", twins).json()
    assert (len(body["results"]), body["errors"][0]["category"]) == (1, "CONFLICT")
    answer = api.batch("create", [contact(2), contact(2)])
    refused(answer, 409)
    assert "Existing ID" not in answer.text


@rule("2")
def duplicate_ids_in_a_batch_update_are_400(api: PortalClient) -> None:
    record = api.create(email="a@x.example")
    rows = [{"id": record, "properties": {"city": city}} for city in ("Oslo", "Graz")]
    refused(api.batch("update", rows), 400, words=f"Duplicate IDs found in batch input: [{record}]")


@rule("2")
def a_batch_create_associates_at_once(api: PortalClient) -> None:
    company = api.create("companies", name="Acme")
    link = {"to": {"id": company}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}]}
    (row,) = api.batch("create", [contact(1, associations=[link])]).json()["results"]
    shown = api.read(row["id"], associations="companies")
    assert [one["id"] for one in shown["associations"]["companies"]["results"]] == [company]


@rule("2")
def an_upsert_says_which_records_are_new(api: PortalClient) -> None:
    record = api.create(email="p1@x.example")
    rows = [{"id": f"p{n}@x.example", "idProperty": "email", "properties": {"city": "Oslo"}} for n in (1, 2)]
    found = {row["properties"]["email"]: (row["new"], row["id"]) for row in api.batch("upsert", rows).json()["results"]}
    assert found["p1@x.example"] == (False, record)
    assert found["p2@x.example"][0] is True


@rule("2", assumption=True)
def an_upsert_by_email_fails_whole_under_one_reading_and_in_part_under_the_other(api: PortalClient) -> None:
    rows: list[dict[str, Any]] = [
        {"id": f"p{n}@x.example", "idProperty": "email", "properties": {"city": "Oslo"}, "objectWriteTraceId": f"t{n}"}
        for n in (1, 2)
    ]
    rows[1]["properties"]["nonsense"] = "1"
    refused(api.batch("upsert", rows), 400)
    api.hub.switches.email_upserts_in_part = True
    assert len(api.batch("upsert", rows).json()["results"]) == 1


@rule("2", assumption=True)
def domain_and_deal_name_are_no_keys_of_an_upsert(api: PortalClient) -> None:
    for kind, name in (("companies", "domain"), ("deals", "dealname")):
        refused(api.batch("upsert", [{"id": "x", "idProperty": name, "properties": {}}], kind), 400)


@rule("2")
def an_association_with_nobody_is_an_error_entry_and_ids_of_others_are_numbers(api: PortalClient) -> None:
    lonely, joined = api.create(email="a@x.example"), api.create(email="b@x.example")
    company = api.create("companies", name="Acme")
    assert api.put(f"/crm/v4/objects/contacts/{joined}/associations/default/companies/{company}").status_code == 200
    answer = api.post(
        "/crm/v4/associations/contacts/companies/batch/read", {"inputs": [{"id": lonely}, {"id": joined}]}
    )
    assert answer.status_code == 207
    (row,), (error,) = answer.json()["results"], answer.json()["errors"]
    assert (row["from"]["id"], row["to"][0]["toObjectId"]) == (joined, int(company))
    assert row["to"][0]["associationTypes"][0]["typeId"] == 279
    assert error["subCategory"] == "crm.associations.NO_ASSOCIATIONS_FOUND"


@rule("2", assumption=True)
def there_is_one_primary_company(api: PortalClient) -> None:
    record = api.create(email="a@x.example")
    companies = [api.create("companies", name=name) for name in ("Acme", "Beta")]
    primary = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}]
    for company in companies:
        assert (
            api.put(f"/crm/v4/objects/contacts/{record}/associations/companies/{company}", primary).status_code == 201
        )
    rows = api.get(f"/crm/v4/objects/contacts/{record}/associations/companies").json()["results"]
    types = {row["toObjectId"]: {one["typeId"] for one in row["associationTypes"]} for row in rows}
    assert types == {int(companies[0]): {279}, int(companies[1]): {1, 279}}


# §3 Bodies


@rule("3")
def successes_come_in_no_order_and_without_trace_ids(api: PortalClient) -> None:
    inputs = [contact(number, objectWriteTraceId=f"r{number}") for number in range(20)]
    results = api.batch("create", inputs).json()["results"]
    emails = [row["properties"]["email"] for row in results]
    assert emails != [row["properties"]["email"] for row in inputs]
    assert sorted(emails) == sorted(row["properties"]["email"] for row in inputs)
    assert not any("objectWriteTraceId" in row for row in results)


@rule("3")
def missing_ids_are_one_error_and_the_count_exceeds_the_entries(api: PortalClient) -> None:
    record = api.create(email="a@x.example")
    body = api.batch("read", [{"id": "9"}, {"id": record}, {"id": "10"}]).json()
    assert [row["id"] for row in body["results"]] == [record]
    assert (body["numErrors"], len(body["errors"])) == (2, 1)
    assert body["errors"][0]["context"]["ids"] == ["9", "10"]
    updates = [{"id": "9", "properties": {"city": "Oslo"}}, {"id": record, "properties": {"city": "Oslo"}}]
    assert api.batch("update", updates).json()["errors"][0]["context"]["ids"] == ["9"]


@rule("3")
def an_unknown_property_is_named_in_the_message(api: PortalClient) -> None:
    answer = api.post("/crm/v3/objects/contacts", {"properties": {"email": "a@x.example", "nonsense": "1"}})
    refused(answer, 400, "VALIDATION_ERROR", "Property values were not valid: ")
    listed = json.loads(answer.json()["message"].removeprefix("Property values were not valid: "))
    assert (listed[0]["name"], listed[0]["error"], listed[0]["isValid"]) == ("nonsense", "PROPERTY_DOESNT_EXIST", False)


@rule("3")
def history_tells_value_time_and_author_newest_first(api: PortalClient) -> None:
    record = api.create(email="a@x.example", city="Oslo")
    api.person("edit", id=record, properties={"city": "Graz"})
    shown = api.read(record, propertiesWithHistory="city")["propertiesWithHistory"]["city"]
    assert [(row["value"], row["sourceType"]) for row in shown] == [("Graz", "CRM_UI"), ("Oslo", "INTEGRATION")]
    assert shown[1]["sourceId"] == "9002"
    assert shown[0]["timestamp"] > shown[1]["timestamp"]


# §4 Objects and properties


@rule("4")
def a_contact_needs_a_name_or_an_address_and_a_deal_gets_the_default_pipeline(api: PortalClient) -> None:
    refused(api.post("/crm/v3/objects/contacts", {"properties": {"city": "Oslo"}}), 400)
    deal = api.create("deals", dealname="Big", dealstage="closedwon")
    assert api.read(deal, "deals")["properties"]["pipeline"] == "default"


@rule("4")
def a_leading_semicolon_appends_options(api: PortalClient) -> None:
    api.person(
        "add_property", name="likes", property_type="enumeration", field_type="checkbox", options=["a", "b", "c"]
    )
    record = api.create(email="a@x.example", likes="a;b")
    api.patch(f"/crm/v3/objects/contacts/{record}", {"properties": {"likes": ";c"}})
    assert api.read(record, properties="likes")["properties"]["likes"] == "a;b;c"
    refused(
        api.patch(f"/crm/v3/objects/contacts/{record}", {"properties": {"likes": "a;d"}}), 400, words="INVALID_OPTION"
    )


@rule("4")
def a_date_is_a_day_or_midnight_in_utc(api: PortalClient) -> None:
    api.person("add_property", name="born", property_type="date", field_type="date")
    record = api.create(email="a@x.example", born="2026-03-29")
    path = f"/crm/v3/objects/contacts/{record}"
    assert api.patch(path, {"properties": {"born": "1774742400000"}}).status_code == 200
    assert api.read(record, properties="born")["properties"]["born"] == "2026-03-29"
    refused(api.patch(path, {"properties": {"born": "1774746000000"}}), 400, words="INVALID_DATE")


@rule("4")
def a_moment_is_given_in_milliseconds_or_iso_and_answered_in_iso(api: PortalClient) -> None:
    deal = api.create("deals", dealname="Big", dealstage="closedwon", closedate="1767225600123")
    assert api.read(deal, "deals")["properties"]["closedate"] == "2026-01-01T00:00:00.123Z"


@rule("4")
def numbers_and_booleans_are_text_and_checked(api: PortalClient) -> None:
    api.person("add_property", name="vip", property_type="bool", field_type="booleancheckbox")
    record = api.create(email="a@x.example", vip="true")
    assert api.read(record, properties="vip")["properties"]["vip"] == "true"
    refused(
        api.patch(f"/crm/v3/objects/contacts/{record}", {"properties": {"vip": "maybe"}}), 400, words="INVALID_OPTION"
    )
    deal = {"properties": {"dealname": "x", "dealstage": "closedwon", "amount": "twelve"}}
    refused(api.post("/crm/v3/objects/deals", deal), 400, words="INVALID_INTEGER")


@rule("4", assumption=True)
def a_stage_moves_forward_only_unless_cleared(api: PortalClient) -> None:
    record = api.create(email="a@x.example", lifecyclestage="customer")
    path = f"/crm/v3/objects/contacts/{record}"
    assert api.patch(path, {"properties": {"lifecyclestage": "lead"}}).status_code == 200
    assert api.read(record, properties="lifecyclestage")["properties"]["lifecyclestage"] == "customer"
    api.hub.switches.backwards_stage_is_refused = True
    refused(api.patch(path, {"properties": {"lifecyclestage": "lead"}}), 400)
    for value in ("", "lead"):
        assert api.patch(path, {"properties": {"lifecyclestage": value}}).status_code == 200
    assert api.read(record, properties="lifecyclestage")["properties"]["lifecyclestage"] == "lead"


@rule("4")
def read_only_properties_refuse_a_value(api: PortalClient) -> None:
    record = api.create(email="a@x.example")
    refused(
        api.patch(f"/crm/v3/objects/contacts/{record}", {"properties": {"createdate": "0"}}), 400, words="READ_ONLY"
    )


@rule("4")
def a_unique_property_addresses_records_and_there_are_ten_at_most(api: PortalClient) -> None:
    new = {"label": "Sync id", "groupName": "contactinformation", "type": "string", "fieldType": "text",
           "hasUniqueValue": True}  # fmt: skip
    for number in range(10):
        assert api.post("/crm/v3/properties/contacts", {"name": f"key{number}", **new}).status_code == 201
    refused(api.post("/crm/v3/properties/contacts", {"name": "key10", **new}), 400)
    refused(api.post("/crm/v3/properties/contacts", {"name": "key1", **new}), 409)
    record = api.create(email="a@x.example", key0="L-1")
    assert api.read("L-1", idProperty="key0")["id"] == record
    assert api.batch("read", [{"id": "L-1"}], idProperty="key0").json()["results"][0]["id"] == record
    update = [{"id": "L-1", "idProperty": "key0", "properties": {"city": "Oslo"}}]
    assert api.batch("update", update).json()["results"][0]["id"] == record
    refused(api.get("/crm/v3/objects/contacts/x", idProperty="city"), 400)


@rule("4", assumption=True)
def a_taken_unique_value_is_a_conflict_or_a_validation_error(api: PortalClient) -> None:
    api.person("add_property", name="key", unique=True)
    api.create(email="a@x.example", key="1")
    refused(api.post("/crm/v3/objects/contacts", {"properties": {"firstname": "B", "key": "1"}}), 409, "CONFLICT")
    api.hub.switches.taken_value_is_conflict = False
    refused(
        api.post("/crm/v3/objects/contacts", {"properties": {"firstname": "B", "key": "1"}}), 400, "VALIDATION_ERROR"
    )


@rule("4", assumption=True)
def an_email_is_kept_in_lower_case_or_as_typed(api: PortalClient) -> None:
    record = api.create(email="A@X.example")
    assert api.read(record)["properties"]["email"] == "a@x.example"
    api.hub.switches.lower_cases_email = False
    assert api.read(api.create(email="B@X.example"))["properties"]["email"] == "B@X.example"


@rule("4")
def validation_rules_hold_for_every_write_and_can_be_read(api: PortalClient) -> None:
    api.person("change_property", name="city", rules=[("MAX_LENGTH", ["4"])])
    rows = api.get("/crm/v3/property-validations/0-1").json()["results"]
    assert rows[0]["propertyValidationRules"] == [{"ruleType": "MAX_LENGTH", "ruleArguments": ["4"]}]
    refused(api.post("/crm/v3/objects/contacts", {"properties": {"firstname": "A", "city": "Paris"}}), 400)
    assert api.create(firstname="A", city="Oslo")


@rule("4")
def the_stock_pipeline_has_seven_stages(api: PortalClient) -> None:
    (pipeline,) = api.get("/crm/v3/pipelines/deals").json()["results"]
    assert [stage["metadata"]["isClosed"] for stage in pipeline["stages"]] == ["false"] * 5 + ["true"] * 2


# §5 Search


@rule("5")
def new_and_changed_records_appear_late(api: PortalClient) -> None:
    record = api.create(email="a@x.example", city="Oslo")
    in_oslo = [{"filters": [{"propertyName": "city", "operator": "EQ", "value": "oslo"}]}]
    assert api.find() == []
    api.hub.clock.advance(api.hub.index_delay + 1)
    assert api.find(filterGroups=in_oslo) == [record]
    api.patch(f"/crm/v3/objects/contacts/{record}", {"properties": {"city": "Graz"}})
    assert api.find(filterGroups=in_oslo) == [record]
    api.hub.clock.advance(api.hub.index_delay + 1)
    assert api.find(filterGroups=in_oslo) == []


@rule("5")
def paging_past_ten_thousand_is_400(api: PortalClient) -> None:
    for number in range(10_001):
        api.hub.portal.create("contacts", {"firstname": f"P{number}"}, PERSON)
    api.hub.clock.advance(api.hub.index_delay + 60)
    sort = [{"propertyName": "hs_object_id", "direction": "ASCENDING"}]
    last = api.post("/crm/v3/objects/contacts/search", {"limit": 200, "after": "9800", "sorts": sort}).json()
    assert (last["total"], len(last["results"]), last["paging"]["next"]["after"]) == (10_001, 200, "10000")
    refused(api.post("/crm/v3/objects/contacts/search", {"limit": 200, "after": "10000", "sorts": sort}), 400)


@rule("5")
def a_search_has_limits_of_size(api: PortalClient) -> None:
    def search(**body: Any) -> httpx.Response:
        return api.post("/crm/v3/objects/contacts/search", body)

    one = {"propertyName": "city", "operator": "EQ", "value": "x"}
    sort = {"propertyName": "city", "direction": "ASCENDING"}
    refused(search(sorts=[sort, sort]), 400)
    refused(search(limit=201), 400)
    refused(search(after="x"), 400)
    refused(search(filterGroups=[{"filters": [one]}] * 6), 400)
    refused(search(filterGroups=[{"filters": [one] * 7}]), 400)
    refused(search(filterGroups=[{"filters": [one] * 4}] * 5), 400)
    refused(search(query="x" * 3000), 400)
    refused(search(filterGroups=[{"filters": [{**one, "propertyName": "nonsense"}]}]), 400)
    assert search(limit="20").status_code == 200


@rule("5")
def text_matches_without_case_enumerations_with_it_and_lists_in_lower_case(api: PortalClient) -> None:
    record = api.create(email="a@x.example", city="Oslo", lifecyclestage="lead")
    api.hub.clock.advance(60)

    def found(operator: str, name: str, **given: Any) -> bool:
        one = {"propertyName": name, "operator": operator, **given}
        return api.find(filterGroups=[{"filters": [one]}]) == [record]

    assert found("EQ", "city", value="OSLO")
    assert not found("EQ", "lifecyclestage", value="LEAD")
    assert found("IN", "city", values=["oslo"])
    assert not found("IN", "city", values=["Oslo"])
    assert found("BETWEEN", "createdate", value="2000-01-01T00:00:00Z", highValue="2100-01-01T00:00:00Z")
    assert found("HAS_PROPERTY", "city")
    assert found("CONTAINS_TOKEN", "city", value="osl*")


@rule("5")
def archived_records_are_never_found(api: PortalClient) -> None:
    record = api.create(email="a@x.example")
    api.hub.clock.advance(60)
    api.delete(f"/crm/v3/objects/contacts/{record}")
    assert api.find() == []


# §6 Status policy and limits


@rule("6")
def five_searches_a_second_have_a_bucket_of_their_own_without_headers(api: PortalClient) -> None:
    api.hub.limits.searches = 5
    answers = [api.post("/crm/v3/objects/contacts/search", {}) for _ in range(6)]
    assert [answer.status_code for answer in answers[:5]] == [200] * 5
    assert answers[5].json()["policyName"] == "SECONDLY"
    assert not any(name.lower().startswith("x-hubspot-ratelimit") for name in answers[0].headers)
    assert api.get("/crm/v3/objects/contacts").status_code == 200
    api.hub.clock.advance(1.1)
    assert api.post("/crm/v3/objects/contacts/search", {}).status_code == 200


@rule("6")
def a_burst_of_calls_in_ten_seconds_is_limited_with_headers(api: PortalClient) -> None:
    api.hub.limits.burst = 10
    answers = [api.get("/account-info/v3/details") for _ in range(11)]
    assert answers[0].headers["x-hubspot-ratelimit-max"] == "10"
    assert answers[0].headers["x-hubspot-ratelimit-remaining"] == "9"
    last = answers[10]
    assert (last.status_code, last.json()["errorType"], last.json()["policyName"]) == (
        429, "RATE_LIMIT", "TEN_SECONDLY_ROLLING"
    )  # fmt: skip
    assert "retry-after" not in last.headers
    api.hub.limits.says_when = True
    assert 1 <= int(api.get("/account-info/v3/details").headers["retry-after"]) <= 10
    api.hub.clock.advance(11)
    assert api.get("/account-info/v3/details").status_code == 200


@rule("6")
def a_spent_day_ends_at_midnight_of_the_portal(api: PortalClient) -> None:
    assert api.get("/account-info/v3/details").json()["timeZone"] == "America/New_York"
    api.hub.limits.daily = api.hub.limits.used_today + 1
    usage = api.get("/account-info/v3/api-usage/daily/private-apps").json()["results"][0]
    assert usage["usageLimit"] == api.hub.limits.daily
    assert api.get("/account-info/v3/details").json()["policyName"] == "DAILY"
    now = api.hub.clock.now()
    api.hub.clock.advance((api.hub.limits.midnight(now) - now).total_seconds() + 1)
    assert api.get("/account-info/v3/details").status_code == 200


@rule("6")
def a_locked_record_is_423_for_two_seconds(api: PortalClient) -> None:
    record = api.create(email="a@x.example")
    api.person("lock", id=record)
    refused(api.patch(f"/crm/v3/objects/contacts/{record}", {"properties": {"city": "Oslo"}}), 423)
    api.hub.clock.advance(2)
    assert api.patch(f"/crm/v3/objects/contacts/{record}", {"properties": {"city": "Oslo"}}).status_code == 200


@rule("6")
def a_migrating_account_is_477_and_says_for_how_long(api: PortalClient) -> None:
    from datetime import timedelta

    api.hub.migrating_until = api.hub.clock.now() + timedelta(hours=24)
    answer = api.get("/crm/v3/objects/contacts")
    assert answer.status_code == 477
    assert 86_300 < int(answer.headers["retry-after"]) <= 86_400


@rule("6")
def an_injected_limit_speaks_as_the_vendor_does(api: PortalClient) -> None:
    api.hub.faults.add(Fault(FaultKind.STATUS, "objects.list", retry_after="7"))
    answer = api.get("/crm/v3/objects/contacts")
    assert (answer.status_code, answer.headers["retry-after"], answer.json()["errorType"]) == (429, "7", "RATE_LIMIT")


# §7 Deletes and merges


@rule("7")
def archived_records_are_listed_apart(api: PortalClient) -> None:
    kept, gone = api.create(email="a@x.example"), api.create(email="b@x.example")
    api.delete(f"/crm/v3/objects/contacts/{gone}")
    assert [row["id"] for row in api.get("/crm/v3/objects/contacts").json()["results"]] == [kept]
    (row,) = api.get("/crm/v3/objects/contacts", archived="true").json()["results"]
    assert (row["id"], row["archived"]) == (gone, True)
    assert api.batch("read", [{"id": gone}]).status_code == 207
    read = api.post("/crm/v3/objects/contacts/batch/read?archived=true", {"inputs": [{"id": gone}]})
    assert read.json()["results"][0]["id"] == gone


def merged(api: PortalClient) -> tuple[str, str, dict[str, Any]]:
    winner, loser = api.create(email="a@x.example"), api.create(email="b@x.example", city="Oslo")
    answer = api.post("/crm/v3/objects/contacts/merge", {"primaryObjectId": winner, "objectIdToMerge": loser})
    assert answer.status_code == 200, answer.text
    return winner, loser, answer.json()


@rule("7")
def a_merged_record_is_listed_nowhere_but_named_by_the_winner(api: PortalClient) -> None:
    winner, loser, answer = merged(api)
    assert answer["id"] == winner
    assert [row["id"] for row in api.get("/crm/v3/objects/contacts").json()["results"]] == [winner]
    assert api.get("/crm/v3/objects/contacts", archived="true").json()["results"] == []
    api.hub.clock.advance(60)
    assert api.find() == [winner]
    shown = api.read(winner, properties="hs_merged_object_ids,email,city")["properties"]
    assert (shown["hs_merged_object_ids"], shown["email"], shown["city"]) == (loser, "a@x.example", "Oslo")
    refused(api.post("/crm/v3/objects/contacts", {"properties": {"email": "b@x.example"}}), 409)


@rule("7", assumption=True)
def a_merge_may_give_the_survivor_a_new_id(api: PortalClient) -> None:
    api.hub.switches.merge_gives_new_id = True
    winner, loser, answer = merged(api)
    assert answer["id"] not in (winner, loser)
    shown = api.read(answer["id"], properties="hs_merged_object_ids")["properties"]
    assert set(shown["hs_merged_object_ids"].split(";")) == {winner, loser}


@rule("7", assumption=True)
def a_read_by_a_merged_id_may_answer_the_survivor(api: PortalClient) -> None:
    winner, loser, _ = merged(api)
    refused(api.get(f"/crm/v3/objects/contacts/{loser}"), 404)
    api.hub.switches.merged_ids_resolve = True
    assert api.read(loser)["id"] == winner


@rule("7")
def a_single_update_by_a_merged_id_works_and_a_batch_does_not(api: PortalClient) -> None:
    winner, loser, _ = merged(api)
    update = {"properties": {"city": "Graz"}}
    assert api.patch(f"/crm/v3/objects/contacts/{loser}", update).json()["id"] == winner
    for resolves in (False, True):
        api.hub.switches.merged_ids_resolve = resolves
        body = api.batch("update", [{"id": loser, **update}]).json()
        assert (body["results"], body["errors"][0]["context"]["ids"]) == ([], [loser])


@rule("2")
def a_record_cannot_hold_more_than_250_merged_identities(api: PortalClient) -> None:
    winner, loser = api.create(email="a@x.example"), api.create(email="b@x.example")
    api.hub.portal.records["contacts"][int(winner)].merged = list(range(250))
    pair = {"primaryObjectId": winner, "objectIdToMerge": loser}
    assert api.post("/crm/v3/objects/contacts/merge", pair).status_code == 414
