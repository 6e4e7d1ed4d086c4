"""Whom an event wakes: syncs, Airbyte connections, or a look at what Airbyte has done by itself.

Decided from the environment and the declared syncs each time events are turned into runs, so that what is declared
later counts for what waits. Ids of connections are resolved then and never before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from integrations_platform.settings import Settings, SettingsError
from integrations_platform.settings_webhooks import OF_A_SYSTEM, SourceSettings
from integrations_platform.unified_sync.spec import SIDES, SyncSpec
from integrations_platform.webhooks.events import NOBODY

SYNC, CONNECTION, LOOK = "sync", "airbyte", "airbyte_look"


@dataclass(frozen=True)
class Target:
    """``kind``: SYNC or CONNECTION for a run, LOOK for what has ended in Airbyte; of which ``name``."""

    kind: str
    name: str

    @classmethod
    def of(cls, text: str) -> Target:
        """As written by ``str``."""
        kind, _, name = text.partition(":")
        return cls(kind, name)

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"

    @property
    def job(self) -> str | None:
        """The job that is run for it; None for a look."""
        return {SYNC: f"{self.name}_job", CONNECTION: f"airbyte_{self.name}_job"}.get(self.kind)

    @property
    def shown(self) -> str:
        """For people."""
        words = {SYNC: "the sync", CONNECTION: "the Airbyte connection", LOOK: "a look at the Airbyte connection"}
        return f"{words.get(self.kind, self.kind)} {self.name}"


def targets(settings: Settings, specs: Sequence[SyncSpec], source: str, subject: str) -> Sequence[Target]:
    """Whom events of ``source`` about ``subject`` wake. A source that is no longer declared wakes nobody."""
    declared = settings.webhooks.sources.get(source)
    if declared is None or subject == NOBODY:
        return ()
    return tuple(_woken(settings, specs, declared, subject))


def _woken(settings: Settings, specs: Sequence[SyncSpec], source: SourceSettings, subject: str) -> Iterator[Target]:
    yield from (Target(SYNC, name) for name in source.syncs)
    yield from (Target(CONNECTION, name) for name in source.connections)
    if source.syncs or source.connections:
        return
    if source.scheme == "airbyte":
        yield from (Target(LOOK, name) for name in _connections(settings, subject))
        return
    systems = {source.system} if source.system else _of_kind(settings, source.scheme)
    yield from (Target(SYNC, spec.name) for spec in specs if {spec.side(side).system for side in SIDES} & systems)


def _of_kind(settings: Settings, scheme: str) -> set[str]:
    if scheme not in OF_A_SYSTEM:
        return set()
    return {name for name, system in settings.systems.items() if system.kind == scheme}


def _connections(settings: Settings, wanted: str) -> Iterator[str]:
    """Declared connections of that id in Airbyte; those without an id yet are passed over."""
    for name, connection in settings.airbyte.connections.items():
        try:
            known = connection.id()
        except SettingsError:
            continue
        if known.lower() == wanted.lower():
            yield name
