"""Named transformations of a field on its way from source to target, each with its inverse or declared one-way.

A transform maps a canonical source value to a canonical target value. Trim, lower and upper are lossy projections whose
inverse is the identity: the source stays the master of the exact spelling. Python functions are resolved by the loader.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from integrations_platform.unified_sync.values import Value


@dataclass(frozen=True)
class Transform:
    """One step. ``backward`` is None when values cannot travel from target to source through this step."""

    name: str
    forward: Callable[[Value], Value]
    backward: Callable[[Value], Value] | None
    renders: Template | None = None  # the source value is this text, built from several columns


def _same(value: Value) -> Value:
    return value


def _on_text(change: Callable[[str], str]) -> Callable[[Value], Value]:
    def apply(value: Value) -> Value:
        return change(value) if isinstance(value, str) else value

    return apply


TRIM = Transform("trim", _on_text(str.strip), _same)
LOWER = Transform("lower", _on_text(str.lower), _same)
UPPER = Transform("upper", _on_text(str.upper), _same)


def default(substitute: Value) -> Transform:
    """NULL becomes ``substitute`` on the target; the substitute coming back is NULL again, so it never echoes."""
    return Transform(
        "default",
        lambda value: substitute if value is None else value,
        lambda value: None if value == substitute else value,
    )


def value_map(pairs: Mapping[str, str]) -> Transform:
    """Replace listed values, e.g. option names; unlisted ones pass. One-way when two values share a replacement."""
    forward = dict(pairs)
    backward = {replacement: value for value, replacement in pairs.items()}
    invertible = len(backward) == len(forward)
    return Transform(
        "map",
        lambda value: forward.get(value, value) if isinstance(value, str) else value,
        (lambda value: backward.get(value, value) if isinstance(value, str) else value) if invertible else None,
    )


@dataclass(frozen=True)
class Template:
    """Text built from several source columns, ``"{first} {last}"``; blank parts leave no doubled spaces."""

    pattern: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns the pattern names, in order, each once. Raises ValueError for a malformed pattern."""
        names = [name for _, name, _, _ in string.Formatter().parse(self.pattern) if name is not None]
        if not names or any(not name.isidentifier() for name in names):
            raise ValueError(f"template {self.pattern!r} must name columns as {{column}}")
        return tuple(dict.fromkeys(names))

    def render(self, values: Mapping[str, Value]) -> str:
        """The text for one record."""
        parts = {name: "" if values.get(name) is None else str(values[name]) for name in self.columns}
        return " ".join(self.pattern.format(**parts).split())


def template(pattern: str) -> Transform:
    """Declares the source side as the rendered ``pattern``; one-way, because text does not come apart again."""
    rendered = Template(pattern)
    rendered.columns  # noqa: B018  validates now, so that the fault names the declaration
    return Transform("template", _same, None, rendered)


def constant(value: Value) -> Transform:
    """The target always holds ``value``; one-way."""
    return Transform("constant", lambda _: value, None)


def function(name: str, forward: Callable[[Value], Value], inverse: Callable[[Value], Value] | None) -> Transform:
    """A Python function by its dotted ``name``, with its declared inverse or none."""
    return Transform(name, forward, inverse)
