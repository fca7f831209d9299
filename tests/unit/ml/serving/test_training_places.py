"""Places that a model was trained on: within 1 km or in the same cell, unknown where it keeps a part of its records."""

from types import SimpleNamespace

import numpy as np
import pytest

from ml.layers.cells import GridLookup
from ml.recipes.reports import Grid
from ml.serving.nearest_records import PointRecords
from ml.serving.training_places import is_training_place

#: Two presences, one without a place, an absence.
PLACES = np.array([[2.5, 42.05], [179.999, -16.0], [np.nan, np.nan], [3.5, 42.05]], np.float32)
PRESENT = np.array([True, True, True, False])
CELLS = GridLookup(Grid(crs="EPSG:4326", width=40, height=20, west=0.0, north=43.0, cell_x=0.1, cell_y=0.1)).cell_of
#: 1 km in degrees of latitude, on a sphere of 6,371.0088 km.
KM = 180 / np.pi / 6371.0088


def card(records="presence-absence", n_presences=2, n_absences=1):
    return SimpleNamespace(study=SimpleNamespace(records=records), n_presences=n_presences, n_absences=n_absences)


def at(longitude, latitude, cells_of=None, used=(0, 1, 3), **about):
    kept = list(used)
    return is_training_place(card(**about), PointRecords(PRESENT[kept], PLACES[kept]), longitude, latitude, cells_of)


@pytest.mark.parametrize(("km", "expected"), [(0.0, True), (0.99, True), (1.01, False)])
def test_a_place_within_a_kilometre_is_that_of_the_record(km, expected):
    assert at(2.5, 42.05 + km * KM) is expected
    assert at(2.5 + km * KM / np.cos(np.radians(42.05)), 42.05) is expected


def test_the_kilometre_crosses_the_antimeridian():
    assert at(-179.9995, -16.0) is True
    assert at(-179.98, -16.0) is False


def test_the_cell_of_the_layers_counts_where_it_is_larger():
    assert at(2.58, 42.01) is False
    assert at(2.58, 42.01, CELLS) is True
    assert at(2.61, 42.01, CELLS) is False
    # outside the grid there is no cell that two places share, although both have the number -1
    assert at(100.0, 0.0, CELLS) is False


def test_absences_are_records_and_background_is_not():
    assert at(3.5, 42.05) is True
    assert at(3.5, 42.05, records="presence-background") is False


def test_a_part_of_the_records_says_yes_and_never_no():
    assert at(2.5, 42.05, n_presences=3_000) is True
    assert at(2.9, 42.05, n_presences=3_000) is None
    # a background of which the model keeps a part does not matter
    assert at(2.9, 42.05, records="presence-background", n_absences=10_000) is False


def test_a_record_without_a_place_may_be_anywhere():
    assert at(2.9, 42.05, used=(0, 1, 2, 3), n_presences=3) is None
    assert at(2.9, 42.05, used=(2,), n_presences=1, n_absences=0) is None
