"""Maps of stored layers: each cell has the answer that a place in it gets."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio

from ml.__main__ import main
from ml.layers.stored import find_store
from ml.predictors.places import rows_at
from ml.serving.artifact import load_artifact
from ml.serving.bulk import answer_rows
from tests.stored_layers import HILLS, WARMER, write_hills


@pytest.fixture(scope="module")
def wheatear(model_tree):
    (path,) = model_tree.glob("*/oenanthe-hispanica/*")
    return load_artifact(path)


@pytest.fixture(scope="module")
def home(wheatear, tmp_path_factory):
    folder = tmp_path_factory.mktemp("layers")
    write_hills(folder, [wheatear.card.training.data_fingerprint])
    return folder


def project(wheatear, home, output, *options):
    return main(
        ["project", "--model", str(wheatear.path), "--layer-store", str(home), "--output", str(output), *options]
    )


@pytest.mark.parametrize("scenario", [None, WARMER])
def test_each_cell_has_the_answer_of_its_centre(wheatear, home, tmp_path, capfd, scenario):
    output = tmp_path / "map"
    assert project(wheatear, home, output, *(["--scenario", scenario] if scenario else [])) == 0, capfd.readouterr().err
    row, column = (part.ravel() for part in np.mgrid[0 : HILLS.height, 0 : HILLS.width])
    layers = find_store(home, wheatear.card).open(scenario)
    rows = rows_at(layers, HILLS.north - (row + 0.5) * 0.1, HILLS.west + (column + 0.5) * 0.1, wheatear.card.predictors)
    usable = np.array([problem is None for problem in rows.problems])
    expected = answer_rows(wheatear, rows.values[usable])
    with rasterio.open(output / "suitability.tif") as file:
        suitability = file.read(1).ravel()
    with rasterio.open(output / "verdict.tif") as file:
        verdict = file.read(1).ravel()
    assert 0 < usable.sum() < len(usable)
    np.testing.assert_array_equal(suitability[~usable], 65535)
    np.testing.assert_array_equal(suitability[usable], np.rint(expected.suitability * 10_000))
    np.testing.assert_array_equal(verdict[usable], expected.verdict)
    summary = json.loads((output / "map.json").read_text())
    assert summary["cells"]["valid"] == usable.sum()
    assert (summary["scenario"] or {}).get("label") == scenario
    assert ("4 °C warmer." in summary["notes"]) == (scenario is not None)


def test_processes_write_the_same_bytes(wheatear, home, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    assert project(wheatear, home, one, "--jobs", "1") == 0
    assert project(wheatear, home, two, "--jobs", "2") == 0
    assert (one / "suitability.tif").read_bytes() == (two / "suitability.tif").read_bytes()


def test_a_map_of_other_conditions_is_not_taken_for_this_one(wheatear, home, tmp_path, capfd):
    assert project(wheatear, home, tmp_path / "map") == 0
    assert project(wheatear, home, tmp_path / "map", "--scenario", WARMER) == 2
    assert "a map of other inputs" in capfd.readouterr().err


def test_bad_input_is_one_line(wheatear, home, tmp_path, capfd):
    assert project(wheatear, home, tmp_path / "a", "--scenario", "SSP999") == 2
    error = capfd.readouterr().err
    assert "scenario SSP999: must be one of" in error and WARMER in error
    assert project(wheatear, tmp_path / "nowhere", tmp_path / "a") == 2
    assert "has no layers that the model" in capfd.readouterr().err
    assert project(wheatear, home, tmp_path / "a", "--layers", str(home)) == 2
    error = capfd.readouterr().err
    assert "--layer-store takes the place of" in error
    assert len(error.strip().splitlines()) == 1
