"""Stored layers: written block by block, read at places, checked before they are used."""

import json
import os
import shutil

import numpy as np
import pytest

from ml.layers.errors import LayerError
from ml.layers.store import SetSource, extent_of, write_store
from ml.layers.stored import LayerStore, UnknownScenarioError, shortest
from ml.layers.stored_index import StoredLayer, StoredLayers, StoredLayersError, StoredSet, key_of
from ml.predictors.places import block_rows, rows_at
from ml.recipes.reports import Grid
from tests.stored_layers import HILLS, LAYERS, WARMER, hill_values, store_of, write_hills
from tests.synthetic import synthetic_study


@pytest.fixture
def hills(tmp_path):
    return LayerStore(write_hills(tmp_path, ["f" * 64]))


@pytest.fixture(scope="module")
def predictors():
    made = synthetic_study(categorical=True).predictors
    return [p.model_copy(update={"levels": ["chalk", "clay", "sand"]}) if p.name == "soil" else p for p in made]


def test_values_of_cells_are_those_that_were_written(hills):
    assert (hills.names, hills.scenarios) == (["bare_rock", "trees", "temperature", "soil"], [WARMER])
    today, warmer = hills.open(), hills.open(WARMER)
    assert hills.open() is today
    cell = today.cell_of([2.55], [41.95])
    assert cell.tolist() == [10 * 20 + 5]
    np.testing.assert_allclose(today.values(cell)[0], [65.5, 34.5, 10.1, 2], rtol=1e-6)
    np.testing.assert_allclose(warmer.values(cell)[0], [65.5, 34.5, 14.1, 2], rtol=1e-6)
    assert np.isnan(today.values(np.array([-1, 10**9]))).all()
    np.testing.assert_array_equal(
        today.block(slice(3, 7), slice(15, 20)), hill_values()[:, 3:7, 15:20].transpose(1, 2, 0)
    )


def test_rows_at_places_are_conditions_in_natural_units(hills, predictors):
    places = [(41.95, 2.55), (42.95, 2.05), (41.95, 3.95), (41.95, 3.75), (0, 0), (np.nan, 2.5), (95, 2.5), (42, 400)]
    rows = rows_at(hills.open(), *zip(*places, strict=True), predictors)
    assert rows.values[0].tolist() == [65.5, 34.5, 10.1, "clay"]
    assert rows.problems == [
        None,
        "the layer Bare rock (bare_rock) has no value there",
        "none of the layers of this study has a value there",
        "the layer Soil has “peat” there, which the model has never seen",
        "lies outside the layers of this study, which cover 2°E to 4°E and 41°N to 43°N",
        "a coordinate is missing",
        "the latitude must be from -90 to 90",
        "the longitude must be from -180 to 180 (or 0 to 360)",
    ]
    # another order of the predictors, as in a card
    other = rows_at(hills.open(), [41.95], [2.55], predictors[::-1])
    assert other.values[0].tolist() == ["clay", 10.1, 34.5, 65.5]


def test_a_value_that_is_impossible_is_said(tmp_path, predictors):
    (rock, *_) = predictors
    grid = Grid(crs="EPSG:4326", width=2, height=1, west=0, north=1, cell_x=1, cell_y=1)
    store = LayerStore(store_of(tmp_path, grid, np.array([[[100.0, 101.0]]], np.float32)))
    named = rock.model_copy(update={"name": "a", "transform": "none"})
    rows = rows_at(store.open(), [0.5, 0.5], [0.5, 1.5], [named])
    assert rows.problems == [None, "the layer Bare rock has 101 there: must be 100 % or less"]
    values, valid = block_rows(store.open(), slice(0, 1), slice(0, 2), [named])
    assert (values.tolist(), valid.tolist()) == ([[100.0], [101.0]], [True, False])


