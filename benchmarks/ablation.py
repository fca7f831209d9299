"""The contribution of each part of the default model, on held-out blocks of the training data.

    .venv/bin/python -m benchmarks.ablation --data ../shared/data/nceas

The design was chosen by these figures, without reading a test site. Each held-out record is ranked against the other
held-out sites of its group, which is free of sampling bias, and against held-out random background. The figure is the
mean of both AUC. ``--raw`` adds the birds of the demo, which have true absences.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from benchmarks.arguments import REGIONS, at_least_one, check_files, ends_in_one_line, folder, portion
from benchmarks.block_scores import block_scores
from ml.benchmark.run import blocks_of, read_regions
from ml.datasets import load_study
from ml.estimators.maxent import Maxent
from ml.evaluation.metrics import auc_roc
from ml.training.background_weight import background_weight
from ml.training.cross_validation import held_out_network
from ml.training.default_model import EngineSettings, Group, GroupModel, fit_species
from ml.training.preparation import encode_study, prepare

Floats = NDArray[np.float64]
_TREES = 200


def _species(group: Group, s: int, folds: NDArray[np.int64], share: float) -> dict[str, Floats]:
    """Return the held-out scores of one species by its members and by variants of them."""
    settings = EngineSettings(n_estimators=_TREES)
    # the default model has no MaxEnt member for data with absences; this measures what it would add
    maxent_group = replace(group, absences=False) if group.absences else group
    out: dict[str, Floats] = {}
    for fold in np.unique(folds):
        test = folds == fold
        if not group.recorded[~test, s].any():
            continue
        rows, y = group.rows[~test], group.recorded[~test, s]
        weight = background_weight(group.recorded[~test], share, s, group.absences)
        fitted = fit_species(group, s, GroupModel(share), settings, ~test)
        scores = fitted.members(group.rows[test])
        variants: dict[str, Callable[[], Maxent]] = {
            "maxent": lambda: settings.maxent(maxent_group.categorical),
            "MaxEnt, penalty 1": lambda: Maxent(1.0, categorical=maxent_group.categorical),
            "MaxEnt, penalty 2": lambda: Maxent(2.0, categorical=maxent_group.categorical),
            "MaxEnt, no products": lambda: Maxent(products=False, categorical=maxent_group.categorical),
        }
        with threadpool_limits(1):
            for name, make in variants.items():
                if name not in scores:
                    scores[name] = make().fit(rows, y, weight).decision_function(group.rows[test])
        for name, values in scores.items():
            out.setdefault(name, np.full(len(group.rows), np.nan))[test] = values
    return out


def _all_scores(group: Group, folds: NDArray[np.int64], share: float, network: bool, jobs: int) -> dict[str, Floats]:
    """Return the held-out scores of all species: one column for each species, by variant."""
    n_species = group.recorded.shape[1]
    run = Parallel(n_jobs=jobs, return_as="generator")(
        delayed(_species)(group, s, folds, share) for s in range(n_species)
    )
    quiet = not sys.stderr.isatty()
    by_species = list(tqdm(run, total=n_species, unit="species", file=sys.stderr, disable=quiet))
    scores = {name: np.column_stack([one[name] for one in by_species]) for name in by_species[0]}
    if network:
        scores["network"] = held_out_network(group, folds, share, EngineSettings().network(group.categorical))
    return scores


def _standardised(scores: Floats, group: Group, folds: NDArray[np.int64]) -> Floats:
    """Standardise scores by the mean and standard deviation over the random background of each fold."""
    out = scores.copy()
    background = ~group.recorded.any(axis=1)
    for fold in np.unique(folds):
        test = folds == fold
        reference = scores[test & background]
        out[test] = (scores[test] - reference.mean(axis=0)) / (reference.std(axis=0) + 1e-6)
    return out


def _blends(scores: dict[str, Floats], standardise: Callable[[Floats], Floats] | None) -> dict[str, Floats]:
    """Return the scores and their blends: without one member, of all members, with one member twice."""
    names = [name for name in ("forest", "maxent", "network") if name in scores]
    out = dict(scores)
    for left_out in names if len(names) > 2 else []:
        rest = [name for name in names if name != left_out]
        out[" + ".join(rest)] = np.mean([scores[name] for name in rest], axis=0)
    out[" + ".join(names)] = np.mean([scores[name] for name in names], axis=0)
    if len(names) == 3:
        for double in names:
            out[f"all, {double} twice"] = np.mean([scores[name] for name in (*names, double)], axis=0)
    if standardise:
        out["all, standardised"] = np.mean([standardise(scores[name]) for name in names], axis=0)
    return out


def _print(title: str, figures: dict[str, Floats], against: str) -> None:
    print(f"\n{title}; difference: mean ± standard error over species, against {against}")
    for name, values in figures.items():
        difference = values - figures[against]
        error = difference.std(ddof=1) / np.sqrt(len(difference))
        print(f"  {name:<28} {values.mean():.4f}  {difference.mean():+.4f} ± {error:.4f}")


@ends_in_one_line
def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ablation",
        description="The contribution of each part of the default model, on held-out blocks of the training data.",
    )
    parser.add_argument("--data", type=folder, required=True, help="directory of the NCEAS .rds files")
    parser.add_argument("--regions", type=REGIONS, default="AWT,NZ,SA", help="separated by commas (%(default)s)")
    parser.add_argument("--raw", type=folder, help="fetched demo data; adds its birds")
    parser.add_argument(
        "--share", type=portion, default=0.5, help="share of the background that is target group (%(default)s)"
    )
    parser.add_argument("--jobs", type=at_least_one, default=2, help="processes (%(default)s)")
    options = parser.parse_args()
    check_files(parser, options.data, options.regions)
    groups = read_regions(options.data, options.regions)
    for share, title in ((0.0, "random background"), (options.share, f"{options.share:.0%} target group")):
        parts: dict[str, list[Floats]] = {}
        for group in groups:
            folds = blocks_of(group)
            scores = _all_scores(group.records, folds, share, share > 0, options.jobs)
            blends = _blends(scores, lambda s, g=group, f=folds: _standardised(s, g.records, f))
            for name, held_out in blends.items():
                parts.setdefault(name, []).append(block_scores(group.records.recorded, folds, held_out).mean(axis=1))
        figures = {name: np.concatenate(values) for name, values in parts.items()}
        reference = "forest + maxent + network" if share > 0 else "forest + maxent"
        _print(f"NCEAS, {title}, {len(figures[reference])} species", figures, reference)
    if options.raw:
        prepared = prepare(encode_study(load_study("mediterranean-birds", options.raw)), EngineSettings(), 5)
        group, fold = prepared.group, prepared.blocks.fold
        blends = _blends(_all_scores(group, fold, 0.0, True, options.jobs), None)
        figures = {
            name: np.array([auc_roc(group.recorded[:, s], held_out[:, s]) for s in range(held_out.shape[1])])
            for name, held_out in blends.items()
        }
        _print(f"birds with true absences, {group.recorded.shape[1]} species, AUC", figures, "forest + network")


if __name__ == "__main__":
    main()
