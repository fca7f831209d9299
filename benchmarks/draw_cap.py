"""The effect of a limit on the presences that a tree draws: accuracy, fitting time and stored size.

    .venv/bin/python -m benchmarks.draw_cap

The forest of the banana slug (part of the demo data) is cross-validated by spatial blocks with several limits. Fitting
time and size are also measured for a made-up species with 6,000 presences.
"""

from __future__ import annotations

import argparse
import io
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ml.datasets import load_study
from ml.estimators.forest import DownSampledForest
from ml.evaluation.metrics import auc_roc
from ml.serving.arrays import ModelArrays, pack
from ml.serving.blend import Blend
from ml.training.export import flatten_forest
from ml.training.folds import study_folds
from ml.training.preparation import encode_study

LIMITS = (100, 200, 400, 800, None)


def _held_out(
    rows: NDArray[np.float32], y: NDArray[np.int64], folds: NDArray[np.int64], forest: DownSampledForest
) -> float:
    """Return the AUC-ROC of a forest over held-out folds."""
    scores = np.empty(len(y))
    for fold in np.unique(folds):
        test = folds == fold
        fitted = DownSampledForest(**forest.get_params()).fit(rows[~test], y[~test])
        scores[test] = fitted.predict_proba(rows[test])[:, 1]
    return auc_roc(y, scores)


def _size(forest: DownSampledForest) -> float:
    """Return the stored size in MB."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **pack(ModelArrays(Blend(flatten_forest(forest)), [])))
    return len(buffer.getvalue()) / 1e6


def _fit(forest: DownSampledForest, rows: NDArray[np.float32], y: NDArray[np.int64]) -> tuple[float, float]:
    """Fit a forest; return the CPU seconds and the stored size in MB."""
    started = time.process_time()
    forest.fit(rows, y)
    return time.process_time() - started, _size(forest)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.draw_cap",
        description="The effect of a limit on the presences that a tree draws.",
    )
    parser.add_argument("--raw", type=Path, default=Path("instance/raw"), help="fetched demo data (%(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="forests for each limit (%(default)s)")
    options = parser.parse_args()
    study = load_study("banana-slug", options.raw)
    group = encode_study(study).group
    y = group.recorded[:, 0]
    folds, _ = study_folds(study, y, 5, 0)
    draw = np.random.default_rng(0)
    made_up = draw.normal(size=(16_000, 12)).astype(np.float32)
    suitability = made_up[:, 0] - made_up[:, 1] ** 2 / 2 + draw.normal(size=len(made_up))
    presence = (suitability >= np.sort(suitability)[-6000]).astype(np.int64)
    print(f"banana slug: {y.sum()} presences, mean of {options.seeds} seeds; made-up species: 6,000 presences")
    print(f"{'limit':>6} {'held-out AUC':>13} {'fit CPU s':>10} {'MB':>6}   {'6,000: CPU s':>12} {'MB':>6}")
    with threadpool_limits(1):
        for limit in LIMITS:
            seeds = range(options.seeds)
            forests = [DownSampledForest(max_draw=limit, random_state=seed) for seed in seeds]
            auc = np.mean([_held_out(group.rows, y, folds, forest) for forest in forests])
            seconds, size = _fit(forests[0], group.rows, y)
            many_seconds, many_size = _fit(DownSampledForest(max_draw=limit, random_state=0), made_up, presence)
            slug, large = f"{seconds:>10.1f} {size:>6.2f}", f"{many_seconds:>12.1f} {many_size:>6.2f}"
            print(f"{limit or 'none':>6} {auc:>13.4f} {slug}   {large}")


if __name__ == "__main__":
    main()
