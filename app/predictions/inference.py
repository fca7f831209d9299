"""What a model says of some conditions, from the cache or the model."""

from __future__ import annotations

from typing import Any

import orjson

from app.cache import answers
from app.errors import ValidationFailed
from app.predictions.answers import ComputedJson
from app.predictions.conditions import Canonical, cache_key
from app.predictions.schemas import (
    Computed,
    Novelty,
    ThresholdUsed,
)
from app.telemetry.metrics import counters
from app.telemetry.requests import timed
from ml.serving.artifact import Artifact
from ml.serving.interval import INTERVAL_LEVEL


def cached_or_computed(artifact: Artifact, environment: Canonical) -> tuple[ComputedJson, bool]:
    """Return what a model says of some conditions, and whether the cache held it."""
    key = cache_key(artifact.model_id, environment)
    kept = answers.get(key, lambda found: _read_kept(found, environment))
    if kept is not None:
        return kept, True
    held = compute(artifact, environment)
    answers.put(key, held)
    return held, False


def compute(artifact: Artifact, environment: Canonical) -> ComputedJson:
    """Ask the model."""
    with timed(counters().inference, "model"):
        found = artifact.predictor.answer([environment[p.name] for p in artifact.card.predictors])
    checked = artifact.card.interval
    novelty = Novelty(
        in_area_of_applicability=found.novelty.inside,
        kind=found.novelty.kind,
        dissimilarity_index=found.novelty.index,
        dissimilarity_threshold=found.novelty.threshold,
        mess=found.novelty.mess,
        most_dissimilar=found.novelty.most_dissimilar,
        outside_range=found.novelty.outside_range,
    )
    # a Computed, written without making one
    members = {
        "suitability": found.suitability,
        "interval": found.interval,
        "uncertainty": {
            "level": checked.level if checked else INTERVAL_LEVEL,
            "coverage": checked.coverage if checked else None,
            "groups": checked.groups if checked else None,
            "study_coverage": checked.pooled_coverage if checked else None,
            "study_groups": checked.pooled_groups if checked else None,
            "sources": found.sources,
        },
        "novelty": dict(novelty),
        "baseline": found.baseline,
        "contributions": [
            {"predictor": name, "value": value, "effect": effect} for name, value, effect in found.contributions
        ],
        "missing": artifact.predictor.missing,
    }
    return ComputedJson(orjson.dumps(members), found.suitability, found.interval, novelty)


def threshold_of(artifact: Artifact, wanted: float | str | None) -> ThresholdUsed:
    """Return the threshold a query asks for.

    Raises
    ------
    ValidationFailed
        The model has no such rule.
    """
    try:
        found = artifact.predictor.cutoff(wanted)
    except KeyError:
        raise ValidationFailed([("/threshold", f"this model has no threshold by the rule {wanted}")]) from None
    return ThresholdUsed(
        value=found.value, rule=found.rule, sensitivity=found.sensitivity, specificity=found.specificity
    )


def _read_kept(found: Any, environment: Canonical) -> ComputedJson:
    """Check what a cache outside this process held: anything may have written it.

    Raises
    ------
    ValueError
        It is no answer to these conditions.
    """
    computed = Computed.model_validate(found)
    low, high = computed.interval
    told = {one.predictor: one.value for one in computed.contributions}
    if not 0 <= low <= high <= 1 or told != environment or len(computed.contributions) != len(told):
        raise ValueError("no answer to these conditions")
    return ComputedJson.of(computed)
