"""What would make a run against a table fail or lie, found before the run.

Owns the findings of ``Side.check`` and their remedies. It changes nothing in the database, and it reports instead of
raising whatever a reachable server lets it see.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from integrations_platform.connectors.binding import Binding
from integrations_platform.connectors.dialect import Dialect
from integrations_platform.connectors.introspection import READABLE, Family, NativeColumn, TableShape
from integrations_platform.connectors.ledger import ARCHIVE_TABLE, LEDGER_TABLE
from integrations_platform.connectors.reading import naive_guess
from integrations_platform.connectors.session import Session
from integrations_platform.unified_sync.port import BoundColumn, Problem
from integrations_platform.unified_sync.spec import SideSpec
from integrations_platform.unified_sync.values import FieldType


def missing_object(dialect: Dialect, session: Session, spec: SideSpec) -> Problem:
    """The object is not there; names what is."""
    names = dialect.object_names(session, spec.object)
    near = difflib.get_close_matches(spec.object, names, n=3, cutoff=0.5) or names[:10]
    hint = f"did you mean {' or '.join(near)}?" if near else "the database holds no table this user may see"
    return Problem(f"{spec.system} has no table or view {spec.object!r}", hint)


def missing_columns(shape: TableShape, spec: SideSpec, columns: Sequence[BoundColumn]) -> list[Problem]:
    """Every declared column that the object lacks, with what declares it."""
    declared = {column.name: "a field" for column in columns}
    declared |= dict.fromkeys(spec.only, "`only:`") | dict.fromkeys(spec.key, "`key:`")
    declared |= {name: word for name, word in ((spec.modified, "`modified:`"), (spec.soft_delete, "`soft_delete:`"))
                 if name}  # fmt: skip
    listed = ", ".join(column.name for column in shape.columns)
    return [
        Problem(f"{spec.object} has no column {name!r}, which {origin} names", f"its columns: {listed}", column=name)
        for name, origin in declared.items() if name not in shape.by_name
    ]  # fmt: skip


def without_key(shape: TableShape, spec: SideSpec) -> list[Problem]:
    """Records need an identity, and a declared one must be unique."""
    if not spec.key and not shape.primary_key:
        return [Problem(f"{spec.object} has no primary key", "add one, or declare `key:` with columns that are unique")]
    if len(spec.key) == 1 and spec.key != shape.primary_key and spec.key[0] in shape.by_name:
        column = shape.by_name[spec.key[0]]
        if not column.unique or column.nullable:
            return [Problem(f"key column {column.name!r} of {spec.object} may repeat or be empty",
                            "give it NOT NULL and a unique index", blocking=False, column=column.name)]  # fmt: skip
    return []


def findings(
    binding: Binding, session: Session, columns: Sequence[BoundColumn], *, writes_moved_rows: bool
) -> list[Problem]:
    """Everything else, once object, columns and key exist."""
    shape, spec, dialect = binding.shape, binding.spec, binding.dialect
    written = any(column.written for column in columns)
    problems = [problem for column in columns for problem in _column(shape.by_name[column.name], column)]
    problems += _soft_delete(binding)
    problems += [
        Problem(f"column {name!r} of {spec.object} holds times without a zone; they are taken as UTC",
                "declare `zone:` for this side if they are meant in another one", blocking=False, column=name)
        for name in naive_guess(binding)
    ]  # fmt: skip
    problems += dialect.privileges(session, shape, written=written)
    if written:
        problems += _writable(binding, columns)
        problems += _engine_tables(binding, session)
        if writes_moved_rows and not spec.soft_delete:
            problems += _cascades(binding, session)
    return problems


def _column(column: NativeColumn, bound: BoundColumn) -> list[Problem]:
    name, kind = column.name, bound.type
    problems = []
    if kind not in READABLE[column.family]:
        problems.append(Problem(f"column {name!r} is {column.native_type}, which is not read as {kind}",
                                f"declare type {_suggestion(column)} or change the column", column=name))  # fmt: skip
    if kind is FieldType.DATE and column.family in (Family.DATETIME, Family.INSTANT):
        problems.append(Problem(f"column {name!r} holds times where a date is declared; a time of day quarantines its "
                                "record", "declare type datetime", blocking=False, column=name))  # fmt: skip
    if kind is FieldType.DECIMAL and column.family is Family.FLOAT:
        problems.append(Problem(f"column {name!r} is {column.native_type}, which keeps decimals only approximately",
                                "make it a decimal column for money", blocking=False, column=name))  # fmt: skip
    if bound.written and (column.generated or column.identity == "always"):
        problems.append(Problem(f"column {name!r} is generated by the database and cannot be written",
                                "make the field one-way from this side", column=name))  # fmt: skip
    if bound.written and not column.four_byte_text:
        problems.append(Problem(f"column {name!r} cannot hold emoji and other four-byte characters",
                                "convert it to utf8mb4", blocking=False, column=name))  # fmt: skip
    return problems


def _suggestion(column: NativeColumn) -> str:
    return " or ".join(sorted(READABLE[column.family]))


def _soft_delete(binding: Binding) -> list[Problem]:
    if not binding.spec.soft_delete:
        return []
    column = binding.shape.by_name[binding.spec.soft_delete]
    problems = []
    if column.family not in (Family.BOOLEAN, Family.INTEGER, Family.BITS, Family.DATE, Family.DATETIME, Family.INSTANT):
        problems.append(Problem(f"soft-delete column {column.name!r} is {column.native_type}",
                                "use a boolean or a timestamp", column=column.name))  # fmt: skip
    elif not column.nullable and not binding.soft_delete_is_flag:
        problems.append(Problem(f"soft-delete column {column.name!r} cannot be emptied, so nothing could be restored",
                                "drop its NOT NULL", column=column.name))  # fmt: skip
    return problems


def _writable(binding: Binding, columns: Sequence[BoundColumn]) -> list[Problem]:
    shape, spec = binding.shape, binding.spec
    problems = []
    if shape.is_view:
        problems.append(Problem(f"{spec.object} is a view; whether it takes writes is up to its definition",
                                "name the table instead", blocking=False))  # fmt: skip
    if not shape.transactional:
        problems.append(Problem(f"{spec.object} is stored by {shape.engine}, which has no transactions",
                                "ALTER TABLE … ENGINE=InnoDB"))  # fmt: skip
    written = {column.name for column in columns if column.written}
    for column in shape.columns:
        supplied = column.nullable or column.has_default or column.identity or column.generated
        if not supplied and column.name not in written:
            problems.append(Problem(f"column {column.name!r} of {spec.object} needs a value and no field writes it, "
                                    "so no record can be created here", "map a field to it or give it a default",
                                    blocking=False, column=column.name))  # fmt: skip
    return problems


def _engine_tables(binding: Binding, session: Session) -> list[Problem]:
    shape, dialect = binding.shape, binding.dialect
    missing = [name for name in (LEDGER_TABLE, ARCHIVE_TABLE) if not dialect.table_exists(session, shape.schema, name)]
    if not missing or dialect.may_create_tables(session, shape):
        return []
    return [
        Problem(f"the table {' and '.join(missing)} cannot be created next to {binding.spec.object}: no CREATE "
                "permission; without it no receipts are kept, an interrupted create may be repeated, and records "
                "cannot be archived by moving them",
                "grant CREATE on the schema, or let an administrator create the tables", blocking=False)
    ]  # fmt: skip


def _cascades(binding: Binding, session: Session) -> list[Problem]:
    return [
        Problem(f"{inbound.table} refers to {binding.spec.object} with ON DELETE {inbound.on_delete} ({inbound.name}); "
                "a record that has such rows is not archived or deleted by this sync",
                "declare `soft_delete:`, or archive the referring rows first", blocking=False)
        for inbound in binding.dialect.inbound_keys(session, binding.shape)
    ]  # fmt: skip


def as_sentence(problems: Sequence[Problem] | Mapping[str, Problem]) -> str:
    """Problems as one line, for an error."""
    return "; ".join(f"{problem.message} ({problem.remedy})" for problem in problems if isinstance(problem, Problem))
