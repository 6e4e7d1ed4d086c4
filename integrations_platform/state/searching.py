"""Text looked for in stored values, as the values are stored and as far as each database knows letters."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa


def holds(column: sa.Column[Any], text: str, *, stored_as_json: bool = True) -> sa.ColumnElement[bool]:
    """Whether ``text`` stands somewhere in ``column``, whatever its case; letters that are no ASCII at least as typed,
    because SQLite, and PostgreSQL in some locales, cannot tell which of them are the same. JSON writes a quotation mark
    with a backslash before it."""
    typed = {text.lower(), "".join(char.lower() if char.isascii() else char for char in text)}
    wanted = sorted(json.dumps(each, ensure_ascii=False)[1:-1] if stored_as_json else each for each in typed)
    return sa.or_(*(sa.func.lower(column).contains(each, autoescape=True) for each in wanted))
