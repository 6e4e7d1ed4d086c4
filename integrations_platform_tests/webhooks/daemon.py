"""A real Dagster with its daemon beside `integrations serve`, on one sync of two SQLite files."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import yaml

from integrations_platform.defs.running import WAKE_UP_TAG
from integrations_platform.defs.webhooks import NAME
from integrations_platform.platform import Platform
from integrations_platform.settings import load_settings
from integrations_platform_tests.webhooks.senders import SECRET
from integrations_platform_tests.webhooks.served import ROOT

_LOCATION = {"module_name": "integrations_platform.definitions", "location_name": "integrations_platform"}
_SYNC = """\
name: people
source: {system: crm, object: person}
target: {system: shop, object: member}
match: [email]
fields:
  email: {source: email, target: mail, type: email}
  name:  {source: name, target: full_name, type: text}
"""


@dataclass
class Orchestra:
    """A folder with everything, and the processes started on it."""

    root: Path

    @property
    def env_file(self) -> Path:
        return self.root / "env.yaml"

    @property
    def home(self) -> Path:
        return self.root / "dagster"

    @property
    def state_url(self) -> str:
        return f"sqlite:///{self.root}/state.sqlite"

    def prepare(self) -> None:
        """Two databases in agreement, their first plan seen by somebody, and Dagster's home as shipped."""
        (self.root / "syncs").mkdir()
        (self.root / "syncs" / "people.yaml").write_text(_SYNC, encoding="utf-8")
        self.env_file.write_text(
            f"systems:\n  crm: {{kind: sqlite, path: {self.root}/crm.sqlite}}\n"
            f"  shop: {{kind: sqlite, path: {self.root}/shop.sqlite}}\n"
            f"state: {{url: '{self.state_url}'}}\n"
            f"webhooks: {{sources: {{hubspot: {{scheme: hubspot, secret: {SECRET}, system: crm}}}}}}\n",
            encoding="utf-8",
        )
        self.execute("crm", "CREATE TABLE person (id INTEGER PRIMARY KEY, email TEXT NOT NULL, name TEXT)")
        self.execute("shop", "CREATE TABLE member (id INTEGER PRIMARY KEY, mail TEXT NOT NULL, full_name TEXT)")
        self.execute("crm", "INSERT INTO person VALUES (1, 'ana@example.com', 'Ana')")
        platform = Platform(load_settings(env_file=self.env_file), folder=self.root / "syncs")
        platform.run(platform.declared["people"])
        platform.close()
        self.home.mkdir()
        shutil.copy(ROOT / "environments" / "dagster" / "dagster.yaml", self.home)
        (self.home / "workspace.yaml").write_text(yaml.safe_dump({"load_from": [{"python_module": _LOCATION}]}))
        self._dagster("sensor", "start", NAME, "-w", "workspace.yaml").wait(120)

    def execute(self, system: str, statement: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.root / f"{system}.sqlite")) as connection, connection:
            return connection.execute(statement).fetchall()

    @contextmanager
    def daemon(self) -> Iterator[subprocess.Popen[bytes]]:
        """Dagster's daemon and the code server it starts; killed with all of it at the end."""
        process = self._dagster("run", "-w", "workspace.yaml", module="dagster._daemon")
        try:
            yield process
        finally:
            kill(process)

    def runs(self) -> Sequence[dg.DagsterRun]:
        """Those that were woken, the oldest first."""
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            records = instance.get_run_records(ascending=True)
            return [record.dagster_run for record in records if WAKE_UP_TAG in record.dagster_run.tags]

    def starts(self) -> Sequence[float]:
        """When the woken runs that have begun did so, the oldest first, in Unix time."""
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            records = instance.get_run_records(ascending=True)
            woken = [record for record in records if WAKE_UP_TAG in record.dagster_run.tags]
            return [record.start_time for record in woken if record.start_time]

    def _dagster(self, *words: str, module: str = "dagster") -> subprocess.Popen[bytes]:
        log = (self.home / "log.txt").open("ab")
        variables = {
            "DAGSTER_HOME": str(self.home),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "PYTHONPATH": str(ROOT),
            "INTEGRATIONS_ENV_FILE": str(self.env_file),
            "INTEGRATIONS_SYNCS": str(self.root / "syncs"),
        }
        return subprocess.Popen(
            [sys.executable, "-m", module, *words],
            cwd=self.home, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, **variables},
        )  # fmt: skip


def kill(process: subprocess.Popen[bytes]) -> None:
    """kill -9 of a process and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(20)
