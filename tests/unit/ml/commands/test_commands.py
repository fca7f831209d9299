import subprocess
import sys

import pytest

from ml.__main__ import main
from ml.commands import train as train_command
from ml.serving.artifact import find_artifacts
from tests.synthetic import synthetic_study

SLUG = "oenanthe-hispanica"


@pytest.fixture
def studies(monkeypatch):
    """The demo studies need fetched files; here the same commands run on made-up hills."""
    hills = {"test-hills": synthetic_study(), "test-dales": synthetic_study(n_species=1, slug="test-dales", seed=5)}
    monkeypatch.setattr(train_command, "DEMO_STUDIES", hills)
    monkeypatch.setattr(train_command, "load_study", lambda slug, raw: hills[slug])


def _train(tmp_path, *more):
    return main(["train", "--models", str(tmp_path), "--trees", "10", "--folds", "2", "--jobs", "1", *more])


def test_train_writes_models_tells_the_scores_and_passes_over_what_is_there(studies, tmp_path, capsys):
    assert _train(tmp_path, "--all") == 0
    out = capsys.readouterr().out
    assert len(find_artifacts(tmp_path)) == 4
    assert "4/4 " in out and "AUC-ROC" in out and "Parus major" in out
    assert "4 models trained, 0 already there" in out
    assert _train(tmp_path, "test-hills") == 0
    assert "0 models trained, 3 already there" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["parus-major", "Parus major", "parus major Linnaeus, 1758"])
def test_train_takes_single_species_however_they_are_named(studies, tmp_path, name):
    assert _train(tmp_path, "test-hills", "--species", name) == 0
    assert [p.parent.name for p in find_artifacts(tmp_path)] == ["parus-major"]


def test_a_species_that_cannot_be_trained_is_told_and_the_others_are_trained(tmp_path, monkeypatch, capsys):
    study = synthetic_study()
    study.presence["parus-major"] = 0
    monkeypatch.setattr(train_command, "DEMO_STUDIES", {"test-hills": study})
    monkeypatch.setattr(train_command, "load_study", lambda slug, raw: study)
    assert _train(tmp_path, "--all") == 1
    assert "not trained: parus-major: 0 presences" in capsys.readouterr().err
    assert len(find_artifacts(tmp_path)) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name a study"),
        (["nowhere"], "no study nowhere; there are test-hills"),
        (["test-hills", "--species", "nobody"], "no species nobody"),
        (["--all", "--trees", "0"], "--trees: '0' is not a whole number of at least 1"),
        (["--all", "--folds", "1"], "--folds"),
        (["--all", "--seed", "-1"], "--seed"),
        (["--all", "--jobs", "many"], "--jobs"),
    ],
)
def test_bad_words_end_with_2_and_one_line(studies, tmp_path, capsys, arguments, message):
    try:
        code = main(["train", "--models", str(tmp_path), *arguments])
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert message in error[-1]
    assert "Traceback" not in "".join(error)


def test_report_names_a_directory_without_a_model(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 2
    assert "is not the directory of a model" in capsys.readouterr().err
    assert main(["report", str(tmp_path / "none")]) == 2
    assert "does not exist" in capsys.readouterr().err


def test_a_model_that_is_not_there_is_one_line(tmp_path, capsys):
    assert main(["evaluate", "--model", str(tmp_path)]) == 2
    assert "manifest.json cannot be read" in capsys.readouterr().err


def test_the_program_has_help():
    done = subprocess.run(
        [sys.executable, "-m", "ml", "--help"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0
    assert "usage: python -m ml" in done.stdout


@pytest.mark.parametrize("command", ["train", "evaluate", "predict"])
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    assert f"usage: python -m ml {command}" in capsys.readouterr().out
