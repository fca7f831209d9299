"""CPU time for one row: scikit-learn beside the serving predictor, and each part of an answer.

Run it with ``.venv/bin/python -m benchmarks.single_row``. The variants take turns in a random order, so that other work
on the machine affects all of them alike. Ratios are taken within a round.
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
from ml.serving.changes import smallest_change
from ml.serving.response_curves import response_curves
from ml.training.export import flatten_forest
from ml.training.train import train_species


def _microseconds(call: Callable[[], object], seconds: float) -> float:
    """Return the CPU microseconds of one call."""
    count, spent = 0, 0.0
    while spent < seconds:
        started = time.process_time()
        for _ in range(10):
            call()
        spent += time.process_time() - started
        count += 10
    return spent / count * 1e6


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.single_row",
        description="CPU time for one row: scikit-learn beside the serving predictor.",
    )
    parser.add_argument("--trees", type=int, default=500, help="of each forest (%(default)s)")
    parser.add_argument("--presences", type=int, default=200, help="(%(default)s)")
    parser.add_argument("--predictors", type=int, default=12, help="(%(default)s)")
    parser.add_argument("--rounds", type=int, default=9, help="(%(default)s)")
    parser.add_argument("--seconds", type=float, default=0.3, help="CPU seconds of a variant in a round (%(default)s)")
    options = parser.parse_args()

    study = made_up_study(options.presences, options.predictors, 0)
    pipeline = FeaturePipeline(study.predictors).fit(study.environment)
    X = pipeline.transform(study.environment)
    forest = DownSampledForest(options.trees, random_state=0).fit(X, study.presence["species"])
    flat = Blend(flatten_forest(forest), share_limit=1e-12)
    with tempfile.TemporaryDirectory() as folder:
        # three made-up species, which train all members: forest, MaxEnt-type model and network
        fast = load_artifact(train_species(study, "species", Path(folder), options.trees)).predictor
    row, natural = X[:1], [float(v) for v in study.environment.iloc[0]]
    encoded, values = fast.encoder.encode_row(natural), np.array(natural, np.float32)
    difference = float(np.abs(flat.suitability(X) - forest.predict_proba(X)[:, 1]).max())

    y = study.presence["species"].to_numpy()
    share = np.where(y == 1, 0.5 / y.sum(), 0.5 / (len(y) - y.sum()))
    # a forest of the same size from scikit-learn alone
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
        "smallest change of one condition": lambda: smallest_change(fast, natural, fast.cutoff()),
        "three nearest records": lambda: fast.nearest_records(natural),
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
    print(f"{'variant':<34} {'median':>9} {'lowest':>9} {'highest':>9}   times faster than scikit-learn's")
    for name, values in rounds.items():
        ratios = sorted(b / v for b, v in zip(baseline, values, strict=True))
        print(
            f"{name:<34} {statistics.median(values):>9.1f} {min(values):>9.1f} {max(values):>9.1f}   "
            f"{statistics.median(ratios):.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f})"
        )
    bare = rounds["whole blend, suitability"]
    extras = sorted(a / b for a, b in zip(rounds["whole blend, full answer"], bare, strict=True))
    middle, low, high = statistics.median(extras), extras[0], extras[-1]
    print(f"full answer, times the bare suitability: {middle:.1f} ({low:.1f} to {high:.1f})")
    print(f"largest difference from scikit-learn over {len(X):,} rows: {difference:.1e}")


if __name__ == "__main__":
    main()
