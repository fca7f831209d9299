"""What happened: a request id on every response, one log line a request, metrics by route."""

from __future__ import annotations

import json
import logging
import os
import re
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Flask, Response, current_app, g, has_request_context, request
from prometheus_client import CollectorRegistry, Counter
from prometheus_flask_exporter import PrometheusMetrics
from prometheus_flask_exporter.multiprocess import GunicornInternalPrometheusMetrics

log = logging.getLogger("app.access")
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True)
class Counters:
    """What this application counts beside requests."""

    predictions: Counter
    answers: Counter
    refused: Counter
    conditions: Counter


class JsonFormatter(logging.Formatter):
    """One JSON object a line, for machines that collect logs."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON."""
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if has_request_context():
            entry["request_id"] = g.get("request_id", "")
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=True)


class LineFormatter(logging.Formatter):
    """One readable line, and none forged by what a visitor sent."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text."""
        record.request_id = g.get("request_id", "-") if has_request_context() else "-"
        return super().format(record)


def init_app(app: Flask) -> None:
    """Wire logging, request ids and metrics."""
    _configure_logging(app)
    app.before_request(_begin)
    _export_metrics(app)
    app.after_request(_finish)


def counters() -> Counters:
    """Return the counters of the current application."""
    return current_app.extensions["counters"]


def _configure_logging(app: Flask) -> None:
    settings = app.config["SETTINGS"]
    root = logging.getLogger("app")
    root.setLevel(settings.log_level)
    if not any(getattr(handler, "ecopredict", False) for handler in root.handlers):
        handler = logging.StreamHandler()
        handler.ecopredict = True  # type: ignore[attr-defined]
        root.addHandler(handler)
    for each in root.handlers:
        if getattr(each, "ecopredict", False):
            plain = LineFormatter("%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s")
            each.setFormatter(JsonFormatter() if settings.environment == "production" else plain)


def _export_metrics(app: Flask) -> None:
    kind = GunicornInternalPrometheusMetrics if os.environ.get("PROMETHEUS_MULTIPROC_DIR") else PrometheusMetrics
    # A registry of its own, so that tests can make many applications in one process.
    registry = CollectorRegistry()
    # By route, never by address: thousands of species must not become thousands of series.
    metrics = kind.for_app_factory(group_by="url_rule", registry=registry, excluded_paths="^/static/|^/docs/assets/")
    metrics.init_app(app)

    def counter(name: str, text: str, *labels: str) -> Counter:
        return Counter(f"ecopredict_{name}", text, labels, registry=registry)

    app.extensions["counters"] = Counters(
        predictions=counter(
            "predictions", "Predictions answered and stored, by whether the cache held the answer", "cached"
        ),
        answers=counter(
            "answers",
            "Requests that a model could judge, answered or refused, by study and by where their conditions lie: "
            "inside what the model has seen, outside the range of a predictor, a combination no record has, or unknown "
            "(in range, by a model without an area of applicability)",
            "study",
            "novelty",
        ),
        refused=counter(
            "refused", "Of those, requests refused with 409 because they wanted no extrapolation, by study", "study"
        ),
        conditions=counter(
            "requested_conditions",
            "Requested values by study, predictor and quarter (q1 to q4) of the training values, or below or above "
            "them all; a value that fills several quarters counts in part for each, so that without drift each has a "
            "quarter",
            "study",
            "predictor",
            "part",
        ),
    )


def _begin() -> None:
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if _SANE_ID.fullmatch(given) else uuid.uuid4().hex
    g.began = time.perf_counter()


def _finish(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.get("request_id") or uuid.uuid4().hex
    # A mistake of the caller is information; only our own failures are errors, logged where they happen.
    milliseconds = 1000 * (time.perf_counter() - g.get("began", time.perf_counter()))
    path = request.path.encode("unicode_escape").decode("ascii")[:200]
    if not path.startswith(("/health/", "/metrics", "/static/")):
        log.info("%s %s %s %.1f ms", request.method, path, response.status_code, milliseconds)
    return response
