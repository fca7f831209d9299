"""The multi-species network: what it learns, what it repeats to the last bit, what it refuses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.estimators.network import MultiSpeciesNetwork
from ml.evaluation.metrics import auc_roc

LAYERS = ("hidden_1_", "hidden_2_", "output_")


def _network(**setting):
    return MultiSpeciesNetwork(**({"width": 16, "n_networks": 2, "n_steps": 60} | setting))


def _world(seed, n=600, counts=(80, 80), likes=(1.0, -1.0), p=3):
    """Places and conditions; each species is recorded where its own side of the first predictor is."""
    draw = np.random.default_rng(seed)
    X = draw.normal(size=(n, p)).astype(np.float32)
    recorded = np.zeros((n, len(counts)), int)
    for s, (count, like) in enumerate(zip(counts, likes, strict=True)):
        wish = like * X[:, 0] - X[:, 1] ** 2 / 2 + draw.gumbel(size=n)
        recorded[np.argsort(-wish)[:count], s] = 1
    return X, recorded


def _truth(X, like):
    """Whether a place is among the better half for a species."""
    wish = like * X[:, 0] - X[:, 1] ** 2 / 2
    return (wish > np.median(wish)).astype(int)


def test_a_known_signal_is_found_on_places_not_seen():
    network = _network().fit(*_world(0))
    X, _ = _world(1)
    scores = network.decision_function(X)
    assert scores.shape == (600, 2)
    assert auc_roc(_truth(X, 1), scores[:, 0]) > 0.85
    assert auc_roc(_truth(X, -1), scores[:, 1]) > 0.85
    # and none is found for the other species
    assert auc_roc(_truth(X, 1), scores[:, 1]) < 0.5


def test_a_rare_species_profits_from_a_common_one_with_the_same_needs():
    """Four records among ten predictors, on the same rows: what is added is the common species' labels."""
    gains = []
    for seed in range(5):
        X, recorded = _world(seed, counts=(4, 150), likes=(1, 1), p=10)
        X_new, _ = _world(seed + 100, p=10)
        alone = _network().fit(X, recorded[:, :1]).decision_function(X_new)[:, 0]
        together = _network().fit(X, recorded).decision_function(X_new)[:, 0]
        gains.append(auc_roc(_truth(X_new, 1), together) - auc_roc(_truth(X_new, 1), alone))
    assert np.mean(gains) > 0.05


def test_training_lowers_the_loss():
    """The loss written out: minus the mean score at records, plus the logarithm of the background's mean ratio."""
    X, recorded = _world(2)

    def loss(network):
        scores = network.decision_function(X)
        share = recorded.sum(axis=0) / recorded.sum()
        at_records = (scores * recorded).sum(axis=0) / recorded.sum(axis=0)
        return float(share @ (np.log(np.exp(scores).mean(axis=0)) - at_records))

    losses = [loss(_network(n_networks=1, n_steps=n, dropout=0.0).fit(X, recorded)) for n in (1, 10, 60)]
    assert losses[0] > losses[1] > losses[2]
    assert losses[2] < losses[0] - 0.2


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**31 - 1))
def test_the_same_seed_gives_the_same_bits_and_another_does_not(seed):
    X, recorded = _world(3, n=120, counts=(20, 20))
    one, two, other = (_network(n_steps=5, random_state=s).fit(X, recorded) for s in (seed, seed, seed + 1))
    for layer in LAYERS:
        np.testing.assert_array_equal(getattr(one, layer), getattr(two, layer))
    assert not np.array_equal(one.decision_function(X), other.decision_function(X))


def test_networks_start_apart_and_the_first_does_not_depend_on_how_many_there_are():
    X, recorded = _world(3, n=120, counts=(20, 20))
    one, three = (_network(n_steps=5, n_networks=n).fit(X, recorded) for n in (1, 3))
    np.testing.assert_array_equal(one.hidden_1_[0], three.hidden_1_[0])
    assert not np.array_equal(three.hidden_1_[1], three.hidden_1_[2])
    assert three.output_.shape == (3, 17, 2)


