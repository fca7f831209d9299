"""The benchmark of served applications: a short run, its options, its report."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from benchmarks.serving.__main__ import main
from benchmarks.serving.report import Round, Series, paired, table
from tools import live


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.serving", *arguments]
    return subprocess.run(command, cwd=live.PROJECT, capture_output=True, text=True, check=False)


@pytest.mark.thorough
def test_a_short_run_answers_and_stores() -> None:
    short = ("--rounds", "1", "--seconds", "0.5", "--repeated", "0.9", "--connections", "4", "--trees", "20")
    done = _run("--variants", "empty,ecopredict", *short)
    assert done.returncode == 0, done.stderr
    (row,) = [line for line in done.stdout.splitlines() if re.match(r"\| ecopredict \| \d+ \| \d+ \|", line)]
    answers, rows, *wrong = map(int, row.split("|")[2:-1])
    assert answers == rows > 50
    assert wrong == [0, 0, 0, 0]
    (scraped,) = re.findall(r"it counted (\d+) predictions of (\d+) answers", done.stdout)
    assert scraped[0] == scraped[1]
    assert re.search(r"^- of an empty route: .*: (met|missed)$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--variants", "nginx"],
        ["--variants", ","],
        ["--rounds", "0"],
        ["--repeated", "2"],
        ["--callers", "5"],
        ["--against", "/none"],
    ],
)
def test_bad_input_is_one_line_and_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("python -m benchmarks.serving: error: ")


def _series(*rates: float) -> Series:
    return Series([Round(rate, 1, 1000 / rate, 3, 100, 10, 0, memory=200) for rate in rates])


def test_ratios_are_taken_within_rounds() -> None:
    # both halve in the second round, as on a machine that others use
    ours, empty, usual = _series(800, 400, 780), _series(1000, 500, 1000), _series(100, 50, 100)
    assert paired(ours.values("rate"), empty.values("rate")) == [0.8, 0.8, 0.78]
    text = "\n".join(table(0.9, {"empty": empty, "ecopredict": ours, "usual": usual}))
    assert "| ecopredict | 780 (400–800) | 0.80 (0.78–0.80) | 8.00 (7.80–8.00) |" in text
    assert "- of an empty route: 0.80, target at least 0.65: met" in text
    assert "- p95 of the usual design's: 0.12, target at most 0.2: met" in text
    slow = "\n".join(table(0.0, {"empty": empty, "ecopredict": usual, "usual": usual}))
    assert "- of an empty route: 0.10, target at least 0.4: missed" in slow


def test_another_checkout_is_compared_within_rounds() -> None:
    results = {"ecopredict": _series(800, 400, 780), "before": _series(1000, 500, 1000)}
    text = "\n".join(table(0.5, results))
    assert "| requests/s | 1000.0 | 780.0 | 0.800 (0.780–0.800) |" in text
    assert "| p95 | 1.0 | 1.3 | 1.250 (1.250–1.282) |" in text
    assert "before" not in "\n".join(table(0.5, {"ecopredict": results["ecopredict"]}))
