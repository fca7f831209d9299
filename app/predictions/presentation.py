"""Sentences, bars and links of an answer on a page."""

from __future__ import annotations

from dataclasses import dataclass

from app.predictions.addresses import compare_url, curl, edit_url, others_url
from app.predictions.answer_place import place_of
from app.predictions.schemas import PredictionAnswer
from app.predictions.verdict import OutsideRange, distance_of, outside_ranges
from app.species.curve_drawing import Drawing
from ml.card import Metric, ModelCard, Predictor
from ml.numbers import with_unit
from ml.odmap.intervals import interval_words
from ml.odmap.own_files import UNCITED
from ml.odmap.purpose import limits_of
from ml.odmap.wording import percent
from ml.quality import Quality
from ml.serving.threshold import OWN
from ml.serving.verdict import WORDS

#: The effect that fills half the width of a bar, for every answer, so that small effects look small.
WIDEST = 0.5


#: What 0.5 is where only presences were recorded: a threshold may lie below it.
INDEX_MEANING = "At 0.5 such conditions are as common among its records as in the background; below it they are rarer."


@dataclass(frozen=True)
class Bar:
    """A contribution as a bar; an effect of `WIDEST` or more is 100 percent."""

    label: str
    value_text: str
    effect: float
    width_percent: float
    positive: bool
    drawing: Drawing | None = None


@dataclass(frozen=True)
class AnswerView:
    """The values of the answer section of a page."""

    verdict: str
    unsure: bool
    beyond: bool
    verdict_reason: str
    line: str
    quality: Quality
    number_meaning: str
    vernacular_name: str
    study_title: str
    place: str
    auc: Metric | None
    n_presences: int
    presence_only: bool
    outside: list[OutsideRange]
    contributions: list[Bar]
    curl: str
    permalink: str | None
    json_url: str | None
    statement_url: str | None
    edit_url: str
    address: str
    created: str
    citations: list[str]
    species_url: str
    model_version: int
    validation_note: str
    trust: str
    meaning: str
    width: str
    curves_url: str
    compare_url: str
    others_url: str
    model_url: str
    limits: list[str]


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
        verdict=WORDS[answer.verdict],
        unsure=answer.verdict == "cannot_say",
        beyond=answer.verdict != "cannot_say" and not answer.novelty.in_area_of_applicability,
        verdict_reason=answer.verdict_reason,
        line=line_of(answer, card),
        quality=answer.quality,
        number_meaning=number_meaning(answer, card),
        vernacular_name=card.species.vernacular_name,
        study_title=card.study.title,
        place=place_of(answer),
        auc=card.metrics.get("auc_roc"),
        n_presences=card.n_presences,
        presence_only=card.study.records == "presence-background",
        outside=outside_ranges(answer.novelty, answer.environment, card),
        contributions=_bars(answer, predictors, drawings or {}),
        curl=curl(answer, card, site),
        permalink=f"/predictions/{answer.id}" if answer.id else None,
        json_url=f"/api/v1/predictions/{answer.id}" if answer.id else None,
        statement_url=f"/predictions/{answer.id}/statement" if answer.id else None,
        edit_url=edit_url(answer, card),
        address=site + (f"/predictions/{answer.id}" if answer.id else edit_url(answer, card)),
        created=f"{answer.created_at.day} {answer.created_at:%B %Y, %H:%M UTC}",
        citations=citations_of(card),
        species_url=f"/species/{answer.species.slug}",
        model_version=answer.model.version,
        validation_note=card.validation.note,
        trust=trust_in(answer, card),
        meaning=meaning_of(answer, card),
        width=width_of(answer, card),
        curves_url=f"/species/{answer.species.slug}/response-curves"
        + (f"?prediction={answer.id}" if answer.id else ""),
        compare_url=compare_url(answer, card),
        others_url=others_url(answer, card),
        model_url=f"/models/{answer.model.id}",
        limits=limits_of(card),
    )


def citations_of(card: ModelCard) -> list[str]:
    """Return the citations of a study's sources, and the title of each source whose files state none."""
    return [
        f"{source.title} (source not stated)" if source.citation in UNCITED else source.citation.rstrip(".")
        for source in card.study.sources
    ]