def test_a_block_for_a_map_has_the_rows_of_its_places(hills, predictors):
    values, valid = block_rows(hills.open(), slice(0, 20), slice(0, 20), predictors)
    y, x = np.divmod(np.arange(400), 20)
    rows = rows_at(hills.open(), 43 - 0.1 * (y + 0.5), 2 + 0.1 * (x + 0.5), predictors)
    assert valid.tolist() == [problem is None for problem in rows.problems]
    assert values[valid].tolist() == rows.values[valid].tolist()
    # without categories and transforms the numbers are those of single precision
    numbers = [p.model_copy(update={"transform": "none"}) for p in predictors[:3]]
    plain, usable = block_rows(hills.open(), slice(0, 20), slice(0, 20), numbers)
    np.testing.assert_array_equal(plain[usable].astype(np.float32), rows.values[usable][:, :3].astype(np.float32))


def test_numbers_are_written_as_short_as_single_precision_allows():
    values = np.array([[12.3, np.nan], [0.1, 16777216.0]], np.float32)
    short = shortest(values)
    assert short[0, 0] == 12.3 and short[1].tolist() == [0.1, 16777216.0] and np.isnan(short[0, 1])


@pytest.mark.parametrize("typed", ["SSP585 2081-2100", "ssp585  2081−2100 ", "SSP585 2081—2100"])
def test_a_label_is_found_with_the_dash_of_a_keyboard(hills, typed):
    assert hills.label_of(typed) == WARMER
    assert hills.open(typed) is hills.open(WARMER)


def test_unknown_and_incomplete_scenarios_are_named(hills):
    with pytest.raises(UnknownScenarioError, match="must be one of SSP585 2081–2100; leave it out"):
        hills.open("SSP999")
    with pytest.raises(UnknownScenarioError, match="the layers of this scenario lack soil"):
        hills.open("SSP126 2081–2100")


def _damage(change):
    def apply(folder):
        index = json.loads((folder / "layers.json").read_text())
        change(index)
        (folder / "layers.json").write_text(json.dumps(index))

    return apply


def _write(name, content):
    return lambda folder: (folder / name).write_bytes(content)


def _link(folder):
    (folder / "training.npy").replace(folder / "other.npy")
    (folder / "training.npy").symlink_to(folder / "other.npy")


def _pickled(folder):
    np.save(folder / "training.npy", np.array([{}] * 4, dtype=object), allow_pickle=True)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_write("layers.json", b"{"), "is not an index of layers"),
        (_write("layers.json", b"x" * (17 * 1024 * 1024)), "is larger than"),
        (lambda folder: (folder / "layers.json").unlink(), "cannot be read"),
        (_damage(lambda index: index["sets"][0].update(file="../training.npy")), "is not an index of layers"),
        (_damage(lambda index: index["grid"].update(width=10**9, height=10**9)), "too large"),
        (_damage(lambda index: index["grid"].update(width=0)), "without cells"),
        (_damage(lambda index: index["grid"].update(crs="EPSG:0")), "has a CRS that is not known"),
        (_damage(lambda index: index["grid"].update(width=21)), "does not have 20 × 21 × 4 numbers"),
        (_damage(lambda index: index["sets"][1]["layers"].pop()), "has sets of different layers"),
        (_damage(lambda index: index["sets"].reverse()), "begins with another set"),
        (lambda folder: os.truncate(folder / "training.npy", 300), "cannot be read"),
        (_write("training.npy", b"no array"), "cannot be read"),
        (lambda folder: np.save(folder / "training.npy", np.zeros((20, 20, 4))), "does not have"),
        (
            lambda folder: np.save(folder / "training.npy", np.asfortranarray(np.zeros((20, 20, 4), "<f4"))),
            "order of rows",
        ),
        (_pickled, "cannot be read"),
        (_link, "is not a regular file"),
        (lambda folder: (folder / "training.npy").unlink(), "cannot be read"),
    ],
)
def test_damaged_stores_are_refused(tmp_path, damage, message):
    folder = write_hills(tmp_path, [])
    damage(folder)
    with pytest.raises(StoredLayersError, match=message):
        LayerStore(folder).open()


