"""The commands about what was: restore, verify, audit.

`restore` writes, as an ordinary audited plan made from audit lines; the others only look.
"""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from integrations_platform.cli.faults import FAILED, PARTIAL, Refused
from integrations_platform.cli.session import Named, Session, SyncCommand, about_sync, as_json, find

if TYPE_CHECKING:
    from integrations_platform.platform import Platform
    from integrations_platform.unified_sync.plan import Plan
    from integrations_platform.unified_sync.store import StoredAuditEntry

ROLES = ("written", "loser", "recovered", "deleted", "linked", "decided", "guard")


@click.command(cls=SyncCommand)
@about_sync()
@click.option("--audit", "number", type=click.IntRange(min=1), metavar="N", help="Bring back what audit line N lost.")
@click.option("--run", "run_id", metavar="ID", help="Bring back everything that run ID replaced or removed.")
@click.option("--dry-run", is_flag=True, help="Only show what would be brought back.")
@as_json
@click.pass_obj
def restore(session: Session, name: str, number: int | None, run_id: str | None, dry_run: bool, as_json: bool) -> None:
    """Bring back a value or record that a run of NAME replaced or removed.

    It is written to the side that lost it, unless that changed meanwhile; the next run carries it on to the other side.
    What it replaces is kept in the audit in turn.
    """
    from integrations_platform import restoration
    from integrations_platform.cli.output import emit, say
    from integrations_platform.cli.running import person
    from integrations_platform.cli.show_report import report_data, show_report

    if (number is None) == (run_id is None):
        raise click.UsageError("give --audit N or --run ID")
    with session.platform() as platform:
        named = find(platform, name)
        try:
            lines = restoration.lost_lines(platform.store, named.spec.name, number=number, run_id=run_id)
        except restoration.NothingToRestore as fault:
            look = session.command("sync", "audit", named.word, "--role", "loser")
            raise Refused(f"{fault}; lines that lost something: {look}") from None
        if dry_run:
            _show_lines(named, lines, restoration.preview(platform, named.spec, lines), as_json=as_json)
            return
        report = platform.run(named.spec, restoration.request(lines, person()))
        # A line that could not be brought back is said in a warning; then not everything that was asked for happened.
        code = PARTIAL if report.exit_code == 0 and report.warnings else report.exit_code
        if as_json:
            emit(report_data(report) | {"exit_code": code, "lines": [stored.number for stored in lines]})
        else:
            show_report(session, platform, named, report)
            if report.written:
                say(f"the next run carries it on: {session.command('sync', 'run', named.word)}")
    raise click.exceptions.Exit(code)


def _show_lines(named: Named, lines: list[StoredAuditEntry], plan: Plan, *, as_json: bool) -> None:
    from integrations_platform.cli.output import emit, say, value, values
    from integrations_platform.unified_sync.operations import to_body

    if as_json:
        operations = [{"op_id": op.op_id} | to_body(op) for op in plan.operations]
        shown = {"lines": [_line_data(stored) for stored in lines], "operations": operations}
        emit({"sync": named.spec.name, "dry_run": True} | shown | {"warnings": plan.warnings})
        return
    for stored in lines:
        entry = stored.entry
        what = entry.field or "the whole record"
        say(f"line {stored.number}: {what} of {entry.link_id} on {_word(entry.side)}: {values(entry.lost)}")
    for op in plan.operations:
        say(f"would {op.kind.value} {op.record_id or op.link_id} on {_word(op.side)}", colour="green")
        for field, change in to_body(op)["fields"].items():
            say(f"    {field}: {value(change['before'])} → {value(change['sent'])}")
    for text in plan.warnings:
        say(f"note: {text}", colour="yellow")
    say("dry run: nothing was written")


@click.command(cls=SyncCommand)
@about_sync()
@as_json
@click.pass_obj
def verify(session: Session, name: str, as_json: bool) -> None:
    """Read both sides of NAME in full and compare them, value by value, trusting nothing that is remembered.

    Exit codes: 0 they agree; 1 they differ and nothing explains it; 3 they differ only where a conflict or quarantine
    is waiting.
    """
    from integrations_platform.cli.output import count, emit, say, value

    with session.platform() as platform:
        named = find(platform, name)
        with platform.sides(named.spec) as sides:
            found = platform.engine(named.spec).verify(named.spec, sides)
    if as_json:
        emit({"sync": named.spec.name} | found.to_data())
    else:
        good = found.agrees and not found.explained
        verdict = (
            "both sides agree" if good else "agree, except where somebody must decide" if found.agrees else "DIFFER"
        )
        say(f"{named.spec.name}: {verdict}", bold=True, colour="green" if good else "yellow" if found.agrees else "red")
        say(f"  {count(found.links, 'linked record')} compared, {found.agreeing:,} agree in every field")
        if found.explained:
            say(f"  {count(found.explained, 'field')} parked or quarantined")
        if found.unexplained:
            say(f"  {count(found.unexplained, 'field')} differ with no reason known; the next run looks at them")
        if found.missing:
            say(f"  {count(found.missing, 'linked record')} not there on one side")
        if found.unlinked_a or found.unlinked_b:
            say(f"  not linked: {found.unlinked_a:,} on source, {found.unlinked_b:,} on target")
        for item in found.disagreements:
            shown = item.to_data()
            reason = f"   ({item.known})" if item.known else ""
            ends = f"source {value(shown['source'])}, target {value(shown['target'])}"
            say(f"  {item.link_id} {item.field}: {ends}{reason}")
    if not found.agrees:
        raise click.exceptions.Exit(FAILED)
    if found.explained:
        raise click.exceptions.Exit(PARTIAL)


