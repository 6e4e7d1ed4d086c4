"""A DuckDB file with some tables and a folder of files, on which COPY statements are carried out."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from obstore.store import LocalStore

from integrations_platform.warehouse.copy_result import FileResult
from integrations_platform.warehouse.copying.executor import Done, StageTarget, Surroundings, execute_copy
from integrations_platform.warehouse.copying.files import OpenStore
from integrations_platform.warehouse.errors import StatementError

TABLES = """
CREATE SCHEMA mydb.public;
CREATE TABLE mydb.public.events (v JSON);
CREATE TABLE mydb.public.typed (id BIGINT, name VARCHAR, amount DECIMAL(10, 2), seen TIMESTAMP, extra JSON);
CREATE TABLE mydb.public.pairs (a BIGINT, b VARCHAR);
CREATE TABLE mydb.public.strict (a BIGINT NOT NULL, b VARCHAR);
"""


@dataclass
class Clock:
    """A clock that moves when it is told to."""

    moment: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def pass_days(self, days: float) -> None:
        self.moment += timedelta(days=days)


@dataclass
class Desk:
    """``folder``: where files lie, ``url``: the same as a location."""

    folder: Path
    connection: duckdb.DuckDBPyConnection
    clock: Clock = field(default_factory=Clock)
    stages: dict[str, StageTarget] = field(default_factory=dict)
    formats: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    open_store: OpenStore = lambda root: LocalStore(root.removeprefix("file://"))

    @classmethod
    def at(cls, place: Path, connection: duckdb.DuckDBPyConnection) -> Desk:
        folder = place / "lake"
        folder.mkdir()
        connection.execute(f"ATTACH ':memory:' AS mydb; {TABLES}")
        return cls(folder, connection)

    @property
    def url(self) -> str:
        return f"file://{self.folder}/"

    def stage(self, name: str) -> StageTarget:
        if name not in self.stages:
            raise StatementError(f"Stage '{name}' does not exist or not authorized.")
        return self.stages[name]

    def file_format(self, name: str) -> Mapping[str, Any]:
        if name not in self.formats:
            raise StatementError(f"File format '{name}' does not exist or not authorized.")
        return self.formats[name]

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        raw = content.encode() if isinstance(content, str) else content
        path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
        return path

    def lines(self, name: str, documents: Iterable[Any]) -> Path:
        return self.write(name, "".join(f"{json.dumps(item)}\n" for item in documents))

    def parquet(self, name: str, select: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self.connection.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
        return path

    def do(self, sql: str, *, in_transaction: bool = False) -> Done:
        around = Surroundings(
            self.open_store, self, "mydb", "public", in_transaction, self.clock,
        )  # fmt: skip
        return execute_copy(self.connection, sql.replace("{url}", self.url), around)

    def copy(self, rest: str, into: str = "mydb.public.events") -> Sequence[FileResult]:
        """COPY INTO ``into`` with the given rest; `{url}` stands for the folder."""
        return self.do(f"COPY INTO {into} {rest}").result.files

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(query).fetchall()

    def count(self, table: str = "events") -> int:
        return int(self.rows(f"SELECT count(*) FROM mydb.public.{table}")[0][0])
