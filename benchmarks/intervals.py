"""Coverage of the intervals on held-out folds of the demo studies and of NCEAS regions, from training data.

Run it with ``.venv/bin/python -m benchmarks.intervals --raw instance/raw --data ../shared/data/nceas --regions AWT``.
Every group of held-out records is compared with intervals that were fitted without its fold. The column "plain" has the
coverage of intervals without a fitted scale, from the spread of half samples and members alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed, parallel_backend

from ml.benchmark.run import blocks_of, read_regions
from ml.datasets import DEMO_STUDIES, load_study
from ml.evaluation.intervals import holds, join
from ml.kernels.logit import logistic
from ml.serving.interval import IntervalModel, Z
from ml.training.cross_validation import held_out_members, held_out_networks
from ml.training.default_model import EngineSettings, fit_group
from ml.training.group import folds_for, prepare
from ml.training.held_out_summary import Judged, judge, study_intervals
from ml.training.stacking import equal_weights, fit_stacking

_FOLDS = 5


def demo_studies(raw: Path, settings: EngineSettings) -> Iterator[tuple[str, list[Judged]]]:
    """Yield the held-out summaries of all species of each demo study, made as in training."""
    for name in DEMO_STUDIES:
        prepared = prepare(load_study(name, raw), settings, _FOLDS)
        judged = []
        for species in range(prepared.group.recorded.shape[1]):
            folds, _ = folds_for(prepared, species, _FOLDS, settings)
            held_out = folds.held_out[species]
            stacking = prepared.shared.stacking
            if stacking is None or set(stacking.weights) != set(held_out.scores):
                stacking = equal_weights(list(held_out.scores))
            judged.append(judge(held_out, folds.fold, stacking, prepared.group.absences))
        yield name, judged


def regions(
    data: Path, names: list[str], settings: EngineSettings, quick: bool = False
) -> Iterator[tuple[str, list[Judged]]]:
    """Yield the held-out summaries of all species of each region, on spatial blocks of its training data.

    With `quick`, six species of each group are used, and half of the background is target group without a choice.
    """
    for region in names:
        judged = []
        for group in read_regions(data, [region]):
            fold = blocks_of(group)
            shared = fit_group(group.records, None if quick else fold, settings)
            network = held_out_networks(group.records, fold, shared.choice.share, settings)
            held_out = Parallel()(
                delayed(held_out_members)(
                    group.records, s, fold, shared.choice.share, settings, None if network is None else network[:, s]
                )
                for s in range(len(group.species[: 6 if quick else None]))
            )
            stacking = fit_stacking(held_out)
            complete = [one for one in held_out if np.isfinite(stacking.mean(one.scores)).all()]
            if len(complete) < len(held_out):
                print(f"{region} {group.name}: {len(held_out) - len(complete)} species with an empty fold left out")
            judged += [judge(one, fold, stacking, group.records.absences) for one in complete]
        yield f"NCEAS {region}", judged


def row(name: str, judged: list[Judged]) -> str:
    """Return one line of the table."""
    found = study_intervals(judged)
    groups = join([one.groups for one in judged])
    plain = holds(groups, IntervalModel()).mean()
    margin = Z * found.model.deviation(groups.spread)
    width = logistic(groups.logit + margin) - logistic(groups.logit - margin)
    low, middle, high = np.quantile(width, [0.1, 0.5, 0.9])
    error = np.sqrt(found.coverage * (1 - found.coverage) / found.n_groups)
    return (
        f"{name:<22} {len(judged):>7} {found.n_groups:>6}   {found.coverage:.3f} ± {error:.3f}   {plain:.3f}   "
        f"{found.model.scale:>5.2f} {found.model.place:>6.2f}   {middle:.2f} ({low:.2f} to {high:.2f})"
    )


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.intervals", description="Coverage of the intervals on held-out folds."
    )
    parser.add_argument("--raw", type=Path, default=Path("instance/raw"), help="fetched demo data (%(default)s)")
    parser.add_argument("--data", type=Path, help="NCEAS data (without it, demo studies only)")
    parser.add_argument("--regions", default="AWT", help="regions, separated by commas (default: AWT)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="processes (%(default)s)")
    options = parser.parse_args()
    settings = EngineSettings(seed=options.seed)
    print("90 % should hold; ± is the standard error of a share, groups taken as independent")
    print(
        f"{'held-out folds of':<22} {'species':>7} {'groups':>6}   {'hold':<13}   {'plain':<5}   scale  place   width"
    )
    with parallel_backend("loky", n_jobs=options.jobs):
        for name, judged in demo_studies(options.raw, settings):
            print(row(name, judged), flush=True)
        if options.data:
            for name, judged in regions(options.data, options.regions.split(","), settings):
                print(row(name, judged), flush=True)


if __name__ == "__main__":
    main()
