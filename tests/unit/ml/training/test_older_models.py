"""Models of an older format are not skipped by training."""

import json
import shutil

from ml.serving.artifact import load_artifact
from ml.training.provenance import TrainingOptions
from ml.training.train import train_study
from tests.older import make_older
from tests.synthetic import synthetic_study

SLUG = "oenanthe-hispanica"


def test_a_model_of_an_older_format_is_trained_again(tmp_path, trained):
    """It lacks the records of its area's points; its card is that of the new one to the last byte."""
    study = synthetic_study()
    options = TrainingOptions(n_estimators=12, n_networks=1)
    home = tmp_path / study.description.slug / SLUG
    shutil.copytree(trained, home / "draft")
    make_older(home / "draft", 3)
    older = json.loads((home / "draft" / "manifest.json").read_text())["model_id"]
    (home / "draft").rename(home / older)
    assert load_artifact(home / older).predictor.missing == ["nearest records"]
    [result] = train_study(study, tmp_path, options, [SLUG])
    assert result.fresh
    assert load_artifact(result.path).predictor.missing == []
    assert (result.path / "card.json").read_bytes() == (trained / "card.json").read_bytes()
    assert [r.fresh for r in train_study(study, tmp_path, options, [SLUG])] == [False]
