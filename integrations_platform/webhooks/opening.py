"""The webhooks of an environment, put together: which sources are open, and the part of the server that serves them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from integrations_platform.settings_webhooks import SourceSettings, WebhooksSettings
from integrations_platform.webhooks.intake import Intake
from integrations_platform.webhooks.receiver import Receiver

if TYPE_CHECKING:
    from integrations_platform.state.inbox import SqlInbox

PATH = "/webhooks"


@dataclass(frozen=True)
class Doors:
    """``opened``: sources with what their deliveries may be signed with; ``shut``: those without, and the variables
    that would open them."""

    opened: Mapping[str, tuple[SourceSettings, Sequence[str]]]
    shut: Mapping[str, Sequence[str]]


def doors(settings: WebhooksSettings) -> Doors:
    """Who may come in. Raises SettingsError for a secret that needs a variable which is not set."""
    opened, shut = {}, {}
    for name, source in settings.sources.items():
        secrets = source.secrets()
        if secrets:
            opened[name] = (source, secrets)
        else:
            shut[name] = source.secret.variables
    return Doors(opened, shut)


@dataclass(frozen=True)
class Webhooks:
    """The receiver and what runs beside it."""

    receiver: Receiver
    intake: Intake

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While requests are served."""
        self.intake.start()
        try:
            yield
        finally:
            await self.intake.stop()


def open_webhooks(settings: WebhooksSettings, inbox: Callable[[], SqlInbox], opened: Doors) -> Webhooks:
    """What serves ``opened``, keeping events in ``inbox``."""
    intake = Intake(inbox().store)
    return Webhooks(Receiver(opened.opened, intake, settings.public_url.resolve().strip()), intake)
