"""The group `integrations airbyte`: connections discovered, looked at, synced and reset by a person or a script.

Owns options and words; what a sync does is decided in :mod:`integrations_platform.airbyte`, the same for Dagster.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from integrations_platform.cli.airbyte_reading import forget, read
from integrations_platform.cli.faults import FAILED, PARTIAL, Refused
from integrations_platform.cli.session import Session, as_json

if TYPE_CHECKING:
    from integrations_platform.airbyte.looks import Job
    from integrations_platform.airbyte.reports import SyncReport
    from integrations_platform.airbyte.server import Airbyte
    from integrations_platform.settings import Settings
    from integrations_platform.settings_airbyte import ConnectionSettings

_ON_CONFLICT = click.Choice(["attach", "skip", "fail"])


@click.group()
def airbyte() -> None:
    """Airbyte connections, on a server; without one their connectors run on this machine."""


for command in (read, forget):
    airbyte.add_command(command)


@airbyte.command()
@click.option("--check", is_flag=True, help="Write nothing; say where Airbyte departs from what is declared.")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="File to write (default: stdout). An existing one is left alone.",
)  # fmt: skip
@as_json
@click.pass_context
def discover(ctx: click.Context, check: bool, output: Path | None, as_json: bool) -> None:
    """Write declarations of the workspace's connections that have none yet, for you to review.

    \b
    Exit codes: 0 done, or nothing departs; 1 failed; 2 wrong usage or settings; 3 something departs (--check).
    """
    from integrations_platform.airbyte.discovering import declaration, id_of, undeclared
    from integrations_platform.cli.output import count, emit, say

    with _server(ctx.obj) as (settings, server):
        declared = settings.airbyte.connections
        if check:
            ctx.exit(PARTIAL if _departed(settings, server, as_json=as_json) else 0)
        found = undeclared(server.connections(), {name: id_of(each) for name, each in declared.items()})
    text = declaration(found, declared)
    if as_json:
        emit({"connections": [{"id": each.id, "name": each.name, "streams": [s.name for s in each.streams]}
                              for each in found], "declaration": text})  # fmt: skip
    elif not found:
        say("every connection of the workspace is declared")
    elif output is None:
        click.echo(text, nl=False)
    else:
        _write(output, text)
        say(f"{output} is written with {count(len(found), 'connection')}; put what you want into the environment file")


def _departed(settings: Settings, server: Airbyte, *, as_json: bool) -> bool:
    """Say where each declared connection departs; whether any does."""
    from integrations_platform.airbyte.discovering import id_of, undeclared
    from integrations_platform.airbyte.drift import departures
    from integrations_platform.airbyte.faults import AirbyteFault
    from integrations_platform.cli.output import emit, say
    from integrations_platform.secret_text import SettingsError

    known = {each.id: each for each in server.connections()}
    lines: list[dict[str, Any]] = []

    def note(name: str, what: str, remedy: str, *, serious: bool) -> None:
        lines.append({"connection": name, "what": what, "remedy": remedy, "serious": serious})

    declared = settings.airbyte.connections
    for name, each in declared.items():
        try:
            found = known.get(each.id()) or server.connection(each.id())
        except SettingsError as fault:
            note(name, f"has no id: {fault.faults[0].what}", fault.faults[0].remedy, serious=True)
        except AirbyteFault as fault:
            if not 400 <= fault.status < 500:
                raise
            note(name, fault.message, "correct its id", serious=True)
        else:
            for item in departures(each, found):
                note(name, item.what, item.remedy, serious=item.serious)
    more = undeclared(known.values(), {name: id_of(each) for name, each in declared.items()})
    if as_json:
        emit({"departures": lines, "undeclared": [{"id": each.id, "name": each.name} for each in more]})
        return bool(lines)
    for line in lines:
        say(f"{line['connection']}: {line['what']}", colour="red" if line["serious"] else "yellow")
        say(f"    → {line['remedy']}")
    for connection in more:
        say(f"not declared: {connection.name or connection.id}")
    if not lines:
        say(f"{len(declared)} declared connections are as declared" if declared else "no connection is declared")
    return bool(lines)


def _write(output: Path, text: str) -> None:
    try:
        with output.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise Refused(f"{output} exists already and is left as it is; name another file") from None
    except OSError as fault:
        raise Refused(f"{output} cannot be written: {fault.strerror}") from None


@airbyte.command()
@click.argument("name", required=False)
@as_json
@click.pass_obj
def status(session: Session, name: str | None, as_json: bool) -> None:
    """Show what each connection did last, or all that is known of the connection NAME."""
    from integrations_platform.airbyte.discovering import id_of
    from integrations_platform.cli.output import columns, emit, say

    with _server(session) as (settings, server):
        chosen = _chosen(settings, [name] if name else [])
        rows = [(each, server.jobs(number) if (number := id_of(each)) else None) for each in chosen]
        report = _newest(server, chosen[0], rows[0][1] or []) if name else None
    if as_json:
        data = [_status_data(each, jobs) for each, jobs in rows]
        emit({"connections": data} if report is None else data[0] | {"report": report.to_data()})
        return
    head = ("NAME", "MODE", "SCHEDULE", "NEWEST SYNC", "ENDED", "ROWS", "JOB")
    columns(head, [_status_row(each, jobs) for each, jobs in rows])
    if report is not None:
        say()
        _show_report(report)


def _newest(server: Airbyte, connection: ConnectionSettings, jobs: Sequence[Job]) -> SyncReport | None:
    """Of the newest sync that is over."""
    from integrations_platform.airbyte.telling import observed
    from integrations_platform.cli.output import warn

    over = next((job for job in jobs if job.over and job.type == "sync"), None)
    return None if over is None else observed(server, server.connection(connection.id()), over, warn)


def _sync_of(jobs: Sequence[Job] | None) -> Job | None:
    return next((job for job in jobs or () if job.type == "sync"), None)


def _status_data(connection: ConnectionSettings, jobs: Sequence[Job] | None) -> dict[str, Any]:
    job = _sync_of(jobs)
    busy = next((each for each in jobs or () if not each.over), None)
    return {
        "name": connection.name, "mode": connection.mode, "schedule": connection.schedule,
        "has_id": jobs is not None, "busy_with": None if busy is None else busy.type,
        "job_id": None if job is None else job.id, "status": None if job is None else job.status,
        "rows": None if job is None else job.rows,
        "ended": None if job is None or not job.over or job.updated is None else job.updated.isoformat(),
    }  # fmt: skip


def _status_row(connection: ConnectionSettings, jobs: Sequence[Job] | None) -> tuple[str, ...]:
    from datetime import UTC, datetime

    from integrations_platform.cli.output import age

    job = _sync_of(jobs)
    first = (connection.name, connection.mode, connection.schedule or "-")
    if jobs is None:
        return (*first, f"set {' or '.join(connection.connection_id.variables) or 'its id'}", "-", "-", "-")
    if job is None:
        return (*first, "never", "-", "-", "-")
    other = next((f" ({each.type} under way)" for each in jobs if not each.over and each.type != "sync"), "")
    ended = age(job.updated, datetime.now(UTC)) if job.over else "-"
    return (*first, job.status + other, ended, "-" if job.rows is None else f"{job.rows:,}", str(job.id))


@airbyte.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "everything", is_flag=True, help="All declared connections.")
@click.option("--no-wait", is_flag=True, help="Return once the syncs are started.")
@click.option("--on-conflict", type=_ON_CONFLICT, help="About a sync that runs already (default: as declared).")
@as_json
@click.pass_obj
def sync(
    session: Session, names: tuple[str, ...], everything: bool, no_wait: bool, on_conflict: str | None, as_json: bool
) -> None:
    """Sync connections beside each other, and report each when it is over. Ctrl-C cancels what was started here.

    \b
    Exit codes: 0 all arrived, 1 nothing did, 2 wrong usage or settings, 3 some streams or connections did not.
    """
    from integrations_platform.airbyte.declared import sync_together
    from integrations_platform.cli.output import emit, warn
    from integrations_platform.telemetry.tallies import count_job

    if bool(names) == everything:
        raise click.UsageError("name connections, or give --all")
    done: list[dict[str, Any]] = []
    whole = some = 0
    with _server(session) as (settings, server):
        chosen = _chosen(settings, names)
        for connection, report in sync_together(
            server, chosen, on_conflict or "", wait=not no_wait, note=_watched, warn=warn
        ):
            if isinstance(report, Exception):
                warn(f"Error: {connection.name}: {report}")
                done.append({"name": connection.name, "error": str(report)})
                continue
            count_job(settings, connection.name, report.how, report.status, report.rows)
            fine = report.succeeded or report.skipped or no_wait
            whole += fine
            some += fine or report.partial
            done.append({"name": connection.name} | report.to_data())
            if not as_json:
                _show_report(report, connection.name)
    if as_json:
        emit({"connections": done})
    if whole < len(chosen):
        raise click.exceptions.Exit(PARTIAL if some else FAILED)


@airbyte.command()
@click.argument("name")
@click.option("--stream", "streams", multiple=True, metavar="STREAM", help="Only this stream; may be repeated.")
@click.option("--no-sync", is_flag=True, help="Only clear; the next sync reads everything anew.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@click.pass_obj
def reset(session: Session, name: str, streams: tuple[str, ...], no_sync: bool, yes: bool, as_json: bool) -> None:
    """Remove what the connection NAME wrote at its destination, then sync it anew.

    \b
    Exit codes: 0 done, 1 failed, 2 wrong usage or settings, or not confirmed, 3 some streams did not arrive.
    """
    from integrations_platform.airbyte.declared import policy_of
    from integrations_platform.airbyte.resetting import Reset
    from integrations_platform.cli.output import emit, say, warn

    with _server(session) as (settings, server):
        (connection,) = _chosen(settings, [name])
        what = ", ".join(streams) or "everything"
        if not yes:
            asked = f"This removes {what} that {name} wrote at its destination. Its name, to confirm"
            if click.prompt(asked, err=True) != name:
                raise Refused("not confirmed; nothing was cleared")
        cleared = Reset(server, connection, streams, policy_of(connection), note=_watched, warn=warn)
        if no_sync:
            job = cleared.clear()
            emit({"cleared_by_job": job.id}) if as_json else say(f"{name}: {what} cleared by job {job.id}")
            return
        report = cleared.clear_and_sync()
    if as_json:
        emit({"name": name} | report.to_data())
    else:
        _show_report(report, name)
    if not report.succeeded:
        raise click.exceptions.Exit(PARTIAL if report.partial else FAILED)


@contextmanager
def _server(session: Session) -> Iterator[tuple[Settings, Airbyte]]:
    """The environment's server; a refusal where its connectors run on this machine."""
    from integrations_platform.airbyte.opening import open_airbyte
    from integrations_platform.settings import load_settings

    settings = load_settings(session.environment, env_file=session.env_file)
    if settings.airbyte.engine() == "embedded":
        how = "set AIRBYTE_API_URL; without a server: integrations airbyte read NAME, or its asset in Dagster"
        raise Refused(f"this environment has no Airbyte server: {how}")
    server = open_airbyte(settings.airbyte)
    try:
        yield settings, server
    finally:
        server.close()


