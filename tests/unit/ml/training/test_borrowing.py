"""Groups that borrow the places of another group."""

from dataclasses import replace

import numpy as np
import pytest

from ml.training.bias_strength import BiasStrength
from ml.training.borrowing import LEAST_ACROSS, PlacedGroup, borrow_places
from ml.training.default_model import EngineSettings, Group
from ml.training.group import fit_groups
from ml.training.target_group import share_for

N_BACKGROUND = 600


def _group(seed: int, effort: int | None, counts: list[int], absences: bool = False) -> PlacedGroup:
    """Species in a square of 100 km, recorded mostly where one of three conditions is high."""
    draw = np.random.default_rng(seed)
    parts, labels = [], []
    for species, n in enumerate(counts):
        pool = draw.normal(size=(4000, 3))
        liked = np.zeros(4000) if effort is None else 2.5 * pool[:, effort]
        parts.append(pool[np.argsort(-(liked + draw.gumbel(size=4000)))[:n]])
        labels.append(np.eye(len(counts), dtype=np.int64)[[species] * n])
    parts.append(np.random.default_rng(99).normal(size=(N_BACKGROUND, 3)))
    labels.append(np.zeros((N_BACKGROUND, len(counts)), np.int64))
    rows, recorded = np.concatenate(parts).astype(np.float32), np.concatenate(labels)
    places = np.random.default_rng(seed + 1000).uniform(0, 100_000, (len(rows), 2))
    places[-N_BACKGROUND:] = np.random.default_rng(98).uniform(0, 100_000, (N_BACKGROUND, 2))
    return PlacedGroup(Group(rows, recorded, (), absences), places, geographic=False)


SMALL = _group(1, 0, [15, 20])
RELATED = _group(2, 0, [150, 200, 90])
OTHER = _group(3, 1, [150, 200, 90])


def test_a_small_group_borrows_from_the_group_with_the_same_bias():
    small, other, related = borrow_places([SMALL, OTHER, RELATED], 5)
    assert (small.lender, other.lender, related.lender) == (2, None, None)
    assert other is OTHER
    n, group = len(SMALL.group.rows), small.group
    assert group.n_species == 2
    assert group.recorded.shape == (n + 440, 3)
    np.testing.assert_array_equal(group.recorded[:n, :2], SMALL.group.recorded)
    np.testing.assert_array_equal(group.recorded[n:], np.tile([0, 0, 1], (440, 1)))
    np.testing.assert_array_equal(group.rows[n:], RELATED.group.rows[:440])
    np.testing.assert_array_equal(small.places[n:], RELATED.places[:440])
    assert group.borrowed.between_species >= LEAST_ACROSS
    assert group.borrowed.predictor is None


def test_nothing_is_borrowed_where_the_bias_is_another():
    assert borrow_places([SMALL, OTHER], 5)[0] is SMALL
    unbiased = [_group(4, None, [15, 20]), _group(5, None, [150, 200, 90])]
    assert [one.lender for one in borrow_places(unbiased, 5)] == [None, None]


def test_a_place_of_both_groups_is_one_row():
    rows, places = RELATED.group.rows.copy(), RELATED.places.copy()
    rows[:10], places[:10] = SMALL.group.rows[:10], SMALL.places[:10]
    large = replace(RELATED, group=replace(RELATED.group, rows=rows), places=places)
    [small, _] = borrow_places([SMALL, large], 5)
    n = len(SMALL.group.rows)
    assert len(small.group.rows) == n + 430
    assert small.group.recorded[:n, 2].tolist() == [1] * 10 + [0] * (n - 10)


@pytest.mark.parametrize(
    ("small", "large"),
    [
        # it has a target group of its own
        (_group(6, 0, [40, 20]), _group(7, 0, [150, 200])),
        # the other one has too few
        (_group(6, 0, [10, 10]), _group(7, 0, [20, 20])),
        # sites where species were looked for say where people went
        (_group(6, 0, [15, 20], absences=True), _group(7, 0, [150, 200])),
        # sites of a survey say where the survey went
        (SMALL, replace(RELATED, group=replace(RELATED.group, absences=True))),
        # degrees and metres
        (replace(SMALL, places=SMALL.places / 1e4, geographic=True), RELATED),
        (SMALL, replace(RELATED, places=RELATED.places / 1e4, geographic=True)),
    ],
)
def test_who_does_not_borrow(small, large):
    assert [one.lender for one in borrow_places([small, large], 5)] == [None, None]


def test_the_share_follows_from_the_auc_across_and_a_group_of_one_species_gets_a_network():
    alone = _group(8, 0, [30])
    [small, _] = borrow_places([alone, RELATED], 5)
    assert not alone.group.has_network
    fold = np.arange(len(small.group.rows)) % 5
    settings = EngineSettings(n_estimators=10, n_networks=1)
    [fitted] = fit_groups([(small.group, fold)], settings)
    across = small.group.borrowed.between_species
    assert fitted.model.bias == small.group.borrowed
    assert fitted.model.share == share_for(BiasStrength(0.5, None, across)) > 0.5
    assert fitted.model.network is not None
    # borrowed places are no species: they are neither scored nor stacked
    assert list(fitted.held_out) == [0]
