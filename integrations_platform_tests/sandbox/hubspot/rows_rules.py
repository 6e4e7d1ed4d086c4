"""Rows about properties, search, limits and merges (sections 4 to 7)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx

from integrations_platform.sandbox.faults import Fault, FaultKind
from integrations_platform.sandbox.hubspot.portal import PERSON
from integrations_platform_tests.sandbox.hubspot.behaviour import refused, rule
from integrations_platform_tests.sandbox.hubspot.portal_client import PortalClient

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
