"""Which value of a file goes into which column of the table, and how it is cast on the way.

Owns matching by name and the part of SQL that Snowflake allows in a load from a stage. Values are looked up and cast,
never computed with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlglot import exp

from integrations_platform.warehouse.copying.files import SourceFile
from integrations_platform.warehouse.copying.readers import Named, Reader, quoted, text
from integrations_platform.warehouse.errors import StatementError
from integrations_platform.warehouse.statement import MatchBy

_NARROW = ("TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER")
ROW_NUMBER = '"%row"'
"""What stands for the number of a row until the rows have numbers."""


@dataclass(frozen=True)
class Column:
    """A column of the table, its type in DuckDB's words."""

    name: str
    type: str
    nullable: bool = True


@dataclass(frozen=True)
class Value:
    """What fills a column: an SQL expression over a file's relation. ``type``: its own, None when it must be cast."""

    column: Column
    sql: str
    type: str | None

    @property
    def exact(self) -> bool:
        """Whether the column's type holds every value of its own, so that no row can fail."""
        if self.type is None:
            return False
        wide = self.column.type == "BIGINT" and self.type in _NARROW
        return self.type == self.column.type or wide or self.column.type == "JSON"

    @property
    def cast(self) -> str:
        """The value in the column's type; NULL where that is not possible."""
        if not self.exact:
            return f"TRY_CAST({self.plain} AS {self.column.type})"
        # Text in a VARIANT is a string, whatever it looks like.
        return f"to_json({self.sql})" if self.column.type == "JSON" != self.type else self.sql

    @property
    def plain(self) -> str:
        """What is cast: of a value in a document its text, without the quotes of JSON, and no value for JSON's null."""
        return f"({self.sql} ->> '$')" if self.type == "JSON" else self.sql

    @property
    def fault(self) -> str | None:
        """A condition that holds for rows that cannot be loaded because of this column."""
        said = [] if self.exact else [f"({self.plain} IS NOT NULL AND {self.cast} IS NULL)"]
        if not self.column.nullable:
            said.append(f"{self.cast} IS NULL")
        return " OR ".join(said) or None


@dataclass(frozen=True)
class Projection:
    """A file's relation and the values taken from it."""

    relation: str
    values: tuple[Value, ...]


def match_by_name(
    reader: Reader,
    columns: Sequence[Column],
    match: MatchBy,
    metadata: Mapping[str, str],
    file: SourceFile,
    now: datetime,
) -> Projection:
    """Columns filled by those of the same name; what a file lacks is NULL, what the table lacks is left out.

    Raises StatementError when two columns of a file are meant for one, or metadata for none.
    """
    targets = {_folded(item.name, match): item for item in columns}
    taken: dict[str, Named] = {}
    for named in reader.names():
        target = targets.get(_folded(named.name, match))
        if target is None:
            continue
        if target.name in taken:
            both = f"{taken[target.name].name} and {named.name}"
            raise StatementError(f"{file.name}: {both} both match column {target.name}; load by case-sensitive name")
        wants_json = target.type == "JSON" and reader.documents
        taken[target.name] = Named(named.name, "JSON" if wants_json else named.type)
    values = [Value(item, quoted(taken[item.name].name), taken[item.name].type) if item.name in taken
              else Value(item, f"NULL::{item.type}", item.type) for item in columns]  # fmt: skip
    for name, source in metadata.items():
        target = next((item for item in columns if item.name.upper() == name.upper()), None)
        if target is None:
            raise StatementError(f"INCLUDE_METADATA names column {name}, which the table does not have")
        filled = Value(target, *_metadata(source, file, now))
        values = [filled if item.column is target else item for item in values]
    return Projection(reader.by_name(list(taken.values())), tuple(values))


def by_position(
    reader: Reader, columns: Sequence[Column], transform: Sequence[exp.Expr], file: SourceFile, now: datetime
) -> Projection:
    """Columns filled in their order: from a select list, or from the file's own columns."""
    if not transform:
        relation, named = reader.by_position(len(columns))
        if len(named) != len(columns):
            raise StatementError(
                f"{file.name}: this file format can produce one and only one column of type variant, object, or "
                "array. Load data into separate columns using the MATCH_BY_COLUMN_NAME copy option or copy with "
                "transformation."
            )
        filled = zip(columns, named, strict=True)
        return Projection(relation, tuple(Value(column, quoted(item.name), item.type) for column, item in filled))
    if len(transform) != len(columns):
        raise StatementError(
            f"SQL compilation error: Insert value list does not match column list expecting {len(columns)} but got "
            f"{len(transform)}"
        )
    highest = max((int(item.name) for part in transform for item in part.find_all(exp.Parameter)), default=1)
    relation, named = reader.by_position(highest)
    known = {item.name: item.type for item in named}
    values = [
        Value(column, *_expression(part, known, file, now)) for column, part in zip(columns, transform, strict=True)
    ]
    return Projection(relation, tuple(values))


