"""What a model computes from some conditions, from the cache or by running the model."""

from __future__ import annotations

from app.cache import answers
from app.errors import ValidationFailed
from app.predictions.conditions import Canonical, cache_key
from app.predictions.schemas import (
    Computed,
    Contribution,
    Novelty,
    ThresholdUsed,
    Uncertainty,
)
from app.telemetry.metrics import counters
from app.telemetry.requests import timed
from ml.serving.artifact import Artifact
from ml.serving.interval import INTERVAL_LEVEL


def cached_or_computed(artifact: Artifact, environment: Canonical) -> tuple[Computed, bool]:
    """Return what a model computes from some conditions, and whether the cache had it."""
    key = cache_key(artifact.model_id, environment)
    cached = answers.get(key, lambda value: _validate_cached(value, environment))
    if cached is not None:
        return cached, True
    computed = compute(artifact, environment)
    answers.put(key, computed)
    return computed, False


def compute(artifact: Artifact, environment: Canonical) -> Computed:
    """Run the model on some conditions."""
    with timed(counters().inference, "model"):
        answer = artifact.predictor.answer([environment[p.name] for p in artifact.card.predictors])
    report, novelty = artifact.card.interval, answer.novelty
    return Computed(
        suitability=answer.suitability,
        interval=answer.interval,
        uncertainty=Uncertainty(
            level=report.level if report else INTERVAL_LEVEL,
            coverage=report.coverage if report else None,
            groups=report.groups if report else None,
            study_coverage=report.pooled_coverage if report else None,
            study_groups=report.pooled_groups if report else None,
            sources=answer.sources,
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
        baseline=answer.baseline,
        contributions=[
            Contribution(predictor=name, value=value, effect=effect) for name, value, effect in answer.contributions
        ],
        missing=artifact.predictor.missing,
    )


def threshold_of(artifact: Artifact, option: float | str | None) -> ThresholdUsed:
    """Return the threshold that a request chooses: a number, a rule, or None for the model's own rule.

    Raises
    ------
    ValidationFailed
        The model has no such rule.
    """
    try:
        threshold = artifact.predictor.cutoff(option)
    except KeyError:
        raise ValidationFailed([("/threshold", f"this model has no threshold by the rule {option}")]) from None
    return ThresholdUsed(
        value=threshold.value,
        rule=threshold.rule,
        sensitivity=threshold.sensitivity,
        specificity=threshold.specificity,
    )


def _validate_cached(value: object, environment: Canonical) -> Computed:
    """Validate an entry of the shared cache, which is untrusted.

    Raises
    ------
    ValueError
        It is no answer to these conditions.
    """
    computed = Computed.model_validate(value)
    low, high = computed.interval
    values = {one.predictor: one.value for one in computed.contributions}
    if not 0 <= low <= high <= 1 or values != environment or len(computed.contributions) != len(values):
        raise ValueError("no answer to these conditions")
    return computed
