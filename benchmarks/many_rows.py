"""CPU time for many rows: answers one by one, all at once, the forest's two walks, and scikit-learn's forest.

Run it with ``.venv/bin/python -m benchmarks.many_rows``. The variants take turns in a random order, so that other work
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
from ml.kernels.trees import walk_variance
from ml.serving.artifact import load_artifact
from ml.serving.bulk import answer_encoded
from ml.training.train import train_species


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.many_rows",
        description="CPU time for many rows: one by one, all at once, and scikit-learn's forest.",
    )
    parser.add_argument("--trees", type=int, default=500, help="of each forest (%(default)s)")
    parser.add_argument("--presences", type=int, default=1500, help="(%(default)s)")
    parser.add_argument("--predictors", type=int, default=8, help="(%(default)s)")
    parser.add_argument("--rows", type=int, default=32_768, help="that are computed at once (%(default)s)")
    parser.add_argument("--rounds", type=int, default=9, help="(%(default)s)")
    options = parser.parse_args()

    study = made_up_study(options.presences, options.predictors, 0)
    with tempfile.TemporaryDirectory() as folder:
        artifact = load_artifact(train_species(study, "species", Path(folder), options.trees))
    fast = artifact.predictor
    draw = np.random.default_rng(0)
    X = study.environment.to_numpy(np.float64)
    X = X[draw.integers(0, len(X), options.rows)] * draw.normal(1, 0.01, (options.rows, X.shape[1]))
    natural, encoded = fast.encoder.natural_rows(X), fast.encoder.encode_rows(X)
    y = study.presence["species"].to_numpy()
    share = np.where(y == 1, 0.5 / y.sum(), 0.5 / (len(y) - y.sum()))
    # a forest of the same number of trees, each of as many records
    plain = RandomForestClassifier(options.trees, max_samples=2 * int(y.sum()), min_samples_leaf=5, random_state=0)
    plain.fit(study.environment.to_numpy(), y, sample_weight=share * len(y))
    forest = fast.blend.forest
    arrays = (forest.splits, forest.shares, forest.leaves, forest.starts, forest.half_sample, forest.half_sample_sizes)
    out = np.empty(len(X)), np.empty(len(X))
    few = [row.tolist() for row in X[:500]]
    variants: dict[str, tuple[int, Callable[[], object]]] = {
        "scikit-learn's predict_proba": (2_000, lambda: plain.predict_proba(X[:2_000])),
        "full answers, one by one": (len(few), lambda: [fast.answer(row) for row in few]),
        "forest with variance, row by row": (len(X), lambda: walk_variance(*arrays, encoded, *out)),
        "forest with variance, all at once": (len(X), lambda: forest.shares_and_variances(encoded)),
        "area of applicability and MESS": (len(X), lambda: fast.gauge.measure_rows(natural, encoded)),
        "suitability alone, all at once": (len(X), lambda: fast.predict_encoded(encoded)),
        "full answers, all at once": (len(X), lambda: answer_encoded(artifact, natural, encoded)),
    }
    rounds: dict[str, list[float]] = {name: [] for name in variants}
    for _, call in variants.values():
        call()
    for _ in range(options.rounds):
        for name in random.sample(list(variants), len(variants)):
            n, call = variants[name]
            started = time.process_time()
            call()
            rounds[name].append((time.process_time() - started) / n * 1e6)

    print(
        f"{options.trees} trees, {len(forest.splits):,} splits, {options.predictors} predictors, "
        f"{fast.gauge.area.points.shape[1] if fast.gauge.area else 0:,} points of the area, members "
        f"{', '.join(f'{weight:.2f}' for weight in fast.blend.weights)}; {options.rounds} rounds"
    )
    print(f"{'variant':<36} {'CPU µs a row':>12} {'lowest':>8} {'highest':>8} {'rows/s':>9}   times answers one by one")
    for name, values in rounds.items():
        ratios = sorted(b / v for b, v in zip(rounds["full answers, one by one"], values, strict=True))
        middle = statistics.median(values)
        print(
            f"{name:<36} {middle:>12.2f} {min(values):>8.2f} {max(values):>8.2f} {1e6 / middle:>9,.0f}   "
            f"{statistics.median(ratios):.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f})"
        )
    for title, slow, quick in (
        ("forest with variance", "forest with variance, row by row", "forest with variance, all at once"),
        ("suitability, of scikit-learn's", "scikit-learn's predict_proba", "suitability alone, all at once"),
    ):
        ratios = sorted(a / b for a, b in zip(rounds[slow], rounds[quick], strict=True))
        print(f"{title}: {statistics.median(ratios):.1f} times faster ({ratios[0]:.1f} to {ratios[-1]:.1f})")


if __name__ == "__main__":
    main()
