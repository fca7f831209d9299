"""Areas on the sphere: what they contain, their bounds, and how they are written."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.geography.areas import Box, Circle, distance_km, read_box, read_point, read_polygon

latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180)


def within(bounds, latitude, longitude):
    return bounds.south <= latitude <= bounds.north and any(
        west <= longitude <= east for west, east in bounds.longitudes
    )


def polygons():
    def build(corners):
        try:
            return read_polygon(";".join(f"{latitude!r},{longitude!r}" for latitude, longitude in corners))
        except ValueError:
            return None

    numbers = st.integers(-89, 89), st.integers(-180, 180)
    return st.lists(st.tuples(*numbers), min_size=3, max_size=8).map(build).filter(bool)


boxes = st.tuples(longitudes, latitudes, longitudes, latitudes).map(
    lambda b: Box(b[0], min(b[1], b[3]), b[2], max(b[1], b[3]))
)
circles = st.builds(Circle, latitudes, longitudes, st.floats(0.001, 20_015))


@given(st.one_of(boxes, circles, polygons()), latitudes, longitudes)
def test_bounds_have_every_place_of_the_area(area, latitude, longitude):
    if area.contains(latitude, longitude):
        assert within(area.bounds(), latitude, longitude)


@given(st.one_of(boxes, circles, polygons()), latitudes)
def test_the_meridian_of_180_degrees_has_two_names(area, latitude):
    assert area.contains(latitude, 180.0) == area.contains(latitude, -180.0)


def test_a_box_across_180_degrees():
    box = read_box("170,-20,-170,-10")
    assert [box.contains(-15, x) for x in (175, -175, 180, -180, 170, -170, 169.9, -169.9, 0)] == [True] * 6 + [
        False
    ] * 3
    assert read_box("-180,-90,180,90").contains(12, 34)
    assert not read_box("10,0,10,1").contains(0.5, 10.1)


def test_distances_are_those_of_the_sphere():
    # a quarter of a great circle, and a degree of the equator
    assert distance_km(0, 0, 90, 0) == pytest.approx(10_007.557, abs=0.01)
    assert distance_km(0, 179.5, 0, -179.5) == pytest.approx(111.195, abs=0.001)
    assert distance_km(51.5, -0.13, 48.86, 2.35) == pytest.approx(343, abs=2)
    circle = Circle(89.9, 0, 50)
    assert circle.contains(89.9, 180)
    assert circle.bounds().longitudes == ((-180.0, 180.0),)


def test_a_polygon_and_its_hole():
    ring = [[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]
    hole = [[4, 4], [6, 4], [6, 6], [4, 6], [4, 4]]
    polygon = read_polygon(json.dumps({"type": "Polygon", "coordinates": [ring, hole]}))
    assert polygon.contains(2, 2)
    assert not polygon.contains(5, 5)
    assert polygon.contains(0, 5)
    assert polygon.contains(4, 5)
    assert not polygon.contains(5, 10.001)
    assert read_polygon("0,0;0,10;10,10;10,0;").contains(2, 2)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_ring_has_what_it_goes_round_however_often_and_in_whichever_direction(times):
    corners = ["0,0", "0,10", "10,10", "10,0"]
    for ring in (corners, corners[::-1]):
        polygon = read_polygon(";".join(ring * times))
        assert [polygon.contains(*place) for place in ((5, 5), (0, 5), (10, 10), (5, 10.1), (-1, 5))] == [
            True, True, True, False, False,
        ]  # fmt: skip
    east = read_polygon(";".join(["-10,170", "-10,-170", "-20,-170", "-20,170"] * times))
    assert [east.contains(-15, x) for x in (175, -175, 180, 165, 0)] == [True] * 3 + [False] * 2


def test_both_loops_of_an_eight_are_in_it_and_a_hole_outside_is_nothing():
    eight = read_polygon("0,0;10,10;10,0;0,10")
    assert [eight.contains(5, x) for x in (1, 9, 5, 11)] == [False, False, True, False]
    assert (eight.contains(1, 5), eight.contains(9, 5)) == (True, True)
    ring, outside = [[0, 0], [10, 0], [10, 10], [0, 10]], [[20, 0], [30, 0], [30, 10], [20, 10]]
    polygon = read_polygon(json.dumps({"type": "Polygon", "coordinates": [ring, outside]}))
    assert (polygon.contains(5, 5), polygon.contains(5, 25), polygon.contains(5, 20)) == (True, False, False)
    # a hole that goes round twice is as much of a hole
    hole = [[4, 4], [6, 4], [6, 6], [4, 6]] * 2
    polygon = read_polygon(json.dumps({"type": "Polygon", "coordinates": [ring, hole]}))
    assert (polygon.contains(2, 2), polygon.contains(5, 5), polygon.contains(4, 5)) == (True, False, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{"type": "Polygon", "coordinates": [], "coordinates": [[[0,0],[1,0],[1,1]]]}',
            "“coordinates” given more",
        ),
        ('{"type": "Point", "type": "Polygon", "coordinates": [[[0,0],[1,0],[1,1]]]}', "“type” given more than once"),
        ('{"type": "Polygon", "crs": {"a": 1, "a": 2}, "coordinates": [[[0,0],[1,0],[1,1]]]}', "“a” given more than"),
        ("{" + ",".join(f'"{n}":1' for n in range(501)) + "}", "at most 500 members"),
    ],
)
def test_a_member_that_is_given_twice_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        read_polygon(text)


def test_the_message_on_a_longitude_has_its_limits():
    assert read_point("46,360") == (46, 0)
    with pytest.raises(ValueError, match="a longitude must be from -180 to 360"):
        read_point("46,368")


def test_a_polygon_across_180_degrees():
    polygon = read_polygon("-10,170;-10,-170;-20,-170;-20,170")
    assert [polygon.contains(-15, x) for x in (175, -175, 180, -180, 165, 0)] == [True] * 4 + [False] * 2


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (read_box, "1,2,3"),
        (read_box, "1,2,3,4,5"),
        (read_box, "a,2,3,4"),
        (read_box, "1,5,3,4"),
        (read_box, "-181,0,0,1"),
        (read_box, "0,nan,0,1"),
        (read_box, "0,0,1e999,1"),
        (read_point, "91,0"),
        (read_point, "0"),
        (read_point, "0,361"),
        (read_point, "inf,0"),
        (read_polygon, "0,0;1,1"),
        (read_polygon, "0,0;0,0;0,0;1,1"),
        (read_polygon, "80,0;80,120;80,-120"),
        (read_polygon, "-90,-180;-90,180;90,180"),
        (read_polygon, "{"),
        (read_polygon, "{}"),
        (read_polygon, '{"type": "Point", "coordinates": [0, 0]}'),
        (read_polygon, '{"type": "Polygon", "coordinates": []}'),
        (read_polygon, '{"type": "Polygon", "coordinates": [7]}'),
        (read_polygon, '{"type": "Polygon", "coordinates": [[[0, 0], [1, "x"], [2, 2]]]}'),
        (read_polygon, '{"type": "Polygon", "coordinates": [[[0, 0], [true, 1], [2, 2]]]}'),
        (read_polygon, '{"type": "Polygon", "coordinates": [[[0, 0], [1e999, 1], [2, 2]]]}'),
        (read_polygon, "{" + "[" * 3_000),
        (read_polygon, ";".join(f"{n % 90},{n}" for n in range(201))),
    ],
)
def test_what_is_no_area_is_refused(read, text):
    with pytest.raises(ValueError, match=r"\w"):
        read(text)
