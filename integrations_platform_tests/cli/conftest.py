"""A small company in a folder: two SQLite databases, an environment, one sync, and the command to run on it."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from integrations_platform.cli import cli
from integrations_platform.state import open_store
from integrations_platform.unified_sync.store import Store

ROOT = Path(__file__).parent.parent.parent

ENVIRONMENT = """\
systems:
  billing: {{kind: sqlite, path: {folder}/billing.sqlite}}
  shop:    {{kind: sqlite, path: {folder}/shop.sqlite}}
state: {{url: "sqlite:///{folder}/state.sqlite"}}
"""

SYNC = """\
name: people
description: Customers of billing and clients of the shop.
source: {system: billing, object: customer}
target: {system: shop, object: client}
match: [email]
fields:
  email:   {source: email,   target: mail,      type: email}
  name:    {source: name,    target: full_name, type: text, max_length: 30}
  balance: {source: balance, target: amount,    type: decimal, scale: 2, required: false}
conflicts: {default: manual, fields: {balance: source_wins}}
deletes: {source_to_target: archive, target_to_source: archive, max: 2, max_fraction: 0.05}
"""


@dataclass
class Company:
    """The folder and what can be done in it."""

    folder: Path

    @property
    def options(self) -> list[str]:
        """Global options that make the command use this folder."""
        return ["--env-file", str(self.folder / "env.yaml"), "--syncs", str(self.folder / "syncs")]

    def run(self, *words: str, code: int | None = 0, input: str | None = None) -> Result:  # noqa: A002
        """Run the command in this process and check its exit code."""
        result = CliRunner().invoke(cli, [*self.options, *words], input=input)
        assert code is None or result.exit_code == code, f"{result.exit_code}: {result.stdout}\n{result.stderr}"
        return result

    def json(self, *words: str, code: int | None = 0) -> Any:
        """Run with --json; stdout must be one document."""
        return json.loads(self.run(*words, "--json", code=code).stdout)

    def command(self, *words: str) -> list[str]:
        """The command for a process of its own."""
        return [sys.executable, "-m", "integrations_platform.cli", *self.options, *words]

    def process(self, *words: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run the command in a process of its own."""
        return subprocess.run(
            self.command(*words), cwd=self.folder, env=environment(), capture_output=True, text=True, timeout=timeout,
            check=False,
        )  # fmt: skip

    def source(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a statement on billing, as its user would."""
        return _execute(self.folder / "billing.sqlite", sql, values)

    def target(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a statement on the shop."""
        return _execute(self.folder / "shop.sqlite", sql, values)

    def state(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a statement on the state database."""
        return _execute(self.folder / "state.sqlite", sql, values)

    def store(self) -> Store:
        """The state, opened."""
        return open_store(f"sqlite:///{self.folder}/state.sqlite")

    def declare(self, text: str, name: str = "people") -> Path:
        """Write a sync file among the declared ones."""
        path = self.folder / "syncs" / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    def configure(self, text: str) -> None:
        """Replace the environment file."""
        (self.folder / "env.yaml").write_text(text.replace("{folder}", str(self.folder)), encoding="utf-8")

    def name_on_target(self, mail: str) -> str:
        """The name the shop shows for an address."""
        return str(self.target("SELECT full_name FROM client WHERE mail = ?", mail)[0][0])


def environment(**more: str) -> dict[str, str]:
    """The process environment, with this checkout importable."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


def _execute(path: Path, sql: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(sql, tuple(values)).fetchall()
        connection.commit()
    return rows


def make_company(folder: Path) -> Company:
    """Five customers in billing, four clients in the shop, of which two are the same people."""
    (folder / "syncs").mkdir()
    found = Company(folder)
    found.configure(ENVIRONMENT.format(folder=folder))
    found.declare(SYNC)
    found.source(
        "CREATE TABLE customer (id INTEGER PRIMARY KEY, email TEXT NOT NULL, name TEXT NOT NULL, balance NUMERIC)"
    )
    found.target(
        "CREATE TABLE client (id INTEGER PRIMARY KEY, mail TEXT NOT NULL, full_name TEXT NOT NULL, amount NUMERIC)"
    )
    for i in range(1, 6):
        found.source("INSERT INTO customer VALUES (?, ?, ?, ?)", i, f"p{i}@x.org", f"Person {i}", i * 10)
    for i in range(4, 8):
        found.target("INSERT INTO client VALUES (?, ?, ?, ?)", 100 + i, f"P{i}@x.org", f"Person {i}", i * 10)
    return found


@pytest.fixture
def company(tmp_path: Path) -> Company:
    """A company that has never been synced."""
    return make_company(tmp_path)


@pytest.fixture
def synced(company: Company) -> Company:
    """The same after its first run: seven linked people."""
    company.run("sync", "run", "people")
    return company
