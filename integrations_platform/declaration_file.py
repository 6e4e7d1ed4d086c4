"""From a sync file to a :class:`SyncSpec`, checked as a whole, with every fault named by file, line and field.

Owns reading and judging one declared sync; several together are the business of :mod:`.declarations`. It opens no
system and no state: whether a table or column exists is for the connectors to say.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integrations_platform.cron import cron_fault
from integrations_platform.declaration_schema import SYNC_SCHEMA
from integrations_platform.field_declarations import build_field, typed_value
from integrations_platform.schema_check import check, nearest
from integrations_platform.unified_sync.spec import (
    Direction,
    FieldSpec,
    Guards,
    OnDelete,
    OnDeleteOfChanged,
    OnTie,
    SideName,
    SideSpec,
    Strategy,
    SyncSpec,
)
from integrations_platform.unified_sync.values import Value
from integrations_platform.yaml_source import (
    ConfigurationError,
    Faults,
    Located,
    read_file,
    read_text,
    shown_path,
)

_ENDS: tuple[tuple[str, SideName], ...] = (("source", "A"), ("target", "B"))
_TRAVELS: Mapping[SideName, str] = {"A": "source_to_target", "B": "target_to_source"}


class DeclarationError(ConfigurationError):
    """A sync file cannot be used; ``faults`` holds file, line, field path, what is wrong and what to do."""


@dataclass(frozen=True)
class Declared:
    """A sync and where it was declared: the file as shown to people and the lines of its fields."""

    spec: SyncSpec
    file: str
    lines: Mapping[str, int]


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a sync file, for editors."""
    return deepcopy(SYNC_SCHEMA)


def load_sync(path: Path | str) -> SyncSpec:
    """Read the sync declared in the file ``path``. Raises :class:`DeclarationError` with everything wrong in it."""
    return read_declared(Path(path)).spec


def parse_sync(text: str | bytes, file: str) -> SyncSpec:
    """Read a sync from YAML ``text``; ``file`` is what faults are reported under. Raises :class:`DeclarationError`."""
    faults = Faults(file)
    return _complete(read_text(text, faults), faults).spec


def read_declared(path: Path) -> Declared:
    """Like :func:`load_sync`, with the place of every field, as comparing several syncs needs it."""
    faults = Faults(shown_path(path))
    return _complete(read_file(path, faults), faults)


def _complete(root: Located | None, faults: Faults) -> Declared:
    spec = _build(root, faults) if root else None
    if faults or spec is None or root is None:
        raise DeclarationError(faults)
    fields = root.get("fields")
    entries = fields.value if fields and isinstance(fields.value, dict) else {}
    return Declared(spec, faults.file, {name: node.line for name, node in entries.items()})


def _build(root: Located, faults: Faults) -> SyncSpec | None:
    """The spec, or None with faults noted. Parts that passed the schema are judged further even if others did not."""
    check(root, SYNC_SCHEMA, faults)
    plain: dict[str, Any] = root.plain()

    def part(key: str, fallback: Any) -> Any:
        return fallback if key not in plain or faults.within(key) else plain[key]

    direction = Direction(part("direction", "bidirectional"))
    conflicts = part("conflicts", {})
    fallback = Strategy(conflicts.get("default", "manual"))
    strategies = {name: Strategy(word) for name, word in conflicts.get("fields", {}).items()}
    nodes = _entries(root.get("fields"))
    fields = [
        built
        for name, node in nodes.items()
        if not faults.within(f"fields.{name}")
        if (built := build_field(name, node, direction, strategies, fallback, faults))
    ]
    _judge_match(root, nodes, fields, faults)
    _judge_strategies(root, nodes, faults)
    _judge_columns(fields, nodes, faults)
    _judge_groups(fields, nodes, faults)
    schedule = root.get("schedule")
    if schedule and isinstance(schedule.value, str) and (what := cron_fault(schedule.value)):
        faults.add(schedule.line, "schedule", what, 'write for example "*/15 * * * *"')
    sides = {key: _side(root, key, fields, faults) for key, _ in _ENDS}
    source, target = sides["source"], sides["target"]
    if source and target and (source.system, source.object) == (target.system, target.object):
        line = _entries(root)["target"].line
        faults.add(line, "target", "is the same table as the source", "name another table")
    if faults or source is None or target is None:
        return None
    deletes, creates, guards = (plain.get(key, {}) for key in ("deletes", "creates", "guards"))
    optional = {
        key: plain[key]
        for key in (
            "description",
            "fill_blanks",
            "batch_size",
            "shards",
            "schedule",
            "owner",
            "tags",
            "max_open_conflicts",
        )
        if key in plain
    }
    return SyncSpec(
        name=plain["name"],
        source=source,
        target=target,
        fields=tuple(fields),
        match=tuple(plain.get("match", ())),
        direction=direction,
        strategy=fallback,
        on_tie=OnTie(conflicts.get("on_tie", "manual")),
        on_delete={side: OnDelete(deletes.get(travel, "archive")) for side, travel in _TRAVELS.items()},
        on_delete_of_changed=OnDeleteOfChanged(deletes.get("on_update", "keep")),
        creates={side: creates.get(travel, True) for side, travel in _TRAVELS.items()},
        guards=_guards(deletes, guards),
        freshness_hours=float(plain["freshness_hours"]) if "freshness_hours" in plain else None,
        after=tuple(plain.get("after", ())),
        defer_runs=plain.get("defer_runs", SyncSpec.defer_runs),
        **optional,
    )


