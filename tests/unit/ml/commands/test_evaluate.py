"""``python -m ml evaluate``."""

import pytest

from ml.__main__ import main
from tests.synthetic import synthetic_study

SLUG = "oenanthe-hispanica"


def test_evaluate_prints_cross_validated_or_independent_scores(model, tmp_path, capsys):
    assert main(["evaluate", "--model", str(model)]) == 0
    assert "Oenanthe hispanica" in capsys.readouterr().out
    study = synthetic_study()
    study.environment.assign(presence=study.presence[SLUG]).to_csv(tmp_path / "in.csv", index=False)
    assert main(["evaluate", "--model", str(model), "--input", f"{tmp_path}/in.csv"]) == 0
    assert "AUC-ROC" in capsys.readouterr().out
    assert main(["evaluate", "--model", str(model), "--input", f"{tmp_path}/in.csv", "--presence", "seen"]) == 2
    assert "no column seen" in capsys.readouterr().err
    study.environment.assign(presence=1).to_csv(tmp_path / "in.csv", index=False)
    assert main(["evaluate", "--model", str(model), "--input", f"{tmp_path}/in.csv"]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and "one class only" in printed.err


def _evaluate(model, presence, tmp_path, capsys):
    synthetic_study().environment.assign(presence=presence).to_csv(tmp_path / "in.csv", index=False)
    code = main(["evaluate", "--model", str(model), "--input", f"{tmp_path}/in.csv"])
    return code, capsys.readouterr()


def test_evaluate_reads_presences_written_as_decimals(model, tmp_path, capsys):
    presence = synthetic_study().presence[SLUG]
    whole = _evaluate(model, presence, tmp_path, capsys)
    assert whole[0] == 0
    assert _evaluate(model, presence.astype(float), tmp_path, capsys) == whole


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("2", "in.csv: presence must be 0 or 1 in every row; row 4 is '2'"),
        ("", "in.csv: presence must be 0 or 1 in every row; row 4 is ''"),
        ("TRUE", "row 4 is 'TRUE'"),
        (None, "in.csv: presence is 0 in every row (one class only)"),
    ],
)
def test_evaluate_names_the_file_and_the_row(model, tmp_path, capsys, value, message):
    presence = synthetic_study().presence[SLUG].astype(str)
    if value is None:
        presence[:] = "0"
    else:
        presence.iloc[2] = value
    code, printed = _evaluate(model, presence, tmp_path, capsys)
    assert code == 2 and printed.out == ""
    assert message in printed.err and len(printed.err.splitlines()) == 1
