"""What an answer of a list was asked for: its place, or its conditions."""

from __future__ import annotations

from dataclasses import dataclass

from app.predictions.answer_place import place_of
from app.predictions.presentation import value_text
from app.predictions.schemas import PredictionAnswer
from ml.card import ModelCard

#: Conditions that a list shows at once.
_MOST = 3


@dataclass(frozen=True)
class Asked:
    """The place of an answer in words, or its conditions.

    Attributes
    ----------
    place : str
        "" for an answer to given conditions.
    conditions : list of str
        Those with the largest effect.
    others : list of str
        The other conditions.
    """

    place: str
    conditions: list[str]
    others: list[str]


def asked_of(answer: PredictionAnswer, card: ModelCard) -> Asked:
    """Return what an answer was asked for."""
    place = place_of(answer)
    if place:
        return Asked(place, [], [])
    effects = {item.predictor: abs(item.effect) for item in answer.contributions}
    known = [predictor for predictor in card.predictors if predictor.name in answer.environment]
    texts = [
        f"{predictor.label} {value_text(answer.environment[predictor.name], predictor)}"
        for predictor in sorted(known, key=lambda one: -effects.get(one.name, 0.0))
    ]
    # to leave out a single one would save nothing
    shown = _MOST if len(texts) > _MOST + 1 else len(texts)
    return Asked("", texts[:shown], texts[shown:])
