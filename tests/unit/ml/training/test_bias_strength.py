"""Bias strength: the AUC that follows from the density of the records, and no group without one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ml.training.bias_strength import measure_bias
from ml.training.default_model import EngineSettings, Group
from ml.training.group import fit_group
from tests.variants import thorough


def biased_group(power, n_visited=1500, n_random=3000, seed=0):
    """Records of two species whose density is proportional to x to a power, and folds.

    Random background has x uniform between 0 and 1, so that the AUC of x, which is the best one, is
    (power + 1) / (power + 2).
    """
    draw = np.random.default_rng(seed)
    x = np.concatenate([draw.random(n_visited) ** (1 / (power + 1)), draw.random(n_random)])
    rows = np.column_stack([draw.normal(size=len(x)), x, draw.integers(0, 3, len(x))]).astype(np.float32)
    recorded = np.zeros((len(x), 2), np.int64)
    recorded[np.arange(n_visited), draw.integers(0, 2, n_visited)] = 1
    return Group(rows, recorded, (2,)), draw.integers(0, 5, len(x))


@pytest.mark.parametrize("power", [*map(thorough, [0, 1]), 3, thorough(9)])
def test_the_strength_is_the_auc_that_follows_from_the_density(power):
    group, fold = biased_group(power)
    bias = measure_bias(group, fold)
    # predictors without information cost a fitted forest a little
    assert bias.auc == pytest.approx((power + 1) / (power + 2), abs=0.035)
    if power:
        assert bias.predictor == 1
    assert measure_bias(group, fold) == bias


@pytest.mark.parametrize("factor", [thorough(1e-6), 1e-9, thorough(1e6)])
def test_the_strength_does_not_depend_on_the_unit(factor):
    group, fold = biased_group(3)
    bias = measure_bias(group, fold)
    rows = (group.rows * [factor, factor, 1]).astype(np.float32)
    assert measure_bias(replace(group, rows=rows), fold).auc == pytest.approx(bias.auc, abs=0.005)


def test_the_strength_between_species_is_that_of_what_species_share():
    draw = np.random.default_rng(2)
    chances = [0.7, 0.2, 0.1]
    first, second = draw.choice(3, 1500, p=chances), draw.choice(3, 1500, p=chances[::-1])
    level = np.concatenate([first, second, draw.integers(0, 3, 3000)]).astype(np.float32)[:, None]
    recorded = np.zeros((len(level), 2), np.int64)
    recorded[:1500, 0], recorded[1500:3000, 1] = 1, 1
    fold = draw.integers(0, 5, len(level))
    # The places of one species rank the levels in the order 0, 1, 2. By that order the other species has an AUC of
    # .1 * 5/6 + .2 * 3/6 + .7 * 1/6 against a third in each level.
    opposite = measure_bias(Group(level, recorded, (0,)), fold)
    assert opposite.between_species == pytest.approx(0.3, abs=0.02)
    # Where chance decides which of the species is recorded, the other one's places say all there is to say.
    recorded[:3000] = 0
    recorded[np.arange(1500), draw.integers(0, 2, 1500)] = 1
    kept = np.r_[:1500, 3000:6000]
    alike = measure_bias(Group(level[kept], recorded[kept], (0,)), fold[kept])
    assert alike.between_species == pytest.approx(0.7, abs=0.02)
    assert alike.auc == pytest.approx(0.7, abs=0.02)


def test_a_bias_by_category_alone_is_found():
    draw = np.random.default_rng(1)
    level = np.concatenate([draw.choice(4, 800, p=[0.7, 0.1, 0.1, 0.1]), draw.integers(0, 4, 2000)])
    recorded = np.zeros((2800, 2), np.int64)
    recorded[np.arange(800), draw.integers(0, 2, 800)] = 1
    bias = measure_bias(Group(level[:, None].astype(np.float32), recorded, (0,)), draw.integers(0, 5, 2800))
    # P(in level 0) is .7 and .25: the AUC is .7 * (.75 + .25 / 2) + .3 * (.75 / 2)
    assert bias.auc == pytest.approx(0.725, abs=0.03)
    assert bias.predictor is None


def test_places_in_the_middle_of_a_range_differ_most_in_its_predictor():
    draw = np.random.default_rng(4)
    middle, higher = 0.5 + 0.1 * draw.normal(size=800), draw.random(800) ** 0.8
    rows = np.vstack([np.column_stack([higher, middle]), draw.random((2000, 2))]).astype(np.float32)
    recorded = np.zeros((2800, 2), np.int64)
    recorded[np.arange(800), draw.integers(0, 2, 800)] = 1
    assert measure_bias(Group(rows, recorded, ()), draw.integers(0, 5, 2800)).predictor == 1


def test_folds_that_cannot_be_scored_are_left_out():
    group, fold = biased_group(3)
    visited = group.recorded.any(axis=1)
    # all records in one fold: nothing is left to fit without it, and nothing to score in the others
    assert measure_bias(group, np.where(visited, 0, fold)) is None


def test_only_a_group_with_other_species_records_has_a_strength():
    group, fold = biased_group(1, 120, 300)
    quick = EngineSettings(n_estimators=20, n_networks=1)
    assert fit_group(group, fold, quick).bias is not None
    assert fit_group(group, None, quick).bias is None
    absences = Group(group.rows, group.recorded, group.categorical, absences=True)
    assert fit_group(absences, fold, quick).bias is None


def test_a_species_of_two_places_does_not_count_as_much_as_one_of_hundreds():
    draw = np.random.default_rng(3)
    x = np.concatenate([draw.uniform(0.5, 1, 400), draw.uniform(0, 0.5, 2), draw.random(1200)])
    recorded = np.zeros((len(x), 3), np.int64)
    recorded[np.arange(400), np.arange(400) % 2] = 1
    recorded[400:402, 2] = 1
    bias = measure_bias(Group(x[:, None].astype(np.float32), recorded, ()), draw.integers(0, 5, len(x)))
    # Places in the upper half against uniform points: .5 + .5 * .5 on average; the two places are at .25 of it.
    assert bias.between_species == pytest.approx(0.75, abs=0.03)


def test_constant_predictors_differ_nowhere():
    group, fold = biased_group(1)
    constant = Group(np.ones_like(group.rows[:, :1]), group.recorded, ())
    bias = measure_bias(constant, fold)
    assert bias.predictor is None
    assert bias.auc == 0.5
