"""Servers that alerts are sent to, and a clock whose time passes by the waiting itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from integrations_platform.alerts.alert import SEVERITIES, Alert, Facts, Kind
from integrations_platform.waiting import Timing
from integrations_platform_tests.alerts.post_office import PostOffice, make_certificate, post_office
from integrations_platform_tests.alerts.sink import Sink, sink

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def alert(number: int = 1, kind: Kind = Kind.RUN_FAILED, subject: str = "people", facts: Facts = ()) -> Alert:
    return Alert(f"alert{number}", kind, SEVERITIES[kind], subject, NOW, facts, sync=subject, run="4f3c1c4e")


@dataclass
class Time:
    """The wall clock and the one that waiting is measured by, as one."""

    now: datetime = NOW
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> datetime:
        return self.now

    def wait(self, **span: float) -> None:
        self.now += timedelta(**span)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)

    @property
    def timing(self) -> Timing:
        return Timing(lambda: self.now.timestamp(), self.sleep, lambda: 0.5)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def slack() -> Iterator[Sink]:
    """A stand-in for Slack."""
    with sink() as opened:
        yield opened


@pytest.fixture
def office() -> Iterator[PostOffice]:
    """A mail server without encryption."""
    with post_office() as opened:
        yield opened


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate and its key for localhost, in one PEM file."""
    return make_certificate(tmp_path_factory.mktemp("tls"))
