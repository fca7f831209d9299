import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from ml.estimators.forest import DownSampledForest


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
