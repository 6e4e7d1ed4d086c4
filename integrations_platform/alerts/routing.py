"""Which alert goes where: routes tried in order, targets by name, and the senders behind them.

A target is a channel with an address, named without it (`slack`, `email`, `slack/<route>`), because its name is stored
and shown. Addresses are filled in when something is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from integrations_platform.alerts.alert import Alert, identity
from integrations_platform.alerts.delivery import Answer, Fate, Sender
from integrations_platform.alerts.mailing import MailSender, MailServer
from integrations_platform.alerts.slack import BotSender, Poster, WebhookSender
from integrations_platform.pages import Pages
from integrations_platform.secret_text import SettingsError
from integrations_platform.settings_alerts import AlertsSettings, Channel, RouteSettings, addresses

if TYPE_CHECKING:
    from integrations_platform.state.outbox import Message

PosterOf = Callable[[str], Poster]
"""A poster for a bot token; only Dagster's side has one."""


def targets_of(alert: Alert, settings: AlertsSettings, channels: Sequence[Channel]) -> list[str]:
    """Names of the targets of an alert, as far as their channels are on; the first route that fits decides."""
    for route in settings.routes.values():
        if _fits(route, alert):
            return [_target(channel, route) for channel in route.to if channel in channels]
    return list(channels)


def _fits(route: RouteSettings, alert: Alert) -> bool:
    if route.severities and alert.severity.value not in route.severities:
        return False
    return not route.subjects or any(fnmatchcase(alert.subject, pattern) for pattern in route.subjects)


def _target(channel: Channel, route: RouteSettings) -> str:
    own = route.emails if channel == "email" else route.webhook or route.channel
    return f"{channel}/{route.name}" if own else channel


def messages_for(alerts: Sequence[Alert], settings: AlertsSettings, channels: Sequence[Channel]) -> list[Message]:
    """One message for each alert and target."""
    from integrations_platform.state.outbox import Message

    return [
        Message(identity(alert.alert_id, target), target, alert.severity.value, alert.subject, alert.to_json())
        for alert in alerts
        for target in targets_of(alert, settings, channels)
    ]


@dataclass(frozen=True)
class Unusable:
    """Stands for a target whose settings do not do. What is sent to it waits for them."""

    note: str

    def send(self, alerts: Sequence[Alert], bundle_id: str, *, recipients: Sequence[str] | None = None) -> Answer:
        """Nothing is sent."""
        del alerts, bundle_id, recipients
        return Answer(Fate.LATER, self.note)


def pages_of(settings: AlertsSettings) -> Pages:
    """Where links lead. Raises SettingsError."""
    found = {}
    for key in ("dagster_url", "console_url"):
        url = settings.text(key).rstrip("/")
        if url and (not url.startswith(("https://", "http://")) or "@" in url or not url.isprintable() or " " in url):
            raise settings.access[key].error("is no address of a page", "write https://host, without user and password")
        found[key] = url
    return Pages(found["dagster_url"], found["console_url"])


def senders_of(
    settings: AlertsSettings, clock: Callable[[], datetime], poster_of: PosterOf | None = None
) -> Mapping[str, Sender]:
    """Senders by target, of the channels that are on. A target that only a bot token reaches is left out where nobody
    can post with one: its messages wait for a process that can. Raises SettingsError."""
    pages, found = pages_of(settings), {}
    for channel in settings.channels:
        own = [route for route in settings.routes.values() if _target(channel, route) != channel]
        for route in (None, *own):
            name = channel if route is None else _target(channel, route)
            try:
                sender = (
                    _slack(settings, route, pages, poster_of) if channel == "slack"
                    else _email(settings, route, pages, clock)
                )  # fmt: skip
            except SettingsError as fault:
                sender = Unusable(str(fault))
            if sender is not None:
                found[name] = sender
    return found


def _slack(
    settings: AlertsSettings, route: RouteSettings | None, pages: Pages, poster_of: PosterOf | None
) -> Sender | None:
    named = "" if route is None else route.channel
    webhook = settings.text("slack_webhook_url") if route is None or route.webhook is None else route.webhook.resolve()
    if webhook.strip() and not named:
        return WebhookSender(webhook.strip(), pages)
    token, channel = settings.text("slack_bot_token"), named or settings.text("slack_channel")
    if not token:
        missing = "SLACK_BOT_TOKEN, for the route's channel" if named else "SLACK_WEBHOOK_URL"
        return Unusable(f"Slack is on and has no address: set {missing}")
    if not channel:
        return Unusable("a bot token needs a channel: set SLACK_CHANNEL")
    return None if poster_of is None else BotSender(poster_of(token), channel, pages)


def _email(
    settings: AlertsSettings, route: RouteSettings | None, pages: Pages, clock: Callable[[], datetime]
) -> Sender:
    text = settings.access["emails"] if route is None or route.emails is None else route.emails
    server = MailServer(
        settings.text("smtp_host"), settings.port(), settings.security(), settings.text("smtp_from"),
        settings.text("smtp_user"), settings.text("smtp_password"),
    )  # fmt: skip
    return MailSender(server, addresses(text), pages, clock)
