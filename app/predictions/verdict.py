"""The verdict of an answer with its reason, and the refusal of an extrapolation."""

from __future__ import annotations

from dataclasses import dataclass

from app.errors import FieldErrors, OutsideArea
from app.predictions.query_schemas import Extrapolation
from app.predictions.schemas import ComputedPart, Novelty, ThresholdUsed
from app.web.input_validation import pointer
from ml.card import ModelCard
from ml.numbers import distances, range_seen, with_unit
from ml.quality import Quality, chance_reason
from ml.serving.threshold import OWN
from ml.serving.verdict import Verdict, judge


@dataclass(frozen=True)
class OutsideRange:
    """A value outside the range seen in training."""

    name: str
    label: str
    value: float
    unit: str
    minimum: float
    maximum: float

    @property
    def texts(self) -> tuple[str, str]:
        """The value with all of its digits, and the range that the fields show."""
        return with_unit(self.value, self.unit), range_seen(self.minimum, self.maximum, self.unit)


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
    digits = _digits(computed.suitability, *computed.interval, threshold.value)
    low, high, line = (f"{number + 0.0:.{digits}f}" for number in (*computed.interval, threshold.value))
    cut = "your own threshold" if threshold.rule == OWN else "the threshold"
    if verdict == "cannot_say":
        return _why_not(computed.novelty, quality, environment, card)
    beyond = "" if computed.novelty.in_area_of_applicability else "; the conditions lie outside the training conditions"
    if verdict in ("suitable", "unsuitable"):
        side = "at or above" if verdict == "suitable" else "below"
        return f"The whole interval, {low} to {high}, lies {side} {cut} of {line}{beyond}."
    side, reach = ("at or above", "below") if verdict == "probably_suitable" else ("below", "above")
    return (
        f"The suitability lies {side} {cut} of {line}, but its interval, {low} to {high}, reaches {reach} it{beyond}."
    )


def _digits(suitability: float, low: float, high: float, line: float) -> int:
    """Return the decimals, at least two, with which numbers that differ from the threshold are not written like it."""
    others = [number for number in (suitability, low, high) if number != line]
    return next((n for n in range(2, 6) if all(f"{number:.{n}f}" != f"{line:.{n}f}" for number in others)), 6)


def _why_not(novelty: Novelty, quality: Quality, environment: dict[str, float | str], card: ModelCard) -> str:
    if not quality.better_than_chance:
        return chance_reason(quality)
    outside = outside_ranges(novelty, environment, card)
    if novelty.kind == "combination" or not outside:
        return "Each value has been seen in training, but no training record is like all of them together."
    first = outside[0]
    more = "" if len(outside) == 1 else f", and {len(outside) - 1} more"
    value, seen = first.texts
    return f"{first.label}, {value}, lies outside the range seen in training, {seen}{more}."


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
                OutsideRange(
                    predictor.name, predictor.label, float(value), predictor.unit, predictor.minimum, predictor.maximum
                )
            )
    return values


def distance_text(index: float, limit: float) -> str:
    """Return a dissimilarity index with its limit."""
    return "dissimilarity index {}, the limit is {}".format(*distances(index, limit))


def distance_of(novelty: Novelty) -> str:
    """Return the dissimilarity index of conditions with its limit; empty where it may not be shown."""
    if novelty.dissimilarity_index is None or novelty.dissimilarity_threshold is None:
        return ""
    return distance_text(novelty.dissimilarity_index, novelty.dissimilarity_threshold)


def refuse_outside(novelty: Novelty, environment: dict[str, float | str], card: ModelCard) -> None:
    """Raise OutsideArea, with a reason for each field, if conditions lie outside the area of applicability."""
    if not novelty.in_area_of_applicability:
        raise outside(novelty, environment, card)


def outside(novelty: Novelty, environment: dict[str, float | str], card: ModelCard) -> OutsideArea:
    """Return the error of conditions outside the area of applicability, with a reason for each field."""
    predictors = {predictor.name: predictor for predictor in card.predictors}
    problems: FieldErrors = [
        (pointer("environment", value.name), "{} lies outside the range seen in training, {}".format(*value.texts))
        for value in outside_ranges(novelty, environment, card)
    ]
    if not problems:
        far = distance_of(novelty)
        text = "no training record is like this combination" + (f": {far}" if far else "")
        if novelty.most_dissimilar:
            text += f"; {predictors[novelty.most_dissimilar].label} has the largest part in it"
        problems = [(pointer("environment"), text)]
    return OutsideArea(
        "These conditions lie outside the training conditions, and the request asked for no extrapolation.", problems
    )
