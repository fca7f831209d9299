"""What a model says of some conditions, from the cache or the model."""

from __future__ import annotations

from typing import Any

from app import answer_cache
from app.errors import ValidationFailed
from app.observability import counters, timed
from app.predictions.answers import Held
from app.predictions.environment import Canonical, cache_key
from app.predictions.schemas import (
    Computed,
    Contribution,
    Novelty,
    ThresholdUsed,
    Uncertainty,
)
from ml.artifact import Artifact
from ml.members import LEVEL


def cached_or_computed(artifact: Artifact, environment: Canonical) -> tuple[Held, bool]:
    """Return what a model says of some conditions, and whether the cache held it."""
    key = cache_key(artifact.model_id, environment)
    kept = answer_cache.get(key, lambda found: _read_kept(found, environment))
    if kept is not None:
        return kept, True
    held = Held.of(compute(artifact, environment))
    answer_cache.put(key, held)
    return held, False


def compute(artifact: Artifact, environment: Canonical) -> Computed:
    """Ask the model."""
    with timed(counters().inference, "model"):
        found = artifact.predictor.answer([environment[p.name] for p in artifact.card.predictors])
    checked, novelty = artifact.card.interval, found.novelty
    return Computed(
        suitability=found.suitability,
        interval=found.interval,
        uncertainty=Uncertainty(
            level=checked.level if checked else LEVEL,
            coverage=checked.coverage if checked else None,
            groups=checked.groups if checked else None,
            study_coverage=checked.pooled_coverage if checked else None,
            study_groups=checked.pooled_groups if checked else None,
            sources=found.sources,
        ),
        novelty=Novelty(
            in_area_of_applicability=novelty.inside,
            kind=novelty.kind,
            dissimilarity_index=novelty.index,
            dissimilarity_threshold=novelty.threshold,
            mess=novelty.mess,
            most_dissimilar=novelty.most_dissimilar,
            outside_range=novelty.outside_range,
        ),
        baseline=found.baseline,
        contributions=[
            Contribution(predictor=name, value=value, effect=effect) for name, value, effect in found.contributions
        ],
        missing=artifact.predictor.missing,
    )


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


def _read_kept(found: Any, environment: Canonical) -> Held:
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
    return Held.of(computed)
