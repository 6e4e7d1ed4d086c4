"""One Airbyte server: a method per call, its answers in this project's words.

Decides nothing: what is started, followed and cancelled when is in :mod:`.starting` and :mod:`.running`. Starting,
clearing and refreshing are never sent twice; everything else is, while it fails by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, TypeVar

from integrations_platform.airbyte import looks
from integrations_platform.airbyte.authentication import Authentication
from integrations_platform.airbyte.faults import AirbyteFault
from integrations_platform.airbyte.looks import (
    Connection,
    Instance,
    Job,
    Statistics,
    Stream,
    StreamStatus,
    SyncState,
)
from integrations_platform.airbyte.transport import Transport
from integrations_platform.airbyte.watching import SharedLooks
from integrations_platform.service_faults import FaultKind
from integrations_platform.waiting import Timing

PAGE = 100
_MOST_PAGES = 200
T = TypeVar("T")


class Airbyte:
    """The server at ``url``, asked as ``authentication`` says; safe to share between threads.

    ``workspace_id`` is the one meant where none is named. Raises AirbyteFault for an unusable address.
    """

    def __init__(
        self, url: str, authentication: Authentication | None = None, *, workspace_id: str = "",
        timing: Timing | None = None, transport: Transport | None = None,
    ) -> None:  # fmt: skip
        self._transport = transport or Transport(url, authentication, timing=timing)
        self._workspace_id = workspace_id

    @cached_property
    def shared(self) -> SharedLooks:
        """Looks at running jobs, shared by all that follow one through this object."""
        return SharedLooks(self, self.timing)

    @property
    def timing(self) -> Timing:
        """Of the waits between repeated calls."""
        return self._transport.timing

    def close(self) -> None:
        """Release the connections."""
        self._transport.close()

    def health(self) -> bool:
        """Whether the server says that it can work; needs no credentials. Raises AirbyteFault."""
        data = self._transport.anonymous("/v1/health", "asking how it is")
        return isinstance(data, dict) and data.get("available") is True

    def instance(self) -> Instance:
        """What a self-managed server says of itself; needs no credentials. Raises AirbyteFault (404 on Cloud)."""
        return looks.instance_of(self._transport.anonymous("/v1/instance_configuration", "asking which version it is"))

    def workspaces(self) -> dict[str, str]:
        """Names by id, as far as the credentials reach. Raises AirbyteFault."""
        found = self._pages("/workspaces", "listing workspaces", {}, lambda data: data)
        return {str(each["workspaceId"]): str(each.get("name", "")) for each in found if "workspaceId" in each}

    @cached_property
    def workspace_id(self) -> str:
        """The one that was named, else the server's default, else the only one; empty when none can be told. Raises
        AirbyteFault."""
        if self._workspace_id:
            return self._workspace_id
        try:
            if default := self.instance().workspace_id:
                return default
        except AirbyteFault as fault:
            if fault.kind is FaultKind.TRANSIENT:
                raise
        found = list(self.workspaces())
        return found[0] if len(found) == 1 else ""

    def connections(self, workspace_id: str = "") -> list[Connection]:
        """All of a workspace, with their streams. Raises AirbyteFault."""
        what = {"workspaceIds": workspace_id or self.workspace_id or None}
        return self._pages("/connections", "listing connections", what, looks.connection_of)

    def connection(self, connection_id: str) -> Connection:
        """One connection. Raises AirbyteFault, 404 when there is none."""
        what = f"connection {connection_id}"
        return looks.connection_of(self._transport.public("GET", f"/connections/{_quoted(connection_id)}", what))

    def destination(self, destination_id: str) -> Mapping[str, Any]:
        """A destination as the API shows it: name, destinationType, configuration without secrets."""
        what = f"destination {destination_id}"
        data = self._transport.public("GET", f"/destinations/{_quoted(destination_id)}", what)
        return data if isinstance(data, dict) else {}

    def job(self, job_id: int) -> Job:
        """One job. Raises AirbyteFault."""
        return looks.job_of(self._transport.public("GET", f"/jobs/{int(job_id)}", f"job {job_id}"))

    def jobs(
        self, connection_id: str = "", *, workspace_id: str = "", status: str = "", updated_since: str = "",
        order: str = "createdAt|DESC", most: int = 20,
    ) -> list[Job]:  # fmt: skip
        """Jobs of all types, of a connection or of a workspace, the newest first; at most ``most`` of them.

        ``updated_since``: an ISO time in UTC. ``order``: createdAt or updatedAt, ``|``, ASC or DESC; it is always sent,
        because the server's own order begins with the oldest. Raises AirbyteFault.
        """
        wish = {
            "connectionId": connection_id or None, "workspaceIds": workspace_id or None, "status": status or None,
            "updatedAtStart": updated_since or None, "orderBy": order,
        }  # fmt: skip
        what = f"listing jobs of {f'connection {connection_id}' if connection_id else 'the workspace'}"
        return self._pages("/jobs", what, wish, looks.job_of, most)

    def active(self, connection_id: str) -> list[Job]:
        """Jobs of a connection that have not ended, the newest first, whatever their age. Raises AirbyteFault."""
        return [job for job in self.jobs(connection_id) if not job.over]

    def start(self, connection_id: str, job_type: Literal["sync", "reset", "clear"] = "sync") -> Job:
        """Start a job, sending once what may have arrived. Raises AirbyteFault; its ``perhaps_done`` says whether the
        job may run even so."""
        body = {"connectionId": connection_id, "jobType": job_type}
        what = f"starting a {job_type} of connection {connection_id}"
        return looks.job_of(self._transport.public("POST", "/jobs", what, body=body, once=True))

    def cancel(self, job_id: int) -> bool:
        """Ask for a job's end; False: it was not running. Safe to repeat. Raises AirbyteFault."""
        try:
            self._transport.public("DELETE", f"/jobs/{int(job_id)}", f"cancelling job {job_id}")
        except AirbyteFault as fault:
            if fault.status != 409:
                raise
            return False
        return True

    # Of the configuration API, which promises no stability

    def statistics(self, job_id: int) -> Statistics:
        """What a job did, stream by stream, and why it failed. Raises AirbyteFault."""
        what = f"statistics of job {job_id}"
        return looks.statistics_of(self._transport.configuration("/jobs/get_without_logs", what, {"id": int(job_id)}))

    def stream_statuses(self, connection_id: str) -> tuple[StreamStatus, ...]:
        """How far each stream came, in its newest jobs. Raises AirbyteFault."""
        body, what = {"connectionId": connection_id}, f"streams of connection {connection_id}"
        return looks.statuses_of(self._transport.configuration("/stream_statuses/latest_per_run_state", what, body))

    def state(self, connection_id: str) -> SyncState:
        """Where the next sync goes on. Raises AirbyteFault."""
        body, what = {"connectionId": connection_id}, f"state of connection {connection_id}"
        return looks.state_of(self._transport.configuration("/state/get", what, body))

    # What takes data away: only after somebody confirmed it

    def reset(self, connection_id: str) -> Job:
        """Remove everything the connection wrote and forget its state. Raises AirbyteFault."""
        return self.start(connection_id, "reset")

    def clear(self, connection_id: str, streams: Sequence[Stream] = ()) -> Job:
        """Remove what the connection wrote: of these streams, or of all. Raises AirbyteFault."""
        if not streams:
            return self.start(connection_id, "clear")
        body = {"connectionId": connection_id, "streams": [_named(each) for each in streams]}
        return self._configured("/connections/clear/stream", f"clearing streams of connection {connection_id}", body)

    def refresh(
        self, connection_id: str, mode: Literal["Truncate", "Merge"] = "Merge", streams: Sequence[Stream] = ()
    ) -> Job:
        """Read everything again; Merge keeps what is there, Truncate replaces it. Raises AirbyteFault."""
        body: dict[str, Any] = {"connectionId": connection_id, "refreshMode": mode}
        if streams:
            body["streams"] = [_named(each) for each in streams]
        return self._configured("/connections/refresh", f"refreshing connection {connection_id}", body)

    def page_of(self, connection: Connection, job_id: int) -> str:
        """Where a person sees a job; at the address people use, where the server tells it."""
        return (
            f"{self._pages_url}/workspaces/{connection.workspace_id}/connections/{connection.id}/timeline"
            f"?jobId={job_id}"
        )

    @cached_property
    def _pages_url(self) -> str:
        try:
            told = self.instance().url
        except AirbyteFault:
            told = ""
        known = told.startswith(("http://", "https://"))
        return (told if known else self._transport.addresses.pages).rstrip("/")

    def _configured(self, path: str, what: str, body: Mapping[str, Any]) -> Job:
        data = self._transport.configuration(path, what, body, once=True)
        job = data.get("job") if isinstance(data, dict) else None
        number = job.get("id") if isinstance(job, dict) else None
        return looks.job_of({"jobId": number} | ({} if job is None else {"status": job.get("status"),
                            "jobType": job.get("configType")}))  # fmt: skip

    def _pages(
        self, path: str, what: str, params: Mapping[str, Any], read: Callable[[Any], T], most: int | None = None
    ) -> list[T]:
        """By an offset of our own: the address of the next page that an answer gives may be of another host, and
        leaves filters and order out."""
        found: list[T] = []
        limit = PAGE if most is None else min(PAGE, most)
        for _ in range(_MOST_PAGES):
            asked = dict(params) | {"limit": limit, "offset": len(found)}
            data = self._transport.public("GET", path, what, params=asked)
            page = looks.listed(data.get("data") if isinstance(data, dict) else None)
            found += [read(each) for each in page]
            if len(page) < limit or (most is not None and len(found) >= most):
                break
        return found if most is None else found[:most]


def _quoted(part: str) -> str:
    from integrations_platform.connectors.http import quoted

    return quoted(part)


def _named(stream: Stream) -> dict[str, str]:
    return {"streamName": stream.name} | ({"streamNamespace": stream.namespace} if stream.namespace else {})
