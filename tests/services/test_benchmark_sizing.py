"""The benchmark of sizes: a short run of the served part, its options, its table."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from benchmarks.sizing import jobs
from benchmarks.sizing.__main__ import main
from benchmarks.sizing.figures import Figures
from tools import live


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.sizing", *arguments]
    return subprocess.run(command, cwd=live.PROJECT, capture_output=True, text=True, check=False)


@pytest.mark.thorough
def test_a_short_run_has_each_figure() -> None:
    done = _run("--only", "serving", "--rounds", "1", "--seconds", "0.5", "--models", "2", "--trees", "20")
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^\| ([^|]+) \| ([\d.,]+) \| ([^|]*) \| (\d+) \| ([^|]+) \|$", done.stdout, re.MULTILINE)
    units = {what: unit for what, _, _, _, unit in rows}
    for what, unit in {
        "predictions, new conditions, whole machine": "answers/s",
        "latency, 90 % repeated, p99": "ms",
        "rows of answers in PostgreSQL, with indexes": "kB/1,000 answers",
        "memory of a web worker, one model": "MB",
        "memory of a web worker, 3 models": "MB",
        "disk of a model": "kB",
        "CPU of the page `/`": "ms/page",
    }.items():
        assert units.get(what) == unit, done.stdout


def test_the_table_has_the_spread() -> None:
    figures = Figures()
    figures.add("one", "MB", 1234.4)
    figures.add("several", "ms", 3.0, 1.0)
    figures.add("several", "ms", 25.04)
    assert figures.table()[2:] == ["| one | 1,234 |  | 1 | MB |", "| several | 3.00 | 1.00 to 25.0 | 3 | ms |"]


def test_a_command_that_fails_ends_the_benchmark() -> None:
    with pytest.raises(SystemExit, match=r"benchmarks.sizing: train failed: "):
        jobs._run("train", "--files", "/none")


@pytest.mark.parametrize("arguments", [["--rounds", "0"], ["--seconds", "0"], ["--only", "nothing"]])
def test_bad_input_is_one_line_and_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("python -m benchmarks.sizing: error: ")
