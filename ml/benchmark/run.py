"""The NCEAS benchmark: every test site predicted from training data alone, then scored by the survey."""

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
from ml.evaluation.splits import TooCloseError, spatial_blocks
from ml.kernels.logit import logistic
from ml.training.background_weight import ShareChoice
from ml.training.cross_validation import held_out_members, held_out_networks
from ml.training.default_model import EngineSettings, GroupModel, fit_group, fit_species
from ml.training.stacking import HeldOut, fit_stacking

N_FOLDS = 5
SCORES = ("auc_roc", "auc_prg", "cor")
PREDICTION_COLUMNS = ("region", "group", "species", "siteid", "suitability")
SUMMARY_COLUMNS = ("region", "species", "n_presences", *SCORES, "fit_seconds", "predict_seconds")
SIZES = (("under 30", 0, 29), ("30 to 100", 30, 100), ("over 100", 101, 10**9))
"""Classes of species by number of records."""


@dataclass(frozen=True)
class Predicted:
    """One species' suitability at its group's test sites, and what it took."""

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
    """Spatial blocks of a group's records and background, shape (n,)."""
    visited = group.records.recorded.any(axis=1).astype(np.int64)
    folds, _ = spatial_blocks(group.places, visited, N_FOLDS, geographic=group.geographic)
    return folds


def predict_groups(
    groups: list[RegionGroup],
    settings: EngineSettings,
    target_group: bool = True,
    on_shared: Callable[[RegionGroup, GroupModel], None] | None = None,
    on_step: Callable[[str], None] | None = None,
) -> Iterator[Predicted]:
    """Fit and predict every species of every group; yields them as they are done.

    Parameters
    ----------
    groups : list of RegionGroup
    settings : EngineSettings
    target_group : bool
        Whether the other species' records may be used.
    on_shared : callable, optional
        Told each group's shared model as it is ready.
    on_step : callable, optional
        Told what is done, once for each group and once for each species' held-out scores.

    Work goes to the joblib backend in force (`ml.workers`). The numbers do not depend on it.

    Yields
    ------
    Predicted
    """
    shared: list[GroupModel] = []
    seconds: list[float] = []
    for group, (model, taken) in zip(groups, shared_models(groups, settings, target_group, on_step), strict=True):
        shared.append(model)
        seconds.append(taken / len(group.species))
        if on_shared:
            on_shared(group, model)
    run = Parallel(return_as="generator_unordered")
    tasks = _tasks(groups)
    yield from run(delayed(_predict_one)(groups[g], g, s, shared[g], settings, seconds[g]) for g, s in tasks)


def shared_models(
    groups: list[RegionGroup],
    settings: EngineSettings,
    target_group: bool = True,
    on_step: Callable[[str], None] | None = None,
) -> list[tuple[GroupModel, float]]:
    """Fit what the species of each group share: background, network and the members' weights.

    Parameters
    ----------
    groups : list of RegionGroup
    settings : EngineSettings
    target_group : bool
        Whether the other species' records may be used; without them nothing is shared.
    on_step : callable, optional
        As in `predict_groups`.

    Returns
    -------
    list of (GroupModel, float)
        With the seconds of work.
    """
    if not target_group:
        return [(GroupModel(ShareChoice(0.0, {})), 0.0) for _ in groups]
    tell = on_step or (lambda _: None)
    run = Parallel(return_as="generator")
    found = []
    for group, one in zip(groups, run(delayed(_share)(group, settings) for group in groups), strict=True):
        found.append(one)
        tell(f"{group.region} {group.name}: background chosen")
    tasks = [(g, s) for g, s in _tasks(groups) if found[g][1] is not None]
    scored: list[dict[int, HeldOut]] = [{} for _ in groups]
    seconds = [taken for *_, taken in found]
    work = run(delayed(_held_out)(groups[g], s, found[g][0], found[g][1], settings) for g, s in tasks)
    for (g, s), (held_out, taken) in zip(tasks, work, strict=True):
        scored[g][s] = held_out
        seconds[g] += taken
        tell(f"{groups[g].species[s]}: scored on held-out blocks")
    return [
        (replace(model, stacking=fit_stacking([held_out[s] for s in sorted(held_out)]) if held_out else None), taken)
        for (model, *_), held_out, taken in zip(found, scored, seconds, strict=True)
    ]


def _tasks(groups: list[RegionGroup]) -> list[tuple[int, int]]:
    """Group and species, the largest species first, so that no process is left with one of them at the end."""
    tasks = [(g, s) for g, group in enumerate(groups) for s in range(len(group.species))]
    return sorted(tasks, key=lambda task: -groups[task[0]].n_presences[task[1]])


def _share(group: RegionGroup, settings: EngineSettings) -> tuple[GroupModel, NDArray[np.float64] | None, float]:
    started = time.perf_counter()
    if not group.records.has_target_group:
        return GroupModel(ShareChoice(0.0, {})), None, time.perf_counter() - started
    try:
        folds = blocks_of(group)
    except TooCloseError:
        # nothing can be chosen: half of the background is target group, and the members weigh the same
        return fit_group(group.records, None, settings), None, time.perf_counter() - started
    model = fit_group(group.records, folds, settings)
    network = held_out_networks(group.records, folds, model.choice.share, settings)
    return model, network, time.perf_counter() - started


def _held_out(
    group: RegionGroup, s: int, model: GroupModel, network: NDArray[np.float64], settings: EngineSettings
) -> tuple[HeldOut, float]:
    started = time.perf_counter()
    held_out = held_out_members(group.records, s, blocks_of(group), model.choice.share, settings, network[:, s])
    return held_out, time.perf_counter() - started


def _predict_one(
    group: RegionGroup, g: int, s: int, shared: GroupModel, settings: EngineSettings, group_seconds: float
) -> Predicted:
    started = time.perf_counter()
    model = fit_species(group.records, s, shared, settings)
    fitted = time.perf_counter()
    weights = model.weights
    suitability = logistic(weights.intercept + weights.slope * model.score(group.test_rows))
    return Predicted(g, s, suitability, fitted - started + group_seconds, time.perf_counter() - fitted)


def summarise(groups: list[RegionGroup], predicted: list[Predicted], data: Path) -> pd.DataFrame:
    """Score predictions by the surveys.

    Parameters
    ----------
    groups : list of RegionGroup
    predicted : list of Predicted
    data : Path
        Directory of the surveys.

    Returns
    -------
    DataFrame
        `SUMMARY_COLUMNS`, a row for each species in the order of the groups. A score that a survey with one class only
        cannot give is empty.
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


def predictions_table(groups: list[RegionGroup], predicted: list[Predicted]) -> pd.DataFrame:
    """All predictions as one table with `PREDICTION_COLUMNS`, in the order of groups, species and sites."""
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
    """Name of the class of `SIZES` a species falls in."""
    return next(name for name, low, high in SIZES if low <= n_presences <= high)


def means_table(summary: pd.DataFrame) -> str:
    """Mean scores by region and by number of records, as text."""
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