@click.command(cls=SyncCommand)
@about_sync()
@click.option("--verify", "check", is_flag=True, help="Check the hash chain of the whole audit.")
@click.option("--run", "run_id", metavar="ID", help="Only lines of this run.")
@click.option("--link", "link_id", metavar="ID", help="Only lines of this link.")
@click.option("--role", type=click.Choice(ROLES), help="Only lines of this kind; loser and deleted can be restored.")
@click.option("--after", type=click.IntRange(min=0), default=0, help="Only lines with a higher number.")
@click.option("--limit", type=click.IntRange(min=0), default=50, show_default=True, help="Shown at most; 0 shows all.")
@as_json
@click.pass_obj
def audit(
    session: Session,
    name: str,
    check: bool,
    run_id: str | None,
    link_id: str | None,
    role: str | None,
    after: int,
    limit: int,
    as_json: bool,
) -> None:
    """Show what runs of NAME wrote and what it replaced, oldest first; --verify checks that no line was altered."""
    from integrations_platform.cli.output import columns, emit, say, values

    with session.platform() as platform:
        named = find(platform, name)
        if check:
            _verify_chain(platform, named, as_json=as_json)
            return
        lines = (
            stored
            for stored in platform.store.audit(named.spec.name, after=after, run_id=run_id, link_id=link_id)
            if role in (None, stored.entry.role.value)
        )
        shown = list(lines if limit == 0 else islice(lines, limit + 1))
    cut = limit != 0 and len(shown) > limit
    shown = shown[:limit] if cut else shown
    if as_json:
        emit({"sync": named.spec.name, "lines": [_line_data(stored) for stored in shown], "more": cut})
        return
    columns(
        ("N", "AT", "ROLE", "LINK", "SIDE", "FIELD", "OLD", "NEW", "LOST", "RULE", "BY"),
        [
            (
                str(stored.number),
                stored.entry.at.isoformat(timespec="seconds"),
                stored.entry.role.value,
                stored.entry.link_id or "-",
                _word(stored.entry.side),
                stored.entry.field or "-",
                *(
                    values(text, 24) if text else "-"
                    for text in (stored.entry.old, stored.entry.new, stored.entry.lost)
                ),
                stored.entry.rule,
                stored.entry.actor,
            )
            for stored in shown
        ],
    )
    if cut:
        say(f"… more lines: --after {shown[-1].number}, or --limit 0 for all")


def _verify_chain(platform: Platform, named: Named, *, as_json: bool) -> None:
    from integrations_platform.cli.output import count, emit, say
    from integrations_platform.unified_sync.audit import verify_chain

    store, name = platform.store, named.spec.name
    checked, problem = verify_chain(store.audit(name), store.audit_head(name), store.seal)
    if as_json:
        emit({"sync": named.spec.name, "intact": problem is None, "lines_checked": checked, "problem": problem})
    elif problem is None:
        say(f"{named.spec.name}: the audit is intact, {count(checked, 'line')} checked", colour="green")
    else:
        say(f"{named.spec.name}: {problem}; the {count(checked, 'line')} before it are intact", bold=True, colour="red")
    if problem is not None:
        raise click.exceptions.Exit(FAILED)


def _word(side: str | None) -> str:
    from integrations_platform.plan_data import WORDS

    return WORDS.get(side or "", "-")


def _line_data(stored: StoredAuditEntry) -> dict[str, Any]:
    entry = stored.entry

    def fields(text: str | None) -> Any:
        return None if text is None else json.loads(text)

    return {
        "number": stored.number,
        "at": entry.at.isoformat(),
        "role": entry.role.value,
        "run_id": entry.run_id,
        "link": entry.link_id,
        "side": None if entry.side is None else _word(entry.side),
        "record_id": entry.record_id,
        "op_id": entry.op_id,
        "field": entry.field,
        "old": fields(entry.old),
        "new": fields(entry.new),
        "lost": fields(entry.lost),
        "rule": entry.rule,
        "actor": entry.actor,
        "hash": stored.hash,
    }
