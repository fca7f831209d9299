import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from ml.estimators.forest import DownSampledForest
from ml.training.export import flatten_forest


@parametrize_with_checks(
    [
        DownSampledForest(n_estimators=20, n_half_samples=5),
        DownSampledForest(n_estimators=12, max_draw=8, min_samples_leaf=1),
    ]
)
def test_scikit_learns_own_checks(estimator, check, monkeypatch):
    # the array-API check is skipped unless SciPy is told to take part; told so, it runs like the others
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(estimator)


def _imbalanced(seed, n=1500):
    draw = np.random.default_rng(seed)
    X = draw.normal(size=(n, 5))
    wish = X[:, 0] - X[:, 1] ** 2 + draw.normal(size=n)
    return X, (wish > np.quantile(wish, 0.97)).astype(int)


def test_every_tree_draws_presences_and_absences_alike():
    X, y = _imbalanced(0)
    forest = DownSampledForest(n_estimators=30, random_state=1).fit(X, y)
    for tree in forest.estimators_:
        assert tree.tree_.n_node_samples[0] <= 2 * y.sum()
        assert tree.tree_.weighted_n_node_samples[0] == 2 * y.sum()
        assert tree.tree_.value[0, 0, 0] == 0.5


def test_max_draw_bounds_what_a_tree_sees():
    X, y = _imbalanced(0)
    forest = DownSampledForest(n_estimators=10, max_draw=7, random_state=1).fit(X, y)
    assert {tree.tree_.weighted_n_node_samples[0] for tree in forest.estimators_} == {14.0}


@pytest.mark.thorough
def test_down_sampling_beats_a_default_forest_on_few_presences():
    """The claim of Valavi et al. 2021, on made-up data: over several draws, not in each."""
    gains = []
    for seed in range(4):
        X, y = _imbalanced(seed)
        X_new, y_new = _imbalanced(seed + 100)
        ours = DownSampledForest(n_estimators=150, random_state=0).fit(X, y).predict_proba(X_new)[:, 1]
        plain = RandomForestClassifier(150, random_state=0).fit(X, y).predict_proba(X_new)[:, 1]
        gains.append(roc_auc_score(y_new, ours) - roc_auc_score(y_new, plain))
    assert np.mean(gains) > 0


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**31 - 1))
def test_the_same_seed_gives_the_same_forest(seed):
    X, y = _imbalanced(3, 200)
    one, two = (DownSampledForest(n_estimators=6, random_state=seed).fit(X, y).predict_proba(X) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_groups_share_the_trees_evenly():
    X, y = _imbalanced(0, 300)
    assert set(np.bincount(DownSampledForest(n_estimators=60, n_half_samples=12).fit(X, y).half_sample_)) == {5}


@pytest.mark.parametrize(
    ("labels", "message"), [([1] * 10, "one class"), ([0, 1, 2, 1, 0, 2, 1, 0, 1, 2], "Only binary classification")]
)
def test_anything_but_two_classes_is_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        DownSampledForest().fit(np.arange(20.0).reshape(10, 2), labels)


@pytest.mark.parametrize("setting", ["n_estimators", "n_half_samples", "min_samples_leaf"])
def test_settings_below_one_are_refused(setting):
    with pytest.raises(ValueError, match="at least 1"):
        DownSampledForest(**{setting: 0}).fit([[0.0], [1.0]], [0, 1])


def test_importance_finds_the_predictor_that_matters():
    X, y = _imbalanced(0)
    importance = DownSampledForest(n_estimators=100, random_state=0).fit(X, y).feature_importances_
    assert importance.sum() == pytest.approx(1)
    assert set(np.argsort(importance)[-2:]) == {0, 1}


def test_a_predictor_that_never_varies_leaves_no_importance_and_one_half():
    forest = DownSampledForest(n_estimators=10).fit(np.zeros((20, 1)), [0, 1] * 10)
    assert forest.feature_importances_.tolist() == [0.0]
    assert forest.predict_proba([[0.0]])[0].tolist() == [0.5, 0.5]


def _in_unit(factor):
    """Presences in the upper half of a predictor: scores of 600 new places, and the AUC that follows from the half."""
    draw = np.random.default_rng(3)
    x = np.concatenate([draw.uniform(0.5, 1, 300), draw.uniform(0, 1, 900)])
    y = np.repeat([1, 0], [300, 900])
    noise = draw.normal(size=len(x))
    forest = DownSampledForest(n_estimators=60, random_state=2).fit(np.column_stack([x * factor, noise]), y)
    new = np.random.default_rng(4).uniform(0, 1, (600, 2))
    return forest, forest.predict_proba(new * [factor, 1])[:, 1], (new[:, 0] > 0.5).astype(int)


@pytest.mark.parametrize("power", [-10, -20, -40, -100, 20])
def test_a_forest_is_the_same_to_the_last_bit_in_a_unit_of_a_power_of_two(power):
    forest, scores, _ = _in_unit(1.0)
    other, same, _ = _in_unit(2.0**power)
    np.testing.assert_array_equal(scores, same)
    for one, two in zip(forest.estimators_, other.estimators_, strict=True):
        of_x = one.tree_.feature == 0
        np.testing.assert_array_equal(one.tree_.threshold[of_x] * 2.0**power, two.tree_.threshold[of_x])
        np.testing.assert_array_equal(one.tree_.threshold[~of_x], two.tree_.threshold[~of_x])


@pytest.mark.parametrize("factor", [1e-3, 1e-6, 1e-8, 1e-12, 1e6])
def test_a_forest_does_not_depend_on_the_unit(factor):
    """Chlorophyll in kg/m3 has differences of 1e-7, below which a tree of scikit-learn does not split."""
    _, scores, upper = _in_unit(1.0)
    forest, same, _ = _in_unit(factor)
    # rounding to single precision moves single values across a threshold
    assert np.quantile(np.abs(scores - same), 0.99) < 0.02
    assert roc_auc_score(upper, same) > 0.99
    # as it is served
    flat = flatten_forest(forest).shares_of(
        (np.random.default_rng(4).uniform(0, 1, (600, 2)) * [factor, 1]).astype(np.float32)
    )
    np.testing.assert_allclose(flat, same, atol=1e-6)


def test_a_far_value_and_a_column_of_zeros_stay_finite():
    draw = np.random.default_rng(5)
    X = np.column_stack([draw.normal(size=200) * 1e-30, np.zeros(200), np.where(np.arange(200) < 199, 0, 1e-9)])
    X[7, 0] = 1e30
    forest = DownSampledForest(n_estimators=10, random_state=0).fit(X, np.arange(200) % 2)
    assert all(np.isfinite(tree.tree_.threshold).all() for tree in forest.estimators_)
