"""What is counted for operators about each request: was the model at home there, and are the conditions drifting."""

from __future__ import annotations

from typing import NamedTuple, get_args
from weakref import WeakKeyDictionary

import numpy as np
from prometheus_client import Counter

from app.observability import Counters, counters
from app.predictions.environment import Canonical
from app.predictions.schemas import Kind, Novelty
from ml.artifact import Artifact
from ml.drift import PARTS, Quarters
from ml.predictor import FastPredictor

# A study with hundreds of predictors must not become thousands of series.
MOST_PREDICTORS = 30


class _Column(NamedTuple):
    """One predictor that is counted: its name, its quarters, and for each place in them what to add where."""

    name: str
    quarters: Quarters
    additions: list[list[tuple[Counter, float]]]


class _Tally(NamedTuple):
    """The counters of one model: looking them up by their labels would take longer than counting."""

    answers: dict[Kind, Counter]
    refused: Counter
    columns: list[_Column]


# Prepared once for each opened model, and forgotten when the model is closed.
_prepared: WeakKeyDictionary[FastPredictor, _Tally] = WeakKeyDictionary()


def kind_of(kind: str | None, inside: bool | None) -> Kind:
    """Return where conditions lie; answers given before that was told apart only know whether inside or not."""
    match kind:
        case "inside" | "range" | "combination":
            return kind
    return "range" if inside is False else "unknown"


def count(artifact: Artifact, environment: Canonical, novelty: Novelty, *, refused: bool) -> None:
    """Count one request that a model could judge."""
    tally = _prepared.get(artifact.predictor)
    if tally is None:
        tally = _prepared[artifact.predictor] = _prepare(artifact, counters())
    tally.answers[kind_of(novelty.kind, novelty.in_area_of_applicability)].inc()
    if refused:
        tally.refused.inc()
    # in the precision of the training values, or 0.1 would not be the 0.1 it was trained on
    values = np.array([environment[column.name] for column in tally.columns], np.float32).tolist()
    for column, value in zip(tally.columns, values, strict=True):
        for part, share in column.additions[column.quarters.place(value)]:
            part.inc(share)


def _prepare(artifact: Artifact, counted: Counters) -> _Tally:
    # every label at once, so that what nobody asks for is 0 and not absent: a query over shares needs it
    study = artifact.card.study.slug
    columns: list[_Column] = []
    for predictor, reference in zip(artifact.card.predictors, artifact.predictor.reference, strict=True):
        if predictor.type == "categorical" or len(reference) == 0 or len(columns) == MOST_PREDICTORS:
            continue
        quarters = Quarters(reference)
        parts = [counted.conditions.labels(study, predictor.name, part) for part in PARTS]
        additions = [[(parts[part], share) for part, share in place] for place in quarters.places]
        columns.append(_Column(predictor.name, quarters, additions))
    return _Tally(
        answers={kind: counted.answers.labels(study, kind) for kind in get_args(Kind)},
        refused=counted.refused.labels(study),
        columns=columns,
    )
