"""Sentences, bars and links of an answer on a page."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from urllib.parse import urlencode

import orjson

from app.predictions.schemas import PredictionAnswer, Verdict
from app.species.curve_drawing import Drawing
from ml.card import Metric, ModelCard, Predictor
from ml.predictors.encoding import number_text
from ml.serving.threshold import OWN


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
    drawing: Drawing | None = None


@dataclass(frozen=True)
class AnswerView:
    """The values of the answer section of a page."""

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
    trust: str
    meaning: str
    width: str
    curves_url: str
    compare_url: str
    model_url: str


def present(
    answer: PredictionAnswer, card: ModelCard, site: str, drawings: dict[str, Drawing] | None = None
) -> AnswerView:
    """Return the view of an answer.

    Parameters
    ----------
    answer : PredictionAnswer
        An answer without an id is an example.
    card : ModelCard
        Of the model that answered.
    site : str
        Address of this site, for the curl command.
    drawings : dict of str to Drawing, optional
        Response curves by predictor.

    Returns
    -------
    AnswerView
    """
    predictors = {predictor.name: predictor for predictor in card.predictors}
    return AnswerView(
        verdict=answer.verdict,
        verdict_reason=reason_for(answer, card),
        vernacular_name=card.species.vernacular_name,
        study_title=card.study.title,
        auc=card.metrics.get("auc_roc"),
        n_presences=card.n_presences,
        presence_only=card.study.records == "presence-background",
        outside=outside_ranges(answer, card),
        contributions=_bars(answer, predictors, drawings or {}),
        curl=curl(answer, site),
        permalink=f"/predictions/{answer.id}" if answer.id else None,
        json_url=f"/api/v1/predictions/{answer.id}" if answer.id else None,
        is_example=not answer.id,
        species_url=f"/species/{answer.species.slug}",
        model_version=answer.model.version,
        validation_note=card.validation.note,
        trust=trust_in(answer, card),
        meaning=meaning_of(answer, card),
        width=width_of(answer),
        curves_url=f"/species/{answer.species.slug}/response-curves"
        + (f"?prediction={answer.id}" if answer.id else ""),
        compare_url="/compare/species?" + urlencode(_as_form(answer)),
        model_url=f"/models/{answer.model.id}",
    )


def reason_for(answer: PredictionAnswer, card: ModelCard) -> str:
    """Return the reason for the verdict, as the end of a sentence."""
    low, high = answer.interval
    cut, rule, novelty = answer.threshold.value, answer.threshold.rule, answer.novelty
    named = "your own threshold" if rule == OWN else f"the {rule} threshold"
    if answer.verdict == "cannot say":
        if novelty.kind == "combination":
            return "each value has been seen, but no record is like all of them together"
        labels = ", ".join(item.label for item in outside_ranges(answer, card))
        return "outside the training conditions" + (f": {labels}" if labels else "")
    beyond = "" if novelty.in_area_of_applicability else ", though outside the training conditions, as you allowed"
    if answer.verdict == "marginal":
        return f"its interval {low:.2f} to {high:.2f} lies on both sides of {cut:.2f}, {named}{beyond}"
    where = "at or above" if answer.verdict == "suitable" else "below"
    return f"{where} {cut:.2f}, {named}{beyond}"


def outside_ranges(answer: PredictionAnswer, card: ModelCard) -> list[OutsideRange]:
    """Return the values that lie outside the range seen in training."""
    values = []
    named = None if answer.novelty.kind == "unknown" else answer.novelty.outside_range
    for predictor in card.predictors:
        value = answer.environment.get(predictor.name)
        if isinstance(value, str) or value is None or predictor.minimum is None or predictor.maximum is None:
            continue
        # old answers do not name these predictors, so their values are compared again
        if predictor.name in named if named is not None else not predictor.minimum <= value <= predictor.maximum:
            values.append(
                OutsideRange(predictor.label, float(value), predictor.unit, predictor.minimum, predictor.maximum)
            )
    return values


def trust_in(answer: PredictionAnswer, card: ModelCard) -> str:
    """Return a sentence on the conditions and the training records."""
    novelty = answer.novelty
    if novelty.dissimilarity_index is None or novelty.dissimilarity_threshold is None:
        return "" if outside_ranges(answer, card) else "Every value lies within the range seen in training."
    far = f"dissimilarity index {novelty.dissimilarity_index:.2f}, the limit is {novelty.dissimilarity_threshold:.2f}"
    if novelty.kind == "inside":
        return f"Inside the area of applicability: the model learnt from records like these conditions ({far})."
    if novelty.kind == "combination":
        labels = {predictor.name: predictor.label for predictor in card.predictors}
        part = labels.get(novelty.most_dissimilar or "", "")
        return f"No record is like this combination ({far}); {part} has the largest part in that."
    return f"Beyond the range of the records ({far})."


def meaning_of(answer: PredictionAnswer, card: ModelCard) -> str:
    """Return a sentence on the threshold and the held-out records."""
    cut = answer.threshold
    named = "your own threshold" if cut.rule == OWN else f"the {cut.rule} threshold"
    begin = f"Suitable means {cut.value:.2f} or more, {named}"
    if cut.sensitivity is None or cut.specificity is None:
        return f"{begin}."
    other = "absences" if card.study.records == "presence-absence" else "background points"
    return (
        f"{begin}: of the held-out records, {cut.sensitivity:.0%} of the presences reach it and "
        f"{cut.specificity:.0%} of the {other} do not."
    )


def width_of(answer: PredictionAnswer) -> str:
    """Return a sentence on the coverage of intervals and the largest source of this interval's width."""
    uncertainty = answer.uncertainty
    if uncertainty is None or uncertainty.coverage is None:
        return "This model's intervals were never checked against held-out records."
    sources = {
        "records": "the records are a limited sample",
        "members": "the parts of the model disagree",
        "places": "places differ in ways that the predictors do not describe",
    }
    coverage, groups, scope = uncertainty.coverage, uncertainty.groups, ""
    if uncertainty.study_coverage is not None:
        # one species has few groups, and the interval was fitted on all species of the study
        coverage, groups, scope = uncertainty.study_coverage, uncertainty.study_groups, " of this study"
    text = (
        "Nine in ten such intervals should contain the observed share; "
        f"on {groups} groups of held-out records{scope} {coverage:.0%} did."
    )
    if uncertainty.sources and max(uncertainty.sources.values()) > 0:
        most = max(uncertainty.sources, key=lambda name: uncertainty.sources[name])
        text += f" The largest part of its width ({uncertainty.sources[most]:.0%}) is there because {sources[most]}."
    return text


