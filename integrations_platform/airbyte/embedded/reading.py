"""One conversation with a connector: what it has, whether it can, and a read whose records are kept aside until judged.

Configuration and states are files only this user can read, in a folder that is removed with the conversation. Exit code
0 is not success: a stream counts only when the source has said COMPLETE of it, and nothing between was damaged.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar

from integrations_platform.airbyte.embedded import protocol
from integrations_platform.airbyte.embedded.columns import Row
from integrations_platform.airbyte.embedded.process import (
    NOTE_SECONDS,
    Connector,
    StuckError,
    UnstartableError,
    passed_on,
)
from integrations_platform.airbyte.embedded.protocol import StreamName
from integrations_platform.airbyte.embedded.redaction import Redaction
from integrations_platform.airbyte.faults import AirbyteFault
from integrations_platform.service_faults import FaultKind

Json = dict[str, Any]
Answer = TypeVar("Answer", protocol.Catalog, protocol.Connected)
_LOOK = 100  # records between two looks at the clock
_LONGEST = 500  # characters of a source's own words
_BEGINNING = 60  # characters of a damaged line: a record of somebody may be in it
_MOST_WARNINGS, _WARNING = 10, 200  # of its log that are passed on, and characters of each


@dataclass
class StreamRead:
    """What a read brought of a stream. ``file``: its records, one a line. ``said``: the last status it gave."""

    stream: StreamName
    file: Path
    rows: int = 0
    bytes: int = 0
    state: Json | None = None
    said: str = ""
    reason: str = ""
    permanent: bool = False

    @property
    def complete(self) -> bool:
        """Whether all of it is there."""
        return self.said == "COMPLETE" and not self.reason

    def records(self) -> Iterator[Row]:
        """Its records, in order."""
        with self.file.open("rb") as lines:
            for line in lines:
                record = json.loads(line)["record"]
                yield record["data"], int(record["emitted_at"])


@dataclass(frozen=True)
class Outcome:
    """A whole read. ``failure``: why a stream is missing, or why the connector ended badly; empty when all is well.
    ``shared``: it gave state that belongs to all streams together."""

    streams: Mapping[StreamName, StreamRead]
    failure: str
    permanent: bool
    shared: bool


@dataclass
class Conversation:
    """With the connector that ``command`` starts. ``folder`` is private and removed by the caller."""

    command: Sequence[str]
    config: Mapping[str, Any]
    folder: Path
    redaction: Redaction
    manifest: Path | None = None
    timeout: float | None = None
    silence: float = 3600.0
    note: Callable[[str], None] = lambda _: None
    warn: Callable[[str], None] = lambda _: None
    _config: Path | None = field(default=None, init=False)

    def discover(self) -> tuple[Json, ...]:
        """The streams the source has. Raises AirbyteFault."""
        return self._ask("discover", protocol.Catalog).streams

    def check(self) -> None:
        """Raises AirbyteFault when the source cannot be read with this configuration."""
        answer = self._ask("check", protocol.Connected)
        if not answer.succeeded:
            raise self._fault(answer.message or "it gives no reason", FaultKind.PERMANENT)

    def read(self, streams: Sequence[tuple[Json, bool]], states: Mapping[StreamName, Json]) -> Outcome:
        """Read the streams of the catalogue, each incrementally or not, from ``states``.

        Raises AirbyteFault only where the connector cannot be run at all.
        """
        catalog = self._written("catalog.json", protocol.configured(streams))
        arguments = ["--config", str(self._config_file()), "--catalog", str(catalog)]
        if states:
            arguments += ["--state", str(self._written("state.json", protocol.state_file(states)))]
        names = [protocol.name_of(stream) for stream, _ in streams]
        reads = {name: StreamRead(name, self.folder / f"{at}.jsonl") for at, name in enumerate(names)}
        call = self._call("read", arguments)
        listener = _Listener(reads, self)
        stopped = ""
        try:
            with ExitStack() as opened:
                lines = opened.enter_context(closing(call.lines()))
                files = {name: opened.enter_context(_private(one.file)) for name, one in reads.items()}
                for line in lines:
                    listener.hear(line, files)
        except StuckError as fault:
            stopped = str(fault)
        except UnstartableError as fault:
            raise self._unstartable(fault) from None
        except OSError as fault:
            what = f"records cannot be kept aside in {self.folder} ({fault.strerror or fault})"
            raise AirbyteFault(FaultKind.TRANSIENT, f"{what}; free some space, or set TMPDIR") from None
        return listener.outcome(stopped or _ended(call.code), call.complaints)

    def _ask(self, verb: str, wanted: type[Answer]) -> Answer:
        """The answer of a call, after which it is ended. Raises AirbyteFault when none comes."""
        arguments = ["--config", str(self._config_file())]
        call = self._call(verb, arguments)
        reason, permanent = "", False
        try:
            with closing(call.lines()) as lines:
                for line in lines:
                    message = protocol.read_line(line)
                    if isinstance(message, wanted):
                        return message
                    if isinstance(message, protocol.Trouble):
                        reason, permanent = message.message, message.kind == "config_error"
        except StuckError as fault:
            reason = str(fault)
        except UnstartableError as fault:
            raise self._unstartable(fault) from None
        reason = reason or self.last_words(call.complaints) or _ended(call.code) or "it answered nothing"
        raise self._fault(f"`{verb}` failed: {reason}", FaultKind.PERMANENT if permanent else FaultKind.TRANSIENT)

    def _call(self, verb: str, arguments: Iterable[str]) -> Connector:
        given = [*self.command, verb, *arguments]
        if self.manifest is not None:
            given += ["--manifest-path", str(self.manifest)]
        # Airbyte's library reports to Airbyte where it is not told to leave it.
        variables = passed_on() | {"PYTHONUNBUFFERED": "1", "DO_NOT_TRACK": "1"}
        return Connector(given, variables, self.timeout, self.silence)

    def _config_file(self) -> Path:
        if self._config is None:
            self._config = self._written("config.json", self.config)
        return self._config

    def _written(self, name: str, content: Any) -> Path:
        path = self.folder / name
        with _private(path) as file:
            file.write(json.dumps(content).encode())
        return path

    def _fault(self, message: str, kind: FaultKind) -> AirbyteFault:
        return AirbyteFault(kind, self.shown(message))

    def _unstartable(self, fault: UnstartableError) -> AirbyteFault:
        what = f"{self.command[0]} cannot be run ({fault})"
        return AirbyteFault(FaultKind.CONFIGURATION, f"{what}; correct airbyte.executable or embedded.connector")

    def shown(self, text: str) -> str:
        """A source's words without anything secret, in one line, not too long."""
        return " ".join(self.redaction.of(text).split())[:_LONGEST]

    def last_words(self, complaints: str) -> str:
        """The end of what it wrote to stderr, nothing secret in it."""
        return " ".join(self.redaction.of(complaints).split())[-_LONGEST:]


