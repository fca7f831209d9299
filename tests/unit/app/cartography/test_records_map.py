"""The map of records."""

from __future__ import annotations

import itertools
import re
import struct

import pytest

from app.cartography.coastline import read_rings
from app.cartography.records_map import degrees, draw, start_of


def test_the_map_fits_the_places_and_tells_kept_from_dropped():
    drawn = draw([(-8.0, 40.0, True), (-6.0, 41.0, True), (-7.0, 42.0, True), (-7.0, 41.0, False)])
    assert (drawn.n_kept, drawn.n_dropped) == (3, 1)
    assert drawn.extent == "from 8° W to 6° W and 40° N to 42° N"
    # a tenth of the larger side is added on each side: 2.4° by 2.4°, and the cosine of 41° for the width
    assert drawn.height == pytest.approx(420)
    assert drawn.width == pytest.approx(420 * 0.75471, rel=1e-3)
    assert [line.label for line in drawn.meridians] == ["8° W", "7° W", "6° W"]
    assert [line.label for line in drawn.parallels] == ["40° N", "41° N", "42° N"]
    assert drawn.n_outside == 0
    assert drawn.kept.count("M") == 3
    assert drawn.dropped.count("M") == 1
    places = [(float(x), float(y)) for x, y in re.findall(r"M([\d.-]+) ([\d.-]+)h0", drawn.kept)]
    assert all(0 <= x <= drawn.width and 0 <= y <= drawn.height for x, y in places)


def test_a_dropped_place_far_outside_does_not_shrink_the_map():
    drawn = draw([(-8.0, 40.0, True), (-6.0, 42.0, True), (0.0, 0.0, False), (-8.1, 40.0, False)])
    assert (drawn.n_dropped, drawn.n_outside, drawn.dropped.count("M")) == (2, 1, 1)
    assert drawn.extent == "from 8° W to 6° W and 40° N to 42° N"
    # the table has all of them
    assert sum(square.dropped for square in drawn.squares) == 2
    # without a kept place the map shows the dropped ones
    assert draw([(0.0, 0.0, False), (1.0, 1.0, False)]).n_outside == 0


def test_the_antimeridian_does_not_cut_the_places():
    places = [(178.0, -17.0, True), (-179.0, -16.0, True), (179.5, -18.0, False)]
    assert start_of([x for x, _, _ in places]) == 178.0
    drawn = draw(places)
    assert drawn.extent == "from 178° E to 179° W and 17° S to 16° S"
    assert drawn.width < 640.1


@pytest.mark.parametrize(
    ("longitudes", "first"),
    [
        ([0.0], 0.0),
        ([180.0, -180.0], -180.0),
        ([-1e-17], -1e-17),
        ([-120.0, 0.0, 120.0], -120.0),
        ([350.0, 5.0], -10.0),
    ],
)
def test_a_map_begins_behind_the_widest_gap(longitudes, first):
    assert start_of(longitudes) == pytest.approx(first)


def test_one_place_at_a_pole_and_none_at_all():
    assert draw([]) is None
    drawn = draw([(0.0, -90.0, False)])
    assert drawn.n_dropped == 1
    assert drawn.height <= 420.1


def test_places_around_the_globe_stay_within_360_degrees():
    drawn = draw([(float(x), 0.0, True) for x in range(-180, 180, 10)])
    assert drawn.width == pytest.approx(640)
    assert "180°" in [line.label for line in drawn.meridians]


def test_the_table_counts_the_places_between_the_lines():
    drawn = draw([(-8.5, 40.5, True), (-8.4, 40.6, False), (-6.5, 42.5, True)])
    assert [(square.place, square.kept, square.dropped) for square in drawn.squares] == [
        ("42° N to 43° N, 7° W to 6° W", 1, 0),
        ("40° N to 41° N, 9° W to 8° W", 1, 1),
    ]


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0°"), (-7.25, "7.2° W"), (180.0, "180.0°"), (-180.0, "180.0°"), (190.0, "170.0° W")]
)
def test_longitudes_as_text(value, text):
    assert degrees(value, "E", "W", 1 if value else 0) == text


def coordinates(path):
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.-]+) ([\d.-]+)", path)]


