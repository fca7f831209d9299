"""One study in, one artifact a species out: fold, assess, fit, write, check."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sklearn
from joblib import Parallel, delayed
from numpy.typing import NDArray

from ml.artifact import ArtifactError, find_artifacts, load_artifact, read_card, save_artifact
from ml.assessment import Assessment, assess
from ml.card import ModelCard, Predictor, SpeciesDescription, Training, Validation
from ml.describing import fingerprint, recorded_places, starting_points
from ml.estimators import DownSampledForest
from ml.features import FeaturePipeline
from ml.flatten import flatten_forest
from ml.splits import spatial_blocks, stratified_folds
from ml.study import StudyData

#: Rises whenever a change of this library would train another model from the same data.
ENGINE = "1"
_PARITY_ROWS = 200


class TrainingError(ValueError):
    """The records cannot be trained on; the message says why."""


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
    """

    n_estimators: int = 500
    n_folds: int = 5
    seed: int = 0


@dataclass(frozen=True)
class Trained:
    """One species' outcome: its artifact, or why there is none."""

    study: str
    species: str
    path: Path | None
    fresh: bool = True
    problem: str = ""


def train_species(
    study: StudyData,
    slug: str,
    models_dir: Path,
    n_estimators: int = TrainingOptions.n_estimators,
    n_folds: int = TrainingOptions.n_folds,
    seed: int = TrainingOptions.seed,
) -> Path:
    """Train, assess and write the model of one species.

    Parameters
    ----------
    study : StudyData
    slug : str
        One of the study's species.
    models_dir : Path
        Root of the artifacts.
    n_estimators, n_folds, seed : int
        See `TrainingOptions`.

    Returns
    -------
    Path
        The artifact's directory.

    Raises
    ------
    TrainingError
        Too few records, no such species, or predictors that cannot be used.
    """
    species = next((s for s in study.species if s.slug == slug), None)
    if species is None:
        raise TrainingError(f"{study.description.slug} has no species {slug}")
    y = study.presence[slug].to_numpy(dtype=np.int64)
    n_presences, n_absences = int((y == 1).sum()), int((y == 0).sum())
    if n_presences + n_absences != len(y):
        raise TrainingError(f"{slug}: presence must be 0 or 1 everywhere")
    if n_presences < 4 or n_absences < 4:
        raise TrainingError(f"{slug}: {n_presences} presences and {n_absences} absences; at least 4 of each are needed")
    options = TrainingOptions(n_estimators, n_folds, seed)
    try:
        pipeline = FeaturePipeline(study.predictors).fit(study.environment, y)
    except ValueError as error:
        raise TrainingError(f"{slug}: {error}") from error
    X = pipeline.transform(study.environment)

    folds, validation = _folds(study, y, options)
    held_out = np.full(len(y), np.nan)
    for fold in np.unique(folds):
        test = folds == fold
        # ranges and level order are learned within the fold's own training records
        forest = _forest(options).fit(_encode(study, y, ~test), y[~test])
        held_out[test] = forest.predict_proba(_encode(study, y, ~test, test))[:, 1]
    assessment = assess(y, held_out, folds, study.description.records, seed)

    forest = _forest(options).fit(X, y)
    flat = flatten_forest(forest)
    card = _card(study, species, pipeline.predictors_, y, held_out, validation, assessment, forest, options)
    reference = [
        np.sort(study.environment[p.name].to_numpy(np.float32)) if p.type == "continuous" else np.zeros(0, np.float32)
        for p in pipeline.predictors_
    ]
    path = save_artifact(models_dir, card, flat, reference)
    _check(path, forest, X)
    return path


def train_study(
    study: StudyData,
    models_dir: Path,
    options: TrainingOptions | None = None,
    species: list[str] | None = None,
    jobs: int = 2,
) -> Iterator[Trained]:
    """Train every species of a study, several at a time; those already trained from the same data are passed over.

    Parameters
    ----------
    study : StudyData
    models_dir : Path
    options : TrainingOptions, optional
    species : list of str, optional
        Slugs; all of the study's when left out.
    jobs : int
        Processes.

    Yields
    ------
    Trained
        In the order in which they end. The model does not depend on `jobs`.
    """
    options = options or TrainingOptions()
    wanted = species if species is not None else [s.slug for s in study.species]
    open_ones = []
    for slug in wanted:
        ready = _trained_already(study, slug, models_dir, options) if slug in study.presence else None
        if ready is not None:
            yield Trained(study.description.slug, slug, ready, fresh=False)
        else:
            open_ones.append(slug)
    if not open_ones:
        return
    run = Parallel(n_jobs=min(jobs, len(open_ones)), return_as="generator_unordered")
    yield from run(delayed(_train_one)(_only(study, slug), slug, models_dir, options) for slug in open_ones)


