"""A portal as JSON-safe data and back, for a stand-in whose state outlives it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from integrations_platform.sandbox.hubspot.catalogue import Option, Property
from integrations_platform.sandbox.hubspot.portal import Author, Entry, Portal, Stored


def dump(portal: Portal) -> dict[str, Any]:
    """Everything a portal holds."""
    return {
        "next": portal.next_id,
        "records": [_record(record) for records in portal.records.values() for record in records.values()],
        "survivors": [[kind, old, new] for (kind, old), new in portal.survivors.items()],
        "links": [
            [kind, record, to, target, sorted(types)]
            for (kind, record, to), targets in portal.links.items() for target, types in targets.items()
        ],
        "properties": {
            kind: [asdict(one) for one in properties.values()] for kind, properties in portal.properties.items()
        },
    }  # fmt: skip


def _record(record: Stored) -> dict[str, Any]:
    return {
        "id": record.id, "type": record.type, "created": record.created.isoformat(),
        "updated": record.updated.isoformat(), "author": asdict(record.author), "merged": record.merged,
        "archived": record.archived and record.archived.isoformat(), "now": record.now,
        "history": {
            name: [[entry.value, entry.at.isoformat(), entry.author.source_type, entry.author.source_id]
                   for entry in entries] for name, entries in record.history.items()
        },
    }  # fmt: skip


def load(portal: Portal, state: Any) -> None:
    """Put into an empty portal what :func:`dump` gave."""
    portal.next_id = int(state["next"])
    for kind, properties in state["properties"].items():
        portal.properties[kind] = {one["name"]: _property(one) for one in properties}
    for one in state["records"]:
        portal.adopt(_stored(one))
    portal.survivors.update({(kind, old): new for kind, old, new in state["survivors"]})
    for kind, record, to, target, types in state["links"]:
        portal.links.setdefault((kind, record, to), {})[target] = set(types)


def _property(data: dict[str, Any]) -> Property:
    rules = tuple((rule, tuple(given)) for rule, given in data["rules"])
    return Property(**data | {"options": tuple(Option(**one) for one in data["options"]), "rules": rules})


def _stored(data: dict[str, Any]) -> Stored:
    history = {
        name: [Entry(value, datetime.fromisoformat(at), Author(source, source_id))
               for value, at, source, source_id in entries]
        for name, entries in data["history"].items()
    }  # fmt: skip
    return Stored(
        data["id"], data["type"], datetime.fromisoformat(data["created"]), datetime.fromisoformat(data["updated"]),
        Author(**data["author"]), dict(data["now"]), history,
        datetime.fromisoformat(data["archived"]) if data["archived"] else None, list(data["merged"]),
    )  # fmt: skip
