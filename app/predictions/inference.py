"""The answer of a model to conditions, from the cache or computed."""

from __future__ import annotations

from app.cache import answers
from app.errors import ValidationFailed
from app.predictions.conditions import Canonical, cache_key
from app.predictions.schemas import ComputedPart, ThresholdUsed
from app.telemetry.metrics import counters
from app.telemetry.requests import timed
from ml.serving.artifact import Artifact
from ml.serving.interval import INTERVAL_LEVEL


def cached_or_computed(artifact: Artifact, environment: Canonical) -> tuple[ComputedPart, bool]:
    """Return the answer of a model to conditions, and whether it came from the cache."""
    key = cache_key(artifact.model_id, environment)
    cached = answers.get(key, lambda entry: _read_cached(entry, environment))
    if cached is not None:
        return cached, True
    computed = compute(artifact, environment)
    answers.put(key, computed)
    return computed, False


def compute(artifact: Artifact, environment: Canonical) -> ComputedPart:
    """Compute the answer of a model to conditions."""
    with timed(counters().inference, "model"):
        output = artifact.predictor.answer([environment[p.name] for p in artifact.card.predictors])
    checked = artifact.card.interval
    # validating one dictionary takes less time than constructing each nested model
    return ComputedPart.model_validate(
        {
            "suitability": output.suitability,
            "interval": output.interval,
            "uncertainty": {
                "level": checked.level if checked else INTERVAL_LEVEL,
                "coverage": checked.coverage if checked else None,
                "groups": checked.groups if checked else None,
                "study_coverage": checked.pooled_coverage if checked else None,
                "study_groups": checked.pooled_groups if checked else None,
                "few_records": checked.few_records if checked else 0,
                "sources": output.sources,
            },
            "novelty": {
                "in_area_of_applicability": output.novelty.inside,
                "kind": output.novelty.kind,
                "dissimilarity_index": output.novelty.index,
                "dissimilarity_threshold": output.novelty.threshold,
                "mess": output.novelty.mess,
                "most_dissimilar": output.novelty.most_dissimilar,
                "outside_range": output.novelty.outside_range,
            },
            "baseline": output.baseline,
            "contributions": [
                {"predictor": name, "value": value, "effect": effect} for name, value, effect in output.contributions
            ],
            "missing": artifact.predictor.missing,
        }
    )


def threshold_of(artifact: Artifact, requested: float | str | None) -> ThresholdUsed:
    """Return the threshold that a query requests: a number, a rule, or None for the model's own rule.

    Raises
    ------
    ValidationFailed
        The model has no such rule.
    """
    try:
        threshold = artifact.predictor.cutoff(requested)
    except KeyError:
        raise ValidationFailed([("/threshold", f"this model has no threshold by the rule {requested}")]) from None
    return ThresholdUsed(
        value=threshold.value,
        rule=threshold.rule,
        sensitivity=threshold.sensitivity,
        specificity=threshold.specificity,
    )


def _read_cached(entry: object, environment: Canonical) -> ComputedPart:
    """Validate an entry of the shared cache, which is untrusted.

    Raises
    ------
    ValueError
        The entry is not an answer to these conditions.
    """
    computed = ComputedPart.model_validate(entry)
    low, high = computed.interval
    values = {item.predictor: item.value for item in computed.contributions}
    if not 0 <= low <= high <= 1 or values != environment or len(computed.contributions) != len(values):
        raise ValueError("no answer to these conditions")
    return computed
