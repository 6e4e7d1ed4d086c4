# mypy: disable-error-code="import-not-found, misc"
"""The trigger that waits for a run while its task holds no worker.

It keeps the connection's id and the run's, never a credential: its row stands in Airflow's database.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from integrations_platform.airflow_shim.client import Dagster, Run
from integrations_platform.airflow_shim.connection import place_of
from integrations_platform.airflow_shim.faults import DagsterFault
from integrations_platform.airflow_shim.following import Following
from integrations_platform.waiting import Timing


class DagsterRunTrigger(BaseTrigger):
    """Fires once: when the run is over, or nothing can be heard of it any more."""

    def __init__(self, conn_id: str, run_id: str, interval: float, outage: float) -> None:
        super().__init__()
        self.conn_id, self.run_id, self.interval, self.outage = conn_id, run_id, interval, outage

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """As Airflow keeps it."""
        place = f"{type(self).__module__}.{type(self).__qualname__}"
        said = {"conn_id": self.conn_id, "run_id": self.run_id, "interval": self.interval, "outage": self.outage}
        return place, said

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until there is something to tell."""
        following = Following(self.run_id, Timing(), self.log.info, self.interval, self.outage)
        try:
            while (ended := await asyncio.to_thread(self._look, following)) is None:
                self.run_id = following.run_id
                await asyncio.sleep(following.pause())
        except DagsterFault as fault:
            yield TriggerEvent({"run_id": following.run_id, "fault": fault.message, "kind": fault.kind.value})
            return
        except asyncio.CancelledError:
            if not hasattr(BaseTrigger, "on_kill") and await asyncio.to_thread(self._is_marked):
                await self.on_kill()
            raise
        yield TriggerEvent({"run_id": ended.run_id, "status": ended.status})

    async def on_kill(self) -> None:
        """Somebody marked the task: the run it waits for is stopped. Airflow 3.3 calls this by itself."""
        await asyncio.to_thread(self._stop)

    def _look(self, following: Following) -> Run | None:
        with Dagster(place_of(self.conn_id)) as dagster:
            return following.look(dagster)

    def _is_marked(self) -> bool:
        """Airflow 2 ends a trigger alike when somebody marks its task and when the triggerer shuts down; in the second
        case the task is still deferred, and the next triggerer goes on."""
        from airflow.models.taskinstance import TaskInstance
        from airflow.utils.session import create_session

        ti = self.task_instance
        key = {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id, "map_index": ti.map_index}
        with create_session() as session:
            found = session.query(TaskInstance).filter_by(**key).one_or_none()
            return found is None or found.state != "deferred"

    def _stop(self) -> None:
        with Dagster(place_of(self.conn_id)) as dagster:
            dagster.stop(self.run_id)
