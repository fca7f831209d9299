"""``python -m ml train`` with own files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from ml.__main__ import main
from ml.serving.artifact import load_artifact, read_card
from tests.own_files import write_records, write_study

FAST = ["--trees", "40", "--folds", "3", "--jobs", "1"]


def last_line(text: str) -> dict[str, object]:
    line: dict[str, object] = json.loads(text.strip().splitlines()[-1])
    return line


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_study(tmp_path_factory.mktemp("own") / "files")


def test_two_ways_to_name_the_files_give_one_model(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layers = [str(folder / f"{name}.tif") for name in ("soil", "bio_1", "bio_12")]
    one = ["train", "--records", str(folder / "records.csv"), "--layers", *layers, "--title", "Hills", *FAST]
    assert main([*one, "--output", str(tmp_path / "one"), "--progress", "json"]) == 0
    first = last_line(capsys.readouterr().out)["trained"]
    path = Path(first[0]["path"])  # type: ignore[index]
    card = read_card(path)
    assert card.preparation is not None
    (tmp_path / "recipe.json").write_text(card.preparation.recipe)
    two = ["train", "--recipe", str(tmp_path / "recipe.json"), "--files", str(folder), "--jobs", "1"]
    assert main([*two, "--output", str(tmp_path / "two"), "--progress", "json"]) == 0
    second = last_line(capsys.readouterr().out)["trained"]
    assert first[0]["model_id"] == second[0]["model_id"]  # type: ignore[index]
    assert load_artifact(path).card.species.scientific_name == "Lacerta schreiberi"


def test_records_that_a_recipe_does_not_name_are_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = tmp_path / "files"
    shutil.copytree(folder, files)
    shutil.copy(files / "records.csv", files / "second.csv")
    (tmp_path / "recipe.json").write_text('{"title": "Hills", "records": [{"name": "records.csv"}]}')
    command = ["train", "--recipe", str(tmp_path / "recipe.json"), "--files", str(files), "--output", str(tmp_path)]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert "second.csv is a file of records that the recipe does not name" in error


def test_an_output_that_is_a_file_is_refused_before_the_files_are_read(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("x")
    assert main(["train", "--files", str(folder), "--output", str(tmp_path / "taken" / "models")]) == 2
    output = capsys.readouterr()
    assert "taken is not a folder" in output.err and output.out == ""


def test_a_stopped_training_goes_on_from_its_checkpoint(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = tmp_path / "files"
    shutil.copytree(folder, files)
    command = ["train", "--files", str(files), "--output", str(tmp_path / "models"), "--work", str(tmp_path / "work")]
    assert main([*command, "--only", "prepare", *FAST]) == 0
    capsys.readouterr()
    assert main([*command, "--progress", "json", *FAST]) == 0
    output = capsys.readouterr().out
    # The second run does not read the files again.
    assert "Comparing the files" in output and "Reading" not in output
    [one] = last_line(output)["trained"]  # type: ignore[misc]
    with np.load(tmp_path / "work" / "held_out" / f"{one['model_id']}.npz") as held_out:
        assert held_out["y"].sum() == 54
        assert set(held_out) == {"cell", "y", "score", "fold"}
        assert np.isfinite(held_out["score"]).all()


@pytest.mark.thorough
def test_one_species_that_fails_does_not_stop_the_others(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = tmp_path / "files"
    shutil.copytree(folder, files)
    write_records(files / "records.csv", n_species=3, n_each=30)
    text = (files / "records.csv").read_text()
    (files / "records.csv").write_text(text + "Emys orbicularis,-5.0,40.0,2000\n")
    status = main(["train", "--files", str(files), "--output", str(tmp_path / "models"), "--progress", "json", *FAST])
    result = last_line(capsys.readouterr().out)
    assert status == 0
    assert [one["species"] for one in result["trained"]] == ["Bufo bufo", "Lacerta schreiberi", "Rana iberica"]  # type: ignore[index, attr-defined]
    assert [one["species"] for one in result["failed"]] == ["Emys orbicularis"]  # type: ignore[index, attr-defined]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--records", "missing.csv", "--layers", "."], "missing.csv"),
        (["--files", "nowhere"], "nowhere is not a folder"),
        (["--all", "--records", "records.csv"], "not both"),
    ],
)
def test_bad_options_are_one_line(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(folder)
    assert main(["train", *arguments, "--output", str(tmp_path)]) == 2
    error = capsys.readouterr().err.strip()
    assert message in error and "\n" not in error


def test_an_unreadable_file_is_named(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = tmp_path / "files"
    shutil.copytree(folder, files)
    (files / "bio_1.tif").write_bytes(b"II*\x00 not a raster")
    assert main(["train", "--files", str(files), "--output", str(tmp_path / "models"), *FAST]) == 2
    assert "bio_1.tif" in capsys.readouterr().err
    assert not (tmp_path / "models").exists()


def test_a_checkpoint_of_other_files_or_another_recipe_is_not_used(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = tmp_path / "files"
    shutil.copytree(folder, files)
    command = ["train", "--files", str(files), "--output", str(tmp_path / "models"), "--work", str(tmp_path / "work")]
    assert main([*command, "--only", "prepare", *FAST]) == 0
    write_records(files / "records.csv", n_species=1, n_each=40)
    capsys.readouterr()
    assert main([*command, "--only", "prepare", *FAST]) == 0
    assert "Reading records.csv" in capsys.readouterr().out
    (tmp_path / "recipe.json").write_text("[]")
    assert main([*command, "--recipe", str(tmp_path / "recipe.json"), "--only", "prepare"]) == 2
    assert "recipe.json" in capsys.readouterr().err


def test_a_readme_beside_the_files_is_said_and_not_used(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = tmp_path / "files"
    shutil.copytree(folder, files)
    (files / "README.txt").write_text("Layers of the hills.\n")
    command = ["train", "--files", str(files), "--output", str(tmp_path / "models"), "--work", str(tmp_path / "work")]
    assert main([*command, "--only", "prepare", *FAST]) == 0
    assert "not used: README.txt" in capsys.readouterr().err


def test_the_species_of_records_without_names(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = tmp_path / "files"
    shutil.copytree(folder, files)
    command = ["train", "--files", str(files), "--output", str(tmp_path / "models"), "--species", "Bufo bufo", *FAST]
    assert main(command) == 2
    assert "every file has names" in capsys.readouterr().err
    lines = (files / "records.csv").read_text().splitlines()
    (files / "records.csv").write_text("\n".join(line.split(",", 1)[1] for line in lines) + "\n")
    assert main([*command, "--progress", "json"]) == 0
    assert last_line(capsys.readouterr().out)["trained"][0]["species"] == "Bufo bufo"  # type: ignore[index]


def test_a_wrong_slug_is_one_line(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--files", str(folder), "--output", str(tmp_path), "--slug", "../x"]) == 2
    error = capsys.readouterr().err.strip()
    assert "--slug" in error and "\n" not in error and "http" not in error


def test_options_are_choices_of_the_recipe(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = tmp_path / "files"
    shutil.copytree(folder, files)
    text = (files / "records.csv").read_text().replace("decimalLongitude", "first").replace("decimalLatitude", "second")
    (files / "records.csv").write_text(text)
    options = ["--column", "decimalLongitude=first", "--column", "decimalLatitude=second", "--unused", "soil.tif"]
    options += ["--first-year", "2005", "--off", "same-cell", "--off", "duplicate"]
    command = ["train", "--files", str(files), "--output", str(tmp_path / "models"), "--progress", "json", *options]
    assert main([*command, *FAST]) == 0
    card = read_card(Path(last_line(capsys.readouterr().out)["trained"][0]["path"]))  # type: ignore[index]
    assert card.preparation is not None
    recipe = json.loads(card.preparation.recipe)
    assert recipe["records"][0]["columns"] == {"decimalLongitude": "first", "decimalLatitude": "second"}
    assert recipe["rules"]["first_year"] == 2005 and recipe["rules"]["off"] == ["duplicate", "same_cell"]
    assert [predictor.name for predictor in card.predictors] == ["bio1", "bio12"]
    # 15 of each 20 records are of 2005 or later
    assert card.dropped == {"outside the years": 15}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--column", "decimalLongitude"], "write TERM=COLUMN"),
        (["--unused", "nothing.tif"], "no such file of layers"),
        (["--first-year", "2010", "--last-year", "2000"], "must not be later"),
        (["--thin", "-1"], "--thin"),
        (["--off", "nonsense"], "--off: “nonsense” is not the code of a check; the checks are coordinates_swapped, "),
        (["--off", "coordinates-missing"], "--off: the check “coordinates_missing” cannot be switched"),
    ],
)
def test_wrong_options_are_one_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert main(["train", "--files", str(folder), "--output", str(tmp_path), *options]) == 2
    error = capsys.readouterr().err.strip()
    assert message in error and "\n" not in error
