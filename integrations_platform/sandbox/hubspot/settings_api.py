"""What a portal is set up with: properties, groups, pipelines, validation rules, account details."""

from __future__ import annotations

from dataclasses import replace

from starlette.responses import JSONResponse

from integrations_platform.sandbox.hubspot.answers import error, invalid, not_found
from integrations_platform.sandbox.hubspot.asked import Asked
from integrations_platform.sandbox.hubspot.catalogue import (
    DEAL_STAGES,
    GROUPS,
    TYPE_IDS,
    TYPES,
    Json,
    Option,
    Property,
)
from integrations_platform.sandbox.hubspot.property_values import iso

UNIQUE_PROPERTIES = 10
PORTAL_ID = 8001


def properties(asked: Asked) -> Json:
    """All property definitions."""
    return {"results": [one.shown() for one in asked.portal.properties[asked.kind()].values()]}


def _found(asked: Asked) -> Property:
    definition = asked.portal.properties[asked.kind()].get(asked.path["name"])
    if definition is None:
        raise not_found()
    return definition


def property_read(asked: Asked) -> Json:
    """One definition."""
    return _found(asked).shown()


def property_create(asked: Asked) -> JSONResponse:
    """Add a property."""
    return JSONResponse(_add(asked, asked.body), 201)


def _add(asked: Asked, given: Json) -> Json:
    known = asked.portal.properties[asked.kind()]
    if given["name"] in known:
        raise error(409, "OBJECT_ALREADY_EXISTS", f"A property named '{given['name']}' already exists.")
    if given["groupName"] != GROUPS[asked.kind()]:
        raise invalid(f"property group {given['groupName']} does not exist")
    if given["type"] not in TYPES:
        raise invalid(f"{given['type']} is no property type")
    custom = sum(one.unique for one in known.values() if not one.vendor)
    if given.get("hasUniqueValue") and custom >= UNIQUE_PROPERTIES:
        raise invalid(f"at most {UNIQUE_PROPERTIES} properties of an object may have unique values")
    definition = Property(
        given["name"], given["label"], given["type"], given["fieldType"], given["groupName"],
        _options(given.get("options") or []), unique=bool(given.get("hasUniqueValue")),
        hidden=bool(given.get("hidden")), description=given.get("description") or "", vendor=False,
    )  # fmt: skip
    known[definition.name] = definition
    return definition.shown()


def _options(given: list[Json]) -> tuple[Option, ...]:
    return tuple(Option(one["value"], one["label"], bool(one.get("hidden"))) for one in given)


def property_update(asked: Asked) -> Json:
    """Change label, description or options; what makes a value unique is fixed for ever."""
    definition, given = _found(asked), asked.body
    changed = replace(
        definition,
        label=given.get("label", definition.label),
        description=given.get("description", definition.description),
        hidden=given.get("hidden", definition.hidden),
        options=_options(given["options"]) if "options" in given else definition.options,
    )
    asked.portal.properties[asked.kind()][definition.name] = changed
    return changed.shown()


def property_archive(asked: Asked) -> None:
    """Remove a property that is not the vendor's own; an unknown one is no error."""
    known = asked.portal.properties[asked.kind()]
    definition = known.get(asked.path["name"])
    if definition is not None and definition.vendor:
        raise invalid(f"property {definition.name} cannot be archived")
    known.pop(asked.path["name"], None)


def batch_read(asked: Asked) -> JSONResponse:
    """Definitions by name."""
    known, batch = asked.portal.properties[asked.kind()], asked.batch()
    for one in asked.body["inputs"]:
        if one["name"] in known:
            batch.results.append(known[one["name"]].shown())
        else:
            batch.missing([one["name"]])
    return batch.answer(asked.now())


def batch_create(asked: Asked) -> JSONResponse:
    """Add properties, all or none."""
    batch = asked.batch()
    known = asked.portal.properties[asked.kind()]
    before = dict(known)
    try:
        batch.results = [_add(asked, one) for one in asked.body["inputs"]]
    except Exception:
        known.clear()
        known.update(before)
        raise
    return batch.answer(asked.now(), 200 if asked.dated else 201)


def batch_archive(asked: Asked) -> None:
    """Remove properties."""
    for one in asked.body["inputs"]:
        asked.path["name"] = one["name"]
        property_archive(asked)


def groups(asked: Asked) -> Json:
    """Property groups."""
    name = GROUPS[asked.kind()]
    return {"results": [{"name": name, "label": name, "displayOrder": 0, "archived": False}]}


def pipelines(asked: Asked) -> Json:
    """Pipelines with their stages; only deals have any here."""
    return {"results": [_pipeline(asked)] if asked.kind() == "deals" else []}


def pipeline(asked: Asked) -> Json:
    """One pipeline."""
    if asked.kind() != "deals" or asked.path["id"] != "default":
        raise not_found()
    return _pipeline(asked)


def _pipeline(asked: Asked) -> Json:
    at = iso(asked.portal.opened)
    stages = [
        {"id": stage, "label": stage, "displayOrder": place, "archived": False, "createdAt": at, "updatedAt": at,
         "metadata": {"isClosed": str(closed).lower(), "probability": probability}}
        for place, (stage, probability, closed) in enumerate(DEAL_STAGES)
    ]  # fmt: skip
    return {"id": "default", "label": "Sales Pipeline", "displayOrder": 0, "archived": False, "createdAt": at,
            "updatedAt": at, "stages": stages}  # fmt: skip


def validations(asked: Asked) -> Json:
    """An administrator's validation rules of an object type, which is given by its type id."""
    kind = asked.kind("type_id")
    if asked.path["type_id"] not in TYPE_IDS.values():
        raise not_found()
    return {
        "results": [
            {"propertyName": one.name,
             "propertyValidationRules": [{"ruleType": rule, "ruleArguments": list(given)} for rule, given in one.rules]}
            for one in asked.portal.properties[kind].values() if one.rules
        ]
    }  # fmt: skip


def account(asked: Asked) -> Json:
    """The portal and its time zone."""
    return {"portalId": PORTAL_ID, "timeZone": asked.limits.zone}


def usage(asked: Asked) -> Json:
    """Calls of today."""
    limits, now = asked.limits, asked.now()
    return {"results": [{
        "name": "private-apps-api-calls-daily", "usageLimit": limits.daily, "currentUsage": limits.used_today,
        "collectedAt": iso(now), "fetchStatus": "SUCCESS", "resetsAt": iso(limits.midnight(now)),
    }]}  # fmt: skip
