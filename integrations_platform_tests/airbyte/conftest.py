"""An Airbyte on the stand-in whose time passes by the waiting itself, and syncs on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from integrations_platform.airbyte.authentication import Application, Authentication
from integrations_platform.airbyte.running import Policy, SyncRun
from integrations_platform.airbyte.server import Airbyte
from integrations_platform.airbyte.transport import Transport
from integrations_platform.sandbox.airbyte import Airbyte as StandIn
from integrations_platform.sandbox.airbyte.account import connection_id
from integrations_platform.sandbox.airbyte.app import CLIENT_ID, CLIENT_SECRET
from integrations_platform.waiting import Timing
from integrations_platform_tests.sandbox.running import running

STRIPE = connection_id("stripe_to_postgres")


@dataclass
class Site:
    """A stand-in, a client that reaches it, and what was said and slept while syncs went on."""

    vendor: StandIn
    url: str
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    at_sleep: dict[int, Callable[[], None]] = field(default_factory=dict)
    opened: list[Airbyte] = field(default_factory=list)

    def clock(self) -> float:
        return self.vendor.clock.now().timestamp()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.vendor.clock.advance(seconds)
        self.at_sleep.get(len(self.slept), lambda: None)()

    def timing(self) -> Timing:
        return Timing(self.clock, self.sleep, lambda: 0.5)

    def airbyte(self, who: Authentication | None = None, *, answer_seconds: float = 5) -> Airbyte:
        who = who or Application(CLIENT_ID, CLIENT_SECRET, self.clock)
        transport = Transport(
            self.url, who, timing=self.timing(), now=self.vendor.clock.now, answer_seconds=answer_seconds
        )
        self.opened.append(Airbyte(self.url, transport=transport))
        return self.opened[-1]

    def run(
        self, policy: Policy | None = None, *, airbyte: Airbyte | None = None, connection: str = STRIPE
    ) -> SyncRun:  # fmt: skip
        return SyncRun(
            airbyte or self.airbyte(), connection, policy or Policy(), self.timing(), self.notes.append,
            self.warnings.append,
        )  # fmt: skip

    def script(self, **how: Any) -> None:
        self.vendor.person({"do": "script", **how})

    def somebodys_job(self, **how: Any) -> int:
        """A job that was not started here."""
        return int(self.vendor.person({"do": "job", "connection": "stripe_to_postgres", **how})["job"])

    def calls(self, operation: str) -> int:
        """How often a call was made."""
        return sum(call.operation == operation for call in self.vendor.calls)

    @property
    def posts_and_deletes(self) -> tuple[int, int]:
        """How many syncs were asked for, and how many jobs cancelled."""
        return self.calls("jobs.create"), self.calls("jobs.cancel")


@pytest.fixture
def site() -> Iterator[Site]:
    """A fresh Airbyte with two connections that never synced."""
    vendor = StandIn(seed=1)
    with running(vendor) as server:
        site = Site(vendor, server.url("airbyte"))
        yield site
        for each in site.opened:
            each.close()
