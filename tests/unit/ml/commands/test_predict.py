"""``python -m ml predict`` as a user runs it: columns, tables of every usual kind, and what cannot be read."""

import re

import numpy as np
import pandas as pd
import pytest

from ml.__main__ import main
from ml.datasets import load_study
from ml.predictors.encoding import limits_of
from ml.serving.artifact import load_artifact
from ml.training.train import train_species
from tests.synthetic import synthetic_study
from tests.unit.ml.datasets.raw_files import RAW, ROOT, needs

#: Columns that `ml predict` adds, in this order.
ADDED = (
    "verdict", "suitability", "low", "high", "suitable", "in_area_of_applicability", "dissimilarity_index", "mess",
    "most_dissimilar", "error",
)  # fmt: skip


def test_predict_adds_columns_and_keeps_the_others(model, tmp_path, capsys):
    table = synthetic_study().environment.assign(site="here")[["site", "trees", "temperature", "bare_rock"]]
    table.loc[0, "temperature"] = 69
    table.to_csv(tmp_path / "in.csv", index=False)
    assert (
        main(["predict", "--model", str(model), "--input", f"{tmp_path}/in.csv", "--output", f"{tmp_path}/out.csv"])
        == 0
    )
    assert "120 rows written" in capsys.readouterr().out
    out = pd.read_csv(tmp_path / "out.csv")
    assert out.columns.tolist() == [*table.columns, *ADDED]
    expected = load_artifact(model).predictor.predict(table[["bare_rock", "trees", "temperature"]].to_numpy())
    np.testing.assert_allclose(out.suitability, expected, atol=1e-6)
    assert (out.verdict[0], out.suitable.isna().tolist()) == ("cannot_say", [True] + [False] * 119)
    assert out.most_dissimilar[0] == "temperature"
    assert out.in_area_of_applicability.tolist() == [0] + [1] * 119


def _predict(model, table, tmp_path):
    table.to_csv(tmp_path / "in.csv", index=False)
    arguments = ["predict", "--model", str(model), "--input", f"{tmp_path}/in.csv", "--output", f"{tmp_path}/out.csv"]
    assert main(arguments) == 0
    return pd.read_csv(tmp_path / "out.csv")


def test_predict_and_answer_agree_on_every_row(survey, tmp_path):
    """Rows in range and out of it, near records and far from them, with a categorical predictor."""
    predictors, draw = survey.card.predictors, np.random.default_rng(0)
    table = pd.DataFrame(
        {
            p.name: draw.choice(p.levels, 300)
            if p.type == "categorical"
            else np.clip(draw.uniform(p.minimum, p.minimum + 1.05 * (p.maximum - p.minimum), 300), *limits_of(p))
            for p in predictors
        }
    )
    out = _predict(survey.path, table, tmp_path)
    answers = [
        survey.predictor.answer(list(row)) for row in table[[p.name for p in predictors]].itertuples(index=False)
    ]
    assert out.suitability.tolist() == [answer.suitability for answer in answers]
    assert out.low.tolist() == [answer.interval[0] for answer in answers]
    assert out.high.tolist() == [answer.interval[1] for answer in answers]
    inside = [answer.novelty.inside for answer in answers]
    assert out.in_area_of_applicability.tolist() == inside
    assert out.dissimilarity_index.tolist() == [answer.novelty.index for answer in answers]
    assert out.mess.tolist() == [answer.novelty.mess for answer in answers]
    assert out.most_dissimilar.tolist() == [answer.novelty.most_dissimilar for answer in answers]
    assert (out.verdict != "cannot_say").tolist() == inside
    assert out.suitable.isna().tolist() == [not one for one in inside]
    assert out.suitable[inside].tolist() == [a.suitable for a in answers if a.novelty.inside]
    assert {answer.novelty.kind for answer in answers} == {"inside", "range", "combination"}


CASE = ROOT.parent / "shared" / "cases" / "c22_combination.csv"


