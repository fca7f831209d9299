"""Maps that cannot be compared, and ``python -m ml change``."""

import json
import subprocess
import sys

import pytest

from ml.__main__ import main
from tests.unit.ml.change.made import write_map
from tools.live import PROJECT


@pytest.fixture
def maps(tmp_path):
    """A map of today and one of a scenario."""
    return write_map(tmp_path / "today", "SU u?"), write_map(tmp_path / "later", "US s?", "SSP585")


def refused(capsys, today, *scenarios, output, more=()):
    options = [part for one in scenarios for part in ("--scenario", str(one))]
    status = main(["change", "--today", str(today), *options, "--output", str(output), *more])
    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert err.startswith("python -m ml change: ")
    assert err.count("\n") == 1
    return err


def edit(folder, **members):
    path = folder / "map.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | members))


def test_what_the_command_prints(maps, tmp_path, capsys):
    assert main(["change", "--today", str(maps[0]), "--scenario", str(maps[1]), "--output", str(tmp_path / "c")]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith(("Comparing", "Measuring"))]
    beyond = next(n for n, line in enumerate(lines) if line.startswith("25 % of the area under SSP585 lies beyond"))
    percents = [n for n, line in enumerate(lines) if "%" in line]
    assert percents[0] == beyond
    assert lines[beyond + 1].startswith("Exposure of today's suitable area under SSP585: ")
    assert any(line.startswith("Loss: becomes unsuitable ") and "1 cells" in line for line in lines)
    assert any("AOO at most" in line for line in lines)


def test_help():
    run = subprocess.run(
        [sys.executable, "-m", "ml", "change", "--help"], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert "--today" in run.stdout and "--scenario" in run.stdout


def test_other_model_grid_and_the_same_map(maps, tmp_path, capsys):
    today, later = maps
    output = tmp_path / "change"
    other = write_map(tmp_path / "other", "SS SS", "other", model_id="hills-2")
    assert "model hills-2" in refused(capsys, today, other, output=output)
    moved = write_map(tmp_path / "moved", "SS SS", "moved", west=1.0)
    assert "its west is 1.0 instead of 0.0" in refused(capsys, today, later, moved, output=output)
    assert "are the same map" in refused(capsys, today, today, output=output)
    assert "are the same map" in refused(capsys, today, later, later, output=output)
    again = write_map(tmp_path / "again", "SS SS", "SSP585")
    assert "are both maps of SSP585" in refused(capsys, today, later, again, output=output)
    assert "is a map of SSP585" in refused(capsys, later, today, output=output)
    second = write_map(tmp_path / "second", "SS SS")
    assert "training conditions" in refused(capsys, today, second, output=output)
    assert "20 at most" in refused(capsys, today, *[later] * 21, output=output)
    assert not output.exists()


def test_unfinished_absent_and_damaged(maps, tmp_path, capsys):
    today, later = maps
    output = tmp_path / "change"
    assert "is not a folder" in refused(capsys, today, tmp_path / "none", output=output)
    (tmp_path / "empty").mkdir()
    assert "has no map.json" in refused(capsys, today, tmp_path / "empty", output=output)
    (tmp_path / "empty" / ".work").mkdir()
    assert "is not finished" in refused(capsys, today, tmp_path / "empty", output=output)
    (tmp_path / "empty" / "map.json").write_text("{")
    assert "map.json is damaged" in refused(capsys, today, tmp_path / "empty", output=output)
    content = (later / "inside.tif").read_bytes()
    (later / "inside.tif").write_bytes(content[:-1] + b"\x07")
    assert "inside.tif is damaged" in refused(capsys, today, later, output=output)
    (later / "inside.tif").write_bytes(content[:-5])
    assert "inside.tif is damaged" in refused(capsys, today, later, output=output)
    (later / "inside.tif").unlink()
    assert "inside.tif does not exist" in refused(capsys, today, later, output=output)
    edit(later, grid={"crs": "EPSG:4326"})
    assert "damaged at grid.width" in refused(capsys, today, later, output=output)
    assert not (output / "change.json").exists()


def test_output_folders(maps, tmp_path, capsys):
    today, later = maps
    assert "that is compared" in refused(capsys, today, later, output=later)
    strange = tmp_path / "strange"
    strange.mkdir()
    (strange / "thesis.doc").write_text("")
    assert "has other files, as thesis.doc" in refused(capsys, today, later, output=strange, more=["--replace"])
    output = tmp_path / "change"
    arguments = ["change", "--today", str(today), "--output", str(output), "--progress", "json"]
    assert main([*arguments, "--scenario", str(later)]) == 0
    shares = [json.loads(line)["progress"] for line in capsys.readouterr().out.splitlines()]
    assert shares == sorted(shares) and shares[-1] == 1.0
    third = write_map(tmp_path / "third", "SS SS", "SSP126")
    assert "add --replace" in refused(capsys, today, third, output=output)
    assert main([*arguments, "--scenario", str(third), "--replace"]) == 0
    assert json.loads((output / "change.json").read_text())["scenarios"][0]["label"] == "SSP126"
