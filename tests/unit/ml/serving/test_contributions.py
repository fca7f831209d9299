"""Each predictor's part of a score: the parts sum up, and what is not used has none."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from ml.kernels.logit import share_logit
from ml.kernels.trees import NODE
from ml.predictors.levels import recode
from ml.serving.blend import Blend, maxent_logit, network_logit, sampling_variance
from ml.serving.contributions import explain
from ml.serving.forest import Forest
from tests.unit.ml.serving.blends import QUICK, elsewhere, fitted, group, without

MODEL, BLEND = fitted()
values = st.floats(-(2.0**40), 2.0**40, width=32) | st.floats(-3, 3, width=32)
rows = st.tuples(values, values, st.integers(0, 6).map(float), values | st.just(5.0))


def _parts():
    """The full blend and each of its members alone with the forest."""
    return [BLEND, without(BLEND, "maxent"), without(BLEND, "network"), without(BLEND, "maxent", "network")]


@settings(max_examples=150, deadline=None)
@given(rows, st.sampled_from(_parts()))
def test_base_and_effects_sum_to_the_score(row, blend):
    row = np.array(row, np.float32)
    told = explain(blend, row)
    assert np.isfinite(told.effects).all()
    assert told.base + told.effects.sum() == pytest.approx(told.score, abs=1e-6)
    assert told.score == pytest.approx(blend.score(row[None])[0], abs=1e-6)


@settings(max_examples=50, deadline=None)
@given(rows)
def test_the_score_and_the_disagreement_are_the_weighted_ones_of_the_members(row):
    row = np.array(row, np.float32)
    told = explain(BLEND, row)
    members = np.array(
        [
            share_logit(_share(BLEND.forest, row), BLEND.share_limit),
            maxent_logit(BLEND.maxent, row[None])[0],
            network_logit(BLEND.network, row[None])[0],
        ]
    )
    mean = np.average(members, weights=BLEND.weights)
    assert told.score == pytest.approx(mean, rel=1e-9, abs=1e-9)
    assert told.disagreement == pytest.approx(np.average((members - mean) ** 2, weights=BLEND.weights), rel=1e-6)


@settings(max_examples=50, deadline=None)
@given(rows)
def test_a_predictor_that_no_member_uses_has_no_effect(row):
    """The last one is constant in training: no split, no term; the network sees it typical or not at all."""
    row = np.array(row, np.float32)
    assert explain(without(BLEND, "network"), row).effects[3] == 0
    row[3] = BLEND.network.reference[3]
    assert explain(BLEND, row).effects[3] == 0


def test_groups_of_trees_sum_to_the_share():
    """What the halves say, weighted by their trees, is what the forest says."""
    row = elsewhere(1)[0]
    leaves, group = _leaves(BLEND.forest, row), BLEND.forest.half_sample
    halves = np.bincount(group, leaves) / np.bincount(group)
    sizes = BLEND.forest.half_sample_sizes
    np.testing.assert_array_equal(sizes, np.bincount(group))
    assert halves @ sizes / QUICK.n_estimators == pytest.approx(float(_share(BLEND.forest, row)))


def _variance_by_hand(leaves, group):
    """Spread between halves less the luck of their few trees, the mean of a normal distribution cut at 0."""
    n = group.max() + 1
    halves = [leaves[group == g] for g in range(n)]
    between = np.mean([(half.mean() - leaves.mean()) ** 2 for half in halves])
    if n < 2 or len(leaves) == n:
        return between if n > 1 else 0.0
    # sizes differ by one tree at most
    noise = np.mean([half.var() for half in halves]) / (len(leaves) / n - 1)
    spread = max(between, noise) * np.sqrt(2 / n)
    if spread == 0:
        return 0.0
    standard = (between - noise) / spread
    return max(0.0, between - noise + spread * norm.pdf(standard) / norm.cdf(standard))


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 12), st.integers(1, 6), st.integers(0, 10_000), st.sampled_from([0.0, 0.02, 0.5]))
def test_the_sampling_variance_is_that_of_half_samples_by_hand(n_groups, trees, seed, within):
    """A forest of single leaves, whose halves differ and whose trees differ within their half."""
    draw = np.random.default_rng(seed)
    group = np.repeat(np.arange(n_groups, dtype=np.int32), trees)
    leaves = np.clip(draw.uniform(0.1, 0.9, n_groups)[group] + draw.normal(scale=within, size=len(group)), 0, 1)
    forest = _leaf_forest(leaves, group)
    leaves = forest.shares[forest.leaves].astype(float)
    share, expected = leaves.mean(), _variance_by_hand(leaves, group)
    expected /= (np.clip(share, 0.02, 0.98) * (1 - np.clip(share, 0.02, 0.98))) ** 2
    row = np.zeros((1, 4), np.float32)
    assert sampling_variance(forest, row)[0] == pytest.approx(expected, rel=1e-6, abs=1e-12)
    # one row's squares are summed in single precision
    assert explain(Blend(forest), row[0]).sampling == pytest.approx(expected, rel=1e-4, abs=1e-6)


@settings(max_examples=50, deadline=None)
@given(rows)
def test_the_sampling_variance_of_one_row_and_of_many_is_the_same(row):
    table = np.vstack([np.array(row, np.float32), elsewhere(3)])
    many = sampling_variance(BLEND.forest, table)
    assert (many >= 0).all()
    assert [explain(BLEND, one).sampling for one in table] == pytest.approx(many.tolist(), rel=1e-4, abs=1e-6)


def test_the_sampling_variance_is_nothing_where_all_trees_agree_and_finite_at_certainty():
    for value in (0.0, 0.4, 1.0):
        agreed = _leaf_forest(np.full(20, value), np.repeat(np.arange(5, dtype=np.int32), 4))
        assert sampling_variance(agreed, np.zeros((1, 4), np.float32))[0] == pytest.approx(0, abs=1e-9)
    # near certainty the logit's slope is held
    nearly = _leaf_forest(np.r_[0.01, np.zeros(19)], np.repeat(np.arange(5, dtype=np.int32), 4))
    assert 0 < sampling_variance(nearly, np.zeros((1, 4), np.float32))[0] < 1


def test_typical_conditions_leave_the_network_without_effects():
    flat = replace(without(BLEND, "maxent"), forest=_stump())
    told = explain(flat, flat.network.reference)
    assert not told.effects.any()
    assert told.base == told.score


def _leaves(forest, row):
    """Value of the leaf that the row falls into, tree by tree."""
    out = []
    nodes, roots = forest.as_nodes()
    for i in roots[:-1]:
        while nodes[i]["feature"] >= 0:
            node = nodes[i]
            i = i + 1 if row[node["feature"]] <= node["threshold"] else node["right"]
        out.append(nodes[i]["value"])
    return np.array(out, np.float64)


def _share(forest, row):
    return np.mean(_leaves(forest, row))


def _leaf_forest(leaves, group):
    """Trees of one leaf each."""
    nodes = np.zeros(len(leaves), NODE)
    nodes["feature"], nodes["value"] = -1, leaves
    return Forest.of_nodes(nodes, np.arange(len(leaves) + 1, dtype=np.int32), group)


def _stump():
    """A forest of one leaf of one half, whose score is 0 everywhere."""
    return _leaf_forest(np.array([0.5]), np.zeros(1, np.int32))


def test_maxent_effects_by_hand():
    """Each term's distance from its mean over the background, a product's by halves."""
    model = BLEND.maxent
    alone = replace(without(BLEND, "network"), forest=_stump())
    row = elsewhere(1, seed=4)[0]
    effects = np.zeros(4)
    for i, (_, j, k, _) in enumerate(model.terms.tolist()):
        one = replace(model, terms=model.terms[i : i + 1], coefficients=model.coefficients[i : i + 1], offset=0.0)
        distance = maxent_logit(one, row[None])[0] - model.coefficients[i] * model.centres[i]
        effects[j] += distance / 2
        effects[k] += distance / 2
    np.testing.assert_allclose(explain(alone, row).effects, effects * alone.weights[1], atol=1e-9)


def test_the_effects_of_two_predictors_are_shapley_values_of_the_network():
    """With all others typical, the mean of coming first and coming last is the Shapley value exactly."""
    alone = replace(without(BLEND, "maxent"), forest=_stump())
    typical = alone.network.reference
    row = typical.copy()
    row[:2] = 1.5, -1.0
    first, second = typical.copy(), typical.copy()
    first[0], second[1] = row[0], row[1]
    both, one, two, none = network_logit(alone.network, np.stack([row, first, second, typical]))
    expected = [(one - none + both - two) / 2, (two - none + both - one) / 2, 0, 0]
    np.testing.assert_allclose(explain(alone, row).effects, np.array(expected) * alone.weights[2], atol=1e-6)


def test_a_predictor_that_raises_the_score_is_told_to():
    """The species likes a high first predictor; the codes are the species' own."""
    good, bad = recode(group().rows[:2].copy(), MODEL.order)
    good[:], bad[:] = BLEND.network.reference, BLEND.network.reference
    good[0], bad[0] = 2, -2
    assert explain(BLEND, good).effects[0] > 0.5
    assert explain(BLEND, bad).effects[0] < -0.5
