"""Airbyte syncs: started once, followed through trouble, reported stream by stream; with a server here, without one in
:mod:`.embedded`.

dagster-airbyte is gone around on purpose wherever a sync is run. Measured against a server, its ``sync_and_poll``
deletes a job that is ``queued`` (Airbyte 2.2 and later), posts a sync four times when the first answer is slow,
cancels a healthy sync after a second of 503, fails on a sync that is already running, cannot find one older than two
days, takes a running reset for the sync, and tells ``Job failed: 111`` where Airbyte tells a reason. Its asset builders
call the server while the location loads, and its metadata has no rows, bytes, job or status. What is used of it:
nothing while the platform runs; its ``AirbyteWorkspace`` is a foreign client in the tests, which holds the stand-in to
what Dagster users have seen, and shows the difference.
"""

from __future__ import annotations

from integrations_platform.airbyte.trigger import trigger_airbyte_sync

__all__ = ["trigger_airbyte_sync"]
