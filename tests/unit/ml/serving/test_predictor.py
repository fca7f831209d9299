"""The fast path against scikit-learn, and what every answer obeys."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.card import Predictor, Threshold
from ml.estimators.forest import DownSampledForest
from ml.predictors.encoding import EnvironmentValueError
from ml.serving.blend import Blend
from ml.serving.predictor import FastPredictor
from ml.training.export import flatten_forest
from tests.unit.ml.serving.novel import mess_by_the_paper


class _Card:
    """As much of a card as a predictor reads."""

    threshold_rule = "maxSSS"

    def __init__(self, predictors, threshold=0.5, interval=None):
        self.predictors = predictors
        self.interval = interval
        self.thresholds = {"maxSSS": Threshold(value=threshold, sensitivity=1, specificity=1)}


def _alone(forest):
    """A forest without companions, whose share of presences is the suitability."""
    return Blend(flatten_forest(forest), share_limit=1e-12)


def fitted(seed=0, n=200, p=4, trees=60, groups=12, leaf=3):
    draw = np.random.default_rng(seed)
    X = draw.normal(size=(n, p)).astype(np.float32)
    y = (X[:, 0] + X[:, 1] ** 2 + draw.normal(size=n) > 1.5).astype(int)
    forest = DownSampledForest(trees, groups, min_samples_leaf=leaf, random_state=seed).fit(X, y)
    card = _Card([Predictor(name=f"x{j}", label=f"X{j}") for j in range(p)])
    return (
        forest,
        FastPredictor(card, _alone(forest), [np.sort(X[:, j]) for j in range(p)]),
        X,
    )


FOREST, FAST, TRAINING = fitted()
values = st.floats(-1e6, 1e6, width=32)
rows = st.lists(values, min_size=4, max_size=4)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(20, 120), st.integers(1, 6), st.integers(1, 40), st.integers(1, 8))
def test_equal_to_scikit_learn_within_1e_6(seed, n, p, trees, leaf):
    p = max(p, 2)
    forest, fast, X = fitted(seed, n, p, trees, 7, leaf)
    draw = np.random.default_rng(seed)
    elsewhere = np.vstack([X, draw.normal(scale=5, size=(30, p))]).astype(np.float32)
    # rows that lie exactly on thresholds are where rounding would show
    thresholds = np.concatenate([t.tree_.threshold[t.tree_.children_left >= 0] for t in forest.estimators_] + [[0.0]])
    on_edges = draw.choice(thresholds, size=(50, p)).astype(np.float32)
    for batch in (elsewhere, on_edges):
        expected = forest.predict_proba(batch)[:, 1]
        assert np.abs(fast.predict_encoded(batch) - expected).max() < 1e-6


@settings(max_examples=100, deadline=None)
@given(rows)
def test_an_answer_obeys_its_laws(row):
    answer = FAST.answer(row)
    assert 0 <= answer.interval[0] <= answer.suitability <= answer.interval[1] <= 1
    assert answer.suitability == pytest.approx(FOREST.predict_proba([row])[0, 1], abs=1e-6)
    assert answer.baseline + sum(effect for *_, effect in answer.contributions) == pytest.approx(
        answer.suitability, abs=1e-6
    )
    assert answer.suitable == (answer.suitability >= 0.5)
    assert all(share >= 0 for share in answer.sources.values())
    assert sum(answer.sources.values()) == pytest.approx(float(answer.interval[0] < answer.interval[1]))
    effects = [abs(effect) for *_, effect in answer.contributions]
    assert effects == sorted(effects, reverse=True)
    inside = bool(((np.float32(row) >= TRAINING.min(0)) & (np.float32(row) <= TRAINING.max(0))).all())
    novelty = answer.novelty
    assert novelty.inside is inside
    assert novelty.kind == ("unknown" if inside else "range")
    assert (novelty.mess >= 0) is inside
    assert set(novelty.outside_range) == {
        f"x{j}" for j in range(4) if not TRAINING[:, j].min() <= np.float32(row[j]) <= TRAINING[:, j].max()
    }


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-4, 4, width=32), min_size=4, max_size=4))
def test_mess_is_that_of_the_paper(row):
    expected = [mess_by_the_paper(TRAINING[:, j], np.float32(row[j])) for j in range(4)]
    novelty = FAST.answer(row).novelty
    assert novelty.mess == pytest.approx(min(expected), abs=1e-3)
    assert expected[int(novelty.most_dissimilar[1:])] == pytest.approx(min(expected), abs=1e-3)


def test_contributions_by_hand_on_one_tree():
    """One split on x0 moves one half to a leaf's share; nothing else has an effect."""
    X = np.array([[0.0, 5.0]] * 10 + [[1.0, 5.0]] * 10, np.float32)
    forest = DownSampledForest(1, 1, min_samples_leaf=1, max_features=1.0, random_state=0).fit(X, [0] * 10 + [1] * 10)
    fast = FastPredictor(
        _Card([Predictor(name="a", label="A"), Predictor(name="b", label="B")]),
        _alone(forest),
        [np.sort(X[:, 0]), np.sort(X[:, 1])],
    )
    answer = fast.answer([1.0, 5.0])
    assert (answer.baseline, answer.suitability) == pytest.approx((0.5, 1.0))
    assert [(name, value) for name, value, _ in answer.contributions] == [("a", 1.0), ("b", 5.0)]
    assert [effect for *_, effect in answer.contributions] == pytest.approx([0.5, 0.0])
    assert not answer.novelty.outside_range
    # any other value of a constant predictor is new
    assert fast.answer([1.0, 5.1]).novelty.outside_range == ["b"]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.floats(-4, 4, width=32), min_size=4, max_size=4), min_size=1, max_size=8))
