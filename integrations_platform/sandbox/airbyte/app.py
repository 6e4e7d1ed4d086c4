"""The Airbyte stand-in as an application: the public API, what the platform uses of the configuration API, and who may
call. Time passes with the stand-in's clock, or with looks where a job has a script of statuses.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from integrations_platform.sandbox.airbyte import listing, people, schema, seed, shown
from integrations_platform.sandbox.airbyte.account import DESTINATION, WORKSPACE, Account
from integrations_platform.sandbox.airbyte.jobs import Job, Script
from integrations_platform.sandbox.airbyte.refusals import odd, problem, refused, unknown
from integrations_platform.sandbox.contracts import Contract
from integrations_platform.sandbox.vendor import Vendor, VendorError

CLIENT_ID, CLIENT_SECRET = "stand-in-application", "stand-in-client-secret"
USERNAME, PASSWORD = "somebody@example.com", "stand-in-password"
_BASIC_UP_TO = (2, 1)
_DAY = 86_400


class Airbyte(Vendor):
    """One self-managed Airbyte with one application."""

    name = "airbyte"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.tokens: dict[str, datetime] = {}
        self._given_out = 0
        self.reset()

    # What the base asks for

    def routes(self) -> list[Route]:
        """The calls there are; every other path is 404."""
        public: dict[tuple[str, str], tuple[str, Callable[[Request], Any]]] = {
            ("GET", "/workspaces"): ("workspaces.list", self._workspaces),
            ("GET", "/workspaces/{workspace}"): ("workspaces.get", self._workspace),
            ("PATCH", "/workspaces/{workspace}"): ("workspaces.change", self._notify),
            ("GET", "/connections"): ("connections.list", self._connections),
            ("GET", "/connections/{connection}"): ("connections.get", self._connection),
            ("GET", "/destinations/{destination}"): ("destinations.get", self._destination),
            ("GET", "/jobs"): ("jobs.list", self._jobs),
            ("POST", "/jobs"): ("jobs.create", self._create),
            ("GET", "/jobs/{job}"): ("jobs.get", self._job),
            ("DELETE", "/jobs/{job}"): ("jobs.cancel", self._cancel),
        }
        other: dict[str, tuple[str, Callable[[Mapping[str, Any]], Any]]] = {
            "/connections/get": ("configuration.connection", self._configured),
            "/jobs/get_without_logs": ("configuration.job", self._information),
            "/stream_statuses/latest_per_run_state": ("configuration.streams", self._streams),
            "/state/get": ("configuration.state", self._state),
            "/connections/refresh": ("configuration.refresh", self._refresh),
            "/connections/clear/stream": ("configuration.clear", self._clear),
        }
        return [
            Route(f"{schema.OTHER}/health", lambda _: {"available": True}, methods=["GET"], name="health"),
            Route(f"{schema.PUBLIC}/health", lambda _: PlainTextResponse("Successful operation"), methods=["GET"],
                  name="health.public"),
            Route(f"{schema.OTHER}/instance_configuration", self._instance, methods=["GET"], name="instance"),
            Route(f"{schema.PUBLIC}/applications/token", self._token, methods=["POST"], name="token"),
            Route(f"{schema.OTHER}/applications/token", self._short_token, methods=["POST"], name="token.other"),
            *(Route(schema.PUBLIC + path, self._admitted(handler), methods=[method], name=name)
              for (method, path), (name, handler) in public.items()),
            *(Route(schema.OTHER + path, self._admitted(self._checked(handler)), methods=["POST"], name=name)
              for path, (name, handler) in other.items()),
        ]  # fmt: skip

    def contract(self) -> Contract:
        """Schemas of all calls."""
        return schema.contract()

    def populate(self, size: int) -> None:
        """The connections of the shipped environments, and ``size`` finished syncs of theirs in the past days."""
        seed.populate(self.account)
        now, connections = self._now(), list(self.account.connections)
        for number in range(size):
            age = (size - number) * _DAY / 4
            script = Script(seconds=60.0 + number % 7 * 10)
            self.account.add(connections[number % len(connections)], "sync", script, now - age)

    def reset(self) -> None:
        """Two connections that never synced."""
        self.account = Account(self._now)

    def dump(self) -> Any:
        """Connections, jobs and scripts."""
        return self.account.dump()

    def load(self, state: Any) -> None:
        """Take over what :meth:`dump` gave."""
        self.reset()
        self.account.load(state)

    def person(self, action: Mapping[str, Any]) -> Mapping[str, Any]:
        """See :mod:`.people`."""
        return people.act(self.account, action, self._now())

    @classmethod
    def options(cls, url: str) -> Mapping[str, str]:
        """Address and application of a stand-in at ``url``."""
        return {"url": url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "workspace_id": WORKSPACE}

    def exports(self) -> Mapping[str, str]:
        """Ids of connections, by the variables that the shipped environments take them from."""
        return {seed.variable(each.name): each.id for each in self.account.connections.values()}

    def logged(self, operation: str, body: bytes) -> bytes:
        """Without the secret of whoever asks for a token."""
        return body.replace(CLIENT_SECRET.encode(), b"***") if operation.startswith("token") else body

    def expire_token(self) -> None:
        """The tokens' lifetime is over."""
        self.tokens.clear()

    def error_body(self, status: int) -> Mapping[str, Any]:
        """Airbyte's words for an injected status."""
        if status == 429:
            return {"message": "You are being rate limited."}
        return problem(status, f"injected status {status}")

    # The public API

    def _workspaces(self, request: Request) -> Any:
        found = [self.account] if listing.check_workspaces(request.query_params) else []
        return listing.page(found, shown.workspace, request.query_params, "/workspaces")

    def _workspace(self, request: Request) -> Any:
        if request.path_params["workspace"] != WORKSPACE:
            raise unknown("workspace", request.path_params["workspace"])
        return shown.workspace(self.account)

    def _notify(self, request: Request) -> Any:
        self._workspace(request)
        for event, wish in self._object(request).get("notifications", {}).items():
            self.account.notifications[event] = self.account.notifications.get(event, {}) | wish
        return shown.workspace(self.account)

    def _connections(self, request: Request) -> Any:
        here = listing.check_workspaces(request.query_params)
        found = list(self.account.connections.values()) if here else []
        return listing.page(found, shown.connection, request.query_params, "/connections")

    def _connection(self, request: Request) -> Any:
        return shown.connection(self.account.connection(request.path_params["connection"]))

    def _destination(self, request: Request) -> Any:
        if request.path_params["destination"] != DESTINATION:
            raise unknown("destination", request.path_params["destination"])
        return shown.destination()

    def _jobs(self, request: Request) -> Any:
        asked = request.query_params
        found = listing.jobs(self.account.all_jobs(), asked, lambda job: shown.word(job, self.account))
        told = listing.page(found, self._shown, asked, "/jobs")
        if "status" in asked:  # who asks for running jobs looks at them
            for each in told["data"]:
                self.account.job(each["jobId"])
        return told

    def _create(self, request: Request) -> Any:
        wish = self._object(request)
        return self._shown(self.account.start(str(wish["connectionId"]), str(wish["jobType"])))

    def _job(self, request: Request) -> Any:
        return self._shown(self.account.job(_number(request)))

    def _cancel(self, request: Request) -> Any:
        return self._shown(self.account.cancel(_number(request)))

    def _shown(self, job: Job) -> dict[str, Any]:
        return shown.job(job, self.account, self.account.connections[job.connection_id].stream_names, self._now())

    # The configuration API

    def _configured(self, wish: Mapping[str, Any]) -> Any:
        return shown.configured(self.account.connection(wish["connectionId"]))

    def _information(self, wish: Mapping[str, Any]) -> Any:
        job = self.account.shown_job(wish["id"])
        return shown.job_information(job, self.account.connections[job.connection_id])

    def _streams(self, wish: Mapping[str, Any]) -> Any:
        connection = self.account.connection(wish["connectionId"])
        mine = [job for job in self.account.all_jobs() if job.connection_id == connection.id]
        return {"streamStatuses": shown.stream_statuses(mine, connection)}

    def _state(self, wish: Mapping[str, Any]) -> Any:
        return shown.state(self.account.connection(wish["connectionId"]))

    def _refresh(self, wish: Mapping[str, Any]) -> Any:
        connection = self.account.connection(wish["connectionId"])
        return shown.job_information(self.account.begin(connection, "refresh"), connection)

    def _clear(self, wish: Mapping[str, Any]) -> Any:
        connection = self.account.connection(wish["connectionId"])
        return shown.job_information(self.account.begin(connection, "clear"), connection)

    # Calls

    def _instance(self, request: Request) -> Any:
        mode = "none" if self.account.auth == "none" else "simple"
        return {
            "version": self.account.version, "edition": "community", "airbyteUrl": f"http://{request.url.netloc}",
            "auth": {"mode": mode}, "defaultWorkspaceId": WORKSPACE, "initialSetupComplete": True,
            "licenseStatus": "noLicense",
        }  # fmt: skip

    def _token(self, request: Request) -> Any:
        """For the application, asked for by JSON or by a form."""
        media = request.headers.get("content-type", "").partition(";")[0]
        wish = dict(parse_qsl(request.state.body.decode())) if media == schema.FORM else self._object(request)
        if (wish.get("client_id"), wish.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            raise refused(401, "Invalid client id or secret", "invalid-api-key")
        self._given_out += 1
        token = f"application-{self._given_out}"
        self.tokens[token] = self.clock.now() + timedelta(seconds=self.account.token_seconds)
        return {"access_token": token, "token_type": "Bearer", "expires_in": self.account.token_seconds}

    def _short_token(self, request: Request) -> Any:
        try:
            return {"access_token": self._token(request)["access_token"]}
        except VendorError as error:
            raise odd(error.status, str(error.body["data"]["message"])) from None

    def _admitted(self, handler: Callable[[Request], Any]) -> Callable[[Request], Any]:
        def handle(request: Request) -> Any:
            if self.account.auth != "none" and not self._knows(request.headers.get("authorization", "")):
                message = "Unauthorized"
                other = request.url.path.startswith(f"{schema.OTHER}/")
                raise odd(401, message) if other else refused(401, message)
            return handler(request)

        return handle

    def _knows(self, authorization: str) -> bool:
        word, _, said = authorization.partition(" ")
        if word == "Bearer":
            return self.clock.now() < self.tokens.get(said, datetime.min.replace(tzinfo=UTC))
        expected = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
        return word == "Basic" and said == expected and self.account.release <= _BASIC_UP_TO

    def _checked(self, handler: Callable[[Mapping[str, Any]], Any]) -> Callable[[Request], Any]:
        """A handler of the configuration API: a body that the contract allows, errors in its own shape."""

        def handle(request: Request) -> Any:
            try:
                return handler(self._object(request))
            except VendorError as error:
                said = error.body.get("data", {}).get("message", "") or error.body.get("message", "")
                raise odd(error.status, str(said)) from None

        return handle

    def _object(self, request: Request) -> dict[str, Any]:
        """The body, where it is what the contract says. Raises VendorError."""
        template = next(
            (route.path for route in self.vendor_routes if route.matches(request.scope)[0].name == "FULL"), ""
        )
        body = request.state.body
        faults = self.checked_contract.check_request(request.method, template, {}, "application/json", body)
        if (fault := next(iter(faults), None)) is not None:
            raise refused(400, f"{fault[0] or '/'}: {fault[1]}")
        return dict(json.loads(body))

    def _now(self) -> float:
        return self.clock.now().timestamp()


def _number(request: Request) -> int:
    text = request.path_params["job"]
    if not text.isdigit():
        raise refused(400, "jobId must be a number")
    return int(text)
