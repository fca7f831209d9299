"""Metrics of the disk, measured when they are read."""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass

from flask import Flask, request
from prometheus_client import CollectorRegistry, Gauge

from app.components import component, components
from app.throttled_log import ThrottledLog
from app.web.faces import settings

log = logging.getLogger(__name__)
_failure = ThrottledLog(log)


@dataclass(frozen=True)
class DiskMetrics:
    """The metrics of the file system that holds the data directory."""

    free: Gauge
    size: Gauge


def init_app(app: Flask) -> None:
    """Create the metrics, and measure before each scrape."""
    registry = components(app).get(CollectorRegistry)

    def gauge(name: str, text: str) -> Gauge:
        return Gauge(f"ecopredict_disk_{name}_bytes", text, registry=registry, multiprocess_mode="livemostrecent")

    components(app).add(
        DiskMetrics(
            free=gauge("free", "Bytes that the service can still write to the file system of the data directory"),
            size=gauge("size", "Size of the file system of the data directory"),
        )
    )

    def measure_before_scrape() -> None:
        if request.path == "/metrics":
            try:
                usage = shutil.disk_usage(settings().data_dir)
            except OSError as error:
                _failure.warning("the free space of the data directory cannot be read: %s", error.strerror)
                return
            component(DiskMetrics).free.set(usage.free)
            component(DiskMetrics).size.set(usage.total)

    app.before_request(measure_before_scrape)
