"""One study in, one artifact a species out: fold, assess, fit, write, check."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from ml.card import ModelCard, Optimism
from ml.evaluation.assessment import assess
from ml.evaluation.calibration import Calibration
from ml.evaluation.metrics import auc_roc
from ml.kernels.logit import logistic
from ml.predictors.levels import recode
from ml.serving.arrays import ModelArrays
from ml.serving.artifact import load_artifact, save_artifact
from ml.serving.threshold import keep_held_out
from ml.study import StudyData
from ml.training.area_of_applicability import fit_area, mean_effects
from ml.training.card_parts import (
    calibration_report,
    describe_background,
    recorded_places,
    remarks,
    starting_points,
    thinned_reference,
    with_levels_in_order,
)
from ml.training.default_model import SpeciesModel, fit_species
from ml.training.export import flatten_model
from ml.training.group import Prepared, folds_for, make_group, prepare
from ml.training.held_out_summary import interval_report, judge
from ml.training.provenance import TrainingOptions, trained_already, training_of
from ml.training.stacking import equal_weights

_PARITY_ROWS = 200
_PARITY = 1e-6
_FEWEST = 4


class TrainingError(ValueError):
    """The records cannot be trained on; the message says why."""


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
    n_networks: int = TrainingOptions.n_networks,
) -> Path:
    """Train, assess and write the model of one species.

    Parameters
    ----------
    study : StudyData
    slug : str
        One of the study's species.
    models_dir : Path
        Root of the artifacts.
    n_estimators, n_folds, seed, n_networks : int
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
    options = TrainingOptions(n_estimators, n_folds, seed, n_networks)
    return _train_prepared(_prepared(study, [slug], options), slug, models_dir, options)


def _prepared(study: StudyData, slugs: list[str], options: TrainingOptions) -> Prepared:
    """Check the study and prepare what its species share; TrainingError where that cannot be done."""
    for slug in slugs:
        if slug not in study.presence or not any(s.slug == slug for s in study.species):
            raise TrainingError(f"{study.description.slug} has no species {slug}")
    if not study.presence.isin([0, 1]).all(axis=None):
        raise TrainingError(f"{study.description.slug}: presence must be 0 or 1 everywhere")
    try:
        return prepare(study, options.engine, options.n_folds)
    except ValueError as error:
        raise TrainingError(f"{', '.join(slugs)}: {error}") from error


def _train_prepared(prepared: Prepared, slug: str, models_dir: Path, options: TrainingOptions) -> Path:
    study, group, settings = prepared.study, prepared.group, options.engine
    species = list(study.presence.columns).index(slug)
    y = group.recorded[:, species]
    n_presences, n_absences = int((y == 1).sum()), int((y == 0).sum())
    if n_presences < _FEWEST or n_absences < _FEWEST:
        raise TrainingError(
            f"{slug}: {n_presences} presences and {n_absences} absences; at least {_FEWEST} of each are needed"
        )
    judged, random = folds_for(prepared, species, options.n_folds, settings)
    held_out = judged.held_out[species]
    stacking, shared = prepared.shared.stacking, prepared.shared
    if stacking is None or set(stacking.weights) != set(held_out.scores):
        # alone, or judged in folds of its own, for which no network was fitted: what is served is what was judged
        stacking = equal_weights(list(held_out.scores))
        shared = replace(shared, network=shared.network if "network" in held_out.scores else None, stacking=stacking)
    found = judge(held_out, judged.fold, stacking, group.absences)
    scores, calibration = found.scores, found.calibration
    suitability, honest = calibration.apply(scores), logistic(found.honest)
    # Brier's score is of a calibration that has not seen the record
    brier_of = honest if group.absences else None
    assessment = assess(y, suitability, judged.fold, study.description.records, options.seed, brier_of)
    optimism = None
    flattering = stacking.mean(random.held_out[species].scores) if random is not None else np.array([np.nan])
    # the few presences of a rare species can all fall into one random fold, and are then not scored
    if np.isfinite(flattering).all():
        optimism = Optimism(auc_roc_spatial=auc_roc(y, scores), auc_roc_random=auc_roc(y, flattering))

    model = fit_species(group, species, shared, settings)
    blend = flatten_model(model, prepared.typical(), calibration.intercept, calibration.slope)
    predictors = with_levels_in_order(prepared.predictors, model.order)
    used = (y == 1) | (held_out.weight > 0)
    rows = recode(group.rows[used], model.order)
    importance = mean_effects(blend, rows, settings.seed)
    area, area_report = fit_area(rows, y[used], judged.fold[used], importance, group.categorical, settings.seed)
    card = ModelCard(
        study=study.description,
        species=next(s for s in study.species if s.slug == slug),
        predictors=predictors,
        n_presences=n_presences,
        n_absences=n_absences,
        dropped=study.dropped,
        metrics=assessment.metrics,
        validation=judged.validation,
        thresholds=assessment.thresholds,
        importance={p.name: float(v) for p, v in zip(predictors, importance, strict=True)},
        starting_points=starting_points(study, predictors, y, suitability),
        places=recorded_places(study, y),
        training=training_of(prepared.source, slug, group.has_network, options),
        background=describe_background(prepared),
        calibration=calibration_report(y, honest, calibration, group.absences),
        optimism=optimism,
        members=stacking.weights,
        area=area_report,
        interval=interval_report(found, prepared.intervals, judged is prepared.blocks),
        collinear=prepared.collinear,
        notes=remarks(prepared, species, "network" in stacking.weights),
    )
    contents = ModelArrays(blend, thinned_reference(study, predictors), area, keep_held_out(y, suitability))
    path = save_artifact(models_dir, card, contents)
    _check(path, model, calibration, group.rows)
    return path