def _entries(node: Located | None) -> dict[str, Located]:
    return node.value if node and isinstance(node.value, dict) else {}


def _guards(deletes: Mapping[str, Any], guards: Mapping[str, Any]) -> Guards:
    canary = guards.get("canary", {})
    return Guards(
        max_deletes=deletes.get("max", Guards.max_deletes),
        max_delete_fraction=float(deletes.get("max_fraction", Guards.max_delete_fraction)),
        max_change_fraction=float(guards.get("max_change_fraction", Guards.max_change_fraction)),
        change_floor=guards.get("change_floor", Guards.change_floor),
        canary={side: str(canary[key]) for key, side in _ENDS if key in canary},
    )


def _side(root: Located, key: str, fields: list[FieldSpec], faults: Faults) -> SideSpec | None:
    """One end, with the time column from its own keys or from the shared ``modified:``."""
    node = root.get(key)
    if node is None or faults.within(key):
        return None
    declared: dict[str, Any] = node.plain()
    shared_node = (root.get("modified") or node).get(key) if not faults.within("modified") else None
    shared = str(shared_node.value) if shared_node else None
    modified = declared.get("modified", shared)
    if shared and shared_node and modified != shared:
        what = f"says {shared!r}, but {key}.modified says {modified!r}"
        faults.add(shared_node.line, f"modified.{key}", what, "keep one of the two")
    zone = declared.get("zone")
    if zone is not None and not _known_zone(zone):
        line = _entries(node)["zone"].line
        faults.add(line, f"{key}.zone", f"{zone!r} is no IANA time zone", "write for example Europe/Berlin or UTC")
        zone = None
    identifiers = declared.get("key", ())
    return SideSpec(
        system=declared["system"],
        object=declared["object"],
        key=(identifiers,) if isinstance(identifiers, str) else tuple(identifiers),
        modified=modified,
        soft_delete=declared.get("soft_delete"),
        zone=zone,
        only=_scope(node, key, zone, fields, faults),
    )


def _scope(
    node: Located, key: str, zone: str | None, fields: list[FieldSpec], faults: Faults
) -> dict[str, tuple[Value, ...]]:
    """Accepted values by column, in the type of the field that reads the column, else as they are written."""
    types = {column: field.type for field in fields for column in (field.source if key == "source" else field.target)}
    scope: dict[str, tuple[Value, ...]] = {}
    for column, listed in _entries(node.get("only")).items():
        values: list[Value] = []
        for item in listed.value if isinstance(listed.value, tuple) else (listed,):
            if column in types:
                values.append(typed_value(item, types[column], f"{key}.only.{column}", faults, zone))
            else:
                values.append(item.plain())
        scope[column] = tuple(values)
    return scope


def _known_zone(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _judge_match(root: Located, nodes: Mapping[str, Located], fields: list[FieldSpec], faults: Faults) -> None:
    """``match`` must name fields that exist and tell records apart."""
    constants = {field.name for field in fields if not field.source}
    match = root.get("match")
    for item in match.value if nodes and match and isinstance(match.value, tuple) else ():
        if not isinstance(item.value, str):
            continue
        if item.value not in nodes:
            faults.add(item.line, "match", f"{item.value!r} is no field of this sync", nearest(item.value, nodes))
        elif item.value in constants:
            what = f"{item.value!r} is a constant, which every record shares"
            faults.add(item.line, "match", what, "match by a field that tells records apart")


def _judge_strategies(root: Located, fields: Mapping[str, Located], faults: Faults) -> None:
    """``conflicts.fields`` must name fields or groups that exist."""
    groups = {str(group.value) for node in fields.values() if (group := node.get("group"))}
    conflicts = root.get("conflicts")
    named = _entries(conflicts.get("fields")) if fields and conflicts else {}
    for name, node in named.items():
        path = f"conflicts.fields.{name}"
        if name not in fields and name not in groups:
            faults.add(node.line, path, "is no field or group of this sync", nearest(name, {*fields, *groups}))
        elif name in fields and (group := fields[name].get("group")):
            what = f"is merged with its group {group.value!r}"
            faults.add(node.line, path, what, f"give the strategy to {group.value!r}")


def _judge_columns(fields: list[FieldSpec], nodes: Mapping[str, Located], faults: Faults) -> None:
    """No column may be written by two fields."""
    for key, side in _ENDS:
        origin: SideName = "B" if side == "A" else "A"
        writers: dict[str, str] = {}
        for field in fields:
            if not field.direction.allows(origin):
                continue
            for column in field.columns(side):
                first = writers.setdefault(column, field.name)
                if first != field.name:
                    what = f"column {column!r} of the {key} is already written by fields.{first}"
                    remedy = "keep one of them, or make one `direction: never`"
                    faults.add(nodes[field.name].line, f"fields.{field.name}.{key}", what, remedy)


def _judge_groups(fields: list[FieldSpec], nodes: Mapping[str, Located], faults: Faults) -> None:
    """A group is merged as one unit, so its members share a direction and its name is nobody else's."""
    names = {field.name for field in fields if field.group is None}
    directions: dict[str, FieldSpec] = {}
    for field in fields:
        if field.group is None:
            continue
        path, line = f"fields.{field.name}.group", nodes[field.name].line
        if field.group in names:
            faults.add(line, path, f"{field.group!r} is also the name of a field", "give the group another name")
        first = directions.setdefault(field.group, field)
        if first.direction is not field.direction:
            what = f"{field.direction} here, but {first.direction} in fields.{first.name} of the same group"
            faults.add(line, path, what, "give all fields of a group one direction")
