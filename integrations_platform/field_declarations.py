"""From the ``fields:`` of a sync file to :class:`FieldSpec`: what one field's keys ask of one another, and transforms.

Takes nodes that already passed the schema and notes every further fault. Functions named by a file are imported here,
and only from packages that are not part of Python itself: a sync file must not be a way to call ``os.system``.
"""

from __future__ import annotations

import importlib
import inspect
import string
import sys
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from integrations_platform.schema_check import brief
from integrations_platform.unified_sync import transforms
from integrations_platform.unified_sync.spec import Direction, FieldSpec, Strategy
from integrations_platform.unified_sync.transforms import Transform
from integrations_platform.unified_sync.values import FieldType, NotCanonical, Value, canonical
from integrations_platform.yaml_source import Faults, Located

_TEXTUAL = {FieldType.TEXT, FieldType.EMAIL, FieldType.PHONE, FieldType.ENUM}
_WRITTEN_AS_TEXT = _TEXTUAL | {FieldType.UUID, FieldType.JSON, FieldType.REF, FieldType.DATE, FieldType.DATETIME}
_NAMED = {"trim": transforms.TRIM, "lower": transforms.LOWER, "upper": transforms.UPPER}
# Keys that mean something for some types only.
_APPLIES: Mapping[str, set[FieldType]] = {
    "max_length": _TEXTUAL | {FieldType.JSON},
    "scale": {FieldType.DECIMAL},
    "options": {FieldType.ENUM, FieldType.SET},
    "to": {FieldType.REF},
}


def build_field(
    name: str, node: Located, outer: Direction, strategies: Mapping[str, Strategy], fallback: Strategy, faults: Faults
) -> FieldSpec | None:
    """The field ``name`` of a sync of direction ``outer``; None with faults noted.

    ``strategies`` are those declared per field or group, ``fallback`` the sync's own.
    """
    path = f"fields.{name}"
    declared: dict[str, Any] = node.plain()
    kind = FieldType(declared["type"])
    for key, kinds in _APPLIES.items():
        if key in declared and kind not in kinds:
            remedy = f"remove it, or use type {' or '.join(sorted(kinds))}"
            faults.add(_line(node, key), f"{path}.{key}", f"has no meaning for type {kind}", remedy)
    if kind is FieldType.REF and "to" not in declared:
        faults.add(node.line, f"{path}.to", "is missing", "name the sync whose links translate this reference")
    steps, source = _transforms(node, kind, path, faults)
    direction = _direction(node, steps, outer, path, faults)
    if faults.within(path):
        return None
    group = declared.get("group")
    return FieldSpec(
        name=name,
        type=kind,
        source=source,
        target=(declared["target"],),
        direction=direction,
        required=declared.get("required", True),
        max_length=declared.get("max_length"),
        scale=declared.get("scale"),
        options=tuple(declared.get("options", ())),
        references=declared.get("to"),
        group=group,
        strategy=strategies.get(group or name, fallback),
        transforms=steps,
    )


def typed_value(node: Located, kind: FieldType, path: str, faults: Faults, zone: str | None = None) -> Value:
    """A value written in a sync file as the canonical value of type ``kind``; a fault where it is none."""
    value = node.value
    written: tuple[type, ...] = (str,)
    if kind is FieldType.BOOLEAN:
        written = (bool,)
    elif kind is FieldType.INTEGER:
        written = (int,)
    elif kind is FieldType.DECIMAL:
        written = (int, Decimal)
    if not isinstance(value, written) or (isinstance(value, bool) and kind is not FieldType.BOOLEAN):
        quote = kind in _WRITTEN_AS_TEXT or kind is FieldType.SET
        remedy = f'quote it: "{node.text}"' if quote else "write a plain value of that type, without quotes"
        faults.add(node.line, path, f"{brief(node.text)} is not written as type {kind}", remedy)
        return None
    try:
        return canonical(kind, value, zone)
    except (NotCanonical, RecursionError) as fault:
        faults.add(node.line, path, f"{brief(node.text)} is not of type {kind}: {fault}", "correct the value")
        return None


def _line(node: Located, key: str) -> int:
    child = node.get(key)
    return child.line if child else node.line


def _direction(node: Located, steps: tuple[Transform, ...], outer: Direction, path: str, faults: Faults) -> Direction:
    one_way = next((step for step in steps if step.backward is None), None)
    written = node.get("direction")
    declared = Direction(str(written.value)) if written else None
    if one_way is None:
        return (declared or Direction.BIDIRECTIONAL).within(outer)
    remedy = "use source_to_target, or a transform with an inverse"
    if declared in (Direction.BIDIRECTIONAL, Direction.TARGET_TO_SOURCE):
        what = f"{declared} is impossible: the transform {one_way.name} has no inverse"
        faults.add(_line(node, "direction"), f"{path}.direction", what, remedy)
    elif outer is Direction.TARGET_TO_SOURCE and declared is not Direction.NEVER:
        what = f"the transform {one_way.name} has no inverse, and the sync runs target_to_source only"
        faults.add(_line(node, "transform"), f"{path}.transform", what, "remove the transform or the field")
    return (declared or Direction.SOURCE_TO_TARGET).within(outer)


