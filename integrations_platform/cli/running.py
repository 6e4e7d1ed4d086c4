"""The commands that move records: plan, apply, run.

Owns the order of looking, asking and doing. What is applied is exactly what was shown: operations are named by id, and
those that are no longer the same are refused.
"""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Any

import click

from integrations_platform.cli.faults import REFUSED, Refused
from integrations_platform.cli.session import Named, Session, SyncCommand, about_sync, as_json, find

if TYPE_CHECKING:
    from integrations_platform.platform import Platform
    from integrations_platform.unified_sync.plan import Plan
    from integrations_platform.unified_sync.report import RunReport
    from integrations_platform.unified_sync.store import SavedPlan

GUARDS = ("canary", "deletes", "empty_side", "mass_change")
EXIT_CODES = """\b
Exit codes:
  0  applied, or nothing to do
  1  failed (also: another run of this sync is going on)
  2  wrong usage or configuration; nothing was written
  3  partial: something is parked, quarantined, deferred or stale
  4  refused by a guard; nothing was written"""

_limit = click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="Records shown of each kind; 0 shows all.",
)


@click.command(cls=SyncCommand)
@about_sync()
@_limit
@as_json
@click.pass_obj
def plan(session: Session, name: str, limit: int, as_json: bool) -> None:
    """Show what a run of NAME would do, field by field, and keep the plan for review.

    Nothing is written to any side. The exit code is 0 with or without changes, 4 when a guard would refuse them.
    """
    from integrations_platform.cli.output import emit
    from integrations_platform.cli.show_plan import show_plan

    with session.platform() as platform:
        named = find(platform, name)
        made, saved = platform.plan(named.spec)
        data = _described(platform, named, made, saved.plan_id)
    if as_json:
        emit(data)
    else:
        show_plan(data, limit=limit)
        _recommend(session, named, made, saved.plan_id)
    if made.refusals:
        raise click.exceptions.Exit(REFUSED)


