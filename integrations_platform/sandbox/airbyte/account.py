"""What an Airbyte holds: one workspace, its connections, their jobs and states, and the rules of starting and ending
jobs. Measured rules are those of Airbyte 2.2 and 2.3; see :attr:`Account.version`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from integrations_platform.sandbox.airbyte.jobs import Job, Script
from integrations_platform.sandbox.airbyte.refusals import busy, conflict, refused, unknown

WORKSPACE = str(uuid5(NAMESPACE_DNS, "workspace.airbyte.stand-in"))
DESTINATION = str(uuid5(NAMESPACE_DNS, "postgres.airbyte.stand-in"))
NAMES = ("stripe_to_postgres", "hubspot_to_postgres")
STREAMS = ("charges", "customers")
FIRST_JOB = 101
NEWEST = "2.3.0"


@dataclass
class Connection:
    """One connection; ``streams`` as the public API shows them. ``state``: what the next sync goes on from."""

    id: str
    name: str
    streams: list[dict[str, Any]]
    status: str = "active"
    reason: str = ""
    state: dict[str, Any] = field(default_factory=dict)

    @property
    def stream_names(self) -> list[str]:
        """Of its streams, in order."""
        return [str(each["name"]) for each in self.streams]

    def namespace(self, stream: str) -> str | None:
        """Of one of its streams."""
        return next((each.get("namespace") for each in self.streams if each["name"] == stream), None)


class Account:
    """One Airbyte. ``clock`` tells its time in seconds. ``version``: up to 2.0 there is no status `queued`, from 2.2 on
    no user name and password. ``auth``: application or none. ``token_seconds``: how long a token lasts."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.version, self.auth, self.token_seconds = NEWEST, "application", 900
        self.connections: dict[str, Connection] = {}
        self.jobs: dict[int, Job] = {}
        self.scripts: dict[str, list[Script]] = {}
        self.notifications: dict[str, Any] = {}
        for name in NAMES:
            self.connect(name, [{"name": each} for each in STREAMS])

    @property
    def release(self) -> tuple[int, int]:
        """Major and minor version."""
        major, minor, *_ = self.version.split(".")
        return int(major), int(minor)

    def connect(self, name: str, streams: list[dict[str, Any]]) -> Connection:
        """A new connection; its id follows from its name."""
        usual = {"namespace": "public", "syncMode": "incremental_deduped_history", "cursorField": ["updated"],
                 "primaryKey": [["id"]]}  # fmt: skip
        made = Connection(connection_id(name), name, [usual | each for each in streams])
        self.connections[made.id] = made
        return made

    def connection(self, identity: str) -> Connection:
        """One connection. Raises VendorError when there is none."""
        if identity not in self.connections:
            raise unknown("connection", identity)
        return self.connections[identity]

    def named(self, name: str) -> Connection:
        """By name or id. Raises ValueError that lists the names."""
        for each in self.connections.values():
            if name in (each.name, each.id):
                return each
        raise ValueError(
            f"no connection is named {name}; there are {', '.join(c.name for c in self.connections.values())}"
        )

    def all_jobs(self) -> list[Job]:
        """Every job as it is now, the oldest first."""
        now = self._clock()
        for job in self.jobs.values():
            job.look(now)
        return sorted(self.jobs.values(), key=lambda job: (job.created, job.id))

    def job(self, number: int) -> Job:
        """One job, looked at: that brings on the next status of its script. Raises VendorError when there is none."""
        found = self._known(number)
        found.look(self._clock(), pop=True)
        return found

    def shown_job(self, number: int) -> Job:
        """One job as it is now. Raises VendorError when there is none."""
        found = self._known(number)
        found.look(self._clock())
        return found

    def start(self, identity: str, kind: str) -> Job:
        """A new job. Raises VendorError as Airbyte refuses one."""
        connection = self.connection(identity)
        if kind not in ("sync", "reset", "clear"):
            raise refused(422, f"jobType {kind} is not supported")
        if connection.status != "active":
            raise conflict(f"Connection {identity} is {connection.status}")
        return self.begin(connection, kind)

    def begin(self, connection: Connection, kind: str) -> Job:
        """A new job of any type. Raises VendorError when another is active."""
        if any(job.connection_id == connection.id and not job.final for job in self.all_jobs()):
            raise busy(connection.id)
        return self.add(connection.id, kind, self._script(connection), self._clock())

    def add(self, identity: str, kind: str, script: Script, created: float) -> Job:
        """A job whatever else runs, as if it had been made at ``created``."""
        number = max(self.jobs, default=FIRST_JOB - 1) + 1
        self.jobs[number] = Job.made(number, identity, kind, created, script)
        return self.jobs[number]

    def cancel(self, number: int) -> Job:
        """End a job. Raises VendorError when it has ended."""
        found = self.shown_job(number)
        if found.final:
            raise conflict("Job is not currently running")
        found.cancel(self._clock())
        return found

    def _known(self, number: int) -> Job:
        if number not in self.jobs:
            raise unknown("job", number)
        return self.jobs[number]

    def _script(self, connection: Connection) -> Script:
        """The next one that was laid down for the connection, else for all; the last one stays."""
        for key in (connection.name, "*"):
            if waiting := self.scripts.get(key):
                return waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return Script()

    def dump(self) -> dict[str, Any]:
        """All of it, JSON-safe."""
        return {
            "version": self.version, "auth": self.auth, "token_seconds": self.token_seconds,
            "connections": [asdict(each) for each in self.connections.values()],
            "jobs": [asdict(each) for each in self.jobs.values()], "notifications": self.notifications,
            "scripts": {name: [each.to_data() for each in waiting] for name, waiting in self.scripts.items()},
        }  # fmt: skip

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what :meth:`dump` gave."""
        self.version, self.auth, self.token_seconds = state["version"], state["auth"], int(state["token_seconds"])
        self.connections = {each["id"]: Connection(**each) for each in state["connections"]}
        self.jobs = {each["id"]: Job(**each | {"script": Script.from_data(each["script"])}) for each in state["jobs"]}
        self.notifications = dict(state["notifications"])
        self.scripts = {name: [Script.from_data(each) for each in given] for name, given in state["scripts"].items()}


def connection_id(name: str) -> str:
    """The id of the connection of that name."""
    return str(uuid5(NAMESPACE_DNS, f"{name}.airbyte.stand-in"))
