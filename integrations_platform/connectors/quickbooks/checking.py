"""What would make a run against QuickBooks fail or lie, found before it begins."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from integrations_platform.connectors.introspection import READABLE
from integrations_platform.connectors.quickbooks.objects import OBJECTS, BookObject
from integrations_platform.connectors.quickbooks.one_line import PREFIX
from integrations_platform.connectors.quickbooks.projection import VOID
from integrations_platform.unified_sync.port import BoundColumn, Problem
from integrations_platform.unified_sync.spec import SideSpec


def unknown_object(spec: SideSpec) -> Problem:
    """The object is none of those that can be synced."""
    known = ", ".join(OBJECTS)
    near = difflib.get_close_matches(spec.object.lower(), OBJECTS, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return Problem(f"{spec.system} (QuickBooks) has no object {spec.object!r}", f"{hint}known are {known}")


def unknown_column(book: BookObject, spec: SideSpec, name: str) -> Problem:
    """A declared column is none of the object's."""
    near = difflib.get_close_matches(name, book.columns, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"its columns: {', '.join(book.columns)}"
    return Problem(f"{spec.object} has no column {name!r}", hint, column=name)


def findings(
    book: BookObject, spec: SideSpec, columns: Sequence[BoundColumn], preferences: Mapping[str, Any]
) -> list[Problem]:
    """Everything that can be said once the company answers."""
    problems = [problem for column in columns for problem in _column(book, spec, column)]
    problems += _options(book, spec)
    written = {column.name for column in columns if column.written}
    if not written:
        return problems
    problems += [
        Problem(f"no field writes {' or '.join(group[:3])}, so no record can be created in {spec.object}",
                "map a field to it, or give a constant", blocking=False, column=group[0])
        for group in book.needs if not written & set(group)
    ]  # fmt: skip
    parts = sorted(name for name in written if name.startswith(PREFIX))
    if "Line" in written and parts:
        problems.append(Problem(f"both Line and {', '.join(parts)} are written, and either would replace the other",
                                "keep Line, or the columns of the one line", column=parts[0]))  # fmt: skip
    numbers = preferences.get("SalesFormsPrefs", {}).get("CustomTxnNumbers")
    if "DocNumber" in written and numbers is False:
        problems.append(Problem("QuickBooks numbers invoices by itself, and DocNumber is disregarded",
                                "switch custom transaction numbers on, or only read DocNumber", blocking=False,
                                column="DocNumber"))  # fmt: skip
    return problems


def _column(book: BookObject, spec: SideSpec, bound: BoundColumn) -> list[Problem]:
    native = book.columns.get(bound.name)
    if native is None:
        return [unknown_column(book, spec, bound.name)]
    if bound.type in READABLE[native.family]:
        return []
    kinds = " or ".join(sorted(READABLE[native.family]))
    return [Problem(f"column {bound.name!r} is a {native.native_type}, which is not read as {bound.type}",
                    f"declare type {kinds}", column=bound.name)]  # fmt: skip


def _options(book: BookObject, spec: SideSpec) -> list[Problem]:
    problems = [
        Problem(f"{spec.object} has no column {name!r}, which `only:` names", f"its columns: {', '.join(book.columns)}",
                column=name)
        for name in spec.only if name not in book.columns
    ]  # fmt: skip
    if spec.key not in ((), ("Id",)):
        problems.append(Problem("records of QuickBooks are identified by their Id", "leave `key:` out"))
    if spec.soft_delete and (book.lists or spec.soft_delete != VOID):
        remedy = "leave it out: inactive is archived" if book.lists else f"write `soft_delete: {VOID}`, or leave it out"
        problems.append(Problem(f"`soft_delete: {spec.soft_delete}` means nothing for {spec.object}", remedy))
    return problems
