"""Options of the benchmarks: what is wrong ends in one line that names the option."""

from __future__ import annotations

import argparse
import gzip
import lzma
import sys

import pytest

import benchmarks.virtual.__main__ as virtual
from benchmarks import ablation, engine, intervals, live_accuracy, own_cases, own_files, projection, scenarios
from benchmarks.arguments import elapid_folder, output_file, output_folder
from benchmarks.virtual import answers, borrowing, shares
from ml.__main__ import main as ml_main
from tests.unit.ml.benchmark.fake_regions import NZ, make_region


@pytest.mark.parametrize(
    ("program", "options", "message"),
    [
        (shares, ["--data", ".", "--groups", "0"], "--groups: must be a whole number of at least 1, not 0"),
        (shares, ["--from", "README.md"], "--from: README.md"),
        (shares, [], "--data (or --from)"),
        (borrowing, ["--data", "/none"], "--data: there is no directory /none"),
        (borrowing, ["--data", "docs"], "--data: docs has no AWTtrain_po.rds"),
        (answers, ["--data", ".", "--kinds", "roads,foo"], "--kinds: there is no foo; known are none, roads"),
        (answers, ["--data", ".", "--strengths", "x"], "--strengths: must be numbers"),
        (virtual, ["--data", ".", "--common", "2"], "--common: must be a number from 0 to 1, not 2"),
        (virtual, ["--data", ".", "--regions", ""], "--regions: there is no (empty name)"),
        (virtual, ["--data", ".", "--elapid", "/none"], "--elapid: there is no directory /none"),
        (virtual, ["--data", ".", "--elapid", "docs"], "--elapid: docs has no elapid; pip install --target docs"),
        (projection, ["--elapid", "docs"], "--elapid: docs has no elapid"),
        (borrowing, ["--data", ".", "--start", "-1"], "--start: must be a whole number of at least 0, not -1"),
    ],
)
def test_a_wrong_option_is_named(program, options, message, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["program", *options])
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert ended.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


@pytest.fixture
def elapid_at(tmp_path, monkeypatch):
    """A directory that has a package of this name, with the given source; it is forgotten afterwards."""
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.delitem(sys.modules, "elapid", raising=False)

    def write(source):
        (tmp_path / "elapid.py").write_text(source)
        return tmp_path

    yield write
    sys.modules.pop("elapid", None)


def test_a_directory_with_elapid_can_be_imported_from(elapid_at):
    path = elapid_at("class MaxentModel: ...")
    assert elapid_folder(str(path)) == path
    assert sys.path[-1] == str(path) and "elapid" in sys.modules


@pytest.mark.parametrize(("source", "reason"), [("import not_there", "No module named"), ("", "MaxentModel")])
def test_an_elapid_that_does_not_work_is_an_error_at_once(elapid_at, source, reason):
    path = elapid_at(source)
    with pytest.raises(argparse.ArgumentTypeError, match=f"cannot be used: .*{reason}"):
        elapid_folder(str(path))
    assert str(path) not in sys.path


def _ends(program, options, monkeypatch, capsys):
    """Return the lines with which a program refuses its options."""
    monkeypatch.setattr(sys, "argv", ["program", *options])
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert ended.value.code == 2
    return capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(
    ("program", "options", "message"),
    [
        (engine, ["--data", "/nope"], "--data: there is no directory /nope"),
        (engine, ["--data", "docs"], "--data: docs has no AWTtrain_po.rds"),
        (engine, ["--data", "docs", "--regions", "XX"], "--regions: there is no XX; known are AWT, CAN, NSW, NZ, SA"),
        (engine, ["--data", "docs", "--jobs", "0"], "--jobs: must be a whole number of at least 1, not 0"),
        (engine, ["--data", "docs", "--seed", "-1"], "--seed: must be a whole number of at least 0, not -1"),
        (ablation, ["--data", "docs", "--share", "2"], "--share: must be a number from 0 to 1, not 2"),
        (ablation, ["--data", "docs", "--regions", "XX"], "--regions: there is no XX"),
        (intervals, ["--data", "/nope"], "--data: there is no directory /nope"),
        (intervals, ["--data", "docs", "--regions", "NZ"], "--data: docs has no NZtrain_po.rds"),
        (live_accuracy, ["--data", "docs", "--predictions", "x"], "--data: docs has no AWTtrain_po.rds"),
        (borrowing, ["--data", "docs", "--start", "-5"], "--start: must be a whole number of at least 0, not -5"),
        (scenarios, ["--data", "/nope"], "--data: there is no directory /nope"),
        (scenarios, ["--data", "docs", "--trees", "0"], "--trees: must be a whole number of at least 1, not 0"),
        (own_cases, ["--data", "/nope"], "--data: there is no directory /nope"),
        (own_files, ["--data", "/nope"], "--data: there is no directory /nope"),
    ],
)
def test_every_benchmark_checks_its_options(program, options, message, monkeypatch, capsys):
    assert message in _ends(program, options, monkeypatch, capsys)[-1]


@pytest.mark.parametrize("program", [engine, virtual, borrowing, shares, answers])
@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("/none/scores.csv", "--output: /none/scores.csv cannot be written: there is no directory /none"),
        ("docs", "--output: docs is a directory"),
        # no file can be made there, not even by root
        ("/proc/scores.csv", "--output: /proc/scores.csv cannot be written: "),
    ],
)
def test_an_output_that_cannot_be_written_is_refused_before_anything_runs(
    program, output, message, monkeypatch, capsys
):
    assert message in _ends(program, ["--data", "docs", "--output", output], monkeypatch, capsys)[-1]


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("README.md/new", "is not a directory"),
        ("/proc/new", "--output: /proc/new cannot be written to: "),
    ],
)
def test_a_folder_that_cannot_be_made_is_refused(output, message, monkeypatch, capsys):
    assert message in _ends(scenarios, ["--data", "docs", "--output", output], monkeypatch, capsys)[-1]
    with pytest.raises(SystemExit) as ended:
        ml_main(["benchmark", "--data", "/nope", "--output", output])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_a_writable_output_is_left_as_it_is(tmp_path):
    assert output_file(str(tmp_path / "new.csv")) == tmp_path / "new.csv"
    assert output_folder(str(tmp_path / "a" / "b")) == tmp_path / "a" / "b"
    (tmp_path / "old.csv").write_text("kept")
    output_file(str(tmp_path / "old.csv"))
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("old.csv", "kept")]


@pytest.mark.parametrize("program", [engine, ablation, intervals, virtual, borrowing, shares, answers])
def test_a_damaged_file_ends_a_benchmark_in_one_line(program, tmp_path, monkeypatch, capsys):
    make_region(tmp_path, "NZ", NZ, own_files=False)
    file = tmp_path / "NZtrain_bg.rds"
    file.write_bytes(lzma.compress(gzip.decompress(file.read_bytes()))[:3000])
    if program is intervals:
        monkeypatch.setattr(intervals, "DEMO_STUDIES", ())
    lines = _ends(program, ["--data", str(tmp_path), "--regions", "NZ"], monkeypatch, capsys)
    assert f"error: {file} is damaged or not an R data file (LZMAError)" in lines
    assert not any("Traceback" in line for line in lines)
