"""Coverage of the intervals on held-out folds of the demo studies and of NCEAS regions, from training data.

Run it with ``.venv/bin/python -m benchmarks.intervals --raw instance/raw --data ../shared/data/nceas --regions AWT``.
Every bin of held-out records is compared with intervals that were fitted without its fold. The column "plain" has the
coverage of intervals without a fitted scale, from the spread of half samples and members alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed, parallel_backend

from benchmarks.arguments import REGIONS, at_least_one, check_files, ends_in_one_line, folder, not_negative
from ml.benchmark.run import blocks_of, read_regions
from ml.datasets import DEMO_STUDIES, load_study
from ml.evaluation.interval_calibration import bin_coverage, join
from ml.kernels.logit import logistic
from ml.odmap.intervals import standard_error
from ml.serving.interval import IntervalModel, Z
from ml.training.cross_validation import held_out_members, held_out_network
from ml.training.default_model import EngineSettings, equal_weights
from ml.training.group import fit_group, shared_by
from ml.training.held_out_summary import HeldOutSummary, study_intervals, summarise_held_out
from ml.training.preparation import encode_study, folds_for, prepare
from ml.training.stacking import fit_stacking

_FOLDS = 5


def demo_studies(raw: Path, settings: EngineSettings) -> Iterator[tuple[str, list[HeldOutSummary]]]:
    """Yield the held-out summaries of all species of each demo study, made as in training."""
    for name in DEMO_STUDIES:
        prepared = prepare(encode_study(load_study(name, raw)), settings, _FOLDS)
        summaries = []
        for species in range(prepared.group.recorded.shape[1]):
            folds, _ = folds_for(prepared, species, _FOLDS, settings)
            held_out = folds.held_out[species]
            shared = shared_by(prepared.shared, prepared.group, species, prepared.blocks and prepared.blocks.fold)
            stacking = shared.stacking or equal_weights(list(held_out.scores))
            summaries.append(summarise_held_out(held_out, folds.fold, stacking, prepared.group.absences))
        yield name, summaries


def regions(
    data: Path, names: list[str], settings: EngineSettings, quick: bool = False
) -> Iterator[tuple[str, list[HeldOutSummary]]]:
    """Yield the held-out summaries of all species of each region, on spatial blocks of its training data.

    With `quick`, six species of each group are used, and half of the background is target group without a choice.
    """
    for region in names:
        summaries = []
        for group in read_regions(data, [region]):
            fold = blocks_of(group)
            shared = fit_group(group.records, None if quick else fold, settings)
            share, network = shared.share, None
            if group.records.has_network:
                network = held_out_network(group.records, fold, share, settings.network(group.records.categorical))
            held_out = Parallel()(
                delayed(held_out_members)(
                    group.records, s, fold, share, settings, None if network is None else network[:, s]
                )
                for s in range(len(group.species[: 6 if quick else None]))
            )
            stacking = fit_stacking(held_out)
            complete = [one for one in held_out if np.isfinite(stacking.mean(one.scores)).all()]
            if len(complete) < len(held_out):
                print(f"{region} {group.name}: {len(held_out) - len(complete)} species with an empty fold left out")
            summaries += [summarise_held_out(one, fold, stacking, group.records.absences) for one in complete]
        yield f"NCEAS {region}", summaries


def row(name: str, summaries: list[HeldOutSummary]) -> str:
    """Return one line of the table."""
    found = study_intervals(summaries)
    bins = join([one.bins for one in summaries])
    plain = bin_coverage(bins, IntervalModel()).mean()
    margin = Z * found.model.deviation(bins.spread)
    width = logistic(bins.logit + margin) - logistic(bins.logit - margin)
    low, middle, high = np.quantile(width, [0.1, 0.5, 0.9])
    error = standard_error(found.coverage, found.n_bins)
    return (
        f"{name:<22} {len(summaries):>7} {found.n_bins:>6}   {found.coverage:.3f} ± {error:.3f}   {plain:.3f}   "
        f"{found.model.scale:>5.2f} {found.model.between_place_sd:>6.2f}   {middle:.2f} ({low:.2f} to {high:.2f})"
    )


@ends_in_one_line
def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.intervals", description="Coverage of the intervals on held-out folds."
    )
    parser.add_argument("--raw", type=Path, default=Path("instance/raw"), help="fetched demo data (%(default)s)")
    parser.add_argument("--data", type=folder, help="NCEAS data (without it, demo studies only)")
    parser.add_argument("--regions", type=REGIONS, default="AWT", help="regions, separated by commas (default: AWT)")
    parser.add_argument("--seed", type=not_negative, default=0)
    parser.add_argument("--jobs", type=at_least_one, default=2, help="processes (%(default)s)")
    options = parser.parse_args()
    if options.data:
        check_files(parser, options.data, options.regions)
    settings = EngineSettings(seed=options.seed)
    print("90 % should hold; ± is the standard error of a share, groups taken as independent")
    print(
        f"{'held-out folds of':<22} {'species':>7} {'groups':>6}   {'hold':<13}   {'plain':<5}   scale  place   width"
    )
    with parallel_backend("loky", n_jobs=options.jobs):
        for name, summaries in demo_studies(options.raw, settings):
            print(row(name, summaries), flush=True)
        if options.data:
            for name, summaries in regions(options.data, options.regions, settings):
                print(row(name, summaries), flush=True)


if __name__ == "__main__":
    main()
