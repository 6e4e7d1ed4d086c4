"""What records hold, as a person reads it: values by their declared type, and what a record is called.

Money has its decimals, dates are written out, nothing is told apart from empty text, and what would steer a page or
hide in it is shown as an escape.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from integrations_platform.console.rendering import moment
from integrations_platform.unified_sync.spec import FieldSpec, SyncSpec
from integrations_platform.unified_sync.store import BaseRow
from integrations_platform.unified_sync.values import FieldType
from integrations_platform.words import clean

LONGEST = 2_000  # characters shown of one value
_NAMES = (FieldType.TEXT, FieldType.EMAIL)


@dataclass(frozen=True)
class Cell:
    """One value. ``faint``: not text of a record but a word of ours about it. ``plain``: as somebody would type it."""

    text: str
    faint: bool = False
    plain: str = ""


@dataclass(frozen=True)
class Name:
    """What people know a record by; ``aside`` may be empty."""

    title: str
    aside: str = ""


GONE, UNKNOWN, NEVER = Cell("(deleted)", True), Cell("(unknown)", True), Cell("(never agreed)", True)


def cell(field: FieldSpec | None, data: Any) -> Cell:
    """A value in its JSON form."""
    if data is None:
        return Cell("(empty)", True)
    if isinstance(data, Mapping):
        if "unresolved" in data:
            return Cell(f"record {clean(str(data['unresolved']))}, which is not linked yet", True)
        return Cell(clean(str(data.get("invalid", data)))[:LONGEST])
    plain = ", ".join(str(item) for item in data) if isinstance(data, list) else str(data)
    text = _spelled(field, data, plain)
    if not text.strip():
        return Cell("(empty text)" if not text else f"({len(text)} blanks)", True, plain)
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}… ({len(text):,} characters)"
    return Cell(clean(text), False, plain)


def _spelled(field: FieldSpec | None, data: Any, plain: str) -> str:
    if isinstance(data, bool):
        return "yes" if data else "no"
    kind = None if field is None else field.type
    with suppress(ValueError, ArithmeticError):  # stored under another declaration: shown as it is
        if field is not None and kind is FieldType.DECIMAL:
            number = Decimal(plain)
            places = field.scale if field.scale is not None and number == round(number, field.scale) else None
            return f"{number:,}" if places is None else f"{number:,.{places}f}"
        if kind is FieldType.DATE:
            return f"{date.fromisoformat(plain):%-d %b %Y}"
        if kind is FieldType.DATETIME:
            at = datetime.fromisoformat(plain)
            return moment(at if at.tzinfo else at.replace(tzinfo=UTC))
    return plain


def cells(spec: SyncSpec, text: str | None) -> dict[str, Cell]:
    """A stored JSON object of fields, by field name; empty for None."""
    fields = {field.name: field for field in spec.fields}
    return {name: cell(fields.get(name), data) for name, data in json.loads(text or "{}").items()}


def one_line(spec: SyncSpec, text: str | None, missing: Cell) -> Cell:
    """A stored JSON object of fields in one cell; of a single field without its name."""
    if text is None:
        return missing
    found = cells(spec, text)
    if len(found) == 1:
        return next(iter(found.values()))
    return Cell(", ".join(f"{name}: {one.text}" for name, one in found.items())[:LONGEST])


def record_name(spec: SyncSpec, base: BaseRow | None, *stored: str | None) -> Name:
    """What a record is called: the first of its match fields that says something, and beside it its first text.
    ``stored``: JSON objects of fields to look in when there is no base."""
    known: dict[str, Any] = {}
    for text in (*(reversed(stored)), base and base.values_b, base and base.values_a):  # the last one wins
        known |= {
            name: data for name, data in json.loads(text or "{}").items() if isinstance(data, str) and data.strip()
        }
    title = next((known[name] for name in spec.match if name in known), "")
    others = [known[field.name] for field in spec.fields if field.type in _NAMES and field.name in known]
    aside = next((text for text in others if text != title), "")
    return Name(clean(title or aside)[:200], clean(aside)[:200] if title else "")


def names(store: Any, spec: SyncSpec, rows: Sequence[tuple[str, Sequence[str | None]]]) -> dict[str, Name]:
    """Names of records by link id, each with stored objects to look in."""
    bases: Mapping[str, BaseRow] = store.bases(spec.name, [link_id for link_id, _ in rows])
    return {link_id: record_name(spec, bases.get(link_id), *stored) for link_id, stored in rows}
