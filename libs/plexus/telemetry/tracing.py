"""Spans and their context, for gRPC and NATS hops alike.

Sampling is decided once, at receipt. Where the parent is not sampled no span is made and its context
is handed on as it is, so an untraced message costs next to nothing; the custody ledger, not a trace,
answers where a message is.
"""

import contextlib
import pathlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import orjson
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, StatusCode, TraceFlags

from plexus.errors import PlexusError
from plexus.ids import random_digits
from plexus.telemetry.names import ATTRIBUTES

__all__ = ["SpanKind", "Tracing", "new_traceparent", "trace_id_of"]

Attribute = str | int | float | bool
_SAMPLED: Final = 0x01


def new_traceparent(*, sampled: bool) -> str:
    """A fresh W3C trace context (Trace Context level 1, section 3.2)."""
    digits = random_digits(48)
    return f"00-{digits[:32]}-{digits[32:]}-{'01' if sampled else '00'}"


def trace_id_of(traceparent: str) -> str:
    """The trace id within a W3C traceparent; empty where there is none."""
    return traceparent[3:35] if len(traceparent) == 55 else ""


def _context_of(traceparent: str) -> SpanContext | None:
    if len(traceparent) != 55:
        return None
    try:
        return SpanContext(
            trace_id=int(traceparent[3:35], 16),
            span_id=int(traceparent[36:52], 16),
            is_remote=True,
            trace_flags=TraceFlags(int(traceparent[53:55], 16)),
        )
    except ValueError:
        return None


class Tracing:
    """Makes the spans of one process."""

    def __init__(self, service: str, exporter: SpanExporter | None, ratio: float = 1.0) -> None:
        self.service = service
        self._ratio = ratio
        self._provider: TracerProvider | None = None
        self._tracer: trace.Tracer | None = None
        if exporter is not None:
            self._provider = TracerProvider(
                resource=Resource.create({"service.name": service}), shutdown_on_exit=False
            )
            self._provider.add_span_processor(
                BatchSpanProcessor(exporter, schedule_delay_millis=500)
            )
            self._tracer = self._provider.get_tracer("plexus")

    @classmethod
    def configured(
        cls, service: str, instance: str, kind: str, folder: pathlib.Path, ratio: float
    ) -> "Tracing":
        """Tracing as the settings want it."""
        if kind == "otlp":
            return cls(service, OTLPSpanExporter(), ratio)
        if kind == "file":
            folder.mkdir(parents=True, exist_ok=True)
            return cls(service, SpanFile(folder / f"{service}-{instance}.jsonl"), ratio)
        return cls(service, None, ratio)

    def sample(self) -> bool:
        """Decide if a new message is traced."""
        if self._tracer is None or self._ratio <= 0:
            return False
        return self._ratio >= 1 or secrets.randbelow(1_000_000) < self._ratio * 1_000_000

    def records(self, parent: str) -> bool:
        """Whether a span below `parent` would be recorded; a cheap question for hot paths."""
        return self._tracer is not None and not parent.endswith("-00")

    def begin(
        self, name: str, kind: SpanKind, attributes: Mapping[str, Attribute] | None = None
    ) -> "Started":
        """Begin a new trace with a root span; decides if it is sampled."""
        if self._tracer is None or not self.sample():
            return Started(None, new_traceparent(sampled=False))
        span = self._tracer.start_span(name, context=Context(), kind=kind, attributes=attributes)
        made = span.get_span_context()
        return Started(span, f"00-{made.trace_id:032x}-{made.span_id:016x}-01")

    def start(
        self,
        name: str,
        parent: str,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Attribute] | None = None,
        links: Sequence[str] = (),
    ) -> "Started":
        """Begin a span below `parent` (a traceparent).

        Where the parent is not sampled nothing is recorded and the parent's context is handed on.
        """
        if self._tracer is None or not self.records(parent):  # the usual case, at no cost
            return Started(None, parent)
        context = _context_of(parent)
        if context is None or not context.is_valid or not context.trace_flags & _SAMPLED:
            return Started(None, parent)
        others = [Link(c) for c in map(_context_of, links) if c is not None]
        span = self._tracer.start_span(
            name,
            context=trace.set_span_in_context(trace.NonRecordingSpan(context)),
            kind=kind,
            attributes=attributes,
            links=others,
        )
        made = span.get_span_context()
        return Started(span, f"00-{made.trace_id:032x}-{made.span_id:016x}-01")

    @contextlib.contextmanager
    def span(
        self,
        name: str,
        parent: str,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Attribute] | None = None,
    ) -> Iterator["Started"]:
        """A span for the time of a block; an error of the block marks it."""
        started = self.start(name, parent, kind, attributes)
        try:
            yield started
        except BaseException as exc:
            started.fail(exc)
            raise
        finally:
            started.end()

    def close(self) -> None:
        """Send what is left. Blocks for a moment: call it off the event loop."""
        if self._provider is not None:
            self._provider.shutdown()


class Started:
    """A span that has begun, or the place of one that is not recorded.

    Attributes:
        traceparent: the context for whoever comes after.
    """

    __slots__ = ("_span", "traceparent")

    def __init__(self, span: Span | None, traceparent: str) -> None:
        self._span = span
        self.traceparent = traceparent

    def set(self, key: str, value: Attribute) -> None:
        """Add an attribute."""
        if self._span is not None:
            self._span.set_attribute(key, value)

    def fail(self, error: BaseException) -> None:
        """Mark the span as failed, by type and reason, never by the error's text."""
        if self._span is not None:
            self._span.set_status(StatusCode.ERROR)
            self._span.set_attribute("error.type", type(error).__name__)
            if isinstance(error, PlexusError):
                self._span.set_attribute("plexus.reason", error.reason_name)

    def end(self) -> None:
        """The work is done."""
        if self._span is not None:
            self._span.end()


class SpanFile(SpanExporter):
    """Writes spans as JSON lines: service, name, ids, times and the listed attributes."""

    def __init__(self, path: pathlib.Path) -> None:
        self._file = path.open("ab")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        for span in spans:
            context = span.get_span_context()
            if context is None:
                continue
            line = {
                "service": span.resource.attributes.get("service.name"),
                "name": span.name,
                "kind": span.kind.name,
                "trace": f"{context.trace_id:032x}",
                "span": f"{context.span_id:016x}",
                "parent": f"{span.parent.span_id:016x}" if span.parent else None,
                "links": [f"{link.context.span_id:016x}" for link in span.links],
                "start_ns": span.start_time,
                "end_ns": span.end_time,
                "failed": span.status.status_code is StatusCode.ERROR,
                "attributes": {k: v for k, v in (span.attributes or {}).items() if k in ATTRIBUTES},
            }
            self._file.write(orjson.dumps(line) + b"\n")
        self._file.flush()
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self._file.close()
