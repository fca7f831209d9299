"""Metrics of how right the versions in rollouts are, by accepted observations, when they are read."""

from __future__ import annotations

import logging
import math

from flask import Flask, request
from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy.exc import SQLAlchemyError

from app.catalogue import rollouts
from app.components import component, components
from app.database.db import db
from app.rollouts.accuracy import RolloutAccuracies
from app.throttled_log import ThrottledLog

log = logging.getLogger(__name__)
_failure = ThrottledLog(log)
#: Rollouts with series of their own: the latest of public studies.
MOST_ROLLOUTS = 50
Series = tuple[str, str]


class RolloutMetrics:
    """The gauges of running rollouts of public studies, by study and arm.

    Parameters
    ----------
    registry : CollectorRegistry
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str) -> Gauge:
            return Gauge(
                f"ecopredict_rollout_{name}",
                f"{text} during the rollout, by accepted observations, where there are enough",
                ("study", "arm"),
                registry=registry,
                multiprocess_mode="livemostrecent",
            )

        self._auc = gauge("auc", "AUC")
        self._brier = gauge("brier", "Brier score")
        self._shown: set[Series] = set()

    def count(self) -> None:
        """Set the gauges. The figures are computed only after a decision of an editor."""
        figures: dict[Series, tuple[float, float]] = {}
        for rollout in rollouts.running_in_public(MOST_ROLLOUTS):
            for one in component(RolloutAccuracies).get(rollout).arms:
                if one.auc is not None and one.brier is not None:
                    figures[rollout.species.study.slug, one.arm] = one.auc.value, one.brier.value
        # with several processes a series cannot be removed
        gone = dict.fromkeys(self._shown - set(figures), (math.nan, math.nan))
        for series, (auc, brier) in {**gone, **figures}.items():
            self._auc.labels(*series).set(auc)
            self._brier.labels(*series).set(brier)
        self._shown |= set(figures)


def init_app(app: Flask) -> None:
    """Create the figures and their metrics, and count before each scrape."""
    parts = components(app)
    parts.add(RolloutAccuracies())
    parts.add(RolloutMetrics(parts.get(CollectorRegistry)))

    def count_before_scrape() -> None:
        if request.path == "/metrics":
            try:
                component(RolloutMetrics).count()
            except SQLAlchemyError as error:
                _failure.warning("the reports of rollouts cannot be counted: %s", type(error).__name__)
            finally:
                # the connection goes back before those in use are counted
                db.session.rollback()

    app.before_request(count_before_scrape)
