"""What keeps received events from becoming runs: sources that are shut, events nobody takes, wake-ups that failed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from integrations_platform.doctor.finding import Finding, Level, of_settings
from integrations_platform.secret_text import SettingsError

if TYPE_CHECKING:
    from integrations_platform.platform import Platform
    from integrations_platform.settings_webhooks import SourceSettings
    from integrations_platform.state.inbox import SqlInbox

_TAKEN_WITHIN = timedelta(minutes=10)  # a sensor that runs takes them within seconds
_RECENT = 20  # ended wake-ups that are looked at


def webhook_findings(platform: Platform, inbox: SqlInbox | None) -> Iterator[Finding]:
    """One finding for each source that is open or badly set, and what is wrong with what came; ``inbox`` None: the
    state cannot be reached."""
    sources = platform.settings.webhooks.sources
    for source in sources.values():
        yield from _source(source)
    if inbox is None or not sources:
        return
    remedy = "start the sensor webhook_wake_ups in Dagster, or look at its last tick"
    oldest = inbox.oldest_waiting()
    now = platform.runtime.clock()
    if oldest is not None and now - oldest > _TAKEN_WITHIN:
        what = f"events have waited since {oldest:%Y-%m-%d %H:%M} UTC and nobody takes them"
        yield Finding(Level.PROBLEM, "webhooks", "inbox", what, remedy)
    for wake_up in inbox.wake_ups():
        if wake_up.note and now - wake_up.since > _TAKEN_WITHIN:
            yield Finding(Level.NOTE, "webhooks", wake_up.target, f"{wake_up.events} events wait: {wake_up.note}")
    for wake_up in inbox.wake_ups(ended=True, limit=_RECENT):
        if wake_up.state.value == "failed":
            again = f"integrations webhooks replay {wake_up.wake_id}"
            what = f"{wake_up.events} events woke it, and {wake_up.note}"
            yield Finding(Level.NOTE, "webhooks", wake_up.target, what, again)


def _source(source: SourceSettings) -> Iterator[Finding]:
    try:
        is_open = bool(source.secrets())
    except SettingsError as fault:
        yield from of_settings("webhooks", source.name, fault)
        return
    if is_open:
        yield Finding(Level.OK, "webhooks", source.name, f"open, by {source.scheme}")
