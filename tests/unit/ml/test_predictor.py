import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ml.card import IntervalReport, Predictor, Threshold
from ml.contributions import explain
from ml.estimators import DownSampledForest
from ml.flatten import flatten_forest
from ml.members import Blend, IntervalModel, Z, logistic
from ml.predictor import FastPredictor
from ml.transforms import EnvironmentValueError


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


def _mess_by_the_paper(reference, p):
    """Elith et al. 2010, equation by equation."""
    f = 100 * np.mean(reference < p)
    low, high = reference.min(), reference.max()
    if f == 0:
        return 100 * (p - low) / (high - low)
    if f <= 50:
        return 2 * f
    if f < 100:
        return 2 * (100 - f)
    return 100 * (high - p) / (high - low)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-4, 4, width=32), min_size=4, max_size=4))
def test_mess_is_that_of_the_paper(row):
    expected = [_mess_by_the_paper(TRAINING[:, j], np.float32(row[j])) for j in range(4)]
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


def _with(artifact, **changes):
    """The model with other figures on its card."""
    model = artifact.predictor
    card = artifact.card.model_copy(update=changes)
    return FastPredictor(card, model.blend, model.reference, model.gauge.area)


def _checked(scale, place):
    return IntervalReport(level=0.9, scale=scale, place=place, coverage=0.9, groups=10, note="")


cover = st.floats(0, 100) | st.floats(100, 1000)
anywhere = st.tuples(cover, cover, st.floats(-90, 90), st.sampled_from(["chalk", "clay", "sand"]))


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
    assert answer.suitability == pytest.approx(predicted, abs=1e-9)


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
@given(row=anywhere, scale=st.floats(1, 6), place=st.floats(0, 6))
def test_the_interval_is_the_deviation_of_the_interval_model_on_the_calibrated_logit(records, row, scale, place):
    model = _with(records, interval=_checked(scale, place))
    blend = model.blend
    encoded = model.encode(row)
    told = explain(blend, encoded)
    spread = blend.slope * np.sqrt(told.sampling + told.disagreement / 3)
    deviation = IntervalModel(scale, place).deviation(spread)
    answer = model.answer(list(row))
    middle = blend.intercept + blend.slope * told.score
    expected = logistic(middle + Z * deviation * np.array([-1, 1]))
    assert answer.interval == pytest.approx(expected.tolist(), abs=1e-9)
    assert answer.sources["places"] == pytest.approx((place / deviation) ** 2, abs=1e-9)
    members = (blend.slope * scale) ** 2 * told.disagreement / 3
    assert answer.sources["members"] == pytest.approx(members / deviation**2, abs=1e-9)


def test_a_card_without_checked_intervals_has_the_spread_as_it_is(records):
    row = [20.0, 30.0, 15.0, "clay"]
    plain, unchecked = (_with(records, interval=one).answer(row) for one in (_checked(1.0, 0.0), None))
    assert plain == unchecked
    assert plain.sources["places"] == 0


def test_without_any_spread_the_interval_is_the_answer():
    X = np.array([[0.0, 5.0]] * 10 + [[1.0, 5.0]] * 10, np.float32)
    forest = DownSampledForest(1, 1, min_samples_leaf=1, max_features=1.0, random_state=0).fit(X, [0] * 10 + [1] * 10)
    card = _Card([Predictor(name="a", label="A"), Predictor(name="b", label="B")])
    answer = FastPredictor(card, _alone(forest), [X[:10, 0], X[:10, 1]]).answer([1.0, 5.0])
    assert answer.interval == (answer.suitability, answer.suitability)
    assert answer.sources == {"records": 0, "members": 0, "places": 0}


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
@given(row=st.lists(st.floats(-1e38, 1e38, exclude_min=True, exclude_max=True), min_size=3, max_size=3))
def test_an_answer_to_any_value_that_is_taken_is_a_number(records, row):
    rock, trees, temperature = row
    answer = records.predictor.answer([abs(rock), abs(trees), temperature, "sand"])
    told = [answer.suitability, *answer.interval, answer.baseline, *answer.sources.values(), answer.novelty.mess]
    told += [effect for *_, effect in answer.contributions]
    assert np.isfinite(told).all()


@pytest.mark.filterwarnings("ignore:overflow encountered")
@settings(max_examples=60, deadline=None)
@given(temperature=st.floats(-1e38, 1e38, exclude_min=True, exclude_max=True))
@example(temperature=1e20)
def test_the_index_of_any_value_that_is_taken_is_a_number(records, temperature):
    """JSON has no infinity."""
    assert np.isfinite(records.predictor.answer([10.0, 10.0, temperature, "sand"]).novelty.index)
