"""The suitable area as GeoJSON: the polygons contain the cells of their verdict and no others, and have their area."""

import json

import numpy as np
import pyogrio.raw
import pyproj
import pytest
import rasterio
import shapely
from rasterio.transform import Affine

from ml.projection.outlines import outlines_of, write_outlines
from ml.projection.project import project
from ml.recipes.reports import Grid
from ml.serving.verdict import VERDICTS
from tests.unit.ml.projection.made_maps import opened, write_layers

GEOD = pyproj.Geod(ellps="WGS84")
CANNOT_SAY, NOTHING = VERDICTS.index("cannot_say"), 255


def grid_of(crs, shape, west, north, cell):
    return Grid(crs=crs, height=shape[0], width=shape[1], west=west, north=north, cell_x=cell, cell_y=cell)


def written(folder, grid, cells):
    path = folder / "verdict.tif"
    profile = {"driver": "GTiff", "count": 1, "height": grid.height, "width": grid.width, "dtype": "uint8"}
    transform = Affine(grid.cell_x, 0, grid.west, 0, -grid.cell_y, grid.north)
    with rasterio.open(path, "w", crs=grid.crs, transform=transform, nodata=NOTHING, **profile) as file:
        file.write(cells.astype(np.uint8), 1)
    return path


def mixed(shape, seed=0):
    """Verdicts in patches, with single cells, corners that touch, and holes among them."""
    draw = np.random.default_rng(seed)
    patches = draw.choice([0, 1, 2, CANNOT_SAY, NOTHING], (shape[0] // 4 + 1, shape[1] // 4 + 1))
    cells = patches.repeat(4, 0).repeat(4, 1)[: shape[0], : shape[1]]
    lone = draw.random(shape) < 0.15
    return np.where(lone, draw.choice([0, 1, CANNOT_SAY], shape), cells)


def placed(grid, column, row):
    """Longitude and latitude of places of the grid, by pyproj."""
    to_degrees = pyproj.Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform(grid.west + grid.cell_x * column, grid.north - grid.cell_y * row)
    return (np.asarray(lon) + 180) % 360 - 180, np.asarray(lat)


def inner_points(grid):
    """A place inside each cell."""
    row, column = np.mgrid[0 : grid.height, 0 : grid.width]
    # beside the middle, which can lie on the antimeridian
    return placed(grid, column + 0.47, row + 0.51)


def area_km2(polygons):
    """Area on the ellipsoid of polygons whose edges are straight in degrees."""
    return abs(GEOD.geometry_area_perimeter(shapely.segmentize(polygons, 0.05))[0]) / 1e6


def area_of_cells(grid, mask):
    """Area of cells by their corners, with points between the corners."""
    step, zero, one = np.arange(20) / 20, np.zeros(20), np.ones(20)
    across = np.concatenate([step, one, 1 - step, zero])
    down = np.concatenate([zero, step, one, 1 - step])
    row, column = np.nonzero(mask)
    lon, lat = placed(grid, column[:, None] + across, row[:, None] + down)
    return sum(abs(GEOD.polygon_area_perimeter(*cell)[0]) for cell in zip(lon, lat, strict=True)) / 1e6


def check_form(polygons):
    """RFC 7946: valid, counter-clockwise shells and clockwise holes, and nothing across the antimeridian."""
    assert polygons.geom_type == "MultiPolygon"
    assert polygons.is_valid
    west, south, east, north = polygons.bounds
    assert -180 <= west <= east <= 180
    assert -90 <= south <= north <= 90
    for part in polygons.geoms:
        assert part.exterior.is_ccw
        assert not any(hole.is_ccw for hole in part.interiors)


def check(grid, cells, folder):
    outlines = outlines_of(written(folder, grid, cells), grid)
    assert outlines.factor == 1
    lon, lat = inner_points(grid)
    for verdict, polygons in outlines.geometries.items():
        check_form(polygons)
        mask = cells == VERDICTS.index(verdict)
        assert np.array_equal(shapely.contains_xy(polygons, lon, lat), mask)
        assert area_km2(polygons) == pytest.approx(area_of_cells(grid, mask), rel=2e-4)
    return outlines


@pytest.mark.parametrize(
    ("crs", "shape", "west", "north", "cell"),
    [
        ("EPSG:4326", (30, 40), 2.0, 43.0, 0.1),
        # across the antimeridian, in the middle of a cell too
        ("EPSG:4326", (30, 40), 175.0, -10.0, 0.25),
        ("EPSG:4326", (20, 30), 173.1, -10.0, 0.5),
        ("EPSG:4326", (20, 30), -187.5, 60.0, 0.5),
        # NAD27: another ellipsoid
        ("EPSG:4267", (20, 30), -120.0, 40.0, 0.5),
        ("EPSG:3035", (40, 30), 4_000_000, 3_000_000, 20_000),
        # Mercator around 150° E, across the antimeridian
        ("EPSG:3832", (30, 30), 3_000_000, 1_000_000, 25_000),
        # the North Pole is a corner of cells, and lies in a cell
        ("EPSG:3995", (24, 24), -1_200_000, 1_200_000, 100_000),
        ("EPSG:3995", (25, 25), -1_250_000, 1_250_000, 100_000),
        ("EPSG:3031", (25, 25), -1_250_000, 1_250_000, 100_000),
    ],
)
def test_the_polygons_are_the_cells(tmp_path, crs, shape, west, north, cell):
    check(grid_of(crs, shape, west, north, cell), mixed(shape), tmp_path)


def test_a_pole_that_is_all_suitable_is_one_area(tmp_path):
    for n in (10, 11):
        grid = grid_of("EPSG:3995", (n, n), -n * 50_000, n * 50_000, 100_000)
        cells = np.zeros((n, n), int)
        polygons = outlines_of(written(tmp_path, grid, cells), grid).geometries["suitable"]
        check_form(polygons)
        assert area_km2(polygons) == pytest.approx(area_of_cells(grid, cells == 0), rel=2e-4)
        # cut along the antimeridian alone: one part touches it from both sides
        assert len(polygons.geoms) == 1
        assert polygons.bounds[0] == -180
        assert polygons.bounds[2:] == (180, 90)


def test_a_hole_is_no_part_of_the_area(tmp_path):
    cells = np.full((7, 7), 2)
    cells[1:6, 1:6] = 0
    cells[3, 3] = CANNOT_SAY
    grid = grid_of("EPSG:4326", (7, 7), 176.5, 3.5, 1.0)
    polygons = outlines_of(written(tmp_path, grid, cells), grid).geometries["suitable"]
    check_form(polygons)
    # the antimeridian cuts the hole
    assert len(polygons.geoms) == 2
    assert not shapely.contains_xy(polygons, 179.99, 0.0)
    assert not shapely.contains_xy(polygons, -179.99, 0.0)
    assert shapely.contains_xy(polygons, 178.0, 0.0)
    assert polygons.area == pytest.approx(24.0)


def test_a_band_around_the_globe_has_no_seam_but_the_antimeridian(tmp_path):
    # from 0 to 360 degrees, half a cell beyond both poles
    grid = Grid(crs="EPSG:4326", height=19, width=36, west=0.0, north=95.0, cell_x=10.0, cell_y=10.0)
    cells = np.full((19, 36), 2)
    cells[0] = 0
    cells[8:10] = 0
    polygons = outlines_of(written(tmp_path, grid, cells), grid).geometries["suitable"]
    check_form(polygons)
    assert sorted(part.bounds for part in polygons.geoms) == [(-180, -5, 180, 15), (-180, 85, 180, 90)]


def test_cells_beyond_the_globe_have_no_outline(tmp_path):
    grid = grid_of("ESRI:54009", (20, 40), -20_000_000, 10_000_000, 1_000_000)
    outlines = outlines_of(written(tmp_path, grid, np.zeros((20, 40), int)), grid)
    polygons = outlines.geometries["suitable"]
    check_form(polygons)
    assert outlines.geometries["probably_suitable"] is None
    assert shapely.contains_xy(polygons, [0.5, 100.5, -150.5], [0.5, 40.5, -20.5]).all()


@pytest.mark.parametrize(
    "grid",
    [
        grid_of("+proj=igh +datum=WGS84 +units=m +no_defs +type=crs", (30, 66), -20_000_000, 9_000_000, 600_000),
        grid_of("ESRI:54052", (30, 66), -20_000_000, 9_000_000, 600_000),
        grid_of("ESRI:102016", (40, 40), -20_000_000, 20_000_000, 1_000_000),
    ],
    ids=["igh", "goode", "azimuthal"],
)
def test_outlines_of_projections_that_are_cut_or_leave_the_globe(tmp_path, grid):
    cells = np.zeros((grid.height, grid.width), dtype=np.uint8)
    (polygons,) = [
        one for one in outlines_of(written(tmp_path, grid, cells), grid).geometries.values() if one is not None
    ]
    assert polygons.is_valid
    west, south, east, north = polygons.bounds
    assert -180 <= west < east <= 180 and -90 <= south < north <= 90


@pytest.mark.parametrize("limit", [{"most_cells": 500}, {"most_corners": 300}])
def test_too_many_corners_are_fewer_and_the_model_says_nothing_inside(tmp_path, limit):
    shape = (61, 83)
    grid, cells = grid_of("EPSG:4326", shape, 170.0, 10.0, 0.25), mixed(shape, seed=2)
    cells[cells == 2] = 0
    cells[np.random.default_rng(3).random(shape) < 0.9] = 0
    path = written(tmp_path, grid, cells)
    exact, outlines = outlines_of(path, grid), outlines_of(path, grid, **limit)
    assert outlines.factor > 1
    assert outlines.n_corners < exact.n_corners
    lon, lat = inner_points(grid)
    unsure = cells == CANNOT_SAY
    assert unsure.any()
    for polygons in filter(None, outlines.geometries.values()):
        check_form(polygons)
        assert not shapely.contains_xy(polygons, lon[unsure], lat[unsure]).any()
    # squares at the edge of the grid end there
    assert shapely.contains_xy(outlines.geometries["suitable"], lon, lat).any()
    assert outlines.geometries["suitable"].bounds[1] >= 10.0 - 61 * 0.25


def test_the_file_of_a_map(tmp_path, survey):
    with opened(survey, write_layers(tmp_path / "layers")) as inputs:
        summary = project(survey, inputs, tmp_path / "map")
    path = tmp_path / "map" / "suitable.geojson"
    content = json.loads(path.read_text())
    assert content["type"] == "FeatureCollection"
    assert "simplified" not in content
    assert summary["outlines"]["simplified"] is None
    assert summary["outlines"]["file"] == path.name
    for feature in content["features"]:
        properties = feature["properties"]
        area = summary["area_km2"]["by_verdict"][properties["verdict"]]
        assert properties["area_km2"] == area
        assert properties["model"] == summary["model_id"]
        assert properties["citation"] == summary["citation"]
        found = area_km2(shapely.geometry.shape(feature["geometry"])) if feature["geometry"] else 0.0
        assert found == pytest.approx(area, rel=1e-5)
    # GDAL
    meta, _, shapes, fields = pyogrio.raw.read(path)
    assert "4326" in meta["crs"]
    assert set(meta["fields"]) >= {"verdict", "label", "area_km2", "species", "licences"}
    assert list(fields[list(meta["fields"]).index("verdict")]) == ["suitable", "probably_suitable"]
    for shape, feature in zip(shapes, content["features"], strict=True):
        assert (shape is None) == (feature["geometry"] is None)


def test_a_map_without_a_suitable_cell(tmp_path):
    grid = grid_of("EPSG:4326", (3, 3), 0.0, 3.0, 1.0)
    written(tmp_path, grid, np.full((3, 3), CANNOT_SAY))
    summary = {
        "quantities": {"verdict": {"file": "verdict.tif"}},
        "scenario": {"label": "warm"},
        "species": {"scientific_name": "Parus major"},
        "area_km2": {"by_verdict": dict.fromkeys(VERDICTS, 0.0)},
        "threshold": {"value": 0.5},
        **{"model_id": "m", "licences": [], "citation": "c"},
    }
    write_outlines(tmp_path, "a.geojson", grid, summary)
    content = json.loads((tmp_path / "a.geojson").read_text())
    assert [feature["geometry"] for feature in content["features"]] == [None, None]
    assert {feature["properties"]["scenario"] for feature in content["features"]} == {"warm"}
