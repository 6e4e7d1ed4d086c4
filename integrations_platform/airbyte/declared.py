"""Syncs of declared connections: one as its declaration says, or several beside each other.

What becomes of one has no bearing on the others; stopping them from outside cancels those that were started here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor
from concurrent.futures import wait as first_of

from integrations_platform.airbyte.faults import AirbyteFault
from integrations_platform.airbyte.reports import SyncReport
from integrations_platform.airbyte.running import Policy, SyncRun, patience
from integrations_platform.airbyte.server import Airbyte
from integrations_platform.airbyte.starting import Conflict
from integrations_platform.secret_text import SettingsError
from integrations_platform.settings_airbyte import ConnectionSettings
from integrations_platform.waiting import Timing

_LOOK_SECONDS = 0.5
Say = Callable[[str], None]
Ended = tuple[ConnectionSettings, SyncReport | AirbyteFault | SettingsError]


def policy_of(connection: ConnectionSettings, on_conflict: str = "", *, wait: bool = True) -> Policy:
    """What a sync may do, as declared; ``on_conflict`` replaces what is declared about one that runs already."""
    waits = patience(connection.queue_timeout, connection.timeout)
    conflict = Conflict(on_conflict or connection.on_conflict)
    return Policy(conflict, waits, connection.when_late == "cancel", wait)


def sync(
    airbyte: Airbyte, connection: ConnectionSettings, policy: Policy | None = None, timing: Timing | None = None,
    note: Say = lambda _: None, warn: Say = lambda _: None,
) -> SyncReport:  # fmt: skip
    """Sync the connection to its end. Raises AirbyteFault, and SettingsError for an id that is not set."""
    how = policy or policy_of(connection)
    return SyncRun(airbyte, connection.id(), how, timing or Timing(), note, warn).report()


def sync_together(
    airbyte: Airbyte, connections: Sequence[ConnectionSettings], on_conflict: str = "", *, wait: bool = True,
    timing: Timing | None = None, note: Say = lambda _: None, warn: Say = lambda _: None,
) -> Iterator[Ended]:  # fmt: skip
    """Sync them all at once; each is given as soon as it is over. Closing the iterator, or an exception where it is
    used, stops the others: what was started here is then cancelled in Airbyte."""
    stopped = threading.Event()
    real = timing or Timing()

    def pause(seconds: float) -> None:
        if timing is not None:
            timing.sleep(seconds)
            seconds = 0.0
        if stopped.wait(seconds):
            raise KeyboardInterrupt

    def one(connection: ConnectionSettings) -> SyncReport:
        def shown(say: Say) -> Say:
            return lambda text: say(f"{connection.name}: {text}")

        policy = policy_of(connection, on_conflict, wait=wait)
        return sync(airbyte, connection, policy, Timing(real.clock, pause, real.draw), shown(note), shown(warn))

    with ThreadPoolExecutor(max(len(connections), 1), thread_name_prefix="airbyte") as pool:
        running = {pool.submit(one, each): each for each in connections}
        try:
            while running:
                # Not for ever: Polars has Ctrl-C resume a wait without an end, and nobody could stop this.
                for over in first_of(running, _LOOK_SECONDS, FIRST_COMPLETED).done:
                    yield running.pop(over), _result(over)
        finally:
            stopped.set()


def _result(over: Future[SyncReport]) -> SyncReport | AirbyteFault | SettingsError:
    try:
        return over.result()
    except (AirbyteFault, SettingsError) as fault:
        return fault