def test_one_row_and_many_rows_give_the_same_bits(table):
    rows = np.array(table)
    many = FAST.measure_rows(FAST.encoder.natural_rows(rows), FAST.encoder.encode_rows(rows))
    answers = [FAST.answer(row) for row in table]
    assert many.suitability.tolist() == [answer.suitability for answer in answers]
    assert FAST.cutoff().reached_by(many.suitability).tolist() == [answer.suitable for answer in answers]
    assert many.inside.tolist() == [answer.novelty.inside for answer in answers]
    assert many.suitability.tolist() == FAST.predict(np.array(table)).tolist()


def test_row_order_and_company_do_not_matter():
    order = np.random.default_rng(0).permutation(len(TRAINING))
    everything = FAST.predict(TRAINING.astype(float))
    np.testing.assert_array_equal(FAST.predict(TRAINING[order].astype(float)), everything[order])
    np.testing.assert_array_equal(FAST.predict(TRAINING[:7].astype(float)), everything[:7])


def test_the_interval_is_about_what_other_samples_answer():
    """Ninety in a hundred forests on fresh samples of the same world should fall inside; a band is asked for."""
    new = np.random.default_rng(99).normal(size=(40, 3)).astype(np.float32)
    answers, others = None, []
    for seed in range(16):
        forest, fast, _ = fitted(seed, n=300, p=3, trees=200, groups=40)
        if answers is None:
            answers = [fast.answer([float(v) for v in row]) for row in new]
        else:
            others.append(forest.predict_proba(new)[:, 1])
    width = np.mean([a.interval[1] - a.interval[0] for a in answers])
    spread = np.mean(np.std(others, axis=0)) * 2 * 1.645
    assert 0.5 < width / spread < 2


def test_without_any_spread_the_interval_is_the_answer():
    X = np.array([[0.0, 5.0]] * 10 + [[1.0, 5.0]] * 10, np.float32)
    forest = DownSampledForest(1, 1, min_samples_leaf=1, max_features=1.0, random_state=0).fit(X, [0] * 10 + [1] * 10)
    card = _Card([Predictor(name="a", label="A"), Predictor(name="b", label="B")])
    answer = FastPredictor(card, _alone(forest), [X[:10, 0], X[:10, 1]]).answer([1.0, 5.0])
    assert answer.interval == (answer.suitability, answer.suitability)
    assert answer.sources == {"records": 0, "members": 0, "places": 0}


def test_categorical_and_transformed_predictors_take_the_same_road_one_by_one_and_in_tables():
    forest, _, X = fitted(p=2)
    predictors = [
        Predictor(name="cover", label="Cover", transform="log1p"),
        Predictor(name="soil", label="Soil", type="categorical", levels=["clay", "sand"]),
    ]
    fast = FastPredictor(_Card(predictors), _alone(forest), [np.sort(X[:, 0]), np.zeros(0, np.float32)])
    table = np.array([[12.0, "sand"], [0.5, "clay"]], dtype=object)
    assert fast.predict(table) == pytest.approx([fast.answer(list(row)).suitability for row in table])
    assert fast.answer([12.0, "sand"]).suitability == pytest.approx(
        FastPredictor(_Card([Predictor(name=n, label=n) for n in "ab"]), fast.blend, [X[:, 0], X[:, 1]])
        .answer([float(np.log1p(12.0)), 1.0])
        .suitability
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e300])
def test_values_that_cannot_be_used_name_the_predictor(value):
    with pytest.raises(EnvironmentValueError, match="x2"):
        FAST.answer([0.0, 0.0, value, 0.0])


def test_the_wrong_number_of_values_is_refused():
    with pytest.raises(ValueError, match="4 values are needed, 3 were given"):
        FAST.answer([1, 2, 3])
    with pytest.raises(ValueError, match="4 columns"):
        FAST.predict(np.zeros((2, 3)))
