"""The API as a table: each operation with its path in both families, its bodies, its scope and its handler."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from integrations_platform.sandbox.contracts import OTHER_STATUS, Contract
from integrations_platform.sandbox.contracts import Operation as Contracted
from integrations_platform.sandbox.hubspot import batches_api, links_api, records_api, settings_api
from integrations_platform.sandbox.hubspot.asked import Asked
from integrations_platform.sandbox.hubspot.schema import DEFINITIONS, Schema, batch, partial, ref, results, rows

LEGACY = "v3"
DATED = ("2026-03", "2026-09")


def families() -> dict[str, dict[str, str]]:
    """Path prefixes by what is addressed: under v3 and v4, and under each date version."""
    found = {
        LEGACY: {
            "objects": "/crm/v3/objects", "properties": "/crm/v3/properties", "pipelines": "/crm/v3/pipelines",
            "associations": "/crm/v4/associations", "links": "/crm/v4/objects", "account": "/account-info/v3",
            "validations": "/crm/v3/property-validations",
        }
    }  # fmt: skip
    for version in DATED:
        found[version] = {
            "objects": f"/crm/objects/{version}", "properties": f"/crm/properties/{version}",
            "pipelines": f"/crm/pipelines/{version}", "associations": f"/crm/associations/{version}",
            "links": f"/crm/objects/{version}", "account": f"/account-info/{version}",
        }  # fmt: skip
    return found


@dataclass(frozen=True)
class Operation:
    """``path`` is relative to the prefix ``area``. ``scope`` is what a token needs, with ``{type}`` filled in."""

    name: str
    method: str
    area: str
    path: str
    handler: Callable[[Asked], Any]
    scope: str = ""
    request: Schema | None = None
    responses: Mapping[int, Schema | None] | None = None
    query: frozenset[str] = frozenset()

    def contracted(self) -> Contracted:
        """The operation as the contract has it."""
        return Contracted(self.request, {**(self.responses or {}), OTHER_STATUS: ref("Error")}, self.query)


READ, WRITE = "crm.objects.{type}.read", "crm.objects.{type}.write"
SEE, DEFINE = "crm.schemas.{type}.read", "crm.schemas.{type}.write"
_LISTED = frozenset({"limit", "after", "properties", "propertiesWithHistory", "associations", "archived"})
_SHOWN = frozenset({"properties", "propertiesWithHistory", "associations", "archived", "idProperty"})
_OBJECT, _FULL = ref("Object"), ref("ObjectWithAssociations")
_PROPERTY, _LABELS = ref("Property"), ref("Labels")
_MANY = {200: batch(_OBJECT), 207: partial(_OBJECT)}
_LINK = "/{type}/{id}/associations/{to_type}"
_LINKS_BATCH = "/{type}/{to_type}/batch"

OPERATIONS: tuple[Operation, ...] = (
    Operation("objects.list", "GET", "objects", "/{type}", records_api.listed, READ, None,
              {200: results(_FULL, paging=ref("Paging"))}, _LISTED),
    Operation("objects.create", "POST", "objects", "/{type}", records_api.create, WRITE, ref("Create"), {201: _OBJECT}),
    Operation("objects.search", "POST", "objects", "/{type}/search", records_api.search, READ, ref("Search"),
              {200: results(_OBJECT, paging=ref("Paging"), total={"type": "integer"})}),
    Operation("objects.merge", "POST", "objects", "/{type}/merge", records_api.merge, WRITE, ref("Merge"),
              {200: _OBJECT}),
    Operation("objects.batch_read", "POST", "objects", "/{type}/batch/read", batches_api.read, READ, ref("BatchRead"),
              _MANY, frozenset({"archived"})),
    Operation("objects.batch_create", "POST", "objects", "/{type}/batch/create", batches_api.create, WRITE,
              ref("BatchCreate"), {201: batch(_OBJECT), 207: partial(_OBJECT)}),
    Operation("objects.batch_update", "POST", "objects", "/{type}/batch/update", batches_api.update, WRITE,
              ref("BatchUpdate"), _MANY),
    Operation("objects.batch_upsert", "POST", "objects", "/{type}/batch/upsert", batches_api.upsert, WRITE,
              ref("BatchUpsert"), {200: batch(ref("UpsertedObject")), 207: partial(ref("UpsertedObject"))}),
    Operation("objects.batch_archive", "POST", "objects", "/{type}/batch/archive", batches_api.archive, WRITE,
              ref("BatchArchive"), {204: None}),
    Operation("contacts.erase", "POST", "objects", "/contacts/gdpr-delete", records_api.erase,
              "crm.objects.contacts.write", ref("Erase"), {204: None}),
    Operation("objects.read", "GET", "objects", "/{type}/{id}", records_api.read, READ, None, {200: _FULL}, _SHOWN),
    Operation("objects.update", "PATCH", "objects", "/{type}/{id}", records_api.update, WRITE, ref("Update"),
              {200: _OBJECT}, frozenset({"idProperty"})),
    Operation("objects.archive", "DELETE", "objects", "/{type}/{id}", records_api.archive, WRITE, None, {204: None}),
    Operation("properties.list", "GET", "properties", "/{type}", settings_api.properties, SEE, None,
              {200: results(_PROPERTY)}, frozenset({"archived", "properties"})),
    Operation("properties.create", "POST", "properties", "/{type}", settings_api.property_create, DEFINE,
              ref("PropertyCreate"), {201: _PROPERTY}),
    Operation("properties.groups", "GET", "properties", "/{type}/groups", settings_api.groups, SEE, None,
              {200: results(ref("PropertyGroup"))}),
    Operation("properties.batch_read", "POST", "properties", "/{type}/batch/read", settings_api.batch_read, SEE,
              ref("PropertyNames"), {200: batch(_PROPERTY), 207: partial(_PROPERTY)}),
    Operation("properties.batch_create", "POST", "properties", "/{type}/batch/create", settings_api.batch_create,
              DEFINE, {"type": "object", "properties": {"inputs": rows(ref("PropertyCreate"))}, "required": ["inputs"],
                       "additionalProperties": False}, {200: batch(_PROPERTY), 201: batch(_PROPERTY)}),
    Operation("properties.batch_archive", "POST", "properties", "/{type}/batch/archive", settings_api.batch_archive,
              DEFINE, ref("PropertyNames"), {204: None}),
    Operation("properties.read", "GET", "properties", "/{type}/{name}", settings_api.property_read, SEE, None,
              {200: _PROPERTY}, frozenset({"archived", "properties"})),
    Operation("properties.update", "PATCH", "properties", "/{type}/{name}", settings_api.property_update, DEFINE,
              ref("PropertyUpdate"), {200: _PROPERTY}),
    Operation("properties.archive", "DELETE", "properties", "/{type}/{name}", settings_api.property_archive, DEFINE,
              None, {204: None}),
    Operation("pipelines.list", "GET", "pipelines", "/{type}", settings_api.pipelines, READ, None,
              {200: results(ref("Pipeline"))}),
    Operation("pipelines.read", "GET", "pipelines", "/{type}/{id}", settings_api.pipeline, READ, None,
              {200: ref("Pipeline")}),
    Operation("associations.list", "GET", "links", _LINK, links_api.listed, READ, None,
              {200: results(ref("AssociatedObject"), paging=ref("Paging"))}, frozenset({"after", "limit"})),
    Operation("associations.put_default", "PUT", "links", "/{type}/{id}/associations/default/{to_type}/{to_id}",
              links_api.put_default, WRITE, None, {200: batch(ref("DefaultAssociation"))}),
    Operation("associations.put", "PUT", "links", _LINK + "/{to_id}", links_api.put, WRITE,
              rows(ref("AssociationSpec")), {201: _LABELS}),
    Operation("associations.delete", "DELETE", "links", _LINK + "/{to_id}", links_api.delete, WRITE, None, {204: None}),
    Operation("associations.batch_read", "POST", "associations", _LINKS_BATCH + "/read", links_api.batch_read, READ,
              ref("ReadAssociations"), {200: batch(ref("AssociationsOf")), 207: partial(ref("AssociationsOf"))}),
    Operation("associations.batch_create", "POST", "associations", _LINKS_BATCH + "/create", links_api.batch_create,
              WRITE, ref("CreateAssociations"), {200: batch(_LABELS), 201: batch(_LABELS), 207: partial(_LABELS)}),
    Operation("associations.batch_default", "POST", "associations", _LINKS_BATCH + "/associate/default",
              links_api.batch_default, WRITE, ref("DefaultAssociations"),
              {200: batch(ref("DefaultAssociation")), 207: partial(ref("DefaultAssociation"))}),
    Operation("associations.batch_archive", "POST", "associations", _LINKS_BATCH + "/archive", links_api.batch_archive,
              WRITE, ref("ArchiveAssociations"), {204: None}),
    Operation("validations.list", "GET", "validations", "/{type_id}", settings_api.validations, "", None,
              {200: results(ref("Validation"))}),
    Operation("account.details", "GET", "account", "/details", settings_api.account, "", None, {200: ref("Account")}),
    Operation("account.usage", "GET", "account", "/api-usage/daily/private-apps", settings_api.usage, "", None,
              {200: results(ref("Usage"))}),
)  # fmt: skip


def addressed() -> Iterator[tuple[str, str, Operation]]:
    """Every operation under every family that has it: family, whole path template, operation."""
    for family, prefixes in families().items():
        for operation in OPERATIONS:
            if operation.area in prefixes and not (family in DATED and operation.name == "associations.list"):
                yield family, prefixes[operation.area] + operation.path, operation


@cache
def contract() -> Contract:
    """Every operation by method and path template."""
    return Contract({(op.method, path): op.contracted() for _, path, op in addressed()}, DEFINITIONS)


@cache
def validator(operation: str) -> Any:
    """What checks the body of the operation of that name; None: it takes none."""
    (request,) = {id(one.request): one.request for one in OPERATIONS if one.name == operation}.values()
    return None if request is None else contract().validator(request)
