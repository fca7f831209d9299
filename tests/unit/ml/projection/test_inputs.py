"""Layers that do not fit the model: one sentence each; grids of all kinds."""

import re

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from ml.card import Predictor
from ml.layers.errors import LayerError
from ml.projection.comparison import compare_layer, refuse_odd_layer
from ml.projection.errors import ProjectionError
from ml.projection.project import project
from ml.recipes.recipe import LayerChoice, Recipe
from ml.recipes.reports import LayerReport
from tests.unit.ml.projection.made_maps import SOILS, opened, read, values, write_layer, write_layers


def refused(artifact, folder, text, **options):
    """Check that the layers of a folder are refused, in one line that has a text."""
    with pytest.raises(ProjectionError, match=re.escape(text)) as caught, opened(artifact, folder, **options):
        pass
    assert "\n" not in str(caught.value)


@pytest.fixture
def layers(tmp_path):
    return write_layers(tmp_path / "layers")


def test_a_missing_layer_is_named(survey, layers):
    (layers / "trees.tif").unlink()
    refused(survey, layers, "there is no layer for trees, of the 4 predictors of the model; the layers are")


def test_two_layers_of_one_predictor_are_refused(survey, layers):
    write_layer(layers / "trees_2.tif", values(seed=4)["trees"], nodata=np.nan)
    both = [LayerChoice(file=name, name="trees") for name in ("trees.tif", "trees_2.tif")]
    refused(survey, layers, "trees", recipe=Recipe(title="x", layers=both))


def test_a_layer_of_another_kind_is_refused(survey, layers):
    recipe = Recipe(title="x", layers=[LayerChoice(file="soil.tif", kind="continuous")])
    refused(survey, layers, "soil: soil.tif has quantities, and the model was trained with categories", recipe=recipe)


def test_a_layer_in_another_unit_is_refused(survey, layers):
    recipe = Recipe(title="x", layers=[LayerChoice(file="trees.tif", unit="m")])
    refused(survey, layers, "trees: trees.tif is in m, and the model was trained in %", recipe=recipe)


def test_one_unit_in_two_spellings_is_one(survey, layers):
    choices = [LayerChoice(file="trees.tif", unit="percent"), LayerChoice(file="temperature.tif", unit="degC")]
    with opened(survey, layers, recipe=Recipe(title="x", layers=choices)):
        pass


def test_a_legend_with_other_labels_is_refused(survey, layers):
    write_layer(layers / "soil.tif", values()["soil"], nodata=0, legend={1: "A", 2: "B", 3: "C", 4: "D"})
    refused(survey, layers, "it has another legend than in training")


def test_codes_without_the_legend_of_the_model_are_refused(survey, layers):
    (layers / "soil.tif.aux.xml").unlink()
    refused(survey, layers, "soil.tif has none of the categories that the model knows: 1, 2, 3, 4 instead of")


def test_codes_may_differ_where_the_labels_are_the_same(survey, layers, tmp_path):
    with opened(survey, layers) as inputs:
        project(survey, inputs, tmp_path / "one")
    other = {4: "chalk", 3: "clay", 2: "sand", 1: "peat"}
    write_layer(layers / "soil.tif", 5 - values()["soil"], nodata=0, legend=other)
    with opened(survey, layers) as inputs:
        project(survey, inputs, tmp_path / "other")
    np.testing.assert_array_equal(read(tmp_path / "one", "suitability"), read(tmp_path / "other", "suitability"))


def test_tenths_of_a_degree_are_recognised_by_their_values():
    predictor = Predictor(name="bio1", label="Annual mean temperature", unit="°C", minimum=4, maximum=24, median=15)
    layer = LayerReport(file="bio1.tif", band="1", name="bio1", minimum=35, maximum=248, mean=155)
    with pytest.raises(ProjectionError, match=r"bio1\.tif has 35 to 248, .* state the unit or a factor"):
        compare_layer(predictor, layer, known=False)
    assert compare_layer(predictor, layer, known=True) == []
    warmer = LayerReport(file="bio1.tif", band="1", name="bio1", unit="degC", minimum=-8, maximum=31, mean=20)
    assert compare_layer(predictor, warmer, known=False) == []


def _rain(name, low, high, mean, unit=""):
    return LayerReport(file=f"{name}.tif", band="1", name=name, unit=unit, minimum=low, maximum=high, mean=mean)


