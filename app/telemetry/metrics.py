"""What is counted, for Prometheus. No label is a species, a model or an address: series must stay few."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from typing import Any

from flask import Flask, Request, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_flask_exporter import PrometheusMetrics
from prometheus_flask_exporter.multiprocess import GunicornInternalPrometheusMetrics
from sqlalchemy import event
from sqlalchemy.pool import QueuePool

from app.components import component, components
from app.config.settings import app_version
from app.database.db import db

# most answers take a few milliseconds, so the usual buckets, which begin at 5 ms, would say nothing
_REQUEST = (0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_INFERENCE = (50e-6, 100e-6, 200e-6, 500e-6, 1e-3, 2e-3, 5e-3, 10e-3, 20e-3, 50e-3)
_LOAD = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
# gunicorn lets any word through as a method, and each would be a series of its own
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_UNCOUNTED = ("/static/", "/docs/assets/", "/metrics")
CACHE_LAYERS = ("process", "redis", "none")
ERRORS = ("unhandled", "database", "model")


@dataclass(frozen=True)
class Counters:
    """What this application counts; what is counted in each request is at hand without looking labels up."""

    #: By whether the cache held the answer.
    predictions: dict[bool, Counter]
    answers: Counter
    refused: Counter
    conditions: Counter
    #: By layer.
    cache: dict[str, Counter]
    waiting: Gauge
    waiting_age: Gauge
    rejected: Gauge
    errors: Counter
    inference: Histogram
    model_load: Histogram
    models_open: Gauge
    models_bytes: Gauge


class RequestMetrics:
    """Rate and latency by route.

    The exporter's own does this too, but looks four labels up for each request and takes any word as a method.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._latency = Histogram(
            "flask_http_request_duration_seconds",
            "Seconds from a request's first line of ours to its answer, by method, route and status",
            ("method", "url_rule", "status"),
            buckets=_REQUEST,
            registry=registry,
        )
        self._total = Counter("flask_http_request_total", "Requests", ("method", "status"), registry=registry)
        self._known: dict[tuple[str, str, int], tuple[Histogram, Counter]] = {}

    def count(self, asked: Request, response: Response, seconds: float) -> None:
        """Count a request that was answered."""
        if asked.path.startswith(_UNCOUNTED):
            return
        method = asked.method if asked.method in _METHODS else "other"
        key = (method, asked.url_rule.rule if asked.url_rule is not None else "none", response.status_code)
        found = self._known.get(key)
        if found is None:
            status = str(response.status_code)
            found = self._known[key] = self._latency.labels(*key[:2], status), self._total.labels(method, status)
        found[0].observe(seconds)
        found[1].inc()


def init_app(app: Flask) -> None:
    """Make the metrics and their address."""
    kind = GunicornInternalPrometheusMetrics if os.environ.get("PROMETHEUS_MULTIPROC_DIR") else PrometheusMetrics
    # A registry of its own, so that tests can make many applications in one process.
    registry = CollectorRegistry()
    kind.for_app_factory(registry=registry, export_defaults=False).init_app(app)
    components(app).add(RequestMetrics(registry))
    components(app).add(_counters(registry))
    _build_info(app, registry)
    _watch_pool(app, registry)


def counters() -> Counters:
    """Return the counters of the current application."""
    return component(Counters)


def failed(kind: str) -> None:
    """Count a failure of ours; ``kind`` is one of ``ERRORS``."""
    counters().errors.labels(kind).inc()


def _counters(registry: CollectorRegistry) -> Counters:
    def counter(name: str, text: str, *labels: str) -> Counter:
        return Counter(f"ecopredict_{name}", text, labels, registry=registry)

    def gauge(name: str, text: str, mode: Any) -> Gauge:
        return Gauge(f"ecopredict_{name}", text, registry=registry, multiprocess_mode=mode)

    def histogram(name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"ecopredict_{name}", text, buckets=buckets, registry=registry)

    predictions = counter(
        "predictions", "Predictions answered and stored, by whether the cache held the answer", "cached"
    )
    cache = counter(
        "cache", "Answers looked for, by the layer of the cache that held them: process, redis or none", "layer"
    )
    made = Counters(
        predictions={cached: predictions.labels(str(cached).lower()) for cached in (True, False)},
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
        cache={layer: cache.labels(layer) for layer in CACHE_LAYERS},
        # only the process that drains knows these figures
        waiting=gauge("handover_rows", "Answers that wait for the database", "livemostrecent"),
        waiting_age=gauge("handover_oldest_seconds", "How long the oldest of them has waited", "livemostrecent"),
        rejected=gauge(
            "handover_rejected_rows", "Answers put aside because the database will not take them", "livemostrecent"
        ),
        errors=counter("errors", f"Failures of ours, by kind: {', '.join(ERRORS)}", "kind"),
        inference=histogram("inference_seconds", "Seconds a model takes for one answer", _INFERENCE),
        model_load=histogram("model_load_seconds", "Seconds to check and open a model", _LOAD),
        models_open=gauge("models_open", "Models held open, summed over workers", "livesum"),
        models_bytes=gauge("models_open_bytes", "Memory of the models held open, summed over workers", "livesum"),
    )
    for kind in ERRORS:
        # 0 and not absent, so that the first failure is an increase
        made.errors.labels(kind)
    return made


def _build_info(app: Flask, registry: CollectorRegistry) -> None:
    # prometheus_client's Info is not for several processes
    info = Gauge(
        "ecopredict_build_info",
        "What runs: 1 with the version of this program and of Python",
        ("version", "python"),
        registry=registry,
        multiprocess_mode="livemax",
    )
    info.labels(app_version(), platform.python_version()).set(1)


def _watch_pool(app: Flask, registry: CollectorRegistry) -> None:
    """Keep gauges of the connection pool up to date as connections come and go."""
    with app.app_context():
        engines = [engine for engine in db.engines.values() if isinstance(engine.pool, QueuePool)]
    if not engines:
        return

    def gauge(name: str, text: str) -> Gauge:
        text = f"{text}, replica included, summed over workers"
        return Gauge(f"ecopredict_database_pool_{name}", text, registry=registry, multiprocess_mode="livesum")

    size = gauge("size", "Connections to the database that are kept")
    taken = gauge("checked_out", "Connections to the database in use")
    beyond = gauge("overflow", "Connections to the database beyond those that are kept")

    told: dict[Gauge, int] = {}

    def tell(gauge: Gauge, value: int) -> None:
        if told.get(gauge) != value:
            told[gauge] = value
            gauge.set(value)

    def update(change: int) -> None:
        # asked of the pools at each turn: counting up and down would drift with the first connection that breaks
        pools = [engine.pool for engine in engines if isinstance(engine.pool, QueuePool)]
        tell(taken, max(0, sum([pool.checkedout() for pool in pools]) + change))
        tell(beyond, sum([max(0, pool.overflow()) for pool in pools]))
        tell(size, sum([pool.size() for pool in pools]))

    update(0)
    for engine in engines:
        # a connection is still counted while it is handed back
        event.listen(engine, "checkout", lambda *_: update(0))
        event.listen(engine, "checkin", lambda *_: update(-1))
