"""Metrics of observations, counted from the database when they are read."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import get_args

from flask import Flask, request
from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy.exc import SQLAlchemyError

from app.components import component, components
from app.confirmations import accuracy, tables
from app.confirmations.tables import State
from app.database.db import db
from app.throttled_log import ThrottledLog

log = logging.getLogger(__name__)
_failure = ThrottledLog(log)
#: Studies with a series of their own: those with most accepted observations.
MOST_STUDIES = 50


class ObservationMetrics:
    """The gauges, and the state of the observations that they show.

    Parameters
    ----------
    registry : CollectorRegistry
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str, label: str) -> Gauge:
            return Gauge(f"ecopredict_{name}", text, (label,), registry=registry, multiprocess_mode="livemostrecent")

        self._observations = gauge("observations", "Observations, by state", "state")
        self._auc = gauge("live_auc", "AUC by accepted observations, of studies with enough of them", "study")
        self._brier = gauge("live_brier", "Brier score by accepted observations, of the same studies", "study")
        self._shown: tuple[int, datetime | None] | None = None

    def count(self) -> None:
        """Set the gauges. The figures are computed only after a decision of an editor."""
        numbers = tables.counts_by_state()
        for state in get_args(State):
            self._observations.labels(state).set(numbers.get(state, 0))
        mark = tables.change_mark()
        if mark == self._shown:
            return
        judged = [
            study
            for study in accuracy.of_studies(public=True).items
            if study.auc is not None and study.brier is not None
        ]
        judged.sort(key=lambda study: study.n_presences + study.n_absences, reverse=True)
        # a study that has no figure any more has no series
        self._auc.clear()
        self._brier.clear()
        for study in judged[:MOST_STUDIES]:
            assert study.auc is not None  # noqa: S101 (chosen above)
            assert study.brier is not None  # noqa: S101
            self._auc.labels(study.study.slug).set(study.auc.value)
            self._brier.labels(study.study.slug).set(study.brier.value)
        self._shown = mark


def init_app(app: Flask) -> None:
    """Create the metrics, and count before each scrape."""
    components(app).add(ObservationMetrics(components(app).get(CollectorRegistry)))

    def count_before_scrape() -> None:
        if request.path == "/metrics":
            try:
                component(ObservationMetrics).count()
            except SQLAlchemyError as error:
                db.session.rollback()
                _failure.warning("the observations cannot be counted: %s", type(error).__name__)

    app.before_request(count_before_scrape)
