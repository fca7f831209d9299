"""The map of spatial blocks near a pole: compact blocks, true areas, and the cylindrical map elsewhere."""

import numpy as np
import pytest

from ml.evaluation.block_map import EARTH_RADIUS_M, equal_area_metres, map_stretch
from ml.evaluation.splits import TooCloseError, block_ids, spatial_blocks


def _cap(radius_km, n=680, pole=-90.0):
    """Places spread evenly within a distance of a pole, 200 of them presences."""
    draw = np.random.default_rng(0)
    away = np.degrees(radius_km * 1000 / EARTH_RADIUS_M) * np.sqrt(draw.random(n))
    return np.column_stack([draw.uniform(-180, 180, n), np.sign(pole) * (90 - away)]), np.arange(n) % 3 // 2


def _ground(one, other):
    """Great-circle distance in metres, by the haversine formula."""
    (lon1, lat1), (lon2, lat2) = np.radians(one).T, np.radians(other).T
    h = np.sin((lat2 - lat1) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(h))


@pytest.mark.parametrize("pole", [-90.0, 90.0])
@pytest.mark.parametrize("radius_km", [1, 56, 1000])
def test_blocks_round_a_pole_are_compact_on_the_ground(radius_km, pole):
    xy, y = _cap(radius_km, pole=pole)
    fold, size_km = spatial_blocks(xy, y)
    assert len(np.unique(fold)) == 5
    # 20 blocks with presences in a circle are between a twentieth and a ninth of its width
    assert 2 * radius_km / 20 < size_km < 2 * radius_km / 3
    block = block_ids(equal_area_metres(xy), size_km * 1000)
    first, second = np.triu_indices(len(xy), 1)
    together = block[first] == block[second]
    assert _ground(xy[first[together]], xy[second[together]]).max() < 1.01 * np.sqrt(2) * size_km * 1000


def test_a_cap_has_its_true_area_and_distances():
    """A ring at 85° S is a circle on the map, of the area 2 pi R2 (1 - sin 85°)."""
    ring = np.column_stack([np.arange(0, 360, 1.0), np.full(360, -85.0)])
    x, y = equal_area_metres(ring).T
    area = 0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))
    assert area == pytest.approx(2 * np.pi * EARTH_RADIUS_M**2 * (1 - np.sin(np.radians(85))), rel=1e-4)
    # around the centre the map is stretched by 1 / cos(2.5°)
    stretch = map_stretch(ring, np.ones(360, bool))
    assert stretch == pytest.approx(np.full(360, 1 / np.cos(np.radians(2.5))), rel=1e-9)


def test_neighbours_across_the_pole_and_the_antimeridian_stay_neighbours():
    xy = np.array([[0, 89.99], [180, 89.99], [-180, 80.0], [179.99, 80.0], [540, 80.0]])
    metres = equal_area_metres(xy)
    for one, other in ((0, 1), (2, 3), (3, 4)):
        on_map = np.hypot(*(metres[one] - metres[other]))
        assert on_map == pytest.approx(_ground(xy[[one]], xy[[other]])[0], rel=0.01)
    assert metres[2] == pytest.approx(metres[4])


def test_an_area_beside_a_pole_is_not_stretched():
    # Svalbard: 400 km by 400 km about 79° N
    draw = np.random.default_rng(1)
    xy = np.column_stack([draw.uniform(10, 28, 300), draw.uniform(77, 80.5, 300)])
    metres = equal_area_metres(xy)
    ground = _ground(xy[:150], xy[150:])
    on_map = np.hypot(*(metres[:150] - metres[150:]).T)
    assert on_map == pytest.approx(ground, rel=0.001)


@pytest.mark.parametrize("latitude", [(60, 74.9), (-74.9, -60), (-85, 85), (-10, 10)])
def test_other_records_keep_the_cylindrical_map(latitude):
    """Its northing is a function of the sine of the latitude alone, and its easting of the longitude."""
    draw = np.random.default_rng(2)
    xy = np.column_stack([draw.uniform(10, 60, 200), draw.uniform(*latitude, 200)])
    parallel = np.cos(np.radians(min(np.abs(xy[:, 1]).mean(), 75)))
    x = EARTH_RADIUS_M * np.radians(xy[:, 0] - xy[:, 0].min()) * parallel
    y = EARTH_RADIUS_M * np.sin(np.radians(xy[:, 1])) / parallel
    np.testing.assert_allclose(equal_area_metres(xy), np.column_stack([x, y]), rtol=1e-9, atol=1e-6)


def test_places_within_some_metres_of_a_pole_are_too_close():
    with pytest.raises(TooCloseError, match="lie within"):
        spatial_blocks(*_cap(0.05))
