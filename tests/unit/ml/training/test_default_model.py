"""Which members a species gets, and what the engine makes of records that are few, alike or twice there."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from ml.training.default_model import EngineSettings, Group, fit_species
from ml.training.group import fit_group
from ml.training.provenance import networks_for

QUICK = EngineSettings(n_estimators=20, n_networks=1)


def _group(n_species=3, absences=False, seed=0, n=260, presences=30):
    draw = np.random.default_rng(seed)
    rows = draw.normal(size=(n, 4)).astype(np.float32)
    recorded = np.zeros((n, n_species), np.int64)
    for s in range(n_species):
        wish = rows[:, s % 4] + draw.normal(scale=0.5, size=n)
        recorded[np.argsort(-wish)[:presences], s] = 1
    return Group(rows, recorded, absences=absences)


def _fit(group, species=0, settings=QUICK):
    return fit_species(group, species, fit_group(group, None, settings), settings)


@pytest.mark.parametrize(
    ("n_species", "absences", "members"),
    [
        (1, False, {"forest", "maxent"}),
        (3, False, {"forest", "maxent", "network"}),
        (1, True, {"forest"}),
        (3, True, {"forest", "network"}),
    ],
)
def test_the_members_follow_the_records(n_species, absences, members):
    group = _group(n_species, absences)
    model = _fit(group)
    assert set(model.members(group.rows)) == members
    assert model.weights.weights == dict.fromkeys(members, pytest.approx(1 / len(members)))


def test_other_species_with_too_few_places_are_no_target_group():
    group = _group(2, presences=12)
    assert not group.has_target_group
    shared = fit_group(group, None, QUICK)
    assert (shared.share, shared.network) == (0.0, None)


def _one_record(group):
    group.recorded[:, 0] = 0
    group.recorded[7, 0] = 1


def _one_cell(group):
    group.rows[group.recorded[:, 0] == 1] = group.rows[3]


def _constant(group):
    group.rows[:, 1] = 4


def _all_constant(group):
    group.rows[:] = 4


def _twice(group):
    group.rows[130:] = group.rows[:130]
    group.recorded[130:] = group.recorded[:130]


@pytest.mark.parametrize("spoil", [_one_record, _one_cell, _constant, _all_constant, _twice])
@pytest.mark.parametrize("n_species", [1, 3])
def test_records_that_say_little_give_finite_scores(spoil, n_species):
    group = _group(n_species)
    spoil(group)
    model = _fit(group)
    elsewhere = np.random.default_rng(9).normal(scale=20, size=(50, 4)).astype(np.float32)
    for scores in model.members(np.concatenate((group.rows, elsewhere))).values():
        assert np.isfinite(scores).all()
    if spoil is _all_constant:
        assert np.ptp(model.score(group.rows)) == pytest.approx(0, abs=1e-6)


def test_a_species_without_a_presence_is_refused():
    group = _group(3)
    group.recorded[:, 0] = 0
    with pytest.raises(ValueError, match="one class"):
        _fit(group)


def test_a_row_is_scored_without_regard_to_the_others():
    group = _group()
    model = _fit(group)
    whole = model.score(group.rows)
    np.testing.assert_allclose(model.score(group.rows[::2]), whole[::2], rtol=0, atol=1e-12)
    np.testing.assert_allclose(model.score(group.rows[::-1]), whole[::-1], rtol=0, atol=1e-12)


def test_the_number_of_threads_does_not_change_a_bit():
    group = _group(n=1500, presences=200)
    scores = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            model = _fit(group)
        scores.append([model.maxent.coef_, *model.network.hidden_1_, *model.network.output_])
    for one, two in zip(*scores, strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_rare_species_does_not_hang_on_which_others_are_asked_for():
    """A species' own members depend on its records and seed, not on its place among the others."""
    group = _group()
    first = _fit(group, 1)
    turned = Group(group.rows, group.recorded[:, [1, 0, 2]])
    second = _fit(turned, 0)
    for name in ("forest", "maxent"):
        np.testing.assert_array_equal(first.members(group.rows)[name], second.members(group.rows)[name])


@pytest.mark.parametrize(("trees", "networks"), [(10, 1), (100, 1), (101, 2), (400, 4), (500, 5), (5_000, 5)])
def test_a_network_for_every_hundred_trees_and_five_at_most(trees, networks):
    assert networks_for(trees) == networks
