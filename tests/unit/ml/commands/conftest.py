"""A model for the tests of commands."""

from __future__ import annotations

import pytest

from ml.training.train import train_species
from tests.synthetic import synthetic_study


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return train_species(synthetic_study(), "oenanthe-hispanica", tmp_path_factory.mktemp("m"), 20)