def test_land_on_both_sides_of_the_antimeridian_lies_where_the_places_are():
    # Taveuni is cut into two rings by the antimeridian, as in the file of Natural Earth
    west_part = ((179.0, -17.0), (180.0, -17.0), (180.0, -16.0), (179.0, -16.0), (179.0, -17.0))
    east_part = ((-180.0, -17.0), (-179.0, -17.0), (-179.0, -16.0), (-180.0, -16.0), (-180.0, -17.0))
    elsewhere = ((0.0, -17.0), (1.0, -17.0), (1.0, -16.0), (0.0, -17.0))
    drawn = draw([(175.0, -20.0, True), (-175.0, -13.0, True)], [west_part, east_part, elsewhere])
    assert drawn.land.count("M") == 2
    # from 174 to 186 degrees: a tenth of ten degrees is added on each side
    per_degree = drawn.width / 12
    first, second = (coordinates("M" + part) for part in drawn.land[1:].split("M"))
    assert {round(x / per_degree, 1) for x, _ in first} == {5.0, 6.0}
    assert {round(x / per_degree, 1) for x, _ in second} == {6.0, 7.0}
    assert [line.label for line in drawn.meridians] == ["175° E", "180°", "175° W"]
    assert [round(line.at / per_degree, 6) for line in drawn.meridians] == [1, 6, 11]


def test_a_wide_study_is_centred_on_its_places_and_not_on_greenwich():
    # from the Red Sea to French Polynesia: 35 to 225 degrees
    drawn = draw([(35.0, 25.0, True), (120.0, 0.0, True), (179.9, -10.0, True), (-135.0, -20.0, True)])
    xs = sorted(float(x) for x in re.findall(r"M([\d.-]+) ", drawn.kept))
    # 19 degrees are added on each side of 190
    assert [round(x / drawn.width * 228, 0) for x in xs] == [19, 104, 164, 209]


def test_labels_that_have_no_room_are_not_shown():
    drawn = draw([(100.0 + x / 100, 50.0, True) for x in range(0, 21)])
    shown = [line for line in drawn.meridians if line.shown]
    assert 2 <= len(shown) <= len(drawn.meridians)
    ends = [(line.at - 12.5 * len(line.label) / 2, line.at + 12.5 * len(line.label) / 2) for line in shown]
    assert all(before[1] < after[0] for before, after in itertools.pairwise(ends))
    assert ends[-1][1] <= drawn.width + 12
    # the margin has room for the widest label of a parallel
    assert drawn.margin >= 12.5 * max(len(line.label) for line in drawn.parallels)


def shapefile(rings):
    """Return the bytes of a shapefile with one polygon."""
    points = [point for ring in rings for point in ring]
    starts, at = [], 0
    for ring in rings:
        starts.append(at)
        at += len(ring)
    content = struct.pack("<i4d2i", 5, 0, 0, 0, 0, len(rings), len(points))
    content += struct.pack(f"<{len(starts)}i", *starts) + b"".join(struct.pack("<2d", *point) for point in points)
    return bytes(100) + struct.pack(">2i", 1, len(content) // 2) + content


def test_the_outline_of_the_land_is_drawn_where_it_is_stored(tmp_path):
    square = [(-9.0, 39.0), (-5.0, 39.0), (-5.0, 43.0), (-9.0, 43.0), (-9.0, 39.0)]
    far = [(100.0, 39.0), (105.0, 39.0), (105.0, 43.0), (100.0, 39.0)]
    path = tmp_path / "land.shp"
    path.write_bytes(shapefile([square, far]))
    rings = read_rings(path)
    assert [list(ring) for ring in rings] == [square, far]
    drawn = draw([(-8.0, 40.0, True), (-6.0, 42.0, True)], rings)
    assert drawn.land.count("M") == 1
    assert drawn.land.endswith("Z")


@pytest.mark.parametrize("content", [b"", b"x" * 300, bytes(400), shapefile([[(0.0, 0.0), (1.0, 1.0)]])[:-9]])
def test_a_file_that_is_no_outline_is_not_drawn(tmp_path, content):
    path = tmp_path / "land.shp"
    path.write_bytes(content)
    assert read_rings(path) == ()
    assert read_rings(tmp_path / "absent.shp") == ()