def _folded(name: str, match: MatchBy) -> str:
    return name if match is MatchBy.CASE_SENSITIVE else name.upper()


def _metadata(source: str, file: SourceFile, now: datetime) -> tuple[str, str]:
    """A METADATA$ column as SQL and its type; times in UTC, without a zone."""
    path = file.name.split("://", 1)[1].split("/", 1)[1]
    if source == "METADATA$FILE_ROW_NUMBER":
        return ROW_NUMBER, "BIGINT"
    if source in ("METADATA$FILE_LAST_MODIFIED", "METADATA$START_SCAN_TIME"):
        moment = file.modified if source.endswith("MODIFIED") else now
        return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S.%f}'", "TIMESTAMP"
    return text(file.etag if source == "METADATA$FILE_CONTENT_KEY" else path), "VARCHAR"


def _expression(node: exp.Expr, known: Mapping[str, str], file: SourceFile, now: datetime) -> tuple[str, str | None]:
    """An item of a select list as SQL and its type. Raises StatementError for anything but a lookup, cast, constant."""
    if isinstance(node, exp.Alias | exp.Paren):
        return _expression(node.this, known, file, now)
    if isinstance(node, exp.Cast):
        inner = node.this
        target = node.to.sql("duckdb")
        return f"TRY_CAST({_scalar(inner, known, file, now)} AS {target})", None
    if isinstance(node, exp.CurrentTimestamp):
        return _metadata("METADATA$START_SCAN_TIME", file, now)
    if isinstance(node, exp.Literal | exp.Null | exp.Boolean | exp.Neg):
        if isinstance(node, exp.Neg) and not isinstance(node.this, exp.Literal):
            raise _unsupported(node)
        return (text(node.name), "VARCHAR") if isinstance(node, exp.Literal) and node.is_string else (node.sql(), None)
    if isinstance(node, exp.Column) and not isinstance(node.this, exp.Parameter):
        if node.name.upper().startswith("METADATA$"):
            return _metadata(node.name.upper(), file, now)
        raise _unsupported(node)
    base, path = _path(node, known)
    return (base, known[base.strip('"')]) if not path else (f"({base} -> {text(''.join(path))})", "JSON")


def _scalar(node: exp.Expr, known: Mapping[str, str], file: SourceFile, now: datetime) -> str:
    """What a cast starts from: a value inside a document as text, not as JSON with its quotes."""
    if isinstance(node, exp.JSONExtract | exp.Bracket | exp.Parameter) or (
        isinstance(node, exp.Column) and isinstance(node.this, exp.Parameter)
    ):
        base, path = _path(node, known)
        if known[base.strip('"')] == "JSON":
            return f"({base} ->> {text(''.join(path) or '$')})"
        return base
    return _expression(node, known, file, now)[0]


def _path(node: exp.Expr, known: Mapping[str, str]) -> tuple[str, list[str]]:
    """The `$n` a lookup starts from, and the path from there."""
    if isinstance(node, exp.Column):
        node = node.this
    if isinstance(node, exp.Parameter):
        name = f"${node.name}"
        if name not in known:
            raise StatementError(f"{name} is not there: a file of this format has {', '.join(known)}")
        return quoted(name), []
    if isinstance(node, exp.JSONExtract) and isinstance(node.expression, exp.JSONPath):
        base, path = _path(node.this, known)
        for step in node.expression.expressions:
            if isinstance(step, exp.JSONPathKey):
                path.append(f'."{step.this}"')
            elif isinstance(step, exp.JSONPathSubscript):
                path.append(f"[{int(step.this)}]")
            elif not isinstance(step, exp.JSONPathRoot):
                raise _unsupported(node)
        return base, path if path[:1] == ["$"] else ["$", *path]
    if isinstance(node, exp.Bracket) and len(node.expressions) == 1 and isinstance(node.expressions[0], exp.Literal):
        base, path = _path(node.this, known)
        key = node.expressions[0]
        path.append(f'."{key.name}"' if key.is_string else f"[{int(key.name)}]")
        return base, path if path[:1] == ["$"] else ["$", *path]
    raise _unsupported(node)


def _unsupported(node: exp.Expr) -> StatementError:
    return StatementError(
        f"{node.sql('snowflake')} is not supported in a load here; use $n, $1:path, ::, METADATA$…, constants"
    )
