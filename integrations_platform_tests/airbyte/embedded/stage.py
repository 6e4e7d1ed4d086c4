"""A connection whose source is scripted, with a lake its streams land in."""

from __future__ import annotations

import json
import os
import select
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from integrations_platform.airbyte.embedded import EmbeddedSync
from integrations_platform.airbyte.reports import StreamReport, SyncReport
from integrations_platform.lake import Lake
from integrations_platform.lake.objects import Objects
from integrations_platform.secret_text import SecretText
from integrations_platform.settings_airbyte import AirbyteSettings, ConnectionSettings, EmbeddedSettings, StreamSettings
from integrations_platform.settings_lake import AirbyteOutput, DatasetSettings, LakeSettings

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
TODAY = NOW.date()
ORDERS: Mapping[str, Any] = {
    "name": "orders",
    "supported_sync_modes": ["full_refresh", "incremental"],
    "source_defined_cursor": True,
    "default_cursor_field": ["at"],
    "json_schema": {
        "type": "object",
        "properties": {
            "id": {"type": "integer"},
            "total": {"type": ["null", "number"]},
            "at": {"type": "string", "format": "date-time"},
            "paid": {"type": ["boolean", "null"]},
        },
    },
}
PEOPLE: Mapping[str, Any] = {
    "name": "people",
    "supported_sync_modes": ["full_refresh", "incremental"],
    "json_schema": {"type": "object", "properties": {"id": {"type": "integer"}, "name": {"type": "string"}}},
}


def row(stream: str, **data: Any) -> dict[str, Any]:
    """A record."""
    return {"type": "RECORD", "record": {"stream": stream, "data": data, "emitted_at": 1_772_625_600_000}}


def rows(stream: str, *ids: int) -> list[dict[str, Any]]:
    """Records with nothing but a number."""
    return [row(stream, id=number) for number in ids]


def state(stream: str, **data: Any) -> dict[str, Any]:
    """Where the next read begins."""
    descriptor = {"name": stream}
    return {
        "type": "STATE",
        "state": {"type": "STREAM", "stream": {"stream_descriptor": descriptor, "stream_state": data}},
    }


def status(stream: str, word: str) -> dict[str, Any]:
    """STARTED, RUNNING, COMPLETE or INCOMPLETE."""
    told = {"stream_descriptor": {"name": stream}, "status": word}
    return {"type": "TRACE", "trace": {"type": "STREAM_STATUS", "emitted_at": 1.5, "stream_status": told}}


def trouble(message: str, kind: str = "system_error", stream: str = "") -> dict[str, Any]:
    """An error the source names."""
    error: dict[str, Any] = {"message": message, "failure_type": kind, "stack_trace": "Traceback …"}
    if stream:
        error["stream_descriptor"] = {"name": stream}
    return {"type": "TRACE", "trace": {"type": "ERROR", "emitted_at": 1, "error": error}}


def whole(stream: str, *ids: int, at: str = "") -> list[dict[str, Any]]:
    """A stream as a good source sends it."""
    said = [status(stream, "STARTED"), *rows(stream, *ids)]
    return [*said, *([state(stream, at=at)] if at else []), status(stream, "COMPLETE")]


def states_text(**at: str) -> str:
    """The states a read is given, as the scripted source knows them."""
    return json.dumps({stream: {"at": value} for stream, value in at.items()}, sort_keys=True)


@dataclass
class Stage:
    """The world of a story. ``reads`` may be changed between syncs; ``warnings`` and ``notes`` gather."""

    folder: Path
    reads: dict[str, Sequence[Any]] = field(default_factory=dict)
    streams: tuple[Mapping[str, Any], ...] = (ORDERS, PEOPLE)
    config: dict[str, Any] = field(default_factory=dict)
    connector: str = ""
    executable: str = ""
    form: str = "parquet"
    now: datetime = NOW
    objects: Objects | None = None
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    runs: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.program = self.folder / "source"
        script = Path(__file__).with_name("scripted.py")
        self.program.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, "-I", "-S", str(script)])} "$@"\n')
        self.program.chmod(0o755)

    @property
    def lake(self) -> Lake:
        """Its lake; every call is another process's view of it."""
        datasets = {
            name: DatasetSettings(name, self.form, AirbyteOutput("shop", name), date(2026, 1, 1))  # type: ignore[arg-type]
            for name in ("orders", "people")
        }
        url = SecretText(f"file://{self.folder}/lake", "test.yaml", 1, "lake.url", {})
        return Lake(LakeSettings(url, {}, datasets), clock=lambda: self.now, objects=self.objects)

    def sync(self, *wanted: str, day: date | None = None, **changes: Any) -> EmbeddedSync:
        """The sync of the streams ``wanted`` (default: orders and people)."""
        streams = tuple(StreamSettings(name) for name in wanted or ("orders", "people"))
        config = {"streams": list(self.streams), "reads": self.reads, "told": str(self.folder / "told"), **self.config}
        embedded = EmbeddedSettings(self.connector or str(self.program), config)
        unset = SecretText("", "test.yaml", 1, "id", {})
        connection = replace(ConnectionSettings("shop", unset, streams, embedded=embedded), **changes)
        executable = SecretText(self.executable, "test.yaml", 1, "airbyte.executable", {})
        settings = AirbyteSettings(executable=executable, folder=str(self.folder / "environments"))
        self.runs += 1
        return EmbeddedSync(
            connection, settings, self.lake, f"run-{self.runs}", day, self.notes.append, self.warnings.append
        )

    def report(self, *wanted: str, day: date | None = None, **changes: Any) -> SyncReport:
        """Sync, and what came of it."""
        return self.sync(*wanted, day=day, **changes).report()

    def told(self) -> dict[str, Any]:
        """What the source has told of how it was called."""
        found: dict[str, Any] = json.loads((self.folder / "told").read_text())
        return found

    def landed(self, dataset: str, day: date = TODAY) -> pl.DataFrame:
        """What a reader of the lake finds."""
        manifest = self.lake.manifest(dataset, day)
        assert manifest is not None, f"{dataset} has no partition {day}"
        return self.lake.read(manifest)

    def ids(self, dataset: str, day: date = TODAY) -> list[int]:
        """Numbers of the landed rows, as they lie."""
        return [] if self.lake.manifest(dataset, day) is None else self.landed(dataset, day)["id"].to_list()


def of(report: SyncReport, stream: str) -> StreamReport:
    """The report of one stream."""
    (found,) = [one for one in report.streams if one.name == stream]
    return found


def ends(process_id: int) -> bool:
    """Whether it is gone, or is within seconds: who was killed is not dead in the same instant."""
    try:
        watched = os.pidfd_open(process_id)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], 10)[0])
    finally:
        os.close(watched)
