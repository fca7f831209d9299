"""``ml predict`` on many rows: the answers of single rows, several models, resumption after SIGKILL, and memory."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ml.__main__ import main
from ml.batch.answer_columns import COLUMNS
from ml.batch.cells import check_columns
from ml.batch.chunks import CHUNK_ROWS
from ml.card import Predictor
from ml.serving.artifact import load_artifact
from ml.serving.verdict import is_suitable, judge
from tools.live import PROJECT


def predict(model, source: Path, output: Path, *more: str) -> int:
    models = model if isinstance(model, list) else [model]
    named = [part for one in models for part in ("--model", str(one))]
    return main(["predict", *named, "--input", str(source), "--output", str(output), *more])


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def make_table(path: Path, n: int, bad: tuple[int, ...] = ()) -> None:
    draw = np.random.default_rng(2)
    with path.open("w") as stream:
        stream.write("bare_rock,site,temperature,trees\n")
        values = draw.uniform(0, 60, (n, 3)).round(3)
        for number, (rock, temperature, trees) in enumerate(values):
            stream.write(f"{rock},s{number},{temperature},{'many' if number in bad else trees}\n")


def expected_texts(artifact, row: list[float]) -> list[str]:
    """The columns worked out from the single answer."""
    answer = artifact.predictor.answer(row)
    low, high = answer.interval
    novelty = answer.novelty
    better = artifact.quality.better_than_chance
    verdict = judge(
        answer.suitability, answer.interval, answer.threshold, inside=novelty.inside, better_than_chance=better
    )
    side = is_suitable(verdict)
    return [
        verdict,
        repr(answer.suitability),
        repr(low),
        repr(high),
        "" if side is None else str(int(side)),
        str(int(novelty.inside)),
        "" if novelty.index is None else repr(novelty.index),
        repr(novelty.mess),
        novelty.most_dissimilar or "",
        "",
    ]


def test_rows_around_the_end_of_a_chunk_have_the_answers_of_single_rows(model, tmp_path, capsys):
    n = CHUNK_ROWS + 40
    make_table(tmp_path / "in.csv", n, bad=(0, CHUNK_ROWS - 1, CHUNK_ROWS))
    assert predict(model, tmp_path / "in.csv", tmp_path / "out.csv") == 2
    error = capsys.readouterr().err
    assert f"3 rows have an error instead of an answer: {tmp_path}/in.csv: trees: row 1 (line 2) is not a" in error
    assert f"trees: row {CHUNK_ROWS:,} (line {CHUNK_ROWS + 1:,}) is" in error
    assert f"trees: row {CHUNK_ROWS + 1:,} (line {CHUNK_ROWS + 2:,}) is" in error
    rows = rows_of(tmp_path / "out.csv")
    assert len(rows) == n
    artifact = load_artifact(model)
    for number in (1, 2, CHUNK_ROWS - 2, CHUNK_ROWS + 1, n - 1):
        row = rows[number]
        values = [float(row[one.name]) for one in artifact.card.predictors]
        assert [row[name] for name in COLUMNS] == expected_texts(artifact, values)
    assert [number for number, row in enumerate(rows) if row["error"]] == [0, CHUNK_ROWS - 1, CHUNK_ROWS]


def test_several_models_write_a_row_for_each_species(model, model_tree, tmp_path, capsys):
    models = sorted(model_tree.glob("test-hills/*/*"))[:3]
    text = "soil,bare_rock,trees,temperature\nclay,1,2,15\nlava,1,2,15\n"
    (tmp_path / "in.csv").write_text(text)
    summary = tmp_path / "summary.json"
    assert predict(models, tmp_path / "in.csv", tmp_path / "out.csv", "--summary", str(summary)) == 2
    rows = rows_of(tmp_path / "out.csv")
    slugs = [path.parent.name for path in models]
    assert [row["species"] for row in rows] == slugs * 2
    assert list(rows[0])[:6] == ["soil", "bare_rock", "trees", "temperature", "species", "verdict"]
    for path, row in zip(models, rows, strict=False):
        (tmp_path / "one.csv").write_text(text)
        predict(path, tmp_path / "one.csv", tmp_path / "single.csv")
        single = rows_of(tmp_path / "single.csv")[0]
        assert {**single, "species": row["species"]} == row
    stored = json.loads(summary.read_text())
    assert (stored["n_rows"], stored["n_bad"], stored["n_problems"]) == (2, 1, 1)
    assert stored["counts"][slugs[0]]["error"] == 1
    assert predict([models[0], models[0]], tmp_path / "in.csv", tmp_path / "out.csv") == 2
    assert "two of the models are for one species" in capsys.readouterr().err


def test_options_are_those_of_the_api(model, tmp_path, capsys):
    (tmp_path / "in.csv").write_text("bare_rock,trees,temperature\n1,2,69\n")
    cells = {}
    for kind in ("flag", "allow", "refuse"):
        predict(model, tmp_path / "in.csv", tmp_path / "out.csv", "--extrapolation", kind)
        (cells[kind],) = rows_of(tmp_path / "out.csv")
    assert cells["flag"]["verdict"] == "cannot_say"
    assert cells["allow"]["verdict"] not in ("cannot_say", "")
    assert (cells["refuse"]["verdict"], cells["refuse"]["error"]) == (
        "", "the conditions lie outside the training conditions"
    )  # fmt: skip
    predict(model, tmp_path / "in.csv", tmp_path / "out.csv", "--extrapolation", "allow", "--threshold", "0")
    assert rows_of(tmp_path / "out.csv")[0]["verdict"] == "suitable"
    capsys.readouterr()
    assert predict(model, tmp_path / "in.csv", tmp_path / "out.csv", "--threshold", "high") == 2
    assert "--threshold must be a number from 0 to 1 or one of" in capsys.readouterr().err


def test_decimal_commas_are_read(model, tmp_path):
    (tmp_path / "a.csv").write_text("bare_rock;trees;temperature\n1,5;2;15,25\n")
    (tmp_path / "b.csv").write_text("bare_rock,trees,temperature\n1.5,2,15.25\n")
    assert predict(model, tmp_path / "a.csv", tmp_path / "a.out") == 0
    assert predict(model, tmp_path / "b.csv", tmp_path / "b.out") == 0
    (one,), (other,) = rows_of(tmp_path / "a.out"), rows_of(tmp_path / "b.out")
    assert [one[name] for name in COLUMNS] == [other[name] for name in COLUMNS]


def test_a_pipe_is_read(model, tmp_path):
    make_table(tmp_path / "in.csv", 50)
    command = [sys.executable, "-m", "ml", "predict", "--model", str(model), "--input", "/dev/stdin"]
    with (tmp_path / "in.csv").open() as source:
        piped = subprocess.Popen(["cat"], stdin=source, stdout=subprocess.PIPE)
        subprocess.run([*command, "--output", f"{tmp_path}/piped.csv"], stdin=piped.stdout, check=True, cwd=PROJECT)
        piped.wait()
    assert predict(model, tmp_path / "in.csv", tmp_path / "out.csv") == 0
    assert (tmp_path / "piped.csv").read_bytes() == (tmp_path / "out.csv").read_bytes()


def test_a_killed_run_goes_on_after_its_last_chunk(model, tmp_path):
    """The second run answers the rest alone: the table before it is damaged, and the output is whole."""
    n = 3 * CHUNK_ROWS + 100
    make_table(tmp_path / "in.csv", n, bad=(7, 2 * CHUNK_ROWS + 1))
    arguments = ["--model", str(model), "--input", f"{tmp_path}/in.csv", "--output", f"{tmp_path}/out.csv"]
    options = ["--resume", "--accept-errors", "--progress", "json", "--summary", f"{tmp_path}/summary.json"]
    command = [sys.executable, "-m", "tests.contract.batch.slow_ml", "predict", *arguments, *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT, env={**os.environ})
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{") and json.loads(line)["message"].startswith("4,096"):
            process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    part = tmp_path / ".out.csv.part"
    assert not (tmp_path / "out.csv").exists() and part.stat().st_size > 0
    # what was being written when the process died
    with part.open("a") as stream:
        stream.write("half a row")
    before = part.read_text().splitlines()[1]
    assert main(["predict", *arguments, *options]) == 0
    rows = rows_of(tmp_path / "out.csv")
    assert [row["site"] for row in rows] == [f"s{number}" for number in range(n)]
    assert (tmp_path / "out.csv").read_text().splitlines()[1] == before
    stored = json.loads((tmp_path / "summary.json").read_text())
    assert (stored["n_rows"], stored["n_bad"]) == (n, 2)
    rows = [8, 2 * CHUNK_ROWS + 2]
    assert [problem[:2] for problem in stored["problems"]] == [[row, row + 1] for row in rows]
    assert not list(tmp_path.glob(".*"))
    assert predict(model, tmp_path / "in.csv", tmp_path / "other.csv", "--accept-errors") == 0
    assert (tmp_path / "other.csv").read_bytes() == (tmp_path / "out.csv").read_bytes()


def test_what_another_command_left_is_not_used(model, tmp_path):
    make_table(tmp_path / "in.csv", 10)
    (tmp_path / ".out.csv.part").write_text("of another table\n")
    (tmp_path / ".out.csv.state").write_text(json.dumps({"token": "x", "size": 5, "summary": {}}))
    assert predict(model, tmp_path / "in.csv", tmp_path / "out.csv", "--resume") == 0
    assert len(rows_of(tmp_path / "out.csv")) == 10
    assert not list(tmp_path.glob(".*"))


@pytest.mark.thorough
def test_memory_does_not_grow_with_the_rows(model, tmp_path):
    peaks = []
    for n in (5_000, 60_000):
        make_table(tmp_path / "in.csv", n)
        arguments = ["--model", str(model), "--input", f"{tmp_path}/in.csv", "--output", f"{tmp_path}/out.csv"]
        process = subprocess.Popen([sys.executable, "-m", "ml", "predict", *arguments], cwd=PROJECT)
        _, status, usage = os.wait4(process.pid, 0)
        assert status == 0
        process.returncode = 0
        peaks.append(usage.ru_maxrss)
    # kilobytes; the larger table has 55,000 rows of at least 600 bytes more in Python's memory
    assert peaks[1] - peaks[0] < 20_000


def test_a_table_that_ends_damaged_costs_its_last_row(model, tmp_path, capsys):
    make_table(tmp_path / "in.csv", 6000)
    with (tmp_path / "in.csv").open("a") as stream:
        stream.write("1,2\n")
    assert predict(model, tmp_path / "in.csv", tmp_path / "out.csv", "--resume") == 2
    assert "in.csv: row 6,001 (line 6,002): 2 fields, but the header has 4 columns" in capsys.readouterr().err
    rows = rows_of(tmp_path / "out.csv")
    assert [number for number, row in enumerate(rows) if row["error"]] == [6000]
    assert (rows[-1]["bare_rock"], rows[-1]["site"], rows[-1]["verdict"]) == ("1", "2", "")


PERCENT = Predictor(name="p", label="P", lowest_possible=0, highest_possible=100)


@pytest.mark.parametrize(
    ("text", "number"),
    [("5", 5), ("+5", 5), (".5", 0.5), ("5.", 5), ("1e1", 10), ("05", 5), ("-0", 0), ("1E+1", 10)],
)
def test_numbers(text, number):
    values, problems = check_columns([PERCENT], [[text, "x"]])
    assert values[0, 0] == number and [problem.row for problem in problems] == [1]
    assert check_columns([PERCENT], [[text]])[0][0, 0] == number


@pytest.mark.parametrize(
    "text",
    ["", "1_0", "0x5", "nan", "inf", "-inf", "1e999", "1e", "--1", "٣", "1 2", "101", "-1", "5%", "1.2.3", "True"],
)
def test_no_numbers(text):
    for column in ([text], [text, "5"], ["5", text]):
        _, problems = check_columns([PERCENT], [column])
        assert [column[problem.row] for problem in problems] == [text]
