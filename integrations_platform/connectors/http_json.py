"""JSON as it crosses the wire: numbers stay decimal both ways, and hostile text ends in one kind of error.

Money never passes through a binary float: numbers with a point are read as Decimal and written digit by digit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

_LONGEST = 1000  # digits of a number written out: no money or measure has more, and a huge exponent would fill memory


class NotJson(ValueError):  # noqa: N818  named as the sentence reads: this body is not JSON
    """The text is no JSON document that can be used; the message never quotes it."""


def parse(body: bytes) -> Any:
    """The document in ``body``. Raises :class:`NotJson`, also for NaN, for absurd numbers and for absurd depth."""
    try:
        return json.loads(body, parse_float=_number, parse_constant=_refuse)
    except RecursionError:
        raise NotJson("nested too deeply") from None
    except json.JSONDecodeError as fault:
        raise NotJson(f"{fault.msg} at character {fault.pos} of {len(body)}") from None
    except (ArithmeticError, ValueError) as fault:
        raise NotJson(type(fault).__name__ if isinstance(fault, UnicodeError) else str(fault)[:80]) from None


def render(value: Any) -> bytes:
    """JSON of plain data in which Decimals may stand. Raises ValueError for what JSON cannot say."""
    return _text(value).encode("utf-8")


def _text(value: Any) -> str:
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError("JSON has no infinite numbers")
        return format(value, "f")
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(str(name))}:{_text(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_text, value)) + "]"
    return json.dumps(value, allow_nan=False)


def _number(text: str) -> Decimal:
    number = Decimal(text)
    if abs(number.adjusted()) > _LONGEST:
        raise NotJson("a number is too large")
    return number


def _refuse(name: str) -> Any:
    raise NotJson(f"{name} is no JSON number")
