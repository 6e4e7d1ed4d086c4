"""Associations (v4) between records, one by one and in batches."""

from __future__ import annotations

from starlette.responses import JSONResponse

from integrations_platform.sandbox.hubspot.answers import Batch, invalid, not_found
from integrations_platform.sandbox.hubspot.asked import Asked
from integrations_platform.sandbox.hubspot.catalogue import LINK_TYPES, PRIMARY_TYPES, TYPE_IDS, Json
from integrations_platform.sandbox.hubspot.portal import Stored

READ_INPUTS = 1000
CREATE_INPUTS = 2000
CATEGORY = "HUBSPOT_DEFINED"


def attach(asked: Asked, origin: Stored, target: Stored, type_ids: list[int]) -> None:
    """Associate; a primary association takes the mark from the one that had it, and is a plain one too.

    Raises VendorError (400) for a type that does not lead from the one object to the other.
    """
    portal, there, back = asked.portal, (origin.type, target.type), (target.type, origin.type)
    for type_id in type_ids:
        if type_id == LINK_TYPES.get(there):
            portal.link(origin, target, type_id, LINK_TYPES[back])
        elif type_id == PRIMARY_TYPES.get(there):
            for held, types in portal.linked(origin, target.type).items():
                types.discard(type_id)
                portal.links[target.type, held, origin.type][origin.id].discard(PRIMARY_TYPES[back])
            portal.link(origin, target, LINK_TYPES[there], LINK_TYPES[back])
            portal.link(origin, target, type_id, PRIMARY_TYPES[back])
        else:
            raise invalid(f"association type {type_id} does not lead from {origin.type} to {target.type}")


def _kinds(asked: Asked) -> tuple[str, str]:
    kinds = asked.kind("type"), asked.kind("to_type")
    if kinds not in LINK_TYPES:
        raise invalid(f"{kinds[0]} are not associated with {kinds[1]}")
    return kinds


def _live(asked: Asked, kind: str, record_id: str) -> Stored | None:
    record = asked.portal.find(kind, record_id)
    return record if record is not None and record.archived is None else None


def _rows(asked: Asked, record: Stored, to_type: str) -> list[Json]:
    labels = dict.fromkeys(PRIMARY_TYPES.values(), "Primary")
    return [
        {
            "toObjectId": target,
            "associationTypes": [
                {"category": CATEGORY, "typeId": type_id, "label": labels.get(type_id)} for type_id in sorted(types)
            ],
        }
        for target, types in sorted(asked.portal.linked(record, to_type).items())
    ]


def _page(rows: list[Json], after: int, limit: int) -> tuple[list[Json], Json]:
    more = {"next": {"after": str(after + limit)}} if len(rows) > after + limit else None
    return rows[after : after + limit], {"paging": more} if more else {}


def listed(asked: Asked) -> Json:
    """Associations of one record."""
    kind, to_type = _kinds(asked)
    record = _live(asked, kind, asked.path["id"])
    if record is None:
        raise not_found()
    rows, paging = _page(_rows(asked, record, to_type), asked.after(), asked.number("limit", 500, 500))
    return {"results": rows, **paging}


def _pair(asked: Asked) -> tuple[Stored, Stored]:
    kind, to_type = _kinds(asked)
    origin, target = _live(asked, kind, asked.path["id"]), _live(asked, to_type, asked.path["to_id"])
    if origin is None or target is None:
        raise not_found()
    return origin, target


def _labels(asked: Asked, origin: Stored, target: Stored) -> Json:
    types = asked.portal.linked(origin, target.type)[target.id]
    return {
        "fromObjectTypeId": TYPE_IDS[origin.type], "fromObjectId": origin.id,
        "toObjectTypeId": TYPE_IDS[target.type], "toObjectId": target.id,
        "labels": ["Primary" for type_id in types if type_id in PRIMARY_TYPES.values()],
    }  # fmt: skip


