"""What is counted for operators about each request: was the model at home there, and are the conditions drifting.

A request puts its conditions on a list; a thread of the process counts what is on it, many at a time, twice a second
and when this process is scraped. Prometheus reads a little later, and a request does not pay for thirty counters.
"""

from __future__ import annotations

import atexit
import threading
from collections import Counter as Count
from collections import deque
from typing import NamedTuple, get_args
from weakref import WeakKeyDictionary

import numpy as np
from flask import Flask, request
from prometheus_client import Counter

from app.components import component, components
from app.predictions.conditions import Canonical
from app.predictions.schemas import Kind, Novelty
from app.telemetry.metrics import Counters
from app.worker_thread import WorkerThread
from ml.serving.artifact import Artifact
from ml.serving.drift import PARTS, TrainingQuarters
from ml.serving.predictor import FastPredictor

# A study with hundreds of predictors must not become thousands of series.
MOST_PREDICTORS = 30
_EVERY_S = 0.5
# A thread that is stuck must not fill the memory.
_MOST_WAITING = 100_000


class _Column(NamedTuple):
    """One predictor that is counted: its name, its quarters, and the counter of each part."""

    name: str
    quarters: TrainingQuarters
    parts: list[Counter]


class _Model(NamedTuple):
    """The counters of one model: looking them up by their labels would take longer than counting."""

    answers: dict[Kind, Counter]
    refused: Counter
    columns: list[_Column]


class _Seen(NamedTuple):
    """One request that a model could judge."""

    model: _Model
    kind: Kind
    refused: bool
    environment: Canonical


class UsageCounter:
    """Counts requests, a little later than they are answered.

    Parameters
    ----------
    counted : Counters
    """

    def __init__(self, counted: Counters) -> None:
        self._counted = counted
        # Prepared once for each opened model, and forgotten when the model is closed.
        self._models: WeakKeyDictionary[FastPredictor, _Model] = WeakKeyDictionary()
        self._waiting: deque[_Seen] = deque(maxlen=_MOST_WAITING)
        self._lock = threading.Lock()
        self._background = WorkerThread("usage counter", self.count, _EVERY_S)

    def add(self, artifact: Artifact, environment: Canonical, novelty: Novelty, *, refused: bool) -> None:
        """Take one request."""
        model = self._models.get(artifact.predictor)
        if model is None:
            model = self._models[artifact.predictor] = _prepare(artifact, self._counted)
        kind = kind_of(novelty.kind, novelty.in_area_of_applicability)
        self._waiting.append(_Seen(model, kind, refused, environment))
        self._background.wake()

    def count(self) -> None:
        """Count what waits."""
        with self._lock:
            by_model: dict[int, list[_Seen]] = {}
            while self._waiting:
                seen = self._waiting.popleft()
                by_model.setdefault(id(seen.model), []).append(seen)
            for several in by_model.values():
                _count(several[0].model, several)


def init_app(app: Flask) -> None:
    """Create the usage counter, and count what waits before this process is scraped or ends."""
    usage_counter = components(app).add(UsageCounter(components(app).get(Counters)))

    def before_a_scrape() -> None:
        if request.path == "/metrics":
            usage_counter.count()

    app.before_request(before_a_scrape)
    atexit.register(usage_counter.count)


def kind_of(kind: str | None, inside: bool | None) -> Kind:
    """Return where conditions lie; answers given before that was told apart only know whether inside or not."""
    match kind:
        case "inside" | "range" | "combination":
            return kind
    return "range" if inside is False else "unknown"


def count(artifact: Artifact, environment: Canonical, novelty: Novelty, *, refused: bool) -> None:
    """Count one request that a model could judge."""
    component(UsageCounter).add(artifact, environment, novelty, refused=refused)


def _count(model: _Model, several: list[_Seen]) -> None:
    for kind, times in Count(seen.kind for seen in several).items():
        model.answers[kind].inc(times)
    refused = sum(seen.refused for seen in several)
    if refused:
        model.refused.inc(refused)
    for column in model.columns:
        # in the precision of the training values, or 0.1 would not be the 0.1 it was trained on
        values = np.array([seen.environment[column.name] for seen in several], np.float32)
        for part, share in zip(column.parts, column.quarters.count(values).tolist(), strict=True):
            if share:
                part.inc(share)


def _prepare(artifact: Artifact, counted: Counters) -> _Model:
    # every label at once, so that what nobody asks for is 0 and not absent: a query over shares needs it
    study = artifact.card.study.slug
    columns: list[_Column] = []
    for predictor, reference in zip(artifact.card.predictors, artifact.predictor.reference, strict=True):
        if predictor.type == "categorical" or len(reference) == 0 or len(columns) == MOST_PREDICTORS:
            continue
        parts = [counted.conditions.labels(study, predictor.name, part) for part in PARTS]
        columns.append(_Column(predictor.name, TrainingQuarters(reference), parts))
    return _Model(
        answers={kind: counted.answers.labels(study, kind) for kind in get_args(Kind)},
        refused=counted.refused.labels(study),
        columns=columns,
    )
