"""What a model was trained with, and whether one that was trained with the same is there."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sklearn

from ml.card import Training
from ml.serving.artifact import ArtifactError, find_artifacts, load_artifact, read_card
from ml.study import StudyData
from ml.training.card_parts import fingerprint
from ml.training.default_model import EngineSettings, describe

#: Rises whenever a change of this library would train another model from the same data.
ENGINE = "3"


@dataclass(frozen=True)
class TrainingOptions:
    """Settings of a training run.

    Attributes
    ----------
    n_estimators : int
        Trees in a forest, the same in every fold and in the model that is served.
    n_folds : int
        Cross-validation folds; fewer where there are fewer presences.
    seed : int
    n_networks : int
        Networks averaged, where species share one.
    """

    n_estimators: int = 500
    n_folds: int = 5
    seed: int = 0
    n_networks: int = 5

    @property
    def engine(self) -> EngineSettings:
        """Settings of the default model."""
        return EngineSettings(n_estimators=self.n_estimators, n_networks=self.n_networks, seed=self.seed)


def training_of(study: StudyData, slug: str, network: bool, options: TrainingOptions) -> Training:
    """Return what a card says of how its model was trained; equal where the models are."""
    members = ["down-sampled random forest"]
    if study.description.records == "presence-background":
        members.append("MaxEnt-type model")
    if network:
        members.append("multi-species network")
    return Training(
        estimator=" + ".join(members),
        parameters=describe(options.engine) | {"n_folds": options.n_folds},
        seed=options.seed,
        data_fingerprint=fingerprint(study, slug, with_group=network),
        versions={
            "engine": ENGINE,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scikit-learn": sklearn.__version__,
        },
    )


def trained_already(
    study: StudyData, slug: str, network: bool, models_dir: Path, options: TrainingOptions
) -> Path | None:
    """Return a model that was trained with the same from the same; None where there is none, or a damaged one."""
    wanted = training_of(study, slug, network, options)
    for path in find_artifacts(models_dir / study.description.slug / slug):
        try:
            if read_card(path).training == wanted and load_artifact(path):
                return path
        except ArtifactError:
            # a damaged model is trained anew
            continue
    return None
