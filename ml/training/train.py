"""Training a study: each species is assessed, fitted, written as an artifact, and checked against what was written."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
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
from ml.training.area_of_applicability import fit_area, kept_rows, mean_effects
from ml.training.card_background import describe_background
from ml.training.card_parts import (
    calibration_report,
    point_records,
    recorded_places,
    remarks,
    starting_points,
    thinned_reference,
    with_levels_in_order,
)
from ml.training.cross_validation import Floats, HeldOutScores, Labels
from ml.training.default_model import SpeciesModel, Stacking, equal_weights, fit_species
from ml.training.export import flatten_model
from ml.training.group import shared_by
from ml.training.held_out_records import HeldOutRecords
from ml.training.held_out_summary import interval_report, summarise_held_out
from ml.training.preparation import EncodedStudy, PreparedStudy, encode_study, folds_for, prepare
from ml.training.provenance import TrainingOptions, find_trained, training_of

_PARITY_ROWS = 200
_PARITY = 1e-6
_FEWEST = 4
"""Fewest presences, and fewest absences or background points, that a species is trained on."""


class TrainingError(ValueError):
    """The records cannot be used for training; the message gives the reason."""


@dataclass(frozen=True)
class TrainingResult:
    """The result for one species.

    Attributes
    ----------
    study, species : str
        Slugs.
    path : Path or None
        The artifact's directory; None where the species could not be trained.
    fresh : bool
        Whether the model was trained now; False for one that was there already.
    problem : str
        Why the species could not be trained; empty where it could.
    """

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
    n_networks: int | None = None,
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
        There are too few records, there is no such species, or a predictor cannot be used.
    """
    options = TrainingOptions(n_estimators, n_folds, seed, n_networks)
    if not _has_species(study, slug):
        raise TrainingError(_no_species(study, slug))
    return _train_prepared(_prepare(_encode(study, [slug]), [slug], options), slug, models_dir, options)


def _encode(study: StudyData, slugs: list[str]) -> EncodedStudy:
    """Check and encode a study; TrainingError where that is not possible."""
    if not study.presence.isin([0, 1]).all(axis=None):
        raise TrainingError(f"{study.description.slug}: presence must be 0 or 1 everywhere")
    try:
        return encode_study(study)
    except ValueError as error:
        raise TrainingError(f"{', '.join(slugs)}: {error}") from error


def _has_species(study: StudyData, slug: str) -> bool:
    return slug in study.presence and any(s.slug == slug for s in study.species)


def _no_species(study: StudyData, slug: str) -> str:
    return f"{study.description.slug} has no species {slug}"


def _prepare(encoded: EncodedStudy, slugs: list[str], options: TrainingOptions) -> PreparedStudy:
    """Fit what the species share; TrainingError where that is not possible."""
    try:
        return prepare(encoded, options.engine, options.n_folds)
    except ValueError as error:
        raise TrainingError(f"{', '.join(slugs)}: {error}") from error


def _train_prepared(
    prepared: PreparedStudy, slug: str, models_dir: Path, options: TrainingOptions, held_out_dir: Path | None = None
) -> Path:
    study, group, settings = prepared.study, prepared.group, options.engine
    species = list(study.presence.columns).index(slug)
    y = group.recorded[:, species]
    n_presences, n_absences = int((y == 1).sum()), int((y == 0).sum())
    if n_presences < _FEWEST or n_absences < _FEWEST:
        raise TrainingError(
            f"{slug}: {n_presences} presences and {n_absences} absences; at least {_FEWEST} of each are needed"
        )
    assessed, random = folds_for(prepared, species, options.n_folds, settings)
    held_out = assessed.held_out[species]
    shared = shared_by(prepared.shared, group, species, prepared.blocks.fold if prepared.blocks else None)
    stacking = shared.stacking or equal_weights(list(held_out.scores))
    summary = summarise_held_out(held_out, assessed.fold, stacking, group.absences)
    scores, calibration = summary.scores, summary.calibration
    suitability, cross_calibrated = calibration.apply(scores), logistic(summary.cross_calibrated)
    # The Brier score needs suitabilities whose calibration has not seen the record.
    brier_of = cross_calibrated if group.absences else None
    assessment = assess(y, suitability, assessed.fold, study.description.records, options.seed, brier_of)

    model = fit_species(group, species, shared, settings)
    blend = flatten_model(model, prepared.typical(), calibration.intercept, calibration.slope)
    predictors = with_levels_in_order(prepared.encoded.predictors, model.order)
    used = (y == 1) | (held_out.weight > 0)
    rows = recode(group.rows[used], model.order)
    importance = mean_effects(blend, rows, settings.seed)
    area, area_report = fit_area(rows, y[used], assessed.fold[used], importance, group.categorical, settings.seed)
    card = ModelCard(
        study=study.description,
        species=next(s for s in study.species if s.slug == slug),
        predictors=predictors,
        n_presences=n_presences,
        n_absences=n_absences,
        dropped=study.dropped,
        metrics=assessment.metrics,
        validation=assessed.validation,
        thresholds=assessment.thresholds,
        importance={p.name: float(v) for p, v in zip(predictors, importance, strict=True)},
        starting_points=starting_points(study, predictors, y, suitability),
        places=recorded_places(study, slug, y),
        training=training_of(prepared.encoded.source, slug, group.has_network, options),
        background=describe_background(prepared),
        calibration=calibration_report(y, cross_calibrated, calibration, group.absences),
        optimism=_optimism(y, scores, stacking, None if random is None else random.held_out[species]),
        members=stacking.weights,
        area=area_report,
        interval=interval_report(
            summary, prepared.intervals, assessed is prepared.blocks, None if group.absences else n_presences
        ),
        collinear=prepared.collinear,
        notes=remarks(prepared, species, round(stacking.weights.get("network", 0.0), 2) > 0.0),
        preparation=study.preparation,
    )
    records = point_records(study, y, np.flatnonzero(used)[kept_rows(y[used], settings.seed)])
    contents = ModelArrays(blend, thinned_reference(study, predictors), area, keep_held_out(y, suitability), records)
    path = save_artifact(models_dir, card, contents)
    _check(path, model, calibration, group.rows)
    if held_out_dir is not None and study.cells is not None:
        scored = HeldOutRecords(study.cells[used], y[used], suitability[used], assessed.fold[used])
        scored.save(held_out_dir / f"{path.name}.npz")
    return path


