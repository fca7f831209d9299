"""Two models trained for real, shared by the tests that need one."""

from __future__ import annotations

import pytest

from ml.artifact import Artifact, load_artifact
from ml.training import train_species
from tests.synthetic import recorded_study, synthetic_study

SLUG = "oenanthe-hispanica"


@pytest.fixture(scope="session")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """Trained on presences and absences, a categorical predictor among the others: forest and network."""
    folder = tmp_path_factory.mktemp("survey")
    return load_artifact(train_species(synthetic_study(categorical=True), SLUG, folder, 30, 3, n_networks=1))


@pytest.fixture(scope="session")
def records(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """Trained on presences and background, with all three members."""
    folder = tmp_path_factory.mktemp("records")
    study = recorded_study(100, 200, categorical=True)
    return load_artifact(train_species(study, SLUG, folder, 30, 3, n_networks=1))
