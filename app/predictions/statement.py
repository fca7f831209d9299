"""The statement of an answer on one page: how it may be read, what it rests on, and how it is cited."""

from __future__ import annotations

from dataclasses import dataclass

from app.config.version import app_version
from app.predictions.answer_place import place_of
from app.predictions.presentation import value_text
from app.predictions.schemas import PredictionAnswer
from app.predictions.verdict import outside_ranges
from ml.card import ModelCard, Predictor, Source
from ml.numbers import range_seen
from ml.odmap.own_files import NOT_STATED, UNCITED
from ml.odmap.purpose import limits_of
from ml.serving.threshold import OWN

MOST_LIMITS = 4


@dataclass(frozen=True)
class StatedCondition:
    """A condition with its unit and the range seen in training, and whether it lies outside that range."""

    label: str
    value: str
    seen: str
    outside: bool


@dataclass(frozen=True)
class StatedSource:
    """A source of records or layers with its licence."""

    title: str
    citation: str
    licence: str
    url: str | None


@dataclass(frozen=True)
class Statement:
    """The values of a statement that the answer's view does not have."""

    address: str
    date: str
    threshold: str
    conditions: list[StatedCondition]
    learnt_from: str
    limits: list[str]
    n_more_limits: int
    sources: list[StatedSource]
    software: str
    citation: str


def state(answer: PredictionAnswer, card: ModelCard, site: str) -> Statement:
    """Return the statement of a stored answer.

    Parameters
    ----------
    answer : PredictionAnswer
    card : ModelCard
        Of the model that answered.
    site : str
        Address of this site.

    Returns
    -------
    Statement
    """
    address = f"{site}/predictions/{answer.id}"
    date = f"{answer.created_at:%-d %B %Y}"
    software = f"EcoPredict {app_version()}".strip()
    rule = "your own" if answer.threshold.rule == OWN else answer.threshold.rule
    other = "absences" if card.study.records == "presence-absence" else "background points"
    limits = limits_of(card)
    outside = {one.name for one in outside_ranges(answer.novelty, answer.environment, card)}
    return Statement(
        address=address,
        date=f"{answer.created_at:%-d %B %Y, %H:%M} UTC",
        threshold=f"{answer.threshold.value:.2f} ({rule})",
        conditions=[
            StatedCondition(p.label, value_text(answer.environment[p.name], p), _seen(p), p.name in outside)
            for p in card.predictors
            if p.name in answer.environment
        ],
        learnt_from=f"{card.n_presences:,} presences and {card.n_absences:,} {other} of the study {card.study.title}.",
        limits=limits[:MOST_LIMITS],
        n_more_limits=max(0, len(limits) - MOST_LIMITS),
        sources=[_source(source) for source in card.study.sources],
        software=f"{software}, MIT licence",
        citation=(
            f"{software} ({answer.created_at:%Y}). Suitability of {_subject(answer)} for "
            f"{answer.species.scientific_name}, model {answer.model.id}, version {answer.model.version}. "
            f"Answer of {date}, {address}"
        ),
    )


def _subject(answer: PredictionAnswer) -> str:
    return f"the place {place_of(answer)}" if answer.location is not None else "conditions"


def _seen(predictor: Predictor) -> str:
    if predictor.minimum is None or predictor.maximum is None:
        return f"{len(predictor.levels or [])} levels"
    return range_seen(predictor.minimum, predictor.maximum)


def _source(source: Source) -> StatedSource:
    # Citations of GBIF name their address.
    url = None if source.url is not None and source.url in source.citation else source.url
    if source.citation in UNCITED and source.licence == NOT_STATED:
        return StatedSource(source.title, f"Source and licence are {NOT_STATED}.", "", url)
    return StatedSource(source.title, _sentence(source.citation), _sentence(source.licence), url)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
