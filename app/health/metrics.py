"""Metrics of the disk and of Redis, measured when they are read."""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass

from flask import Flask, request
from prometheus_client import CollectorRegistry, Gauge

from app.cache import answers
from app.components import component, components
from app.throttled_log import ThrottledLog
from app.web.faces import settings

log = logging.getLogger(__name__)
_failure = ThrottledLog(log)


@dataclass(frozen=True)
class StoreMetrics:
    """The metrics of the file system that holds the data directory, and of Redis."""

    free: Gauge
    size: Gauge
    redis_down: Gauge


def init_app(app: Flask) -> None:
    """Create the metrics, and measure before each scrape."""
    registry = components(app).get(CollectorRegistry)

    def gauge(name: str, text: str) -> Gauge:
        return Gauge(f"ecopredict_{name}", text, registry=registry, multiprocess_mode="livemostrecent")

    components(app).add(
        StoreMetrics(
            free=gauge(
                "disk_free_bytes", "Bytes that the service can still write to the file system of the data directory"
            ),
            size=gauge("disk_size_bytes", "Size of the file system of the data directory"),
            redis_down=gauge("redis_down", "1 where REDIS_URL is set and Redis does not answer, otherwise 0"),
        )
    )

    def measure_before_scrape() -> None:
        if request.path == "/metrics":
            component(StoreMetrics).redis_down.set(answers.state() == "down")
            _measure_disk()

    app.before_request(measure_before_scrape)


def _measure_disk() -> None:
    try:
        usage = shutil.disk_usage(settings().data_dir)
    except OSError as error:
        _failure.warning("the free space of the data directory cannot be read: %s", error.strerror)
        return
    component(StoreMetrics).free.set(usage.free)
    component(StoreMetrics).size.set(usage.total)
