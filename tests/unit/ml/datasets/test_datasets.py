"""The demo studies: names and tables that hold together, from the real files where they have been fetched."""

import time

import h5py
import numpy as np
import pytest

from ml.datasets import DEMO_LAYERS, DEMO_STUDIES, load_study
from ml.datasets.bird_names import BIRDS
from ml.datasets.era5_layers import store_layers
from ml.datasets.temperature_change import read_change
from ml.layers.climatology import Climatology
from ml.layers.errors import LayerError
from ml.layers.stored import LayerStore
from ml.predictors.places import rows_at
from tests.unit.ml.datasets.raw_files import RAW, needs
from tests.variants import thorough

BIRD_FILE, SLUG_FILE = "rpjdl.xlsx", "ariolimax.gpkg"
FUTURES = ("A1B_north_america.nc", "E1_north_america.nc")
CORAL_FILES = ("AcDigitifera.zip", "era5_global_climatology_2000_2025.nc", "naturalearth_lowres.shp")


def test_every_bird_has_its_own_names():
    assert len(BIRDS) == 51
    assert len({scientific for scientific, _, _ in BIRDS.values()}) == 51
    assert len({english for _, english, _ in BIRDS.values()}) == 51
    for scientific, _english, others in BIRDS.values():
        assert len(scientific.split()) == 2
        assert scientific not in others
        assert others


def test_an_unknown_study_and_files_that_are_not_there(tmp_path):
    with pytest.raises(KeyError, match="no study"):
        load_study("unicorns", tmp_path)
    for slug in DEMO_STUDIES:
        with pytest.raises(FileNotFoundError):
            load_study(slug, tmp_path)


def holds_together(study, slug):
    n = len(study.environment)
    assert study.description.slug == slug
    assert [p.name for p in study.predictors] == list(study.environment.columns)
    assert [s.slug for s in study.species] == list(study.presence.columns)
    assert len(study.presence) == n
    assert set(np.unique(study.presence)) == {0, 1}
    assert study.presence.sum().min() >= 20
    assert np.isfinite(study.environment.to_numpy()).all()
    for predictor in study.predictors:
        column = study.environment[predictor.name]
        assert predictor.lowest_possible <= column.min() <= column.max() <= predictor.highest_possible
        assert predictor.label
        # a share has no unit
        assert predictor.unit or (predictor.lowest_possible, predictor.highest_possible <= 1) == (0, True)
    for places in (study.coordinates, study.projected):
        assert places is None or places.shape == (n, 2)
    assert study.description.limits
    assert all(source.citation and source.licence for source in study.description.sources)


@needs(BIRD_FILE)
def test_mediterranean_birds():
    study = load_study("mediterranean-birds", RAW)
    holds_together(study, "mediterranean-birds")
    assert study.environment.shape == (182, 8)
    assert len(study.species) == 29
    assert (study.presence.sum().min(), study.presence.sum().max()) == (20, 104)
    # the covers were noted in whole per cent: the logarithm has been undone
    assert (study.environment == study.environment.round()).all().all()
    assert study.environment["bare_rock"].iloc[0] == 80
    assert study.presence["oenanthe-hispanica"].sum() == 57


@needs(SLUG_FILE)
def test_banana_slug():
    study = load_study("banana-slug", RAW)
    holds_together(study, "banana-slug")
    assert study.presence["ariolimax-buttoni"].value_counts().to_dict() == {0: 4990, 1: 1595}
    lon, lat = study.coordinates.T
    assert (lon.min() > -125, lon.max() < -113, lat.min() > 32, lat.max() < 43) == (True,) * 4
    assert study.projected.min() > 100_000


@needs(*CORAL_FILES)
def test_staghorn_coral():
    study = load_study("staghorn-coral", RAW)
    holds_together(study, "staghorn-coral")
    present = study.presence["acropora-digitifera"].to_numpy()
    assert (present.sum() + sum(study.dropped.values()), (present == 0).sum()) == (1660, 5000)
    assert present.sum() == 280
    assert study.dropped["fossil"] == 23
    assert len(study.predictors) <= 10
    assert "CC BY-NC are left out" in study.description.sources[0].licence
    background = study.coordinates[present == 0]
    assert len(np.unique(background, axis=0)) == 5000
    again = load_study("staghorn-coral", RAW)
    assert again.environment.equals(study.environment)


