"""The group `integrations sync conflicts`: looking at parked disagreements and deciding them.

A decision is taken on the values that were shown and recorded with compare-and-set; it writes to no side. The next run
carries it out, if both sides still show what its author saw.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from integrations_platform.cli.faults import FAILED, Refused
from integrations_platform.cli.session import Named, Session, SyncCommand, about_sync, as_json, find

if TYPE_CHECKING:
    from integrations_platform.platform import Platform
    from integrations_platform.unified_sync.spec import SyncSpec
    from integrations_platform.unified_sync.store import Conflict


@click.group()
def conflicts() -> None:
    """Disagreements that wait for a person: list, show, resolve."""


@conflicts.command("list", cls=SyncCommand)
@about_sync(required=False)
@click.option("--all", "closed_too", is_flag=True, help="Closed ones too.")
@click.option("--limit", type=click.IntRange(min=0), default=50, show_default=True, help="Shown at most; 0 shows all.")
@as_json
@click.pass_obj
def list_conflicts(session: Session, name: str | None, closed_too: bool, limit: int, as_json: bool) -> None:
    """List the open conflicts of NAME, or of every sync, oldest first."""
    from integrations_platform.cli.output import age, columns, emit, more, say, values
    from integrations_platform.plan_data import conflict_data
    from integrations_platform.unified_sync.store import ConflictStatus

    with session.platform() as platform:
        specs = [find(platform, name).spec] if name else list(platform.declared.values())
        wanted = None if closed_too else ConflictStatus.OPEN
        rows = [(spec.name, row) for spec in specs for row in platform.store.conflicts(spec.name, wanted)]
        now = platform.runtime.clock()
    shown = rows if limit == 0 else rows[:limit]
    if as_json:
        emit({"conflicts": [{"sync": pair} | conflict_data(row) for pair, row in shown], "total": len(rows)})
        return
    if not rows:
        say("no open conflicts")
        return
    columns(
        ("ID", "SYNC", "RECORD", "FIELD", "BASE", "SOURCE", "TARGET", "N", "OPENED", "STATE"),
        [
            (
                row.conflict_id,
                pair,
                row.link_id,
                row.unit or "(record)",
                values(row.base, 24) if row.base else "-",
                values(row.value_a, 24),
                values(row.value_b, 24),
                str(row.n),
                age(row.opened_at, now),
                _state(row),
            )
            for pair, row in shown
        ],
    )
    more(len(rows) - len(shown), "conflict")
    word = name or "NAME"
    say()
    words = session.command("sync", "conflicts", "resolve", word, "ID", "--choice")
    say(f"decide one with: {words} source|target|base|value")


def _state(row: Conflict) -> str:
    from integrations_platform.plan_data import WORDS

    if row.status.value == "open" and row.choice:
        return f"decided: {WORDS.get(row.choice, row.choice)} (at the next run)"
    return row.status.value


@conflicts.command("show", cls=SyncCommand)
@about_sync()
@click.argument("conflict_id", metavar="ID")
@as_json
@click.pass_obj
def show(session: Session, name: str, conflict_id: str, as_json: bool) -> None:
    """Show one conflict: what was agreed, what each side says, and what is known of the order."""
    from integrations_platform.cli.output import age, emit, say, value
    from integrations_platform.cli.show_plan import show_conflict
    from integrations_platform.plan_data import conflict_data, match_value

    with session.platform() as platform:
        named = find(platform, name)
        row = _one(platform, named, conflict_id)
        now = platform.runtime.clock()
    data = conflict_data(row) | {"record_key": match_value(named.spec, row)}
    if as_json:
        emit({"sync": named.spec.name} | data)
        return
    show_conflict(data)
    moved = f"its values changed {row.n - 1} times since" if row.n > 1 else "its values have not changed since"
    say(f"    opened: {age(row.opened_at, now)} by run {row.opened_run}; {moved} (n = {row.n})")
    say(f"    state:  {_state(row)}")
    if row.choice:
        chosen = f": {value(data['chosen_value'])}" if data["chosen_value"] else ""
        say(f"    chosen: {data['choice']}{chosen}, by {row.decided_by} {age(row.decided_at, now)}")
    elif row.status.value == "open":
        words = ("sync", "conflicts", "resolve", named.word, row.conflict_id, "--n", str(row.n), "--choice")
        say(f"decide with: {session.command(*words)} source|target|base|value")


@conflicts.command("resolve", cls=SyncCommand)
@about_sync()
@click.argument("conflict_id", metavar="[ID]", required=False)
@click.option(
    "--choice",
    type=click.Choice(["source", "target", "base", "value"]),
    required=True,
    help="Whose value both sides shall show.",
)
@click.option(
    "--value",
    "given",
    metavar="VALUE",
    help="With --choice value: the value itself, or a JSON object {field: value} for a group.",
)
@click.option("--n", type=click.IntRange(min=1), help="The change number you saw (default: the present one).")
@click.option("--all", "everything", is_flag=True, help="Decide all open conflicts of --field alike.")
@click.option("--field", "unit", metavar="FIELD", help="With --all: the field or group.")
@click.option("--by", metavar="WHO", help="Who decided, for the audit (default: you).")
@click.option("--apply", "at_once", is_flag=True, help="Run the sync at once.")
@as_json
@click.pass_obj
def resolve(
    session: Session,
    name: str,
    conflict_id: str | None,
    choice: str,
    given: str | None,
    n: int | None,
    everything: bool,
    unit: str | None,
    by: str | None,
    at_once: bool,
    as_json: bool,
) -> None:
    """Decide a conflict of NAME, or with --all every open one of a field.

    The decision takes effect at the next run. It counts only for the values you saw: if they change before, it is
    dropped and the conflict is shown again.
    """
    from integrations_platform.cli.output import emit
    from integrations_platform.cli.running import person, run_now

    _check_usage(conflict_id, choice, given, n, everything=everything, unit=unit, as_json=as_json and at_once)
    with session.platform() as platform:
        named = find(platform, name)
        rows = _selected(platform, named, conflict_id, unit)
        done: list[tuple[Conflict, str]] = []
        refused: list[tuple[Conflict, str]] = []
        for row in rows:
            chosen = _chosen(named.spec, row, choice, given)
            problem = _decide(platform, named, row, n, choice, chosen, by or person())
            (refused if problem else done).append((row, problem))
        if as_json:
            emit(
                {
                    "sync": named.spec.name,
                    "choice": choice,
                    "decided": [{"id": row.conflict_id, "n": n or row.n} for row, _ in done],
                    "refused": [{"id": row.conflict_id, "message": problem} for row, problem in refused],
                    "takes_effect": "next run",
                }
            )
        else:
            _tell(session, named, [row for row, _ in done], [text for _, text in refused], choice, n, at_once=at_once)
        if at_once and done:
            run_now(session, platform, named)
    if refused:
        raise click.exceptions.Exit(FAILED)


def _check_usage(
    conflict_id: str | None,
    choice: str,
    given: str | None,
    n: int | None,
    *,
    everything: bool,
    unit: str | None,
    as_json: bool,
) -> None:
    if everything == (conflict_id is not None):
        raise click.UsageError("give the ID of one conflict, or --all --field FIELD")
    if everything != (unit is not None):
        raise click.UsageError("--all and --field belong together: --all --field FIELD")
    if (choice == "value") != (given is not None):
        raise click.UsageError("--value goes with --choice value, and only with it")
    if everything and n is not None:
        raise click.UsageError("--n is for one conflict; --all uses the number of each as it is now")
    if as_json:
        raise click.UsageError("--json prints the decision; run the sync by itself for its report (drop --apply)")


def _one(platform: Platform, named: Named, conflict_id: str) -> Conflict:
    rows = platform.store.conflicts(named.spec.name, None)
    found = [row for row in rows if row.conflict_id == conflict_id]
    if not found:
        ids = ", ".join(row.conflict_id for row in rows if row.status.value == "open") or "none"
        raise Refused(f"sync {named.spec.name!r} has no conflict {conflict_id!r}; open are: {ids}")
    return found[0]


def _selected(platform: Platform, named: Named, conflict_id: str | None, unit: str | None) -> list[Conflict]:
    if conflict_id is not None:
        return [_one(platform, named, conflict_id)]
    known = [name for name, _ in named.spec.units]
    if unit not in known:
        raise Refused(f"sync {named.spec.name!r} merges no field {unit!r}; known are: {', '.join(known)}")
    return [row for row in platform.store.conflicts(named.spec.name) if row.unit == unit]


def _chosen(spec: SyncSpec, row: Conflict, choice: str, given: str | None) -> str | None:
    """The value as the state keeps it, checked against the fields it is for."""
    from integrations_platform.deciding import Undecidable, check_choice, chosen_value

    try:
        check_choice(row, choice)
        return None if given is None else chosen_value(spec, row.unit, given)
    except Undecidable as fault:
        raise Refused(str(fault)) from None


def _decide(
    platform: Platform, named: Named, row: Conflict, n: int | None, choice: str, chosen: str | None, by: str
) -> str:
    """Record it; returns why not, or nothing."""
    from integrations_platform.deciding import CHOICES
    from integrations_platform.unified_sync.store import DecisionRefused

    at = platform.runtime.clock()
    try:
        platform.store.decide(
            named.spec.name, row.conflict_id, n or row.n, CHOICES[choice], chosen, by, at, row.opened_run
        )
    except DecisionRefused as fault:
        return str(fault)
    return ""


def _tell(
    session: Session,
    named: Named,
    done: list[Conflict],
    refused: list[str],
    choice: str,
    n: int | None,
    *,
    at_once: bool,
) -> None:
    from integrations_platform.cli.output import count, say, values, warn

    for text in refused:
        warn(f"Error: {text}")
    if not done:
        if not refused:
            say("no open conflict of that field")
        return
    if len(done) == 1:
        row = done[0]
        numbered = f"at change {n}" if n else f"at change {row.n}, as just read"
        say(f"conflict {row.conflict_id} ({row.unit or 'the whole record'} of {row.link_id}): {choice}, {numbered}")
        if n is None:
            say(f"  source: {values(row.value_a)}; target: {values(row.value_b)}")
    else:
        say(f"{count(len(done), 'conflict')}: {choice}, each at its present change number")
    if not at_once:
        say(f"it takes effect at the next run: {session.command('sync', 'run', named.word)}")
