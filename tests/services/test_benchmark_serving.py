"""The benchmark of served applications runs, counts what it was answered, and says what came of it."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from benchmarks.serving.report import Round, Series, paired, table
from tools import live


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.serving", *arguments]
    return subprocess.run(command, cwd=live.PROJECT, capture_output=True, text=True, check=False)


def test_a_short_run_answers_and_stores() -> None:
    short = ("--rounds", "1", "--seconds", "0.5", "--repeated", "0.9", "--connections", "4", "--trees", "20")
    done = _run("--variants", "empty,ecopredict", *short)
    assert done.returncode == 0, done.stderr
    (row,) = [line for line in done.stdout.splitlines() if re.match(r"\| ecopredict \| \d+ \| \d+ \|", line)]
    answers, rows, *wrong = map(int, row.split("|")[2:-1])
    assert answers == rows > 50
    assert wrong == [0, 0, 0, 0]
    (scraped,) = re.findall(r"it counted (\d+) predictions of (\d+) given", done.stdout)
    assert scraped[0] == scraped[1]
    assert re.search(r"^- of an empty route: .*: (met|missed)$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    "arguments",
    [("--variants", "nginx"), ("--variants", ","), ("--rounds", "0"), ("--repeated", "2"), ("--callers", "5")],
)
def test_bad_input_is_one_line_and_code_2(arguments: tuple[str, ...]) -> None:
    done = _run(*arguments)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("python -m benchmarks.serving: error: ")


def _series(*rates: float) -> Series:
    return Series([Round(rate, 1, 1000 / rate, 3, 100, 10, 0) for rate in rates])


def test_ratios_are_taken_within_rounds() -> None:
    # both halve in the second round, as on a machine that others use
    ours, empty, usual = _series(800, 400, 780), _series(1000, 500, 1000), _series(100, 50, 100)
    assert paired(ours.of("rate"), empty.of("rate")) == [0.8, 0.8, 0.78]
    said = "\n".join(table(0.9, {"empty": empty, "ecopredict": ours, "usual": usual}))
    assert "| ecopredict | 780 (400–800) | 0.80 (0.78–0.80) | 8.00 (7.80–8.00) |" in said
    assert "- of an empty route: 0.80, wanted at least 0.65: met" in said
    assert "- p95 of the usual design's: 0.12, wanted at most 0.2: met" in said
    slow = "\n".join(table(0.0, {"empty": empty, "ecopredict": usual, "usual": usual}))
    assert "- of an empty route: 0.10, wanted at least 0.4: missed" in slow
