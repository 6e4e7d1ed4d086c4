"""Single records and listings: list, read, create, update, archive, merge, erase, search."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from starlette.responses import JSONResponse

from integrations_platform.sandbox.hubspot.answers import error, invalid, not_found, refusal
from integrations_platform.sandbox.hubspot.asked import Asked
from integrations_platform.sandbox.hubspot.catalogue import LINK_TYPES, PRIMARY_TYPES, SINGULAR, TYPE_IDS, Json
from integrations_platform.sandbox.hubspot.links_api import attach
from integrations_platform.sandbox.hubspot.portal import Duplicate, Refused, Stored, shown
from integrations_platform.sandbox.hubspot.search import DEPTH, MOST_CHARACTERS, Search

MERGED_IDENTITIES = 250


def listed(asked: Asked) -> Json:
    """A page of records by id. ``after`` is the first id of the next page; no ``paging`` means the end."""
    kind, histories = asked.kind(), asked.names("propertiesWithHistory")
    limit, after = asked.number("limit", 10, 50 if histories else 100), asked.after()
    archived = asked.flag("archived")
    names = asked.shown_properties(kind, asked.names("properties"))
    page: list[Stored] = []
    records = asked.portal.records[kind]
    for record_id in sorted(records):
        if record_id >= after and (records[record_id].archived is not None) == archived:
            page.append(records[record_id])
            if len(page) > limit:
                break
    answer: Json = {"results": [_with_links(asked, record, names, histories) for record in page[:limit]]}
    if len(page) > limit:
        cursor = str(page[limit].id)
        answer["paging"] = {"next": {"after": cursor, "link": f"https://api.hubapi.com/?after={cursor}"}}
    return answer


def _with_links(asked: Asked, record: Stored, names: list[str], histories: list[str]) -> Json:
    answer = shown(asked.portal, record, names, histories)
    found = {}
    for kind in asked.names("associations"):
        if kind not in TYPE_IDS:
            raise invalid(f"unknown association {kind}")
        if targets := asked.portal.linked(record, kind):
            word = f"{SINGULAR[record.type].lower()}_to_{SINGULAR[kind].lower()}"
            found[kind] = {"results": [{"id": str(target), "type": word} for target in sorted(targets)]}
    return answer | ({"associations": found} if found else {})


def read(asked: Asked) -> Json:
    """One record, by id or by a unique property."""
    kind = asked.kind()
    record = asked.portal.find(kind, asked.path["id"], asked.unique_property(kind, asked.query.get("idProperty")))
    if record is None or (record.archived is not None) != asked.flag("archived"):
        raise not_found()
    names = asked.shown_properties(kind, asked.names("properties"))
    return _with_links(asked, record, names, asked.names("propertiesWithHistory"))


def create(asked: Asked) -> JSONResponse:
    """Create one record, with its associations."""
    kind = asked.kind()
    record = created(asked, kind, asked.body)
    return JSONResponse(shown_after(asked, record, asked.body["properties"]), 201)


def created(asked: Asked, kind: str, given: Json) -> Stored:
    """The record of one create input. Raises VendorError for a refused one, before anything is kept."""
    try:
        values = asked.portal.checked(kind, given["properties"], None)
        needed(kind, values)
        targets = link_targets(asked, kind, given.get("associations") or [])
    except (Refused, Duplicate) as fault:
        raise refusal(fault, names_id=True, taken_is_conflict=asked.portal.switches.taken_value_is_conflict) from None
    record = asked.portal.create(kind, values, asked.author)
    for target, type_ids in targets:
        attach(asked, record, target, type_ids)
    return record


def needed(kind: str, values: dict[str, str]) -> None:
    """Complete what a record cannot be without. Raises VendorError (400)."""
    if kind == "deals":
        values.setdefault("pipeline", "default")
    needs: dict[str, list[tuple[str, ...]]] = {
        "contacts": [("email", "firstname", "lastname")],
        "companies": [("name", "domain")],
        "deals": [("dealname",), ("dealstage",)],
    }
    for names in needs[kind]:
        if not any(values.get(name) for name in names):
            raise invalid(f"{SINGULAR[kind]} needs {' or '.join(names)}")


def link_targets(asked: Asked, kind: str, given: list[Json]) -> list[tuple[Stored, list[int]]]:
    """Records to associate with a new one, and as what. Raises VendorError (400)."""
    known = {**LINK_TYPES, **PRIMARY_TYPES}
    found = []
    for one in given:
        type_ids = [int(each["associationTypeId"]) for each in one["types"]]
        kinds = {to for table in (LINK_TYPES, PRIMARY_TYPES) for (origin, to), type_id in table.items()
                 if origin == kind and type_id in type_ids}  # fmt: skip
        if len(kinds) != 1 or not set(type_ids) <= set(known.values()) | set(PRIMARY_TYPES.values()):
            raise invalid(f"association types {type_ids} are not valid for {kind}")
        target = asked.portal.find(kinds.pop(), str(one["to"]["id"]))
        if target is None or target.archived is not None:
            raise invalid(f"object {one['to']['id']} to associate with does not exist")
        found.append((target, type_ids))
    return found


def update(asked: Asked) -> Json:
    """Set some properties. By a merged id it reaches the survivor."""
    record = asked.record(by_merged_id=True)
    asked.check_lock(record)
    try:
        values = asked.portal.checked(record.type, asked.body["properties"], record)
    except (Refused, Duplicate) as fault:
        raise refusal(fault, names_id=True, taken_is_conflict=asked.portal.switches.taken_value_is_conflict) from None
    asked.portal.update(record, values, asked.author)
    return shown_after(asked, record, asked.body["properties"])


def shown_after(asked: Asked, record: Stored, written: Json) -> Json:
    """A record as a write answers it: the defaults and what was written."""
    return shown(asked.portal, record, [*asked.shown_properties(record.type, []), *written])


def archive(asked: Asked) -> None:
    """Archive; an archived or unknown record is no error."""
    record = asked.portal.find(asked.kind(), asked.path["id"])
    if record is not None:
        asked.check_lock(record)
        asked.portal.archive(record)


def merge(asked: Asked) -> Json:
    """Merge two live records of one type."""
    kind = asked.kind()
    pair = [asked.portal.find(kind, str(asked.body[name])) for name in ("primaryObjectId", "objectIdToMerge")]
    primary, loser = pair
    if primary is None or loser is None or primary.archived or loser.archived:
        raise not_found()
    if primary is loser:
        raise invalid("a record cannot be merged with itself")
    if len(primary.merged) + len(loser.merged) >= MERGED_IDENTITIES:
        raise error(414, "VALIDATION_ERROR", f"a record cannot hold more than {MERGED_IDENTITIES} merged identities")
    for record in (primary, loser):
        asked.check_lock(record)
    survivor = asked.portal.merge(primary, loser, asked.author)
    return shown(asked.portal, survivor, asked.shown_properties(kind, []))


def erase(asked: Asked) -> None:
    """Erase a contact for good, without a tombstone."""
    id_property = asked.unique_property("contacts", asked.body.get("idProperty"))
    record = asked.portal.find("contacts", str(asked.body["objectId"]), id_property)
    if record is not None:
        asked.portal.forget(record)


def search(asked: Asked) -> Json:
    """A page of what the index shows."""
    body: Any = asked.body
    if len(json.dumps(body)) > MOST_CHARACTERS:
        raise invalid(f"the request is longer than {MOST_CHARACTERS} characters")
    limit, after = str(body.get("limit", 10)), str(body.get("after") or "0")
    if not limit.isdecimal() or not 0 < int(limit) <= 200:
        raise invalid("limit must be between 1 and 200")
    if not after.isdecimal() or len(after) > 18:
        raise invalid("after must be an integer")
    start, stop = int(after), int(after) + int(limit)
    if stop > DEPTH:
        raise invalid(f"paging is not possible beyond {DEPTH} results")
    finder = Search(asked.portal, asked.kind(), asked.now() - timedelta(seconds=asked.index_delay))
    found = finder.find(body)
    names = asked.shown_properties(asked.kind(), body.get("properties") or [])
    results = [shown(asked.portal, record, []) | {"properties": finder.values(record, names)}
               for record in found[start:stop]]  # fmt: skip
    answer: Json = {"total": len(found), "results": results}
    if len(found) > stop:
        answer["paging"] = {"next": {"after": str(stop)}}
    return answer