def _only(study: StudyData, slug: str) -> StudyData:
    """The study with one species' column, so that a process is not sent all the others."""
    presence = study.presence[[slug]] if slug in study.presence else study.presence.iloc[:, :0]
    return StudyData(
        study.description,
        study.predictors,
        study.environment,
        [s for s in study.species if s.slug == slug],
        presence,
        study.coordinates,
        study.projected,
        study.dropped,
    )


def _train_one(study: StudyData, slug: str, models_dir: Path, options: TrainingOptions) -> Trained:
    try:
        path = train_species(study, slug, models_dir, options.n_estimators, options.n_folds, options.seed)
    except TrainingError as error:
        return Trained(study.description.slug, slug, None, problem=str(error))
    return Trained(study.description.slug, slug, path)


def _forest(options: TrainingOptions) -> DownSampledForest:
    return DownSampledForest(n_estimators=options.n_estimators, random_state=options.seed)


def _encode(
    study: StudyData, y: NDArray[np.int64], train: NDArray[np.bool_], rows: NDArray[np.bool_] | None = None
) -> NDArray[np.float32]:
    """Encode rows with a pipeline fitted on the training rows alone."""
    categorical = any(p.type == "categorical" for p in study.predictors)
    # levels must be the whole study's, or a fold could meet one it cannot encode; only their order is learned
    pipeline = FeaturePipeline(study.predictors).fit(
        study.environment, np.where(train, y, y[train].mean()) if categorical else None
    )
    return pipeline.transform(study.environment[train if rows is None else rows])


def _folds(study: StudyData, y: NDArray[np.int64], options: TrainingOptions) -> tuple[NDArray[np.int64], Validation]:
    places = study.projected if study.projected is not None else study.coordinates
    if places is None:
        folds = stratified_folds(y, options.n_folds, options.seed)
        note = (
            "The records have no coordinates, so folds were drawn at random within presences and absences. Sites near "
            "each other can fall on both sides, which flatters the scores."
        )
        return folds, Validation(method="stratified", folds=len(np.unique(folds)), note=note)
    folds, block_size_km = spatial_blocks(places, y, options.n_folds, options.seed, geographic=study.projected is None)
    note = (
        "Each fold holds out whole blocks of the map, so the model is judged on places it has not seen next to "
        "(Roberts et al. 2017)."
    )
    validation = Validation(
        method="spatial blocks", folds=len(np.unique(folds)), block_size_km=round(block_size_km, 1), note=note
    )
    return folds, validation


def _card(
    study: StudyData,
    species: SpeciesDescription,
    predictors: list[Predictor],
    y: NDArray[np.int64],
    held_out: NDArray[np.float64],
    validation: Validation,
    assessment: Assessment,
    forest: DownSampledForest,
    options: TrainingOptions,
) -> ModelCard:
    return ModelCard(
        study=study.description,
        species=species,
        predictors=predictors,
        n_presences=int(y.sum()),
        n_absences=int(len(y) - y.sum()),
        dropped=study.dropped,
        metrics=assessment.metrics,
        validation=validation,
        thresholds=assessment.thresholds,
        importance={p.name: float(v) for p, v in zip(predictors, forest.feature_importances_, strict=True)},
        starting_points=starting_points(study, predictors, y, held_out),
        places=recorded_places(study, y),
        training=_training(study, species.slug, options),
    )


def _training(study: StudyData, slug: str, options: TrainingOptions) -> Training:
    forest = _forest(options)
    return Training(
        estimator="down-sampled random forest",
        parameters={k: v for k, v in forest.get_params().items() if k != "random_state"} | {"n_folds": options.n_folds},
        seed=options.seed,
        data_fingerprint=fingerprint(study, slug),
        versions={
            "engine": ENGINE,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scikit-learn": sklearn.__version__,
        },
    )


def _trained_already(study: StudyData, slug: str, models_dir: Path, options: TrainingOptions) -> Path | None:
    wanted = _training(study, slug, options)
    for path in find_artifacts(models_dir / study.description.slug / slug):
        try:
            if read_card(path).training == wanted and load_artifact(path):
                return path
        except ArtifactError:
            # a damaged model is trained anew
            continue
    return None


def _check(path: Path, forest: DownSampledForest, X: NDArray[np.float32]) -> None:
    """Open what was written and compare it with what was fitted; a model that differs is not left behind."""
    rows = X[:: max(1, len(X) // _PARITY_ROWS)]
    served = load_artifact(path).predictor.predict_encoded(rows)
    if np.abs(served - forest.predict_proba(rows)[:, 1]).max() > 1e-6:
        shutil.rmtree(path)
        raise TrainingError(f"{path.name}: the stored model answers differently from the fitted one")