def _chosen(settings: Settings, names: Sequence[str]) -> list[ConnectionSettings]:
    """Those of the names, all without any."""
    from integrations_platform.schema_check import nearest

    declared = settings.airbyte.connections
    for name in names:
        if name not in declared:
            raise Refused(f"no connection is named {name!r}; {nearest(name, declared)}")
    found = [declared[name] for name in dict.fromkeys(names or declared)]
    if not found:
        raise Refused("no connection is declared; `integrations airbyte discover` writes declarations")
    return found


def _watched(line: str) -> None:
    """What goes on is told to people who watch, apart from the results."""
    if sys.stderr.isatty():
        from integrations_platform.cli.output import clean

        click.echo(clean(line), err=True)


def _show_report(report: SyncReport, name: str = "") -> None:
    from integrations_platform.cli.output import count, say

    title = f"{name or report.connection}: job {report.job_id} "
    if report.skipped:
        say(f"{title}runs already and was left to itself")
    elif not report.status or report.status not in ("succeeded", "failed", "cancelled"):
        say(f"{title}is {report.status or 'started'}")
    else:
        rows = "" if report.rows is None else f", {count(report.rows, 'row')}"
        colour = "green" if report.succeeded else "red"
        say(f"{title}{report.status} after {report.seconds:.0f} s{rows} ({report.how})", colour=colour)
    for stream in report.streams:
        shown = f"{stream.namespace}.{stream.name}" if stream.namespace else stream.name
        rows = "rows unknown" if stream.rows is None else count(stream.rows, "row")
        rejected = f", {stream.rejected:,} rejected" if stream.rejected else ""
        why = f": {stream.failure}" if stream.failure else ""
        say(f"  {shown}: {stream.state.lower()}, {rows}{rejected}{why}")
    for line in report.failure.splitlines():
        say(f"  {line}", colour="red")
    if report.url:
        say(f"  {report.url}")
