"""The group `integrations sync quarantine`: what was set aside, and another try for it.

Releasing a row asks the next run to try again; nothing is written to any side here.
"""

from __future__ import annotations

import click

from integrations_platform.cli.faults import Refused
from integrations_platform.cli.session import Session, SyncCommand, about_sync, as_json, find


@click.group()
def quarantine() -> None:
    """Records set aside because they cannot go on as they are: list, replay."""


@quarantine.command("list", cls=SyncCommand)
@about_sync(required=False)
@click.option("--limit", type=click.IntRange(min=0), default=50, show_default=True, help="Shown at most; 0 shows all.")
@as_json
@click.pass_obj
def list_quarantined(session: Session, name: str | None, limit: int, as_json: bool) -> None:
    """List what NAME, or every sync, has set aside, oldest first."""
    from integrations_platform.cli.output import age, columns, emit, more, say
    from integrations_platform.plan_data import quarantine_data

    with session.platform() as platform:
        specs = [find(platform, name).spec] if name else list(platform.declared.values())
        rows = [(spec.name, row) for spec in specs for row in platform.store.quarantined(spec.name)]
        now = platform.runtime.clock()
    shown = rows if limit == 0 else rows[:limit]
    if as_json:
        emit({"quarantine": [{"sync": pair} | quarantine_data(row) for pair, row in shown], "total": len(rows)})
        return
    if not rows:
        say("nothing is in quarantine")
        return
    columns(
        ("SUBJECT", "SYNC", "REASON", "SINCE", "STATE", "MESSAGE"),
        [(row.subject, pair, row.reason, age(row.at, now), row.status.value, row.message) for pair, row in shown],
    )
    more(len(rows) - len(shown), "record")
    say()
    say("a record is tried again when it changes; after mending the cause elsewhere, ask for another try with:")
    say(f"  {session.command('sync', 'quarantine', 'replay', name or 'NAME')} SUBJECT…")


@quarantine.command("replay", cls=SyncCommand)
@about_sync()
@click.argument("subjects", nargs=-1, metavar="[SUBJECT]...")
@click.option("--all", "everything", is_flag=True, help="Everything that is open.")
@click.option("--reason", metavar="CLASS", help="With --all: only this class, e.g. rejected.")
@click.option("--by", metavar="WHO", help="Who asked, for the audit (default: you).")
@click.option("--apply", "at_once", is_flag=True, help="Run the sync at once.")
@as_json
@click.pass_obj
def replay(
    session: Session,
    name: str,
    subjects: tuple[str, ...],
    everything: bool,
    reason: str | None,
    by: str | None,
    at_once: bool,
    as_json: bool,
) -> None:
    """Ask for another try of quarantined records of NAME; the next run makes it."""
    from integrations_platform.cli.output import count, emit, say
    from integrations_platform.cli.running import person, run_now
    from integrations_platform.unified_sync.store import QuarantineStatus

    if everything == bool(subjects):
        raise click.UsageError("give subjects as `quarantine list` shows them, or --all")
    if reason and not everything:
        raise click.UsageError("--reason narrows --all")
    if as_json and at_once:
        raise click.UsageError("--json prints what was released; run the sync by itself for its report (drop --apply)")
    with session.platform() as platform:
        named = find(platform, name)
        rows = {row.subject: row for row in platform.store.quarantined(named.spec.name)}
        unknown = [subject for subject in subjects if subject not in rows]
        if unknown:
            known = ", ".join(rows) or "nothing"
            raise Refused(f"not in quarantine of {named.spec.name!r}: {', '.join(unknown)}; in it: {known}")
        wanted = list(subjects) or [row.subject for row in rows.values() if reason in (None, row.reason)]
        opened = [subject for subject in wanted if rows[subject].status is QuarantineStatus.OPEN]
        released = 0
        if opened:
            released = platform.store.release_quarantined(
                named.spec.name, opened, by or person(), platform.runtime.clock()
            )
        if as_json:
            emit({"sync": named.spec.name, "released": released, "subjects": wanted, "takes_effect": "next run"})
            return
        if not wanted:
            say("nothing to try again")
            return
        waiting = len(wanted) - released
        say(f"{count(released, 'record')} released{f', {waiting} were already' if waiting else ''}")
        if at_once:
            run_now(session, platform, named)
        say(f"the next run tries again: {session.command('sync', 'run', named.word)}")
