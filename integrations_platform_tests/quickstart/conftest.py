"""One quickstart, run twice in the same directory, for all tests of a worker: the second time without uv."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from integrations_platform_tests.quickstart.running import integrations

RECORDS = 2_000


@dataclass(frozen=True)
class Made:
    """A directory and what both runs said."""

    directory: Path
    runs: tuple[subprocess.CompletedProcess[str], subprocess.CompletedProcess[str]]


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty folder outside pytest's own: as root, PostgreSQL runs as another user, whom pytest keeps out."""
    with _folder() as path:
        yield path


@pytest.fixture(scope="session")
def made() -> Iterator[Made]:
    """Run the quickstart twice, the second time where connectors cannot be installed."""
    with _folder() as home:
        directory = home / "quickstart"
        words = ("quickstart", "--records", str(RECORDS), "--directory", str(directory))
        first = integrations(*words, cwd=home)
        shutil.rmtree(directory / "connectors", ignore_errors=True)
        yield Made(directory, (first, integrations(*words, cwd=home, without="uv")))


@contextmanager
def _folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="qs-"))
    try:
        yield path
    finally:
        shutil.rmtree(path)
