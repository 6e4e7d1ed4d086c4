"""One sync without a server: the connector reads, complete streams land in the lake, their states are kept.

In that order for each stream by itself, so that what fails fails alone, and so that a crash anywhere repeats work and
doubles nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date
from functools import cached_property
from pathlib import Path
from typing import Any

from integrations_platform.airbyte.embedded import catalogues, states
from integrations_platform.airbyte.embedded.connectors import Definition, definition
from integrations_platform.airbyte.embedded.installing import installed
from integrations_platform.airbyte.embedded.landing import land
from integrations_platform.airbyte.embedded.private import private_folder
from integrations_platform.airbyte.embedded.protocol import StreamName
from integrations_platform.airbyte.embedded.reading import Conversation, Outcome, StreamRead
from integrations_platform.airbyte.embedded.redaction import Redaction
from integrations_platform.airbyte.faults import AirbyteFault
from integrations_platform.airbyte.reports import COMPLETE, StreamReport, SyncReport
from integrations_platform.lake import Lake, LakeError, Trouble
from integrations_platform.service_faults import FaultKind
from integrations_platform.settings_airbyte import AirbyteSettings, ConnectionSettings, EmbeddedSettings, StreamSettings
from integrations_platform.settings_lake import AirbyteOutput, DatasetSettings

Json = dict[str, Any]


def _nothing(_: str) -> None:
    """Nobody listens."""


@dataclass
class EmbeddedSync:
    """The sync of one connection into the partition of ``day`` (default: today, UTC; another day only where a connector
    makes its rows for a day). ``note`` hears of progress, ``warn`` of what is odd; neither hears anything secret."""

    connection: ConnectionSettings
    settings: AirbyteSettings
    lake: Lake
    run_id: str
    day: date | None = None
    note: Callable[[str], None] = _nothing
    warn: Callable[[str], None] = _nothing

    def report(self) -> SyncReport:
        """Sync. Raises AirbyteFault where nothing could be read at all, SettingsError for a missing variable."""
        began = time.monotonic()
        day = self._day()
        with self._conversation(day) as conversation:
            streams = self._chosen(self._catalogue(conversation))
            kept = {stream: self._kept(stream) for stream, incremental in self._modes(streams) if incremental}
            begin = {stream: found.state for stream, found in kept.items() if found.state is not None}
            modes = [(schema, self._incrementally(schema)) for schema in streams.values()]
            outcome = conversation.read(modes, begin)
            if outcome.shared and kept:
                raise AirbyteFault(
                    FaultKind.PERMANENT,
                    f"{self.connection.name}: {self._definition.name} keeps one state for all its streams, as for CDC; "
                    "say mode: full, or sync it by an Airbyte server",
                )
            reports = [self._landed(read, streams[name], kept.get(name), day) for name, read in outcome.streams.items()]
        return self._told(outcome, reports, time.monotonic() - began)

    def check(self) -> None:
        """Raises AirbyteFault, with the source's own reason, when it cannot be read."""
        with self._conversation(self._day()) as conversation:
            conversation.check()

    def streams(self) -> tuple[StreamName, ...]:
        """The streams the source has. Raises AirbyteFault."""
        with self._conversation(self._day()) as conversation:
            return tuple(self._catalogue(conversation))

    def forget(self) -> None:
        """Let the next sync read everything from the beginning; rows that are in the lake stay. Raises LakeError."""
        for dataset in self._datasets.values():
            self.lake.drop_note(dataset.name)

    @cached_property
    def _embedded(self) -> EmbeddedSettings:
        if self.connection.embedded is None:
            what = f"airbyte.connections.{self.connection.name} does not say what reads it without a server"
            raise AirbyteFault(
                FaultKind.CONFIGURATION, f"{what}; add `embedded: {{connector: …, config: …}}`, or set AIRBYTE_API_URL"
            )
        if self.connection.mode == "cdc":
            what = f"airbyte.connections.{self.connection.name} is cdc, which only an Airbyte server can follow"
            raise AirbyteFault(FaultKind.CONFIGURATION, f"{what}; set AIRBYTE_API_URL, or say mode: incremental")
        return self.connection.embedded

    @cached_property
    def _definition(self) -> Definition:
        return definition(self._embedded.connector)

    @cached_property
    def _datasets(self) -> Mapping[StreamName, DatasetSettings]:
        """Where each stream lands. Raises AirbyteFault for one that has nowhere to go."""
        found = datasets_of(self.lake, self.connection)
        for stream in map(_name, self.connection.streams):
            if stream not in found:
                wanted = f"{{airbyte: {self.connection.name}, stream: {stream.name}}}"
                what = f"no dataset of the lake has the stream {stream} of {self.connection.name} as its source"
                raise AirbyteFault(FaultKind.CONFIGURATION, f"{what}; declare one with source: {wanted}")
        return found

    def _day(self) -> date:
        today = self.lake.clock().astimezone(UTC).date()
        if self.day is not None and self.day != today and not self._definition.by_day:
            what = f"{self._definition.name} says how things are now, not how they were on {self.day}"
            raise AirbyteFault(FaultKind.PERMANENT, f"{self.connection.name}: {what}; sync today ({today})")
        return self.day or today

    @contextmanager
    def _conversation(self, day: date) -> Iterator[Conversation]:
        """With the connector, installed first if need be; its private files are gone afterwards."""
        embedded, definition = self._embedded, self._definition
        redaction = Redaction.of_config(embedded.config)
        config = definition.configured(embedded.resolved(), day)
        _ = self._datasets  # complained about before anything is installed or read
        with private_folder() as folder:
            yield Conversation(
                [str(self._program())], config, folder, redaction, definition.manifest, self.connection.timeout,
                note=self.note, warn=self.warn,
            )  # fmt: skip

    def _program(self) -> Path:
        definition = self._definition
        if definition.project is None:
            return definition.program or Path()
        if named := self.settings.executable.resolve().strip():
            return Path(named).expanduser()
        return installed(definition.project, Path(self.settings.folder), self.note)

    def _catalogue(self, conversation: Conversation) -> dict[StreamName, Json]:
        return catalogues.catalogue(self._definition, Path(self.settings.folder), conversation)

    def _chosen(self, catalogue: Mapping[StreamName, Json]) -> dict[StreamName, Json]:
        """The streams to read. Raises AirbyteFault for one the source does not have."""
        wanted = [_name(stream) for stream in self.connection.streams]
        missing = [stream for stream in wanted if stream not in catalogue]
        if missing:
            known = ", ".join(sorted(map(str, catalogue)))
            what = f"{self._definition.name} has no stream {', '.join(map(str, missing))}; it has {known}"
            raise AirbyteFault(FaultKind.CONFIGURATION, f"{self.connection.name}: {what}")
        return {stream: catalogue[stream] for stream in wanted}

    def _incrementally(self, stream: Json) -> bool:
        """Whether only what is new of it is read: it was asked for so, the source can, and rows are not made by day."""
        able = "incremental" in (stream.get("supported_sync_modes") or ())
        return able and self.connection.mode != "full" and not self._definition.by_day

    def _modes(self, streams: Mapping[StreamName, Json]) -> Iterator[tuple[StreamName, bool]]:
        return ((name, self._incrementally(stream)) for name, stream in streams.items())

    def _kept(self, stream: StreamName) -> states.Kept:
        dataset = self._datasets[stream].name
        try:
            return states.kept(self.lake, dataset, self.connection.name, self._definition.name, stream)
        except LakeError as fault:
            raise _as_fault(fault) from fault

    def _landed(self, read: StreamRead, stream: Json, kept: states.Kept | None, day: date) -> StreamReport:
        """Land one stream and keep its state; whatever is wrong with it is in its report and in no other's."""
        told = StreamReport(read.stream.name, read.stream.namespace, 0, 0, 0, read.rows, read.said or "PENDING")
        if not read.complete:
            state = "INCOMPLETE" if read.said in ("", COMPLETE) else read.said
            return replace(told, state=state, failure=read.reason)
        dataset = self._datasets[read.stream].name
        try:
            _, rows = land(
                self.lake, dataset, day, read.records(), str(read.stream), stream["json_schema"], self.run_id,
                incremental=kept is not None,
            )  # fmt: skip
            if kept is not None and read.state is not None:
                states.keep(
                    self.lake, dataset, self.connection.name, self._definition.name, read.stream, read.state, kept,
                    self.run_id,
                )  # fmt: skip
        except LakeError as fault:
            return replace(told, state="INCOMPLETE", failure=str(fault))
        self.note(f"{read.stream}: {read.rows:,} rows read, {rows:,} new in lake/{dataset} {day}")
        return replace(told, rows=rows, bytes=read.bytes, state=COMPLETE)

    def _told(self, outcome: Outcome, streams: list[StreamReport], seconds: float) -> SyncReport:
        unlanded = [each for each in streams if each.failure and outcome.streams[_of(each)].complete]
        failure = "; ".join([*filter(None, [outcome.failure]), *(f"{each.name}: {each.failure}" for each in unlanded)])
        return SyncReport(
            "", 0, "failed" if failure else "succeeded", connection=self.connection.name, streams=tuple(streams),
            rows=sum(each.rows or 0 for each in streams), bytes=sum(each.bytes or 0 for each in streams),
            seconds=seconds, attempts=1, failure=failure, permanent=outcome.permanent and not unlanded,
        )  # fmt: skip


def datasets_of(lake: Lake, connection: ConnectionSettings) -> dict[StreamName, DatasetSettings]:
    """The datasets that the connection fills, by stream; a stream's namespace may be left out of the dataset where the
    connection has one stream of that name."""
    found: dict[StreamName, DatasetSettings] = {}
    for dataset in lake.settings.datasets.values():
        source = dataset.source
        if isinstance(source, AirbyteOutput) and source.connection == connection.name:
            of = [stream for stream in connection.streams if stream.name == source.stream]
            exact = [stream for stream in of if stream.namespace == source.namespace]
            for stream in exact or (of if len(of) == 1 and not source.namespace else []):
                found[_name(stream)] = dataset
    return found


def _name(stream: StreamSettings) -> StreamName:
    return StreamName(stream.name, stream.namespace)


def _of(report: StreamReport) -> StreamName:
    return StreamName(report.name, report.namespace)


def _as_fault(fault: LakeError) -> AirbyteFault:
    passing = fault.trouble is Trouble.UNAVAILABLE
    return AirbyteFault(FaultKind.TRANSIENT if passing else FaultKind.CONFIGURATION, str(fault))