def test_half_of_the_rows_get_the_values_that_all_rows_get():
    X, recorded = _world(4)
    network = _network(n_steps=10).fit(X, recorded)
    together = network.decision_function(X)
    # BLAS sums in another order for another number of rows
    np.testing.assert_allclose(network.decision_function(X[::2]), together[::2], atol=1e-12)
    np.testing.assert_allclose(network.decision_function(X[7:8]), together[7:8], atol=1e-12)


def test_a_species_recorded_nowhere_is_flat_and_leaves_the_others_alone():
    X, recorded = _world(5)
    scores = _network().fit(X, np.column_stack([recorded, np.zeros(len(X), int)])).decision_function(X)
    assert np.isfinite(scores).all()
    assert np.ptp(scores[:, 2]) < 1e-6
    assert abs(scores[0, 2]) < 1e-6
    assert auc_roc(_truth(X, 1), scores[:, 0]) > 0.85


@pytest.mark.parametrize("weighted", [False, True])
def test_the_mean_ratio_over_the_background_is_one(weighted):
    X, recorded = _world(6)
    weight = np.random.default_rng(0).random(len(X)) if weighted else np.ones(len(X))
    ratio = np.exp(_network(n_networks=1).fit(X, recorded, weight).decision_function(X))
    np.testing.assert_allclose(weight @ ratio / weight.sum(), 1, rtol=1e-4)


def test_levels_are_names_and_one_never_seen_is_answered():
    draw = np.random.default_rng(0)
    soil = draw.integers(0, 3, 400)
    X = np.column_stack([draw.normal(size=400), soil]).astype(np.float32)
    recorded = np.column_stack([soil == 1, soil != 1]).astype(int) * draw.integers(0, 2, (400, 1))
    network = _network(categorical=(1,)).fit(X, recorded)
    assert network.n_levels_.tolist() == [0, 3]
    assert network.hidden_1_.shape[1] == 2 + 3 + 1
    scores = network.decision_function([[0, 0], [0, 1], [0, 2], [0, 3], [0, 99]])
    assert scores[1, 0] > max(scores[0, 0], scores[2, 0]) + 0.5
    assert scores[1, 1] < min(scores[0, 1], scores[2, 1]) - 0.5
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(scores[3], scores[4])


def test_a_constant_predictor_does_no_harm():
    X, recorded = _world(7)
    X[:, 2] = 42
    network = _network().fit(X, recorded)
    scores = network.decision_function(X)
    assert np.isfinite(scores).all()
    assert auc_roc(_truth(X, 1), scores[:, 0]) > 0.8
    assert np.isfinite(network.decision_function(X + 1e6)).all()
    nothing = _network().fit(np.full_like(X, 3), recorded)
    assert not nothing.decision_function(X).any()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=3, max_size=3), st.integers(0, 2))
def test_beyond_ten_spreads_nothing_changes_any_more(row, j):
    far, farther = np.float32([row, row])
    far[j], farther[j] = 50, 1e6
    np.testing.assert_allclose(*FITTED.decision_function([far, farther]), atol=1e-5)


FITTED = _network(n_steps=10).fit(*_world(8))


def test_a_skewed_predictor_serves_as_well_as_its_logarithm():
    X, recorded = _world(9)
    skewed = np.exp(2 * X)
    X_new, _ = _world(10)
    scores = _network().fit(skewed, recorded).decision_function(np.exp(2 * X_new))
    assert auc_roc(_truth(X_new, 1), scores[:, 0]) > 0.85


