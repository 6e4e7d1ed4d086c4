"""The commands `integrations airbyte read` and `forget`: connections whose connectors run on this machine.

Owns options and words; what is read, landed and kept is decided in :mod:`integrations_platform.airbyte.embedded`.
"""

from __future__ import annotations

import sys
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from integrations_platform.cli.faults import FAILED, PARTIAL, Refused
from integrations_platform.cli.lake import Day
from integrations_platform.cli.session import Session, as_json

if TYPE_CHECKING:
    from integrations_platform.airbyte.embedded import EmbeddedSync
    from integrations_platform.airbyte.reports import SyncReport
    from integrations_platform.settings import Settings


@click.command()
@click.argument("name")
@click.option("--day", type=Day(), metavar="DAY", help="Partition to fill, of a connector that makes rows for a day.")
@click.option("--check", is_flag=True, help="Only ask the connector whether it could be read.")
@as_json
@click.pass_obj
def read(session: Session, name: str, day: date | None, check: bool, as_json: bool) -> None:
    """Read the connection NAME by its connector, here, and land its streams in the lake.

    For environments without an Airbyte server. The connector is installed first if need be.

    \b
    Exit codes: 0 all arrived, 1 nothing did, 2 wrong usage or settings, 3 some streams did not.
    """
    from integrations_platform.cli.output import emit, say, warn
    from integrations_platform.telemetry.tallies import count_job

    settings, sync = _sync(session, name, day)
    sync.note, sync.warn = _watched, warn
    if check:
        sync.check()
        emit({"name": name, "readable": True}) if as_json else say(f"{name} can be read", colour="green")
        return
    report = sync.report()
    count_job(settings, name, report.how, report.status, report.rows)
    if as_json:
        emit({"name": name} | report.to_data())
    else:
        _show(report)
    if not report.succeeded:
        raise click.exceptions.Exit(PARTIAL if report.partial else FAILED)


@click.command()
@click.argument("name")
@as_json
@click.pass_obj
def forget(session: Session, name: str, as_json: bool) -> None:
    """Let the next read of the connection NAME begin at the beginning. What is in the lake stays, and comes once."""
    from integrations_platform.cli.output import emit, say

    _sync(session, name, None)[1].forget()
    emit({"name": name, "forgotten": True}) if as_json else say(f"{name}: the next read brings everything")


def _sync(session: Session, name: str, day: date | None) -> tuple[Settings, EmbeddedSync]:
    """The environment and the sync of the connection. Raises Refused for one that is not declared, or where a server
    syncs it."""
    from integrations_platform.airbyte.embedded import EmbeddedSync
    from integrations_platform.lake import Lake
    from integrations_platform.schema_check import nearest
    from integrations_platform.settings import load_settings

    settings = load_settings(session.environment, env_file=session.env_file)
    declared = settings.airbyte.connections
    if name not in declared:
        raise Refused(f"no connection is named {name!r}; {nearest(name, declared)}")
    if settings.airbyte.engine() == "server":
        raise Refused(f"an Airbyte server syncs {name} here; use `integrations airbyte sync {name}`")
    return settings, EmbeddedSync(declared[name], settings.airbyte, Lake.open(settings.lake), "cli", day)


def _watched(line: str) -> None:
    """What goes on is told to people who watch, apart from the results."""
    if sys.stderr.isatty():
        from integrations_platform.cli.output import clean

        click.echo(clean(line), err=True)


def _show(report: SyncReport) -> None:
    from integrations_platform.cli.output import columns, count, say

    rows: list[tuple[Any, ...]] = [
        (each.name, each.state.lower(), f"{each.emitted or 0:,}", f"{each.rows or 0:,}") for each in report.streams
    ]
    columns(("STREAM", "STATE", "READ", "NEW"), rows)
    say()
    colour = "green" if report.succeeded else "red"
    say(f"{report.connection}: {count(report.rows or 0, 'new row')} after {report.seconds:.0f} s", colour=colour)
    if report.failure:
        say(f"  {report.failure}", colour="red")
