"""Snowflake's SQL as DuckDB's, for the statements of the embedded warehouse.

Owns what differs beyond syntax: semi-structured types are JSON, whole numbers are 64 bits, temporary tables are
ordinary ones that are replaced, because DuckDB keeps its own in another database.
"""

from __future__ import annotations

from sqlglot import exp, parse
from sqlglot.errors import SqlglotError

from integrations_platform.warehouse.errors import StatementError
from integrations_platform.warehouse.redaction import redact

_JSON = {exp.DType.VARIANT, exp.DType.OBJECT, exp.DType.ARRAY}
_WHOLE = {exp.DType.INT, exp.DType.BIGINT, exp.DType.SMALLINT, exp.DType.TINYINT}
_MOST_DIGITS = 18
_TEMPORARY = (exp.TemporaryProperty, exp.TransientProperty)


def understood(sql: str) -> exp.Expr:
    """The one statement that ``sql`` is. Raises StatementError with the place of the error and no credentials."""
    try:
        found = [statement for statement in parse(sql, read="snowflake") if statement is not None]
    except SqlglotError as fault:
        where = (getattr(fault, "errors", None) or [{}])[0]
        place = f" at line {where['line']}, column {where['col']}" if where.get("line") else ""
        raise StatementError(f"SQL compilation error: syntax error{place} in {_brief(sql)}") from None
    if len(found) != 1:
        raise StatementError(f"expected one statement, found {len(found)} in {_brief(sql)}")
    return found[0]


def to_duckdb(statement: exp.Expr) -> str:
    """The statement for DuckDB. Names are quoted: other words are reserved there, and case has no meaning in quotes."""
    return statement.copy().transform(_rewritten).sql(dialect="duckdb", identify=True)


def _brief(sql: str) -> str:
    text = " ".join(redact(sql).split())
    return repr(text if len(text) <= 120 else f"{text[:119]}…")


def _rewritten(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.DataType):
        return _type(node)
    if isinstance(node, exp.Properties):
        node.set("expressions", [item for item in node.expressions if not isinstance(item, _TEMPORARY)])
    # A cast of a value inside a document casts its text, not its JSON with quotes.
    if isinstance(node, exp.Cast) and isinstance(node.this, exp.JSONExtract):
        inner = node.this
        node.set("this", exp.JSONExtractScalar(this=inner.this, expression=inner.expression))
    return node


def _type(node: exp.DataType) -> exp.DataType:
    if node.this in _JSON:
        return exp.DataType(this=exp.DType.JSON)
    if node.this in _WHOLE:
        return exp.DataType(this=exp.DType.BIGINT)
    if node.this == exp.DType.DECIMAL:
        sizes = [int(item.name) for item in node.expressions]
        if len(sizes) == 2 and sizes[1] == 0 and sizes[0] <= _MOST_DIGITS:
            return exp.DataType(this=exp.DType.BIGINT)
    return node
