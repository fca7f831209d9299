"""The verdict of an answer: suitable, marginal, unsuitable or cannot say."""

from __future__ import annotations

from app.errors import FieldErrors, OutsideArea
from app.predictions.schemas import Extrapolation, Novelty, ThresholdUsed, Verdict
from app.web.input_validation import pointer
from ml.card import ModelCard, Predictor


def verdict_for(
    suitability: float,
    interval: tuple[float, float],
    threshold: ThresholdUsed,
    novelty: Novelty,
    extrapolation: Extrapolation,
) -> Verdict:
    """Return the verdict of an answer."""
    if not novelty.in_area_of_applicability and extrapolation != "allow":
        return "cannot say"
    low, high = interval
    if threshold.reached_by(high) and not threshold.reached_by(low):
        return "marginal"
    return "suitable" if threshold.reached_by(suitability) else "unsuitable"


def refuse_outside(novelty: Novelty, environment: dict[str, float | str], card: ModelCard) -> None:
    """Raise OutsideArea, with a reason for each field, if conditions lie outside the area of applicability."""
    if novelty.in_area_of_applicability:
        return
    predictors = {predictor.name: predictor for predictor in card.predictors}
    problems: FieldErrors = [
        (pointer("environment", name), f"{_value(environment[name])} lies outside {_range(predictors[name])}")
        for name in novelty.outside_range
    ]
    if not problems:
        unlike = predictors[novelty.most_dissimilar].label if novelty.most_dissimilar else ""
        problems = [
            (
                pointer("environment"),
                "no training record is like this combination: dissimilarity index "
                f"{novelty.dissimilarity_index:.2f}, the limit is {novelty.dissimilarity_threshold:.2f}; "
                f"{unlike} has the largest part in it",
            )
        ]
    raise OutsideArea(
        "These conditions lie outside the training conditions, and the request asked for no extrapolation.", problems
    )


def _value(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _range(predictor: Predictor) -> str:
    unit = f" {predictor.unit}" if predictor.unit else ""
    return f"the range seen in training, {predictor.minimum:.4g} to {predictor.maximum:.4g}{unit}"
