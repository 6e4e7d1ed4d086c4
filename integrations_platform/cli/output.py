"""How things are written: JSON for programs, plain lines and columns for people.

Owns the spelling of values, ages and counts. Text that comes from records or servers is shown without its control
characters, so that a record cannot write to somebody's terminal.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from integrations_platform.settings import variable
from integrations_platform.words import age, clean, count

__all__ = ["age", "clean", "columns", "count", "emit", "more", "say", "value", "values", "warn"]

_log = logging.getLogger("integrations_platform.cli")
WIDTH = 60  # characters shown of one value


def emit(data: Any) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(data, ensure_ascii=False, indent=2))


def say(line: str = "", *, bold: bool = False, colour: str | None = None) -> None:
    """A line for people on stdout."""
    click.secho(clean(line), bold=bold or None, fg=colour)


def warn(line: str) -> None:
    """A line for people on stderr, apart from the results; a line of the log where that is kept for machines."""
    if logging.root.hasHandlers() and variable("INTEGRATIONS_LOG_FORMAT") == "json":
        error = line.startswith("Error")
        _log.log(logging.ERROR if error else logging.WARNING, "%s", line.removeprefix("Error: "))
        return
    click.secho(clean(line), fg="red" if line.startswith("Error") else "yellow", err=True)


def value(data: Any, width: int = WIDTH) -> str:
    """A field's value in its JSON form, as a person reads it."""
    if data is None:
        return "(empty)"
    if isinstance(data, bool):
        return "yes" if data else "no"
    if isinstance(data, Mapping) and "unresolved" in data:
        return f"record {data['unresolved']} (not linked yet)"
    if isinstance(data, Mapping) and "invalid" in data:
        return f"{data['invalid']!r} ({data.get('reason', 'invalid')})"
    text = ", ".join(str(item) for item in data) if isinstance(data, list) else str(data)
    text = clean(text.replace("\n", "\\n"))
    if len(text) > width:
        text = f"{text[: width - 1]}…"
    return f'"{text}"' if not text or text != text.strip() else text


def values(data: str | None, width: int = WIDTH) -> str:
    """A stored JSON object of fields on one line; a single field without its name."""
    if data is None:
        return "(not there)"
    fields = json.loads(data)
    if len(fields) == 1:
        return value(next(iter(fields.values())), width)
    return ", ".join(f"{name}: {value(item, 30)}" for name, item in fields.items())


def columns(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Rows as aligned columns under a bold head."""
    cells = [[clean(cell) for cell in row] for row in rows]
    widths = [max(len(row[at]) for row in [list(head), *cells]) for at in range(len(head))]

    def line(row: Sequence[str]) -> str:
        return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()

    click.secho(line(head), bold=True)
    for row in cells:
        click.echo(line(row))


def more(hidden: int, noun: str) -> None:
    """Say that a list was cut, if it was."""
    if hidden > 0:
        say(f"… {count(hidden, f'more {noun}')} (--limit 0 shows all)")