@click.command(cls=SyncCommand, epilog=EXIT_CODES)
@about_sync()
@click.option("--plan", "plan_id", metavar="ID", help="A plan kept by `sync plan`; without it one is made and shown.")
@click.option(
    "--lift",
    type=click.Choice(GUARDS),
    multiple=True,
    help="Let this guard pass, for a plan you have reviewed (needs --plan).",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@_limit
@as_json
@click.pass_obj
def apply(
    session: Session, name: str, plan_id: str | None, lift: tuple[str, ...], yes: bool, limit: int, as_json: bool
) -> None:
    """Carry out a plan of NAME: exactly its operations, each only if it is still the same.

    Operations whose records changed since the plan are refused and named (exit code 3). Without --plan the plan is
    made now, shown, and applied after you agree.
    """
    if lift and plan_id is None:
        raise click.UsageError("--lift needs --plan ID: look at the plan first, then lift the guard for that plan only")
    with session.platform() as platform:
        named = find(platform, name)
        if plan_id is None:
            saved = _plan_and_ask(session, platform, named, yes=yes, limit=limit, as_json=as_json)
        else:
            saved = _saved(session, platform, named, plan_id)
        report = _run(platform, named, only_ops=frozenset(saved.op_ids), plan_id=saved.plan_id, lift=frozenset(lift))
        _finish(session, platform, named, report, as_json=as_json, planned=saved)


@click.command(cls=SyncCommand, epilog=EXIT_CODES)
@about_sync()
@click.option("--dry-run", is_flag=True, help="Show what the run would do, and write nothing anywhere.")
@click.option(
    "--direction",
    type=click.Choice(["source_to_target", "target_to_source", "bidirectional"]),
    help="Only this way, for this run: edits of the other side wait for a later one.",
)
@click.option("--batch-size", type=click.IntRange(1, 10_000), help="Records per call, for this run.")
@click.option(
    "--strategy",
    type=click.Choice(["source_wins", "target_wins", "latest", "manual"]),
    help="Who wins new conflicts of all fields, for this run.",
)
@click.option(
    "--unattended",
    is_flag=True,
    help="For schedules: refuse the very first plan of a sync, which a person should have seen.",
)
@click.option(
    "--if-changed",
    is_flag=True,
    help="Look at nothing unless the `modified` columns of both sides tell of a change since the last look. Deletes "
    "leave no such stamp: run without this from time to time.",
)
@click.option(
    "--full",
    is_flag=True,
    help="Look at every record of both sides, also where a database could tell what moved since the last run.",
)
@_limit
@as_json
@click.pass_obj
def run(
    session: Session,
    name: str,
    dry_run: bool,
    direction: str | None,
    batch_size: int | None,
    strategy: str | None,
    unattended: bool,
    if_changed: bool,
    full: bool,
    limit: int,
    as_json: bool,
) -> None:
    """Run the sync NAME: plan, check the guards, write, read back, remember."""
    from integrations_platform.unified_sync.spec import Direction, Strategy

    if if_changed and full:
        raise click.UsageError(
            "--if-changed and --full exclude each other: look as little as possible, or at everything"
        )
    with session.platform() as platform:
        found = find(platform, name)
        spec = found.spec.overridden(
            direction=Direction(direction) if direction else None,
            batch_size=batch_size,
            strategy=Strategy(strategy) if strategy else None,
        )
        named = Named(spec, found.word)
        report = _run(platform, named, dry_run=dry_run, attended=not unattended, hint=if_changed, full=full)
        if dry_run and report.plan is not None:
            _show_dry_run(platform, named, report, limit=limit, as_json=as_json)
        else:
            _finish(session, platform, named, report, as_json=as_json)


def run_now(session: Session, platform: Platform, named: Named) -> None:
    """Run a sync as `sync run` does, after something else; ends the command with its exit code."""
    _finish(session, platform, named, _run(platform, named), as_json=False)


def _run(platform: Platform, named: Named, **asked: Any) -> RunReport:
    from integrations_platform.unified_sync.engine import Request

    return platform.run(named.spec, Request(actor=person(), trigger="cli", **asked))


def person() -> str:
    """Who is at the terminal, for the audit."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container user without a name
        return "cli"


def _described(platform: Platform, named: Named, made: Plan, plan_id: str | None) -> dict[str, Any]:
    from integrations_platform.plan_data import plan_data

    waiting = {row.conflict_id for row in platform.store.conflicts(named.spec.name)}
    return plan_data(named.spec, made, plan_id=plan_id, waiting=len(waiting))


def _recommend(session: Session, named: Named, made: Plan, plan_id: str) -> None:
    from integrations_platform.cli.output import say

    say()
    if made.refusals:
        lifts = [word for guard in dict.fromkeys(item.guard for item in made.refusals) for word in ("--lift", guard)]
        say(f"plan {plan_id}; if every line of it is meant, lift the guard for this plan only:")
    elif made.is_empty:
        say(f"plan {plan_id}; it writes to no side")
        return
    else:
        lifts = []
        say(f"plan {plan_id}; to carry out exactly this:")
    say(f"  {session.command('sync', 'apply', named.word, '--plan', plan_id, *lifts)}")


def _plan_and_ask(
    session: Session, platform: Platform, named: Named, *, yes: bool, limit: int, as_json: bool
) -> SavedPlan:
    from integrations_platform.cli.output import emit
    from integrations_platform.cli.show_plan import show_plan

    asks = not yes and sys.stdin.isatty() and not as_json
    if not yes and not asks:
        raise Refused(
            "apply asks before it writes, and nobody can be asked here: "
            "add --yes, or apply a reviewed plan with --plan ID"
        )
    made, saved = platform.plan(named.spec)
    data = _described(platform, named, made, saved.plan_id)
    if not as_json:
        show_plan(data, limit=limit)
    elif made.refusals:
        emit(data)
    if made.refusals:
        if not as_json:
            _recommend(session, named, made, saved.plan_id)
        raise click.exceptions.Exit(REFUSED)
    if asks and not made.is_empty and not _agreed():
        raise click.ClickException(f"not applied; plan {saved.plan_id} is kept")
    return saved


def _agreed() -> bool:
    # Polars replaces the handler of Ctrl-C by one that resumes a blocked read, so that Ctrl-C would wait for Enter.
    if hasattr(signal, "siginterrupt"):
        signal.siginterrupt(signal.SIGINT, True)
    return click.confirm("\nApply this plan?", default=False)


def _saved(session: Session, platform: Platform, named: Named, plan_id: str) -> SavedPlan:
    from integrations_platform.cli.output import warn
    from integrations_platform.unified_sync.spec import spec_digest

    saved = platform.store.plan(named.spec.name, plan_id)
    if saved is None:
        newest = platform.store.plan(named.spec.name, None)
        known = f"the newest one is {newest.plan_id}" if newest else "none is kept"
        remedy = session.command("sync", "plan", named.word)
        raise Refused(f"sync {named.spec.name!r} has no plan {plan_id!r}; {known}. Make one with: {remedy}")
    _bodies(saved)
    if saved.spec_digest != spec_digest(named.spec):
        warn("note: the sync's declaration changed since this plan was made; operations that differ now are refused")
    if saved.applied_run is not None:
        warn(f"note: this plan was applied before, by run {saved.applied_run}; what is left of it is tried again")
    return saved


def _bodies(saved: SavedPlan) -> dict[str, dict[str, Any]]:
    """The operations that were shown, by id. Raises Refused: nobody has reviewed such a plan."""
    from integrations_platform.plan_data import DamagedPlan, saved_operations

    try:
        return saved_operations(saved)
    except DamagedPlan as fault:
        raise Refused(str(fault)) from None


def _show_dry_run(platform: Platform, named: Named, report: RunReport, *, limit: int, as_json: bool) -> None:
    from integrations_platform.cli.output import emit, say
    from integrations_platform.cli.show_plan import show_plan
    from integrations_platform.cli.show_report import report_data, show_spent

    assert report.plan is not None  # noqa: S101  asked by the caller
    data = _described(platform, named, report.plan, None)
    extra = [text for text in report.warnings if text not in data["warnings"]]
    data["warnings"] = [*data["warnings"], *extra]
    if as_json:
        emit(report_data(report) | {"plan": data})
    else:
        show_plan(data, limit=limit)
        say()
        say("dry run: nothing was written")
        show_spent(platform, named, report)
    raise click.exceptions.Exit(report.exit_code)


def _finish(
    session: Session,
    platform: Platform,
    named: Named,
    report: RunReport,
    *,
    as_json: bool,
    planned: SavedPlan | None = None,
) -> None:
    from integrations_platform.cli.output import emit
    from integrations_platform.cli.show_report import report_data, show_report

    if as_json:
        emit(report_data(report))
    else:
        show_report(session, platform, named, report)
        if report.stale and planned is not None:
            _show_stale(session, named, report, planned)
    raise click.exceptions.Exit(report.exit_code)


def _show_stale(session: Session, named: Named, report: RunReport, planned: SavedPlan) -> None:
    from integrations_platform.cli.output import count, say
    from integrations_platform.plan_data import WORDS

    bodies = _bodies(planned)
    are = "is" if len(report.stale) == 1 else "are"
    say(f"  {count(len(report.stale), 'operation')} of plan {planned.plan_id} {are} no longer what was reviewed:")
    for op_id in report.stale[:20]:
        body = bodies.get(op_id, {})
        record = body.get("record") or body.get("link") or ""
        fields = ", ".join(body.get("fields", {}))
        say(f"    {op_id}  {body.get('kind', '')} {WORDS.get(body.get('side', ''), '')} {record}: {fields}")
    say(f"  look again with: {session.command('sync', 'plan', named.word)}")
