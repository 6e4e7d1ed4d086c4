"""Bodies of the HubSpot CRM API as JSON Schemas, written from its documented contract.

Every member the vendor's own client knows is here, and nothing else may be answered. Property values are text or null;
the entries of a 207 carry only what real ones carry.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
WHOLE: Schema = {"type": "integer"}
MOMENT: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"}
RECORD_ID: Schema = {"type": "string", "pattern": r"^\d+$"}
LINKS: Schema = {"type": "object", "additionalProperties": TEXT}
CONTEXT: Schema = {"type": "object", "additionalProperties": {"type": "array", "items": TEXT}}
VALUES: Schema = {"type": "object", "additionalProperties": {"type": ["string", "null"]}}
NEW_VALUES: Schema = {"type": "object", "additionalProperties": TEXT}
BATCH_STATUS: Schema = {"enum": ["PENDING", "PROCESSING", "CANCELED", "COMPLETE"]}


def ref(name: str) -> Schema:
    """A definition by name."""
    return {"$ref": f"#/$defs/{name}"}


def rows(items: Schema) -> Schema:
    """A list."""
    return {"type": "array", "items": items}


def body(properties: Mapping[str, Schema], *required: str) -> Schema:
    """An object of exactly these members."""
    return {
        "type": "object", "properties": dict(properties), "required": list(required), "additionalProperties": False
    }  # fmt: skip


def inputs(items: Schema, **more: Schema) -> Schema:
    """The body of a batch."""
    return body({"inputs": rows(items), **more}, "inputs")


def results(items: Schema, **more: Schema) -> Schema:
    """A list answer."""
    return body({"results": rows(items), **more}, "results", *(["total"] if "total" in more else []))


def batch(items: Schema) -> Schema:
    """A batch answer without errors."""
    return body(_batch_members(items), "status", "results", "startedAt", "completedAt")


def partial(items: Schema) -> Schema:
    """A batch answer with errors: 207."""
    members = _batch_members(items) | {"numErrors": WHOLE, "errors": rows(ref("StandardError"))}
    return body(members, "status", "results", "numErrors", "errors", "startedAt", "completedAt")


def _batch_members(items: Schema) -> Schema:
    return {
        "status": BATCH_STATUS, "results": rows(items), "startedAt": MOMENT, "completedAt": MOMENT,
        "requestedAt": MOMENT, "links": LINKS,
    }  # fmt: skip


_OBJECT: Schema = {
    "id": RECORD_ID,
    "properties": VALUES,
    "createdAt": MOMENT,
    "updatedAt": MOMENT,
    "archived": FLAG,
    "archivedAt": MOMENT,
    "url": TEXT,
    "objectWriteTraceId": TEXT,
    "propertiesWithHistory": {"type": "object", "additionalProperties": rows(ref("ValueWithTimestamp"))},
}
_NEEDED = ("id", "properties", "createdAt", "updatedAt", "archived")
_OPTION: Schema = {"label": TEXT, "value": TEXT, "displayOrder": WHOLE, "hidden": FLAG, "description": TEXT}
_DETAIL: Schema = {"message": TEXT, "code": TEXT, "in": TEXT, "subCategory": TEXT, "context": CONTEXT}
_PROPERTY_TYPE: Schema = {
    "enum": ["string", "number", "bool", "enumeration", "date", "datetime", "phone_number"]
}  # fmt: skip

DEFINITIONS: Mapping[str, Schema] = {
    "Object": body(_OBJECT, *_NEEDED),
    "ObjectWithAssociations": body(
        _OBJECT | {"associations": {"type": "object", "additionalProperties": ref("AssociatedIds")}}, *_NEEDED
    ),
    "UpsertedObject": body(_OBJECT | {"new": FLAG}, *_NEEDED, "new"),
    "AssociatedIds": results(body({"id": RECORD_ID, "type": TEXT}, "id", "type"), paging=ref("Paging")),
    "ValueWithTimestamp": body(
        {"value": TEXT, "timestamp": MOMENT, "sourceType": TEXT, "sourceId": TEXT, "sourceLabel": TEXT,
         "updatedByUserId": WHOLE}, "value", "timestamp", "sourceType",
    ),
    "Paging": body({"next": body({"after": TEXT, "link": TEXT}, "after"),
                    "prev": body({"before": TEXT, "link": TEXT}, "before")}),
    "StandardError": body(
        {"status": {"enum": ["error"]}, "id": TEXT, "category": {"enum": ["VALIDATION_ERROR", "CONFLICT",
         "OBJECT_NOT_FOUND"]}, "subCategory": TEXT, "message": TEXT, "context": CONTEXT, "links": LINKS,
         "errors": rows(ref("ErrorDetail"))}, "status", "category", "message",
    ),
    "ErrorDetail": body(_DETAIL, "message"),
    "Error": body(
        {"status": {"enum": ["error"]}, "message": TEXT, "correlationId": TEXT, "category": TEXT, "subCategory": TEXT,
         "errors": rows(ref("ErrorDetail")), "context": CONTEXT, "links": LINKS, "errorType": TEXT,
         "policyName": {"enum": ["TEN_SECONDLY_ROLLING", "DAILY", "SECONDLY"]}}, "status", "message",
    ),
    "AssociationSpec": body(
        {"associationCategory": {"enum": ["HUBSPOT_DEFINED", "USER_DEFINED", "INTEGRATOR_DEFINED"]},
         "associationTypeId": WHOLE}, "associationCategory", "associationTypeId",
    ),
    "Associate": body({"to": body({"id": TEXT}, "id"), "types": rows(ref("AssociationSpec"))}, "to", "types"),
    "Create": body({"properties": NEW_VALUES, "associations": rows(ref("Associate"))}, "properties"),
    "Update": body({"properties": NEW_VALUES}, "properties"),
    "Merge": body({"primaryObjectId": TEXT, "objectIdToMerge": TEXT}, "primaryObjectId", "objectIdToMerge"),
    "Erase": body({"objectId": TEXT, "idProperty": TEXT}, "objectId"),
    "BatchRead": inputs(
        body({"id": TEXT}, "id"), idProperty=TEXT, properties=rows(TEXT), propertiesWithHistory=rows(TEXT)
    ),
    "BatchCreate": inputs(
        body({"properties": NEW_VALUES, "associations": rows(ref("Associate")), "objectWriteTraceId": TEXT},
             "properties")
    ),
    "BatchUpdate": inputs(
        body({"id": TEXT, "idProperty": TEXT, "properties": NEW_VALUES, "objectWriteTraceId": TEXT}, "id", "properties")
    ),
    "BatchUpsert": inputs(
        body({"id": TEXT, "idProperty": TEXT, "properties": NEW_VALUES, "objectWriteTraceId": TEXT},
             "id", "idProperty", "properties")
    ),
    "BatchArchive": inputs(body({"id": TEXT}, "id")),
    "Search": body(
        {"query": TEXT, "filterGroups": rows(body({"filters": rows(ref("Filter"))}, "filters")),
         "sorts": rows(body({"propertyName": TEXT, "direction": {"enum": ["ASCENDING", "DESCENDING"]}},
                            "propertyName")),
         "properties": rows(TEXT), "limit": {"type": ["integer", "string"]}, "after": TEXT},
    ),
    "Filter": body(
        {"propertyName": TEXT, "value": TEXT, "highValue": TEXT, "values": rows(TEXT),
         "operator": {"enum": ["LT", "LTE", "GT", "GTE", "EQ", "NEQ", "BETWEEN", "IN", "NOT_IN", "HAS_PROPERTY",
                               "NOT_HAS_PROPERTY", "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"]}},
        "propertyName", "operator",
    ),
    "Property": body(
        {"name": TEXT, "label": TEXT, "type": _PROPERTY_TYPE, "fieldType": TEXT, "description": TEXT,
         "groupName": TEXT, "options": rows(body(_OPTION, "label", "value", "hidden")), "hasUniqueValue": FLAG,
         "calculated": FLAG, "hidden": FLAG, "displayOrder": WHOLE, "hubspotDefined": FLAG, "formField": FLAG,
         "archived": FLAG, "archivedAt": MOMENT, "createdAt": MOMENT, "updatedAt": MOMENT, "createdUserId": TEXT,
         "updatedUserId": TEXT, "showCurrencySymbol": FLAG, "referencedObjectType": TEXT, "calculationFormula": TEXT,
         "externalOptions": FLAG,
         "modificationMetadata": body({"archivable": FLAG, "readOnlyDefinition": FLAG, "readOnlyValue": FLAG,
                                       "readOnlyOptions": FLAG}, "archivable", "readOnlyDefinition", "readOnlyValue")},
        "name", "label", "type", "fieldType", "description", "groupName", "options",
    ),
    "PropertyCreate": body(
        {"name": TEXT, "label": TEXT, "groupName": TEXT, "type": _PROPERTY_TYPE, "fieldType": TEXT,
         "description": TEXT, "options": rows(body(_OPTION, "label", "value")), "hasUniqueValue": FLAG, "hidden": FLAG,
         "displayOrder": WHOLE, "formField": FLAG, "referencedObjectType": TEXT, "calculationFormula": TEXT,
         "externalOptions": FLAG},
        "name", "label", "groupName", "type", "fieldType",
    ),
    "PropertyUpdate": body(
        {"label": TEXT, "groupName": TEXT, "type": _PROPERTY_TYPE, "fieldType": TEXT, "description": TEXT,
         "options": rows(body(_OPTION, "label", "value")), "hidden": FLAG, "displayOrder": WHOLE, "formField": FLAG,
         "calculationFormula": TEXT},
    ),
    "PropertyGroup": body({"name": TEXT, "label": TEXT, "displayOrder": WHOLE, "archived": FLAG},
                          "name", "label", "displayOrder", "archived"),
    "PropertyNames": inputs(body({"name": TEXT}, "name"), archived=FLAG),
    "Pipeline": body(
        {"id": TEXT, "label": TEXT, "displayOrder": WHOLE, "archived": FLAG, "archivedAt": MOMENT, "createdAt": MOMENT,
         "updatedAt": MOMENT, "stages": rows(ref("Stage"))},
        "id", "label", "displayOrder", "archived", "createdAt", "updatedAt", "stages",
    ),
    "Stage": body(
        {"id": TEXT, "label": TEXT, "displayOrder": WHOLE, "archived": FLAG, "archivedAt": MOMENT, "createdAt": MOMENT,
         "updatedAt": MOMENT, "metadata": LINKS, "writePermissions": TEXT},
        "id", "label", "displayOrder", "archived", "createdAt", "updatedAt", "metadata",
    ),
    "AssociatedObject": body(
        {"toObjectId": WHOLE,
         "associationTypes": rows(body({"category": TEXT, "typeId": WHOLE, "label": {"type": ["string", "null"]}},
                                       "category", "typeId"))},
        "toObjectId", "associationTypes",
    ),
    "AssociationsOf": body(
        {"from": body({"id": TEXT}, "id"), "to": rows(ref("AssociatedObject")), "paging": ref("Paging")}, "from", "to"
    ),
    "Labels": body(
        {"fromObjectTypeId": TEXT, "fromObjectId": WHOLE, "toObjectTypeId": TEXT, "toObjectId": WHOLE,
         "labels": rows(TEXT)}, "fromObjectTypeId", "fromObjectId", "toObjectTypeId", "toObjectId", "labels",
    ),
    "DefaultAssociation": body(
        {"from": body({"id": TEXT}, "id"), "to": body({"id": TEXT}, "id"), "associationSpec": ref("AssociationSpec")},
        "from", "to", "associationSpec",
    ),
    "ReadAssociations": inputs(body({"id": TEXT, "after": TEXT}, "id")),
    "CreateAssociations": inputs(
        body({"from": body({"id": TEXT}, "id"), "to": body({"id": TEXT}, "id"), "types": rows(ref("AssociationSpec"))},
             "from", "to", "types")
    ),
    "DefaultAssociations": inputs(
        body({"from": body({"id": TEXT}, "id"), "to": body({"id": TEXT}, "id")}, "from", "to")
    ),
    "ArchiveAssociations": inputs(
        body({"from": body({"id": TEXT}, "id"), "to": rows(body({"id": TEXT}, "id"))}, "from", "to")
    ),
    "Validation": body(
        {"propertyName": TEXT, "propertyValidationRules": rows(
            body({"ruleType": TEXT, "ruleArguments": rows(TEXT)}, "ruleType", "ruleArguments"))},
        "propertyName", "propertyValidationRules",
    ),
    "Account": body({"portalId": WHOLE, "timeZone": TEXT}, "portalId", "timeZone"),
    "Usage": body(
        {"name": TEXT, "usageLimit": WHOLE, "currentUsage": WHOLE, "collectedAt": MOMENT, "fetchStatus": TEXT,
         "resetsAt": MOMENT}, "name", "usageLimit", "currentUsage", "collectedAt", "fetchStatus",
    ),
}  # fmt: skip