def test_a_store_is_written_once_and_names_the_models_of_later_trainings(tmp_path):
    folder = write_hills(tmp_path, ["b"])
    before = (folder / "training.npy").stat().st_mtime_ns
    assert write_hills(tmp_path, ["a"]) == folder
    assert (folder / "training.npy").stat().st_mtime_ns == before
    assert LayerStore(folder).index.trained == ["a", "b"]
    # a lost file is written again
    (folder / "scenario-1.npy").unlink()
    write_hills(tmp_path, ["a"])
    assert LayerStore(folder).open(WARMER) is not None


def test_a_failed_write_leaves_nothing_and_drafts_of_killed_processes_are_removed(tmp_path):
    (tmp_path / "test-hills" / ".writing-killed").mkdir(parents=True)
    folder = write_hills(tmp_path, [])
    assert [path.name for path in (tmp_path / "test-hills").iterdir()] == [folder.name]

    class Torn:
        def windows(self):
            yield slice(0, 10), slice(0, 20)
            yield slice(10, 20), slice(0, 20)

        def read(self, rows, columns):
            if rows.start:
                raise LayerError("bio1.tif is damaged")
            return hill_values()[:, rows, columns]

        def __enter__(self):
            return self

        def __exit__(self, *error):
            return None

    one = StoredSet(file="training.npy", layers=LAYERS)
    index = StoredLayers(key=key_of("torn"), study="torn", grid=HILLS, extent=extent_of(HILLS), sets=[one])
    with pytest.raises(LayerError, match=r"bio1\.tif is damaged"):
        write_store(tmp_path / "torn", index, [SetSource(one, Torn)])
    assert list((tmp_path / "torn").iterdir()) == []


def test_more_than_half_of_the_free_disk_is_not_taken(tmp_path):
    free = shutil.disk_usage(tmp_path).free
    side = int((free / 4) ** 0.5)
    grid = Grid(crs="EPSG:4326", width=side, height=side, west=0, north=1, cell_x=1e-6, cell_y=1e-6)
    one = StoredSet(file="training.npy", layers=[StoredLayer(name="a")])
    index = StoredLayers(key=key_of("large"), study="large", grid=grid, extent=(0, 0, 1, 1), sets=[one])
    with pytest.raises(LayerError, match="at most half of the free space is used"):
        write_store(tmp_path, index, [SetSource(one, lambda: pytest.fail("opened"))])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("grid", "extent"),
    [
        (HILLS, (2, 41, 4, 43)),
        (Grid(crs="EPSG:4326", width=360, height=180, west=0, north=90, cell_x=1, cell_y=1), (-180, -90, 180, 90)),
        (Grid(crs="EPSG:4326", width=20, height=10, west=170, north=5, cell_x=1, cell_y=1), (170, -5, -170, 5)),
        (Grid(crs="EPSG:4326", width=200, height=10, west=30, north=5, cell_x=1, cell_y=1), (30, -5, -130, 5)),
        (Grid(crs="EPSG:4326", width=190, height=10, west=-10, north=5, cell_x=1, cell_y=1), (-10, -5, 180, 5)),
    ],
)
def test_extents_in_degrees(grid, extent):
    assert extent_of(grid) == pytest.approx(extent)


def test_the_extent_of_a_projected_grid():
    grid = Grid(crs="EPSG:32610", width=100, height=80, west=500_000, north=4_200_000, cell_x=1_000, cell_y=1_000)
    west, south, east, north = extent_of(grid)
    # the central meridian of zone 10 is 123° W, and a degree of latitude is 111 km
    assert west == pytest.approx(-123, abs=1e-6) and north - south == pytest.approx(80 / 111, abs=0.02)
    assert east == pytest.approx(-123 + 100 / (111.32 * np.cos(np.radians(37.6))), abs=0.02)
