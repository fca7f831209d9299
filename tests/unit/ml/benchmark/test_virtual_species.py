"""Virtual species: prevalence, expected AUC and bias are what they are said to be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.methods import known_levels
from benchmarks.virtual.shares import gain_of, rules
from benchmarks.virtual.species import World, expected_auc, liking, make_group, niche
from ml.benchmark.run import blocks_of
from ml.training.bias_strength import measure_bias


@pytest.fixture(scope="module")
def world():
    draw = np.random.default_rng(0)
    rows = np.column_stack([draw.normal(size=(10_000, 4)), draw.integers(0, 3, 10_000)]).astype(np.float32)
    return World("Made", rows, draw.uniform(0, 100_000, (10_000, 2)), (4,))


@pytest.mark.parametrize("prevalence", [0.02, 0.2, 0.5])
def test_a_niche_has_its_prevalence(world, prevalence):
    suitability = niche(liking(world.standard_scores(), np.random.default_rng(1)), prevalence)
    assert suitability.mean() == pytest.approx(prevalence, abs=1e-6)
    assert 0 <= suitability.min() <= suitability.max() <= 1


def test_species_have_a_part_of_their_niche_in_common(world):
    def correlation(common):
        suitability = make_group(world, "none", 0.0, np.random.default_rng(5), common=common).suitability
        ranks = np.log(suitability / (1 - suitability))
        among = np.corrcoef(ranks.T)
        return among[np.triu_indices(len(among), 1)].mean()

    # the correlation of two sums of a shared part and an own one is the share of the variance of the shared part
    assert correlation(0.0) == pytest.approx(0, abs=0.15)
    assert correlation(0.5) == pytest.approx(0.5, abs=0.15)


def test_the_expected_auc_is_that_of_all_pairs():
    draw = np.random.default_rng(2)
    suitability, score = draw.random(40), draw.integers(0, 8, 40)
    better = worse = 0.0
    for i in range(40):
        for j in range(40):
            if i != j:
                weight = suitability[i] * (1 - suitability[j])
                better += weight * ((score[i] > score[j]) + 0.5 * (score[i] == score[j]))
                worse += weight
    assert expected_auc(score, suitability) == pytest.approx(better / worse)
    assert expected_auc(np.zeros(40), suitability) == pytest.approx(0.5)


def test_records_lie_where_the_species_occurs_and_people_go(world):
    made = make_group(world, "climate", 2.0, np.random.default_rng(3))
    records = made.group.records
    assert made.n_records.tolist() == records.recorded.sum(axis=0).tolist()
    assert made.n_records[:2].tolist() == [10, 30]
    assert records.rows.shape[0] == len(made.group.places) == len(records.recorded)
    assert not made.group.geographic
    chosen = records.recorded.any(axis=1)
    # cells of records are drawn from those of the world
    assert {tuple(row) for row in records.rows[chosen].tolist()} <= {tuple(row) for row in world.rows.tolist()}


@pytest.mark.thorough
def test_a_stronger_bias_has_a_higher_measured_strength(world):
    def strength(kind, amount):
        group = make_group(world, kind, amount, np.random.default_rng(4)).group
        return measure_bias(group.records, blocks_of(group)).auc

    weak, strong = strength("climate", 0.5), strength("climate", 3.0)
    assert strong > weak + 0.05
    # roads say nothing about the conditions, which do not depend on the place in this world
    assert strength("roads", 3.0) < strong


def test_levels_that_another_program_refuses_become_the_most_common_one():
    train = np.array([[0.0, 5], [2, 5], [2, 6]])
    test = np.array([[1.0, 5], [0, 7], [2, 6]])
    assert known_levels(train, test, (0,)).tolist() == [[2, 5], [0, 7], [2, 6]]
    assert test[0, 0] == 1


def test_a_share_between_those_that_were_fitted_gains_what_lies_between():
    table = pd.DataFrame({"share 0.5": [0.7, 0.8], "share 0.75": [0.72, 0.79], "share 1.0": [0.73, 0.75]})
    table["between species"] = [0.8, 0.55]
    np.testing.assert_allclose(gain_of(table, np.array([0.625, 0.875])), [0.01, -0.03])
    weak, strong, gain, error, least = rules(table, "between species")[0]
    # the best rule gives the first group everything and the second one nothing
    assert weak >= 0.55
    assert strong <= 0.8 + 1e-9
    assert (gain, error, least) == pytest.approx((0.015, 0.015, 0.0))
