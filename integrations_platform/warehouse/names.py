"""Names and values as they may stand in a statement's text.

A COPY takes no binds, so its names pass an allow-list and its values are escaped here. Names that would need quotes are
refused: a quoted name is another one in Snowflake than the same without quotes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from integrations_platform.warehouse.errors import StatementError

_PART = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,254}", re.ASCII)
# https://docs.snowflake.com/en/sql-reference/reserved-keywords: what cannot name a table or column without quotes.
_RESERVED = frozenset((
    "account", "all", "alter", "and", "any", "as", "between", "by", "case", "cast", "check", "column", "connect",
    "connection", "constraint", "create", "cross", "current", "current_date", "current_time", "current_timestamp",
    "current_user", "database", "delete", "distinct", "drop", "else", "exists", "false", "following", "for",
    "from", "full", "grant", "group", "gscluster", "having", "ilike", "in", "increment", "inner", "insert",
    "intersect", "into", "is", "issue", "join", "lateral", "left", "like", "localtime", "localtimestamp", "minus",
    "natural", "not", "null", "of", "on", "or", "order", "organization", "qualify", "regexp", "revoke", "right",
    "rlike", "row", "rows", "sample", "schema", "select", "set", "some", "start", "table", "tablesample", "then",
    "to", "trigger", "true", "try_cast", "union", "unique", "update", "using", "values", "view", "when",
    "whenever", "where", "with",
))  # fmt: skip


@dataclass(frozen=True)
class TableName:
    """A table's name of one to three parts, written without quotes; compared without regard to case."""

    parts: tuple[str, ...]

    @classmethod
    def of(cls, text: str, *, what: str = "table") -> TableName:
        """The name ``text`` spells. Raises StatementError for anything but plain identifiers joined by dots."""
        parts = tuple(text.split("."))
        if len(parts) > 3:
            raise StatementError(f"{what} {_shown(text)} has more than three parts; write database.schema.{what}")
        for part in parts:
            identifier(part, what=what, of=text)
        return cls(parts)

    @property
    def sql(self) -> str:
        """The name for a statement."""
        return ".".join(self.parts)

    @property
    def key(self) -> tuple[str, ...]:
        """The name for comparisons: in Snowflake, what is not quoted is upper case."""
        return tuple(part.upper() for part in self.parts)

    def beside(self, suffix: str) -> TableName:
        """The name of another table in the same schema: this one's with a suffix."""
        return TableName((*self.parts[:-1], self.parts[-1] + suffix))


def identifier(text: str, *, what: str = "name", of: str | None = None) -> str:
    """``text``, if it can stand in a statement without quotes. Raises StatementError that says why not."""
    shown = _shown(of or text)
    if not _PART.fullmatch(text):
        if '"' in text:
            raise StatementError(f"{what} {shown} is quoted; write it without quotes: letters, digits, _ and $ only")
        raise StatementError(
            f"{what} {shown} cannot be used: each part starts with a letter or _, then letters, digits, _ and $"
        )
    if text.lower() in _RESERVED:
        raise StatementError(f"{what} {shown} uses the reserved word {text.upper()}; call it something else")
    return text


def literal(text: str) -> str:
    """``text`` as a string literal; a backslash is an escape in Snowflake, and a NUL has no place in any text."""
    if "\0" in text:
        raise StatementError("a text with a NUL character cannot stand in a statement")
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def day_of(text: str) -> date:
    """The day of a partition key. Raises StatementError unless it is written YYYY-MM-DD."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:  # also accepted by Python: 20130101 and 2013-W01-1
        raise StatementError(f"{_shown(text)} is no day; write YYYY-MM-DD")
    return day


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:79]}…")