def train_study(
    study: StudyData,
    models_dir: Path,
    options: TrainingOptions | None = None,
    species: list[str] | None = None,
) -> Iterator[Trained]:
    """Train every species of a study, several at a time; those already trained from the same data are passed over.

    Parameters
    ----------
    study : StudyData
    models_dir : Path
    options : TrainingOptions, optional
    species : list of str, optional
        Slugs; all of the study's when left out.

    Work goes to the joblib backend in force (`ml.workers`); the model does not depend on it.

    Yields
    ------
    Trained
        In the order in which they end.
    """
    options = options or TrainingOptions()
    wanted = species if species is not None else [s.slug for s in study.species]
    open_ones: list[str] = []
    network: bool | None = None
    for slug in wanted:
        ready = None
        if slug in study.presence:
            try:
                network = make_group(study)[1].has_network if network is None else network
                ready = trained_already(study, slug, network, models_dir, options)
            except ValueError:
                # what is wrong is said when it is trained
                ready = None
        if ready is not None:
            yield Trained(study.description.slug, slug, ready, fresh=False)
        else:
            open_ones.append(slug)
    if not open_ones:
        return
    try:
        prepared = _prepared(study, open_ones, options)
    except TrainingError as error:
        for slug in open_ones:
            yield Trained(study.description.slug, slug, None, problem=str(error))
        return
    run = Parallel(return_as="generator_unordered")
    columns = list(prepared.study.presence.columns)
    yield from run(
        delayed(_train_one)(prepared.only(columns.index(slug)), slug, models_dir, options) for slug in open_ones
    )


def _train_one(prepared: Prepared, slug: str, models_dir: Path, options: TrainingOptions) -> Trained:
    study = prepared.study.description.slug
    try:
        path = _train_prepared(prepared, slug, models_dir, options)
    except ValueError as error:
        return Trained(study, slug, None, problem=str(error) if slug in str(error) else f"{slug}: {error}")
    return Trained(study, slug, path)


def _check(path: Path, model: SpeciesModel, calibration: Calibration, X: NDArray[np.float32]) -> None:
    """Open what was written and compare it with what was fitted; a model that differs is not left behind."""
    rows = X[:: max(1, len(X) // _PARITY_ROWS)]
    served = load_artifact(path).predictor.predict_encoded(recode(rows, model.order))
    if np.abs(served - calibration.apply(model.score(rows))).max() > _PARITY:
        shutil.rmtree(path)
        raise TrainingError(f"{path.name}: the stored model answers differently from the fitted one")
