"""The unit of a predictor does not change a model, and what single precision loses is said."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.made_up import made_up_study
from ml.datasets import DEMO_STUDIES, load_study
from ml.estimators.forest import column_factors
from ml.predictors.encoding import EnvironmentValueError
from ml.serving.artifact import load_artifact
from ml.training.preparation import encode_study
from ml.training.train import train_species
from tools.live import PROJECT

STUDY = made_up_study(30, 3, 0)


def _answers(folder, factor, offset):
    """The held-out AUC of a species, and the suitability of 40 rows of the study."""
    table = STUDY.environment * factor + offset
    study = replace(STUDY, environment=table)
    artifact = load_artifact(train_species(study, "species", folder / str(factor), 30))
    answers = [artifact.predictor.answer(row.tolist()) for row in table.to_numpy()[:40]]
    return artifact.card.metrics["auc_roc"].value, np.array([one.suitability for one in answers])


@pytest.mark.thorough
def test_scores_do_not_depend_on_the_unit(tmp_path):
    auc, suitability = _answers(tmp_path, 1.0, 0.0)
    assert auc > 0.7 and np.ptp(suitability) > 0.5
    for factor, offset in ((1e-6, 0.0), (1e6, 1e6)):
        other_auc, other = _answers(tmp_path, factor, offset)
        assert other_auc == pytest.approx(auc, abs=0.01)
        np.testing.assert_allclose(other, suitability, atol=0.03)


def test_values_that_become_equal_are_noted_or_refused():
    assert encode_study(STUDY).notes == []
    coarse = STUDY.environment.assign(bio2=1e6 + STUDY.environment["bio2"])
    [note] = encode_study(replace(STUDY, environment=coarse)).notes
    assert note.startswith("bio2: models tell only ")
    equal = STUDY.environment.assign(bio2=1e6 + STUDY.environment["bio2"] * 1e-3)
    with pytest.raises(EnvironmentValueError, match="bio2: its values differ by too little"):
        encode_study(replace(STUDY, environment=equal))


@pytest.mark.parametrize("name", DEMO_STUDIES)
def test_predictors_of_the_demo_studies_are_used_as_they_are(name):
    encoded = encode_study(load_study(name, PROJECT / "instance" / "raw"))
    assert (column_factors(encoded.group.rows) == 1).all()
    assert not any("models tell only" in note for note in encoded.notes)
