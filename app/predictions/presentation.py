"""An answer in words and bars: what the pages show and JSON does not need."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Literal

import orjson

from app.predictions.environment import number_text
from app.predictions.schemas import PredictionAnswer
from ml.card import Metric, ModelCard, Predictor

Verdict = Literal["suitable", "marginal", "unsuitable", "cannot say"]


@dataclass(frozen=True)
class OutsideRange:
    """A value outside the range seen in training."""

    label: str
    value: float
    unit: str
    minimum: float
    maximum: float


@dataclass(frozen=True)
class Bar:
    """A contribution as a bar; the widest one is 100 percent."""

    label: str
    value_text: str
    effect: float
    width_percent: float
    positive: bool


@dataclass(frozen=True)
class AnswerView:
    """An answer as a page shows it."""

    verdict: Verdict
    verdict_reason: str
    vernacular_name: str
    study_title: str
    auc: Metric | None
    n_presences: int
    presence_only: bool
    outside: list[OutsideRange]
    contributions: list[Bar]
    curl: str
    permalink: str | None
    json_url: str | None
    is_example: bool
    species_url: str
    model_version: int
    validation_note: str


def present(answer: PredictionAnswer, card: ModelCard, site: str) -> AnswerView:
    """Put an answer into words.

    Parameters
    ----------
    answer : PredictionAnswer
        One without an id is an example.
    card : ModelCard
        Of the model that answered.
    site : str
        Address of this site, for the curl command.

    Returns
    -------
    AnswerView
    """
    predictors = {predictor.name: predictor for predictor in card.predictors}
    outside = outside_ranges(answer, card)
    verdict, reason = judge(answer, outside)
    return AnswerView(
        verdict=verdict,
        verdict_reason=reason,
        vernacular_name=card.species.vernacular_name,
        study_title=card.study.title,
        auc=card.metrics.get("auc_roc"),
        n_presences=card.n_presences,
        presence_only=card.study.records == "presence-background",
        outside=outside,
        contributions=_bars(answer, predictors),
        curl=curl(answer, site),
        permalink=f"/predictions/{answer.id}" if answer.id else None,
        json_url=f"/api/v1/predictions/{answer.id}" if answer.id else None,
        is_example=not answer.id,
        species_url=f"/species/{answer.species.slug}",
        model_version=answer.model.version,
        validation_note=card.validation.note,
    )


def judge(answer: PredictionAnswer, outside: list[OutsideRange]) -> tuple[Verdict, str]:
    """Return the word for an answer and the reason for it."""
    low, high = answer.interval
    cut, rule = answer.threshold.value, answer.threshold.rule
    if not answer.novelty.in_area_of_applicability:
        labels = ", ".join(item.label for item in outside)
        where = f": {labels}" if labels else ""
        return "cannot say", f"outside what the model has seen{where}"
    if low < cut <= high:
        return "marginal", f"its interval {low:.2f} to {high:.2f} lies on both sides of {cut:.2f}, the {rule} threshold"
    if answer.suitable:
        return "suitable", f"at or above {cut:.2f}, the {rule} threshold"
    return "unsuitable", f"below {cut:.2f}, the {rule} threshold"


def outside_ranges(answer: PredictionAnswer, card: ModelCard) -> list[OutsideRange]:
    """Return the values that lie outside the range seen in training."""
    found = []
    for predictor in card.predictors:
        value = answer.environment.get(predictor.name)
        if isinstance(value, str) or value is None or predictor.minimum is None or predictor.maximum is None:
            continue
        if not predictor.minimum <= value <= predictor.maximum:
            found.append(
                OutsideRange(predictor.label, float(value), predictor.unit, predictor.minimum, predictor.maximum)
            )
    return found


def curl(answer: PredictionAnswer, site: str) -> str:
    """Return a shell command that asks the same question."""
    body = orjson.dumps({"species": answer.species.slug, "environment": answer.environment}).decode()
    address = shlex.quote(f"{site}/api/v1/predictions")
    return f"curl {address} -H 'Content-Type: application/json' -d {shlex.quote(body)}"


def value_text(value: float | str, predictor: Predictor) -> str:
    """Write a value with its unit."""
    text = value if isinstance(value, str) else number_text(float(f"{value:.4g}"))
    return f"{text} {predictor.unit}".strip()


def _bars(answer: PredictionAnswer, predictors: dict[str, Predictor]) -> list[Bar]:
    widest = max((abs(item.effect) for item in answer.contributions), default=0.0) or 1.0
    return [
        Bar(
            label=predictors[item.predictor].label,
            value_text=value_text(item.value, predictors[item.predictor]),
            effect=item.effect,
            width_percent=round(100 * abs(item.effect) / widest, 1),
            positive=item.effect >= 0,
        )
        for item in answer.contributions
        if item.predictor in predictors
    ]
