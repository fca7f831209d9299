"""Request ids, and the hooks that log, count and trace each request."""

from __future__ import annotations

import atexit
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask, Response, g, request
from prometheus_client import Histogram

from app.components import components
from app.database.db import db
from app.telemetry import logs, metrics, sentry, tracing
from app.telemetry.metrics import Counters, counters

__all__ = ["Counters", "counters", "init_app", "timed"]

_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# https://www.w3.org/TR/trace-context/#traceparent-header
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
# Seconds that a process waits for each of the two collectors when it ends.
_PATIENCE = 2.0


def init_app(app: Flask) -> None:
    """Wire logging, request ids, metrics and, where they are set up, traces and error reports."""
    logs.init_app(app)
    app.before_request(_begin)
    app.after_request(_finish)
    metrics.init_app(app)
    _hide_parameters(app)
    settings = app.config["SETTINGS"]
    if settings.otel_exporter_otlp_endpoint:
        traces = tracing.Traces(settings)
        components(app).add(traces)
        app.teardown_request(lambda _: traces.end())
        with app.app_context():
            traces.watch_database()
        atexit.register(traces.close, _PATIENCE)
    reports = sentry.init_app(settings)
    if reports is not None:
        atexit.register(reports.stop, _PATIENCE)


def _hide_parameters(app: Flask) -> None:
    """Keep the values of statements out of database errors, and so out of logs and reports."""
    with app.app_context():
        for engine in db.engines.values():
            engine.hide_parameters = True


@contextmanager
def timed(histogram: Histogram, name: str) -> Iterator[None]:
    """Time a piece of work, and record it as a span where traces are enabled."""
    traces = components().find(tracing.Traces)
    began = time.perf_counter()
    try:
        if traces is None:
            yield
        else:
            with traces.span(name):
                yield
    finally:
        histogram.observe(time.perf_counter() - began)


def _begin() -> None:
    g.began = time.perf_counter()
    request_id = request.headers.get("X-Request-ID", "")
    g.request_id = request_id if _SANE_ID.fullmatch(request_id) else uuid.uuid4().hex
    parent = request.headers.get("traceparent", "")
    match = _TRACEPARENT.fullmatch(parent) if parent else None
    if match:
        g.trace_id = match[1]
    traces = components().find(tracing.Traces)
    if traces is not None and not request.path.startswith(logs.QUIET):
        g.trace_id = traces.begin(parent if match else "")


def _finish(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.get("request_id") or uuid.uuid4().hex
    now = time.perf_counter()
    seconds = now - g.get("began", now)
    parts = components()
    traces = parts.find(tracing.Traces)
    if traces is not None:
        traces.finish(response)
    parts.get(metrics.RequestMetrics).count(request, response, seconds)
    logs.write(request, response, seconds)
    return response
