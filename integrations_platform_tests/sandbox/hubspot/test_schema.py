"""The schemas themselves: as wide as the vendor's client, narrow enough to notice, and every member in use."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import httpx
import pytest
from hubspot.crm import contacts, pipelines, properties
from hubspot.crm.associations import v4

from integrations_platform.sandbox.hubspot.operations import OPERATIONS, contract
from integrations_platform.sandbox.hubspot.schema import DEFINITIONS, Schema, ref
from integrations_platform_tests.sandbox.hubspot import rows_requests, rows_rules  # noqa: F401  they fill the table
from integrations_platform_tests.sandbox.hubspot.behaviour import ROWS
from integrations_platform_tests.sandbox.hubspot.portal_client import PortalClient, portal

MODELS: dict[str, Any] = {
    "Object": contacts.SimplePublicObject,
    "ObjectWithAssociations": contacts.SimplePublicObjectWithAssociations,
    "UpsertedObject": contacts.SimplePublicUpsertObject,
    "ValueWithTimestamp": contacts.ValueWithTimestamp,
    "AssociatedIds": contacts.CollectionResponseAssociatedId,
    "Paging": contacts.Paging,
    "StandardError": contacts.StandardError,
    "ErrorDetail": contacts.ErrorDetail,
    "Error": contacts.Error,
    "AssociationSpec": contacts.AssociationSpec,
    "Associate": contacts.PublicAssociationsForObject,
    "Create": contacts.SimplePublicObjectInputForCreate,
    "Update": contacts.SimplePublicObjectInput,
    "Merge": contacts.PublicMergeInput,
    "Erase": contacts.PublicGdprDeleteInput,
    "BatchRead": contacts.BatchReadInputSimplePublicObjectId,
    "BatchCreate": contacts.BatchInputSimplePublicObjectBatchInputForCreate,
    "BatchUpdate": contacts.BatchInputSimplePublicObjectBatchInput,
    "BatchUpsert": contacts.BatchInputSimplePublicObjectBatchInputUpsert,
    "BatchArchive": contacts.BatchInputSimplePublicObjectId,
    "Search": contacts.PublicObjectSearchRequest,
    "Filter": contacts.Filter,
    "Property": properties.ModelProperty,
    "PropertyCreate": properties.PropertyCreate,
    "PropertyUpdate": properties.PropertyUpdate,
    "PropertyGroup": properties.PropertyGroup,
    "PropertyNames": properties.BatchReadInputPropertyName,
    "Pipeline": pipelines.Pipeline,
    "Stage": pipelines.PipelineStage,
    "AssociatedObject": v4.MultiAssociatedObjectWithLabel,
    "AssociationsOf": v4.PublicAssociationMultiWithLabel,
    "Labels": v4.LabelsBetweenObjectPair,
    "DefaultAssociation": v4.PublicDefaultAssociation,
    "ReadAssociations": v4.BatchInputPublicFetchAssociationsBatchRequest,
    "CreateAssociations": v4.BatchInputPublicAssociationMultiPost,
    "DefaultAssociations": v4.BatchInputPublicDefaultAssociationMultiPost,
    "ArchiveAssociations": v4.BatchInputPublicAssociationMultiArchive,
}

NEWER = {"Object": {"url"}, "ObjectWithAssociations": {"url"}, "UpsertedObject": {"url"},
         "Error": {"status", "errorType", "policyName"}}  # fmt: skip
"""Members of real answers that the client of 12.0.0 does not know."""

UNKNOWN_TO_THE_CLIENT = {"Validation", "Account", "Usage"}

NEVER_ANSWERED = {
    "Object/objectWriteTraceId": "recorded successes do not echo it",
    "ObjectWithAssociations/objectWriteTraceId": "as above",
    "UpsertedObject/objectWriteTraceId": "as above",
    "UpsertedObject/archivedAt": "an upserted record is live",
    "UpsertedObject/propertiesWithHistory": "writes answer no history",
    "Object/associations": "batches never show them",
    "ValueWithTimestamp/sourceLabel": "not in recorded answers",
    "ValueWithTimestamp/updatedByUserId": "not in recorded answers",
    "AssociatedIds/paging": "not documented where a list shows them",
    "Paging/prev": "forward paging only",
    "StandardError/id": "real entries lack it",
    "StandardError/links": "real entries lack it",
    "StandardError/errors": "real entries lack it",
    "ErrorDetail/in": "not in recorded errors",
    "ErrorDetail/subCategory": "not in recorded errors",
    "Error/subCategory": "not in recorded errors of these operations",
    "Error/context": "given in the details",
    "Error/links": "not in recorded errors",
    **{f"Property/{name}": "not part of what is documented of definitions" for name in (
        "displayOrder", "hubspotDefined", "formField", "archived", "archivedAt", "createdAt", "updatedAt",
        "createdUserId", "updatedUserId", "showCurrencySymbol", "referencedObjectType", "calculationFormula",
        "externalOptions")},
    "Pipeline/archivedAt": "nobody archives one",
    "Stage/archivedAt": "nobody archives one",
    "Stage/writePermissions": "not documented",
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_the_clients_models_have_the_same_members(name: str) -> None:
    model = MODELS[name]
    theirs = {model.attribute_map[key] for key in model.openapi_types}
    ours = set(DEFINITIONS[name]["properties"])
    assert theirs - ours == set()
    assert ours - theirs == NEWER.get(name, set())


def test_every_definition_is_compared() -> None:
    assert set(DEFINITIONS) - set(MODELS) == UNKNOWN_TO_THE_CLIENT


@pytest.mark.parametrize(
    "name", ["Object", "ObjectWithAssociations", "UpsertedObject", "Property", "Pipeline", "Stage"]
)
def test_what_the_client_needs_is_promised(name: str) -> None:
    model, configuration = MODELS[name], contacts.Configuration()
    configuration.client_side_validation = True
    optional = set()
    instance = model.__new__(model)
    instance.local_vars_configuration = configuration
    for key in model.openapi_types:
        try:
            setattr(instance, key, None)
        except ValueError as fault:
            if "must not be `None`" in str(fault):
                continue
        optional.add(model.attribute_map[key])
    needed = set(model.attribute_map.values()) - optional
    assert needed <= set(DEFINITIONS[name]["required"])


# Mutations


def resolved(shape: Schema) -> Schema:
    name = shape.get("$ref", "").removeprefix("#/$defs/")
    return DEFINITIONS[name] if name else shape


def mutated(shape: Schema, data: Any) -> Iterator[tuple[str, Any]]:
    """Every way to spoil one place of a valid body, with what was done."""
    shape = resolved(shape)
    if isinstance(data, dict) and "properties" in shape:
        for name in shape.get("required", []):
            if name in data:
                yield f"without {name}", {key: value for key, value in data.items() if key != name}
        for name, value in data.items():
            yield f"{name} misspelt", {f"{key}x" if key == name else key: one for key, one in data.items()}
            for wrong in ({"no": "type"}, [["no type"]], 3.5):
                if not fits(shape["properties"][name], wrong):
                    yield f"{name} as {wrong}", data | {name: wrong}
            if "enum" in shape["properties"][name]:
                yield f"{name} outside its enum", data | {name: "NOBODY KNOWS"}
            for what, spoilt in mutated(shape["properties"][name], value):
                yield f"{name}: {what}", data | {name: spoilt}
    elif isinstance(data, dict) and isinstance(shape.get("additionalProperties"), dict):
        for name, value in list(data.items())[:2]:
            yield f"{name} as a number", data | {name: 7}
            for what, spoilt in mutated(shape["additionalProperties"], value):
                yield f"{name}: {what}", data | {name: spoilt}
    elif isinstance(data, list) and data and "items" in shape:
        for what, spoilt in mutated(shape["items"], data[0]):
            yield f"[0] {what}", [spoilt, *data[1:]]


@cache
def compiled(shape: str) -> Any:
    return contract().validator(json.loads(shape))


def fits(shape: Schema, data: Any) -> bool:
    return bool(compiled(json.dumps(shape)).is_valid(data))


Answer = tuple[str, int, Any]


@pytest.fixture(scope="module")
def answers() -> list[Answer]:
    """(operation, status, body) of everything the behaviour table and a tour of the other operations are answered."""
    found: list[Answer] = []
    requests: list[Answer] = []
    for row in [*ROWS, None]:
        if row is not None and row.id == "paging_past_ten_thousand_is_400":
            continue
        with portal() as api:

            def keep(answer: httpx.Response, api: PortalClient = api) -> None:
                answer.read()
                call = api.hub.calls[-1]
                if answer.content:
                    found.append((call.operation, answer.status_code, answer.json()))
                if call.body and answer.status_code < 400:
                    requests.append((call.operation, 0, json.loads(call.body)))

            api.http.event_hooks["response"] = [keep]
            row.run(api) if row is not None else tour(api)
    return found + requests


def tour(api: PortalClient) -> None:
    """What the table has no rule for."""
    company, record = api.create("companies", name="Acme"), api.create(email="a@x.example", city="Oslo")
    option = {"label": "One", "value": "1", "displayOrder": 0, "hidden": False, "description": "first"}
    new = {"name": "pick", "label": "Pick", "groupName": "contactinformation", "type": "enumeration",
           "fieldType": "select", "options": [option]}  # fmt: skip
    api.post("/crm/v3/properties/contacts/batch/create", {"inputs": [new]})
    api.post("/crm/v3/properties/contacts/batch/read", {"inputs": [{"name": "pick"}, {"name": "none"}]})
    api.post("/crm/v3/properties/contacts/batch/read", {"inputs": [{"name": "pick"}]})
    api.patch("/crm/v3/properties/contacts/pick", {"label": "Choice"})
    api.get("/crm/v3/properties/contacts/pick")
    api.get("/crm/v3/properties/contacts/groups")
    api.get("/crm/v3/pipelines/deals/default")
    pair = {"from": {"id": record}, "to": {"id": company}}
    spec = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}
    batch = "/crm/v4/associations/contacts/companies/batch"
    api.post(f"{batch}/create", {"inputs": [{**pair, "types": [spec]}]})
    api.post("/crm/associations/2026-09/contacts/companies/batch/create", {"inputs": [{**pair, "types": [spec]}]})
    api.post(f"{batch}/create", {"inputs": [{**pair, "to": {"id": "9"}, "types": [spec]}]})
    api.post(f"{batch}/associate/default", {"inputs": [pair]})
    api.post(f"{batch}/read", {"inputs": [{"id": record}]})
    api.batch("read", [{"id": record}], propertiesWithHistory=["city"])
    api.get("/crm/v3/objects/contacts", propertiesWithHistory="city", associations="companies", limit=1)
    two = api.create(email="b@x.example")
    api.get("/crm/v3/objects/contacts", limit=1, associations="companies")
    api.delete(f"/crm/v3/objects/contacts/{two}")
    api.post("/crm/v3/objects/contacts/batch/read?archived=true", {"inputs": [{"id": two}]})
    for number in range(501):
        other = api.hub.portal.create(
            "companies", {"name": str(number)}, api.hub.portal.records["contacts"][int(record)].author
        )
        api.hub.people.act(
            {"do": "associate", "type": "contacts", "id": record, "to_type": "companies", "to": other.id}
        )
    api.get(f"/crm/v4/objects/contacts/{record}/associations/companies")
    api.post(f"{batch}/read", {"inputs": [{"id": record}]})
    api.hub.clock.advance(60)
    api.post("/crm/v3/objects/companies/search", {"limit": 1, "query": "1"})


def schema_of(answer: Answer) -> Schema | None:
    operation = next((one for one in OPERATIONS if one.name == answer[0]), None)
    if operation is None:
        return None
    if answer[1] == 0:
        return operation.request
    return (operation.responses or {}).get(answer[1], ref("Error"))


def test_every_spoilt_body_is_noticed(answers: list[Answer]) -> None:
    tried, passed, seen = 0, [], set()
    for answer in answers:
        shape, data = schema_of(answer), answer[2]
        key = (answer[0], answer[1], re.sub(r"\d+", "0", json.dumps(data))[:200])
        if shape is None or key in seen:
            continue
        seen.add(key)
        data = trimmed(data)
        assert fits(shape, data), (answer[0], answer[1], data)
        for what, spoilt in mutated(shape, copy.deepcopy(data)):
            tried += 1
            if fits(shape, spoilt):
                passed.append((answer[0], answer[1], what))
    assert passed == []
    assert tried > 2000


def trimmed(data: Any) -> Any:
    """Long lists cut to what shows their shape."""
    if isinstance(data, dict):
        return {name: trimmed(value) for name, value in data.items()}
    return [trimmed(one) for one in data[:2]] if isinstance(data, list) else data


def used(shape: Schema, data: Any, found: set[str]) -> None:
    """Note every member of a definition that a body shows."""
    name = shape.get("$ref", "").removeprefix("#/$defs/")
    shape = resolved(shape)
    if isinstance(data, dict) and "properties" in shape:
        for key, value in data.items():
            if name:
                found.add(f"{name}/{key}")
            used(shape["properties"].get(key, {}), value, found)
    elif isinstance(data, dict):
        extra = shape.get("additionalProperties")
        for value in data.values():
            used(extra if isinstance(extra, dict) else {}, value, found)
    elif isinstance(data, list):
        for one in data:
            used(shape.get("items", {}), one, found)


def test_every_member_of_an_answer_is_answered_somewhere_or_excused(answers: list[Answer]) -> None:
    found: set[str] = set()
    for answer in answers:
        shape = schema_of(answer)
        if shape is not None and answer[1]:
            used(shape, answer[2], found)
    answered = {name.partition("/")[0] for name in found}
    every = {f"{name}/{key}" for name in answered for key in DEFINITIONS[name]["properties"]}
    assert every - found - set(NEVER_ANSWERED) == set()
    assert set(NEVER_ANSWERED) & found == set(), "excused, and answered after all"
