"""The MaxEnt-type model against its published objective, written out a second time and minimised by SciPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import logsumexp
from sklearn.utils.estimator_checks import parametrize_with_checks

from ml.estimators.maxent import Maxent
from ml.kernels.terms import CATEGORY, FALLING, LINEAR, PRODUCT, QUADRATIC, RISING


@parametrize_with_checks([Maxent(), Maxent(regularization=1.0, n_knots=3, products=False)])
def test_scikit_learns_own_checks(estimator, check, monkeypatch):
    # the array-API check is skipped unless SciPy is told to take part; told so, it runs like the others
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(estimator)


def _records(seed, n=150, n_presences=30, levels=0):
    """Presences that like a high first predictor and a middling second one, then background."""
    draw = np.random.default_rng(seed)
    X = draw.normal(size=(n, 2))
    wish = X[:, 0] - X[:, 1] ** 2 + draw.normal(size=n)
    y = np.zeros(n, int)
    y[np.argsort(-wish)[:n_presences]] = 1
    if levels:
        X = np.column_stack([X, draw.integers(0, levels, n)])
    return X.astype(np.float32), y


def _value(kind, a, b, knot, code):
    if kind in (LINEAR, QUADRATIC, PRODUCT):
        return {LINEAR: a, QUADRATIC: a**2, PRODUCT: a * b}[kind]
    if kind == CATEGORY:
        return (code == knot).astype(float)
    return np.maximum(0, (a - knot) / (1 - knot) if kind == RISING else (knot - a) / knot)


def _values(model, X):
    """The terms of each row, written out."""
    held = np.clip((X.astype(float) - model.low_) / model.span_, 0, 1)
    terms = model.terms_.tolist()
    return np.column_stack([_value(kind, held[:, j], held[:, k], knot, X[:, j]) for kind, j, k, knot in terms])


def _problem(model, X, y):
    """Values, weights, means at presences and penalties, for background points of equal weight."""
    presences, background = _values(model, X[y == 1]), _values(model, X[y == 0])
    n = len(presences)
    kind = model.terms_["kind"]
    # Maxent's tables
    factor = np.full(len(kind), np.interp(n, [0, 10, 30, 100], [2.6, 1.6, 0.9, 0.55]))
    factor[np.isin(kind, (RISING, FALLING))] = 0.5
    factor[kind == CATEGORY] = np.interp(n, [0, 10, 17], [0.65, 0.5, 0.25])
    spread = np.maximum(factor * np.maximum(presences.std(0, ddof=1), 1e-3), 0.1 * background.std(0))
    share = np.r_[np.full(len(background), 1 / len(background)), np.full(n, 1e-3 / n)]
    penalty = model.regularization * spread / np.sqrt(n)
    return np.concatenate((background, presences)), share / share.sum(), presences.mean(0), penalty


def _likelihood(coefficients, table, share, wanted):
    """Negative log likelihood and its gradient."""
    scores = table @ coefficients
    normaliser = logsumexp(scores, b=share)
    return normaliser - wanted @ coefficients, (share * np.exp(scores - normaliser)) @ table - wanted


def _best(table, share, wanted, penalty):
    """Minimum by L-BFGS-B on the positive and the negative parts of the coefficients."""

    def objective(parts):
        plus, minus = np.split(parts, 2)
        value, gradient = _likelihood(plus - minus, table, share, wanted)
        return value + penalty @ (plus + minus), np.r_[gradient + penalty, penalty - gradient]

    options = {"maxiter": 300, "maxfun": 600, "ftol": 1e-10}
    bounds = [(0, None)] * (2 * len(penalty))
    return minimize(objective, np.zeros(len(bounds)), jac=True, bounds=bounds, options=options).fun


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 60), st.sampled_from([0.5, 1.0, 4.0]), st.sampled_from([0, 4]))
def test_no_other_optimiser_finds_better_coefficients(seed, n_presences, regularization, levels):
    X, y = _records(seed, n_presences=n_presences, levels=levels)
    categorical = (2,) if levels else ()
    # with a few presences and little regularisation, thirty steps are not enough
    model = Maxent(regularization=regularization, n_knots=4, categorical=categorical, max_iter=100).fit(X, y)
    table, share, wanted, penalty = _problem(model, X, y)
    reached = _likelihood(model.coef_, table, share, wanted)[0] + penalty @ np.abs(model.coef_)
    best = _best(table, share, wanted, penalty)
    assert reached <= best + 1e-5 * (1 + abs(best))
    assert reached < 1e-12  # the flat model's


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.5, 1.0, 4.0]))
def test_the_conditions_of_a_minimum_hold(seed, regularization):
    """Karush, Kuhn and Tucker's: a term's moment misses the presences' by its penalty, or less where it is left out."""
    X, y = _records(seed, levels=3)
    model = Maxent(regularization=regularization, categorical=(2,)).fit(X, y)
    table, share, wanted, penalty = _problem(model, X, y)
    gradient = _likelihood(model.coef_, table, share, wanted)[1] / penalty
    kept = model.coef_ != 0
    assert kept.any() and not kept.all()
    np.testing.assert_allclose(gradient[kept], -np.sign(model.coef_[kept]), atol=0.02)
    assert np.abs(gradient[~kept]).max() <= 1.02


