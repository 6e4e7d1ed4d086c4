"""The commands that only look: list, status, history, explain.

They read declarations, the state and, for `explain`, both sides; they change nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from integrations_platform.cli.faults import Refused
from integrations_platform.cli.session import Named, Session, SyncCommand, about_sync, as_json, find

if TYPE_CHECKING:
    from integrations_platform.platform import Platform
    from integrations_platform.unified_sync.spec import SyncSpec
    from integrations_platform.unified_sync.store import RunRecord


@click.command("list")
@as_json
@click.pass_obj
def list_syncs(session: Session, as_json: bool) -> None:
    """List the declared syncs."""
    from integrations_platform.cli.output import columns, emit, say
    from integrations_platform.plan_data import place

    with session.platform() as platform:
        specs = list(platform.declared.values())
    if as_json:
        emit({"syncs": [_sync_data(spec) for spec in specs]})
    elif not specs:
        draft = session.command("sync", "init", "--source", "SYSTEM:TABLE", "--target", "SYSTEM:TABLE")
        say(f"no sync is declared yet; draft one with: {draft}")
    else:
        columns(
            ("NAME", "SOURCE", "TARGET", "DIRECTION", "FIELDS", "SCHEDULE"),
            [
                (
                    spec.name,
                    place(spec, "A"),
                    place(spec, "B"),
                    spec.direction.value,
                    str(len(spec.fields)),
                    spec.schedule or "by hand",
                )
                for spec in specs
            ],
        )


def _sync_data(spec: SyncSpec) -> dict[str, Any]:
    from integrations_platform.plan_data import side_data

    return {
        "name": spec.name,
        "description": spec.description,
        "source": side_data(spec, "A"),
        "target": side_data(spec, "B"),
        "direction": spec.direction.value,
        "match": list(spec.match),
        "fields": [field.name for field in spec.fields],
        "schedule": spec.schedule,
        "owner": spec.owner,
        "tags": dict(spec.tags),
    }


@click.command(cls=SyncCommand)
@about_sync(required=False)
@as_json
@click.pass_obj
def status(session: Session, name: str | None, as_json: bool) -> None:
    """Show where every sync stands, or only NAME: last run, what waits for a person, and for how long."""
    from integrations_platform.cli.output import columns, emit, say
    from integrations_platform.progress import quota_words
    from integrations_platform.unified_sync.spec import SIDES

    with session.platform() as platform:
        specs = [find(platform, name).spec] if name else list(platform.declared.values())
        rows = [_status(platform, spec) for spec in specs]
        systems = dict.fromkeys(spec.side(side).system for spec in specs for side in SIDES)
        quotas = platform.quotas(systems)
        now = platform.runtime.clock()
    if as_json:
        emit({"syncs": rows, "quotas": [{"system": system} | usage.to_data() for system, usage in quotas]})
        return
    columns(
        ("SYNC", "LAST RUN", "STATUS", "LAST SUCCESS", "CONFLICTS", "QUARANTINE", "BREAKERS"),
        [_status_row(row, now) for row in rows],
    )
    for line in quota_words(quotas):
        say(line)


def _status(platform: Platform, spec: SyncSpec) -> dict[str, Any]:
    from integrations_platform.unified_sync.spec import SIDES

    store, now = platform.store, platform.runtime.clock()
    runs = [run for _, run in store.runs(spec.name, 200)]
    # Partial runs count: everything that could be carried was carried.
    success = next((run for run in runs if run.status in ("succeeded", "partial")), None)
    conflicts = store.conflicts(spec.name)
    systems = sorted({spec.side(side).system for side in SIDES})
    ended = (success.finished_at or success.started_at) if success else None
    return {
        "sync": spec.name,
        "last_run": _run_data(runs[0]) if runs else None,
        "last_success_at": ended.isoformat() if ended else None,
        "last_success_age_seconds": round((now - ended).total_seconds()) if ended else None,
        "open_conflicts": len(conflicts),
        "decided_conflicts": sum(row.choice is not None for row in conflicts),
        "oldest_conflict_at": conflicts[0].opened_at.isoformat() if conflicts else None,
        "oldest_conflict_age_seconds": round((now - conflicts[0].opened_at).total_seconds()) if conflicts else None,
        "in_quarantine": len(store.quarantined(spec.name)),
        "interrupted_writes": len(store.open_intents(spec.name)),
        "breakers": {system: store.breaker(system).state.value for system in systems},
    }


def _status_row(row: Mapping[str, Any], now: datetime) -> tuple[str, ...]:
    from integrations_platform.cli.output import age

    def ago(text: str | None) -> str:
        return age(datetime.fromisoformat(text) if text else None, now)

    last = row["last_run"]
    conflicts = str(row["open_conflicts"])
    if row["open_conflicts"]:
        conflicts += f" (oldest {ago(row['oldest_conflict_at'])})"
    broken = [f"{system} {state}" for system, state in row["breakers"].items() if state != "closed"]
    return (
        row["sync"],
        ago(last["started_at"]) if last else "never",
        last["status"] if last else "-",
        ago(row["last_success_at"]),
        conflicts,
        str(row["in_quarantine"]),
        ", ".join(broken) or "closed",
    )


def _run_data(run: RunRecord) -> dict[str, Any]:
    counts = json.loads(run.counts)
    seconds, speed = counts.pop("seconds", None), counts.pop("rows_per_second", None)
    return {
        "run_id": run.run_id,
        "sequence": run.sequence,
        "status": run.status,
        "started_at": run.started_at.isoformat(),
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
        "seconds": seconds,
        "rows_per_second": speed,
        "trigger": run.trigger,
        "counts": counts,
        "message": run.message,
    }


@click.command(cls=SyncCommand)
@about_sync(required=False)
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Runs shown.")
@as_json
@click.pass_obj
def history(session: Session, name: str | None, limit: int, as_json: bool) -> None:
    """Show past runs of NAME, or of every sync, newest first."""
    from integrations_platform.cli.output import age, columns, emit, say

    with session.platform() as platform:
        pair = find(platform, name).spec.name if name else None
        runs = platform.store.runs(pair, limit)
        now = platform.runtime.clock()
    if as_json:
        emit({"runs": [{"sync": pair_name} | _run_data(run) for pair_name, run in runs]})
        return
    if not runs:
        say("no run yet")
        return
    columns(
        ("RUN", "SYNC", "STARTED", "STATUS", "SECONDS", "RECORDS/S", "CALLS", "SOURCE", "TARGET", "MESSAGE"),
        [
            (
                run.run_id,
                pair_name,
                age(run.started_at, now),
                run.status,
                *_pace(run),
                _moved(run, "a"),
                _moved(run, "b"),
                run.message[:80],
            )
            for pair_name, run in runs
        ],
    )


def _pace(run: RunRecord) -> tuple[str, str, str]:
    """How long it took, how many records it went through in a second, and how many calls it made."""
    counts = json.loads(run.counts)
    if "seconds" not in counts:
        return "-", "-", "-"
    speed = counts.get("rows_per_second")
    return f"{counts['seconds']:.1f}", f"{speed:,}" if speed else "-", f"{counts.get('calls', 0):,}"


def _moved(run: RunRecord, letter: str) -> str:
    counts = json.loads(run.counts)
    words = ("created", "updated", "archived", "restored", "deleted")
    return (
        ", ".join(f"{counts[f'{word}_{letter}']:,} {word}" for word in words if counts.get(f"{word}_{letter}")) or "-"
    )


@click.command(cls=SyncCommand)
@about_sync()
@click.argument("key")
@as_json
@click.pass_obj
def explain(session: Session, name: str, key: str, as_json: bool) -> None:
    """Explain the record KEY of NAME: what was agreed, what each side says, what the next run would do and why.

    KEY is a record id, source:ID or target:ID, or the id of a link.
    """
    from integrations_platform.cli.output import emit, say

    with session.platform() as platform:
        named = find(platform, name)
        with platform.sides(named.spec) as sides:
            found = platform.engine(named.spec).explain(named.spec, sides, key)
        lines = {
            shown.link_id: [
                f"{stored.number}: {stored.entry.role.value} {stored.entry.field} {stored.entry.rule}"
                for stored in platform.store.audit(named.spec.name, link_id=shown.link_id)
            ][-10:]
            for shown in found
            if shown.link_id
        }
    if as_json:
        emit({"sync": named.spec.name, "key": key, "records": [shown.to_data() for shown in found]})
    if not found:
        raise Refused(f"neither side of {named.spec.name!r} shows a record {key!r}, and no link is called that")
    if as_json:
        return
    for at, shown in enumerate(found):
        if at:
            say()
        _show_explanation(named, shown.to_data(), lines.get(shown.link_id or "", []))


def _show_explanation(named: Named, data: Mapping[str, Any], lines: list[str]) -> None:
    from integrations_platform.cli.output import columns, say, value
    from integrations_platform.plan_data import WORDS, place

    say(f"{named.spec.name}: {data['link'] or 'no link yet'} ({data['state']})", bold=True)
    say(f"  source {place(named.spec, 'A')} {data['source_id'] or '-'}")
    say(f"  target {place(named.spec, 'B')} {data['target_id'] or '-'}")
    if data["fields"]:
        say()
        columns(
            ("FIELD", "AGREED (SOURCE)", "AGREED (TARGET)", "SOURCE NOW", "TARGET NOW"),
            [
                (name, *(value(field[key], 30) for key in ("base_source", "base_target", "source", "target")))
                for name, field in data["fields"].items()
            ],
        )
        say()
    for reason in data["reasons"]:
        say(f"  {reason}")
    for body in data["operations"]:
        say(f"  next run: {body['kind']} on {WORDS[body['side']]} {body['record'] or ''}".rstrip(), colour="green")
        for name, field in body["fields"].items():
            say(f"    {name}: {value(field['before'])} → {value(field['sent'])}   ({field['rule']})")
    for row in data["conflicts"]:
        say(f"  conflict {row['id']} on {row['unit'] or 'the whole record'}: {row['evidence']}", colour="yellow")
    for row in data["quarantine"]:
        say(f"  quarantined ({row['reason']}): {row['message']}", colour="yellow")
    if lines:
        say("  audit, newest last:")
        for line in lines:
            say(f"    {line}")
