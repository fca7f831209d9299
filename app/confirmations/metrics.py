"""Metrics of observations, counted from the database when they are read."""

from __future__ import annotations

import logging
import math
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
        self._studies: set[str] = set()

    def count(self) -> None:
        """Set the gauges of what is public now. The figures are computed only after a decision of an editor."""
        numbers = tables.counts_by_state()
        for state in get_args(State):
            self._observations.labels(state).set(numbers.get(state, 0))
        judged = [
            study
            for study in accuracy.of_studies(public=True).items
            if study.auc is not None and study.brier is not None
        ]
        judged.sort(key=lambda study: study.n_presences + study.n_absences, reverse=True)
        figures = {study.study.slug: (study.auc, study.brier) for study in judged[:MOST_STUDIES]}
        # with several processes a series cannot be removed
        for slug in self._studies - set(figures):
            self._auc.labels(slug).set(math.nan)
            self._brier.labels(slug).set(math.nan)
        for slug, (auc, brier) in figures.items():
            self._auc.labels(slug).set(auc.value if auc is not None else math.nan)
            self._brier.labels(slug).set(brier.value if brier is not None else math.nan)
        self._studies |= set(figures)


def init_app(app: Flask) -> None:
    """Create the metrics and the cache of their figures, and count before each scrape."""
    components(app).add(accuracy.AccuracyCache())
    components(app).add(ObservationMetrics(components(app).get(CollectorRegistry)))

    def count_before_scrape() -> None:
        if request.path == "/metrics":
            try:
                component(ObservationMetrics).count()
            except SQLAlchemyError as error:
                _failure.warning("the observations cannot be counted: %s", type(error).__name__)
            finally:
                # the connection goes back before those in use are counted
                db.session.rollback()

    app.before_request(count_before_scrape)
