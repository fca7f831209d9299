"""Options of the benchmarks: what is wrong ends in one line that names the option."""

from __future__ import annotations

import sys

import pytest

import benchmarks.virtual.__main__ as virtual
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
    ],
)
def test_a_wrong_option_is_named(program, options, message, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["program", *options])
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert ended.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