def number_meaning(answer: PredictionAnswer, card: ModelCard) -> str:
    """Return what the suitability means, in one sentence."""
    if answer.verdict == "cannot_say":
        return "The model gives this number, but it is no basis for a decision."
    if not answer.novelty.in_area_of_applicability:
        return "The model has seen no such conditions: the number is an extrapolation."
    if card.study.records == "presence-absence" and card.calibration is not None:
        found = in_100(answer.suitability)
        share = in_100(card.n_presences / max(1, card.n_presences + card.n_absences)).lower()
        return (
            f"{found} in 100 surveys like those of the study would find the species; of all its surveys, {share} in "
            "100 did."
        )
    index = "A relative index from 0 to 1; it is not the chance of finding the species."
    if card.study.records == "presence-background":
        return f"{index} {INDEX_MEANING}"
    return index


def in_100(share: float) -> str:
    """Return a share as a count of 100, in words where it is nearly none or nearly all."""
    count = round(100 * share)
    if count == 0:
        return "Fewer than 1"
    return "More than 99" if count == 100 else f"About {count}"


def line_of(answer: PredictionAnswer, card: ModelCard) -> str:
    """Return what the line between suitable and unsuitable is, with its value."""
    others = "absences" if card.study.records == "presence-absence" else "background points"
    words = {
        OWN: "your own line",
        "maxSSS": f"the line that best separates presences from {others}",
        "P10": "the line that nine of ten held-out presences reach",
        "MTP": "the line that every held-out presence reaches",
    }
    return f"{words.get(answer.threshold.rule, 'the line of this model')}: {answer.threshold.value:.2f}"


def trust_in(answer: PredictionAnswer, card: ModelCard) -> str:
    """Return a sentence on the conditions and the training records."""
    novelty = answer.novelty
    if novelty.dissimilarity_threshold is None:
        outside = outside_ranges(novelty, answer.environment, card)
        return "" if outside else "Every value lies within the range seen in training."
    far = f" ({text})" if (text := distance_of(novelty)) else ""
    if novelty.kind == "inside":
        return f"Inside the area of applicability: the model learnt from records like these conditions{far}."
    if novelty.kind == "combination":
        labels = {predictor.name: predictor.label for predictor in card.predictors}
        part = labels.get(novelty.most_dissimilar or "", "")
        largest = f"; {part} has the largest part in that" if part else ""
        return f"No record is like this combination{far}{largest}."
    return f"Beyond the range of the records{far}."


def meaning_of(answer: PredictionAnswer, card: ModelCard) -> str:
    """Return a sentence on the threshold and the held-out records; empty where the verdict does not use it."""
    if answer.verdict == "cannot_say":
        return ""
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


def width_of(answer: PredictionAnswer, card: ModelCard) -> str:
    """Return sentences on the intervals of the model, and on the largest source of this interval's width."""
    uncertainty, text = answer.uncertainty, interval_words(card)
    if card.interval is None or uncertainty is None:
        return text
    sources = {
        "records": "the records are a limited sample",
        "members": "the parts of the model disagree",
        "places": "places differ in ways that the predictors do not describe",
    }
    if uncertainty.sources and max(uncertainty.sources.values()) > 0:
        most = max(uncertainty.sources, key=lambda name: uncertainty.sources[name])
        share = percent(round(uncertainty.sources[most], 2))
        text += f" The largest part of the width of this interval ({share}) is there because {sources[most]}."
    return text


#: Starting points of usual models in a word; any other label is shown as it is.
_START_WORDS = {
    "typical conditions (median)": "typical",
    "a place where it was recorded": "recorded",
    "a place where it was not recorded": "not recorded",
    "a background point": "background",
}


def start_word(label: str) -> str:
    """Return the label of a starting point in a word or two, where it is a usual one."""
    return _START_WORDS.get(label, label)


def value_text(value: float | str, predictor: Predictor) -> str:
    """Return a value of a request with its unit and all of its digits."""
    return with_unit(value, predictor.unit)


def _bars(answer: PredictionAnswer, predictors: dict[str, Predictor], drawings: dict[str, Drawing]) -> list[Bar]:
    return [
        Bar(
            label=predictors[item.predictor].label,
            value_text=value_text(item.value, predictors[item.predictor]),
            effect=item.effect,
            width_percent=round(100 * min(1.0, abs(item.effect) / WIDEST), 1),
            positive=item.effect >= 0,
            drawing=drawings.get(item.predictor),
        )
        for item in answer.contributions
        if item.predictor in predictors
    ]
