"""Traces for an OTLP collector. OpenTelemetry is imported only where OTEL_EXPORTER_OTLP_ENDPOINT is set.

OpenTelemetry's instrumentation of Flask is not used: it writes the address and user agent of the client and the query
string, which contains conditions, into every span.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from flask import Response, g, request
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext

from app.config.settings import Settings
from app.config.version import app_version
from app.database.db import db
from app.telemetry import logs

if TYPE_CHECKING:
    from opentelemetry.trace import Span, StatusCode

# In seconds. A collector that hangs blocks only the thread that sends.
LIMIT_S = 5
_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE)\s+\"?(\w+)", re.IGNORECASE)


class Traces:
    """Spans of requests, sent by a background thread.

    Parameters
    ----------
    settings : Settings
        With an endpoint. OpenTelemetry reads ``OTEL_TRACES_SAMPLER`` and ``OTEL_EXPORTER_OTLP_HEADERS`` from the
        environment.
    """

    def __init__(self, settings: Settings) -> None:
        from opentelemetry import context, trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._context, self._trace = context, trace
        self._propagator = TraceContextTextMapPropagator()
        resource = Resource.create(
            {
                "service.name": "ecopredict",
                "service.version": app_version(),
                "deployment.environment.name": settings.environment,
            }
        )
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._exporter = OTLPSpanExporter(f"{settings.otel_exporter_otlp_endpoint}/v1/traces", timeout=LIMIT_S)
        # A full queue drops spans, so that memory is bounded without a collector.
        self._processor = BatchSpanProcessor(self._exporter)
        self._provider.add_span_processor(self._processor)
        self._tracer = self._provider.get_tracer("ecopredict", app_version())

    def begin(self, traceparent: str) -> str:
        """Begin the span of the current request, and return the id of its trace."""
        # tracestate and baggage of the client are ignored: they can contain anything.
        parent = self._propagator.extract({"traceparent": traceparent}) if traceparent else self._context.Context()
        rule = logs.route()
        name = f"{request.method} {rule}" if rule else request.method
        span = self._tracer.start_span(name, parent, self._trace.SpanKind.SERVER)
        if span.is_recording():
            span.set_attribute("http.request.method", request.method)
            span.set_attribute("ecopredict.request_id", g.request_id)
            if rule:
                span.set_attribute("http.route", rule)
        g.span = span, self._context.attach(self._trace.set_span_in_context(span, parent))
        return self._trace.format_trace_id(span.get_span_context().trace_id)

    def finish(self, response: Response) -> None:
        """Add the status to the span of the request, and the id of the span to the response."""
        if "span" not in g:
            return
        span, _ = g.span
        context = span.get_span_context()
        ids = f"{self._trace.format_trace_id(context.trace_id)}-{self._trace.format_span_id(context.span_id)}"
        response.headers["traceresponse"] = f"00-{ids}-{int(context.trace_flags) & 1:02x}"
        if span.is_recording():
            span.set_attribute("http.response.status_code", response.status_code)
            for name, value in logs.noted().items():
                span.set_attribute(f"ecopredict.{name}", value)
            if response.status_code >= 500:
                span.set_status(self._trace.StatusCode.ERROR)

    def end(self) -> None:
        """End the span of the request."""
        span, token = g.pop("span", (None, None))
        if span is not None:
            span.end()
            self._context.detach(token)

    @contextlib.contextmanager
    def span(self, name: str) -> Iterator[None]:
        """Record the body of a ``with`` statement as a part of the request."""
        span = self._inner(name)
        try:
            yield
        except BaseException as error:
            _fail(span, error, self._trace.StatusCode.ERROR)
            raise
        finally:
            span.end()

    def watch_database(self) -> None:
        """Record every database statement of a request, without its values."""
        engine = db.engine
        system = "postgresql" if engine.dialect.name == "postgresql" else engine.dialect.name

        def begin(_connection: object, _cursor: object, statement: str, _values: object, context: Any, _: bool) -> None:
            verb = statement.lstrip("( \n").split(None, 1)[0].upper() if statement.strip() else "SQL"
            table = _TABLE.search(statement)
            span = self._inner(f"{verb} {table[1]}" if table else verb)
            if span.is_recording():
                span.set_attribute("db.system.name", system)
                span.set_attribute("db.operation.name", verb)
            context.ecopredict_span = span

        def end(_connection: object, _cursor: object, _statement: str, _values: object, context: Any, _: bool) -> None:
            context.ecopredict_span.end()

        def fail(failure: ExceptionContext) -> None:
            span = getattr(failure.execution_context, "ecopredict_span", None)
            if span is not None:
                _fail(span, failure.original_exception, self._trace.StatusCode.ERROR)
                span.end()

        event.listen(engine, "before_cursor_execute", begin)
        event.listen(engine, "after_cursor_execute", end)
        event.listen(engine, "handle_error", fail)

    def close(self, patience: float) -> None:
        """Send waiting spans and stop within a time limit."""
        # The public shutdown() of the processor has no time limit of ours: it waits 30 s for a collector that hangs.
        self._processor._batch_processor.shutdown(timeout_millis=int(1000 * patience))

    def _inner(self, name: str) -> Span:
        """Begin a span within the span of the request. Without a request nothing is recorded."""
        if not self._trace.get_current_span().is_recording():
            return self._trace.INVALID_SPAN
        return self._tracer.start_span(name)


def _fail(span: Span, error: BaseException, status: StatusCode) -> None:
    # The message of the error may contain input.
    span.set_attribute("error.type", type(error).__name__)
    span.set_status(status)
