"""``python -m ml records``: what is printed, and the exit status."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from ml.__main__ import main
from ml.recipes.reports import RecordFileReport

TABLE = "species,x,y\nLarus fuscus,1,2\nLarus fuscus,3,4\nApus apus,5,6\n"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "points.csv"
    path.write_text(TABLE)
    return path


def test_what_was_recognised_is_printed(table, capsys):
    assert main(["records", str(table)]) == 0
    output, errors = capsys.readouterr()
    assert output.splitlines() == [
        "points.csv: table, 3 records",
        "  species     Larus fuscus (2), Apus apus (1)",
        "  columns     species, decimalLongitude = x, decimalLatitude = y",
        "  encoding    utf-8, delimiter comma",
        "  first rows",
        "    species       x  y",
        "    Larus fuscus  1  2",
        "    Larus fuscus  3  4",
        "    Apus apus     5  6",
    ]
    assert errors == ""


def test_a_file_that_cannot_be_read_is_one_line_and_the_others_are_reported(table, tmp_path, capsys):
    bad = tmp_path / "bad.csv"
    bad.write_text("lat,lon\n1,2,3\n")
    assert main(["records", str(bad), str(table), str(tmp_path / "none.csv")]) == 2
    output, errors = capsys.readouterr()
    assert "points.csv: table, 3 records" in output
    first, second = errors.splitlines()
    assert first.startswith("python -m ml records: bad.csv, line 2: 3 fields, but the header has 2 columns")
    assert second == "python -m ml records: none.csv: no such file"


def test_json_has_the_report_of_each_file(table, tmp_path, capsys):
    assert main(["records", "--json", str(table), str(tmp_path / "none.csv")]) == 2
    first, second = json.loads(capsys.readouterr().out)
    report = RecordFileReport.model_validate(first["report"])
    assert (first["file"], first["problem"], report.n, report.mapping["decimalLatitude"]) == (
        "points.csv",
        None,
        3,
        "y",
    )
    assert second == {"file": "none.csv", "report": None, "problem": "none.csv: no such file"}


def test_options_state_how_a_file_is_read(tmp_path, capsys):
    path = tmp_path / "r.csv"
    path.write_bytes("a;b;c\n1,5;2;é\n".encode("cp1252"))
    arguments = ["records", str(path), "--encoding", "cp1252", "--delimiter", "semicolon", "--species", "Apus apus"]
    assert main([*arguments, "--column", "decimalLatitude=a", "--column", "decimalLongitude=b"]) == 0
    output = capsys.readouterr().out
    assert "Apus apus (1)" in output and "decimalLatitude = a, decimalLongitude = b" in output
    assert "cp1252, delimiter semicolon" in output and "unsure" not in output


def test_columns_that_are_missing_are_reported_with_what_there_is(tmp_path, capsys):
    path = tmp_path / "r.csv"
    path.write_text("species,place\nApus apus,here\n")
    assert main(["records", str(path)]) == 2
    output, errors = capsys.readouterr()
    assert "Apus apus  here" in output
    assert errors.startswith(
        "python -m ml records: r.csv: there is no decimalLatitude column; the columns are species, place"
    )
    assert main(["records", str(path), "--column", "decimalLatitude=nowhere"]) == 2
    assert "there is no column nowhere for decimalLatitude" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--column", "latitude"], ["--column", "=x"], ["--delimiter", "ab"]])
def test_an_option_that_cannot_be_read_is_refused(table, arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["records", str(table), *arguments])
    assert stop.value.code == 2 and arguments[1] in capsys.readouterr().err


def test_what_a_file_contains_does_not_control_the_terminal(tmp_path, capsys):
    path = tmp_path / "r.csv"
    path.write_text("species,x,y\n\x1b[2J\x1b]0;title\x07,1,2\n")
    main(["records", str(path)])
    assert "\x1b" not in capsys.readouterr().out


def test_the_command_runs_as_a_program(table):
    command = [sys.executable, "-m", "ml", "records", "--json", str(table)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(result.stdout)[0]["report"]["n"] == 3 and result.stderr == ""
