"""What vendors send, as events of the inbox: by which each is told from others, and whom it may be for.

Reads bodies whose sender is proved, and believes them no further than that: an event of an unknown shape still wakes,
known by its hash. Texts are made fit to be stored whatever they hold.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from integrations_platform.settings_webhooks import SourceSettings
from integrations_platform.state.inbox import Event
from integrations_platform.webhooks.delivery import Delivery, Refused

MOST_EVENTS = 1_000  # of one delivery; vendors send fewer than 100
_LONGEST = 200  # characters of a key or topic
_COMPACT = json.JSONEncoder(separators=(",", ":"))  # made once: as much work as a small event
ALL, NOBODY = "", "-"
"""Subjects of events that are for all whom a source wakes, and for none of them."""

Read = Callable[[str, Delivery], Sequence[Event]]


def reader(source: SourceSettings, new_id: Callable[[], str]) -> Read:
    """What turns a delivery of ``source`` (name, delivery) into events. It raises :class:`Refused` for a body that
    cannot be read."""
    if source.scheme == "hmac":
        return lambda name, delivery: [_generic(name, delivery, source, new_id)]
    return {"hubspot": _hubspot, "quickbooks": _quickbooks, "airbyte": _airbyte, "stripe": _stripe}[source.scheme]


def _hubspot(name: str, delivery: Delivery) -> Sequence[Event]:
    """Of `eventId` the vendor says that it is not unique by itself."""
    found = []
    for item in _items(_parsed(delivery.body)):
        event = {key: value for key, value in item.items() if key != "attemptNumber"}
        parts = [event.get(part) for part in ("portalId", "subscriptionId", "eventId", "objectId", "occurredAt")]
        key = _joined(parts) if event.get("eventId") is not None else _hash_of(event)
        found.append(_event(name, key, event.get("subscriptionType"), ALL, item))
    return found


def _quickbooks(name: str, delivery: Delivery) -> Sequence[Event]:
    """Both forms. The older one knows no ids: two changes of a record in one second share one key, and by the time a
    run begins both are there to be read."""
    body = _parsed(delivery.body)
    if not (isinstance(body, dict) and "eventNotifications" in body):
        return [_cloud_event(name, item) for item in _items(body)]
    found = []
    for notification in _items(body["eventNotifications"]):
        changed = notification.get("dataChangeEvent")
        for entity in _items(changed.get("entities", []) if isinstance(changed, dict) else []):
            kind, operation = entity.get("name"), entity.get("operation")
            parts = [notification.get("realmId"), kind, entity.get("id"), operation, entity.get("lastUpdated")]
            shown = {"realmId": notification.get("realmId")} | entity
            found.append(_event(name, _joined(parts), f"{kind}.{operation}", ALL, shown))
    return found


def _cloud_event(name: str, item: Mapping[str, Any]) -> Event:
    known = item.get("id") is not None
    key = _joined([item.get("source"), item["id"]]) if known else _hash_of(item)
    return _event(name, key, item.get("type"), ALL, item)


def _airbyte(name: str, delivery: Delivery) -> Sequence[Event]:
    """Only a sync that has ended is worth a look; of one that is queued the vendor says `success: false` too."""
    body = _parsed(delivery.body)
    if not isinstance(body, dict):
        raise _unreadable("a JSON object")
    data = body.get("data")
    connection = data.get("connection") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(connection, dict) or not isinstance(connection.get("id"), str):
        return [_event(name, _hash_of(body), "notice", NOBODY, body)]
    ended = data.get("finishedAt") is not None or data.get("success") is True
    topic = "sync.ended" if ended else "sync.queued"
    key = _joined([connection["id"], data.get("jobId"), topic])
    return [_event(name, key, topic, connection["id"] if ended else NOBODY, body)]


def _stripe(name: str, delivery: Delivery) -> Sequence[Event]:
    body = _parsed(delivery.body)
    if not isinstance(body, dict):
        raise _unreadable("a JSON object")
    key = _joined([body["id"]]) if body.get("id") is not None else sha256(delivery.body).hexdigest()
    return [_event(name, key, body.get("type"), ALL, body)]


def _generic(name: str, delivery: Delivery, source: SourceSettings, new_id: Callable[[], str]) -> Event:
    """Any body. Without an id or a signed time, the same body may mean the same thing once more: it counts anew."""
    where, _, field = source.event_id.partition(":")
    if where == "header":
        key = delivery.header(field)
    elif where == "body":
        body = _parsed(delivery.body)
        given = body.get(field) if isinstance(body, dict) else None
        if not isinstance(given, str | int) or isinstance(given, bool):
            raise _unreadable(f"a JSON object with the id of the event under {field!r}")
        key = _joined([given])
    elif source.timestamp_header:
        key = sha256(delivery.header(source.timestamp_header).encode() + b"." + delivery.body).hexdigest()
    else:
        key = new_id()
    return Event(name, _cut(key), "", ALL, _text(delivery.body))


def _event(source: str, key: str, topic: Any, subject: str, item: Any) -> Event:
    named = topic if isinstance(topic, str) else ""
    # As ASCII, so that halves of surrogate pairs and NULs, which JSON may name and no database keeps, stay escapes.
    return Event(source, _cut(key), _cut(named), _cut(subject), _COMPACT.encode(item))


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):  # among the first: bytes that are no UTF-8, numbers of a million digits
        raise _unreadable("JSON in UTF-8") from None


def _items(body: Any) -> Sequence[dict[str, Any]]:
    """The objects of a list, or of one object alone."""
    items = body if isinstance(body, list) else [body]
    if not all(isinstance(item, dict) for item in items):
        raise _unreadable("a list of objects")
    if len(items) > MOST_EVENTS:
        raise Refused(413, "size", f"at most {MOST_EVENTS} events are taken at once")
    return items


def _unreadable(wanted: str) -> Refused:
    return Refused(400, "body", f"the body must be {wanted}")


def _joined(parts: Sequence[Any]) -> str:
    """Parts of a key on one line; what is no plain value by its hash."""
    return ":".join(str(part) if isinstance(part, str | int) else _hash_of(part) if part else "" for part in parts)


def _hash_of(item: Any) -> str:
    return sha256(json.dumps(item, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _cut(text: str) -> str:
    """The text as it may be stored and shown; a long one ends in its hash, so that it stays itself."""
    if text.isprintable() and len(text) <= _LONGEST:
        return text
    clean = "".join(sign if sign.isprintable() else "\ufffd" for sign in text)
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{clean[: _LONGEST - len(digest)]}{digest}"


def _text(body: bytes) -> str:
    """Any bytes as text without NUL."""
    return body.decode("utf-8", "backslashreplace").replace("\x00", "\\x00")
