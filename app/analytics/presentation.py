"""Sentences and chart positions of the analytics page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.analytics.schemas import MOST, Analytics, PredictorDrift, Quartiles, StudyUse
from app.predictions.schemas import Kind
from ml.numbers import rounded
from ml.serving.drift import ENOUGH

KINDS: dict[Kind, str] = {
    "inside": "inside what the model has seen",
    "range": "outside the range of a predictor",
    "combination": "a combination no record has",
    "unknown": "cannot tell",
}
#: The training range takes the middle of the width, as on the form; values far outside are drawn at the edge.
_BEGIN, _WIDTH, _EDGE = 20.0, 60.0, 1.5
_UNFOLDED = 8


@dataclass(frozen=True)
class Segment:
    """One part of a bar, in percent of its length."""

    kind: Kind
    begin: float
    width: float


@dataclass(frozen=True)
class Strip:
    """Middle halves and medians of training and requested values, in percent of a strip's width."""

    trained: tuple[float, float, float]
    requested: tuple[float, float, float] | None


@dataclass(frozen=True)
class DriftLine:
    """One predictor of the table."""

    data: PredictorDrift
    strip: Strip


@dataclass(frozen=True)
class StudyView:
    """One study: its bar and its predictors; those with the largest drift come first, the rest is folded."""

    data: StudyUse
    bar: list[Segment]
    first: list[DriftLine]
    rest: list[DriftLine]


@dataclass(frozen=True)
class AnalyticsView:
    """The page: a sentence for each question, and the studies."""

    period: str
    novelty: str
    drift: str
    most_requested: str
    kinds: dict[Kind, str]
    studies: list[StudyView]
    partial: bool
    most: int = MOST

    @staticmethod
    def percent(share: float) -> str:
        """Return a share in percent for a table cell."""
        return percent(share).replace(" ", "\u00a0")


def present(analytics: Analytics) -> AnalyticsView:
    """Return the view of the page."""
    return AnalyticsView(
        period=f"{_date(analytics.since)} to {_date(analytics.until)}",
        novelty=_novelty(analytics),
        drift=_largest_drift(analytics),
        most_requested=_most_requested(analytics),
        kinds=KINDS,
        studies=[_study(one) for one in analytics.studies],
        partial=any(one.examined < one.requests for one in analytics.studies),
    )


def percent(share: float) -> str:
    """Return a share in percent; only a share of exactly 0 is "0 %", and only a share of exactly 1 is "100 %"."""
    if 0 < share < 0.005:
        return "under 1 %"
    if 0.995 <= share < 1:
        return "over 99 %"
    return f"{100 * share:.0f} %"


def _study(one: StudyUse) -> StudyView:
    bar, begin = [], 0.0
    for count in one.novelty:
        if count.requests:
            bar.append(Segment(count.kind, begin, 100 * count.share))
            begin += 100 * count.share
    lines = [DriftLine(drift, _strip(drift)) for drift in one.drift or []]
    return StudyView(one, bar, lines[:_UNFOLDED], lines[_UNFOLDED:])


def _strip(drift: PredictorDrift) -> Strip:
    span = (drift.maximum - drift.minimum) or 1.0

    def places(values: Quartiles) -> tuple[float, float, float]:
        low, median, high = (
            min(100 - _EDGE, max(_EDGE, _BEGIN + _WIDTH * (value - drift.minimum) / span))
            for value in (values.low, values.median, values.high)
        )
        return low, median, high

    return Strip(places(drift.trained), places(drift.requested) if drift.requested else None)


def _novelty(analytics: Analytics) -> str:
    examined = sum(one.examined for one in analytics.studies)
    counts = dict.fromkeys(KINDS, 0)
    for one in analytics.studies:
        for count in one.novelty:
            counts[count.kind] += count.requests
    outside = counts["range"] + counts["combination"]
    many = _answers(examined)
    text = f"{outside:,} of {many} ({percent(outside / max(1, examined))})" if outside else f"None of {many}"
    text += " lay outside the training conditions."
    if counts["unknown"]:
        text += f" For {counts['unknown']:,} only the ranges could be checked, not the combination."
    return text


def _largest_drift(analytics: Analytics) -> str:
    lines = [(one, drift) for one in analytics.studies for drift in one.drift or []]
    words = {drift.word for _, drift in lines}
    for word, lead in (("very different", "Yes"), ("somewhat different", "Somewhat")):
        if word in words:
            study, most = max(
                ((one, drift) for one, drift in lines if drift.word == word), key=lambda pair: pair[1].distance or 0.0
            )
            return f"{lead}, most of all in {study.study.title}: {_difference(most)}"
    if "about the same" in words:
        return "No: for every condition with enough answers, the requested values are about the same as in training."
    return f"There are too few answers to tell: a study needs {ENOUGH} or more."


def _difference(drift: PredictorDrift) -> str:
    requested = drift.requested or drift.trained
    unit = f" {drift.unit}" if drift.unit else ""
    return (
        f"{drift.label}, where half of the answers lie {_span(requested)}{unit} "
        f"and half of the training places {_span(drift.trained)}{unit}."
    )


def _span(values: Quartiles) -> str:
    low, high = number(values.low), number(values.high)
    return f"at {low}" if low == high else f"between {low} and {high}"


def number(value: float) -> str:
    """Return a number as in the tables of the page."""
    return rounded(value)


def _most_requested(analytics: Analytics) -> str:
    if not analytics.species:
        return ""
    first = max(analytics.species, key=lambda use: use.requests)
    name = f"{first.vernacular_name} ({first.scientific_name})" if first.vernacular_name else first.scientific_name
    return f"{name[:1].upper()}{name[1:]}, with {first.requests:,} of {_answers(analytics.requests)}."


def _answers(n: int) -> str:
    return f"{n:,} answer" + ("" if n == 1 else "s")


def _date(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"
