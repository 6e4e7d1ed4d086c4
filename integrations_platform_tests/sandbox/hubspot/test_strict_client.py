"""The vendor's own client against the stand-in: each operation a sync uses, success and error.

It validates what it is answered. Only 207 answers are read without that: it asks of their errors what real ones lack.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from hubspot import HubSpot as Vendor
from hubspot.crm import contacts as records
from hubspot.crm.associations import v4
from hubspot.crm.properties import ApiException as PropertiesRefused
from hubspot.crm.properties import BatchReadInputPropertyName, PropertyCreate, PropertyName

from integrations_platform.sandbox.hubspot import TOKEN
from integrations_platform_tests.sandbox.hubspot.portal_client import PortalClient

KINDS = ("contacts", "companies", "deals")
MINIMUM = {"contacts": {"email": "a@x.example"}, "companies": {"name": "Acme"},
           "deals": {"dealname": "Big", "dealstage": "closedwon"}}  # fmt: skip


@pytest.fixture
def strict(api: PortalClient) -> Vendor:
    return Vendor(access_token=TOKEN, host=api.url, client_side_validation=True)


@pytest.fixture
def usual(api: PortalClient) -> Vendor:
    return Vendor(access_token=TOKEN, host=api.url)


def models(kind: str) -> Any:
    """The client's models of an object."""
    from hubspot.crm import companies, deals

    return {"contacts": records, "companies": companies, "deals": deals}[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_from_creation_to_archive(strict: Vendor, kind: str) -> None:
    of, crm = models(kind), getattr(strict.crm, kind)
    made = crm.basic_api.create(of.SimplePublicObjectInputForCreate(properties=MINIMUM[kind], associations=[]))
    assert isinstance(made.created_at, datetime)
    changed = crm.basic_api.update(made.id, of.SimplePublicObjectInput(properties={"hubspot_owner_id": "7"}))
    assert changed.updated_at >= made.updated_at
    shown = crm.basic_api.get_by_id(
        made.id, properties=["hubspot_owner_id"], properties_with_history=["hubspot_owner_id"]
    )
    assert shown.properties["hubspot_owner_id"] == "7"
    assert shown.properties_with_history["hubspot_owner_id"][0].source_type == "INTEGRATION"
    page = crm.basic_api.get_page(limit=1, properties=["hubspot_owner_id"])
    assert [row.id for row in page.results] == [made.id]
    crm.basic_api.archive(made.id)
    assert crm.basic_api.get_page(archived=True).results[0].archived_at
    with pytest.raises(of.ApiException) as caught:
        crm.basic_api.get_by_id(made.id)
    assert caught.value.status == 404


def test_listings_page_with_associations(strict: Vendor, api: PortalClient) -> None:
    api.hub.populate(12)
    seen, after = [], None
    while True:
        page = strict.crm.contacts.basic_api.get_page(limit=5, after=after, associations=["companies"])
        seen += page.results
        if page.paging is None:
            break
        after = page.paging.next.after
    assert len({row.id for row in seen}) == 12
    assert any(row.associations["companies"].results[0].id for row in seen if row.associations)


def test_batches_in_strict_mode(strict: Vendor) -> None:
    batch = strict.crm.contacts.batch_api
    made = batch.create(records.BatchInputSimplePublicObjectBatchInputForCreate(inputs=[
        records.SimplePublicObjectBatchInputForCreate(properties={"email": f"p{n}@x.example"}, associations=[])
        for n in range(3)
    ]))  # fmt: skip
    assert (made.status, len(made.results)) == ("COMPLETE", 3)
    ids = [row.id for row in made.results]
    changed = batch.update(records.BatchInputSimplePublicObjectBatchInput(inputs=[
        records.SimplePublicObjectBatchInput(id=one, properties={"city": "Oslo"}) for one in ids
    ]))  # fmt: skip
    assert {row.properties["city"] for row in changed.results} == {"Oslo"}
    shown = batch.read(records.BatchReadInputSimplePublicObjectId(
        inputs=[records.SimplePublicObjectId(id=one) for one in ids], properties=["city"],
        properties_with_history=["city"],
    ))  # fmt: skip
    assert all(row.properties_with_history["city"] for row in shown.results)
    upserted = batch.upsert(records.BatchInputSimplePublicObjectBatchInputUpsert(inputs=[
        records.SimplePublicObjectBatchInputUpsert(id="p9@x.example", id_property="email", properties={"city": "Graz"})
    ]))  # fmt: skip
    assert upserted.results[0].new is True
    batch.archive(records.BatchInputSimplePublicObjectId(inputs=[records.SimplePublicObjectId(id=one) for one in ids]))
    assert len(strict.crm.contacts.basic_api.get_page().results) == 1


def test_batches_with_errors_in_the_usual_mode(usual: Vendor, api: PortalClient) -> None:
    taken, batch = api.create(email="p1@x.example"), usual.crm.contacts.batch_api
    made, status, _ = batch.create_with_http_info(records.BatchInputSimplePublicObjectBatchInputForCreate(inputs=[
        records.SimplePublicObjectBatchInputForCreate(
            properties={"email": f"p{n}@x.example"}, associations=[], object_write_trace_id=f"t{n}"
        ) for n in range(3)
    ]))  # fmt: skip
    assert (status, made.num_errors, len(made.results)) == (207, 1, 2)
    assert made.errors[0].context == {"objectWriteTraceId": ["t1"], "existingId": [taken]}
    shown, status, _ = batch.read_with_http_info(records.BatchReadInputSimplePublicObjectId(
        inputs=[records.SimplePublicObjectId(id=one) for one in (taken, "9", "10")], properties=[],
        properties_with_history=[],
    ))  # fmt: skip
    assert (status, shown.num_errors, shown.errors[0].context["ids"]) == (207, 2, ["9", "10"])


@pytest.mark.parametrize(
    ("properties", "status"), [({"email": "taken@x.example"}, 409), ({"email": "b@x.example", "nonsense": "1"}, 400)]
)
def test_refused_creates(strict: Vendor, api: PortalClient, properties: dict[str, str], status: int) -> None:
    api.create(email="taken@x.example")
    with pytest.raises(records.ApiException) as caught:
        strict.crm.contacts.basic_api.create(
            records.SimplePublicObjectInputForCreate(properties=properties, associations=[])
        )
    assert caught.value.status == status
    assert json.loads(caught.value.body)["category"] in ("CONFLICT", "VALIDATION_ERROR")


def test_a_wrong_token_is_refused(api: PortalClient) -> None:
    with pytest.raises(records.ApiException) as caught:
        Vendor(access_token="wrong", host=api.url).crm.contacts.basic_api.get_page()
    assert caught.value.status == 401


def test_search(strict: Vendor, api: PortalClient) -> None:
    record = api.create(email="a@x.example", city="Oslo")
    api.hub.clock.advance(60)
    asked = records.PublicObjectSearchRequest(
        filter_groups=[records.FilterGroup(filters=[
            records.Filter(property_name="city", operator="EQ", value="oslo")
        ])],
        sorts=[{"propertyName": "hs_object_id", "direction": "ASCENDING"}], properties=["city"], limit=10, after="0",
    )  # fmt: skip
    found = strict.crm.contacts.search_api.do_search(asked)
    assert (found.total, [row.id for row in found.results]) == (1, [record])


def test_merge_and_erasure(strict: Vendor, api: PortalClient) -> None:
    winner, loser = api.create(email="a@x.example"), api.create(email="b@x.example")
    pair = records.PublicMergeInput(primary_object_id=winner, object_id_to_merge=loser)
    assert strict.crm.contacts.basic_api.merge(pair).id == winner
    strict.crm.contacts.basic_api.purge(records.PublicGdprDeleteInput(object_id=winner, id_property="hs_object_id"))
    assert strict.crm.contacts.basic_api.get_page().results == []


def test_properties(strict: Vendor) -> None:
    core = strict.crm.properties.core_api
    new = PropertyCreate(name="sync_key", label="Key", group_name="contactinformation", type="string",
                         field_type="text", has_unique_value=True)  # fmt: skip
    assert core.create("contacts", new).has_unique_value is True
    assert core.get_by_name("contacts", "sync_key").modification_metadata.read_only_value is False
    assert "sync_key" in {one.name for one in core.get_all("contacts").results}
    read = strict.crm.properties.batch_api.read(
        "contacts", BatchReadInputPropertyName(archived=False, inputs=[PropertyName(name="sync_key")])
    )
    assert read.results[0].label == "Key"
    with pytest.raises(PropertiesRefused) as caught:
        core.create("contacts", new)
    assert caught.value.status == 409
    core.archive("contacts", "sync_key")
    with pytest.raises(PropertiesRefused):
        core.get_by_name("contacts", "sync_key")
    assert strict.crm.properties.groups_api.get_all("contacts").results[0].name == "contactinformation"


def test_pipelines(strict: Vendor) -> None:
    (pipeline,) = strict.crm.pipelines.pipelines_api.get_all("deals").results
    assert [stage.metadata["isClosed"] for stage in pipeline.stages][-2:] == ["true", "true"]
    assert strict.crm.pipelines.pipelines_api.get_by_id("deals", "default").id == "default"


def test_associations(strict: Vendor, usual: Vendor, api: PortalClient) -> None:
    person, company = api.create(email="a@x.example"), api.create("companies", name="Acme")
    basic, batch = strict.crm.associations.v4.basic_api, strict.crm.associations.v4.batch_api
    spec = v4.AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=279)
    assert basic.create("contacts", person, "companies", company, [spec]).labels == []
    rows = basic.get_page("contacts", person, "companies").results
    assert [(row.to_object_id, row.association_types[0].type_id) for row in rows] == [(company, 279)]
    basic.archive("contacts", person, "companies", company)
    row = v4.PublicAssociationMultiPost(
        types=[spec], _from=v4.PublicObjectId(id=person), to=v4.PublicObjectId(id=company)
    )
    assert (
        batch.create("contacts", "companies", v4.BatchInputPublicAssociationMultiPost(inputs=[row])).status
        == "COMPLETE"
    )
    wanted = v4.BatchInputPublicFetchAssociationsBatchRequest(
        inputs=[v4.PublicFetchAssociationsBatchRequest(id=person)]
    )
    assert batch.get_page("contacts", "companies", wanted).results[0].to[0].to_object_id == company
    gone = v4.PublicAssociationMultiArchive(_from=v4.PublicObjectId(id=person), to=[v4.PublicObjectId(id=company)])
    batch.archive("contacts", "companies", v4.BatchInputPublicAssociationMultiArchive(inputs=[gone]))
    none = usual.crm.associations.v4.batch_api.get_page("contacts", "companies", wanted)
    assert none.errors[0].sub_category == "crm.associations.NO_ASSOCIATIONS_FOUND"
    default = v4.BatchInputPublicDefaultAssociationMultiPost(inputs=[
        v4.PublicDefaultAssociationMultiPost(_from=v4.PublicObjectId(id=person), to=v4.PublicObjectId(id=company))
    ])  # fmt: skip
    assert batch.create_default("contacts", "companies", default).status == "COMPLETE"


def test_an_unreadable_answer_is_noticed(strict: Vendor, api: PortalClient) -> None:
    """The client is strict indeed: an answer without what it needs is an error."""
    from integrations_platform.sandbox.faults import Fault, FaultKind

    body = {"results": [{"id": "1", "properties": {}}]}
    api.hub.faults.add(Fault(FaultKind.STATUS, "objects.list", status=200, body=body))
    with pytest.raises(ValueError, match="created_at"):
        strict.crm.contacts.basic_api.get_page()
