"""What a side can represent of a field, and when the values of two sides say the same thing.

Owns projection (``norm``), mapping between the sides, and correspondence (B0 of the semantics). It never alters a value
silently: what does not fit raises :class:`Unrepresentable`, except the declared precision of the field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property

from integrations_platform.unified_sync.port import BoundColumn, ColumnForm, Problem
from integrations_platform.unified_sync.spec import FieldSpec, SideName, SyncSpec
from integrations_platform.unified_sync.values import (
    ABSENT,
    COMPARED,
    Absent,
    FieldType,
    Invalid,
    Unresolved,
    Value,
    Values,
    comparison_key,
    is_blank,
    rounded,
)

TEXTUAL = frozenset({FieldType.TEXT, FieldType.EMAIL, FieldType.PHONE, FieldType.ENUM, FieldType.UUID, FieldType.JSON})


_SAYS_NOTHING = (Absent, Invalid, Unresolved)
_BEYOND_BASIC = re.compile("[\U00010000-\U0010ffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_EMPTY_TEXT = TEXTUAL - {FieldType.UUID, FieldType.JSON}  # '' is text, but neither a UUID nor JSON


class Unrepresentable(ValueError):  # noqa: N818
    """A value does not fit its destination; the message says which limit, and never holds the value itself."""


def project(spec: FieldSpec, form: ColumnForm, value: Value) -> Value:
    """The value as a column of this form keeps it (``norm``); idempotent. Raises :class:`Unrepresentable`."""
    if value is None:
        if form.nullable:
            return None
        if spec.type in _EMPTY_TEXT:
            return _project_text(spec, form, "")
        raise Unrepresentable(f"column {form.name} does not take NULL")
    if isinstance(value, str):
        # A reference is a link id here, whatever ids its column has room for.
        return value if spec.type is FieldType.REF else _project_text(spec, form, value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        if (form.minimum is not None and value < form.minimum) or (form.maximum is not None and value > form.maximum):
            raise Unrepresentable(f"the number is outside the range of column {form.name}")
        return value
    if isinstance(value, Decimal):
        return _project_decimal(spec, form, value)
    if isinstance(value, datetime):
        lost = value.microsecond % 10 ** (6 - form.second_digits)
        return value.replace(microsecond=value.microsecond - lost) if lost else value
    if isinstance(value, tuple):
        _known_options(spec, form, value)
    return value


def _known_options(spec: FieldSpec, form: ColumnForm, values: Sequence[str]) -> None:
    options = form.options or spec.options
    if options and any(value not in options for value in values):
        raise Unrepresentable(
            f"an option that is not among {', '.join(options)}; choose one of these, or add it where they are kept"
        )


def _project_text(spec: FieldSpec, form: ColumnForm, value: str) -> str:
    if form.trims:
        value = value.strip()
    if form.lower_cases:
        value = value.lower()
    limit = spec.max_length
    if limit is None or (form.max_length is not None and form.max_length < limit):
        limit = form.max_length
    if limit is not None and len(value) > limit:
        raise Unrepresentable(f"{len(value)} characters where {limit} fit")
    if not form.nul_text and "\x00" in value:
        raise Unrepresentable(f"a NUL character, which column {form.name} cannot hold")
    if not value.isascii():  # nearly every value is, and looking at each character is most of what planning costs
        if not form.four_byte_text and _BEYOND_BASIC.search(value):
            raise Unrepresentable(
                f"a character outside the basic plane, which column {form.name} (not utf8mb4) cannot hold"
            )
        if _SURROGATE.search(value):
            raise Unrepresentable("a lone surrogate, which is not text")
    if form.options or spec.options:
        _known_options(spec, form, [value])
    return value


def _project_decimal(spec: FieldSpec, form: ColumnForm, value: Decimal) -> Decimal:
    if spec.scale is not None:
        value = rounded(value, spec.scale)
    exponent = value.as_tuple().exponent
    fraction = -exponent if isinstance(exponent, int) and exponent < 0 else 0
    if form.fraction_digits is not None and fraction > form.fraction_digits:
        raise Unrepresentable(f"{fraction} decimal places where column {form.name} keeps {form.fraction_digits}")
    if form.integer_digits is not None and value != 0 and value.adjusted() >= form.integer_digits:
        raise Unrepresentable(f"more than {form.integer_digits} digits before the point of column {form.name}")
    return value


@dataclass(frozen=True)
class FieldPlace:
    """A field with the forms of its two columns. A side without a single column of its own is read-only there."""

    spec: FieldSpec
    form_a: ColumnForm | None
    form_b: ColumnForm | None

    @cached_property
    def read_from(self) -> Mapping[SideName, str | None]:
        """By side, the one column whose value the field has there as it is; None where it is composed."""
        steps, source, target = self.spec.transforms, self.spec.source, self.spec.target
        rendered = bool(steps) and steps[0].renders is not None
        return {
            "A": source[0] if len(source) == 1 and not rendered else None,
            "B": target[0] if len(target) == 1 else None,
        }

    def form(self, side: SideName) -> ColumnForm | None:
        """The column's form on ``side``."""
        return self.form_a if side == "A" else self.form_b

    def carry(self, value: Value, to: SideName) -> Value:
        """``value`` of the other side as it would be written to ``to``. Raises :class:`Unrepresentable`."""
        form = self.form_a if to == "A" else self.form_b
        if form is None or not form.writable:
            raise Unrepresentable(f"field {self.spec.name} cannot be written on this side")
        if isinstance(value, _SAYS_NOTHING):
            raise Unrepresentable(f"field {self.spec.name} has no usable value")
        return project(self.spec, form, self._mapped(value, to) if self.spec.transforms else value)

    def _mapped(self, value: Value, to: SideName) -> Value:
        steps = self.spec.transforms if to == "B" else tuple(reversed(self.spec.transforms))
        for step in steps:
            change = step.forward if to == "B" else step.backward
            if change is None:
                raise Unrepresentable(f"transform {step.name} of field {self.spec.name} has no inverse")
            try:
                value = change(value)
            except Exception as fault:  # a user's function may raise anything; its record is quarantined
                raise Unrepresentable(f"transform {step.name} failed: {type(fault).__name__}: {fault}") from fault
        return value

    def same(self, left: Value, right: Value) -> bool:
        """Equal for people: e-mail without case, phone by digits, NULL and '' one emptiness for text."""
        if left == right:
            return True
        kind = self.spec.type
        if kind in TEXTUAL and is_blank(left) and is_blank(right):
            return (left or "") == (right or "")
        return kind in COMPARED and comparison_key(kind, left) == comparison_key(kind, right)

    def corresponds(self, a: Value, b: Value) -> bool:
        """Whether the two sides agree (``a ~ b``): either one is what the other's value becomes on its side."""
        if a == b and not self.spec.transforms:  # the usual case, and by far the cheapest
            return not isinstance(a, _SAYS_NOTHING)
        if self._keeps_text and isinstance(a, str) and isinstance(b, str):
            return False
        for value, to, seen in ((a, "B", b), (b, "A", a)):
            try:
                if self.same(self.carry(value, to), seen):  # type: ignore[arg-type]
                    return True
            except Unrepresentable:
                continue
        return False

    @cached_property
    def _keeps_text(self) -> bool:
        """Whether text goes over as it is or not at all, so that two texts correspond only if they are equal."""
        altered = any(form is not None and (form.trims or form.lower_cases) for form in (self.form_a, self.form_b))
        return not (altered or self.spec.transforms or self.spec.type in COMPARED)

    def cleared_or_missing(self, value: Value) -> bool:
        """Whether a required field has nothing to offer."""
        return self.spec.required and is_blank(value)


