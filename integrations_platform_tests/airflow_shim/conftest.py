"""One real Dagster for all that asks for it, and time that passes by waiting."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integrations_platform.waiting import Timing
from integrations_platform_tests.airflow_shim.dagster_server import Served, served


@pytest.fixture(scope="session")
def dagster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A Dagster that runs."""
    with served(tmp_path_factory.mktemp("dagster")) as found:
        yield found


class Hours:
    """A clock that stands still but for the waiting."""

    def __init__(self) -> None:
        self.now, self.notes = 0.0, list[str]()

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def timing(self) -> Timing:
        return Timing(lambda: self.now, self.sleep, lambda: 0.5)


@pytest.fixture
def hours() -> Hours:
    """Time, and what was said meanwhile."""
    return Hours()