@pytest.mark.thorough
@pytest.mark.skipif(not CASE.is_file(), reason=f"no {CASE.name} in ../shared/cases")
@needs("rpjdl.xlsx")
def test_values_in_range_that_no_record_combines_are_outside_the_area_of_applicability(tmp_path):
    birds = load_study("mediterranean-birds", RAW)
    path = train_species(birds, birds.species[0].slug, tmp_path / "models", 60)
    bird = load_artifact(path)
    out = _predict(path, pd.read_csv(CASE), tmp_path)
    assert out.in_area_of_applicability.tolist() == [0]
    draw = np.random.default_rng(0)
    rows = {p.name: draw.uniform(p.minimum, p.maximum, 300) for p in bird.card.predictors}
    out = _predict(path, pd.DataFrame(rows), tmp_path)
    answers = [bird.predictor.answer(list(row)) for row in pd.DataFrame(rows).itertuples(index=False)]
    assert out.in_area_of_applicability.tolist() == [answer.novelty.inside for answer in answers]
    # a check of the ranges alone would say 300
    assert 0 < out.in_area_of_applicability.sum() < 50


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist"),
        ("", "has no rows"),
        ("bare_rock,trees\n1,2\n", "has no column temperature"),
        ("bare_rock,trees,temperature\n", "has no rows"),
        ("bare_rock,trees,temperature\n1,2,3\n1,many,3\n", "trees: row 2 (line 3) is not a number: 'many'"),
        ("bare_rock,trees,temperature\n1,,3\n", "trees: row 1 (line 2) has no value"),
        ("bare_rock;trees;temperature\n15,5;2.5;3\n", "row 1 (line 2) is not a number: '15,5' (write a decimal point)"),
        ("Bare_Rock,trees\n1,2\n", "in.csv has no column bare_rock (it has Bare_Rock), temperature"),
        ("bare_rock,trees,temperature\n,,\n,,\n", "has no rows"),
        ("PK\x03\x04 a workbook", "in.csv is not a zip file, or a damaged one"),
        (
            "bare_rock,trees,temperature\n1,x,3\nx,2,3\n",
            "trees: row 1 (line 2) is not a number: 'x'; bare_rock: row 2 (line 3) is not",
        ),
        ("bare_rock,trees,temperature\n1,inf,3\n", "trees: row 1 (line 2) must be a finite number: inf"),
        (
            "bare_rock,trees,temperature\na,b,3\n",
            "bare_rock: row 1 (line 2) is not a number: 'a'; trees: row 1 (line 2) is not a number",
        ),
        ("bare_rock,trees,temperature\n" + "1,x,3\n" * 12, "trees: row 10 (line 11) is not a number: 'x'; and 2 more"),
        (
            "bare_rock,trees,temperature\n1,2,3\n1,2,3,4\n",
            "in.csv: row 2 (line 3): 4 fields, but the header has 3 columns",
        ),
        (
            'bare_rock,trees,temperature\n1,"2,3\n',
            "in.csv: row 1 (line 2): a quotation mark opens a field and is never closed",
        ),
        ("bare_rock,trees,trees,temperature\n1,2,2,3\n", "has two columns 'trees'"),
        ("bare_rock,trees,temperature\n1,2,3\n101,2,3\n", "bare_rock: row 2 (line 3) must be 100 % or less: 101"),
        ("bare_rock,trees,temperature\n1,-2,3\n", "trees: row 1 (line 2) must be 0 % or more: -2"),
        ("bare_rock,trees,temperature\n1,2,1e13\n", "temperature: row 1 (line 2) must be 70 °C or less: 1e13"),
        (
            "bare_rock,trees,temperature\n100.0000001,2,3\n",
            "in.csv: bare_rock: row 1 (line 2) must be 100 % or less: 100.0000001",
        ),
        (
            'note,bare_rock,trees,temperature\n"a,1,2,3\nb",1,2,3\n',
            "in.csv: row 1 (line 2): a quotation mark is missing",
        ),
        (",bare_rock,trees,temperature\n1,1,2,3\n1,1,2,3\n", "in.csv: column 1 has values but no name"),
        ("bare_rock;trees;temperature\n1;2\n", "in.csv: row 1 (line 2): 2 fields"),
        ("bare_rock,trees,temperature,suitability\n1,2,3,.4\n", "in.csv already has a column suitability"),
    ],
)
def test_what_cannot_be_read_is_named_in_one_line(model, tmp_path, capsys, content, message):
    if content is not None:
        (tmp_path / "in.csv").write_text(content)
    arguments = ["predict", "--model", str(model), "--input", f"{tmp_path}/in.csv", "--output", f"{tmp_path}/out.csv"]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.strip().splitlines()) == 1
    if re.search(r"row \d", message):
        # cells are wrong, not the table: their rows have an error, and no answer
        out = pd.read_csv(tmp_path / "out.csv", dtype=str, keep_default_na=False)
        wrong = out.error != ""
        assert wrong.any() and (out[list(ADDED[:-1])][wrong] == "").all(axis=None)
        assert (out.verdict[~wrong] != "").all()
    else:
        assert not [p for p in tmp_path.iterdir() if p.name != "in.csv"]


