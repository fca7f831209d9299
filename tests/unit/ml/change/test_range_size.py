"""AOO and EOO beside values that were worked out in other ways."""

import math

import numpy as np
import pytest

from ml.change.places import Centre, movement, wind
from ml.change.range_size import RecordsSize, convex_hull, iucn_cells, size_of_records


def test_hull_of_points_inside_and_on_the_sides():
    corners = {(0.0, 0.0), (4.0, 0.0), (4.0, 3.0), (0.0, 3.0)}
    draw = np.random.default_rng(0)
    inside = draw.uniform(0, 1, (500, 2)) * [4.0, 3.0]
    sides = [[2.0, 0.0], [4.0, 1.0], [1.0, 3.0]]
    hull = convex_hull(np.concatenate([np.array(sorted(corners)), inside, sides]))
    assert {tuple(point) for point in hull.tolist()} == corners
    # counter-clockwise
    x, y = hull.T
    assert np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2 == 12.0


@pytest.mark.parametrize("n", [100, 3000])
def test_hull_beside_that_of_scipy(n):
    from scipy.spatial import ConvexHull

    points = np.random.default_rng(n).normal(size=(n, 2))
    expected = points[ConvexHull(points).vertices]
    assert {tuple(p) for p in convex_hull(points).tolist()} == {tuple(p) for p in expected.tolist()}


def test_hull_of_few_points():
    assert len(convex_hull(np.zeros((5, 2)))) == 1
    assert len(convex_hull(np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]))) == 2


def test_cells_of_2_km_have_4_square_kilometres():
    # random places of the sphere: the share in each band of cells is that of its area
    total = iucn_cells(np.array([179.9999]), np.array([90.0]))[0] + 1
    assert 4.0 * total == pytest.approx(4 * math.pi * 6371.0072**2, rel=1e-4)


@pytest.mark.parametrize("latitude", [0.3, 45.2, -71.0])
def test_neighbours_of_2_km(latitude):
    # a line along a parallel of 100 km has 50 or 51 cells
    degrees = 100 / (111.195 * math.cos(math.radians(latitude)))
    lon = np.linspace(179.7, 179.7 + degrees, 5000)
    assert len(np.unique(iucn_cells(lon, np.full(5000, latitude)))) in (50, 51, 52)
    lat = np.linspace(latitude, latitude + 100 / 111.195, 5000)
    assert len(np.unique(iucn_cells(np.zeros(5000), lat))) in (50, 51)
    # the same place after a turn
    assert iucn_cells(np.array([-179.5]), np.array([latitude])) == iucn_cells(np.array([180.5]), np.array([latitude]))


def test_centre_of_opposite_places_is_none():
    centre = Centre()
    centre.add(np.array([0.0, 180.0]), np.array([0.0, 0.0]), np.array([1.0, 1.0]))
    assert centre.place is None
    centre.add(np.array([90.0, math.inf]), np.array([0.0, 0.0]), np.array([1.0, 1.0]))
    assert centre.place == pytest.approx((90.0, 0.0))


def test_bearings():
    assert movement((0.0, 0.0), (-1.0, 0.0)) == pytest.approx((111.3195, 270.0), rel=1e-5)
    assert [wind(bearing) for bearing in (0, 44, 90, 181, 350, 359.9)] == [
        *("north", "north-east", "east", "south", "north", "north"),
    ]


def test_the_size_of_records():
    # a triangle at the equator: half of 111.320 by 110.574 km
    triangle = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)]
    size = size_of_records([*triangle, (0.0, 0.0), (0.2, 0.2)])
    assert size is not None
    assert size.aoo_km2 == 16.0
    assert size.eoo_km2 == pytest.approx(0.5 * 111.320 * 110.574, rel=2e-3)
    # the same across the antimeridian
    turned = size_of_records([((x + 359.5) % 360 - 180, y) for x, y in triangle])
    assert turned is not None
    assert turned.eoo_km2 == pytest.approx(size.eoo_km2, rel=1e-9)


def test_the_size_of_few_and_of_far_records():
    assert size_of_records([]) is None
    assert size_of_records([(10.0, 50.0)]) == RecordsSize(4.0, 0.0)
    assert size_of_records([(0.0, 0.0), (180.0, 0.0), (90.0, 0.0)]) == RecordsSize(12.0, None)