def bound_columns(spec: SyncSpec, side: SideName) -> tuple[BoundColumn, ...]:
    """The columns a side must read and may write for this sync, each once."""
    bound: dict[str, BoundColumn] = {}
    for field in spec.fields:
        written = field.direction.allows("B" if side == "A" else "A") or (
            spec.writes_to(side) and field.direction != "never"
        )
        for column in field.columns(side):
            kind = FieldType.TEXT if len(field.columns(side)) > 1 else field.type
            bound[column] = BoundColumn(column, kind, written and len(field.columns(side)) == 1)
    return tuple(bound.values())


def place_fields(
    spec: SyncSpec, columns_a: Mapping[str, ColumnForm], columns_b: Mapping[str, ColumnForm]
) -> tuple[tuple[FieldPlace, ...], tuple[Problem, ...]]:
    """Join fields to the columns that exist, and report declarations the columns cannot honour."""
    places: list[FieldPlace] = []
    problems: list[Problem] = []
    for field in spec.fields:
        forms: list[ColumnForm | None] = []
        for columns, names in ((columns_a, field.source), (columns_b, field.target)):
            forms.append(columns.get(names[0]) if len(names) == 1 else None)
        place = FieldPlace(field, forms[0], forms[1])
        problems += _form_problems(place)
        places.append(place)
    return tuple(places), tuple(problems)


def _form_problems(place: FieldPlace) -> Sequence[Problem]:
    field = place.spec
    found = []
    for side, label in (("A", "source"), ("B", "target")):
        form = place.form(side)  # type: ignore[arg-type]
        written = field.direction.allows("B" if side == "A" else "A")
        if form is None:
            continue
        if written and not form.writable:
            found.append(
                Problem(
                    f"field {field.name}: {label} column {form.name} cannot be written (generated or read-only)",
                    f"declare the field's direction so that {label} is only read",
                    column=form.name,
                )
            )
        if field.scale is not None and form.fraction_digits is not None and form.fraction_digits < field.scale:
            found.append(
                Problem(
                    f"field {field.name}: scale {field.scale} is declared, {label} column {form.name} keeps "
                    f"{form.fraction_digits} decimal places",
                    f"declare scale: {form.fraction_digits}, or widen the column",
                    column=form.name,
                )
            )
    return found


def read_fields(places: Sequence[FieldPlace], side: SideName, columns: Values) -> dict[str, Value]:
    """A record's field values in its side's own canonical form, from its column values."""
    return {
        place.spec.name: _composed(place.spec, columns)
        if (column := place.read_from[side]) is None
        else columns.get(column, ABSENT)
        for place in places
    }


def _composed(spec: FieldSpec, columns: Values) -> Value:
    for step in spec.transforms:
        if step.renders is not None:
            parts = [columns.get(name, ABSENT) for name in step.renders.columns]
            return ABSENT if ABSENT in parts else step.renders.render(columns)
    value: Value = None
    for step in spec.transforms:  # a constant: the first step makes the value
        value = step.forward(value)
    return value
