"""A model of own files, projected onto its own layers: the rows of its table have the answers of their cells."""

import json
import shutil

import numpy as np
import pytest
import rasterio

from ml.__main__ import main
from ml.own_data.checkpoint import load_assembly
from ml.serving.artifact import load_artifact
from ml.serving.verdict import VERDICTS, judge
from tests.own_files import write_study
from tests.unit.ml.projection.made_maps import read


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folder, with files, models and the prepared study; one layer is in tenths, which the recipe turns to °C."""
    folder = tmp_path_factory.mktemp("own")
    files = write_study(folder / "files")
    with rasterio.open(files / "bio_1.tif", "r+") as file:
        values = file.read(1)
        present = values != file.nodata
        values[present] = np.rint(10 * values[present])
        file.write(values, 1)
    recipe = {"title": "Hills", "layers": [{"file": "bio_1.tif", "factor": 0.1, "unit": "°C"}]}
    recipe["settings"] = {"trees": 40, "folds": 3}
    (folder / "recipe.json").write_text(json.dumps(recipe))
    command = ["train", "--files", str(files), "--recipe", str(folder / "recipe.json"), "--jobs", "1"]
    command += ["--layer-store", str(folder / "layers")]
    assert main([*command, "--output", str(folder / "models"), "--work", str(folder / "work")]) == 0
    return folder


def test_the_rows_of_the_study_have_the_answers_of_their_cells(trained, tmp_path):
    (path,) = (one.parent for one in (trained / "models").rglob("manifest.json"))
    command = ["project", "--model", str(path), "--files", str(trained / "files"), "--jobs", "1"]
    assert main([*command, "--output", str(tmp_path / "map")]) == 0
    artifact, study = load_artifact(path), load_assembly(trained / "work").study
    # Values of the table, in °C, and labels.
    assert study.environment["bio1"].max() < 40
    assert study.environment["soil"].dtype == object or isinstance(study.environment["soil"].iloc[0], str)
    stored = {name: read(tmp_path / "map", name).ravel() for name in ("suitability", "low", "high", "verdict", "mess")}
    summary = json.loads((tmp_path / "map" / "map.json").read_text())
    names = [predictor.name for predictor in artifact.card.predictors]
    for row, cell in zip(study.environment[names].itertuples(index=False), study.cells, strict=True):
        answer = artifact.predictor.answer(list(row))
        assert stored["suitability"][cell] == round(10_000 * answer.suitability)
        assert stored["low"][cell] == round(10_000 * answer.interval[0])
        assert stored["high"][cell] == round(10_000 * answer.interval[1])
        assert stored["mess"][cell] == np.float32(answer.novelty.mess)
        better = artifact.quality.better_than_chance
        verdict = judge(
            answer.suitability,
            answer.interval,
            answer.threshold,
            inside=answer.novelty.inside,
            better_than_chance=better,
        )
        assert VERDICTS[stored["verdict"][cell]] == verdict
    assert (stored["verdict"] != 255).sum() == summary["cells"]["valid"]
    hashes = {layer.predictor: layer.sha256 for layer in artifact.card.preparation.layers}
    assert {layer["predictor"]: layer["sha256"] for layer in summary["layers"]} == hashes


def test_stored_layers_give_the_map_of_the_files(trained, tmp_path):
    (path,) = (one.parent for one in (trained / "models").rglob("manifest.json"))
    command = ["project", "--model", str(path), "--jobs", "1"]
    assert main([*command, "--files", str(trained / "files"), "--output", str(tmp_path / "files")]) == 0
    assert main([*command, "--layer-store", str(trained / "layers"), "--output", str(tmp_path / "stored")]) == 0
    summaries = [json.loads((tmp_path / name / "map.json").read_text()) for name in ("files", "stored")]
    for name in summaries[0]["quantities"]:
        np.testing.assert_array_equal(read(tmp_path / "files", name), read(tmp_path / "stored", name))
    for member in ("beyond", "cells", "area_km2", "grid", "threshold", "layers"):
        assert summaries[0][member] == summaries[1][member], member


def test_a_file_of_the_same_name_with_other_values_is_not_taken_for_the_trained_one(trained, tmp_path, capsys):
    """The layer is in °C already: the factor of the recipe would make it a tenth."""
    files = tmp_path / "files"
    shutil.copytree(trained / "files", files)
    with rasterio.open(files / "bio_1.tif", "r+") as file:
        values = file.read(1)
        present = values != file.nodata
        values[present] = values[present] / 10
        file.write(values, 1)
    (path,) = (one.parent for one in (trained / "models").rglob("manifest.json"))
    command = ["project", "--model", str(path), "--files", str(files), "--jobs", "1"]
    status = main([*command, "--output", str(tmp_path / "map")])
    out, err = capsys.readouterr()
    assert status == 0, err
    assert "bio1: bio_1.tif is not the file of that name in training: its values were taken as they are" in out