def _default(asked: Asked, origin: Stored, target: Stored) -> list[Json]:
    attach(asked, origin, target, [LINK_TYPES[origin.type, target.type]])
    return [
        {"from": {"id": str(one.id)}, "to": {"id": str(two.id)},
         "associationSpec": {"associationCategory": CATEGORY, "associationTypeId": LINK_TYPES[one.type, two.type]}}
        for one, two in ((origin, target), (target, origin))
    ]  # fmt: skip


def put_default(asked: Asked) -> JSONResponse:
    """The plain association of two records."""
    batch = Batch(asked.now(), asked.shuffle)
    batch.results = _default(asked, *_pair(asked))
    return batch.answer(asked.now())


def put(asked: Asked) -> JSONResponse:
    """An association of given types."""
    origin, target = _pair(asked)
    attach(asked, origin, target, [int(one["associationTypeId"]) for one in asked.body])
    return JSONResponse(_labels(asked, origin, target), 201)


def delete(asked: Asked) -> None:
    """Remove all associations of two records."""
    kind, to_type = _kinds(asked)
    if asked.path["id"].isdecimal() and asked.path["to_id"].isdecimal():
        asked.portal.unlink(kind, int(asked.path["id"]), to_type, int(asked.path["to_id"]))


def batch_read(asked: Asked) -> JSONResponse:
    """Associations of many records; a record that has none is an error entry, not an empty row."""
    kind, to_type = _kinds(asked)
    batch = asked.batch(READ_INPUTS)
    for one in asked.body["inputs"]:
        record = _live(asked, kind, one["id"])
        rows = _rows(asked, record, to_type) if record else []
        if not rows:
            batch.refuse(
                {"status": "error", "category": "OBJECT_NOT_FOUND",
                 "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
                 "message": f"No {to_type} is associated with {kind} {one['id']}."},
                {"fromObjectId": [one["id"]], "fromObjectType": [kind], "toObjectType": [to_type]},
            )  # fmt: skip
            continue
        after = str(one.get("after") or "0")
        if not after.isdecimal():
            raise invalid("after must be an integer")
        page, paging = _page(rows, int(after), 500)
        batch.results.append({"from": {"id": one["id"]}, "to": page, **paging})
    return batch.answer(asked.now())


def batch_create(asked: Asked) -> JSONResponse:
    """Many associations of given types."""
    kind, to_type = _kinds(asked)
    batch = asked.batch(CREATE_INPUTS)
    for one in asked.body["inputs"]:
        origin, target = _live(asked, kind, one["from"]["id"]), _live(asked, to_type, one["to"]["id"])
        if origin is None or target is None:
            ids = [key["id"] for key, record in ((one["from"], origin), (one["to"], target)) if record is None]
            batch.missing(ids)
            continue
        attach(asked, origin, target, [int(each["associationTypeId"]) for each in one["types"]])
        batch.results.append(_labels(asked, origin, target))
    return batch.answer(asked.now(), 200 if asked.dated else 201)


def batch_default(asked: Asked) -> JSONResponse:
    """Many plain associations."""
    kind, to_type = _kinds(asked)
    batch = asked.batch(CREATE_INPUTS)
    for one in asked.body["inputs"]:
        origin, target = _live(asked, kind, one["from"]["id"]), _live(asked, to_type, one["to"]["id"])
        if origin is None or target is None:
            batch.missing([one["from"]["id"] if origin is None else one["to"]["id"]])
        else:
            batch.results += _default(asked, origin, target)
    return batch.answer(asked.now())


def batch_archive(asked: Asked) -> None:
    """Remove many associations; none is no error."""
    kind, to_type = _kinds(asked)
    for one in asked.body["inputs"]:
        for target in one["to"]:
            if one["from"]["id"].isdecimal() and target["id"].isdecimal():
                asked.portal.unlink(kind, int(one["from"]["id"]), to_type, int(target["id"]))
