"""Reads the text of a COPY INTO as Snowflake would, into data that the executor works by.

Owns the allow-list of options and the refusal of everything else: what is parsed but not carried out would load other
rows than Snowflake does. Credentials are accepted and dropped; stores are opened by configuration.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlglot import exp, parse
from sqlglot.errors import SqlglotError

from integrations_platform.warehouse.errors import StatementError
from integrations_platform.warehouse.redaction import redact
from integrations_platform.warehouse.statement import METADATA, MOST_FILES, MatchBy

_ON_ERROR = re.compile(r"(?P<way>ABORT_STATEMENT|CONTINUE|SKIP_FILE)(_(?P<number>\d{1,9})(?P<percent>%)?)?")


@dataclass(frozen=True)
class OnError:
    """What a bad row does. ``limit``: bad rows that drop a file; ``percent``: share of rows above which it is."""

    way: str = "ABORT_STATEMENT"
    limit: int = 1
    percent: int | None = None

    def drops(self, bad: int, rows: int) -> bool:
        """Whether a file with that many bad rows is dropped whole."""
        if self.way != "SKIP_FILE":
            return False
        return bad * 100 > self.percent * rows if self.percent is not None else bad >= self.limit

    def shown_limit(self, rows: int) -> int:
        """What the result says under error_limit."""
        if self.way == "CONTINUE":
            return rows
        return self.limit if self.way == "SKIP_FILE" and self.percent is None else 1


@dataclass(frozen=True)
class ParsedCopy:
    """A COPY as it is carried out. ``table``: parts as written; ``source``: a URL, or a stage as `@name/path`;
    ``transform``: the select list of a load from a stage; ``format_options``: not yet joined with the stage's."""

    table: tuple[str, ...]
    source: str
    columns: tuple[str, ...] = ()
    transform: tuple[exp.Expr, ...] = ()
    format_options: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[str, ...] | None = None
    pattern: re.Pattern[str] | None = None
    on_error: OnError = field(default_factory=OnError)
    force: bool = False
    purge: bool = False
    size_limit: int | None = None
    match: MatchBy = MatchBy.NONE
    metadata: Mapping[str, str] = field(default_factory=dict)


def parse_copy(sql: str) -> ParsedCopy:
    """The one COPY INTO a table that ``sql`` is. Raises StatementError, without any of its credentials."""
    try:
        statements = parse(sql, read="snowflake")
    except SqlglotError as fault:
        where = getattr(fault, "errors", None) or [{}]
        line, column = where[0].get("line"), where[0].get("col")
        place = f" near line {line}, column {column}" if line else ""
        raise StatementError(f"SQL compilation error: syntax error{place} in {_brief(sql)}") from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Copy):
        raise StatementError(f"expected one COPY INTO statement, found {_brief(sql)}")
    tree = statements[0]
    table, columns = _target(tree)
    source, transform = _source(tree)
    return _with_options(ParsedCopy(table, source, columns, transform), tree)


def _brief(sql: str) -> str:
    text = " ".join(redact(sql).split())
    return repr(text if len(text) <= 120 else f"{text[:119]}…")


def _target(tree: exp.Copy) -> tuple[tuple[str, ...], tuple[str, ...]]:
    target, columns = tree.this, ()
    if isinstance(target, exp.Schema):
        columns = tuple(item.name for item in target.expressions)
        target = target.this
    if not tree.args.get("kind") or not isinstance(target, exp.Table) or not isinstance(target.this, exp.Identifier):
        raise StatementError("only COPY INTO a table is supported here; unloading to a stage or location is not")
    for part in (target.args.get("catalog"), target.args.get("db"), target.this):
        # Snowflake: an unquoted name is upper case, a quoted one is as it is written; another table, usually a mistake.
        if isinstance(part, exp.Identifier) and part.quoted and part.name != part.name.upper():
            raise StatementError(
                f'the quoted name "{part.name}" is case-sensitive, and tables made without quotes are in upper case; '
                "write it without quotes"
            )
    return tuple(part for part in (target.catalog, target.db, target.name) if part), columns


def _source(tree: exp.Copy) -> tuple[str, tuple[exp.Expr, ...]]:
    sources = tree.args.get("files") or []
    if len(sources) != 1:
        raise StatementError("COPY INTO a table needs one FROM")
    source = sources[0]
    transform: tuple[exp.Expr, ...] = ()
    if isinstance(source, exp.Subquery):
        select = source.this
        extra = [name for name, value in select.args.items() if value and name not in ("expressions", "from_")]
        if not isinstance(select, exp.Select) or extra or not select.args.get("from_"):
            raise StatementError("a transformation is a plain SELECT … FROM @stage, without WHERE, JOIN or ORDER BY")
        transform = tuple(select.expressions)
        source = select.args["from_"].this
    place = source.this if isinstance(source, exp.Table) else None
    if not isinstance(place, exp.Var | exp.Literal):
        raise StatementError("FROM is a URL in quotes or a stage with @")
    text = str(place.this)
    if not text.startswith("@") and (isinstance(place, exp.Var) or "://" not in text):
        raise StatementError(f"FROM {text!r} is neither a URL nor a stage")
    if transform and not text.startswith("@"):
        # Snowflake's own words; it takes transformations from named and user stages only.
        raise StatementError(f"SQL compilation error: invalid URL prefix found in: {text}")
    return text, transform