def test_the_mean_ratio_over_the_background_is_one():
    X, y = _records(0, n=600)
    model = Maxent(regularization=1.0).fit(X, y)
    ratio = np.exp(model.decision_function(X))
    assert np.average(ratio, weights=np.where(y == 1, 1e-3 / y.sum(), 1 / (y == 0).sum())) == pytest.approx(1)
    assert ratio[y == 1].mean() > 2
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], ratio / (1 + ratio))
    np.testing.assert_allclose(model.decision_function(X), _values(model, X) @ model.coef_ - model.offset_, atol=1e-9)


def test_it_learns_what_presences_like():
    X, y = _records(1, n=600)
    model = Maxent().fit(X, y)
    best, cold, extreme = model.decision_function([[2.0, 0.0], [-2.0, 0.0], [2.0, 3.0]])
    assert best > 1 > -1 > cold
    assert best > extreme + 1


def test_a_larger_penalty_keeps_fewer_terms_and_a_huge_one_none():
    X, y = _records(2)
    kept = [np.count_nonzero(Maxent(regularization=r).fit(X, y).coef_) for r in (0.3, 4.0, 1e4)]
    assert kept[0] > kept[1] > kept[2] == 0
    assert np.ptp(Maxent(regularization=1e4).fit(X, y).predict_proba(X)[:, 1]) == 0


def test_weights_count_like_repeated_rows():
    """Exactly where knots cannot move: a predictor of two values and one of three levels."""
    draw = np.random.default_rng(0)
    X = np.column_stack([draw.integers(0, 2, 200), draw.integers(0, 3, 200)]).astype(np.float32)
    y = (X[:, 0] + (X[:, 1] == 1) + draw.normal(size=200) > 1.5).astype(int)
    weight = np.where(y == 1, 1, draw.integers(1, 6, 200))
    again = np.repeat(np.arange(200), weight)
    weighted = Maxent(regularization=1.0, categorical=(1,)).fit(X, y, weight)
    repeated = Maxent(regularization=1.0, categorical=(1,)).fit(X[again], y[again])
    np.testing.assert_allclose(weighted.decision_function(X), repeated.decision_function(X), atol=1e-3)
    plain = Maxent(regularization=1.0, categorical=(1,)).fit(X, y)
    assert np.abs(weighted.decision_function(X) - plain.decision_function(X)).max() > 0.02


def test_weights_count_roughly_like_repeated_rows_where_repeating_moves_knots():
    X, y = _records(3, n=400, n_presences=60)
    weight = np.where(y == 1, 1, np.random.default_rng(1).integers(1, 5, 400))
    again = np.repeat(np.arange(400), weight)
    one, two = Maxent().fit(X, y, weight), Maxent().fit(X[again], y[again])
    apart = np.abs(one.predict_proba(X) - two.predict_proba(X))[:, 1]
    assert apart.mean() < 0.01
    assert apart.max() < 0.06


def test_a_point_without_weight_leaves_no_trace_within_the_range():
    X, y = _records(4)
    middle = np.tile(np.float32([[0.1, 0.2]]), (40, 1))
    weight = np.r_[np.ones(len(X)), np.zeros(40)]
    one = Maxent().fit(X, y)
    two = Maxent().fit(np.concatenate((X, middle)), np.r_[y, np.zeros(40, int)], weight)
    np.testing.assert_array_equal(one.decision_function(X), two.decision_function(X))


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000))
def test_the_order_of_rows_does_not_matter(seed):
    X, y = _records(seed, levels=3)
    order = np.random.default_rng(seed).permutation(len(X))
    one = Maxent(categorical=(2,)).fit(X, y)
    two = Maxent(categorical=(2,)).fit(X[order], y[order])
    np.testing.assert_allclose(one.decision_function(X), two.decision_function(X), atol=1e-6)


