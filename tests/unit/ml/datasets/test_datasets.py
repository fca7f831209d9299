"""The demo studies: names and tables that hold together, from the real files where they have been fetched."""

import time

import numpy as np
import pytest

from ml.datasets import DEMO_STUDIES, load_study
from ml.datasets.bird_names import BIRDS
from tests.unit.ml.datasets.raw_files import RAW, needs

BIRD_FILE, SLUG_FILE = "rpjdl.xlsx", "ariolimax.gpkg"
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


@pytest.mark.alone
@needs(BIRD_FILE, SLUG_FILE, *CORAL_FILES)
def test_loading_is_quick():
    started = time.perf_counter()
    for slug in DEMO_STUDIES:
        load_study(slug, RAW)
    assert time.perf_counter() - started < 6
