"""Answers of trained models, all their members together: sums, intervals and novelty."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ml.card import IntervalReport
from ml.kernels.logit import logistic
from ml.predictors.encoding import LARGEST
from ml.serving.contributions import explain
from ml.serving.interval import IntervalModel, Z
from ml.serving.predictor import FastPredictor


def _with(artifact, **changes):
    """The model with other figures on its card."""
    model = artifact.predictor
    card = artifact.card.model_copy(update=changes)
    return FastPredictor(card, model.blend, model.reference, model.gauge.area)


def _unlimited(artifact):
    """The model with predictors that have no physical limits."""
    free = {"lowest_possible": None, "highest_possible": None}
    return _with(artifact, predictors=[p.model_copy(update=free) for p in artifact.card.predictors])


def _checked(scale, place, few_records=0.0):
    return IntervalReport(
        level=0.9, scale=scale, place=place, few_records=few_records, coverage=0.9, groups=10, note=""
    )


cover = st.floats(0, 100)
anywhere = st.tuples(cover, cover, st.floats(-90, 70), st.sampled_from(["chalk", "clay", "sand"]))


@pytest.mark.parametrize("kind", ["survey", "records"])
@settings(max_examples=60, deadline=None)
@given(row=anywhere)
def test_the_whole_blends_contributions_sum_to_its_answer(request, kind, row):
    artifact = request.getfixturevalue(kind)
    model = artifact.predictor
    assert (model.blend.network is not None) and (model.blend.maxent is not None) == (kind == "records")
    answer = model.answer(list(row))
    names = [name for name, *_ in answer.contributions]
    assert sorted(names) == sorted(p.name for p in artifact.card.predictors)
    given = dict(zip([p.name for p in artifact.card.predictors], row, strict=True))
    assert {name: value for name, value, _ in answer.contributions} == given
    assert answer.baseline + sum(effect for *_, effect in answer.contributions) == pytest.approx(
        answer.suitability, abs=1e-6
    )
    [predicted] = model.predict(np.array([row], dtype=object))
    assert answer.suitability == predicted
    rows = np.array([row], dtype=object)
    many = model.measure_rows(model.encoder.natural_rows(rows), model.encoder.encode_rows(rows))
    assert many.inside.tolist() == [answer.novelty.inside]


@pytest.mark.parametrize("kind", ["survey", "records"])
@settings(max_examples=60, deadline=None)
@given(anywhere, st.floats(1, 6), st.floats(0, 6), st.floats(1, 6), st.floats(0, 6))
def test_an_interval_widens_with_both_of_its_figures(request, kind, row, scale, place, other_scale, other_place):
    artifact, row = request.getfixturevalue(kind), list(row)
    narrow, wide = (
        (min(scale, other_scale), min(place, other_place)),
        (max(scale, other_scale), max(place, other_place)),
    )
    small, large = (_with(artifact, interval=_checked(*figures)).answer(row) for figures in (narrow, wide))
    assert small.suitability == large.suitability
    assert 0 <= large.interval[0] <= small.interval[0] <= small.suitability
    assert small.suitability <= small.interval[1] <= large.interval[1] <= 1
    for answer in (small, large):
        assert set(answer.sources) == {"records", "members", "places"}
        assert sum(answer.sources.values()) == pytest.approx(1)


@settings(max_examples=60, deadline=None)
@given(row=anywhere, scale=st.floats(1, 6), place=st.floats(0, 6), few=st.floats(0, 3))
def test_the_interval_is_the_deviation_of_the_interval_model_on_the_calibrated_logit(records, row, scale, place, few):
    model = _with(records, interval=_checked(scale, place, few))
    blend = model.blend
    encoded = model.encoder.encode_row(row)
    told = explain(blend, encoded)
    spread = blend.slope * np.sqrt(told.sampling + told.disagreement / 3)
    deviation = IntervalModel(scale, place, few).deviation(spread)
    answer = model.answer(list(row))
    middle = blend.intercept + blend.slope * told.score
    expected = logistic(middle + Z * deviation * np.array([-1, 1]))
    assert answer.interval == pytest.approx(expected.tolist(), abs=1e-9)
    assert answer.sources["places"] == pytest.approx((place / deviation) ** 2, abs=1e-9)
    members = (blend.slope * scale) ** 2 * told.disagreement / 3
    assert answer.sources["members"] == pytest.approx(members / deviation**2, abs=1e-9)
    by_records = (blend.slope * scale) ** 2 * told.sampling + few**2
    assert answer.sources["records"] == pytest.approx(by_records / deviation**2, abs=1e-9)


def test_a_card_without_checked_intervals_has_the_spread_as_it_is(records):
    row = [20.0, 30.0, 15.0, "clay"]
    plain, unchecked = (_with(records, interval=one).answer(row) for one in (_checked(1.0, 0.0), None))
    assert plain == unchecked
    assert plain.sources["places"] == 0


@settings(max_examples=60, deadline=None)
@given(row=anywhere)
def test_what_a_trained_model_says_of_novelty_is_of_one_piece(survey, row):
    answer = survey.predictor.answer(list(row))
    novelty = answer.novelty
    beyond = [
        p.name
        for p, value in zip(survey.card.predictors, row, strict=True)
        if p.type == "continuous" and not np.float32(p.minimum) <= np.float32(value) <= np.float32(p.maximum)
    ]
    assert novelty.outside_range == beyond
    assert novelty.threshold == survey.card.area.threshold
    assert (novelty.mess < 0) == bool(beyond)
    if beyond:
        assert novelty.kind == "range"
        assert novelty.most_dissimilar in beyond
    else:
        assert novelty.kind == ("inside" if novelty.index <= novelty.threshold else "combination")
    assert novelty.inside == (novelty.kind == "inside")


@pytest.mark.filterwarnings("ignore:overflow encountered")
@settings(max_examples=60, deadline=None)
@given(row=st.lists(st.floats(-LARGEST, LARGEST), min_size=3, max_size=3))
def test_an_answer_to_any_value_that_is_taken_is_a_number(records, row):
    rock, trees, temperature = row
    answer = _unlimited(records).answer([abs(rock), abs(trees), temperature, "sand"])
    told = [answer.suitability, *answer.interval, answer.baseline, *answer.sources.values(), answer.novelty.mess]
    told += [effect for *_, effect in answer.contributions]
    assert np.isfinite(told).all()


@pytest.mark.filterwarnings("ignore:overflow encountered")
@settings(max_examples=60, deadline=None)
@given(temperature=st.floats(-LARGEST, LARGEST))
@example(temperature=LARGEST)
def test_the_index_of_any_value_that_is_taken_is_a_number(records, temperature):
    """JSON has no infinity."""
    assert np.isfinite(_unlimited(records).answer([10.0, 10.0, temperature, "sand"]).novelty.index)
