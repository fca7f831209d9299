"""Metrics of observations, counted from the database when they are read."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import get_args

from flask import Flask, request
from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy.exc import SQLAlchemyError

from app.catalogue import versions
from app.components import component, components
from app.confirmations import accuracy, tables
from app.confirmations.accuracy_schemas import StudyAccuracy
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
        self._auc_away = gauge(
            "live_auc_away",
            "AUC by accepted observations away from training places, of the same studies without sensitive species",
            "study",
        )
        self._auc_high = gauge("live_auc_high", "Upper limit of the 95 % interval of that AUC", "study")
        self._heldout = gauge(
            "heldout_auc",
            "AUC by held-out records of the versions that the observations judge, weighted as in their AUC",
            "study",
        )
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
        judged = judged[:MOST_STUDIES]
        heldout = _heldout_auc(judged)
        # with several processes a series cannot be removed
        for slug in self._studies - {study.study.slug for study in judged}:
            self._set(slug, None, None)
        for study in judged:
            slug = study.study.slug
            self._set(slug, study, heldout[slug])
            self._studies.add(slug)

    def _set(self, slug: str, study: StudyAccuracy | None, heldout: float | None) -> None:
        auc = study.auc if study is not None else None
        away = study.away.auc if study is not None and study.away is not None else None
        brier = study.brier if study is not None else None
        self._auc.labels(slug).set(auc.value if auc is not None else math.nan)
        self._auc_away.labels(slug).set(away.value if away is not None else math.nan)
        self._auc_high.labels(slug).set(auc.high if auc is not None else math.nan)
        self._brier.labels(slug).set(brier.value if brier is not None else math.nan)
        self._heldout.labels(slug).set(heldout if heldout is not None else math.nan)


def _heldout_auc(studies: Sequence[StudyAccuracy]) -> dict[str, float | None]:
    """Return the AUC by held-out records of each study, none where a judged version has no such AUC.

    The versions have the weights that they have in the AUC by observations: their pairs of a presence and an absence.
    """
    ids = [version.model.id for study in studies for version in study.versions]
    known = {parts.id: parts.auc for parts in versions.card_parts(ids)}
    found: dict[str, float | None] = {}
    for study in studies:
        pairs = {one.model.id: one.n_presences * one.n_absences for one in study.versions}
        values = {model: metric["value"] for model in pairs if (metric := known.get(model)) is not None}
        weight = sum(pairs.values())
        complete = weight and all(model in values for model, n in pairs.items() if n)
        found[study.study.slug] = (
            sum(pairs[model] * value for model, value in values.items()) / weight if complete else None
        )
    return found


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
