"""Metrics of studies that learn from observations, counted from the database when they are read."""

from __future__ import annotations

import logging

from flask import Flask, request
from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy.exc import SQLAlchemyError

from app.components import components
from app.database.db import db
from app.learning import tables
from app.throttled_log import ThrottledLog

log = logging.getLogger(__name__)
_failure = ThrottledLog(log)


def init_app(app: Flask) -> None:
    """Create the metrics, and count before each scrape."""

    def gauge(name: str, text: str) -> Gauge:
        registry = components(app).get(CollectorRegistry)
        return Gauge(f"ecopredict_learning_{name}", text, registry=registry, multiprocess_mode="livemostrecent")

    studies = gauge("studies", "Studies that learn from accepted observations")
    new = gauge("new_observations", "Accepted presences of these studies that no training has used yet")

    def count_before_scrape() -> None:
        if request.path == "/metrics":
            try:
                totals = tables.totals()
                studies.set(totals.studies)
                new.set(totals.new)
            except SQLAlchemyError as error:
                _failure.warning("what studies learn cannot be counted: %s", type(error).__name__)
            finally:
                # the connection goes back before those in use are counted
                db.session.rollback()

    app.before_request(count_before_scrape)
