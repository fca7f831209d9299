"""The coasts of maps: lines around land, in pieces, with nothing along the antimeridian."""

import itertools
import json

import numpy as np
import pytest
import shapely

from app.cartography.coast_pieces import COLUMNS, FOLDER, ROWS, lines_within, piece_file
from tools.coast import cut, draw_coasts

#: Cells for a degree.
N = 4


def made(*boxes):
    """The world with rectangles of land: west, south, east, north."""
    land = np.zeros((180 * N, 360 * N), dtype=bool)
    for west, south, east, north in boxes:
        land[(90 - north) * N : (90 - south) * N, (west + 180) * N : (east + 180) * N] = True
    return land


def pieces(land):
    return dict(cut(draw_coasts(land)))


def length(lines):
    return sum(shapely.LineString(line).length for line in lines)


def test_the_coast_of_an_island_lies_around_it():
    parts = pieces(made((3, 2, 13, 12)))
    assert len(parts) == COLUMNS * ROWS
    assert {name for name, lines in parts.items() if lines} == {"6-2.json"}
    (ring,) = parts["6-2.json"]
    assert shapely.Polygon(ring).bounds == (3, 2, 13, 12)
    assert length([ring]) == pytest.approx(40, rel=0.01)


def test_a_piece_ends_without_a_line():
    # 20 degrees to both sides of the prime meridian and of the equator
    parts = pieces(made((-20, -20, 20, 20)))
    assert {name for name, lines in parts.items() if lines} == {"5-2.json", "6-2.json", "5-3.json", "6-3.json"}
    for lines in (lines for lines in parts.values() if lines):
        assert length(lines) == pytest.approx(40, rel=0.01)


def test_no_coast_along_the_antimeridian_and_the_poles():
    parts = pieces(made((160, 60, 180, 70), (-180, 60, -170, 70), (-180, -90, 180, -75)))
    points = np.array([point for lines in parts.values() for line in lines for point in line])
    for lines in parts.values():
        for line in lines:
            for (a, b), (c, d) in itertools.pairwise(line):
                assert not (a == c and abs(a) == 180 and b != d)
                assert not (b == d == -90 and a != c)
    assert np.abs(points[:, 0]).max() == 180
    assert length(parts["5-5.json"]) == pytest.approx(30, rel=0.01)


def test_steps_of_cells_are_no_steps_of_the_coast():
    row, column = np.mgrid[0 : 180 * N, 0 : 360 * N]
    land = (column - 180 * N >= 10) & (row - 60 * N >= 10) & (column - 180 * N + row - 60 * N < 90)
    (ring,) = pieces(land)["6-2.json"]
    assert len(ring) <= 8


def write(folder, land):
    (folder / FOLDER).mkdir(parents=True)
    for name, lines in pieces(land).items():
        content = {"type": "MultiLineString", "coordinates": lines}
        (folder / FOLDER / name).write_text(json.dumps(content))


def test_the_coasts_of_an_extent(tmp_path):
    assert lines_within(tmp_path, (0, 0, 20, 20)) is None
    write(tmp_path, made((3, 2, 13, 12), (-175, 2, -170, 7)))
    assert len(lines_within(tmp_path, (0, 0, 20, 20))) == 1
    # across the antimeridian
    assert len(lines_within(tmp_path, (170, -10, -165, 10))) == 1
    assert lines_within(tmp_path, (60, 0, 70, 10)) == ()
    # pixels are larger than the differences
    assert lines_within(tmp_path, (-100, 0, 20, 20)) is None
    assert len(lines_within(tmp_path, (170, 80, -170, 90))) == 0
    for column, row in ((12, 0), (0, 6), (-1, 0)):
        assert piece_file(tmp_path, column, row) is None


def test_a_damaged_piece_is_none(tmp_path):
    write(tmp_path, made())
    (tmp_path / FOLDER / "6-2.json").write_text('{"type"')
    assert lines_within(tmp_path, (0, 0, 20, 20)) is None
