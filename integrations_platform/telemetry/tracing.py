"""Traces by OpenTelemetry: spans of run, plan, batch and call, sent to where its standard variables say.

Off unless `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` or `OTEL_TRACES_EXPORTER` says otherwise;
nothing of OpenTelemetry is imported then. What cannot be sent is dropped and said in the log: no work fails for it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from integrations_platform import __version__
from integrations_platform.settings import variable
from integrations_platform.unified_sync.port import SideError
from integrations_platform.unified_sync.watching import Fact, Span, Watcher, watch

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span as OtelSpan

NAME = "integrations_platform"
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_FIRST_ERROR = 400  # status of an answer that is one, as OpenTelemetry has it for those who call
_log = logging.getLogger("integrations_platform.telemetry")


@cache
def trace_as_asked() -> None:
    """Send the spans of this process from now on, if its variables say so. Harmless to repeat."""
    wanted = _exporter_wanted()
    if wanted:
        watch(_watcher_to(_exporter(wanted))[0])


def _exporter_wanted() -> str:
    """``otlp`` or ``console``; empty: none."""
    if (variable("OTEL_SDK_DISABLED") or "").strip().lower() == "true":
        return ""
    usual = "otlp" if any(variable(name) for name in _ENDPOINTS) else "none"
    wanted = (variable("OTEL_TRACES_EXPORTER") or usual).strip()
    protocol = next(filter(None, map(variable, _PROTOCOLS)), "http/protobuf")
    if wanted not in ("otlp", "console", "none"):
        _log.warning("no traces: OTEL_TRACES_EXPORTER is %r; otlp, console and none are known here", wanted)
    elif wanted == "otlp" and protocol != "http/protobuf":
        _log.warning("no traces: the protocol of OTLP is set to %r; http/protobuf is spoken here", protocol)
    elif wanted != "none":
        return wanted
    return ""


def _exporter(wanted: str) -> SpanExporter:
    if wanted == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        return ConsoleSpanExporter(out=sys.stderr)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()


def _watcher_to(exporter: SpanExporter) -> tuple[Watcher, TracerProvider]:
    """What tells ``exporter`` of spans, in batches, and what sends the rest: by itself, when the process ends."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.trace import SpanKind

    who = {"service.version": __version__}
    if not variable("OTEL_SERVICE_NAME") and "service.name=" not in (variable("OTEL_RESOURCE_ATTRIBUTES") or ""):
        who["service.name"] = NAME
    provider = TracerProvider(resource=Resource.create(who))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer(NAME, __version__)

    @contextmanager
    def watcher(name: str, facts: Mapping[str, Fact]) -> Iterator[Span]:
        kind = SpanKind.CLIENT if "http.request.method" in facts else SpanKind.INTERNAL
        told = {_named(fact): value for fact, value in facts.items()}
        # Exceptions are named by what kind they are: their words may hold somebody's data.
        with tracer.start_as_current_span(
            name, kind=kind, attributes=told, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield _Traced(span)
            except BaseException as fault:
                kind_of_fault = (fault.code or fault.kind.value) if isinstance(fault, SideError) else ""
                _failed(span, kind_of_fault or type(fault).__name__)
                raise

    return watcher, provider


class _Traced:
    """A span of OpenTelemetry's as the engine knows one."""

    def __init__(self, span: OtelSpan) -> None:
        self._span = span

    def tell(self, name: str, fact: Fact) -> None:
        """See :class:`Span`. A run that failed and an answer that is an error are errors."""
        self._span.set_attribute(_named(name), fact)
        if name == "outcome" and fact == "failed":
            _failed(self._span, "failed")
        elif name == "http.response.status_code" and isinstance(fact, int) and fact >= _FIRST_ERROR:
            _failed(self._span, str(fact))


def _failed(span: Any, kind: str) -> None:
    from opentelemetry.trace import Status, StatusCode

    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR))


def _named(fact: str) -> str:
    """Names of ours are told from those of OpenTelemetry's conventions, which have a dot."""
    return fact if "." in fact else f"integrations.{fact}"