def test_rows_beside_a_wrong_one_are_answered(model, tmp_path, capsys):
    (tmp_path / "in.csv").write_text("site,bare_rock,trees,temperature\nA,1,2,3\nB,101,many,3\nC,1,2,3\n")
    arguments = ["predict", "--model", str(model), "--input", f"{tmp_path}/in.csv", "--output", f"{tmp_path}/out.csv"]
    assert main(arguments) == 2
    assert "1 row has an error instead of an answer" in capsys.readouterr().err
    out = pd.read_csv(tmp_path / "out.csv")
    assert out.site.tolist() == ["A", "B", "C"]
    assert out.error.fillna("").tolist() == [
        "", "bare_rock: must be 100 % or less: 101; trees: is not a number: 'many'", ""
    ]  # fmt: skip
    assert out.suitability.isna().tolist() == [False, True, False]
    assert out.suitability[0] == out.suitability[2]


@pytest.mark.parametrize(
    "content",
    [
        "site,bare_rock,trees,temperature,\nA,1,2,3,\n",
        "site;bare_rock;trees;temperature\nA;1;2;3\n",
        "\ufeffsite\tbare_rock\ttrees\ttemperature\r\nA\t1\t2\t3\r\n",
        '"site","bare_rock","trees","temperature"\n"1","A",1,2,3\n',
        '"","site","bare_rock","trees","temperature"\n"1","A",1,2,3\n',
        ",site,bare_rock,trees,,temperature\n0,A,1,2,,3\n",
        '"site"\t"bare_rock"\t"trees"\t"temperature"\r"1"\t"A"\t1\t2\t3\r',
        "sep=;\nsite;bare_rock;trees;temperature\nA;1;2;3\n  \n\x1a",
    ],
)
def test_usual_tables_are_read_alike(model, tmp_path, content):
    (tmp_path / "in.csv").write_text(content, newline="")
    arguments = ["predict", "--model", str(model), "--input", f"{tmp_path}/in.csv", "--output", f"{tmp_path}/out.csv"]
    assert main(arguments) == 0
    out = pd.read_csv(tmp_path / "out.csv")
    assert out[["site", "bare_rock", "trees", "temperature"]].to_numpy().tolist() == [["A", 1, 2, 3]]
    assert list(out)[-len(ADDED) :] == list(ADDED)


def test_a_level_that_is_not_known_is_named_with_its_row(survey, tmp_path, capsys):
    predictors = survey.card.predictors
    row = {p.name: p.levels[0] if p.type == "categorical" else p.median for p in predictors}
    name = next(p.name for p in predictors if p.type == "categorical")
    pd.DataFrame([row, row | {name: "lava"}]).to_csv(tmp_path / "in.csv", index=False)
    arguments = ["--model", str(survey.path), "--input", f"{tmp_path}/in.csv", "--output", f"{tmp_path}/out.csv"]
    assert main(["predict", *arguments]) == 2
    assert f"in.csv: {name}: row 2 (line 3): lava is not one of" in capsys.readouterr().err
