"""Places on a coarse grid: the same cell from every source, cells as large as stated, nothing of the place left."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from ml.coarse_places import GRIDS_KM, cells_of, coarsen, coarsen_place, rounded

EARTH_KM = 111.195


@pytest.fixture
def places():
    rng = np.random.default_rng(7)
    return rng.uniform(-180, 180, 20_000), np.degrees(np.arcsin(rng.uniform(-1, 1, 20_000)))


@pytest.mark.parametrize("grid", GRIDS_KM)
def test_a_cell_gives_itself_and_no_place_is_far_from_its_centre(grid, places):
    x, y = coarsen(*places, grid)
    assert np.array_equal(np.stack(coarsen(x, y, grid)), np.stack((x, y)))
    assert np.abs(y - places[1]).max() < grid / 100 + 0.01
    aside = np.abs((x - places[0] + 180) % 360 - 180) * np.cos(np.radians(y)) * EARTH_KM
    # near the poles a cell goes around them
    assert aside[np.abs(places[1]) < 85].max() < 2.2 * grid + 1.2


@pytest.mark.parametrize("grid", GRIDS_KM)
def test_cells_measure_at_least_what_is_stated(grid):
    for latitude in (0.0, 23.4, 46.71, 60.0, 71.3, -83.9):
        x = np.arange(-180.0, 180.0, 0.01)
        centres, _ = coarsen(x, np.full(len(x), latitude), grid)
        _, counts = np.unique(centres, return_counts=True)
        assert counts.min() * 0.01 * np.cos(np.radians(latitude)) * EARTH_KM >= grid, latitude


@pytest.mark.parametrize("grid", GRIDS_KM)
def test_a_record_gives_the_same_cell_from_every_source(grid, places):
    for digits in (2, 3, 4):
        x, y = (np.round(one, digits) for one in places)
        exact = np.stack(coarsen(x, y, grid))
        # model cards have two decimals, models single precision
        assert np.array_equal(np.stack(coarsen(np.round(x, 2), np.round(y, 2), grid)), exact)
        assert np.array_equal(np.stack(coarsen(x.astype(np.float32), y.astype(np.float32), grid)), exact)


def test_the_ends_of_the_world():
    assert coarsen_place(180.0, 10.0, 10) == coarsen_place(-180.0, 10.0, 10)
    for grid, (x, y) in itertools.product(GRIDS_KM, ((0.0, 90.0), (12.0, -90.0), (-180.0, 0.0), (179.999, 89.99))):
        longitude, latitude = coarsen_place(x, y, grid)
        assert -180 <= longitude <= 180
        assert -90 <= latitude <= 90
    x, y = coarsen([np.nan, np.inf, 1.0], [1.0, 2.0, 3.0], 10)
    assert list(np.isnan(x)) == list(np.isnan(y)) == [True, True, False]


def test_cells_are_listed_once():
    assert cells_of([(7.123, 46.501), (7.124, 46.502), (8.9, 46.5)], 10) == cells_of([(8.9, 46.5), (7.12, 46.5)], 10)
    assert len(cells_of([(7.123, 46.501), (7.124, 46.502), (8.9, 46.5)], 10)) == 2
    assert cells_of([], 10) == []


@pytest.mark.parametrize("grid", GRIDS_KM)
def test_the_steps_of_rounding_do_not_move_a_record_at_a_border(grid):
    """Files have a place as it is, lists to 6 decimals, cards to 0.01°."""
    borders = (np.arange(-8_000, 8_000, 7) + 0.5) / 100
    aside = np.array([0, 1e-9, 4e-7, 5e-7, 6e-7, 4.9e-5, 4.95e-5, 5e-5, 5.05e-5, 1e-4])
    near = (borders[:, None] + np.concatenate([aside, -aside])).ravel()
    other = np.roll(near, 1_001)
    exact = np.stack(coarsen(other, near, grid))
    for shown in (lambda one: np.round(one, 6), rounded, lambda one: np.round(rounded(one), 2)):
        assert np.array_equal(np.stack(coarsen(shown(other), shown(near), grid)), exact)
