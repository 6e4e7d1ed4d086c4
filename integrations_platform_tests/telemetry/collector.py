"""A collector of traces on this machine: it speaks OTLP over HTTP, as those of Jaeger, Tempo and others do."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True)
class Told:
    """One span as it arrived. ``parent``: the name of the span it is in."""

    name: str
    parent: str | None
    trace: bytes
    facts: dict[str, Any]
    failed: bool
    kind: int


@dataclass
class Collector:
    """What was sent to ``url``."""

    url: str
    received: list[ExportTraceServiceRequest] = field(default_factory=list)

    @property
    def services(self) -> set[str]:
        """Who sent it, by name."""
        return {
            attribute.value.string_value
            for request in self.received
            for part in request.resource_spans
            for attribute in part.resource.attributes
            if attribute.key == "service.name"
        }

    def spans(self) -> list[Told]:
        """All spans, in the order they began."""
        found = [
            span for request in self.received for part in request.resource_spans for scope in part.scope_spans
            for span in scope.spans
        ]  # fmt: skip
        names = {span.span_id: span.name for span in found}
        return [
            Told(span.name, names.get(span.parent_span_id), span.trace_id, {
                each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes
            }, span.status.code == 2, span.kind)
            for span in sorted(found, key=lambda span: span.start_time_unix_nano)
        ]  # fmt: skip


@contextmanager
def collector() -> Iterator[Collector]:
    """While it listens."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            text = gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body
            assert self.path == "/v1/traces"
            opened.received.append(ExportTraceServiceRequest.FromString(text))
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_words: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    opened = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield opened
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
