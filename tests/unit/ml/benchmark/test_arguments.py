"""Options of the benchmarks: what is wrong ends in one line that names the option."""

from __future__ import annotations

import argparse
import sys

import pytest

import benchmarks.virtual.__main__ as virtual
from benchmarks import projection
from benchmarks.arguments import elapid_folder, output_file
from benchmarks.virtual import answers, borrowing, shares


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
        (virtual, ["--data", ".", "--output", "/none/o.csv"], "--output: /none/o.csv cannot be written: No such file"),
        (answers, ["--data", ".", "--output", "docs"], "--output: docs cannot be written: Is a directory"),
        (shares, ["--data", ".", "--output", "README.md/o"], "--output: README.md/o cannot be written: Not a dir"),
        (borrowing, ["--data", ".", "--start", "-1"], "--start: must be a whole number of at least 0, not -1"),
    ],
)
def test_a_wrong_option_is_named(program, options, message, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["program", *options])
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert ended.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_an_output_that_can_be_written_is_left_as_it_was(tmp_path):
    old, new = tmp_path / "old.csv", tmp_path / "new.csv"
    old.write_text("kept")
    assert (output_file(str(old)), output_file(str(new))) == (old, new)
    assert old.read_text() == "kept" and not new.exists()


def test_damaged_data_end_in_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "AWTtrain_po.rds").write_bytes(b"none")
    monkeypatch.setattr(sys, "argv", ["program", "--data", str(tmp_path), "--regions", "AWT"])
    with pytest.raises(SystemExit):
        virtual.main()
    assert "--data: " in (last := capsys.readouterr().err.splitlines()[-1]) and "AWTtrain_po.rds is damaged" in last


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
