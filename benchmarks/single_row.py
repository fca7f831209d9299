"""One row: scikit-learn beside the fast predictor, and what each part of an answer costs, in one run.

Run it with ``.venv/bin/python -m benchmarks.single_row``. Variants take turns in shuffled order, so that a noisy
machine treats them alike; the ratio is taken within each round.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from benchmarks.made_up import made_up_study
from ml.estimators.forest import DownSampledForest
from ml.predictors.pipeline import FeaturePipeline
from ml.serving.artifact import load_artifact
from ml.serving.blend import Blend
from ml.serving.response_curves import response_curves
from ml.training.export import flatten_forest
from ml.training.train import train_species


def _microseconds(call: Callable[[], object], seconds: float) -> float:
    count, spent = 0, 0.0
    while spent < seconds:
        begin = time.process_time()
        for _ in range(10):
            call()
        spent += time.process_time() - begin
        count += 10
    return spent / count * 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="One row: scikit-learn beside the fast predictor.")
    parser.add_argument("--trees", type=int, default=500)
    parser.add_argument("--presences", type=int, default=200)
    parser.add_argument("--predictors", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.3, help="CPU seconds for each variant and round")
    options = parser.parse_args()

    study = made_up_study(options.presences, options.predictors, 0)
    pipeline = FeaturePipeline(study.predictors).fit(study.environment)
    X = pipeline.transform(study.environment)
    forest = DownSampledForest(options.trees, random_state=0).fit(X, study.presence["species"])
    flat = Blend(flatten_forest(forest), share_limit=1e-12)
    with tempfile.TemporaryDirectory() as folder:
        # three made-up species, so that the whole blend is there: forest, MaxEnt-type model and network
        fast = load_artifact(train_species(study, "species", Path(folder), options.trees)).predictor
    row, natural = X[:1], [float(v) for v in study.environment.iloc[0]]
    encoded, values = fast.encode(natural), np.array(natural, np.float32)
    difference = float(np.abs(flat.suitability(X) - forest.predict_proba(X)[:, 1]).max())

    y = study.presence["species"].to_numpy()
    share = np.where(y == 1, 0.5 / y.sum(), 0.5 / (len(y) - y.sum()))
    # the same size of forest, as SCIENCE.md builds it from scikit-learn alone
    plain = RandomForestClassifier(
        options.trees, max_samples=2 * int(y.sum()), min_samples_leaf=forest.min_samples_leaf, random_state=0
    ).fit(X, y, sample_weight=share * len(y))
    variants: dict[str, Callable[[], object]] = {
        "scikit-learn's predict_proba": lambda: plain.predict_proba(row),
        "our estimator's predict_proba": lambda: forest.predict_proba(row),
        "the same forest, compiled": lambda: flat.suitability(row),
        "whole blend, suitability": lambda: fast.predict_encoded(row),
        "area of applicability and MESS": lambda: fast.gauge.measure(values, encoded),
        "own threshold, rates": lambda: fast.cutoff(0.4),
        "response curves, 25 points": lambda: response_curves(fast, natural, 25),
        "whole blend, full answer": lambda: fast.answer(natural),
    }
    rounds: dict[str, list[float]] = {name: [] for name in variants}
    for call in variants.values():
        call()
    for _ in range(options.rounds):
        for name in random.sample(list(variants), len(variants)):
            rounds[name].append(_microseconds(variants[name], options.seconds))

    baseline = rounds["scikit-learn's predict_proba"]
    print(
        f"{options.trees} trees, {options.presences} presences, {options.predictors} predictors, "
        f"{len(fast.blend.forest.splits):,} splits; {options.rounds} rounds, CPU µs for one row"
    )
    print(f"{'variant':<30} {'median':>9} {'lowest':>9} {'highest':>9}   times faster than scikit-learn's")
    for name, values in rounds.items():
        ratios = sorted(b / v for b, v in zip(baseline, values, strict=True))
        print(
            f"{name:<30} {statistics.median(values):>9.1f} {min(values):>9.1f} {max(values):>9.1f}   "
            f"{statistics.median(ratios):.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f})"
        )
    bare = rounds["whole blend, suitability"]
    extras = sorted(a / b for a, b in zip(rounds["whole blend, full answer"], bare, strict=True))
    middle, low, high = statistics.median(extras), extras[0], extras[-1]
    print(f"full answer, times the bare suitability: {middle:.1f} ({low:.1f} to {high:.1f})")
    print(f"largest difference from scikit-learn over {len(X):,} rows: {difference:.1e}")


if __name__ == "__main__":
    main()