def test_weights_say_where_the_background_is():
    """Records everywhere, background on one side only: the ratio rises to the other."""
    draw = np.random.default_rng(0)
    X = draw.uniform(-1, 1, (600, 1)).astype(np.float32)
    recorded = np.zeros((600, 1), int)
    recorded[:300] = 1
    weight = np.where(X[:, 0] < 0, 1.0, 0.05)
    tilted = _network(dropout=0.0).fit(X, recorded, weight).decision_function([[-0.5], [0.5]])[:, 0]
    even = _network(dropout=0.0).fit(X, recorded).decision_function([[-0.5], [0.5]])[:, 0]
    assert tilted[1] - tilted[0] > 1
    assert abs(even[1] - even[0]) < 0.5
    # only proportions count
    np.testing.assert_allclose(
        _network(n_steps=5).fit(X, recorded, weight).decision_function(X),
        _network(n_steps=5).fit(X, recorded, 1000 * weight).decision_function(X),
        atol=1e-5,
    )


def test_background_rows_without_weight_are_not_learnt_from():
    X, recorded = _world(11, counts=(50, 50))
    idle = np.flatnonzero(~recorded.any(axis=1))[::2]
    weight = np.ones(len(X))
    weight[idle] = 0
    # shuffled among themselves they leave the inputs' ranks as they were
    other = X.copy()
    other[idle] = X[np.random.default_rng(0).permutation(idle)]
    one, two = (_network(n_steps=10).fit(rows, recorded, weight) for rows in (X, other))
    np.testing.assert_allclose(one.decision_function(X), two.decision_function(X), atol=1e-4)


def test_a_large_background_is_thinned_at_random_for_each_network():
    X, recorded = _world(12)
    thin = _network(max_background=50, n_steps=5).fit(X, recorded)
    full = _network(n_steps=5).fit(X, recorded)
    np.testing.assert_array_equal(thin.quantiles_, full.quantiles_)
    assert not np.array_equal(thin.output_, full.output_)
    again = _network(max_background=50, n_steps=5).fit(X, recorded)
    np.testing.assert_array_equal(thin.output_, again.output_)


def test_records_alone_are_their_own_background():
    X, recorded = _world(13)
    places = recorded.any(axis=1)
    scores = _network().fit(X[places], recorded[places]).decision_function(X)
    assert np.isfinite(scores).all()
    assert auc_roc(_truth(X, 1), scores[:, 0]) > 0.8


X, Y = np.arange(20.0).reshape(10, 2), np.tile([[0, 1], [1, 0]], (5, 1))


@pytest.mark.parametrize(
    ("rows", "recorded", "message"),
    [
        (X, Y[:9], "a row for each row of X"),
        (X, Y * 2, "must hold 0 and 1"),
        (X, Y - 1, "must hold 0 and 1"),
        (X, Y * 0, "no species is recorded"),
        (X, Y[:, 0], "2D array"),
        (X, np.where(Y, np.nan, 0), "NaN"),
        (np.where(X > 5, X, np.nan), Y, "NaN"),
        (np.where(X > 5, X, np.inf), Y, "infinity"),
        (X[:0], Y[:0], "0 sample"),
        (X[0], Y, "2D array"),
    ],
)
def test_useless_records_are_refused(rows, recorded, message):
    with pytest.raises(ValueError, match=message):
        _network(n_steps=1).fit(rows, recorded)


@pytest.mark.parametrize(
    "weight",
    [np.zeros(10), np.full(10, -1.0), np.ones(9), np.ones((10, 1)), np.full(10, np.nan), np.full(10, np.inf)],
)
def test_weights_that_mean_nothing_are_refused(weight):
    with pytest.raises(ValueError, match="background_weight must hold one"):
        _network(n_steps=1).fit(X, Y, weight)


@pytest.mark.parametrize(
    "setting",
    [{"dropout": 1.0}, {"dropout": -0.1}, {"width": 0}, {"n_networks": 0}, {"n_steps": 0}, {"max_background": 0}],
)
def test_settings_without_sense_are_refused(setting):
    with pytest.raises(ValueError, match="dropout must be at least 0 and below 1; sizes and steps"):
        _network(**setting).fit(X, Y)


def test_rows_of_another_width_and_an_unfitted_network_are_refused():
    with pytest.raises(ValueError, match="expecting 3 features"):
        FITTED.decision_function([[1.0, 2.0]])
    with pytest.raises(ValueError, match="not fitted yet"):
        _network().decision_function(X)
