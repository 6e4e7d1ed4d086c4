"""Word from Airbyte, by webhook, that a sync has ended: it lets the sensor of foreign syncs look at once.

The word is believed in nothing: what has ended is asked of Airbyte, and without any word it is asked all the same.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from integrations_platform.jobs import Catalogue
from integrations_platform.secret_text import SettingsError

if TYPE_CHECKING:
    from integrations_platform.state.inbox import SqlInbox, WakeUp

HINTED_SECONDS = 5  # as often as Dagster's daemon looks at all


def are_expected(catalogue: Catalogue) -> bool:
    """Whether Airbyte is declared as a sender."""
    return any(source.scheme == "airbyte" for source in catalogue.settings.webhooks.sources.values())


@contextmanager
def hints(catalogue: Catalogue, warn: Callable[[str], None]) -> Iterator[bool]:
    """Whether word has come. It is done with when the block has ended well; what comes meanwhile asks for one more."""
    from integrations_platform.platform import Platform
    from integrations_platform.state.errors import StateError

    platform = Platform(catalogue.settings)
    try:
        try:
            found = _waiting(platform.store.inbox)
        except (StateError, SettingsError) as fault:
            warn(f"no word of Airbyte's can be read: {fault}")
            found = []
        yield bool(found)
        for wake_up in found:
            _done(platform.store.inbox, wake_up)
    finally:
        platform.close()


def _waiting(inbox: "SqlInbox") -> "list[WakeUp]":
    from integrations_platform.state.inbox import WakeState
    from integrations_platform.webhooks.targets import LOOK, Target

    return [
        wake_up for wake_up in inbox.wake_ups()
        if wake_up.state is WakeState.WAITING and Target.of(wake_up.target).kind == LOOK
    ]  # fmt: skip


def _done(inbox: "SqlInbox", wake_up: "WakeUp") -> None:
    from integrations_platform.state.inbox import WakeState

    inbox.move(wake_up, WakeState.DONE, note="Airbyte was asked")
