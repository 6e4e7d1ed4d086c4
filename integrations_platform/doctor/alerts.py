"""Findings about alerts: which channels are on, whether their settings are whole, and what has not arrived. It sends
nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from integrations_platform.doctor.finding import Finding, Level, of_settings
from integrations_platform.yaml_source import ConfigurationError

if TYPE_CHECKING:
    from integrations_platform.alerts.delivery import Sender
    from integrations_platform.alerts.slack import SlackAnswer
    from integrations_platform.platform import Platform
    from integrations_platform.state.outbox import SqlOutbox

_AREA = "alerts"


def alert_findings(platform: Platform, outbox: SqlOutbox | None) -> Iterator[Finding]:
    """All there is to say; without ``outbox`` about the settings only."""
    from integrations_platform.alerts.routing import senders_of

    try:
        senders = senders_of(platform.settings.alerts, platform.runtime.clock, lambda _token: _nobody)
    except ConfigurationError as fault:
        yield from of_settings(_AREA, platform.settings.name, fault)
        return
    if not senders:
        yield Finding(Level.OK, _AREA, "-", "off: neither ENABLE_SLACK nor ENABLE_EMAIL is true")
        return
    for name, sender in senders.items():
        wrong, said = _looked_at(sender)
        if wrong is None:
            yield Finding(Level.OK, _AREA, name, said)
        else:
            yield Finding(Level.PROBLEM, _AREA, name, wrong, "then try `integrations alerts test`")
    if outbox is not None:
        yield from _undelivered(outbox)


def _looked_at(sender: Sender) -> tuple[str | None, str]:
    """(what is wrong with its settings, what it is)."""
    from integrations_platform.alerts.mailing import MailSender
    from integrations_platform.alerts.routing import Unusable
    from integrations_platform.alerts.slack import BotSender, WebhookSender

    if isinstance(sender, Unusable):
        return sender.note, ""
    if isinstance(sender, WebhookSender):
        return sender.fault(), "an incoming webhook"
    if isinstance(sender, MailSender):
        server = sender.server
        said = f"{len(sender.recipients)} recipients by {server.host}:{server.port} ({server.security})"
        return sender.fault(), said
    return None, f"a bot token, to {sender.channel}" if isinstance(sender, BotSender) else ""


def _undelivered(outbox: SqlOutbox) -> Iterator[Finding]:
    from integrations_platform.state.outbox import MessageState

    late = [row for row in outbox.messages(MessageState.WAITING, 1000) if row.attempts]
    if late:
        said = f"{len(late)} messages have not arrived: {late[-1].note}"
        remedy = "mend that; they are tried again by themselves, or at once by `integrations alerts drain --now`"
        yield Finding(Level.PROBLEM, _AREA, late[-1].target, said, remedy)
    if given_up := outbox.count()[MessageState.FAILED]:
        remedy = "see them with `integrations alerts list`; `integrations alerts drain --now` tries again"
        yield Finding(Level.PROBLEM, _AREA, "-", f"{given_up} messages were given up", remedy)


def _nobody(_channel: str, _payload: object) -> SlackAnswer:
    from integrations_platform.alerts.slack import SlackAnswer

    return SlackAnswer(0, "nothing is sent by the doctor")