@needs(SLUG_FILE, *CORAL_FILES)
def test_banana_slug_and_climate():
    study = load_study("banana-slug-climate", RAW)
    holds_together(study, "banana-slug-climate")
    (slug,) = study.presence.columns
    # the name of the other study's species stays its own
    assert slug == "ariolimax-buttoni-banana-slug-climate"
    assert study.presence[slug].value_counts().to_dict() == {0: 651, 1: 72}
    assert len(np.unique(study.coordinates, axis=0)) == 723
    assert study.dropped == {"another record in the same cell": 1595 - 72}
    # centres of the grid
    assert (study.coordinates * 4 == np.round(study.coordinates * 4)).all()


@needs(*FUTURES)
def test_the_change_of_temperature_is_that_of_the_years():
    """Against the sums of the file, read and averaged by hand."""
    with h5py.File(RAW / FUTURES[0]) as file:
        values, years = file["air_temperature"][:].astype(float), 1860 + np.arange(240)
        assert (file["latitude"][18], file["longitude"][6]) == (37.5, 236.25)
        assert (file["time"][0] / 8640 + 1970) == pytest.approx(1860.4167, abs=1e-3)
    present, future = (years >= 2000) & (years <= 2025), (years >= 2070) & (years <= 2099)
    change = values[future].mean(0) - values[present].mean(0)
    at = read_change(RAW / FUTURES[0], (2070, 2099))
    places = at(np.array([-123.75, 236.25, -123.75 + 1.875 / 2, 0.0]), np.array([37.5, 38.75, 37.5, 0.0]))
    np.testing.assert_allclose(places[:2], [change[18, 6], change[19, 6]])
    assert places[2] == pytest.approx((change[18, 6] + change[18, 7]) / 2)
    assert np.isnan(places[3])
    with pytest.raises(LayerError, match="has not all years"):
        read_change(RAW / FUTURES[0], (2090, 2110))


@needs(BIRD_FILE, SLUG_FILE, *CORAL_FILES, *FUTURES)
@pytest.mark.parametrize("slug", [thorough(slug) if slug == "staghorn-coral" else slug for slug in DEMO_LAYERS])
def test_stored_layers_have_the_values_of_the_training(slug, tmp_path):
    study = load_study(slug, RAW)
    store = LayerStore(store_layers(tmp_path, DEMO_LAYERS[slug](RAW), ["f" * 64]))
    longitude, latitude = study.coordinates.T
    rows = rows_at(store.open(), latitude, longitude, study.predictors)
    assert rows.problems == [None] * len(longitude)
    assert (rows.values == study.environment.to_numpy()).all()
    grid, climate = store.index.grid, Climatology(RAW / CORAL_FILES[1])
    draw = np.random.default_rng(1)
    x, y = grid.west + draw.uniform(0, 10, 500), grid.north - draw.uniform(0, 10, 500)
    row, column = climate.rows_columns(x, y)
    first_row, first_column = climate.rows_columns([grid.west], [grid.north - 1e-9])
    cell = (row - first_row) * grid.width + (column - first_column) % 1440
    assert store.lookup.cell_of(x, y).tolist() == cell.tolist()


@needs(SLUG_FILE, *CORAL_FILES, *FUTURES)
def test_the_futures_are_warmer_and_no_wetter(tmp_path):
    store = LayerStore(store_layers(tmp_path, DEMO_LAYERS["banana-slug-climate"](RAW), []))
    assert store.scenarios == ["A1B 2040–2069", "A1B 2070–2099", "E1 2040–2069", "E1 2070–2099"]
    grid = store.index.grid
    everything = slice(0, grid.height), slice(0, grid.width)
    today = store.open().block(*everything)
    late, cut = (store.open(f"{pathway} 2070–2099").block(*everything) - today for pathway in ("A1B", "E1"))
    assert (np.isnan(late) == np.isnan(today)).all() and 0.2 < np.isnan(today).mean() < 0.4
    by_name = dict(zip(store.names, np.moveaxis(late, 2, 0), strict=True))
    assert 1 < np.nanmin(by_name["bio1"]) < np.nanmax(by_name["bio1"]) < 6
    assert np.nanmax(np.abs(by_name["bio1"] - by_name["bio6"])) < 0.002
    assert all(np.nanmax(np.abs(by_name[name])) == 0 for name in ("bio4", "bio12", "bio14", "bio15", "bio18"))
    assert np.nanmean(cut[:, :, 0]) < np.nanmean(late[:, :, 0]) / 2


@pytest.mark.thorough
@pytest.mark.alone
@needs(BIRD_FILE, SLUG_FILE, *CORAL_FILES)
def test_loading_is_quick():
    started = time.thread_time()
    for slug in DEMO_STUDIES:
        load_study(slug, RAW)
    assert time.thread_time() - started < 6
