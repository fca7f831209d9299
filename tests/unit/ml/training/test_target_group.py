"""Where the background lies: weights by hand, the share that follows from the bias, and scores of held-out blocks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.block_scores import block_scores
from ml.estimators.network import MultiSpeciesNetwork
from ml.training.background_weight import BiasStrength, background_weight
from ml.training.cross_validation import held_out_network
from ml.training.default_model import Group
from ml.training.target_group import LEAST_SHARE, STRONG, WEAK, share_for

# two places of species 0, one of both, one of species 1, four random points
RECORDED = np.array([[1, 0], [1, 0], [1, 1], [0, 1], [0, 0], [0, 0], [0, 0], [0, 0]])
QUICK = MultiSpeciesNetwork(width=16, n_networks=1, n_steps=30, dropout=0.0)

groups = st.lists(st.lists(st.integers(0, 1), min_size=3, max_size=3), min_size=2, max_size=30).map(np.array)


@given(groups, st.sampled_from([0.0, 0.5, 0.8, 1.0]), st.sampled_from([None, 0, 1, 2]))
def test_weights_sum_to_one_and_one_kind_weighs_the_same(recorded, share, without):
    if without is not None and recorded[:, without].all():
        return
    weight = background_weight(recorded, share, without)
    assert weight.sum() == pytest.approx(1)
    visited = recorded.any(axis=1)
    own = np.zeros(len(recorded), bool) if without is None else recorded[:, without] == 1
    assert not weight[own].any()
    for kind, part in ((visited & ~own, share), (~visited, 1 - share)):
        if kind.any():
            assert np.ptp(weight[kind]) == 0
            if (visited & ~own).any() and not visited.all():
                assert weight[kind].sum() == pytest.approx(part)


def test_weights_by_hand():
    assert background_weight(RECORDED, 0.5).tolist() == [0.125] * 8
    assert background_weight(RECORDED, 0.0).tolist() == [0] * 4 + [0.25] * 4
    assert background_weight(RECORDED, 1.0).tolist() == [0.25] * 4 + [0] * 4
    assert background_weight(RECORDED, 0.25, without=0).tolist() == [0, 0, 0, 0.25] + [0.1875] * 4
    assert background_weight(RECORDED, 0.5, without=1).tolist() == [0.25, 0.25, 0, 0] + [0.125] * 4


def test_a_kind_that_is_missing_leaves_all_weight_to_the_other():
    assert background_weight(RECORDED[:4], 0.0, without=0).tolist() == [0, 0, 0, 1]
    assert background_weight(RECORDED[:4], 0.25).tolist() == [0.25] * 4
    # a single-species study has no target group
    alone = np.array([[1], [1], [0], [0]])
    assert background_weight(alone, 1.0, without=0).tolist() == [0, 0, 0.5, 0.5]
    assert background_weight(np.zeros((2, 3), int), 1.0).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_absences_all_count_the_same_whatever_the_share(share):
    assert background_weight(RECORDED, share, 0, absences=True).tolist() == [0, 0, 0] + [0.2] * 5
    assert background_weight(RECORDED, share, absences=True).tolist() == [0.125] * 8


def test_block_scores_by_hand():
    #            fold 0                                          fold 1
    recorded = np.array([[1, 0], [0, 1], [0, 1], [0, 0], [0, 0], [1, 0], [1, 0], [0, 1], [0, 0]])
    folds = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1])
    score = np.array([0.5, 0.9, 0.1, 0.4, 0.3, 0.8, 0.2, 0.5, 0.2])
    held_out = np.column_stack([score, -score])
    # species 0: in fold 0 one record beats 1 of 2 places and 2 of 2 points; in fold 1 two records beat 1 of 2, and
    # 1 and a tie of 2. Species 1, two records and one: against places 1/2 and 1/2; against points 1/2 and 0.
    against_places = [(0.5 + 2 * 0.5) / 3, (2 * 0.5 + 0.5) / 3]
    against_points = [(1.0 + 2 * 0.75) / 3, (2 * 0.5 + 0.0) / 3]
    np.testing.assert_allclose(
        block_scores(recorded, folds, held_out), np.column_stack([against_places, against_points])
    )


def test_species_of_one_fold_and_folds_without_a_comparison_are_left_out():
    folds = np.repeat([0, 1, 2], 3)
    recorded = np.zeros((9, 3), int)
    recorded[[0, 3], 0] = 1  # fold 1 lacks other places
    recorded[1, 1] = 1  # in fold 0 only
    recorded[[6, 7], 2] = 1  # in fold 2 only
    score = np.tile(np.arange(9.0)[:, None], (1, 3))
    # what is left is species 0 in fold 0: place 0 against place 1 and against point 2
    assert block_scores(recorded, folds, score).tolist() == [[0.0, 0.0]]
    assert block_scores(recorded, np.zeros(9, int), score).shape == (0, 2)
    # a fold whose network could not be fitted is NaN
    score[:3] = np.nan
    assert block_scores(recorded, folds, score).shape == (0, 2)


def _valleys(seed, effort=0.0, likes=(1, -1, 1, -1)):
    """Species by the first predictor; records are more frequent where the second one, accessibility, is high."""
    draw = np.random.default_rng(seed)
    environment, east = draw.uniform(-1, 1, (6000, 2)), draw.uniform(0, 1, 6000)
    places = []
    for like in likes:
        chance = np.exp(effort * environment[:, 1] + 1.5 * like * environment[:, 0])
        places.append(draw.choice(6000, 60, replace=False, p=chance / chance.sum()))
    rows = np.concatenate((*places, draw.choice(6000, 500, replace=False)))
    recorded = np.zeros((len(rows), len(likes)), int)
    recorded[np.arange(60 * len(likes)), np.repeat(np.arange(len(likes)), 60)] = 1
    return environment[rows].astype(np.float32), recorded, (east[rows] * 3).astype(int)


def _gain_of_target_group(*args, **options):
    """By how much the score of a share of one half is above that of random background."""
    rows, recorded, folds = _valleys(*args, **options)
    half, none = (
        np.mean(block_scores(recorded, folds, held_out_network(Group(rows, recorded), folds, share, QUICK)))
        for share in (0.5, 0.0)
    )
    return half - none


def test_a_target_group_is_worth_more_where_effort_is_uneven_than_where_all_species_need_the_same():
    uneven = [_gain_of_target_group(seed, effort=3.0) for seed in range(3)]
    alike = [_gain_of_target_group(seed, likes=(1, 1, 1, 1)) for seed in range(3)]
    assert min(uneven) > max(alike)


def bias_of(between):
    return BiasStrength(0.7, None, between)


def test_the_share_rises_from_one_half_to_all_with_the_bias_between_species():
    assert (WEAK, STRONG, LEAST_SHARE) == (0.6, 0.85, 0.5)
    assert [share_for(bias_of(auc)) for auc in (0.3, 0.5, 0.6, 0.65, 0.725, 0.76, 0.85, 1.0)] == [
        0.5, 0.5, 0.5, 0.6, 0.75, 0.82, 1.0, 1.0,
    ]  # fmt: skip


def test_the_share_is_one_half_where_the_bias_is_not_known():
    assert share_for(None) == share_for(bias_of(None)) == 0.5


def test_held_out_scores_do_not_know_their_fold():
    rows, recorded, folds = _valleys(1)
    before = held_out_network(Group(rows, recorded), folds, 0.5, QUICK)
    changed = recorded.copy()
    changed[folds == 0] = np.random.default_rng(0).permutation(changed[folds == 0])
    after = held_out_network(Group(rows, changed), folds, 0.5, QUICK)
    np.testing.assert_array_equal(before[folds == 0], after[folds == 0])
    assert not np.array_equal(before[folds == 1], after[folds == 1])


def test_a_fold_that_holds_all_records_cannot_be_judged():
    rows, recorded, _ = _valleys(2)
    folds = (~recorded.any(axis=1)).astype(int)
    scores = held_out_network(Group(rows, recorded), folds, 0.5, QUICK)
    assert np.isnan(scores[folds == 0]).all()
    assert np.isfinite(scores[folds == 1]).all()
