from __future__ import annotations

import shlex
from datetime import UTC, datetime
from types import SimpleNamespace

import orjson
import pytest

from app.catalogue.refs import ModelRef, SpeciesRef
from app.catalogue.scores import sentence_for
from app.errors import ValidationFailed
from app.predictions.presentation import curl, outside_ranges, reason_for, value_text, width_of
from app.predictions.schemas import Novelty, PredictionAnswer, ThresholdUsed, Uncertainty
from app.predictions.verdict import verdict_for
from app.web.paging import read_cursor, write_cursor
from ml.card import Metric, Predictor

RANGE = Novelty(in_area_of_applicability=False, kind="range", mess=-1, most_dissimilar="trees", outside_range=["trees"])
COMBINATION = Novelty(in_area_of_applicability=False, kind="combination", mess=1, most_dissimilar="trees")
INSIDE = Novelty(in_area_of_applicability=True, kind="inside", mess=1, most_dissimilar="trees")
CARD = SimpleNamespace(predictors=[Predictor(name="trees", label="Trees", unit="%", minimum=0, maximum=90)])


def answer(
    suitability=0.5,
    interval=(0.4, 0.6),
    threshold=0.3,
    rule="maxSSS",
    novelty=INSIDE,
    extrapolation="flag",
    **environment,
) -> PredictionAnswer:
    used = ThresholdUsed(value=threshold, rule=rule)
    return PredictionAnswer(
        id="1",
        species=SpeciesRef(slug="a-b", scientific_name="A b"),
        study="s",
        suitability=suitability,
        interval=interval,
        uncertainty=None,
        verdict=verdict_for(suitability, interval, used, novelty, extrapolation),
        suitable=suitability >= threshold,
        threshold=used,
        novelty=novelty,
        extrapolation=extrapolation,
        baseline=None,
        contributions=[],
        missing=[],
        environment=environment,
        model=ModelRef(id="m", version=1),
        cached=False,
        created_at=datetime.now(UTC),
    )


@pytest.mark.parametrize(
    ("given", "word", "part"),
    [
        ({"threshold": 0.3}, "suitable", "at or above 0.30, the maxSSS threshold"),
        ({"threshold": 0.4}, "suitable", "at or above"),
        ({"threshold": 0.5}, "marginal", "on both sides of 0.50"),
        ({"threshold": 0.55}, "marginal", "on both sides"),
        ({"threshold": 0.6}, "marginal", "on both sides"),
        ({"threshold": 0.7, "rule": "own"}, "unsuitable", "below 0.70, your own threshold"),
        ({"novelty": RANGE, "trees": 95.0}, "cannot say", "outside the training conditions: Trees"),
        ({"novelty": COMBINATION, "trees": 50.0}, "cannot say", "no record is like all of them together"),
        ({"novelty": RANGE, "trees": 95.0, "extrapolation": "allow"}, "suitable", "as you allowed"),
        ({"novelty": COMBINATION, "extrapolation": "allow", "threshold": 0.5}, "marginal", "as you allowed"),
    ],
)
def test_words(given, word, part):
    one = answer(**given)
    assert one.verdict == word
    reason = reason_for(one, CARD)
    assert part in reason
    assert "probab" not in reason


def test_a_value_that_the_model_counts_as_inside_is_not_listed_as_outside():
    """The limits are rounded to single precision in the model; its own word decides."""
    assert outside_ranges(answer(novelty=INSIDE, trees=90.000001), CARD) == []
    assert [item.label for item in outside_ranges(answer(novelty=RANGE, trees=95.0), CARD)] == ["Trees"]


def test_an_answer_kept_by_an_older_version_is_looked_at_again():
    old = Novelty(in_area_of_applicability=False, mess=-1, most_dissimilar="trees")
    assert [item.label for item in outside_ranges(answer(novelty=old, trees=95.0), CARD)] == ["Trees"]


def test_an_interval_that_was_never_checked_says_so():
    assert "never checked" in width_of(answer())


def test_the_width_names_its_largest_source():
    one = answer()
    one.uncertainty = Uncertainty(
        level=0.9,
        coverage=0.8,
        groups=10,
        study_coverage=0.93,
        study_groups=300,
        sources={"records": 0.7, "members": 0.3},
    )
    assert "on 300 groups of held-out records of this study 93% did" in width_of(one)
    assert "the records are a limited sample" in width_of(one)


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
def test_a_score_near_chance_is_called_so(auc, words):
    assert words in sentence_for("auc_roc", Metric(value=auc))


@pytest.mark.parametrize("place", [("a", "b"), ("é", "x" * 200)])
def test_a_cursor_gives_back_its_position(place):
    assert read_cursor(write_cursor(*place), str, 2) == place
    with pytest.raises(ValidationFailed):
        read_cursor(write_cursor(*place), int)
    assert read_cursor(None, str) is None
