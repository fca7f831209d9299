"""The layers of own data, stored by a training: the same values as the rasters and as the table of the training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ml.__main__ import main
from ml.layers.grid import GridCells
from ml.layers.review import review
from ml.layers.stack import open_stack
from ml.layers.stored import LayerStore, find_store
from ml.own_data.assemble import assemble
from ml.own_data.files import inspect_file
from ml.own_data.layer_store import store_layers
from ml.predictors.places import rows_at
from ml.recipes.recipe import LayerChoice, Recipe
from ml.serving.artifact import read_card
from tests.own_files import layer_values, write_layer, write_study

FAST = ["--trees", "20", "--folds", "3", "--jobs", "1", "--title", "Hills"]


_FUTURE = "MIROC6_ssp585_2061-2080_"


def store(folder: Path, home: Path, recipe: Recipe) -> tuple[LayerStore, object]:
    reports = [inspect_file(folder, path.name) for path in sorted(folder.iterdir())]
    assembly = assemble(folder, recipe, reports)
    assert assembly.study.preparation is not None
    path = store_layers(home, folder, assembly.recipe, reports, assembly.study.preparation, "hills")
    return LayerStore(path), (assembly, reports)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_study(tmp_path_factory.mktemp("own") / "files")
    warmer = layer_values()["bio_1"] + 3
    # a future of both climate layers, whose soil is carried over, and one that lacks rain
    write_layer(folder / f"{_FUTURE}bio_1.tif", warmer, "bio_1")
    write_layer(folder / f"{_FUTURE}bio_12.tif", layer_values()["bio_12"], "bio_12")
    write_layer(folder / "MIROC6_ssp126_2061-2080_bio_1.tif", warmer, "bio_1")
    return folder


def test_the_store_has_the_values_of_the_training_and_of_the_rasters(folder: Path, tmp_path: Path) -> None:
    stored, (assembly, reports) = store(folder, tmp_path, Recipe(title="Hills"))  # type: ignore[misc]
    layers, study = stored.open(), assembly.study
    assert layers.names == ["bio1", "bio12", "soil"]
    # the table that models are trained on, at the places of its rows
    longitude, latitude = study.coordinates.T
    predictors = [
        p if p.type == "continuous" else p.model_copy(update={"levels": ["1", "2", "3"]}) for p in study.predictors
    ]
    rows = rows_at(layers, latitude, longitude, predictors)
    assert rows.problems == [None] * len(longitude)
    for number, name in enumerate(layers.names):
        assert rows.values[:, number].tolist() == study.environment[name].tolist()
    # the cells and the values that GDAL reads
    report = review(assembly.recipe, reports)
    draw = np.random.default_rng(5)
    x, y = draw.uniform(-10, 7, 3000), draw.uniform(33, 45, 3000)
    for scenario in (None, *stored.scenarios):
        with open_stack(folder, report, assembly.recipe, scenario) as stack:
            cells = GridCells(stack)
            at = cells.cell_of(x, y)
            one = stored.open(scenario)
            assert one.cell_of(x, y).tolist() == at.tolist()
            np.testing.assert_array_equal(one.values(at), cells.values(at))
            np.testing.assert_array_equal(
                one.block(slice(3, 9), slice(0, 11)), stack.read(slice(3, 9), slice(0, 11)).transpose(1, 2, 0)
            )


def test_complete_scenarios_are_stored_and_others_named(folder: Path, tmp_path: Path) -> None:
    stored, _ = store(folder, tmp_path, Recipe(title="Hills"))
    (future,) = stored.scenarios
    assert "MIROC6" in future and "2061" in future
    assert list(stored.index.incomplete.values()) == [["bio12"]]
    cell = np.array([20 * 60 + 30])
    today, later = stored.open().values(cell)[0], stored.open(future).values(cell)[0]
    assert later.tolist() == pytest.approx([today[0] + 3, today[1], today[2]])


@pytest.mark.thorough
def test_records_and_settings_keep_the_key_and_layers_change_it(folder: Path, tmp_path: Path) -> None:
    first, _ = store(folder, tmp_path, Recipe(title="Hills"))
    settings = Recipe(title="Hills").settings.model_copy(update={"trees": 40})
    same, _ = store(folder, tmp_path, Recipe(title="Hills", settings=settings))
    assert same.folder == first.folder
    scaled = [LayerChoice(file=f"{name}bio_12.tif", band="1", factor=0.1) for name in ("", _FUTURE)]
    other, _ = store(folder, tmp_path, Recipe(title="Hills", layers=scaled))
    assert other.folder != first.folder
    assert other.open().values(np.array([1230]))[0, 1] == pytest.approx(
        first.open().values(np.array([1230]))[0, 1] / 10
    )


@pytest.mark.thorough
def test_a_scenario_that_is_added_later_is_stored_beside(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "files")
    before, _ = store(folder, tmp_path / "home", Recipe(title="Hills"))
    assert before.scenarios == []
    for name in ("bio_1", "bio_12"):
        write_layer(folder / f"{_FUTURE}{name}.tif", layer_values()[name], name)
    after, _ = store(folder, tmp_path / "home", Recipe(title="Hills"))
    assert after.folder == before.folder and len(after.scenarios) == 1


def test_the_command_stores_the_layers_of_its_models(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, work = tmp_path / "layers", tmp_path / "work"
    work.mkdir()
    command = ["train", "--files", str(folder), "--models", str(tmp_path / "m"), "--work", str(work), *FAST]
    assert main([*command, "--only", "prepare", "--progress", "json"]) == 0
    assert not home.exists()
    # the checkpoint is there, the layers are not
    assert main([*command, "--layer-store", str(home), "--progress", "json"]) == 0
    (model,) = json.loads(capsys.readouterr().out.splitlines()[-1])["trained"]
    card = read_card(Path(model["path"]))
    found = find_store(home, card)
    assert found is not None and found.names == ["bio1", "bio12", "soil"]
    other = card.model_copy(update={"preparation": card.preparation.model_copy(update={"grid": "another"})})  # type: ignore[union-attr]
    assert find_store(home, other) is None
    assert find_store(tmp_path / "nowhere", card) is None


def test_layers_that_cannot_be_stored_do_not_stop_a_training(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("a file where the folder would be")
    command = ["train", "--files", str(folder), "--models", str(tmp_path / "m"), *FAST]
    assert main([*command, "--layer-store", str(tmp_path / "taken"), "--progress", "json"]) == 0
    assert "Places of this study cannot be asked" in capsys.readouterr().out
