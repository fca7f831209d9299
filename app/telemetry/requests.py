"""What happened: a request id on every response, one log line a request, metrics by route, traces and error reports."""

from __future__ import annotations

import atexit
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask, Response
from flask.globals import app_ctx, request_ctx
from prometheus_client import Histogram

from app.components import components
from app.database.db import db
from app.telemetry import logs, metrics, sentry, tracing
from app.telemetry.metrics import Counters, counters

__all__ = ["Counters", "counters", "init_app", "timed"]

_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# https://www.w3.org/TR/trace-context/#traceparent-header
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
# how long an ending process waits for collectors, for each of the two
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
    """Keep what was asked out of the database's error messages, and with that out of logs and reports."""
    with app.app_context():
        for engine in db.engines.values():
            engine.hide_parameters = True


@contextmanager
def timed(histogram: Histogram, name: str) -> Iterator[None]:
    """Time a piece of work, as a span too where there are traces."""
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
    asked, kept = request_ctx.request, app_ctx.g
    kept.began = time.perf_counter()
    given = asked.headers.get("X-Request-ID", "")
    kept.request_id = given if _SANE_ID.fullmatch(given) else uuid.uuid4().hex
    parent = asked.headers.get("traceparent", "")
    found = _TRACEPARENT.fullmatch(parent) if parent else None
    if found:
        kept.trace_id = found[1]
    traces = components().find(tracing.Traces)
    if traces is not None and not asked.path.startswith(logs.QUIET):
        kept.trace_id = traces.begin(parent if found else "")


def _finish(response: Response) -> Response:
    asked, kept = request_ctx.request, app_ctx.g
    response.headers["X-Request-ID"] = kept.get("request_id") or uuid.uuid4().hex
    now = time.perf_counter()
    seconds = now - kept.get("began", now)
    parts = components()
    traces = parts.find(tracing.Traces)
    if traces is not None:
        traces.finish(response)
    parts.get(metrics.RequestMetrics).count(asked, response, seconds)
    logs.write(asked, response, seconds)
    return response
