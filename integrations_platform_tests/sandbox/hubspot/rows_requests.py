"""Rows about requests and answers: versions, operations, bodies (sections 1 to 3)."""

from __future__ import annotations

import json
from typing import Any

from integrations_platform_tests.sandbox.hubspot.behaviour import contact, refused, rule
from integrations_platform_tests.sandbox.hubspot.portal_client import PortalClient

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
