"""What a study's species share before each is trained: encoded rows, folds, background, network, and remarks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from ml.card import Collinear, Predictor, Validation
from ml.evaluation.splits import stratified_folds
from ml.predictors.collinearity import find_collinear
from ml.predictors.pipeline import FeaturePipeline
from ml.records.duplicates import SAME_PLACE, duplicates
from ml.study import StudyData
from ml.training.cross_validation import held_out_members, held_out_networks
from ml.training.default_model import EngineSettings, Group, GroupModel, fit_group
from ml.training.folds import Folds, Labels, choose_folds
from ml.training.held_out_summary import StudyIntervals, judge, study_intervals
from ml.training.stacking import fit_stacking

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Prepared:
    """A study ready for its species to be trained one by one.

    Attributes
    ----------
    source : StudyData
        As it was given.
    study : StudyData
        The rows that are used.
    predictors : list of Predictor
        With ranges, medians and levels in the group's order.
    group : Group
    shared : GroupModel
    collinear : list of Collinear
    blocks, random : Folds or None
        Folds that all species share, where there is a network; without one each species has its own.
    intervals : StudyIntervals or None
        Fitted on all species, where they share folds.
    notes : list of str
        Remarks on the study's records.
    """

    source: StudyData
    study: StudyData
    predictors: list[Predictor]
    group: Group
    shared: GroupModel
    collinear: list[Collinear] = field(default_factory=list)
    blocks: Folds | None = None
    random: Folds | None = None
    intervals: StudyIntervals | None = None
    notes: list[str] = field(default_factory=list)

    def only(self, species: int) -> Prepared:
        """The same with one species' held-out scores, so that a process is not sent those of all the others."""
        return replace(
            self,
            blocks=self.blocks.only(species) if self.blocks else None,
            random=self.random.only(species) if self.random else None,
        )

    def typical(self) -> NDArray[np.float32]:
        """Medians, and the most common levels, encoded; shape (n_predictors,)."""
        rows = self.group.rows
        out = np.median(rows, axis=0)
        for j in self.group.categorical:
            out[j] = np.bincount(rows[:, j].astype(np.int64)).argmax()
        return out.astype(np.float32)


def make_group(study: StudyData) -> tuple[list[Predictor], Group]:
    """Encode a study.

    Parameters
    ----------
    study : StudyData

    Returns
    -------
    predictors : list of Predictor
    group : Group

    Raises
    ------
    EnvironmentValueError
        A column or value is missing, or cannot be used; the message names the predictor.
    """
    pipeline = FeaturePipeline(study.predictors).fit(study.environment)
    categorical = tuple(j for j, p in enumerate(pipeline.predictors_) if p.type == "categorical")
    recorded = study.presence.to_numpy(dtype=np.int64)
    absences = study.description.records == "presence-absence"
    return pipeline.predictors_, Group(pipeline.transform(study.environment), recorded, categorical, absences)


def prepare(study: StudyData, settings: EngineSettings, n_folds: int) -> Prepared:
    """Choose the background and fit what the species share.

    Parameters
    ----------
    study : StudyData
    settings : EngineSettings
    n_folds : int

    Returns
    -------
    Prepared
    """
    source = study
    study, notes = _one_record_a_place(study)
    predictors, group = make_group(study)
    for predictor in predictors:
        constant = predictor.type == "continuous" and predictor.minimum == predictor.maximum
        if constant or (predictor.type == "categorical" and len(predictor.levels or []) < 2):
            notes.append(f"{predictor.label} has the same value in all records, so nothing can be learned from it.")
    collinear = find_collinear(group.rows, predictors)
    notes += [one.warning for one in collinear]
    if not group.has_network:
        return Prepared(source, study, predictors, group, fit_group(group, None, settings), collinear, notes=notes)
    fold, validation = choose_folds(study, _evenly(group), n_folds, settings.seed)
    shared = fit_group(group, fold, settings)
    blocks = _score_all(group, fold, validation, shared, settings)
    stacking = fit_stacking(list(blocks.held_out.values()))
    shared = replace(shared, stacking=stacking)
    complete = [
        one
        for one in blocks.held_out.values()
        if set(one.scores) == set(stacking.weights) and np.isfinite(stacking.mean(one.scores)).all()
    ]
    intervals = study_intervals([judge(one, fold, stacking, group.absences) for one in complete]) if complete else None
    random = None
    if validation.method == "spatial blocks":
        drawn = stratified_folds(_evenly(group), n_folds, settings.seed)
        random = _score_all(group, drawn, validation, shared, settings)
    return Prepared(source, study, predictors, group, shared, collinear, blocks, random, intervals, notes)


def _score_all(
    group: Group, fold: Labels, validation: Validation, shared: GroupModel, settings: EngineSettings
) -> Folds:
    """Held-out scores of all members for all species."""
    share = shared.choice.share
    network = held_out_networks(group, fold, share, settings)
    species = range(group.recorded.shape[1])
    held_out = Parallel()(
        delayed(held_out_members)(group, s, fold, share, settings, None if network is None else network[:, s])
        for s in species
    )
    return Folds(fold, validation, dict(zip(species, held_out, strict=True)))


def _evenly(group: Group) -> Labels:
    """What folds share out evenly between them: places of records and background, or sites rich and poor in species."""
    richness = group.recorded.sum(axis=1)
    return np.asarray(richness > (np.median(richness) if group.absences else 0), dtype=np.int64)


def folds_for(prepared: Prepared, species: int, n_folds: int, settings: EngineSettings) -> tuple[Folds, Folds | None]:
    """Held-out scores to judge one species by, and those of random folds beside them where the first are spatial.

    Parameters
    ----------
    prepared : Prepared
    species : int
        Column.
    n_folds : int
    settings : EngineSettings

    Returns
    -------
    judged : Folds
    random : Folds or None
    """
    y = prepared.group.recorded[:, species]
    blocks, random = prepared.blocks, prepared.random
    if blocks is not None and all(0 < y[blocks.fold != f].mean() < 1 for f in np.unique(blocks.fold)):
        return blocks, random
    share = prepared.shared.choice.share

    def scored(fold: Labels, validation: Validation) -> Folds:
        held_out = held_out_members(prepared.group, species, fold, share, settings)
        return Folds(fold, validation, {species: held_out})

    fold, validation = choose_folds(prepared.study, y, n_folds, settings.seed)
    judged = scored(fold, validation)
    if validation.method != "spatial blocks":
        return judged, None
    return judged, scored(stratified_folds(y, n_folds, settings.seed), validation)


def _one_record_a_place(study: StudyData) -> tuple[StudyData, list[str]]:
    """Keep one row for each place and set of presences, so that a place visited twice does not count twice.

    Surveys with absences are left as they are: a second visit that found nothing is information.
    """
    if study.coordinates is None or study.description.records != "presence-background":
        return study, []
    kept = ~duplicates(np.column_stack([study.presence.to_numpy(), study.coordinates]))
    # random background may hit a place twice
    kept |= ~study.presence.to_numpy(dtype=bool).any(axis=1)
    n = int((~kept).sum())
    if not n:
        return study, []
    dropped = {**study.dropped, SAME_PLACE: n}
    return (
        replace(
            study,
            environment=study.environment[kept].reset_index(drop=True),
            presence=study.presence[kept].reset_index(drop=True),
            coordinates=study.coordinates[kept],
            projected=study.projected[kept] if study.projected is not None else None,
            dropped=dropped,
        ),
        [f"{n} records at a place that another record of the same species names were left out."],
    )
