"""The Airbyte protocol as a source speaks it: one JSON message a line, https://docs.airbyte.com/platform/understanding-airbyte/airbyte-protocol

Owns what a line means. Lines come from a program of somebody else: text between the messages is passed over, as the
protocol allows, but what begins like a message and is none is told apart, because a record may have been in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class StreamName:
    """A stream: its name, and its namespace where it has one."""

    name: str
    namespace: str = ""

    def __str__(self) -> str:
        return f"{self.namespace}.{self.name}" if self.namespace else self.name


@dataclass(frozen=True)
class Record:
    """A row. ``emitted_at``: milliseconds since 1970."""

    stream: StreamName
    data: Json
    emitted_at: int


@dataclass(frozen=True)
class State:
    """Where the next read of the stream may begin, in the source's own words."""

    stream: StreamName
    state: Json


@dataclass(frozen=True)
class SharedState:
    """State that belongs to all streams together, or that is of the old kind; it cannot be kept stream by stream."""


@dataclass(frozen=True)
class Status:
    """What the source says of a stream: STARTED, RUNNING, COMPLETE or INCOMPLETE."""

    stream: StreamName
    status: str


@dataclass(frozen=True)
class Trouble:
    """An error the source names. ``kind``: config_error, system_error or transient_error."""

    message: str
    kind: str
    stream: StreamName | None = None


@dataclass(frozen=True)
class Log:
    """A line of the source's log."""

    level: str
    message: str


@dataclass(frozen=True)
class Catalog:
    """The streams a source has, each as the protocol describes one."""

    streams: tuple[Json, ...]


@dataclass(frozen=True)
class Connected:
    """The answer of a check."""

    succeeded: bool
    message: str


@dataclass(frozen=True)
class Damaged:
    """A line that begins like a message and is none."""

    line: str


Message = Record | State | SharedState | Status | Trouble | Log | Catalog | Connected | Damaged


def read_line(line: bytes) -> Message | None:
    """What a line says; None for text that is no message, and for messages of no use here."""
    if not line.lstrip().startswith(b"{"):
        return None
    try:
        said = json.loads(line)
        return _read(said)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return Damaged(line[:1000].decode("utf-8", "replace").strip())


def _read(said: Json) -> Message | None:
    kind = said.get("type")
    if kind == "RECORD":
        record = said["record"]
        if not isinstance(record["data"], dict):
            raise TypeError("a record without data")
        name = StreamName(_text(record["stream"]), record.get("namespace") or "")
        return Record(name, record["data"], int(record["emitted_at"]))
    if kind == "STATE":
        return _state(said["state"])
    if kind == "TRACE":
        return _trace(said["trace"])
    if kind == "LOG":
        return Log(_text(said["log"]["level"]), _text(said["log"]["message"]))
    if kind == "CATALOG":
        streams = said["catalog"]["streams"]
        for stream in streams:
            _text(stream["name"]), stream["json_schema"].get("properties")
        return Catalog(tuple(streams))
    if kind == "CONNECTION_STATUS":
        answer = said["connectionStatus"]
        return Connected(answer["status"] == "SUCCEEDED", str(answer.get("message") or ""))
    return None


def _state(state: Json) -> State | SharedState:
    if state.get("type") != "STREAM":
        return SharedState()
    return State(_name(state["stream"]["stream_descriptor"]), dict(state["stream"].get("stream_state") or {}))


def _trace(trace: Json) -> Status | Trouble | None:
    if trace["type"] == "STREAM_STATUS":
        status = trace["stream_status"]
        return Status(_name(status["stream_descriptor"]), _text(status["status"]))
    if trace["type"] != "ERROR":
        return None
    error = trace["error"]
    of = error.get("stream_descriptor")
    return Trouble(_text(error["message"]), error.get("failure_type") or "system_error", _name(of) if of else None)


def _name(descriptor: Mapping[str, Any]) -> StreamName:
    return StreamName(_text(descriptor["name"]), descriptor.get("namespace") or "")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{str(value)[:40]!r} is no text")
    return value


def name_of(stream: Mapping[str, Any]) -> StreamName:
    """The name of a stream of a catalogue."""
    return _name(stream)


def configured(streams: Sequence[tuple[Json, bool]]) -> Json:
    """The catalogue to read with: streams of the discovered one, each with whether it is read incrementally."""
    return {
        "streams": [
            {
                "stream": stream,
                "sync_mode": "incremental" if incremental else "full_refresh",
                "destination_sync_mode": "append" if incremental else "overwrite",
                **({"cursor_field": stream["default_cursor_field"]} if stream.get("default_cursor_field") else {}),
                **(
                    {"primary_key": stream["source_defined_primary_key"]}
                    if stream.get("source_defined_primary_key")
                    else {}
                ),
            }
            for stream, incremental in streams
        ]
    }


def state_file(states: Mapping[StreamName, Json]) -> list[Json]:
    """The states to begin from, as a source takes them."""
    return [
        {
            "type": "STREAM",
            "stream": {
                "stream_descriptor": {
                    "name": stream.name,
                    **({"namespace": stream.namespace} if stream.namespace else {}),
                },
                "stream_state": state,
            },
        }
        for stream, state in states.items()
    ]
