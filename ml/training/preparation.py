"""Preparing a study for training: encoded rows, shared folds and models, intervals, and notes on the records."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ml.card import Collinear, Predictor
from ml.evaluation.splits import stratified_folds
from ml.predictors.collinearity import find_collinear
from ml.predictors.pipeline import FeaturePipeline
from ml.predictors.precision import lost_differences
from ml.records.duplicates import SAME_PLACE, duplicates
from ml.study import StudyData
from ml.training.cross_validation import (
    CrossValidation,
    Labels,
    cross_validate,
    held_out_members,
)
from ml.training.default_model import EngineSettings, Group, GroupModel
from ml.training.folds import every_fold_fits, study_folds
from ml.training.group import fit_groups
from ml.training.held_out_summary import StudyIntervals, study_intervals, summarise_held_out


@dataclass(frozen=True)
class EncodedStudy:
    """A study as numbers.

    Attributes
    ----------
    source : StudyData
        The study as loaded; its fingerprint identifies the training data.
    study : StudyData
        The rows that are used.
    predictors : list of Predictor
        With ranges, medians and levels in the order of the group's codes.
    group : Group
    notes : list of str
        Remarks on the study's records for the card.
    """

    source: StudyData
    study: StudyData
    predictors: list[Predictor]
    group: Group
    notes: list[str]


@dataclass(frozen=True)
class PreparedStudy:
    """A study whose species can be trained one by one.

    Attributes
    ----------
    encoded : EncodedStudy
    shared : GroupModel
    collinear : list of Collinear
    blocks, random : CrossValidation or None
        Cross-validations that all species share, in spatial blocks (or the best folds there are) and, beside spatial
        blocks, in random folds. None without a network: then each species has its own.
    intervals : StudyIntervals or None
        Fitted to all species, where they share folds.
    notes : list of str
        Remarks on the study's records and predictors for the card.
    """

    encoded: EncodedStudy
    shared: GroupModel
    collinear: list[Collinear] = field(default_factory=list)
    blocks: CrossValidation | None = None
    random: CrossValidation | None = None
    intervals: StudyIntervals | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def study(self) -> StudyData:
        """The rows that are used."""
        return self.encoded.study

    @property
    def group(self) -> Group:
        """The encoded rows."""
        return self.encoded.group

    def only(self, species: int) -> PreparedStudy:
        """Return a copy with the held-out scores of one species, which is less to send to a process."""
        return replace(
            self,
            blocks=self.blocks.only(species) if self.blocks else None,
            random=self.random.only(species) if self.random else None,
        )

    def typical(self) -> NDArray[np.float32]:
        """Return the medians and the most common levels, encoded; shape (n_predictors,)."""
        rows = self.group.rows
        out = np.median(rows, axis=0)
        for j in self.group.categorical:
            out[j] = np.bincount(rows[:, j].astype(np.int64)).argmax()
        return out.astype(np.float32)


def encode_study(study: StudyData) -> EncodedStudy:
    """Drop repeated records of a place and encode the predictors.

    Parameters
    ----------
    study : StudyData

    Returns
    -------
    EncodedStudy

    Raises
    ------
    EnvironmentValueError
        A column or a value is missing, or cannot be used; the message names the predictor.
    """
    used, notes = _one_record_a_place(study)
    pipeline = FeaturePipeline(used.predictors).fit(used.environment)
    predictors = pipeline.predictors_
    group = Group(
        rows=pipeline.transform(used.environment),
        recorded=used.presence.to_numpy(dtype=np.int64),
        categorical=tuple(j for j, p in enumerate(predictors) if p.type == "categorical"),
        absences=used.description.records == "presence-absence",
    )
    for j, predictor in enumerate(predictors):
        if predictor.type == "continuous":
            notes += lost_differences(
                predictor, used.environment[predictor.name].to_numpy(np.float64), group.rows[:, j]
            )
    return EncodedStudy(study, used, predictors, group, notes)


def prepare(encoded: EncodedStudy, settings: EngineSettings, n_folds: int) -> PreparedStudy:
    """Fit what the species of a study share, and score them on shared held-out folds.

    Parameters
    ----------
    encoded : EncodedStudy
    settings : EngineSettings
    n_folds : int

    Returns
    -------
    PreparedStudy

    Raises
    ------
    ValueError
        No folds can be made.
    """
    study, predictors, group = encoded.study, encoded.predictors, encoded.group
    notes = list(encoded.notes)
    for predictor in predictors:
        constant = predictor.type == "continuous" and predictor.minimum == predictor.maximum
        if constant or (predictor.type == "categorical" and len(predictor.levels or []) < 2):
            notes.append(f"{predictor.label} has the same value in all records, so nothing can be learned from it.")
    collinear = find_collinear(group.rows, predictors)
    notes += [one.warning for one in collinear]
    if not group.has_network:
        [alone] = fit_groups([(group, None)], settings)
        return PreparedStudy(encoded, alone.model, collinear, notes=notes)
    classes = _fold_classes(group)
    fold, validation = study_folds(study, classes, n_folds, settings.seed)
    [fitted] = fit_groups([(group, fold)], settings)
    blocks = CrossValidation(fold, validation, fitted.held_out)
    random = None
    if validation.method == "spatial blocks":
        drawn = stratified_folds(classes, n_folds, settings.seed)
        random = cross_validate(group, drawn, validation, fitted.model.share, settings)
    intervals = _shared_intervals(blocks, fitted.model, group.absences)
    return PreparedStudy(encoded, fitted.model, collinear, blocks, random, intervals, notes)


def folds_for(
    prepared: PreparedStudy, species: int, n_folds: int, settings: EngineSettings
) -> tuple[CrossValidation, CrossValidation | None]:
    """Return the cross-validation by which one species is assessed.

    A species whose presences all lie in one of the shared folds, or whose study shares no folds, gets folds of its own.

    Parameters
    ----------
    prepared : PreparedStudy
    species : int
        Column of the group.
    n_folds : int
    settings : EngineSettings

    Returns
    -------
    assessed : CrossValidation
    random : CrossValidation or None
        The same in random folds, where the first folds are spatial blocks.
    """
    y = prepared.group.recorded[:, species]
    blocks, random = prepared.blocks, prepared.random
    if blocks is not None and every_fold_fits(y, blocks.fold):
        return blocks, random
    fold, validation = study_folds(prepared.study, y, n_folds, settings.seed)

    def in_folds(own_fold: Labels) -> CrossValidation:
        held_out = held_out_members(prepared.group, species, own_fold, prepared.shared.share, settings)
        return CrossValidation(own_fold, validation, {species: held_out})

    if validation.method != "spatial blocks":
        return in_folds(fold), None
    return in_folds(fold), in_folds(stratified_folds(y, n_folds, settings.seed))


def _shared_intervals(blocks: CrossValidation, shared: GroupModel, absences: bool) -> StudyIntervals | None:
    """Fit intervals to the species that all members scored everywhere; None where there is no such species."""
    stacking = shared.stacking
    if stacking is None:
        return None
    complete = [
        one
        for one in blocks.held_out.values()
        if set(one.scores) == set(stacking.weights) and np.isfinite(stacking.mean(one.scores)).all()
    ]
    if not complete:
        return None
    return study_intervals([summarise_held_out(one, blocks.fold, stacking, absences) for one in complete])


def _fold_classes(group: Group) -> Labels:
    """Return the classes that shared folds get an even part of, shape (n,).

    Places of records and background, or sites with many species and sites with few.
    """
    richness = group.recorded.sum(axis=1)
    return np.asarray(richness > (np.median(richness) if group.absences else 0), dtype=np.int64)


def _one_record_a_place(study: StudyData) -> tuple[StudyData, list[str]]:
    """Keep one row for each place and set of presences, so that a place visited twice does not count twice.

    Surveys with absences are left as they are: a second visit without a find is information.
    """
    if study.coordinates is None or study.description.records != "presence-background":
        return study, []
    used = ~duplicates(np.column_stack([study.presence.to_numpy(), study.coordinates]))
    # Random background may lie at one place twice.
    used |= ~study.presence.to_numpy(dtype=bool).any(axis=1)
    n = int((~used).sum())
    if not n:
        return study, []
    dropped = {**study.dropped, SAME_PLACE: study.dropped.get(SAME_PLACE, 0) + n}
    return (
        replace(
            study,
            environment=study.environment[used].reset_index(drop=True),
            presence=study.presence[used].reset_index(drop=True),
            coordinates=study.coordinates[used],
            projected=study.projected[used] if study.projected is not None else None,
            dropped=dropped,
        ),
        [f"{n} records at a place that another record of the same species names were left out."],
    )