def test_of_layers_that_contradict_each_other_the_one_unlike_its_training_is_named():
    predictors = [
        Predictor(name="bio12", label="Annual rain", unit="mm", minimum=200, maximum=2000, median=800),
        Predictor(name="bio14", label="Rain of the driest month", unit="mm", minimum=5, maximum=90, median=30),
        Predictor(name="bio1", label="Annual mean temperature", unit="°C", minimum=4, maximum=24, median=15),
    ]
    driest, warmth = _rain("bio14", 5, 90, 30), _rain("bio1", 4, 24, 15)
    with pytest.raises(ProjectionError, match=r"^bio12: bio12\.tif has 20 to 200, .*: state the unit or a factor"):
        refuse_odd_layer(predictors, [_rain("bio12", 20, 200, 80), driest, warmth], set())
    with pytest.raises(ProjectionError, match=r"^bio12: bio12\.tif is in cm, and the model was trained in mm"):
        refuse_odd_layer(predictors, [_rain("bio12", 20, 200, 80, "cm"), driest, warmth], set())
    # a layer of the training is not in doubt, and nothing is said where none differs
    refuse_odd_layer(predictors, [_rain("bio12", 20, 200, 80), driest, warmth], {"bio12"})
    refuse_odd_layer(predictors, [_rain("bio12", 200, 2000, 800), driest, warmth], set())
    with pytest.raises(ProjectionError, match=r"^bio1: bio1\.tif has −4,?000 to .*, which it cannot have in any unit"):
        refuse_odd_layer(predictors, [_rain("bio12", 200, 2000, 800), driest, _rain("bio1", -4000, 9000, 14)], set())


def test_layers_without_a_value_are_refused(survey, layers):
    write_layer(layers / "trees.tif", np.full((90, 130), np.nan, "f4"), nodata=np.nan)
    refused(survey, layers, "trees.tif, band 1: no cell has a value")


def test_layers_of_another_place_are_refused(survey, layers):
    write_layer(layers / "trees.tif", values()["trees"], nodata=np.nan, transform=Affine(0.01, 0, 12, 0, -0.01, 43))
    refused(survey, layers, "trees.tif does not overlap the grid of bare_rock.tif")


def test_layers_without_a_common_cell_have_no_map(survey, layers, tmp_path):
    made, output = values(), tmp_path / "map"
    made["trees"][:, :70] = made["temperature"][:, 65:] = np.nan
    write_layers(layers, made)
    text = r"no cell can be answered: 11,700 cells have no value in a layer \(5,\d\d\d of them in \w+ alone\)"
    with opened(survey, layers) as inputs, pytest.raises(ProjectionError, match=text):
        project(survey, inputs, output)
    assert not list(output.glob("*.tif"))


def test_layers_without_a_crs_are_refused(survey, tmp_path):
    folder = write_layers(tmp_path / "plain", crs=None)
    with pytest.raises((ProjectionError, LayerError), match="coordinate reference system"), opened(survey, folder):
        pass


def test_a_scenario_has_its_layers_and_the_static_ones(survey, layers, tmp_path):
    future = values() | {"temperature": values()["temperature"] + 3}
    write_layer(layers / "temperature_ssp245_2081-2100.tif", future["temperature"], nodata=np.nan)
    statics = [LayerChoice(file=f"{name}.tif", role="static") for name in ("trees", "bare_rock")]
    recipe = Recipe(title="x", layers=statics)
    label = "ssp245 2081-2100"
    with opened(survey, layers, recipe=recipe, scenario=label) as inputs:
        assert inputs.scenario.label == label
        summary = project(survey, inputs, tmp_path / "future")
    assert summary["scenario"] == {"label": label, "model": "", "pathway": "ssp245", "period": "2081-2100"}
    # The same map as that of layers with these values.
    with opened(survey, write_layers(tmp_path / "plain", future)) as inputs:
        project(survey, inputs, tmp_path / "plain-map")
    for name in ("suitability", "verdict", "mess"):
        np.testing.assert_array_equal(read(tmp_path / "future", name), read(tmp_path / "plain-map", name))
    refused(
        survey, layers, "no layer is of the scenario lgm; there are ssp245 2081-2100", recipe=recipe, scenario="lgm"
    )
    text = "the scenario ssp245 2081-2100 has no layer for bare_rock, trees, of the 4 predictors of the model"
    refused(survey, layers, text, scenario=label)
    (layers / "temperature.tif").unlink()
    refused(survey, layers, "no layer for temperature", recipe=recipe)
    refused(survey, layers, f"add --scenario '{label}'", recipe=recipe)


