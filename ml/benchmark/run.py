"""The NCEAS benchmark: every test site is predicted from training data alone, and then scored by the survey."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray

from ml.benchmark.nceas import RegionGroup, read_region, read_survey
from ml.evaluation import metrics
from ml.kernels.logit import logistic
from ml.training.borrowing import PlacedGroup, borrow_places
from ml.training.cross_validation import largest_first
from ml.training.default_model import EngineSettings, GroupModel, fit_species
from ml.training.folds import choose_folds
from ml.training.group import FittedGroup, fit_groups, shared_by

N_FOLDS = 5
SCORES = ("auc_roc", "auc_prg", "cor")
PREDICTION_COLUMNS = ("region", "group", "species", "siteid", "suitability")
SUMMARY_COLUMNS = ("region", "species", "n_presences", *SCORES, "fit_seconds", "predict_seconds")
SIZES = (("under 30", 0, 29), ("30 to 100", 30, 100), ("over 100", 101, 10**9))
"""Classes of species by number of records."""


@dataclass(frozen=True)
class SpeciesPrediction:
    """Suitability of one species at the test sites of its group.

    Attributes
    ----------
    group, species : int
        Number of the group, and of the species in it.
    suitability : ndarray, shape (n_sites,)
    fit_seconds, predict_seconds : float
        Seconds of work; fitting includes the species' part of what its group shares.
    """

    group: int
    species: int
    suitability: NDArray[np.float64]
    fit_seconds: float
    predict_seconds: float


def read_regions(data: Path, regions: list[str]) -> list[RegionGroup]:
    """Read the groups of several regions.

    Parameters
    ----------
    data : Path
    regions : list of str

    Returns
    -------
    list of RegionGroup
    """
    return [group for region in regions for group in read_region(data, region)]


def blocks_of(group: RegionGroup) -> NDArray[np.int64]:
    """Return the spatial blocks of a group's records and background, shape (n,), the same for every seed."""
    visited = np.asarray(group.records.recorded.any(axis=1), dtype=np.int64)
    fold, _ = choose_folds(group.places, visited, N_FOLDS, 0, group.geographic)
    return fold


def lend_places(groups: list[RegionGroup]) -> list[RegionGroup]:
    """Let the groups of a region without a target group borrow places of another one (`ml.training.borrowing`).

    Parameters
    ----------
    groups : list of RegionGroup

    Returns
    -------
    list of RegionGroup
        In the same order.
    """
    out = list(groups)
    for region in dict.fromkeys(group.region for group in groups):
        numbers = [g for g, group in enumerate(groups) if group.region == region]
        placed = [PlacedGroup(groups[g].records, groups[g].places, groups[g].geographic) for g in numbers]
        for g, one in zip(numbers, borrow_places(placed, N_FOLDS), strict=True):
            if one.lender is not None:
                lender = groups[numbers[one.lender]].name
                out[g] = replace(groups[g], records=one.group, places=one.places, lender=lender)
    return out


def predict_groups(
    groups: list[RegionGroup],
    settings: EngineSettings,
    target_group: bool = True,
    on_shared: Callable[[RegionGroup, GroupModel], None] | None = None,
    on_step: Callable[[str], None] | None = None,
) -> Iterator[SpeciesPrediction]:
    """Fit and predict every species of every group.

    Work goes to the joblib backend in force (`ml.workers`). The numbers do not depend on it.

    Parameters
    ----------
    groups : list of RegionGroup
    settings : EngineSettings
    target_group : bool
        Whether a species may use the records of other species.
    on_shared : callable, optional
        Called with each group, with the places that it borrows, and its shared model.
    on_step : callable, optional
        Called with a message for each group whose background is chosen and for each species with held-out scores.

    Yields
    ------
    SpeciesPrediction
        In the order in which they end.
    """
    if target_group:
        groups = lend_places(groups)
    fitted = fit_shared(groups, settings, target_group, on_step)
    if on_shared:
        for group, one in zip(groups, fitted, strict=True):
            on_shared(group, one.model)
    run = Parallel(return_as="generator_unordered")
    tasks = largest_first([group.records for group in groups])
    yield from run(
        delayed(_predict_one)(groups[g], g, s, *species_part(groups[g], s, fitted[g]), settings) for g, s in tasks
    )


