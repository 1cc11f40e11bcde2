"""Traces by OpenTelemetry, where the extra ``otel`` is installed and somebody wants them; otherwise nothing happens here.

The trace of a job begins with the request that submits it. Its ``traceparent`` (W3C) is kept with the job, so that the spans
of its steps, on whichever machine, are children of that request.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Literal

from vidijob.errors import SetupError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

Kind = Literal["server", "client", "producer", "consumer", "internal"]
Value = str | int | float | bool

_HEADER = "traceparent"
_tracer: Tracer | None = None


class Entry:
    """A span that is open; whatever is told to one that nobody wants is lost."""

    def __init__(self, span: Span | None = None) -> None:
        self._span = span

    def name(self, name: str) -> None:
        """Give it another name."""
        if self._span is not None:
            self._span.update_name(name)

    def set(self, **values: Value) -> None:
        """Set attributes; ``__`` in a name stands for a dot."""
        if self._span is not None:
            self._span.set_attributes({name.replace("__", "."): value for name, value in values.items()})

    def fail(self, why: str) -> None:
        """Mark it as failed."""
        if self._span is not None:
            from opentelemetry.trace import Status, StatusCode

            self._span.set_status(Status(StatusCode.ERROR, why))


_NOTHING = Entry()


def open_provider(endpoint: str, *, service: str = "vidijob") -> TracerProvider:
    """Return what sends spans to a collector; raises ``SetupError`` where the extra is not installed.

    It has to be shut down. ``OTEL_…`` variables count as everywhere.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise SetupError(
            "OpenTelemetry is not installed: install vidijob[otel], or leave out --otlp-endpoint."
        ) from error
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")))
    return provider


@asynccontextmanager
async def sending(endpoint: str | None) -> AsyncIterator[None]:
    """Send spans to a collector, if there is one, from now on, and what is left in the end; raises as ``open_provider``."""
    if endpoint is None:
        yield
        return
    provider = open_provider(endpoint)
    use(provider)
    try:
        yield
    finally:
        use(None)
        await asyncio.to_thread(provider.shutdown)


def use(provider: TracerProvider | None) -> None:
    """Have spans made by a provider from now on; ``None``: none are made."""
    global _tracer
    _tracer = provider.get_tracer("vidijob") if provider is not None else None


def is_on() -> bool:
    """Tell whether anybody wants spans."""
    return _tracer is not None


@contextmanager
def span(
    name: str, kind: Kind = "internal", *, parent: str | None = None, waited: float = 0.0, **attributes: Value
) -> Iterator[Entry]:
    """Open a span for what is done inside, a child of ``parent`` (a ``traceparent``) or else of the span around it.

    It began ``waited`` seconds ago. An error that comes out of it marks it as failed.
    """
    if _tracer is None:
        yield _NOTHING
        return
    from opentelemetry.trace import SpanKind

    context = _context(parent) if parent is not None else None
    named = {key.replace("__", "."): value for key, value in attributes.items()}
    began = time.time_ns() - int(waited * 1e9)
    with _tracer.start_as_current_span(
        name, context, kind=SpanKind[kind.upper()], attributes=named, start_time=began
    ) as made:
        yield Entry(made)


@contextmanager
def child(name: str, kind: Kind = "internal", **attributes: Value) -> Iterator[Entry]:
    """Open a span only where one is open already: what nobody asked for is no trace."""
    if _tracer is None or not _is_inside():
        yield _NOTHING
        return
    with span(name, kind) as entry:
        entry.set(**attributes)
        yield entry


def _is_inside() -> bool:
    from opentelemetry.trace import get_current_span

    return get_current_span().get_span_context().is_valid


def incoming(headers: Mapping[str, str]) -> str | None:
    """Return the ``traceparent`` that a caller sends, where spans are wanted."""
    return headers.get(_HEADER) if _tracer is not None else None


def current() -> str | None:
    """Return the ``traceparent`` of the span that is open, for what goes on elsewhere; ``None``: there is none."""
    if _tracer is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get(_HEADER)


def trace_id() -> str | None:
    """Return the id of the trace that is open, in hex."""
    known = current()
    return known.split("-")[1] if known is not None else None


def _context(parent: str):  # type: ignore[no-untyped-def]  # a type of the extra, which may not be there
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({_HEADER: parent})
