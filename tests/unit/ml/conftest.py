"""Models trained for real, shared by the tests that need one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ml.serving.artifact import Artifact, load_artifact
from ml.training.train import train_species
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


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a model of a few trees."""
    return train_species(synthetic_study(), SLUG, tmp_path_factory.mktemp("models"), n_estimators=12, n_networks=1)


@pytest.fixture
def copy(trained: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may spoil."""
    return shutil.copytree(trained, tmp_path / trained.name)
