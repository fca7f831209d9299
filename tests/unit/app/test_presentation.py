from __future__ import annotations

import shlex
from datetime import UTC, datetime

import orjson
import pytest

from app.errors import ValidationFailed
from app.paging import read_cursor, write_cursor
from app.predictions.presentation import curl, judge, value_text
from app.predictions.schemas import Novelty, PredictionAnswer, ThresholdUsed
from app.registry.schemas import ModelRef, SpeciesRef
from app.species.scores import sentence_for
from ml.card import Predictor


def answer(suitability=0.5, interval=(0.4, 0.6), threshold=0.3, inside=True, **environment) -> PredictionAnswer:
    return PredictionAnswer(
        id="1",
        species=SpeciesRef(slug="a-b", scientific_name="A b"),
        study="s",
        suitability=suitability,
        interval=interval,
        suitable=suitability >= threshold,
        threshold=ThresholdUsed(value=threshold, rule="maxSSS"),
        novelty=Novelty(in_area_of_applicability=inside, mess=1, most_dissimilar=None),
        contributions=[],
        environment=environment,
        model=ModelRef(id="m", version=1),
        cached=False,
        created_at=datetime.now(UTC),
    )


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"threshold": 0.3}, "suitable"),
        ({"threshold": 0.4}, "suitable"),
        ({"threshold": 0.5}, "marginal"),
        ({"threshold": 0.55}, "marginal"),
        ({"threshold": 0.6}, "marginal"),
        ({"threshold": 0.7}, "unsuitable"),
        ({"threshold": 0.3, "inside": False}, "cannot say"),
    ],
)
def test_words(given, word):
    verdict, reason = judge(answer(**given), [])
    assert verdict == word
    assert reason
    assert "probab" not in reason


def test_curl_survives_any_name():
    name = 'it\'s "odd"; rm -rf $HOME `x`'
    words = shlex.split(curl(answer(**{name: "a'b"}), "http://h"))
    assert orjson.loads(words[-1])["environment"] == {name: "a'b"}


def test_value_text():
    assert value_text(12.0, Predictor(name="a", label="A", unit="%")) == "12 %"
    assert value_text(0.123456, Predictor(name="a", label="A")) == "0.1235"
    assert value_text("clay", Predictor(name="a", label="A", type="categorical")) == "clay"


@pytest.mark.parametrize(
    ("auc", "words"),
    [(0.45, "No better than chance"), (0.55, "Barely better than chance: do not use"), (0.95, "Very good")],
)
def test_scores_are_honest(auc, words):
    assert words in sentence_for("auc_roc", auc)


@pytest.mark.parametrize("place", [("a", "b"), ("é", "x" * 200)])
def test_cursor(place):
    assert read_cursor(write_cursor(*place), str, str) == place
    with pytest.raises(ValidationFailed):
        read_cursor(write_cursor(*place), int)
    assert read_cursor(None, str) is None