def _with_options(copy: ParsedCopy, tree: exp.Copy) -> ParsedCopy:
    values: dict[str, Any] = {}
    credentials = tree.args.get("credentials")
    if credentials is not None and credentials.args.get("encryption"):
        raise StatementError("COPY option ENCRYPTION is not supported here; the store decrypts by itself")
    for parameter in tree.args.get("params") or ():
        name = parameter.this.name.upper()
        if name not in _READ:
            raise StatementError(f"COPY option {name} is not supported here; supported are {', '.join(_READ)}")
        if name in values:
            raise StatementError(f"COPY option {name} is given twice")
        values[name] = parameter
    found = {_READ[name][0]: _READ[name][1](parameter) for name, parameter in values.items()}
    copy = replace(copy, **found)
    if copy.match is not MatchBy.NONE and (copy.transform or copy.columns):
        raise StatementError("MATCH_BY_COLUMN_NAME goes neither with a transformation nor with a list of columns")
    if copy.metadata and copy.match is MatchBy.NONE:
        raise StatementError("INCLUDE_METADATA needs MATCH_BY_COLUMN_NAME")
    return copy


def _format_options(parameter: exp.Expr) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for item in parameter.expressions:
        if isinstance(item, exp.Property):
            value = item.args["value"]
            several = isinstance(value, exp.Tuple | exp.Paren)
            options[item.this.name.upper()] = tuple(_text(each) for each in _items(value)) if several else _text(value)
    return options


def _items(node: exp.Expr | None) -> Sequence[exp.Expr]:
    if isinstance(node, exp.Paren):
        return [node.this]
    return list(node.expressions) if isinstance(node, exp.Tuple) else [node] if node is not None else []


def _text(node: exp.Expr | None) -> str:
    if isinstance(node, exp.Boolean):
        return "TRUE" if node.this else "FALSE"
    if isinstance(node, exp.Table):
        return ".".join(part.name for part in node.parts)
    if isinstance(node, exp.Literal | exp.Var | exp.Column | exp.Identifier | exp.Null):
        return "NULL" if isinstance(node, exp.Null) else node.name
    raise StatementError(f"{node.sql('snowflake') if node else 'nothing'} cannot stand as the value of a COPY option")


def _files(parameter: exp.Expr) -> tuple[str, ...]:
    names = tuple(_text(item) for item in _items(parameter.expression))
    if not 1 <= len(names) <= MOST_FILES:
        raise StatementError(f"FILES takes 1 to {MOST_FILES:,} names, found {len(names):,}")
    return names


def _pattern(parameter: exp.Expr) -> re.Pattern[str]:
    text = _text(parameter.expression)
    try:
        return re.compile(text)
    except re.error as fault:
        raise StatementError(f"PATTERN {text!r} is no regular expression: {fault}") from None


def _on_error(parameter: exp.Expr) -> OnError:
    text = _text(parameter.expression)
    match = _ON_ERROR.fullmatch(text.upper())
    if match is None or (match["number"] and match["way"] != "SKIP_FILE"):
        raise StatementError(
            f"ON_ERROR={text}: use ABORT_STATEMENT, CONTINUE, SKIP_FILE, SKIP_FILE_n or 'SKIP_FILE_n%'"
        )
    if match["number"] is None:
        return OnError(match["way"])
    number = int(match["number"])
    return OnError(match["way"], percent=number) if match["percent"] else OnError(match["way"], limit=max(number, 1))


def _boolean(parameter: exp.Expr) -> bool:
    text = _text(parameter.expression).upper()
    if text not in ("TRUE", "FALSE"):
        raise StatementError(f"{parameter.this.name.upper()} is TRUE or FALSE, not {text}")
    return text == "TRUE"


def _size_limit(parameter: exp.Expr) -> int:
    text = _text(parameter.expression)
    if not text.isdecimal():
        raise StatementError(f"SIZE_LIMIT is a whole number of bytes, not {text!r}")
    return int(text)


def _match(parameter: exp.Expr) -> MatchBy:
    text = _text(parameter.expression)
    if text.upper() not in {each.value for each in MatchBy}:
        raise StatementError(
            f"SQL compilation error: Invalid value '{text}' for parameter MATCH_BY_COLUMN_NAME; "
            f"use {', '.join(each.value for each in MatchBy)}"
        )
    return MatchBy(text.upper())


def _metadata(parameter: exp.Expr) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in _items(parameter.expression):
        if not isinstance(item, exp.EQ):
            raise StatementError("INCLUDE_METADATA is a list of column=METADATA$…")
        column, source = item.this.name, item.expression.name.upper()
        if source not in METADATA:
            raise StatementError(f"{source} is no metadata of a file; there are {', '.join(METADATA)}")
        found[column] = source
    return found


_READ: Mapping[str, tuple[str, Callable[[exp.Expr], Any]]] = {
    "FILE_FORMAT": ("format_options", _format_options),
    "FILES": ("files", _files),
    "PATTERN": ("pattern", _pattern),
    "ON_ERROR": ("on_error", _on_error),
    "FORCE": ("force", _boolean),
    "PURGE": ("purge", _boolean),
    "SIZE_LIMIT": ("size_limit", _size_limit),
    "MATCH_BY_COLUMN_NAME": ("match", _match),
    "INCLUDE_METADATA": ("metadata", _metadata),
}
"""Every option that is carried out: the attribute it becomes, and its reading."""