def test_a_single_presence_gives_finite_answers():
    X, y = _records(5, n_presences=1, levels=3)
    answer = Maxent(regularization=0.1, categorical=(2,)).fit(X, y).decision_function(X)
    assert np.isfinite(answer).all()
    assert answer[y == 1] >= answer.mean()


@pytest.mark.parametrize("regularization", [1e-3, 1.0])
def test_presences_where_no_background_is_stay_finite(regularization):
    X = np.r_[np.full(20, 10.0), np.linspace(0, 1, 80)][:, None]
    answer = Maxent(regularization=regularization).fit(X, [1] * 20 + [0] * 80).decision_function(X)
    assert np.isfinite(answer).all()
    assert answer[:20].min() > answer[20:].max()


def test_constant_predictors_have_no_terms_and_change_nothing():
    X, y = _records(6)
    flat = Maxent().fit(np.full_like(X, 7), y)
    assert len(flat.terms_) == 0
    assert flat.predict_proba([[7.0, 7.0], [99.0, -1.0]])[:, 1].tolist() == [0.5, 0.5]
    more = np.column_stack([X, np.full(len(X), 3.0)])
    one, two = Maxent().fit(X, y), Maxent().fit(more, y)
    assert 2 not in two.terms_["first"]
    np.testing.assert_array_equal(one.decision_function(X), two.decision_function(more))
    one_level = Maxent(categorical=(2,)).fit(more, y)
    assert CATEGORY not in one_level.terms_["kind"]


def test_a_category_has_a_term_for_each_level_and_none_for_a_level_never_seen():
    X, y = _records(7, n=400, n_presences=80)
    soil = np.where(y == 1, 2, np.random.default_rng(0).integers(0, 3, 400))
    X = np.column_stack([X, soil]).astype(np.float32)
    model = Maxent(regularization=1.0, categorical=(2,)).fit(X, y)
    levels = model.terms_[model.terms_["kind"] == CATEGORY]
    assert levels["knot"].tolist() == [0, 1, 2]
    # a code is a name: no slope, no square and no product of it
    assert set(model.terms_["kind"][(model.terms_["first"] == 2) | (model.terms_["second"] == 2)]) == {CATEGORY}
    here = np.repeat(X[:1], 5, axis=0)
    here[:, 2] = 0, 1, 2, 3, 99
    first, second, liked, new, newer = model.decision_function(here)
    assert liked > max(first, second) + 1
    assert new == newer
    without = model.coef_[model.terms_["kind"] != CATEGORY] @ _values(model, X[:1])[0, model.terms_["kind"] != CATEGORY]
    assert new == pytest.approx(without - model.offset_)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=2, max_size=2))
def test_values_are_held_to_the_training_range(row):
    inside = np.clip(np.float32(row), RANGE[0], RANGE[1])
    assert MODEL.decision_function([row]) == pytest.approx(MODEL.decision_function([inside]), abs=1e-5)


MODEL = Maxent(regularization=1.0).fit(*_records(8))
RANGE = _records(8)[0].min(axis=0), _records(8)[0].max(axis=0)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"regularization": 0.0}, "above 0"),
        ({"n_knots": 0}, "above 0"),
        ({"max_iter": 0}, "above 0"),
    ],
)
def test_settings_of_nothing_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        Maxent(**setting).fit(*_records(0))


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1.0], "one finite number"),
        (np.full(150, -1.0), "one finite number"),
        (np.full(150, np.nan), "one finite number"),
        (np.zeros(150), "is 0 for every"),
    ],
)
def test_weights_that_mean_nothing_are_refused(weight, message):
    with pytest.raises(ValueError, match=message):
        Maxent().fit(*_records(0), weight)


@pytest.mark.parametrize("labels", [[1] * 10, [0, 1, 2, 1, 0, 2, 1, 0, 1, 2]])
def test_anything_but_two_classes_is_refused(labels):
    with pytest.raises(ValueError, match=r"one class|Only binary"):
        Maxent().fit(np.arange(20.0).reshape(10, 2), labels)
