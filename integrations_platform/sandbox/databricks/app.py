"""The Databricks stand-in as an application: the Jobs API 2.2, the workspace files that tasks start from, who may call.

Time passes with the stand-in's clock: a run advances whenever somebody looks.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.routing import Route

from integrations_platform.sandbox.contracts import Contract
from integrations_platform.sandbox.databricks import schema, seed
from integrations_platform.sandbox.databricks.account import Account
from integrations_platform.sandbox.databricks.refusals import body_of, invalid, refusal
from integrations_platform.sandbox.databricks.scripts import Script
from integrations_platform.sandbox.databricks.shown import PAGE, shown
from integrations_platform.sandbox.vendor import Vendor, VendorError

TOKEN = "dapi-stand-in"  # noqa: S105  opens a stand-in on this machine, nothing else
CLIENT_ID, CLIENT_SECRET = "service-principal", "dose-stand-in"
USER = "stand@in"
TOKEN_SECONDS = 3600
_LONGEST_LIST = 25


class Databricks(Vendor):
    """One workspace, one personal access token, and one service principal whose tokens last an hour."""

    name = "databricks"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.tokens: dict[str, datetime] = {TOKEN: datetime.max.replace(tzinfo=UTC)}
        self._given_out = 0
        self.reset()

    # What the base asks for

    def routes(self) -> list[Route]:
        """The calls there are; every other path is 404."""
        handlers: dict[tuple[str, str], Callable[[Request], Any]] = {
            ("POST", "jobs/create"): self._create,
            ("GET", "jobs/get"): self._job,
            ("GET", "jobs/list"): self._jobs,
            ("POST", "jobs/delete"): self._delete_job,
            ("POST", "jobs/run-now"): self._run_now,
            ("POST", "jobs/runs/submit"): self._submit,
            ("GET", "jobs/runs/get"): self._run,
            ("GET", "jobs/runs/list"): self._runs,
            ("GET", "jobs/runs/get-output"): self._output,
            ("POST", "jobs/runs/cancel"): self._cancel,
            ("POST", "jobs/runs/repair"): self._repair,
            ("POST", "jobs/runs/delete"): self._delete_run,
            ("POST", "workspace/mkdirs"): self._make_folder,
            ("POST", "workspace/import"): self._import,
            ("GET", "workspace/get-status"): self._status,
            ("GET", "preview/scim/v2/Me"): self._me,
        }
        return [
            Route(schema.TOKEN_PATH, self._token, methods=["POST"], name="oidc.token"),
        ] + [
            Route(schema.path_of(what), self._admitted(handler), methods=[method], name=what.replace("/", "."))
            for (method, what), handler in handlers.items()
        ]

    def contract(self) -> Contract:
        """Schemas of all calls."""
        return schema.contract()

    def populate(self, size: int) -> None:
        """``size`` jobs of one to three tasks."""
        seed.populate(self.account, size, self.seed)

    def reset(self) -> None:
        """An empty workspace."""
        self.account = Account(lambda: round(self.clock.now().timestamp() * 1000))

    def dump(self) -> Any:
        """Jobs, runs, tokens, files and scripts."""
        return self.account.dump()

    def load(self, state: Any) -> None:
        """Take over what :meth:`dump` gave."""
        self.reset()
        self.account.load(state)

    def person(self, action: Mapping[str, Any]) -> Mapping[str, Any]:
        """In the workspace: `script` how tasks go, `cancel` a run, `delete` a job, `show` a state of a run."""
        what = action.get("do")
        if what == "script":
            given = {key: value for key, value in action.items() if key not in ("do", "task")}
            self.account.scripts[str(action.get("task", "*"))] = Script.from_data(given)
        elif what == "cancel":
            self.account.cancel(int(action["run_id"]))
        elif what == "delete":
            del self.account.jobs[int(action["job_id"])]
        elif what == "show":
            self.account.run(int(action["run_id"])).shown_life = str(action["state"])
        else:
            raise ValueError("do is one of script, cancel, delete, show")
        return {}

    @classmethod
    def options(cls, url: str) -> Mapping[str, str]:
        """Host and token of a stand-in at ``url``."""
        return {"host": url, "token": TOKEN}

    def expire_token(self) -> None:
        """The token's lifetime is over."""
        self.tokens.clear()

    def error_body(self, status: int) -> Mapping[str, Any]:
        """Databricks' words for an injected status."""
        code = {429: "REQUEST_LIMIT_EXCEEDED", 503: "TEMPORARILY_UNAVAILABLE", 401: "UNAUTHENTICATED",
                403: "PERMISSION_DENIED"}.get(status, "INTERNAL_ERROR")  # fmt: skip
        return body_of(code, f"injected status {status}")

    # Jobs

    def _create(self, request: Request) -> Any:
        return {"job_id": self.account.create(self._object(request))}

    def _job(self, request: Request) -> Any:
        job_id = _number(request, "job_id")
        return {"job_id": job_id, "creator_user_name": USER, "settings": self.account.job(job_id)}

    def _jobs(self, _request: Request) -> Any:
        return {
            "jobs": [{"job_id": number, "creator_user_name": USER, "settings": settings}
                     for number, settings in reversed(self.account.jobs.items())],
            "has_more": False,
        }  # fmt: skip

    def _delete_job(self, request: Request) -> Any:
        wish = self._object(request)
        self.account.job(int(wish["job_id"]))
        del self.account.jobs[int(wish["job_id"])]
        return {}

    # Runs

    def _run_now(self, request: Request) -> Any:
        run = self.account.run_now(self._object(request))
        return {"run_id": run.run_id, "number_in_job": run.run_id}

    def _submit(self, request: Request) -> Any:
        return {"run_id": self.account.submit(self._object(request)).run_id}

    def _run(self, request: Request) -> Any:
        now = self.account.catch_up()
        run = self.account.run(_number(request, "run_id"))
        history = request.query_params.get("include_history") == "true"
        page = request.query_params.get("page_token", "0")
        if not page.isdigit() or int(page) % PAGE:
            raise invalid("page_token is not valid.")
        return shown(run, self._url(request), now, page=int(page), history=history)

    def _runs(self, request: Request) -> Any:
        now, asked = self.account.catch_up(), request.query_params
        limit = int(asked.get("limit", "20"))
        if not 0 < limit <= _LONGEST_LIST:
            raise invalid(f"limit must be between 1 and {_LONGEST_LIST}.")
        runs = [
            run for run in sorted(self.account.runs.values(), key=lambda one: -one.run_id)
            if asked.get("job_id") in (None, str(run.job_id))
            and not (asked.get("active_only") == "true" and run.final)
            and not (asked.get("completed_only") == "true" and not run.final)
        ]  # fmt: skip
        at = int(asked.get("page_token", "0"))
        told: dict[str, Any] = {"has_more": at + limit < len(runs)}
        if runs:
            told["runs"] = [_without_tasks(shown(run, self._url(request), now)) for run in runs[at : at + limit]]
        return told | ({"next_page_token": str(at + limit)} if told["has_more"] else {})

    def _output(self, request: Request) -> Any:
        self.account.catch_up()
        return self.account.output(_number(request, "run_id"), self._url(request))

    def _cancel(self, request: Request) -> Any:
        self.account.catch_up()
        self.account.cancel(int(self._object(request)["run_id"]))
        return {}

    def _repair(self, request: Request) -> Any:
        self.account.catch_up()
        return {"repair_id": self.account.repair(self._object(request), self._url(request))}

    def _delete_run(self, request: Request) -> Any:
        self.account.catch_up()
        self.account.delete_run(int(self._object(request)["run_id"]))
        return {}

    # Files and people

    def _make_folder(self, request: Request) -> Any:
        self.account.files.setdefault(str(self._object(request)["path"]), "")
        return {}

    def _import(self, request: Request) -> Any:
        wish = self._object(request)
        path, folder = str(wish["path"]), str(wish["path"]).rpartition("/")[0]
        if folder not in self.account.files:
            raise refusal("RESOURCE_DOES_NOT_EXIST", f"The parent folder ({folder}) does not exist.")
        if path in self.account.files and not wish.get("overwrite"):
            raise refusal("RESOURCE_ALREADY_EXISTS", f"Path ({path}) already exists.")
        try:
            base64.b64decode(wish["content"], validate=True)
        except binascii.Error:
            raise invalid("content is not base64.") from None
        self.account.files[path] = str(wish["content"])
        return {}

    def _status(self, request: Request) -> Any:
        path = request.query_params.get("path", "")
        if path not in self.account.files:
            raise refusal("RESOURCE_DOES_NOT_EXIST", f"Path ({path}) doesn't exist.")
        return {"path": path, "object_type": "FILE" if self.account.files[path] else "DIRECTORY", "object_id": 1}

    def _me(self, _request: Request) -> Any:
        return {"id": "1", "userName": USER, "active": True}

    def file(self, path: str) -> bytes:
        """The content of an imported file. Raises KeyError."""
        return base64.b64decode(self.account.files[path])

    # Calls

    def _token(self, request: Request) -> Any:
        """A token for the service principal."""
        expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {expected}":
            raise VendorError(401, {"error": "invalid_client", "error_description": "Client authentication failed"})
        if parse_qs(request.state.body.decode()).get("grant_type") != ["client_credentials"]:
            raise VendorError(400, {"error": "unsupported_grant_type"})
        self._given_out += 1
        token = f"principal-{self._given_out}"
        self.tokens[token] = self.clock.now() + timedelta(seconds=TOKEN_SECONDS)
        return {"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS, "scope": "all-apis"}

    def _admitted(self, handler: Callable[[Request], Any]) -> Callable[[Request], Any]:
        def handle(request: Request) -> Any:
            word, _, token = request.headers.get("authorization", "").partition(" ")
            if word != "Bearer" or self.clock.now() >= self.tokens.get(token, datetime.min.replace(tzinfo=UTC)):
                raise refusal("UNAUTHENTICATED", "Invalid access token.")
            return handler(request)

        return handle

    def _object(self, request: Request) -> dict[str, Any]:
        """The body, where it is what the contract says. Raises VendorError."""
        try:
            body = self.body(request)
        except ValueError:
            raise refusal("MALFORMED_REQUEST", "Could not parse request object.") from None
        faults = self.checked_contract.check_request(
            request.method, request.url.path, {}, "application/json", request.state.body
        )
        if (fault := next(iter(faults), None)) is not None:
            raise invalid(f"{fault[0] or '/'}: {fault[1]}")
        return dict(body)

    @staticmethod
    def _url(request: Request) -> str:
        return f"http://{request.url.netloc}"


def _number(request: Request, name: str) -> int:
    text = request.query_params.get(name, "")
    if not text.isdigit():
        raise invalid(f"{name} must be a number.")
    return int(text)


def _without_tasks(run: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in run.items() if name not in ("tasks", "next_page_token")}
