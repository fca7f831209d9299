"""The quality of a model in one sentence."""

from __future__ import annotations

import pytest

from ml.card import Metric, ModelCard, Validation
from ml.quality import chance_reason, quality_of
from tests.unit.cards import CARD

PLACES = CARD.validation.model_copy(update={"method": "spatial blocks"})
RANDOM = CARD.validation.model_copy(update={"method": "stratified"})


def card(auc: Metric | None, validation: Validation = PLACES) -> ModelCard:
    return CARD.model_copy(update={"metrics": {} if auc is None else {"auc_roc": auc}, "validation": validation})


@pytest.mark.parametrize(
    ("auc", "better", "grade", "sentence"),
    [
        (None, False, "Never tested", "Never tested: the model has no cross-validated score."),
        (
            Metric(value=0.5, low=0.42, high=0.58),
            False,
            "No better than chance",
            "No better than chance: of two places it ranks the right one first 50 times in 100; tested on other "
            "places.",
        ),
        (
            Metric(value=0.75, low=0.48, high=0.9),
            False,
            "Chance cannot be ruled out",
            "Chance cannot be ruled out: of two places it ranks the right one first 75 times in 100 (48 to 90); tested "
            "on other places.",
        ),
        (
            Metric(value=0.57, low=0.51, high=0.62),
            True,
            "Barely better than chance",
            "Barely better than chance: of two places it ranks the right one first 57 times in 100; tested on other "
            "places.",
        ),
        (
            Metric(value=0.6, low=0.51, high=0.7),
            True,
            "Poor",
            "Poor: of two places it ranks the right one first 60 times in 100; tested on other places.",
        ),
        (
            Metric(value=0.7, low=0.6, high=0.8),
            True,
            "Fair",
            "Fair: of two places it ranks the right one first 70 times in 100; tested on other places.",
        ),
        (
            Metric(value=0.84, low=0.79, high=0.89),
            True,
            "Good",
            "Good: of two places it ranks the right one first 84 times in 100; tested on other places.",
        ),
        (
            Metric(value=0.93, low=0.9, high=0.95),
            True,
            "Very good",
            "Very good: of two places it ranks the right one first 93 times in 100; tested on other places.",
        ),
    ],
)
def test_each_grade_has_its_sentence(auc: Metric | None, better: bool, grade: str, sentence: str) -> None:
    quality = quality_of(card(auc))
    assert (quality.sentence, quality.grade, quality.better_than_chance) == (sentence, grade, better)
    assert quality.auc == (None if auc is None else auc.value)
    assert quality.auc_interval == (None if auc is None else (auc.low, auc.high))
    assert len(quality.grade.split()) <= 7


@pytest.mark.parametrize(
    ("auc", "better"),
    [
        (Metric(value=0.9, low=0.5, high=1), False),
        (Metric(value=0.9, low=0.5000001, high=1), True),
        (Metric(value=0.500001), True),
        (Metric(value=0.5), False),
        (Metric(value=0.499999), False),
        (None, False),
    ],
)
def test_an_interval_that_ends_exactly_at_one_half_contains_chance(auc: Metric | None, better: bool) -> None:
    """Without an interval the value decides."""
    assert quality_of(card(auc)).better_than_chance is better


def test_the_sentence_says_how_the_model_was_tested() -> None:
    auc = Metric(value=0.84, low=0.79, high=0.89)
    random = quality_of(card(auc, RANDOM))
    assert random.sentence.endswith("84 times in 100; tested on records set aside at random.")
    assert (random.validated_by, quality_of(card(auc)).validated_by) == ("stratified", "spatial blocks")


@pytest.mark.parametrize(
    ("auc", "reason"),
    [
        (None, "The model was never tested: it has no cross-validated score."),
        (
            Metric(value=0.56, low=0.48, high=0.64),
            "The model is not shown to be better than chance: its cross-validated AUC is 0.56 (0.48 to 0.64), and "
            "chance gives 0.50.",
        ),
        (
            Metric(value=0.44),
            "The model is not shown to be better than chance: its cross-validated AUC is 0.44, and chance gives 0.50.",
        ),
    ],
)
def test_the_reason_why_such_a_model_cannot_say(auc: Metric | None, reason: str) -> None:
    assert chance_reason(quality_of(card(auc))) == reason
