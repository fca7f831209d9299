"""Traces for an OTLP collector. Imported packages and threads exist only where an endpoint is set.

OpenTelemetry's own instrumentation of Flask writes the caller's address, its user agent and the query string, which
holds conditions, into every span; these few lines write none of them.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from flask import Response, g, request
from sqlalchemy import event

from app.config.settings import Settings, app_version
from app.database.db import db
from app.telemetry import logs

# a collector that hangs holds up the thread that sends, and only that
_TIMEOUT = 5
_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE)\s+\"?(\w+)", re.IGNORECASE)


class Traces:
    """Begins and ends spans, and sends them from a thread of its own.

    Parameters
    ----------
    settings : Settings
        With an endpoint. ``OTEL_TRACES_SAMPLER`` and ``OTEL_EXPORTER_OTLP_HEADERS`` are read from the environment, as
        everywhere.
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
        self._exporter = OTLPSpanExporter(f"{settings.otel_exporter_otlp_endpoint}/v1/traces", timeout=_TIMEOUT)
        # a full queue drops spans: memory stays bounded while the collector is away
        self._processor = BatchSpanProcessor(self._exporter)
        self._provider.add_span_processor(self._processor)
        self._tracer = self._provider.get_tracer("ecopredict", app_version())

    def begin(self, traceparent: str) -> str:
        """Begin the span of a request; returns the id of its trace."""
        # the caller's tracestate and baggage stay outside: they could hold anything
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
        """Write the answer into the span of the request, and the span's id into the answer."""
        if "span" not in g:
            return
        span, _ = g.span
        found = span.get_span_context()
        ids = f"{self._trace.format_trace_id(found.trace_id)}-{self._trace.format_span_id(found.span_id)}"
        response.headers["traceresponse"] = f"00-{ids}-{int(found.trace_flags) & 1:02x}"
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
        """Make a span of what happens within, as a part of the request."""
        span = self._inner(name)
        try:
            yield
        except BaseException as error:
            _fail(span, error, self._trace.StatusCode.ERROR)
            raise
        finally:
            span.end()

    def watch_database(self) -> None:
        """Make a span of every statement that a request sends to the database; its values are not part of it."""
        engine = db.engine
        system = "postgresql" if engine.dialect.name == "postgresql" else engine.dialect.name

        def begin(_connection: Any, _cursor: Any, statement: str, _values: Any, context: Any, _many: bool) -> None:
            verb = statement.lstrip("( \n").split(None, 1)[0].upper() if statement.strip() else "SQL"
            table = _TABLE.search(statement)
            span = self._inner(f"{verb} {table[1]}" if table else verb)
            if span.is_recording():
                span.set_attribute("db.system.name", system)
                span.set_attribute("db.operation.name", verb)
            context.ecopredict_span = span

        def end(_connection: Any, _cursor: Any, _statement: str, _values: Any, context: Any, _many: bool) -> None:
            context.ecopredict_span.end()

        def fail(failure: Any) -> None:
            span = getattr(failure.execution_context, "ecopredict_span", None)
            if span is not None:
                _fail(span, failure.original_exception, self._trace.StatusCode.ERROR)
                span.end()

        event.listen(engine, "before_cursor_execute", begin)
        event.listen(engine, "after_cursor_execute", end)
        event.listen(engine, "handle_error", fail)

    def close(self, patience: float) -> None:
        """Send what waits and stop, in bounded time whatever the collector does."""
        # the processor's own shutdown waits half a minute for a collector that hangs
        self._processor._batch_processor.shutdown(timeout_millis=int(1000 * patience))

    def _inner(self, name: str) -> Any:
        """Begin a span within that of the request; outside of a request nothing is recorded."""
        if not self._trace.get_current_span().is_recording():
            return self._trace.INVALID_SPAN
        return self._tracer.start_span(name)


def _fail(span: Any, error: BaseException, status: Any) -> None:
    # its message may hold anything, also what was asked
    span.set_attribute("error.type", type(error).__name__)
    span.set_status(status)
