"""A real Dagster for tests: webserver, daemon and code server in a folder of their own, with two databases to sync."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from integrations_platform.platform import Platform
from integrations_platform.settings import load_settings
from integrations_platform_tests.servers import free_port
from integrations_platform_tests.webhooks.daemon import kill

ROOT = Path(__file__).parents[2]
READY_LOOKS = 600
_SYNC = """\
name: people
source: {system: crm, object: person}
target: {system: shop, object: member}
match: [email]
fields:
  email: {source: email, target: mail, type: email}
  name:  {source: name, target: full_name, type: text}
"""
_INSTANCE = {"run_queue": {"dequeue_interval_seconds": 1}, "telemetry": {"enabled": False}, "nux": {"enabled": False}}


@dataclass(frozen=True)
class Served:
    """A Dagster that runs."""

    url: str
    folder: Path

    def runs(self, tag: str, value: str) -> list[Any]:
        """Runs with a tag, the newest first."""
        asked = f'{{runsOrError(filter: {{tags: [{{key: "{tag}", value: "{value}"}}]}}) {{...on Runs {{results '
        asked += "{runId status jobName stepKeysToExecute tags {key value}}}}}"
        found = httpx.post(f"{self.url}/graphql", json={"query": asked}, timeout=60).json()["data"]["runsOrError"]
        return list(found["results"])

    def execute(self, system: str, statement: str) -> list[tuple[object, ...]]:
        """Ask or change a database that is synced."""
        with closing(sqlite3.connect(self.folder / f"{system}.sqlite")) as connection, connection:
            return connection.execute(statement).fetchall()


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    """Dagster on :mod:`.location`; killed with all that it started at the end."""
    port = free_port()
    found = Served(f"http://127.0.0.1:{port}", folder)
    _prepare(found)
    home = folder / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text(yaml.safe_dump(_INSTANCE), encoding="utf-8")
    variables = {
        "DAGSTER_HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "INTEGRATIONS_ENV_FILE": str(folder / "env.yaml"),
        "INTEGRATIONS_SYNCS": str(folder / "syncs"),
    }
    words = ["dev", "-h", "127.0.0.1", "-p", str(port), "-m", "integrations_platform_tests.airflow_shim.location"]
    with (folder / "dagster.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "dagster", *words], cwd=home, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True, env={**os.environ, **variables},
        )  # fmt: skip
        try:
            _await(found.url, process, folder / "dagster.log")
            yield found
        finally:
            kill(process)


def _prepare(found: Served) -> None:
    """Two databases in agreement, and a plan that somebody has seen."""
    folder = found.folder
    (folder / "syncs").mkdir()
    (folder / "syncs" / "people.yaml").write_text(_SYNC, encoding="utf-8")
    (folder / "env.yaml").write_text(
        f"systems:\n  crm: {{kind: sqlite, path: {folder}/crm.sqlite}}\n"
        f"  shop: {{kind: sqlite, path: {folder}/shop.sqlite}}\n"
        f"state: {{url: 'sqlite:///{folder}/state.sqlite'}}\n",
        encoding="utf-8",
    )
    found.execute("crm", "CREATE TABLE person (id INTEGER PRIMARY KEY, email TEXT NOT NULL, name TEXT)")
    found.execute("shop", "CREATE TABLE member (id INTEGER PRIMARY KEY, mail TEXT NOT NULL, full_name TEXT)")
    found.execute("crm", "INSERT INTO person VALUES (1, 'ana@example.com', 'Ana')")
    platform = Platform(load_settings(env_file=folder / "env.yaml"), folder=folder / "syncs")
    platform.run(platform.declared["people"])
    platform.close()


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(READY_LOOKS):
        with suppress(httpx.HTTPError):
            if httpx.get(f"{url}/server_info", timeout=5).status_code == httpx.codes.OK:
                return
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.3)
            break
    raise AssertionError(f"Dagster did not start:\n{log.read_text(encoding='utf-8')[-2000:]}")
