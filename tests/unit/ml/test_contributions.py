"""Each predictor's part of a score: the parts sum up, and what is not used has none."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.contributions import explain
from ml.levels import recode
from ml.members import maxent_logit, network_logit, share_logit
from tests.unit.ml.blends import QUICK, elsewhere, fitted, group, without

MODEL, BLEND = fitted()
N_GROUPS = int(BLEND.forest.group.max()) + 1
values = st.floats(-(2.0**40), 2.0**40, width=32) | st.floats(-3, 3, width=32)
rows = st.tuples(values, values, st.integers(0, 6).map(float), values | st.just(5.0))


def _parts():
    """The full blend and each of its members alone with the forest."""
    return [BLEND, without(BLEND, "maxent"), without(BLEND, "network"), without(BLEND, "maxent", "network")]


@settings(max_examples=150, deadline=None)
@given(rows, st.sampled_from(_parts()))
def test_base_and_effects_sum_to_the_score(row, blend):
    row = np.array(row, np.float32)
    told = explain(blend, row, N_GROUPS)
    assert np.isfinite(told.effects).all()
    assert told.base + told.effects.sum() == pytest.approx(told.score, abs=1e-6)
    assert told.score == pytest.approx(blend.score(row[None])[0], abs=1e-6)


@settings(max_examples=50, deadline=None)
@given(rows)
def test_the_score_and_the_disagreement_are_the_weighted_ones_of_the_members(row):
    row = np.array(row, np.float32)
    told = explain(BLEND, row, N_GROUPS)
    members = np.array(
        [
            share_logit(np.array(told.share), BLEND.share_limit),
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
    assert explain(without(BLEND, "network"), row, N_GROUPS).effects[3] == 0
    row[3] = BLEND.network.reference[3]
    assert explain(BLEND, row, N_GROUPS).effects[3] == 0


def test_groups_of_trees_sum_to_the_share():
    row = elsewhere(1)[0]
    told = explain(BLEND, row, N_GROUPS)
    assert told.group_sum.sum() == pytest.approx(told.share * QUICK.n_estimators)
    trees = np.bincount(BLEND.forest.group)
    assert (told.group_square * trees >= told.group_sum**2 - 1e-9).all()


def test_typical_conditions_leave_the_network_without_effects():
    flat = replace(without(BLEND, "maxent"), forest=_stump())
    told = explain(flat, flat.network.reference, 1)
    assert not told.effects.any()
    assert told.base == told.score


def _stump():
    """A forest of one leaf of one half, whose score is 0 everywhere."""
    nodes = BLEND.forest.nodes[:1].copy()
    nodes["feature"], nodes["value"] = -1, 0.5
    return replace(BLEND.forest, nodes=nodes, roots=np.array([0, 1], np.int32), group=np.zeros(1, np.int32))


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
    np.testing.assert_allclose(explain(alone, row, 1).effects, effects * alone.weights[1], atol=1e-9)


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
    np.testing.assert_allclose(explain(alone, row, 1).effects, np.array(expected) * alone.weights[2], atol=1e-6)


def test_a_predictor_that_raises_the_score_is_told_to():
    """The species likes a high first predictor; the codes are the species' own."""
    good, bad = recode(group().rows[:2].copy(), MODEL.order)
    good[:], bad[:] = BLEND.network.reference, BLEND.network.reference
    good[0], bad[0] = 2, -2
    assert explain(BLEND, good, N_GROUPS).effects[0] > 0.5
    assert explain(BLEND, bad, N_GROUPS).effects[0] < -0.5
