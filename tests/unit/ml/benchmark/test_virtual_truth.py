"""What a model of a virtual species estimates, by hand and by drawing."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.virtual.truth import (
    chance_of_record,
    logit,
    target,
)

CHANCE = np.array([[0.2, 0.1], [0.1, 0.4], [0.05, 0.0]])


def test_with_even_effort_records_are_in_proportion_to_suitability():
    suitability = np.array([[0.9], [0.3], [0.6]])
    chance = chance_of_record(suitability, np.full((3, 1), 7.0), np.array([1]))
    assert chance[:, 0] == pytest.approx([0.5, 1 / 6, 1 / 3])


def test_the_chance_of_a_record_is_the_share_of_draws_that_have_it():
    draw = np.random.default_rng(3)
    suitability, effort = draw.uniform(0.1, 0.9, 200), np.exp(2 * draw.normal(size=200))
    counts, n_draws = np.zeros(200), 3000
    for _ in range(n_draws):
        occurs = np.flatnonzero(draw.random(200) < suitability)
        weight = effort[occurs]
        counts[draw.choice(occurs, 25, replace=False, p=weight / weight.sum())] += 1
    chance = chance_of_record(suitability[:, None], effort[:, None], np.array([25]))[:, 0]
    assert chance.sum() == pytest.approx(25)
    assert np.abs(counts / n_draws - chance).max() < 0.04
    # in proportion to suitability · effort, the most visited cell would have records more often than it exists
    plain = 25 * suitability * effort / (suitability @ effort)
    assert np.abs(counts / n_draws - plain).max() > 0.3


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        # presences .2 .1 .05 of .35; places of the other species without it .8·.1, .9·.4 and 0 of .44
        (0.0, [0.631579, 0.461538, 0.3]),  # 4/7, 2/7 and 1/7 against 1/3
        (1.0, [0.758621, 0.258824, 1.0]),  # against 2/11, 9/11 and 0
        (0.5, [0.689295, 0.331658, 0.461538]),  # against 17/66, 19/33 and 1/6
    ],
)
def test_the_target_of_three_cells(share, expected):
    found = target(CHANCE, 0, share)
    assert found.share == pytest.approx(expected, abs=1e-6)
    assert found.mixture.sum() == pytest.approx(1)
    # presences are half of presences and background
    assert found.mixture @ found.share == pytest.approx(0.5)


def test_densities_of_a_part_are_continued_elsewhere():
    found = target(CHANCE, 0, 0.0, np.array([True, True, False]))
    presences = np.array([0.2, 0.1, 0.05]) / 0.3
    assert found.share == pytest.approx(presences / (presences + 0.5))
    assert found.mixture[:2].sum() == pytest.approx(1)


def test_target_group_alone_cancels_effort_of_few_records():
    draw = np.random.default_rng(4)
    suitability, effort = draw.uniform(0.2, 0.8, (5000, 2)), np.exp(draw.normal(size=5000))
    chance = chance_of_record(suitability, np.column_stack([effort, effort]), np.array([5, 5]))
    difference = logit(target(chance, 0, 1.0).share) - np.log(suitability[:, 0] / suitability[:, 1])
    assert difference.std() < 0.03
    # random background does not cancel it
    assert (logit(target(chance, 0, 0.0).share) - np.log(suitability[:, 0])).std() > 0.9
