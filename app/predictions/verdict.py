"""The verdict of an answer with its reason, and the refusal of an extrapolation."""

from __future__ import annotations

from dataclasses import dataclass

from app.errors import FieldErrors, OutsideArea
from app.predictions.schemas import ComputedPart, Extrapolation, Novelty, ThresholdUsed
from app.web.input_validation import pointer
from ml.card import ModelCard, Predictor
from ml.predictors.encoding import number_text
from ml.quality import Quality, chance_reason
from ml.serving.threshold import OWN
from ml.serving.verdict import Verdict, judge


@dataclass(frozen=True)
class OutsideRange:
    """A value outside the range seen in training."""

    label: str
    value: float
    unit: str
    minimum: float
    maximum: float


def verdict_for(
    computed: ComputedPart, threshold: ThresholdUsed, extrapolation: Extrapolation, quality: Quality
) -> Verdict:
    """Return the verdict of an answer."""
    return judge(
        computed.suitability,
        computed.interval,
        threshold,
        inside=computed.novelty.in_area_of_applicability or extrapolation == "allow",
        better_than_chance=quality.better_than_chance,
    )


def reason_for(
    verdict: Verdict,
    computed: ComputedPart,
    threshold: ThresholdUsed,
    quality: Quality,
    environment: dict[str, float | str],
    card: ModelCard,
) -> str:
    """Return the reason for a verdict in one sentence."""
    low, high = computed.interval
    cut = "your own threshold" if threshold.rule == OWN else "the threshold"
    if verdict == "cannot_say":
        return _why_not(computed.novelty, quality, environment, card)
    beyond = "" if computed.novelty.in_area_of_applicability else "; the conditions lie outside the training conditions"
    if verdict in ("suitable", "unsuitable"):
        side = "at or above" if verdict == "suitable" else "below"
        return f"The whole interval, {low:.2f} to {high:.2f}, lies {side} {cut} of {threshold.value:.2f}{beyond}."
    side, reach = ("at or above", "below") if verdict == "probably_suitable" else ("below", "above")
    return (
        f"The suitability lies {side} {cut} of {threshold.value:.2f}, but its interval, {low:.2f} to {high:.2f}, "
        f"reaches {reach} it{beyond}."
    )


def _why_not(novelty: Novelty, quality: Quality, environment: dict[str, float | str], card: ModelCard) -> str:
    if not quality.better_than_chance:
        return chance_reason(quality)
    outside = outside_ranges(novelty, environment, card)
    if novelty.kind == "combination" or not outside:
        return "Each value has been seen in training, but no training record is like all of them together."
    first = outside[0]
    more = "" if len(outside) == 1 else f", and {len(outside) - 1} more"
    value = _with_unit(first.value, first.unit)
    return f"{first.label}, {value}, lies outside the range seen in training, {_range(first)}{more}."


def outside_ranges(novelty: Novelty, environment: dict[str, float | str], card: ModelCard) -> list[OutsideRange]:
    """Return the values that lie outside the range seen in training."""
    values = []
    named = None if novelty.kind == "unknown" else novelty.outside_range
    for predictor in card.predictors:
        value = environment.get(predictor.name)
        if isinstance(value, str) or value is None or predictor.minimum is None or predictor.maximum is None:
            continue
        # old answers do not name these predictors, so their values are compared again
        if predictor.name in named if named is not None else not predictor.minimum <= value <= predictor.maximum:
            values.append(
                OutsideRange(predictor.label, float(value), predictor.unit, predictor.minimum, predictor.maximum)
            )
    return values


def refuse_outside(novelty: Novelty, environment: dict[str, float | str], card: ModelCard) -> None:
    """Raise OutsideArea, with a reason for each field, if conditions lie outside the area of applicability."""
    if novelty.in_area_of_applicability:
        return
    predictors = {predictor.name: predictor for predictor in card.predictors}
    problems: FieldErrors = [
        (
            pointer("environment", name),
            f"{_value(environment[name])} lies outside the range seen in training, {_range_of(predictors[name])}",
        )
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


def _with_unit(value: float, unit: str) -> str:
    return f"{number_text(float(f'{value:.4g}'))} {unit}".strip()


def _range(value: OutsideRange) -> str:
    return f"{value.minimum:.4g} to {value.maximum:.4g} {value.unit}".strip()


def _range_of(predictor: Predictor) -> str:
    return f"{predictor.minimum:.4g} to {predictor.maximum:.4g} {predictor.unit}".strip()
