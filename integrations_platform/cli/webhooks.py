"""The group `integrations webhooks`: what was received, which runs it woke, another try, and forgetting."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from integrations_platform.cli.faults import Refused
from integrations_platform.cli.session import Session, as_json

if TYPE_CHECKING:
    from integrations_platform.state.inbox import StoredEvent, WakeUp

_STATES = ("waiting", "woke", "idle")


@click.group()
def webhooks() -> None:
    """Events that were received, and the runs they wake.

    An event is `waiting` until the sensor webhook_wake_ups has taken it, `woke` once it is part of a wake-up, and
    `idle` when it was for nobody. A wake-up is one run, for all events that came before it began.
    """


@webhooks.command("list")
@click.option("--source", metavar="NAME", help="Only events of this source.")
@click.option("--state", type=click.Choice(_STATES), help="Only events in this state.")
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="Shown at most; 0 shows all.")
@as_json
@click.pass_obj
def list_events(session: Session, source: str | None, state: str | None, limit: int, as_json: bool) -> None:
    """List wake-ups that have not ended, the newest that have, and the newest events."""
    from integrations_platform.cli.output import emit, say
    from integrations_platform.state.inbox import EventState

    with session.platform() as platform:
        inbox = platform.store.inbox
        wanted = EventState(state) if state else None
        events = inbox.events(source=source, state=wanted, limit=limit or None)
        wake_ups = [*inbox.wake_ups(limit=limit or None), *inbox.wake_ups(ended=True, limit=limit or None)]
        counts = inbox.counts()
        now = platform.runtime.clock()
    if as_json:
        totals = [dict(zip(("source", "state", "events", "duplicates"), row, strict=True)) for row in counts]
        emit(
            {
                "totals": totals,
                "wake_ups": [_wake_up(row) for row in wake_ups],
                "events": [_event(row) for row in events],
            }
        )
        return
    if not counts and not wake_ups:
        say("nothing was received yet")
        return
    _show(events, wake_ups, now)
    for name, kept, number, duplicates in counts:
        say(f"{name}: {number:,} {kept.value}" + (f", delivered {duplicates:,} more times" if duplicates else ""))


@webhooks.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--source", metavar="NAME", help="All kept events of this source.")
@as_json
@click.pass_obj
def replay(session: Session, ids: tuple[str, ...], source: str | None, as_json: bool) -> None:
    """Let events or ended wake-ups, named by their IDs, wake whom they are for once more.

    All that is replayed together wakes each of them once. What is synced is read anew; an old event carries nothing.
    """
    from uuid import uuid4

    from integrations_platform.cli.output import count, emit, say
    from integrations_platform.webhooks.replaying import replay as replay_events

    if bool(ids) == bool(source):
        raise click.UsageError("give ids as `integrations webhooks list` shows them, or --source")
    with session.platform() as platform:
        done = replay_events(platform.store.inbox, ids, lambda: uuid4().hex, source=source)
    if done.unknown:
        listed = ", ".join(done.unknown)
        raise Refused(f"neither an event nor an ended wake-up: {listed}; see integrations webhooks list")
    if as_json:
        emit({"events": done.events, "wake_ups": done.wake_ups, "takes_effect": "next tick of webhook_wake_ups"})
    else:
        waiting = f"{count(done.events, 'event')} and {count(done.wake_ups, 'wake-up')}"
        say(f"{waiting} wait; the sensor webhook_wake_ups takes them")


@webhooks.command()
@click.option("--older-than", "days", type=click.FloatRange(min=0), metavar="DAYS",
              help="Forget what is older (default: keep_days of the environment).")  # fmt: skip
@click.option("--source", metavar="NAME", help="Only events of this source.")
@as_json
@click.pass_obj
def purge(session: Session, days: float | None, source: str | None, as_json: bool) -> None:
    """Forget events that nobody waits for, and wake-ups that have ended.

    A forgotten event that is delivered again counts as a new one. The sensor does this once a day.
    """
    from integrations_platform.cli.output import count, emit, say

    with session.platform() as platform:
        age = platform.settings.webhooks.keep_days if days is None else days
        events, wake_ups = platform.store.inbox.purge(platform.runtime.clock() - timedelta(days=age), source)
    if as_json:
        emit({"events": events, "wake_ups": wake_ups})
    else:
        say(f"{count(events, 'event')} and {count(wake_ups, 'wake-up')} forgotten")


def _show(events: Any, wake_ups: Any, now: Any) -> None:
    from integrations_platform.cli.output import age, columns, say
    from integrations_platform.webhooks.targets import Target

    if wake_ups:
        columns(
            ("WAKE-UP", "OF", "STATE", "EVENTS", "SINCE", "RUN", "NOTE"),
            [
                (row.wake_id, Target.of(row.target).shown, row.state.value, f"{row.events:,}", age(row.since, now),
                 (row.run_id or "-")[:8], row.note)
                for row in wake_ups
            ],
        )  # fmt: skip
        say()
    if events:
        columns(
            ("EVENT", "SOURCE", "WHAT", "STATE", "RECEIVED", "AGAIN"),
            [
                (row.event_id, row.source, row.topic or "-", row.state.value, age(row.received_at, now),
                 str(row.duplicates))
                for row in events
            ],
        )  # fmt: skip
        say()


def _wake_up(row: WakeUp) -> dict[str, Any]:
    return {
        "wake_id": row.wake_id,
        "target": row.target,
        "state": row.state.value,
        "events": row.events,
        "since": row.since.isoformat(),
        "changed_at": row.changed_at.isoformat(),
        "run_id": row.run_id,
        "note": row.note,
    }


def _event(row: StoredEvent) -> dict[str, Any]:
    return {
        "event_id": row.event_id,
        "source": row.source,
        "key": row.event_key,
        "topic": row.topic,
        "subject": row.subject,
        "received_at": row.received_at.isoformat(),
        "duplicates": row.duplicates,
        "state": row.state.value,
        "woke": list(row.woke),
        "body": row.body,
    }
