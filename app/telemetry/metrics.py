"""Prometheus metrics. No label is a species, a model or an address, so that series stay few."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from flask import Flask, Request, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from prometheus_flask_exporter import PrometheusMetrics
from prometheus_flask_exporter.multiprocess import GunicornInternalPrometheusMetrics
from sqlalchemy import event
from sqlalchemy.pool import QueuePool

from app.components import component, components
from app.config.version import app_version
from app.database.db import db

# Most responses take a few milliseconds, and the default buckets begin at 5 ms.
_REQUEST = (0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_INFERENCE = (50e-6, 100e-6, 200e-6, 500e-6, 1e-3, 2e-3, 5e-3, 10e-3, 20e-3, 50e-3)
_LOAD = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
# gunicorn accepts any word as a method, and each would be another series.
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_UNCOUNTED = ("/static/", "/docs/assets/", "/metrics")
CACHE_LAYERS = ("process", "redis", "none")
ERRORS = ("unhandled", "database", "model")


@dataclass(frozen=True)
class Counters:
    """The metrics of the application. Those of every request are stored by label, which saves a look-up."""

    #: By whether the answer was cached.
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
    rollout_requests: Counter
    rollouts_ended: Counter


class RequestMetrics:
    """Rate and latency by route.

    The metrics of prometheus_flask_exporter are not used: they look up four labels for each request and accept any word
    as a method.
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
        self._by_labels: dict[tuple[str, str, int], tuple[Histogram, Counter]] = {}

    def count(self, request: Request, response: Response, seconds: float) -> None:
        """Count a request."""
        if request.path.startswith(_UNCOUNTED):
            return
        method = request.method if request.method in _METHODS else "other"
        rule = request.url_rule.rule if request.url_rule is not None else "none"
        metrics = self._by_labels.get((method, rule, response.status_code))
        if metrics is None:
            status = str(response.status_code)
            metrics = self._latency.labels(method, rule, status), self._total.labels(method, status)
            self._by_labels[method, rule, response.status_code] = metrics
        latency, total = metrics
        latency.observe(seconds)
        total.inc()


class _AllWorkers(Collector):
    """The metrics of all processes that share a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        # A process makes its files empty and gives them a size then. An empty one would fail the scrape.
        files = [str(path) for path in self._folder.glob("*.db") if _size(path)]
        metrics: Iterable[Metric] = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
        return metrics


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        # the gauges of a process that has ended just now
        return 0


class _SharedMetrics(GunicornInternalPrometheusMetrics):  # type: ignore[misc]  # the package has no types
    """The address of the metrics, which answers for all workers of the server."""

    def generate_metrics(self, accept_header: str | None = None, names: list[str] | None = None) -> tuple[str, str]:
        # the names are known when the files are read
        registry = CollectorRegistry(support_collectors_without_names=True)
        registry.register(_AllWorkers(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])))
        encode, content_type = choose_encoder(accept_header or "")
        return encode(registry.restricted_registry(names) if names else registry).decode(), content_type


def init_app(app: Flask) -> None:
    """Make the metrics and their address."""
    kind = _SharedMetrics if os.environ.get("PROMETHEUS_MULTIPROC_DIR") else PrometheusMetrics
    # A registry of its own, so that tests can make many applications in one process.
    registry = components(app).add(CollectorRegistry())
    kind.for_app_factory(registry=registry, export_defaults=False).init_app(app)
    components(app).add(RequestMetrics(registry))
    components(app).add(_counters(registry))
    _build_info(app, registry)
    _watch_pool(app, registry)


def counters() -> Counters:
    """Return the counters of the current application."""
    return component(Counters)


def failed(kind: str) -> None:
    """Count a failure of the server; ``kind`` is one of ``ERRORS``."""
    counters().errors.labels(kind).inc()


def _counters(registry: CollectorRegistry) -> Counters:
    def counter(name: str, text: str, *labels: str) -> Counter:
        return Counter(f"ecopredict_{name}", text, labels, registry=registry)

    def gauge(name: str, text: str, mode: Literal["livesum", "livemostrecent"]) -> Gauge:
        return Gauge(f"ecopredict_{name}", text, registry=registry, multiprocess_mode=mode)

    def histogram(name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"ecopredict_{name}", text, buckets=buckets, registry=registry)

    predictions = counter(
        "predictions", "Predictions answered and stored, by whether the cache held the answer", "cached"
    )
    cache = counter(
        "cache", "Answers looked for, by the layer of the cache that held them: process, redis or none", "layer"
    )
    metrics = Counters(
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
        # Only the process that drains the spool sets these.
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
        rollout_requests=counter(
            "rollout_requests",
            "Requests of species that have a rollout, by arm (active, candidate) and outcome: answered; failed (by the "
            "candidate: the active model answered instead); refused (the same, where the candidate only refuses the "
            "input); failed_both",
            "arm",
            "outcome",
        ),
        rollouts_ended=counter(
            "rollouts_ended", "Rollouts that ended: promoted, stopped (by a person), failed (by the rule)", "how"
        ),
    )
    for kind in ERRORS:
        # 0 instead of absent, so that the first failure is an increase.
        metrics.errors.labels(kind)
    for how in ("promoted", "stopped", "failed"):
        metrics.rollouts_ended.labels(how)
    return metrics


def _build_info(app: Flask, registry: CollectorRegistry) -> None:
    # prometheus_client's Info does not support several processes.
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

    values: dict[Gauge, int] = {}

    def set_gauge(gauge: Gauge, value: int) -> None:
        if values.get(gauge) != value:
            values[gauge] = value
            gauge.set(value)

    def update(change: int) -> None:
        # Read from the pools each time: a count of events would be wrong after the first broken connection.
        pools = [engine.pool for engine in engines if isinstance(engine.pool, QueuePool)]
        set_gauge(taken, max(0, sum([pool.checkedout() for pool in pools]) + change))
        set_gauge(beyond, sum([max(0, pool.overflow()) for pool in pools]))
        set_gauge(size, sum([pool.size() for pool in pools]))

    update(0)
    for engine in engines:
        # A connection is still counted while it is checked in.
        event.listen(engine, "checkout", lambda *_: update(0))
        event.listen(engine, "checkin", lambda *_: update(-1))
