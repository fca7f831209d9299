"""The data, settings and versions that a model was trained with, and the search for a model that had the same."""

from __future__ import annotations

import hashlib
import math
import platform
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn

from ml.card import Training
from ml.serving.artifact import FORMAT_VERSION, ArtifactError, find_artifacts, read_card, verify_artifact
from ml.study import StudyData
from ml.training.default_model import EngineSettings, describe

ENGINE = "6"
"""Version of the training code; it rises whenever a change would train another model from the same data."""


_MOST_NETWORKS = 5


@dataclass(frozen=True)
class TrainingOptions:
    """Settings of a training run.

    Attributes
    ----------
    n_estimators : int
        Trees of the forest, the same in every fold and in the model that is served.
    n_folds : int
        Cross-validation folds; fewer where there are fewer presences.
    seed : int
        Seed of every random draw.
    n_networks : int, optional
        Networks that are averaged, where species share a network; `networks_for` the trees by default.
    """

    n_estimators: int = 500
    n_folds: int = 5
    seed: int = 0
    n_networks: int | None = None

    @property
    def engine(self) -> EngineSettings:
        """Settings of the default model."""
        n_networks = networks_for(self.n_estimators) if self.n_networks is None else self.n_networks
        return EngineSettings(n_estimators=self.n_estimators, n_networks=n_networks, seed=self.seed)


def networks_for(trees: int) -> int:
    """Return how many networks a training of so many trees averages: one for every 100 trees, and five at most.

    Few trees are asked for by those who want a first result soon. The networks, which are most of the time of a
    training, would otherwise take as long as for 500 trees.
    """
    return min(_MOST_NETWORKS, math.ceil(trees / 100))


def fingerprint(study: StudyData, slug: str, with_group: bool = False) -> str:
    """Hash the training data of one species.

    Parameters
    ----------
    study : StudyData
    slug : str
    with_group : bool
        Whether the presences of the other species are training data too.

    Returns
    -------
    str
        SHA-256 of descriptions, predictors, environment, presences and coordinates, in their order.
    """
    digest = hashlib.sha256()
    digest.update(study.description.model_dump_json().encode())
    for part in (*study.predictors, *(s for s in study.species if s.slug == slug)):
        digest.update(part.model_dump_json().encode())
    columns = [*(study.environment[p.name] for p in study.predictors), study.presence[slug]]
    if with_group:
        columns += [study.presence[name] for name in study.presence.columns]
    for column in columns:
        digest.update(pd.util.hash_pandas_object(column, index=False).to_numpy().tobytes())
    for places in (study.coordinates, study.projected):
        digest.update(b"-" if places is None else np.ascontiguousarray(places, np.float64).tobytes())
    digest.update(repr(sorted(study.dropped.items())).encode())
    if study.preparation is not None:
        digest.update(study.preparation.model_dump_json().encode())
    return digest.hexdigest()


def training_of(study: StudyData, slug: str, network: bool, options: TrainingOptions) -> Training:
    """Return the training description of a card; models with equal descriptions are equal.

    Parameters
    ----------
    study : StudyData
        As loaded.
    slug : str
        One of the study's species.
    network : bool
        Whether the species share a network.
    options : TrainingOptions

    Returns
    -------
    Training
    """
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


def find_trained(study: StudyData, slug: str, network: bool, models_dir: Path, options: TrainingOptions) -> Path | None:
    """Find an intact model that was trained from the same data with the same settings and versions.

    The card's training description is compared, and the files with the hashes in the manifest. No model is opened. A
    model of an older format lacks parts of an answer and is trained again.

    Parameters
    ----------
    study, slug, network, options
        As for `training_of`.
    models_dir : Path
        Root of the artifacts.

    Returns
    -------
    Path or None
        The artifact's directory. None where there is no such model, or only a damaged one.
    """
    training = training_of(study, slug, network, options)
    for path in find_artifacts(models_dir / study.description.slug / slug):
        try:
            if read_card(path).training == training and verify_artifact(path) == FORMAT_VERSION:
                return path
        except ArtifactError:
            # A damaged model is trained again.
            continue
    return None
