"""The HubSpot stand-in as an application: who may call, what a call costs, and what a portal's people do.

Handlers and their rules live in the modules beside; :mod:`.operations` is the table of all of them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from integrations_platform.sandbox.contracts import Contract
from integrations_platform.sandbox.hubspot import operations, persistence, seed
from integrations_platform.sandbox.hubspot.answers import error, error_body, invalid, missing_scopes
from integrations_platform.sandbox.hubspot.asked import Asked
from integrations_platform.sandbox.hubspot.catalogue import TYPE_IDS, Json
from integrations_platform.sandbox.hubspot.limits import Limits
from integrations_platform.sandbox.hubspot.operations import LEGACY, Operation
from integrations_platform.sandbox.hubspot.people import People
from integrations_platform.sandbox.hubspot.portal import Author, Portal, Stored, Switches
from integrations_platform.sandbox.vendor import Vendor, VendorError

TOKEN = "pat-na1-sandbox"  # noqa: S105  opens a stand-in on this machine, nothing else
SCOPES = frozenset(
    f"crm.{area}.{kind}.{right}" for area in ("objects", "schemas") for kind in TYPE_IDS for right in ("read", "write")
)
LOCK_SECONDS = 2


class HubSpot(Vendor):
    """One portal and one private app. ``scopes`` are what each token may do; ``index_delay`` is how many seconds a
    search lags behind; ``migrating_until`` makes the account unreachable as during a move."""

    name = "hubspot"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.scopes: dict[str, frozenset[str]] = {TOKEN: SCOPES}
        self.apps: dict[str, str] = {TOKEN: "9002"}
        self.switches = Switches()
        self.limits = Limits()
        self.index_delay = 10.0
        self.migrating_until: datetime | None = None
        self.reset()

    # What the base asks for

    def routes(self) -> list[Route]:
        """All operations, under every family of paths."""
        return [
            Route(path, self._handler(family, operation), methods=[operation.method], name=operation.name)
            for family, path, operation in operations.addressed()
        ]

    def contract(self) -> Contract:
        """Schemas of all operations."""
        return operations.contract()

    def populate(self, size: int) -> None:
        """Companies, contacts and deals, ``size`` contacts in all."""
        with self.lock:
            seed.populate(self.portal, size, self.seed)

    def reset(self) -> None:
        """An empty portal."""
        self.portal = Portal(self.clock.now, self.switches)
        self.people = People(self.portal)
        self.locked: dict[tuple[str, int], datetime] = {}
        self._shuffle = random.Random(self.seed)  # noqa: S311  an order nobody may rely on

    def dump(self) -> Any:
        """Everything but the switches."""
        return persistence.dump(self.portal)

    def load(self, state: Any) -> None:
        """Take over what :meth:`dump` gave."""
        self.reset()
        persistence.load(self.portal, state)

    def person(self, action: Mapping[str, Any]) -> Mapping[str, Any]:
        """What somebody does in the application, or an administrator in the settings."""
        if action.get("do") == "lock":
            kind, record_id = str(action["type"]), int(action["id"])
            self.locked[kind, record_id] = self.clock.now() + timedelta(seconds=LOCK_SECONDS)
            return {"id": str(record_id)}
        return self.people.act(action)

    @classmethod
    def options(cls, url: str) -> Mapping[str, str]:
        """Token and address of a stand-in at ``url``."""
        return {"token": TOKEN, "base_url": url}

    def expire_token(self) -> None:
        """Somebody rotates the app's token: private-app tokens end in no other way."""
        self.scopes.clear()

    def error_body(self, status: int) -> Json:
        """HubSpot's words for an injected status."""
        if status == 429:
            return {"status": "error", "message": "You have reached your ten_secondly_rolling limit.",
                    "errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING"}  # fmt: skip
        return error_body({423: "LOCKED", 477: "MIGRATION_IN_PROGRESS"}.get(status, "INTERNAL_ERROR"), "internal error")

    # Calls

    def _handler(self, family: str, operation: Operation) -> Callable[[Request], Response]:
        def handle(request: Request) -> Response:
            validator = operations.validator(operation.name)
            self._admit(request, operation)
            headers = self.limits.take(self.clock.now(), search=operation.name == "objects.search")
            try:
                body = self.body(request) if validator is not None else None
                fault = next(iter(validator.iter_errors(body)), None) if validator is not None else None
            except ValueError:
                raise invalid("Invalid input JSON on line 1, column 1") from None
            if fault is not None:
                pointer = "".join(f"/{step}" for step in fault.instance_path)
                raise invalid(f"Invalid input JSON at {pointer or '/'}: {fault.message[:200]}")
            try:
                result = operation.handler(self._asked(request, body, dated=family != LEGACY))
            except VendorError as refused:
                refused.headers.update(headers)
                raise
            answer = result if isinstance(result, Response) else JSONResponse(result) if result is not None else None
            answer = answer or Response(status_code=204)
            answer.headers.update(headers)
            return answer

        return handle

    def _admit(self, request: Request, operation: Operation) -> None:
        word, _, token = request.headers.get("authorization", "").partition(" ")
        held = self.scopes.get(token)
        if word.lower() != "bearer" or held is None:
            raise error(401, "INVALID_AUTHENTICATION", "Authentication credentials not found or not valid.")
        now = self.clock.now()
        if self.migrating_until is not None and now < self.migrating_until:
            wait = {"Retry-After": str(round((self.migrating_until - now).total_seconds()))}
            raise VendorError(477, error_body("MIGRATION_IN_PROGRESS", "the account is being migrated"), wait)
        given = request.path_params.get("type", "")
        kind = next((kind for kind, type_id in TYPE_IDS.items() if given == type_id), given)
        scope = operation.scope.format(type=kind)
        if kind in ("", *TYPE_IDS) and scope and scope not in held:
            raise missing_scopes(scope)

    def _asked(self, request: Request, body: Any, *, dated: bool) -> Asked:
        token = request.headers["authorization"].partition(" ")[2]
        author = Author("INTEGRATION", self.apps.get(token, "9002"))
        return Asked(self.portal, self.limits, dict(request.path_params), request.query_params, body, author, dated,
                     self.index_delay, self._shuffle, self._check_lock)  # fmt: skip

    def _check_lock(self, record: Stored) -> None:
        until = self.locked.get((record.type, record.id))
        if until is not None and self.clock.now() < until:
            raise error(423, "LOCKED", "This object is locked by another process. Wait 2 seconds.")