class _Listener:
    """What is made of the messages of a read."""

    def __init__(self, reads: dict[StreamName, StreamRead], conversation: Conversation) -> None:
        self._reads, self._conversation = reads, conversation
        self._general, self._general_permanent, self._shared = "", False, False
        self._rows = self._warnings = 0
        self._told = time.monotonic()
        self._strange: set[str] = set()

    def hear(self, line: bytes, files: Mapping[StreamName, IO[bytes]]) -> None:
        """Take one line."""
        message = protocol.read_line(line)
        match message:
            case protocol.Record():
                self._record(message, line, files)
            case protocol.State():
                if (read := self._known(message.stream)) is not None:
                    read.state = message.state
            case protocol.SharedState():
                self._shared = True
            case protocol.Status():
                if (read := self._known(message.stream)) is not None:
                    read.said = message.status
            case protocol.Trouble():
                self._trouble(message)
            case protocol.Log() if message.level in ("ERROR", "FATAL", "WARN"):
                self._log(message)
            case protocol.Damaged():
                self._damaged(message)

    def _log(self, log: protocol.Log) -> None:
        """Pass on what it warns of, without the stack traces that follow."""
        self._warnings += 1
        if self._warnings <= _MOST_WARNINGS:
            self._conversation.warn(self._conversation.shown(log.message.partition("\n")[0])[:_WARNING])

    def _record(self, record: protocol.Record, line: bytes, files: Mapping[StreamName, IO[bytes]]) -> None:
        read = self._known(record.stream)
        if read is None:
            return
        files[read.stream].write(line.strip() + b"\n")
        read.rows, read.bytes = read.rows + 1, read.bytes + len(line)
        self._rows += 1
        if self._rows % _LOOK == 0 and (now := time.monotonic()) - self._told >= NOTE_SECONDS:
            self._told = now
            self._conversation.note(f"{self._rows:,} rows read")

    def _known(self, stream: StreamName) -> StreamRead | None:
        """The read of a stream; what was not asked for is told once and left."""
        read = self._reads.get(stream)
        if read is None and str(stream) not in self._strange:
            self._strange.add(str(stream))
            self._conversation.warn(self._conversation.shown(f"it sends the stream {stream}, which was not asked for"))
        return read

    def _trouble(self, trouble: protocol.Trouble) -> None:
        permanent = trouble.kind == "config_error"
        read = self._reads.get(trouble.stream) if trouble.stream else None
        if read is not None:
            read.reason, read.permanent = self._conversation.shown(trouble.message), permanent
        elif not self._general:
            self._general, self._general_permanent = self._conversation.shown(trouble.message), permanent

    def _damaged(self, damaged: protocol.Damaged) -> None:
        """A line that may have been a record fails every stream that was under way."""
        beginning = self._conversation.shown(damaged.line)[:_BEGINNING]
        what = f"one of its messages was damaged (it begins {beginning}…)"
        for read in self._reads.values():
            if read.said != "COMPLETE":
                read.reason = read.reason or what

    def outcome(self, ended: str, complaints: str) -> Outcome:
        """What the whole came to; ``ended`` says how the connector ended badly, if it did."""
        words = self._conversation.last_words(complaints)
        for read in self._reads.values():
            if not read.complete and not read.reason:
                status = f"it said {read.said} and not COMPLETE" if read.said else "it said nothing of this stream"
                words_for_it = (self._general, words, self._conversation.shown(ended), status)
                read.reason = next(filter(None, words_for_it))
                read.permanent = read.permanent or (bool(self._general) and self._general_permanent)
        missing = [read for read in self._reads.values() if not read.complete]
        reasons = dict.fromkeys(read.reason for read in missing)
        failure = "; ".join(
            f"{', '.join(str(read.stream) for read in missing if read.reason == reason)}: {reason}"
            for reason in reasons
        )
        if not missing and ended:
            failure = self._conversation.shown(f"every stream is complete, but {ended}")
        return Outcome(self._reads, failure, bool(missing) and all(read.permanent for read in missing), self._shared)


def _ended(code: int | None) -> str:
    if not code:
        return ""
    return f"it was killed by signal {-code}" if code < 0 else f"it ended with exit code {code}"


def _private(path: Path) -> IO[bytes]:
    """A new file that only this user can read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
