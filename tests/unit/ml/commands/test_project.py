"""``python -m ml project``."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ml.__main__ import main
from tests.unit.ml.projection.made_maps import contents, values, write_layers

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def layers(tmp_path_factory):
    """Layers of the model of this package, which has no soil, beside one that it does not use."""
    folder = write_layers(tmp_path_factory.mktemp("layers") / "layers")
    (folder / "README.txt").write_text("not a raster")
    return folder


def run(model, layers, output, *more):
    return main(["project", "--model", str(model), "--layers", str(layers), "--output", str(output), *more])


def test_a_map_is_written_and_described(model, layers, tmp_path, capsys):
    assert run(model, layers, tmp_path / "map", "--jobs", "1", "--preview") == 0
    out, err = capsys.readouterr()
    summary = json.loads((tmp_path / "map" / "map.json").read_text())
    lines = out.splitlines()
    assert "Drawing a preview" in lines
    assert "Computing the map: 100 % of 1 blocks" in lines
    # How much lies beyond the area of applicability comes before any other figure.
    first = lines.index(summary["beyond"]["sentence"])
    assert lines[first + 1].startswith("Suitable ")
    assert f"{summary['cells']['total'] - summary['cells']['valid']:,} cells" in out
    assert err == ""
    before = contents(tmp_path / "map")
    assert run(model, layers, tmp_path / "map", "--jobs", "2") == 0
    assert contents(tmp_path / "map") == before


def test_files_of_several_folders_and_json(model, layers, tmp_path, capsys):
    paths = []
    for name in ("bare_rock", "trees", "temperature"):
        (tmp_path / name).mkdir()
        paths.append(tmp_path / name / f"{name}.tif")
        paths[-1].write_bytes((layers / f"{name}.tif").read_bytes())
    arguments = ["project", "--model", str(model), "--jobs", "1"]
    own = ["--output", str(tmp_path / "map"), "--progress", "json", "--layers", *map(str, paths)]
    assert main([*arguments, *own]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["step"] for line in lines} == {"read", "project"}
    shares = [line["progress"] for line in lines]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    # The same map as that of a study's folder.
    assert main([*arguments, "--output", str(tmp_path / "other"), "--files", str(layers)]) == 0
    assert contents(tmp_path / "other") == contents(tmp_path / "map")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--layers", "nowhere"], "nowhere does not exist"),
        ([], "name the layers with --layers, a study's folder with --files, or --layer-store"),
        (["--layers", "LAYERS/README.txt"], "README.txt"),
        (["--layers", "LAYERS/trees.tif"], "there is no layer for bare_rock, temperature, of the 3 predictors"),
        (["--layers", "LAYERS", "--scenario", "ssp585"], "no layer is of the scenario ssp585"),
        (["--layers", "LAYERS", "--model", "LAYERS"], "manifest.json"),
        (["--layers", "LAYERS", "--recipe", "nowhere.json"], "nowhere.json"),
        (["--layers", "LAYERS", "--output", "LAYERS"], "has other files, as README.txt"),
        (["--layers", "LAYERS", "--scheduler", "nonsense"], "nonsense is not the address of a Dask scheduler"),
    ],
)
def test_bad_input_is_one_line(model, layers, tmp_path, capsys, arguments, text):
    arguments = [argument.replace("LAYERS", str(layers)) for argument in arguments]
    assert main(["project", "--model", str(model), "--output", str(tmp_path / "map"), *arguments]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert err.startswith("python -m ml project: ")
    assert text in err
    assert not (tmp_path / "map").exists()


def test_ctrl_c_is_one_line_and_what_is_finished_stays(model, tmp_path):
    layers = write_layers(tmp_path / "layers", values(700, 900))
    command = [sys.executable, "-m", "ml", "project", "--model", str(model), "--layers", str(layers), "--jobs", "2"]
    command += ["--output", str(tmp_path / "map")]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        while not process.stdout.readline().startswith("Computing the map: "):
            assert process.poll() is None, process.stderr.read()
        while not process.stdout.readline().startswith("Computing the map: "):
            assert process.poll() is None, process.stderr.read()
        # As a terminal does it: to all processes of the command.
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "python -m ml project: interrupted\n"
    record = tmp_path / "map" / ".work" / "blocks.jsonl"
    assert len(record.read_text().splitlines()) >= 1
    assert not (tmp_path / "map" / "map.json").exists()


def test_a_layer_of_a_scenario_alone_is_found(model, tmp_path):
    folder = tmp_path / "future"
    folder.mkdir()
    for name, one in values().items():
        if name != "soil":
            write_layers(folder, {f"{name}_ssp126_2041-2060": np.asarray(one)})
    assert run(model, folder, tmp_path / "map", "--scenario", "ssp126 2041-2060", "--jobs", "1") == 0
    assert json.loads((tmp_path / "map" / "map.json").read_text())["scenario"]["pathway"] == "ssp126"


def test_a_stated_change_of_a_layer(model, layers, tmp_path, capsys):
    assert run(model, layers, tmp_path / "map", "--jobs", "1", "--shift", "temperature=+1.5") == 0
    assert json.loads((tmp_path / "map" / "map.json").read_text())["shift"] == {"temperature": 1.5}
    capsys.readouterr()
    for options, text in (
        (["--shift", "temperature=900"], "width of the training range"),
        (["--shift", "nothing=1"], "has no such predictor"),
        (["--shift", "temperature=1", "--shift", "temperature=2"], "names a predictor twice"),
    ):
        assert run(model, layers, tmp_path / "other", *options) == 2
        err = capsys.readouterr().err
        assert text in err
        assert err.count("\n") == 1
    with pytest.raises(SystemExit) as refusal:
        run(model, layers, tmp_path / "other", "--shift", "temperature")
    assert refusal.value.code == 2
    assert not (tmp_path / "other").exists()
