"""Whether the conditions around a cell help: mean and spread of each layer in a window, beside the cell's own values.

    python -m benchmarks.neighbourhood --data ../shared/data/own-data [--repeats 5] [--trees 300]

Each case of own data is prepared by `python -m ml train`. The default model of one species (forest and MaxEnt, equal
weights) is then fitted to the same records and folds with and without the new predictors, and scored on the records of
each held-out block. Windows have 3 or 5 cells on a side. A gain is the mean over presences of the change of the share
of background in the presence's fold with a lower score, which is a change of AUC. Its standard error takes presences as
independent; they are not, so it is too small, and a gain of less than two of them is none.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from scipy.stats import rankdata

from benchmarks.arguments import at_least_one, folder
from benchmarks.own_cases import CASES, Case, train
from ml.own_data.checkpoint import load_assembly
from ml.predictors.pipeline import FeaturePipeline
from ml.study import StudyData
from ml.training.default_model import EngineSettings, Group, GroupModel, fit_species
from ml.training.folds import choose_folds

Floats = NDArray[np.float64]
_WINDOWS = (3, 5)


def window_statistics(layer: Floats, side: int) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of the valid cells in a square window around each cell.

    Parameters
    ----------
    layer : ndarray, shape (height, width)
        NaN where a cell has no value.
    side : int
        Cells on a side of the window, an odd number.

    Returns
    -------
    tuple of ndarray, shape (height, width)
        NaN where the window has no value.
    """
    valid = np.isfinite(layer)
    # Values near zero keep the squares exact enough.
    centre = float(layer[valid].mean()) if valid.any() else 0.0
    filled = np.where(valid, layer - centre, 0.0)
    count = uniform_filter(valid.astype(np.float64), side, mode="constant")
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(count > 1e-9, count, np.nan)
        mean = uniform_filter(filled, side, mode="constant") / share
        square = uniform_filter(filled**2, side, mode="constant") / share
    return mean + centre, np.sqrt(np.maximum(square - mean**2, 0))


def around(study: StudyData, layers: Floats, transform: Any, side: int) -> tuple[Floats, Floats]:
    """Return means and spreads of the continuous predictors at the study's cells, each of shape (n, n_continuous).

    A predictor is the layer that has its values at the cells.
    """
    assert study.coordinates is not None
    column, row = ~transform * (study.coordinates[:, 0], study.coordinates[:, 1])
    row, column = np.floor(row).astype(int), np.floor(column).astype(int)
    means, spreads = [], []
    for predictor in study.predictors:
        if predictor.type == "categorical":
            continue
        own = study.environment[predictor.name].to_numpy(np.float64)
        [layer] = [one for one in layers if np.allclose(one[row, column], own, rtol=1e-5, atol=1e-5)][:1]
        mean, spread = window_statistics(layer, side)
        means.append(mean[row, column])
        spreads.append(spread[row, column])
    return np.column_stack(means), np.column_stack(spreads)


def placements(
    rows: Floats, y: NDArray[np.int64], fold: NDArray[np.int64], settings: EngineSettings, levels: Any
) -> Floats:
    """Return for each presence the share of background in its fold that scores lower; ties count half."""
    group = Group(rows.astype(np.float32), y[:, None], levels)
    share = np.full(len(y), np.nan)
    for one in np.unique(fold):
        test = fold == one
        if not 0 < y[~test].sum() < (~test).sum() or not 0 < y[test].sum() < test.sum():
            continue
        score = fit_species(group, 0, GroupModel(), settings, ~test).score(group.rows[test])
        present = y[test] == 1
        inside = rankdata(score)[present] - rankdata(score[present])
        share[np.flatnonzero(test)[present]] = inside / (~present).sum()
    return share[y == 1]


def run_case(folder: Path, case: Case, settings: EngineSettings, repeats: int) -> None:
    """Measure one case and print it."""
    with tempfile.TemporaryDirectory() as temporary:
        *_, work = train(folder, case, Path(temporary))
        assembly = load_assembly(work)
    assert assembly is not None
    study = assembly.study
    rows = FeaturePipeline(study.predictors).fit(study.environment).transform(study.environment).astype(np.float64)
    categorical = tuple(j for j, p in enumerate(study.predictors) if p.type == "categorical")
    y = study.presence.to_numpy(np.int64)[:, 0]
    with rasterio.open(folder / case.layers[0]) as file:
        layers, transform = file.read(masked=True).astype(np.float64).filled(np.nan), file.transform
    variants = {"the cell alone": rows}
    for side in _WINDOWS:
        mean, spread = around(study, layers, transform, side)
        new = {"mean": [mean], "spread": [spread], "mean and spread": [mean, spread]}
        variants |= {f"{side} x {side}, {name}": np.column_stack([rows, *parts]) for name, parts in new.items()}
    geographic = study.projected is None
    places = study.coordinates if geographic else study.projected
    scores: dict[str, list[Floats]] = {name: [] for name in variants}
    for seed in range(repeats):
        fold, validation = choose_folds(places, y, 5, seed, geographic)
        for name, values in variants.items():
            scores[name].append(placements(values, y, fold, settings, categorical))
    print(f"{case.name}: {y.sum()} presences, {rows.shape[1]} predictors, {validation.method}, {repeats} sets of folds")
    base = np.nanmean(scores["the cell alone"], axis=0)
    for name, values in scores.items():
        difference = np.nanmean(values, axis=0) - base
        error = np.nanstd(difference, ddof=1) / np.sqrt(np.isfinite(difference).sum())
        auc, gain = np.nanmean(np.nanmean(values, axis=0)), np.nanmean(difference)
        print(f"  {name:<22} AUC {auc:.4f}  gain {gain:+.4f} ± {error:.4f}")


def main() -> None:
    """Run the cases."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.neighbourhood",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=folder, required=True, help="directory of the cases")
    parser.add_argument("--repeats", type=at_least_one, default=5, help="sets of folds (%(default)s)")
    parser.add_argument("--trees", type=at_least_one, default=300, help="of each forest (%(default)s)")
    options = parser.parse_args()
    for case in CASES:
        run_case(options.data / case.name, case, EngineSettings(n_estimators=options.trees), options.repeats)


if __name__ == "__main__":
    main()