def fit_shared(
    groups: list[RegionGroup],
    settings: EngineSettings,
    target_group: bool = True,
    on_step: Callable[[str], None] | None = None,
) -> list[FittedGroup]:
    """Fit what the species of each group share, as training for serving does.

    Parameters
    ----------
    groups : list of RegionGroup
    settings : EngineSettings
    target_group : bool
        Whether a species may use the records of the other species of its group; otherwise nothing is shared.
    on_step : callable, optional
        As in `predict_groups`.

    Returns
    -------
    list of FittedGroup
    """
    if not target_group:
        return [FittedGroup(GroupModel(), None, {}, 0.0) for _ in groups]

    def fitted(g: int) -> None:
        if on_step:
            on_step(f"{groups[g].region} {groups[g].name}: background chosen")

    def scored(g: int, species: int) -> None:
        if on_step:
            on_step(f"{groups[g].species[species]}: scored on held-out blocks")

    with_folds = [(group.records, blocks_of(group) if group.records.has_network else None) for group in groups]
    return fit_groups(with_folds, settings, fitted, scored)


def species_part(group: RegionGroup, s: int, fitted: FittedGroup) -> tuple[GroupModel, float]:
    """Return what species `s` uses of its group's shared parts, and its part of the seconds that they took."""
    shared = shared_by(fitted.model, group.records, s, fitted.fold)
    return shared, fitted.seconds / len(group.species)


def _predict_one(
    group: RegionGroup, g: int, s: int, shared: GroupModel, group_seconds: float, settings: EngineSettings
) -> SpeciesPrediction:
    started = time.perf_counter()
    model = fit_species(group.records, s, shared, settings)
    fitted = time.perf_counter()
    weights = model.weights
    suitability = logistic(weights.intercept + weights.slope * model.score(group.test_rows))
    return SpeciesPrediction(g, s, suitability, fitted - started + group_seconds, time.perf_counter() - fitted)


def summarise(groups: list[RegionGroup], predicted: list[SpeciesPrediction], data: Path) -> pd.DataFrame:
    """Score predictions by the surveys, which are read here for the first time.

    Parameters
    ----------
    groups : list of RegionGroup
    predicted : list of SpeciesPrediction
    data : Path
        Directory of the surveys.

    Returns
    -------
    DataFrame
        `SUMMARY_COLUMNS`, a row for each species in the order of the groups. Scores are empty where a survey has one
        class only.
    """
    surveys = [read_survey(data, group) for group in groups]
    rows = []
    for one in sorted(predicted, key=lambda p: (p.group, p.species)):
        group = groups[one.group]
        y = surveys[one.group].iloc[:, one.species].to_numpy()
        scores = {name: float("nan") for name in SCORES}
        if 0 < y.sum() < len(y):
            scores = {name: float(getattr(metrics, name)(y, one.suitability)) for name in SCORES}
        rows.append(
            {
                "region": group.region,
                "species": group.species[one.species],
                "n_presences": group.n_presences[one.species],
                **scores,
                "fit_seconds": round(one.fit_seconds, 3),
                "predict_seconds": round(one.predict_seconds, 4),
            }
        )
    return pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))


def predictions_table(groups: list[RegionGroup], predicted: list[SpeciesPrediction]) -> pd.DataFrame:
    """Return all predictions as one table with `PREDICTION_COLUMNS`, in the order of groups, species and sites."""
    parts = [
        pd.DataFrame(
            {
                "region": groups[one.group].region,
                "group": groups[one.group].name,
                "species": groups[one.group].species[one.species],
                "siteid": groups[one.group].sites,
                "suitability": one.suitability,
            }
        )
        for one in sorted(predicted, key=lambda p: (p.group, p.species))
    ]
    return pd.concat(parts, ignore_index=True)


def size_class(n_presences: int) -> str:
    """Return the name of the class of `SIZES` that contains a number of records."""
    return next(name for name, low, high in SIZES if low <= n_presences <= high)


def means_table(summary: pd.DataFrame) -> str:
    """Return a text table of mean scores by region and by number of records."""
    table = summary.assign(size=summary["n_presences"].map(size_class))
    lines = [f"{'':<12} {'species':>7} {'AUC-ROC':>8} {'AUC-PRG':>8} {'COR':>6} {'fit s':>7} {'predict s':>9}"]
    parts = [(str(region), part) for region, part in table.groupby("region", sort=False)]
    parts += [(name, table[table["size"] == name]) for name, *_ in SIZES]
    for name, part in [*parts, ("all", table)]:
        if len(part):
            lines.append(
                f"{name:<12} {len(part):>7} {part['auc_roc'].mean():>8.4f} {part['auc_prg'].mean():>8.4f} "
                f"{part['cor'].mean():>6.3f} {part['fit_seconds'].sum():>7.1f} {part['predict_seconds'].sum():>9.1f}"
            )
    return "\n".join(lines)
