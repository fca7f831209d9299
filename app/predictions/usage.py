"""Usage metrics: the kind of novelty of each request, and the drift of requested conditions.

A request appends its conditions to a queue. A thread of the process counts the queue in batches, twice a second and
before each scrape, so that a request does not pay for thirty counters.
"""

from __future__ import annotations

import re
import threading
from collections import Counter as Count
from collections import deque
from typing import NamedTuple, get_args
from weakref import WeakKeyDictionary

import numpy as np
from flask import Flask, Response, request
from prometheus_client import Counter
from sqlalchemy.exc import SQLAlchemyError

from app.catalogue.snapshot import snapshot_file
from app.components import component, components
from app.predictions.conditions import Canonical
from app.predictions.schemas import Kind, Novelty
from app.telemetry.metrics import Counters
from app.worker_thread import WorkerThread, at_exit
from ml.serving.artifact import Artifact
from ml.serving.drift import PARTS, TrainingQuarters
from ml.serving.predictor import FastPredictor

#: The label of all studies that not everybody may read.
HIDDEN = "not public"
_STUDY = re.compile(r'[{,]study="([^"]*)"')
# A study with hundreds of predictors must not become thousands of series.
MOST_PREDICTORS = 30
_EVERY_S = 0.5
# The limit of the queue in case the thread is stuck.
_MOST_WAITING = 100_000


class _Column(NamedTuple):
    """One counted predictor: its name, the quarters of its training values, and a counter for each part."""

    name: str
    quarters: TrainingQuarters
    parts: list[Counter]


class _Model(NamedTuple):
    """The counters of one model, kept because looking them up by label takes longer than counting."""

    study: str
    answers: dict[Kind, Counter]
    refused: Counter
    columns: list[_Column]


class _Event(NamedTuple):
    """One request with known novelty."""

    model: _Model
    kind: Kind
    refused: bool
    environment: Canonical


class UsageCounter:
    """Counts requests in batches, in a thread.

    Parameters
    ----------
    counters : Counters
    """

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        # Prepared once for each opened model; the weak reference drops it when the model is closed.
        self._models: WeakKeyDictionary[FastPredictor, _Model] = WeakKeyDictionary()
        self._waiting: deque[_Event] = deque(maxlen=_MOST_WAITING)
        self._lock = threading.Lock()
        self._background = WorkerThread("usage counter", self.count, _EVERY_S)

    def add(self, artifact: Artifact, environment: Canonical, novelty: Novelty, *, refused: bool) -> None:
        """Queue one request."""
        study = artifact.card.study.slug
        if snapshot_file().hides(study):
            # metrics are read by more people than the study
            study = HIDDEN
        model = self._models.get(artifact.predictor)
        if model is None or model.study != study:
            model = self._models[artifact.predictor] = _prepare(artifact, study, self._counters)
        kind = kind_of(novelty.kind, novelty.in_area_of_applicability)
        self._waiting.append(_Event(model, kind, refused, environment))
        self._background.wake()

    def count(self) -> None:
        """Count the queued requests."""
        with self._lock:
            by_model: dict[int, list[_Event]] = {}
            while self._waiting:
                event = self._waiting.popleft()
                by_model.setdefault(id(event.model), []).append(event)
            for events in by_model.values():
                _count(events[0].model, events)


def init_app(app: Flask) -> None:
    """Create the usage counter; count the queue before each scrape and at exit."""
    usage_counter = components(app).add(UsageCounter(components(app).get(Counters)))

    def count_before_scrape() -> None:
        if request.path == "/metrics":
            usage_counter.count()

    app.before_request(count_before_scrape)
    app.after_request(_leave_out_hidden)
    at_exit(usage_counter.count)


def _leave_out_hidden(response: Response) -> Response:
    """Leave out the series of studies that were public when they began, and are not now."""
    if request.path == "/metrics" and response.status_code == 200:
        lines = response.get_data(as_text=True).splitlines(keepends=True)
        labels = {study for line in lines if (study := _study_of(line)) not in ("", HIDDEN)}
        hidden = _hidden_of(labels) if labels else set()
        if hidden:
            response.set_data("".join(line for line in lines if _study_of(line) not in hidden))
    return response


def _hidden_of(studies: set[str]) -> set[str]:
    """Return those of some studies that are not public; all, where the list of models cannot be read."""
    models = snapshot_file()
    try:
        return {study for study in studies if models.hides(study)} if models.hides_some() else set()
    except SQLAlchemyError:
        return studies


def _study_of(line: str) -> str:
    found = _STUDY.search(line)
    return found[1] if found is not None else ""


def kind_of(kind: str | None, inside: bool | None) -> Kind:
    """Return the kind of novelty; old answers only record whether the conditions were inside."""
    match kind:
        case "inside" | "range" | "combination":
            return kind
    return "range" if inside is False else "unknown"


def count(artifact: Artifact, environment: Canonical, novelty: Novelty, *, refused: bool) -> None:
    """Count one request with known novelty."""
    component(UsageCounter).add(artifact, environment, novelty, refused=refused)


def _count(model: _Model, events: list[_Event]) -> None:
    for kind, times in Count(event.kind for event in events).items():
        model.answers[kind].inc(times)
    refused = sum(event.refused for event in events)
    if refused:
        model.refused.inc(refused)
    for column in model.columns:
        # in the precision of the training values, so that equal values compare equal
        values = np.array([event.environment[column.name] for event in events], np.float32)
        for part, share in zip(column.parts, column.quarters.count(values).tolist(), strict=True):
            if share:
                part.inc(share)


def _prepare(artifact: Artifact, study: str, counters: Counters) -> _Model:
    # create every label at once: a query over shares needs a 0 where there was no request
    columns: list[_Column] = []
    for predictor, reference in zip(artifact.card.predictors, artifact.predictor.reference, strict=True):
        if predictor.type == "categorical" or len(reference) == 0 or len(columns) == MOST_PREDICTORS:
            continue
        parts = [counters.conditions.labels(study, predictor.name, part) for part in PARTS]
        columns.append(_Column(predictor.name, TrainingQuarters(reference), parts))
    return _Model(
        study=study,
        answers={kind: counters.answers.labels(study, kind) for kind in get_args(Kind)},
        refused=counters.refused.labels(study),
        columns=columns,
    )
