"""What people do to a portal by hand: edit, archive, restore, merge, and change properties as administrators do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from integrations_platform.sandbox.hubspot.catalogue import LINK_TYPES, PRIMARY_TYPES, TYPE_IDS, Option, Property
from integrations_platform.sandbox.hubspot.portal import PERSON, Duplicate, Portal, Refused, Stored

Action = Mapping[str, Any]


class People:
    """Actions on ``portal``, each a mapping with ``do`` and what it takes."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._actions: dict[str, Callable[[Action], Mapping[str, Any]]] = {
            "create": self._create,
            "edit": self._edit,
            "archive": self._archive,
            "restore": self._restore,
            "erase": self._erase,
            "merge": self._merge,
            "associate": self._associate,
            "add_property": self._add_property,
            "change_property": self._change_property,
            "remove_property": self._remove_property,
        }

    def act(self, action: Action) -> Mapping[str, Any]:
        """Do it. Raises ValueError for what is not known or not accepted, KeyError for what is missing."""
        do = self._actions.get(str(action.get("do")))
        if do is None:
            raise ValueError(f"do is one of {', '.join(self._actions)}, lock")
        try:
            return do(action)
        except Refused as fault:
            raise ValueError("; ".join(one.message for one in fault.refusals)) from fault
        except Duplicate as fault:
            raise ValueError(str(fault)) from fault

    def _record(self, action: Action, name: str = "id") -> Stored:
        found = self._portal.records[_kind(action)].get(int(action[name]))
        if found is None:
            raise ValueError(f"there is no record {action[name]} among {action['type']}")
        return found

    def _create(self, action: Action) -> Mapping[str, Any]:
        kind = _kind(action)
        values = self._portal.checked(kind, _texts(action["properties"]), None)
        return {"id": str(self._portal.create(kind, values, PERSON).id)}

    def _edit(self, action: Action) -> Mapping[str, Any]:
        record = self._record(action)
        self._portal.update(record, self._portal.checked(record.type, _texts(action["properties"]), record), PERSON)
        return {"id": str(record.id)}

    def _archive(self, action: Action) -> Mapping[str, Any]:
        self._portal.archive(self._record(action))
        return {"id": str(action["id"])}

    def _restore(self, action: Action) -> Mapping[str, Any]:
        self._portal.restore(self._record(action))
        return {"id": str(action["id"])}

    def _erase(self, action: Action) -> Mapping[str, Any]:
        self._portal.forget(self._record(action))
        return {"id": str(action["id"])}

    def _merge(self, action: Action) -> Mapping[str, Any]:
        survivor = self._portal.merge(self._record(action), self._record(action, "loser"), PERSON)
        return {"id": str(survivor.id)}

    def _associate(self, action: Action) -> Mapping[str, Any]:
        origin = self._record(action)
        target = self._record({"type": action["to_type"], "id": action["to"]})
        there, back = (origin.type, target.type), (target.type, origin.type)
        self._portal.link(origin, target, LINK_TYPES[there], LINK_TYPES[back])
        if action.get("primary"):
            self._portal.link(origin, target, PRIMARY_TYPES[there], PRIMARY_TYPES[back])
        return {"id": str(origin.id)}

    def _add_property(self, action: Action) -> Mapping[str, Any]:
        name = str(action["name"])
        options = tuple(Option(value, value) for value in action.get("options", ()))
        self._portal.properties[_kind(action)][name] = Property(
            name, name, str(action.get("property_type", "string")), str(action.get("field_type", "text")), "",
            options, unique=bool(action.get("unique")), vendor=False,
        )  # fmt: skip
        return {"name": name}

    def _change_property(self, action: Action) -> Mapping[str, Any]:
        known = self._portal.properties[_kind(action)]
        changes: dict[str, Any] = {}
        if "options" in action:
            changes["options"] = tuple(Option(value, value) for value in action["options"])
        if "rules" in action:
            changes["rules"] = tuple((rule, tuple(given)) for rule, given in action["rules"])
        for name, attribute in (("property_type", "type"), ("field_type", "field_type"), ("read_only", "read_only")):
            if name in action:
                changes[attribute] = action[name]
        known[str(action["name"])] = replace(known[str(action["name"])], **changes)
        return {"name": action["name"]}

    def _remove_property(self, action: Action) -> Mapping[str, Any]:
        del self._portal.properties[_kind(action)][str(action["name"])]
        return {"name": action["name"]}


def _kind(action: Action) -> str:
    kind = str(action["type"])
    if kind not in TYPE_IDS:
        raise ValueError(f"type is one of {', '.join(TYPE_IDS)}")
    return kind


def _texts(given: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in given.items()}
