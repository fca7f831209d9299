"""What of a model card becomes parameters, metrics and tags of a run."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TypeVar

from ml.card import ModelCard
from ml.quality import quality_of

Value = TypeVar("Value")
# MLflow allows letters, digits, and these.
_REFUSED = re.compile(r"[^A-Za-z0-9_\-. /]")
_LONGEST_NAME = 250


def parameters_of(card: ModelCard, has_places: bool) -> dict[str, str]:
    """Return the parameters of a run.

    Parameters
    ----------
    card : ModelCard
    has_places : bool
        Whether the hash of the training table may be told: it confirms a guess of the places in it.

    Returns
    -------
    dict of str to str
    """
    background = card.background
    said: dict[str, object] = {
        "estimator": card.training.estimator,
        **card.training.parameters,
        "seed": card.training.seed,
        **{f"version.{name}": value for name, value in card.training.versions.items()},
        "records": card.study.records,
        "n_presences": card.n_presences,
        "n_absences": card.n_absences,
        "predictors": ", ".join(one.name for one in card.predictors),
        "n_predictors": len(card.predictors),
        "validation.method": card.validation.method,
        "validation.folds": card.validation.folds,
        "validation.block_size_km": card.validation.block_size_km,
        "background.kind": background.kind if background is not None else None,
        "background.target_group_share": background.target_group_share if background is not None else None,
        "threshold_rule": card.threshold_rule,
    }
    if has_places:
        said["data_fingerprint"] = card.training.data_fingerprint
    return _named({name: str(value) for name, value in said.items() if value is not None})


def metrics_of(card: ModelCard) -> dict[str, float]:
    """Return the metrics of a run: scores with their limits, thresholds, weights of members, importance."""
    said: dict[str, float | None] = {}
    for name, metric in card.metrics.items():
        said |= {name: metric.value, f"{name}.low": metric.low, f"{name}.high": metric.high}
    for rule, threshold in card.thresholds.items():
        said |= {
            f"threshold.{rule}": threshold.value,
            f"threshold.{rule}.sensitivity": threshold.sensitivity,
            f"threshold.{rule}.specificity": threshold.specificity,
        }
    if card.optimism is not None:
        said["auc_roc.random_folds"] = card.optimism.auc_roc_random
    if card.area is not None:
        said |= {"area.threshold": card.area.threshold, "area.training_inside": card.area.training_inside}
    if card.interval is not None:
        said["interval.coverage"] = card.interval.coverage
    said |= {f"member.{name}": value for name, value in card.members.items()}
    said |= {f"importance.{name}": value for name, value in card.importance.items()}
    return _named({name: float(value) for name, value in said.items() if value is not None and math.isfinite(value)})


def tags_of(card: ModelCard, model_id: str) -> dict[str, str]:
    """Return the tags of a run."""
    return {
        "mlflow.source.name": "python -m ml train",
        "mlflow.source.type": "LOCAL",
        "mlflow.note.content": quality_of(card).sentence,
        "ecopredict.model_id": model_id,
        "ecopredict.study": card.study.slug,
        "ecopredict.species": card.species.slug,
        "ecopredict.scientific_name": card.species.scientific_name,
    }


def _named(values: Mapping[str, Value]) -> dict[str, Value]:
    """Return values under names that MLflow allows; of two names that become the same, the first is kept."""
    named: dict[str, Value] = {}
    for name, value in values.items():
        named.setdefault(_REFUSED.sub("_", name)[:_LONGEST_NAME], value)
    return named
