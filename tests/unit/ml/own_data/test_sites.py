"""Samples with data: rows of one place are one site."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ml.own_data.files import inspect_file
from ml.own_data.sample_study import assemble_samples
from ml.own_data.samples import read_samples
from ml.recipes.recipe import Recipe, RecordFile
from ml.training.bias_strength import measure_bias
from ml.training.folds import study_folds
from ml.training.preparation import encode_study

NAMES = ["Alba prima", "Rosa secunda"]


def noise(n: int, seed: int, places: bool = True) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame(draw.random((n, 4)).round(4), columns=["tmean", "rain", "slope", "soil"])
    if places:
        frame.insert(0, "latitude", draw.uniform(40, 50, n).round(4))
        frame.insert(0, "longitude", draw.uniform(0, 10, n).round(4))
    return frame


def written(folder, parts: dict[str, pd.DataFrame]):
    """Write a table of samples with data, and return what was found in it."""
    table = pd.concat([frame.assign(species=name) for name, frame in parts.items()])
    columns = ["species", *[name for name in table if name != "species"]]
    table[columns].to_csv(folder / "swd.csv", index=False)
    return [inspect_file(folder, "swd.csv")]


@pytest.mark.parametrize("places", [True, False])
def test_a_site_of_two_species_is_one_row_and_noise_has_no_bias(tmp_path, places):
    sites = noise(80, 1, places)
    files = written(tmp_path, {NAMES[0]: sites, NAMES[1]: sites, "background": noise(600, 2, places)})
    study, _ = assemble_samples(tmp_path, Recipe(title="t"), files)
    assert study.presence.shape == (680, 2)
    assert study.presence.sum().tolist() == [80, 80]
    assert study.presence.all(axis=1).sum() == 80
    assert study.preparation is not None and study.preparation.places == ("records" if places else None)
    assert not study.dropped
    group = encode_study(study).group
    fold, validation = study_folds(study, group.recorded.any(axis=1).astype(int), 5, 0)
    assert validation.method == ("spatial blocks" if places else "stratified")
    # the conditions are noise; with a row for each record the other species' rows are the same places: .83
    assert measure_bias(group, fold).between_species == pytest.approx(0.5, abs=0.1)


def test_repeated_rows_count_once_and_conditions_of_another_year_stay(tmp_path):
    sites = noise(40, 3)
    later = sites.assign(tmean=(sites["tmean"] + 1).round(4))
    files = written(tmp_path, {NAMES[0]: pd.concat([sites, sites, sites, later]), "background": noise(100, 4)})
    samples = read_samples(tmp_path, Recipe(title="t"), files)
    assert samples.dropped == {"another record at the same place": 80}
    assert samples.counts == {NAMES[0]: 80}
    study, _ = assemble_samples(tmp_path, Recipe(title="t"), files)
    # the same place in another year has other conditions, and is a row of its own
    assert len(study.environment) == 180


def test_equal_conditions_are_no_place_where_background_is_mostly_equal(tmp_path):
    draw = np.random.default_rng(5)
    codes = pd.DataFrame({"wet": draw.choice([0.5, 1.5], 300), "warm": draw.choice([0.5, 1.5], 300)})
    files = written(tmp_path, {NAMES[0]: codes[:100], "background": codes[100:]})
    samples = read_samples(tmp_path, Recipe(title="t"), files)
    assert samples.counts == {NAMES[0]: 100} and not samples.dropped


def test_one_row_without_a_place_leaves_the_study_without_coordinates(tmp_path):
    sites = noise(40, 6)
    sites.loc[7, "latitude"] = np.nan
    files = written(tmp_path, {NAMES[0]: sites, "background": noise(100, 7)})
    study, _ = assemble_samples(tmp_path, Recipe(title="t"), files)
    assert study.coordinates is None and len(study.environment) == 140
    assert "no coordinates" in study.description.limits[-1]
    whole = written(tmp_path, {NAMES[0]: sites.drop(index=7), "background": noise(100, 7)})
    located, _ = assemble_samples(tmp_path, Recipe(title="t"), whole)
    assert located.coordinates is not None and "no coordinates" not in located.description.limits[-1]


def test_projected_coordinates_are_transformed(tmp_path):
    sites, background = noise(40, 8), noise(100, 9)
    for frame in (sites, background):
        # eastings and northings of UTM zone 32, whose central meridian at 9° E is 500 km east
        frame["longitude"], frame["latitude"] = 500_000.0, frame["latitude"].rank() * 1000 + 5_000_000
    files = written(tmp_path, {NAMES[0]: sites, "background": background})
    recipe = Recipe(title="t", records=[RecordFile(name="swd.csv", datum="EPSG:32632")])
    study, _ = assemble_samples(tmp_path, recipe, files)
    assert study.coordinates[:, 0] == pytest.approx(9.0, abs=1e-6)
    assert (study.coordinates[:, 1] > 45).all() and (study.coordinates[:, 1] < 46.1).all()
