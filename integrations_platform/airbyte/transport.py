"""Calls to one Airbyte over HTTP: its two APIs, few at once, repeated where repeating is harmless.

Knows addresses, credentials and errors, and nothing of jobs. What may not be repeated is sent once: whether it was
carried out is for the caller to find out.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from integrations_platform.airbyte.authentication import Authentication, Nobody
from integrations_platform.airbyte.faults import AirbyteFault
from integrations_platform.service_faults import FaultKind
from integrations_platform.waiting import Timing, insist

if TYPE_CHECKING:
    from integrations_platform.connectors.http import HttpApi
    from integrations_platform.connectors.http_errors import Rule, Said
    from integrations_platform.unified_sync.answers import SideError

CONNECT_SECONDS, ANSWER_SECONDS = 3.0, 15.0
AT_ONCE = 3
"""Calls of one process that are under way together: an Airbyte server answers its API from five threads by default."""

ATTEMPTS = 5
_FIRST_WAIT, _LONGEST_WAIT, _SPREAD = 0.25, 8.0, 0.5
_API_PATH = re.compile(r"(?<!/)/api(/.*)?$")
_CLOUD = ("api.airbyte.com", "cloud.airbyte.com")
_SHOWN = 200  # characters of an answer's own words


@dataclass(frozen=True)
class Addresses:
    """Where the public API, the configuration API and the pages for people are."""

    public: str
    configuration: str
    pages: str

    @classmethod
    def of(cls, url: str) -> Addresses:
        """From what a person gives: the server, with or without `/api…` behind it; Airbyte Cloud has two hosts."""
        text = url.strip().rstrip("/")
        if text.partition("://")[2].partition("/")[0].lower() in _CLOUD:
            return cls("https://api.airbyte.com", "https://cloud.airbyte.com/api", "https://cloud.airbyte.com")
        server = _API_PATH.sub("", text)
        return cls(f"{server}/api", f"{server}/api", server)

    def path(self, path: str) -> str:
        """``path`` of the public API as it is called there: Cloud leaves `/public` out."""
        return path.removeprefix("/public") if self.public == "https://api.airbyte.com" else path


class Transport:
    """``timing`` is for the waits between repeated calls, ``now`` for the server's clock. ``at_once``: calls under way
    together. ``answer_seconds``: how long a server may be silent. Raises AirbyteFault for an address that is none, or
    would carry a token in clear out of the network."""

    def __init__(
        self, url: str, authentication: Authentication | None = None, *, timing: Timing | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC), at_once: int = AT_ONCE,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:  # fmt: skip
        self.addresses = Addresses.of(url)
        self._authentication = authentication or Nobody()
        self.timing = timing or Timing()
        self._room = threading.BoundedSemaphore(at_once)
        # An address that cannot be used is told at once, not at the first call.
        self._new_line: Callable[[], _Line] = partial(
            _Line, self.addresses, self._authentication, self.timing, now, answer_seconds
        )
        self._free = [self._new_line()]

    def public(
        self, method: str, path: str, what: str, *, params: Mapping[str, Any] | None = None, body: Any = None,
        once: bool = False,
    ) -> Any:  # fmt: skip
        """Call the public API; ``path`` without `/public/v1`, its parts quoted. ``once``: never repeated.

        Raises AirbyteFault.
        """
        where = self.addresses.path(f"/public/v1{path}")

        def call() -> Any:
            with self._line() as line:
                return line.send("public", method, where, what, params, body, once=once)

        return self._called(call, once=once)

    def configuration(self, path: str, what: str, body: Any, *, once: bool = False) -> Any:
        """Call the configuration API, which gives no promise of stability; ``path`` without `/v1`. Raises
        AirbyteFault."""

        def call() -> Any:
            with self._line() as line:
                return line.send("configuration", "POST", f"/v1{path}", what, None, body, once=once)

        return self._called(call, once=once)

    def anonymous(self, path: str, what: str) -> Any:
        """Read a path of the configuration API that needs no credentials. Raises AirbyteFault."""

        def call() -> Any:
            with self._line() as line:
                return line.send("open", "GET", path, what, None, None, once=False)

        return self._called(call, once=False)

    def close(self) -> None:
        """Release the connections that nobody uses."""
        while self._free:
            self._free.pop().close()

    def _called(self, call: Callable[[], Any], *, once: bool) -> Any:
        if not once:
            return insist(call, self.timing, ATTEMPTS, first=_FIRST_WAIT, longest=_LONGEST_WAIT, spread=_SPREAD)

        def certain() -> Any:
            try:
                return call()
            except AirbyteFault as fault:
                if not fault.perhaps_done:
                    raise  # it never arrived, or was turned away at the door: sending it again is the first time
                raise _Unsure(fault) from None

        try:
            return insist(certain, self.timing, ATTEMPTS, first=_FIRST_WAIT, longest=_LONGEST_WAIT, spread=_SPREAD)
        except _Unsure as unsure:
            raise unsure.fault from None

    @contextmanager
    def _line(self) -> Iterator[_Line]:
        with self._room:
            try:
                line = self._free.pop()
            except IndexError:
                line = self._new_line()
            try:
                yield line
            finally:
                self._free.append(line)


class _Unsure(Exception):  # noqa: N818  carries a fault past whoever would repeat the call
    def __init__(self, fault: AirbyteFault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class _Line:
    """One call at a time, to either API."""

    def __init__(
        self, addresses: Addresses, who: Authentication, timing: Timing, now: Callable[[], datetime],
        answer_seconds: float,
    ) -> None:  # fmt: skip
        self._addresses, self._who, self._timing = addresses, who, timing
        self._now, self._seconds = now, answer_seconds
        self._apis = {"tokens": self._api(addresses.public, asked=False), "public": self._api(addresses.public)}
        apart = addresses.configuration != addresses.public
        self._apis["open"] = self._api(addresses.configuration, asked=False) if apart else self._apis["tokens"]
        self._apis["configuration"] = self._api(addresses.configuration) if apart else self._apis["public"]

    def send(
        self, api: str, method: str, path: str, what: str, params: Mapping[str, Any] | None, body: Any, *, once: bool
    ) -> Any:
        """The data of an answer. Raises AirbyteFault."""
        from integrations_platform.unified_sync.answers import SideError

        try:
            return self._apis[api].request(method, path, params=params, json=body, what=what, repeatable=not once).data
        except SideError as fault:
            raise _told(fault) from None

    def close(self) -> None:
        """Release the connections."""
        for api in self._apis.values():
            api.close()

    def _api(self, base: str, *, asked: bool = True) -> HttpApi:
        from integrations_platform.connectors.budgets import Budget
        from integrations_platform.connectors.http import HttpApi, is_private
        from integrations_platform.unified_sync.answers import SideError

        try:
            return HttpApi(
                "Airbyte", base, budget=Budget("Airbyte", clock=self._now, sleep=self._timing.sleep), clock=self._now,
                rules=_rules(self._who.remedy),
                authorize=(lambda: self._who.headers(self._ask)) if asked else dict,
                renew=self._who.renew if asked and self._who.renewable else None,
                secrets=self._who.secrets, read_error=_said, timeout=self._seconds, connect=CONNECT_SECONDS,
                clear=is_private,
            )  # fmt: skip
        except SideError as fault:
            raise AirbyteFault(FaultKind.CONFIGURATION, f"{fault.message} (AIRBYTE_API_URL)", code=fault.code) from None

    def _ask(self, path: str, body: Mapping[str, str]) -> Any:
        """For tokens: over the line this very call is made on, so that no other is taken up."""
        where = self._addresses.path(path)
        return self.send("tokens", "POST", where, "asking for a token", None, dict(body), once=False)


def _rules(remedy: str) -> tuple[Rule, ...]:
    from integrations_platform.connectors.http_errors import Rule
    from integrations_platform.unified_sync.answers import ErrorKind

    roles = "the credentials lack the role: READER to look, RUNNER to sync, EDITOR to clear"
    return (
        Rule((401,), ErrorKind.CONFIGURATION, "unauthorized", remedy=remedy),
        Rule((403,), ErrorKind.CONFIGURATION, "forbidden", remedy=f"{roles}; or {remedy}"),
        Rule((429,), ErrorKind.TRANSIENT, "rate_limit"),  # Airbyte says no time to wait
    )


def _said(_status: int, data: Any) -> Said:
    """Airbyte's own words: of a problem of the public API, or of an error of the other."""
    from integrations_platform.connectors.http_errors import Said

    if not isinstance(data, dict):
        return Said()
    inner = data.get("data")
    texts = [inner.get("message") if isinstance(inner, dict) else None, data.get("detail"), data.get("message")]
    text = next((each for each in texts if isinstance(each, str) and each), "")
    title = data.get("title")
    return Said(title if isinstance(title, str) else "", text[:_SHOWN])


def _told(fault: SideError) -> AirbyteFault:
    return AirbyteFault(
        FaultKind(fault.kind.value), fault.message, code=fault.code, wait=fault.retry_after,
        status=getattr(fault, "status", 0), perhaps_done=fault.effect_unknown,
    )  # fmt: skip
