"""The base of a vendor's stand-in: its routes as one application, its clock, log, faults, contract and control.

A vendor adds its own state and handlers. Handlers are methods that take a Starlette request and return JSON-safe data,
a response, or None (204); they raise :class:`VendorError` for errors in the vendor's own shape. Synchronous ones run
with :attr:`Vendor.lock` held, so that a test or a person may change the state from another thread.
"""

from __future__ import annotations

import inspect
import json
import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from integrations_platform.sandbox.clock import Clock, VirtualClock
from integrations_platform.sandbox.contracts import Contract, Violation
from integrations_platform.sandbox.control import control_routes
from integrations_platform.sandbox.edge import CONTROL, Call, Edge
from integrations_platform.sandbox.faults import Faults

SAVE_SECONDS = 5.0  # a state file is at most this much older than the last change, and whole after a clean end


class VendorError(Exception):
    """An error as the vendor words it: ``body`` is its JSON, sent with ``status`` and ``headers``."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status}: {body}")
        self.status, self.body, self.headers = status, body, dict(headers or {})


class Vendor(ABC):
    """One stand-in. ``seed`` makes data and faults repeatable; ``validate`` checks the contract on every call;
    ``lenient_requests`` leaves requests unchecked, for vendors' clients that send more than is documented."""

    name: ClassVar[str]

    def __init__(
        self, *, seed: int = 0, clock: Clock | None = None, validate: bool = True, lenient_requests: bool = False
    ) -> None:
        self.seed, self.validate, self.lenient_requests = seed, validate, lenient_requests
        self.clock = VirtualClock() if clock is None else VirtualClock(clock)
        self.faults = Faults(seed)
        self.calls: list[Call] = []
        self.violations: list[Violation] = []
        self.lock = threading.RLock()
        self.state_file: Path | None = None
        self._saved_at = time.monotonic()

    # What a vendor supplies

    @abstractmethod
    def routes(self) -> list[Route]:
        """The vendor's paths; the name of a route is its operation in the log and for faults."""

    @abstractmethod
    def contract(self) -> Contract:
        """Schemas of requests and answers by method and path template."""

    @abstractmethod
    def populate(self, size: int) -> None:
        """Add ``size`` records of realistic data, the same for the same seed."""

    @abstractmethod
    def reset(self) -> None:
        """Back to an empty account."""

    @abstractmethod
    def dump(self) -> Any:
        """The whole state as JSON-safe data."""

    @abstractmethod
    def load(self, state: Any) -> None:
        """Take over what :meth:`dump` gave."""

    @abstractmethod
    def person(self, action: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a person does in the vendor's own interface. Raises ValueError naming the actions it knows."""

    def options(self, url: str) -> Mapping[str, str]:
        """The platform's settings, by option, that reach this stand-in at ``url``; anybody on this machine may ask."""
        return {"base_url": url}

    def exports(self) -> Mapping[str, str]:
        """Further variables, by name, that the shipped environments take from whoever runs this stand-in."""
        return {}

    def expire_token(self) -> None:  # noqa: B027  not abstract: most vendors' tokens last
        """End the access tokens given out so far; a vendor whose tokens last leaves this as it is."""

    def logged(self, operation: str, body: bytes) -> bytes:  # noqa: ARG002  as vendors override it
        """A request's body as the log keeps it: without what anybody who reads the log must not know."""
        return body

    def error_body(self, status: int) -> Mapping[str, Any]:
        """The vendor's usual body for an injected ``status``."""
        return {"message": f"injected status {status}"}

    # What it gets

    @cached_property
    def vendor_routes(self) -> list[Route]:
        """The routes, their handlers run under the lock and their results made responses."""
        return [
            Route(route.path, self._endpoint(route.endpoint), methods=sorted(route.methods or ()), name=route.name)
            for route in self.routes()
        ]

    @cached_property
    def checked_contract(self) -> Contract:
        """:meth:`contract`, built once."""
        return self.contract()

    @cached_property
    def app(self) -> Starlette:
        """The application; serve it with :class:`.server.SandboxServer`."""
        control = Mount(CONTROL, routes=control_routes(self))
        return Starlette(routes=[control, *self.vendor_routes], middleware=[Middleware(Edge, vendor=self)])

    @staticmethod
    def body(request: Request) -> Any:
        """The request's body, parsed. Raises ValueError when it is no JSON."""
        return json.loads(request.state.body)

    def open_state(self, file: Path, size: int) -> None:
        """Keep the state in ``file``: take it over if it is there, else populate. Raises ValueError for another's."""
        self.state_file = file
        if file.exists():
            kept = json.loads(file.read_text(encoding="utf-8"))
            if not isinstance(kept, dict) or kept.get("vendor") != self.name:
                raise ValueError(f"{file} is not the state of a {self.name} stand-in; name another folder")
            with self.lock:
                self.load(kept["state"])
        else:
            self.populate(size)
            self.save()

    def touched(self) -> None:
        """Something may have changed: keep it, unless it was kept a moment ago."""
        if self.state_file is not None and time.monotonic() - self._saved_at >= SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        """Write the state file whole or not at all."""
        if self.state_file is None:
            return
        with self.lock:
            text = json.dumps({"vendor": self.name, "state": self.dump()}, ensure_ascii=False)
        beside = self.state_file.with_suffix(".new")
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, self.state_file)  # noqa: PTH105  the same, without a second Path
        self._saved_at = time.monotonic()

    def _endpoint(self, handler: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            try:
                if inspect.iscoroutinefunction(handler):
                    result = await handler(request)
                else:
                    with self.lock:
                        result = handler(request)
            except VendorError as error:
                return JSONResponse(error.body, error.status, error.headers)
            if isinstance(result, Response):
                return result
            return Response(status_code=204) if result is None else JSONResponse(result)

        return endpoint