def _optimism(y: Labels, scores: Floats, stacking: Stacking, random: HeldOutScores | None) -> Optimism | None:
    """Compare the AUC in spatial blocks with the AUC in random folds; None without random folds."""
    if random is None:
        return None
    random_scores = stacking.mean(random.scores)
    # All presences of a rare species can lie in one random fold, which then has no scores.
    if not np.isfinite(random_scores).all():
        return None
    return Optimism(auc_roc_spatial=auc_roc(y, scores), auc_roc_random=auc_roc(y, random_scores))


def train_study(
    study: StudyData,
    models_dir: Path,
    options: TrainingOptions | None = None,
    species: list[str] | None = None,
    held_out_dir: Path | None = None,
) -> Iterator[TrainingResult]:
    """Train the species of a study, several at a time; species that are trained already are skipped.

    Work goes to the joblib backend in force (`ml.workers`); the models do not depend on it.

    Parameters
    ----------
    study : StudyData
    models_dir : Path
        Root of the artifacts.
    options : TrainingOptions, optional
    species : list of str, optional
        Slugs; by default all species of the study.
    held_out_dir : Path, optional
        Where the held-out scores of each new model are written, as ``<model id>.npz``; for studies with cells.

    Yields
    ------
    TrainingResult
        In the order in which they end.
    """
    options = options or TrainingOptions()
    slugs = species if species is not None else [s.slug for s in study.species]
    name = study.description.slug
    for slug in slugs:
        if not _has_species(study, slug):
            yield TrainingResult(name, slug, None, problem=_no_species(study, slug))
    slugs = [slug for slug in slugs if _has_species(study, slug)]
    if not slugs:
        return
    untrained: list[str] = []
    try:
        encoded = _encode(study, slugs)
        for slug in slugs:
            path = find_trained(study, slug, encoded.group.has_network, models_dir, options)
            if path is None:
                untrained.append(slug)
            else:
                yield TrainingResult(name, slug, path, fresh=False)
        if not untrained:
            return
        prepared = _prepare(encoded, untrained, options)
    except TrainingError as error:
        for slug in untrained or slugs:
            yield TrainingResult(name, slug, None, problem=str(error))
        return
    columns = list(prepared.study.presence.columns)
    yield from Parallel(return_as="generator_unordered")(
        delayed(_train_one)(prepared.only(columns.index(slug)), slug, models_dir, options, held_out_dir)
        for slug in untrained
    )


def _train_one(
    prepared: PreparedStudy, slug: str, models_dir: Path, options: TrainingOptions, held_out_dir: Path | None
) -> TrainingResult:
    study = prepared.study.description.slug
    try:
        path = _train_prepared(prepared, slug, models_dir, options, held_out_dir)
    except ValueError as error:
        return TrainingResult(study, slug, None, problem=str(error) if slug in str(error) else f"{slug}: {error}")
    return TrainingResult(study, slug, path)


def _check(path: Path, model: SpeciesModel, calibration: Calibration, X: NDArray[np.float32]) -> None:
    """Open the artifact and compare it with the fitted model; an artifact that differs is deleted."""
    rows = X[:: max(1, len(X) // _PARITY_ROWS)]
    served = load_artifact(path).predictor.predict_encoded(recode(rows, model.order))
    if np.abs(served - calibration.apply(model.score(rows))).max() > _PARITY:
        shutil.rmtree(path)
        raise TrainingError(f"{path.name}: the stored model answers differently from the fitted one")