def _as_form(answer: PredictionAnswer) -> dict[str, str]:
    values = {f"env.{name}": v if isinstance(v, str) else number_text(v) for name, v in answer.environment.items()}
    return {"study": answer.study, **values}


def curl(answer: PredictionAnswer, site: str) -> str:
    """Return a curl command for the same request."""
    body = orjson.dumps({"species": answer.species.slug, "environment": answer.environment}).decode()
    address = shlex.quote(f"{site}/api/v1/predictions")
    return f"curl {address} -H 'Content-Type: application/json' -d {shlex.quote(body)}"


def value_text(value: float | str, predictor: Predictor) -> str:
    """Return a value with its unit."""
    text = value if isinstance(value, str) else number_text(float(f"{value:.4g}"))
    return f"{text} {predictor.unit}".strip()


def _bars(answer: PredictionAnswer, predictors: dict[str, Predictor], drawings: dict[str, Drawing]) -> list[Bar]:
    widest = max((abs(item.effect) for item in answer.contributions), default=0.0) or 1.0
    return [
        Bar(
            label=predictors[item.predictor].label,
            value_text=value_text(item.value, predictors[item.predictor]),
            effect=item.effect,
            width_percent=round(100 * abs(item.effect) / widest, 1),
            positive=item.effect >= 0,
            drawing=drawings.get(item.predictor),
        )
        for item in answer.contributions
        if item.predictor in predictors
    ]
