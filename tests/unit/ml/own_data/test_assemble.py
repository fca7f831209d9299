"""From a folder of files and a recipe to a study."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml.own_data.assemble import assemble
from ml.own_data.checkpoint import load_assembly, save_assembly
from ml.own_data.files import inspect_file
from ml.own_data.problems import UnusableDataError
from ml.recipes.recipe import LayerChoice, Recipe, RecordFile, RecordRules
from ml.recipes.reports import FileReport
from ml.training.card_parts import recorded_places
from ml.training.provenance import fingerprint
from tests.own_files import CELL, NORTH, WEST, WIDTH, layer_values, write_layer, write_records, write_study

RECIPE = Recipe(title="Iberian lizards")


def inspect(folder: Path) -> list[FileReport]:
    return [inspect_file(folder, path.name) for path in sorted(folder.iterdir())]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_study(tmp_path / "files")


def test_rows_are_cells_with_the_values_of_the_rasters(folder: Path) -> None:
    study = assemble(folder, RECIPE, inspect(folder)).study
    layers = layer_values()
    assert [p.name for p in study.predictors] == ["bio1", "bio12", "soil"]
    assert [p.type for p in study.predictors] == ["continuous", "continuous", "categorical"]
    assert study.cells is not None and study.coordinates is not None
    row, column = np.divmod(study.cells, WIDTH)
    np.testing.assert_array_equal(study.environment["bio1"].to_numpy(np.float32), layers["bio_1"][row, column])
    np.testing.assert_array_equal(study.environment["bio12"].to_numpy(np.float32), layers["bio_12"][row, column])
    assert study.environment["soil"].tolist() == [str(int(v)) for v in layers["soil"][row, column]]
    np.testing.assert_allclose(study.coordinates[:, 0], WEST + (column + 0.5) * CELL)
    np.testing.assert_allclose(study.coordinates[:, 1], NORTH - (row + 0.5) * CELL)


def test_presences_are_unique_cells_and_background_is_every_valid_cell(folder: Path) -> None:
    study = assemble(folder, RECIPE, inspect(folder)).study
    present = study.presence.to_numpy().any(axis=1)
    assert list(study.presence) == ["lacerta-schreiberi-iberian-lizards"]
    # 60 records, of which every tenth repeats a cell
    assert present.sum() == 54
    assert study.dropped == {"another record in the same cell": 6} or sum(study.dropped.values()) == 6
    # two of sixty columns are without bio1
    assert (~present).sum() == 40 * 58


def test_the_places_of_records_are_their_own_and_not_those_of_cells(folder: Path) -> None:
    lines = (folder / "records.csv").read_text().splitlines()
    header = lines[0].split(",")
    x, y = header.index("decimalLongitude"), header.index("decimalLatitude")
    moved, expected = [lines[0]], set()
    for line in lines[1:]:
        parts = line.split(",")
        # within the cell, and off its middle
        parts[x], parts[y] = f"{float(parts[x]) + 0.0613:.4f}", f"{float(parts[y]) - 0.0387:.4f}"
        expected.add((round(float(parts[x]), 2), round(float(parts[y]), 2)))
        moved.append(",".join(parts))
    before = assemble(folder, RECIPE, inspect(folder)).study
    (folder / "records.csv").write_text("\n".join(moved))
    study = assemble(folder, RECIPE, inspect(folder)).study
    assert study.recorded is not None and study.preparation is not None and before.cells is not None
    (slug,) = study.recorded
    assert {tuple(place) for place in study.recorded[slug].tolist()} == expected
    np.testing.assert_array_equal(study.cells, before.cells)
    assert study.preparation.places == "records"
    assert study.preparation.model_dump()["places"] == "records"
    assert set(recorded_places(study, slug, study.presence[slug].to_numpy())) == expected


def test_numbers_are_written_as_single_precision_needs(folder: Path) -> None:
    values = assemble(folder, RECIPE, inspect(folder)).study.environment["bio1"]
    assert all(len(repr(value)) <= 5 for value in values)


@pytest.mark.thorough
def test_a_sample_of_background_depends_on_the_seed_alone(folder: Path) -> None:
    def cells(seed: int) -> list[int]:
        settings = RECIPE.settings.model_copy(update={"background": 200, "seed": seed})
        study = assemble(folder, RECIPE.model_copy(update={"settings": settings}), inspect(folder)).study
        return study.cells[~study.presence.to_numpy().any(axis=1)].tolist()  # type: ignore[index]

    first = cells(0)
    assert len(first) == 200 and len(set(first)) == 200
    assert cells(0) == first and cells(1) != first


@pytest.mark.thorough
def test_the_order_of_files_does_not_matter(folder: Path) -> None:
    files = inspect(folder)
    slug = "lacerta-schreiberi-iberian-lizards"
    one, two = (assemble(folder, RECIPE, order).study for order in (files, files[::-1]))
    assert fingerprint(one, slug) == fingerprint(two, slug)
    assert one.description == two.description


def test_several_species_share_rows_and_a_rare_one_is_named(folder: Path) -> None:
    write_records(folder / "records.csv", n_species=3)
    text = (folder / "records.csv").read_text()
    (folder / "records.csv").write_text(text + "Emys orbicularis,-5.0,40.0,2000\nEmys orbicularis,-4.0,40.0,2000\n")
    assembly = assemble(folder, RECIPE, inspect(folder))
    assert [s.scientific_name for s in assembly.study.species] == ["Bufo bufo", "Lacerta schreiberi", "Rana iberica"]
    assert list(assembly.untrained) == ["Emys orbicularis"]
    assert "2 cells" in assembly.untrained["Emys orbicularis"]


def test_three_records_are_refused_with_what_is_needed(folder: Path) -> None:
    (folder / "records.csv").write_text("species,lon,lat\n" + "".join(f"Bufo bufo,{x},40\n" for x in (-5, -4, -3)))
    with pytest.raises(UnusableDataError, match="Bufo bufo has the most with 3 cells, and 5 are needed"):
        assemble(folder, RECIPE, inspect(folder))


def test_records_on_nodata_are_refused_with_the_reason(folder: Path) -> None:
    rows = "".join(f"Bufo bufo,{WEST + 0.1:.2f},{y:.2f}\n" for y in np.arange(36, 43, 0.5))
    (folder / "records.csv").write_text("species,lon,lat\n" + rows)
    with pytest.raises(UnusableDataError, match=r"No record is kept.*No value in a layer \(14 of 14\)"):
        assemble(folder, RECIPE, inspect(folder))


def test_layers_without_a_common_cell_are_refused(folder: Path) -> None:
    values = layer_values()["bio_12"].copy()
    values[:, 2:] = np.nan
    write_layer(folder / "bio_12.tif", values, "bio_12")
    with pytest.raises(UnusableDataError, match=r"No cell has a value in every layer.* Without bio1?2?"):
        assemble(folder, RECIPE, inspect(folder))


def test_a_study_without_layers_is_refused(tmp_path: Path) -> None:
    write_records(tmp_path / "records.csv")
    with pytest.raises(UnusableDataError, match="no layers: add GeoTIFF"):
        assemble(tmp_path, RECIPE, inspect(tmp_path))


def test_a_recipe_can_leave_out_a_layer_and_name_categories(folder: Path) -> None:
    recipe = Recipe(
        title="x",
        layers=[
            LayerChoice(file="bio_12.tif", role="unused"),
            LayerChoice(file="soil.tif", legend={"1": "chalk", "2": "clay", "3": "sand"}),
        ],
    )
    study = assemble(folder, recipe, inspect(folder)).study
    assert [p.name for p in study.predictors] == ["bio1", "soil"]
    assert set(study.environment["soil"]) == {"chalk", "clay", "sand"}


def test_the_card_has_files_rules_and_the_recipe(folder: Path) -> None:
    recipe = Recipe(title="x", rules=RecordRules(first_year=2005))
    study = assemble(folder, recipe, inspect(folder)).study
    about = study.preparation
    assert about is not None
    assert [file.name for file in about.files] == ["bio_1.tif", "bio_12.tif", "records.csv", "soil.tif"]
    assert all(len(file.sha256) == 64 for file in about.files)
    legend = folder / "soil.tif.aux.xml"
    legend.write_text("<PAMDataset></PAMDataset>")
    try:
        with_legend = assemble(folder, recipe, inspect(folder)).study.preparation
    finally:
        legend.unlink()
    assert with_legend is not None
    assert "soil.tif.aux.xml" in [file.name for file in with_legend.files]
    assert any("2005" in rule for rule in about.rules)
    again = assemble(folder, Recipe.model_validate_json(about.recipe), inspect(folder)).study
    slug = next(iter(study.presence))
    assert fingerprint(again, slug) == fingerprint(study, slug)


def test_the_card_has_the_grid_labels_limits_and_each_treatment_once(folder: Path) -> None:
    recipe = Recipe(title="x", layers=[LayerChoice(file="bio_1.tif", factor=0.5, offset=2.0)])
    study = assemble(folder, recipe, inspect(folder)).study
    about = study.preparation
    assert about is not None
    # 60 × 40 cells of 0.25° from the corner at −9°, 44°; two columns are without bio1.
    assert about.grid == (
        "60 × 40 cells of 0.25 × 0.25 in EPSG:4326; 2,320 cells have a value in every layer. The grid spans longitudes "
        "−9.00° to 6.00° and latitudes 34.00° to 44.00° (WGS 84)."
    )
    assert about.layers[0].treatment == "multiplied by 0.5, 2 added"
    assert [p.label for p in study.predictors] == [
        "Annual mean temperature (bio1)", "Annual precipitation (bio12)", "soil",
    ]  # fmt: skip
    assert [(p.lowest_possible, p.highest_possible) for p in study.predictors] == [
        (-100.0, 70.0), (0.0, None), (None, None),
    ]  # fmt: skip


def test_a_checkpoint_is_the_same_study(folder: Path, tmp_path: Path) -> None:
    assembly = assemble(folder, RECIPE, inspect(folder))
    save_assembly(assembly, tmp_path / "work", "key")
    loaded = load_assembly(tmp_path / "work", "key")
    assert loaded is not None
    slug = next(iter(assembly.study.presence))
    assert fingerprint(loaded.study, slug) == fingerprint(assembly.study, slug)
    np.testing.assert_array_equal(loaded.study.cells, assembly.study.cells)
    assert loaded.study.recorded is not None and assembly.study.recorded is not None
    np.testing.assert_array_equal(loaded.study.recorded[slug], assembly.study.recorded[slug])
    assert loaded.recipe == assembly.recipe
    assert load_assembly(tmp_path / "work", "another key") is None


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not a file of arrays"])
def test_a_damaged_checkpoint_is_no_checkpoint(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "study.npz").write_bytes(content)
    assert load_assembly(tmp_path) is None


def test_samples_with_data_need_no_layers(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    rows = [f"{int(i < 30)},{draw.normal(i < 30):.3f},{draw.integers(1, 4)}" for i in range(130)]
    (tmp_path / "swd.csv").write_text("presence,temp,zone\n" + "\n".join(rows) + "\n5,,2\n")
    study = assemble(tmp_path, Recipe(title="Swd"), inspect(tmp_path)).study
    assert study.coordinates is None
    assert study.presence.sum().tolist() == [30]
    assert len(study.presence) == 130
    assert study.dropped == {"a condition is missing": 1}


def test_a_stated_species_is_not_that_of_undetermined_records(folder: Path) -> None:
    text = (folder / "records.csv").read_text()
    (folder / "records.csv").write_text(text + ",-5.0,40.0,2000\nNA,-4.0,40.0,2000\n")
    recipe = Recipe(title="x", records=[RecordFile(name="records.csv", species="Bufo bufo")])
    assembly = assemble(folder, recipe, inspect(folder))
    assert [species.scientific_name for species in assembly.study.species] == ["Lacerta schreiberi"]
    assert assembly.study.dropped["no species"] == 2
