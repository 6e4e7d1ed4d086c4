"""Checks located YAML against a JSON Schema, so that editors and the loader can never disagree about a file.

Understands the part of draft 2020-12 that the schemas of this project use and words every fault for a person. It
refuses to show values of properties marked ``writeOnly`` (they may hold secrets) and checks nothing across properties.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from integrations_platform.yaml_source import Faults, Located

Schema = Mapping[str, Any]

_NOUNS = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}


def check(node: Located, schema: Schema, faults: Faults, path: str = "", root: Schema | None = None) -> None:
    """Note every way in which ``node`` breaks ``schema``; ``root`` is the schema that holds ``$defs``."""
    root = root or schema
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    if "oneOf" in schema:
        kinds = {alternative["type"]: alternative for alternative in schema["oneOf"]}
        chosen = next((kinds[kind] for kind in _kinds(node) if kind in kinds), None)
        if chosen is None:
            _wrong_type(node, tuple(kinds), schema, faults, path)
            return
        schema = chosen
    expected = schema.get("type")
    accepted = (expected,) if isinstance(expected, str) else tuple(expected or _NOUNS)
    if not set(_kinds(node)) & set(accepted):
        _wrong_type(node, accepted, schema, faults, path)
    elif isinstance(node.value, dict):
        _check_mapping(node.value, node.line, schema, faults, path, root)
    elif isinstance(node.value, tuple):
        if len(node.value) < schema.get("minItems", 0):
            faults.add(node.line, path, "the list is empty", "name at least one")
        for position, item in enumerate(node.value):
            check(item, schema.get("items", {}), faults, f"{path}[{position}]", root)
    else:
        _check_scalar(node, schema, faults, path)


def nearest(word: str, known: Iterable[str]) -> str:
    """The remedy for an unknown name: the one of ``known`` close to ``word``, if any, and all the known ones."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.65)
    listed = f"use one of {', '.join(names)}" if names else "none is known"
    return f"did you mean {close[0]}? {listed}" if close else listed


def brief(value: object) -> str:
    """``value`` as it may stand in a message: one line, at most 60 characters."""
    text = str(value) if isinstance(value, int | Decimal) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _kinds(node: Located) -> tuple[str, ...]:
    """The JSON Schema types ``node`` has, narrowest first."""
    value = node.value
    if value is None:
        return ("null",)
    if isinstance(value, bool):
        return ("boolean",)
    if isinstance(value, int):
        return ("integer", "number")
    if isinstance(value, Decimal):
        return ("number",)
    if isinstance(value, str):
        return ("string",)
    return ("object",) if isinstance(value, dict) else ("array",)


def _wrong_type(node: Located, accepted: tuple[str, ...], schema: Schema, faults: Faults, path: str) -> None:
    kind = _kinds(node)[0]
    found = _NOUNS[kind]
    if kind in ("boolean", "integer", "number", "string") and not schema.get("writeOnly"):
        found = f"{found} ({brief(node.text)})" if kind == "string" else f"{found} ({node.text})"
    what = f"must be {' or '.join(_NOUNS[name] for name in accepted)}, found {found}"
    if "string" in accepted and kind in ("boolean", "integer", "number"):
        remedy = "quote it" if schema.get("writeOnly") else f'quote it: "{node.text}"'
    elif kind == "null":
        remedy = "give it a value or remove the key"
    else:
        remedy = "see its description in `integrations sync schema`"
    faults.add(node.line, path, what, remedy)


def _check_mapping(
    entries: Mapping[str, Located], line: int, schema: Schema, faults: Faults, path: str, root: Schema
) -> None:
    properties: Schema = schema.get("properties", {})
    others = schema.get("additionalProperties", {})
    names = schema.get("propertyNames")
    if len(entries) < schema.get("minProperties", 0):
        faults.add(line, path, "the mapping is empty", "add at least one entry")
    for key in schema.get("required", ()):
        if key not in entries:
            faults.add(line, f"{path}.{key}" if path else key, "is missing", _hint(properties.get(key, {}), "add it"))
    for key, child in entries.items():
        below = f"{path}.{key}" if path else key
        if key in properties:
            check(child, properties[key], faults, below, root)
        elif others is False:
            faults.add(child.line, below, "unknown key", nearest(key, properties))
        else:
            if names and not re.fullmatch(names["pattern"], key):
                faults.add(child.line, below, f"the name {brief(key)} cannot be used", _hint(names, names["pattern"]))
            check(child, others, faults, below, root)


def _check_scalar(node: Located, schema: Schema, faults: Faults, path: str) -> None:
    value = node.value
    shown = "the value" if schema.get("writeOnly") else brief(value)
    if "enum" in schema and value not in schema["enum"]:
        faults.add(node.line, path, f"{shown} is not known", nearest(str(value), schema["enum"]))
    if isinstance(value, str):
        if "pattern" in schema and not re.fullmatch(schema["pattern"], value):
            faults.add(node.line, path, f"{shown} cannot be used here", _hint(schema, f"match {schema['pattern']}"))
        if len(value) > schema.get("maxLength", len(value)):
            faults.add(node.line, path, f"longer than {schema['maxLength']} characters", "shorten it")
    elif isinstance(value, int | Decimal) and not isinstance(value, bool):
        low, high = schema.get("minimum"), schema.get("maximum")
        if (low is not None and value < low) or (high is not None and value > high):
            bounds = f"between {low} and {high}" if None not in (low, high) else f"at least {low}"
            faults.add(node.line, path, f"{value} is out of range", f"use a number {bounds}")


def _hint(schema: Schema, otherwise: str) -> str:
    """What the schema itself says about a value, as the remedy."""
    return f"expected: {schema['description']}" if "description" in schema else otherwise
