"""The group `integrations alerts`: what stands wrong, who was told, and messages sent by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from integrations_platform.cli.faults import FAILED, Refused
from integrations_platform.cli.session import Session, as_json

if TYPE_CHECKING:
    from integrations_platform.alerts.desk import Desk
    from integrations_platform.alerts.draining import Drained

_SUBJECT_LENGTH = 200


@click.group()
def alerts() -> None:
    """Alerts by Slack and e-mail: one message for each change of state.

    ENABLE_SLACK and ENABLE_EMAIL switch them on. In Dagster the sensor `alerts` looks and sends by itself; without
    Dagster, let a scheduler call `alerts drain` every minute.
    """


@alerts.command("test")
@as_json
@click.pass_context
def test_message(ctx: click.Context, as_json: bool) -> None:
    """Send a test message to every channel that is on, now; exit code 1 when one did not arrive."""
    from integrations_platform.alerts.alert import Kind
    from integrations_platform.alerts.delivery import Fate
    from integrations_platform.cli.output import emit, say

    with _desk(ctx.obj) as desk:
        senders = desk.senders()
        if not senders:
            raise Refused("no channel is on: set ENABLE_SLACK or ENABLE_EMAIL to true")
        name = desk.platform.settings.name
        alert = desk.make(
            Kind.TEST, f"Test message of environment {name}", ("asked for by", "integrations alerts test")
        )
        answers = {target: sender.send([alert], f"{alert.alert_id}-{target.replace('/', '-')}")
                   for target, sender in senders.items()}  # fmt: skip
    if as_json:
        emit({target: {"fate": answer.fate.value, "note": answer.note} for target, answer in answers.items()})
    else:
        for target, answer in answers.items():
            arrived = answer.fate is Fate.ARRIVED
            say(f"{target}: {'arrived' if arrived else answer.fate.value}; {answer.note}",
                colour="green" if arrived else "red")  # fmt: skip
    if any(answer.fate is not Fate.ARRIVED for answer in answers.values()):
        ctx.exit(FAILED)


@alerts.command("list")
@click.option("--limit", type=click.IntRange(0), default=20, show_default=True, help="Messages to show; 0: all.")
@as_json
@click.pass_obj
def list_alerts(session: Session, limit: int, as_json: bool) -> None:
    """List what stands wrong, and the newest messages with what came of them."""
    from integrations_platform.alerts.alert import Alert, duration
    from integrations_platform.cli.output import age, columns, count, emit, say

    with _desk(session) as desk:
        outbox, now = desk.platform.store.outbox, desk.now()
        wrong = [row for row in outbox.standing() if row.kind is not None]
        messages = outbox.messages(limit=limit or None)
    if as_json:
        emit({
            "standing": [
                {"topic": row.topic, "subject": row.subject, "kind": row.kind, "since": row.since.isoformat(),
                 "times": row.times} for row in wrong
            ],
            "messages": [
                {"id": row.message_id, "target": row.target, "state": row.state.value, "attempts": row.attempts,
                 "created_at": row.created_at.isoformat(), "next_at": row.next_at.isoformat(), "note": row.note,
                 "alert": Alert.from_json(row.body).headline} for row in messages
            ],
        })  # fmt: skip
        return
    say(f"{count(len(wrong), 'thing')} wrong" if wrong else "nothing is wrong", bold=True)
    if wrong:
        columns(
            ("SUBJECT", "WHAT", "FOR", "TIMES"),
            [(row.subject, str(row.kind).replace("_", " "), duration(now - row.since), str(row.times or "-"))
             for row in wrong],
        )  # fmt: skip
    if messages:
        say()
        columns(
            ("CREATED", "TO", "STATE", "ALERT", "NOTE"),
            [(age(row.created_at, now), row.target, row.state.value, Alert.from_json(row.body).headline[:60],
              row.note[:60] or "-") for row in messages],
        )  # fmt: skip


@alerts.command()
@click.argument("subject")
@click.option("--severity", type=click.Choice(["critical", "warning", "info"]), default="warning", show_default=True)
@click.option("--over", is_flag=True, help="It is over: tell so, if it was told before.")
@as_json
@click.pass_obj
def send(session: Session, subject: str, severity: str, over: bool, as_json: bool) -> None:
    """Tell people SUBJECT, in your own words, from a script or a flow.

    Said again it is counted and not sent, until --over ends it. Put no secret and nobody's data into it.
    """
    from integrations_platform.alerts.alert import Severity

    if not subject.strip() or len(subject) > _SUBJECT_LENGTH or not subject.isprintable():
        raise Refused(f"SUBJECT must be one line of at most {_SUBJECT_LENGTH} characters")
    with _desk(session) as desk:
        new = desk.notice(subject.strip(), Severity(severity), over=over)
        done = desk.drain()
    _show(len(new), done, as_json)


@alerts.command()
@click.argument("subject")
@click.pass_obj
def dismiss(session: Session, subject: str) -> None:
    """Count SUBJECT as well again, without a word: an asset that is gone, a day that nobody will mend.

    What goes on is told again when it is met again.
    """
    from integrations_platform.cli.output import count, say

    with _desk(session) as desk:
        gone = desk.dismiss(subject)
    if not gone:
        raise Refused(f"nothing is wrong with {subject!r}; `integrations alerts list` shows what is")
    say(f"{count(gone, 'thing')} dismissed")


@alerts.command()
@click.option("--now", "at_once", is_flag=True, help="Try what waits for its next try, and what was given up, at once.")
@as_json
@click.pass_obj
def drain(session: Session, at_once: bool, as_json: bool) -> None:
    """Look at the state, queue what is new, and send what is due; several may do so at once."""
    with _desk(session, watching=True) as desk:
        new = desk.look()
        if at_once:
            desk.platform.store.outbox.retry()
        done = desk.drain()
    _show(len(new), done, as_json)


@alerts.command()
@click.option("--send", "sends", is_flag=True, help="Send it too, by the routes of severity info.")
@click.pass_obj
def digest(session: Session, sends: bool) -> None:
    """Show the last 24 hours as the daily digest tells them."""
    from integrations_platform.alerts.digest import digest as made
    from integrations_platform.alerts.wording import plain
    from integrations_platform.cli.output import say
    from integrations_platform.pages import Pages

    with _desk(session, watching=True) as desk:
        store = desk.platform.store
        overview = store.overview([spec.name for spec in desk.specs])
        alert = made(overview, store.outbox.standing(), desk.now())
        say(plain([alert], Pages()).rstrip())
        if sends:
            for target, answer in desk.tell(alert).items():
                say(f"{target}: {answer.fate.value}; {answer.note}")


@contextmanager
def _desk(session: Session, *, watching: bool = False) -> Iterator[Desk]:
    """The desk; ``watching``: with the declared syncs, which nothing but a look needs."""
    from integrations_platform.alerts.desk import Desk
    from integrations_platform.jobs import load_catalogue

    folders = [session.syncs] if session.syncs else None
    specs = load_catalogue(session.environment, session.env_file, folders).specs if watching else ()
    with session.platform() as platform:
        yield Desk(platform, specs, _poster_of)


def _poster_of(token: str) -> Any:
    """Dagster is imported where a bot token is set, and only there."""
    from integrations_platform.defs.slack_poster import poster_of

    return poster_of(token)


def _show(new: int, done: Drained, as_json: bool) -> None:
    from integrations_platform.cli.output import count, emit, say, warn

    if as_json:
        emit({"new": new, "sent": done.sent, "put_off": done.put_off, "given_up": done.given_up, "notes": done.notes})
    else:
        say(f"{count(new, 'new alert')}; {done.sent} sent, {done.put_off} put off, {done.given_up} given up")
        for note in done.notes:
            warn(note)
    if done.put_off or done.given_up:
        raise click.exceptions.Exit(FAILED)