def test_a_folder_with_a_scenario_alone_has_its_grid(survey, tmp_path):
    folder = tmp_path / "future"
    folder.mkdir()
    for name, one in values().items():
        soil = name == "soil"
        path = folder / ("soil.tif" if soil else f"{name}_ssp245_2081-2100.tif")
        write_layer(path, one, nodata=0 if soil else np.nan, legend=SOILS if soil else None)
    with opened(survey, folder, scenario="ssp245 2081-2100") as inputs:
        assert inputs.stack.shape == (90, 130)
        assert inputs.stack.names == ["bare_rock", "trees", "temperature", "soil"]


def mapped(artifact, folder, output):
    with opened(artifact, folder) as inputs:
        return project(artifact, inputs, output)


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        # Across the antimeridian, in one piece.
        ("EPSG:4326", Affine(0.1, 0, 175, 0, -0.1, -15)),
        # From the north pole.
        ("EPSG:4326", Affine(2, 0, -130, 0, -2, 90)),
        # The pole in the middle.
        ("EPSG:3413", Affine(1000, 0, -65_000, 0, -1000, 45_000)),
        ("EPSG:32631", Affine(1000, 0, 400_000, 0, -1000, 4_700_000)),
    ],
)
def test_grids_keep_their_place_and_have_the_same_answers(survey, tmp_path, crs, transform):
    folder = write_layers(tmp_path / "layers", crs=crs, transform=transform)
    summary = mapped(survey, folder, tmp_path / "map")
    with rasterio.open(tmp_path / "map" / "suitability.tif") as file:
        assert file.crs == rasterio.crs.CRS.from_string(crs)
        assert file.transform.almost_equals(transform)
    mapped(survey, write_layers(tmp_path / "plain"), tmp_path / "plain-map")
    for name in summary["quantities"]:
        np.testing.assert_array_equal(read(tmp_path / "map", name), read(tmp_path / "plain-map", name))
    assert 0 < summary["area_km2"]["valid"] < 510_065_622


def test_a_layer_on_another_grid_is_aligned(survey, layers, tmp_path):
    """Every cell of the coarse layer becomes nine; the others are as before."""
    soil = values()["soil"]
    write_layer(
        layers / "soil.tif", soil[1::3, 1::3], nodata=0, legend=SOILS, transform=Affine(0.03, 0, 2, 0, -0.03, 43)
    )
    summary = mapped(survey, layers, tmp_path / "map")
    assert "aligned to the grid by the nearest cell" in summary["layers"][3]["treatment"]
    blocks = soil[1::3, 1::3].repeat(3, 0).repeat(3, 1)[:, :130]
    blocks = np.pad(blocks, ((0, 0), (0, 130 - blocks.shape[1])))
    mapped(survey, write_layers(tmp_path / "plain", values() | {"soil": blocks}), tmp_path / "plain-map")
    inner = slice(0, 129)
    one, other = (read(tmp_path / name, "suitability")[:, inner] for name in ("map", "plain-map"))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("n", [1, 3])
def test_a_small_area_with_one_class_or_one_number_has_answers(survey, tmp_path, n):
    """Whether such a layer has classes is known from the training alone."""
    soil = values()["soil"]
    row, column = next(
        at for at in np.argwhere(soil == 2) if at.max() < 85 and (soil[at[0] : at[0] + n, at[1] : at[1] + n] == 2).all()
    )
    window = slice(row, row + n), slice(column, column + n)
    made = {name: layer[window] for name, layer in values().items()} | {"bare_rock": np.full((n, n), 40, "f4")}
    folder = write_layers(tmp_path / "layers", made)
    (folder / "soil.tif").unlink()
    (folder / "soil.tif.aux.xml").unlink()
    write_layer(folder / "soil.tif", soil[window], nodata=0)
    choice = LayerChoice(file="soil.tif", legend={str(code): label for code, label in SOILS.items()})
    with opened(survey, folder, recipe=Recipe(title="x", layers=[choice])) as inputs:
        summary = project(survey, inputs, tmp_path / "map")
    assert summary["cells"]["valid"] == n * n
    assert [layer["kind"] for layer in summary["layers"]] == ["continuous"] * 3 + ["categorical"]


def test_one_cell(survey, tmp_path):
    one = {name: layer[50:51, 50:51] for name, layer in values().items()}
    summary = mapped(survey, write_layers(tmp_path / "layers", one), tmp_path / "map")
    assert summary["cells"]["total"] == summary["cells"]["valid"] == 1
    assert read(tmp_path / "map", "suitability").shape == (1, 1)
