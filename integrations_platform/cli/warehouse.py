"""The group `integrations warehouse`: tables, loads of days, the statements they run, and questions.

Owns options and words; what a load does is decided in :mod:`integrations_platform.warehouse`, the same for Dagster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import click

from integrations_platform.cli.faults import FAILED, PARTIAL, Refused
from integrations_platform.cli.session import Session, as_json

if TYPE_CHECKING:
    from integrations_platform.lake import Lake
    from integrations_platform.settings import Settings
    from integrations_platform.warehouse.reload import Reloaded
    from integrations_platform.warehouse.tables import Table

_PATIENCE = 20.0  # seconds that a question waits for a load to end; then it says for which


@click.group()
def warehouse() -> None:
    """Tables that days of the lake are loaded into, in Snowflake or in DuckDB files on this machine."""


@contextmanager
def _opened(session: Session) -> Iterator[tuple[Settings, Lake]]:
    from integrations_platform.lake import Lake
    from integrations_platform.settings import load_settings

    settings = load_settings(session.environment, env_file=session.env_file)
    yield settings, Lake.open(settings.lake)


def _table(settings: Settings, name: str) -> Table:
    from integrations_platform.schema_check import nearest
    from integrations_platform.warehouse.tables import declared_tables

    tables = declared_tables(settings)
    if name not in tables:
        raise Refused(f"no table is named {name!r}; {nearest(name, tables)}")
    return tables[name]


@warehouse.command()
@as_json
@click.pass_obj
def tables(session: Session, as_json: bool) -> None:
    """List the declared tables, and what of their datasets is in the lake."""
    from integrations_platform.cli.output import columns, emit, say
    from integrations_platform.warehouse.tables import declared_tables

    with _opened(session) as (settings, lake):
        engine = settings.warehouse.engine()
        rows = []
        for table in declared_tables(settings).values():
            days = lake.days(table.dataset.name)
            rows.append({
                "name": table.name, "table": table.target.sql, "dataset": table.dataset.name,
                "engine": engine, "days_in_lake": len(days),
                "first_day": str(days[0]) if days else None, "last_day": str(days[-1]) if days else None,
            })  # fmt: skip
    if as_json:
        emit({"tables": rows})
    elif not rows:
        say("no table is declared; add one under warehouse.tables of the environment")
    else:
        head = ("NAME", "TABLE", "DATASET", "ENGINE", "DAYS IN LAKE", "FIRST", "LAST")
        columns(head, [tuple("-" if cell is None else str(cell) for cell in _cells(row)) for row in rows])


def _cells(row: Mapping[str, Any]) -> list[Any]:
    names = ("name", "table", "dataset", "engine", "days_in_lake", "first_day", "last_day")
    return [row[name] for name in names]


@warehouse.command()
@click.argument("name")
@click.option("--day", metavar="YYYY-MM-DD", help="The day to load.")
@click.option("--from", "first", metavar="YYYY-MM-DD", help="Load a range: its first day.")
@click.option("--to", "last", metavar="YYYY-MM-DD", help="The last day of the range (default: the last in the lake).")
@as_json
@click.pass_obj
def load(session: Session, name: str, day: str | None, first: str | None, last: str | None, as_json: bool) -> None:
    """Load a day, or the days of a range that are in the lake, into the table NAME, replacing what is there of them.

    Loading a day again is harmless. A day that cannot be loaded leaves the table as it was; the others are loaded.

    \b
    Exit codes: 0 all loaded, 1 nothing could be loaded, 2 wrong usage or settings, 3 some days could not be loaded.
    """
    from integrations_platform.cli.output import count, emit, say, warn
    from integrations_platform.lake import LakeError
    from integrations_platform.telemetry.tallies import counted_load
    from integrations_platform.warehouse.errors import WarehouseError
    from integrations_platform.warehouse.opening import open_warehouse
    from integrations_platform.warehouse.reload import reload_day

    done: list[Reloaded] = []
    failed: dict[str, str] = {}
    run_id = str(uuid4())
    with _opened(session) as (settings, lake):
        table = _table(settings, name)
        engine = open_warehouse(settings, lake)
        for each in _days(table, lake, day, first, last):
            try:
                with counted_load(settings, table.name) as tally:
                    loaded = reload_day(table, lake, engine, each, run_id)
                    tally(loaded.rows_loaded)
            except (WarehouseError, LakeError) as fault:
                failed[str(each)] = str(fault)
                warn(f"Error: {each}: {fault}")
                continue
            done.append(loaded)
            if not as_json:
                files = count(loaded.files, "file")
                say(f"{each}: {count(loaded.rows_loaded, 'row')} of {files}, in place of {loaded.rows_deleted:,}")
    if as_json:
        emit(
            {"table": table.target.sql, "engine": engine.kind, "failed": failed, "loaded": [_data(one) for one in done]}
        )
    else:
        say(f"{table.target.sql} ({engine.kind}): {count(len(done), 'day')} loaded, {len(failed)} not")
    if failed:
        raise click.exceptions.Exit(PARTIAL if done else FAILED)


def _days(table: Table, lake: Lake, day: str | None, first: str | None, last: str | None) -> list[date]:
    if (day is None) == (first is None) or (day is not None and last is not None):
        raise click.UsageError("give --day, or --from and maybe --to")
    if day is not None:
        return [table.day_of(day)]
    begin = table.day_of(first or "")
    end = table.day_of(last) if last else date.max
    if end < begin:
        raise click.UsageError("--to is before --from")
    found = [each for each in lake.days(table.dataset.name) if begin <= each <= end]
    if not found:
        raise Refused(
            f"the lake has no day of {table.dataset.name} in that range; materialise lake/{table.dataset.name}"
        )
    return found


def _data(loaded: Reloaded) -> dict[str, Any]:
    return {
        "day": str(loaded.day), "rows_loaded": loaded.rows_loaded, "rows_deleted": loaded.rows_deleted,
        "files": loaded.files, "bytes": loaded.bytes, "query_id": loaded.query_id, "statement": loaded.statement,
    }  # fmt: skip


@warehouse.command("show-copy")
@click.argument("name")
@click.option("--day", required=True, metavar="YYYY-MM-DD", help="The day whose load is shown.")
@click.pass_obj
def show_copy(session: Session, name: str, day: str) -> None:
    """Show the COPY INTO that loads a day of NAME, without its credentials; nothing is run.

    It names the files of the lake's manifest; for a day that is not in the lake it shows the statement without them.
    """
    from integrations_platform.warehouse.reload import plan_copy

    with _opened(session) as (settings, lake):
        table = _table(settings, name)
        when = table.day_of(day)
        manifest = lake.manifest(table.dataset.name, when)
        if manifest is not None:
            statement = plan_copy(table, lake, manifest)
        else:
            statement = table.copy(lake.location(table.dataset.name, when), (), lake.address.location(""))
    click.echo(f"{statement.redacted()};")


@warehouse.command()
@click.argument("sql")
@click.option("--limit", type=click.IntRange(min=0), default=50, show_default=True, help="Rows shown; 0 shows all.")
@as_json
@click.pass_obj
def query(session: Session, sql: str, limit: int, as_json: bool) -> None:
    """Answer a SELECT, in Snowflake's dialect, from the embedded warehouse. Nothing can be changed by it."""
    from integrations_platform.cli.output import columns, emit, more, say
    from integrations_platform.warehouse.opening import open_embedded

    with _opened(session) as (settings, lake):
        if settings.warehouse.engine() != "embedded":
            raise Refused("this environment loads into Snowflake; ask there. Only the embedded warehouse is asked here")
        answer = replace(open_embedded(settings, lake), patience=_PATIENCE).query(sql)
    if as_json:
        emit({"columns": list(answer.names), "rows": [[_plain(cell) for cell in row] for row in answer.rows]})
        return
    shown = answer.rows[:limit] if limit else answer.rows
    columns(answer.names, [tuple("-" if cell is None else str(_plain(cell)) for cell in row) for row in shown])
    more(len(answer.rows) - len(shown), "row")
    if not answer.rows:
        say("no row")


def _plain(cell: Any) -> Any:
    """A value as JSON can hold it."""
    return cell if cell is None or isinstance(cell, bool | int | float | str) else str(cell)