def _transforms(
    node: Located, kind: FieldType, path: str, faults: Faults
) -> tuple[tuple[Transform, ...], tuple[str, ...]]:
    """The steps of a field and the columns it is read from on the source."""
    listed = node.get("transform")
    items = listed.value if listed and isinstance(listed.value, tuple) else ()
    written = node.get("source")
    source: tuple[str, ...] = (str(written.value),) if written else ()
    needs_source = True
    steps: list[Transform] = []
    for position, item in enumerate(items):
        here = f"{path}.transform[{position}]"
        if isinstance(item.value, str):
            _text_only(item.value, item.line, kind, here, faults)
            steps.append(_NAMED[item.value])
            continue
        key, argument = _step(item, here, faults)
        if argument is None:
            continue
        if key in ("template", "constant"):
            needs_source = False
            if written:
                what = f"a {key} names no single source column"
                faults.add(written.line, f"{path}.source", what, "remove `source`")
            if position:
                faults.add(item.line, here, f"{key} must be the first step", "move it to the front of the list")
        if key == "template":
            source = _template_columns(argument, kind, f"{here}.template", faults)
        step = _build_step(key, argument, item, kind, here, faults)
        if step is not None:
            steps.append(step)
    if needs_source and not written:
        faults.add(node.line, f"{path}.source", "is missing", "name the column of the source, or use a constant")
    return tuple(steps), source


def _step(item: Located, path: str, faults: Faults) -> tuple[str, Located | None]:
    """The one key of a transform mapping and its argument."""
    entries = item.value if isinstance(item.value, dict) else {}
    keys = [key for key in entries if key != "inverse"]
    if len(keys) != 1 or ("inverse" in entries and keys != ["python"]):
        remedy = "use exactly one of default, map, template, constant or python; `inverse` goes with python only"
        faults.add(item.line, path, "not one transform", remedy)
        return "", None
    return keys[0], entries[keys[0]]


def _build_step(
    key: str, argument: Located, item: Located, kind: FieldType, path: str, faults: Faults
) -> Transform | None:
    below = f"{path}.{key}"
    if key == "default":
        return transforms.default(typed_value(argument, kind, below, faults))
    if key == "constant":
        return transforms.constant(None if argument.value is None else typed_value(argument, kind, below, faults))
    if key == "map":
        _text_only("map", argument.line, kind, path, faults)
        return transforms.value_map(argument.plain())
    if key == "template":
        return None if faults.within(below) else transforms.template(str(argument.value))
    forward = _function(argument, below, faults)
    inverse = item.get("inverse")
    backward = _function(inverse, f"{path}.inverse", faults) if inverse else None
    return transforms.function(str(argument.value), forward, backward) if forward else None


def _text_only(name: str, line: int, kind: FieldType, path: str, faults: Faults) -> None:
    if kind not in _TEXTUAL:
        remedy = f"remove it, or use type {' or '.join(sorted(_TEXTUAL))}"
        faults.add(line, path, f"{name} has no meaning for type {kind}", remedy)


def _template_columns(node: Located, kind: FieldType, path: str, faults: Faults) -> tuple[str, ...]:
    pattern = str(node.value)
    _text_only("template", node.line, kind, path, faults)
    remedy = 'write columns in braces and nothing else in them: "{first} {last}"'
    try:
        columns = transforms.Template(pattern).columns
        plain = not any(spec or conversion for _, _, spec, conversion in string.Formatter().parse(pattern))
    except ValueError:
        columns, plain = (), False
    if not plain:  # widths could ask for gigabytes of padding
        faults.add(node.line, path, f"{brief(pattern)} is not a template", remedy)
    return columns


def _function(node: Located, path: str, faults: Faults) -> Callable[[Value], Value] | None:
    """Import the function a file names as ``package.module:function``."""
    dotted = str(node.value)
    module, _, name = dotted.partition(":")
    if module.partition(".")[0] in sys.stdlib_module_names:
        faults.add(node.line, path, f"{dotted} is part of Python itself", "name a function of a package of your own")
        return None
    try:
        found = getattr(importlib.import_module(module), name)
        inspect.signature(found).bind(None)
    except (Exception, SystemExit) as fault:  # noqa: BLE001  importing runs foreign code, which may raise anything
        reason = f"{type(fault).__name__}: {fault}".splitlines()[0][:120]
        remedy = "name a function of one argument in a module that can be imported"
        faults.add(node.line, path, f"{dotted} cannot be used ({reason})", remedy)
        return None
    return found  # type: ignore[no-any-return]
