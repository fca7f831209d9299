"""Live accuracy from simulated confirmations: the estimate, its interval, and the truth.

First predict the survey sites, then run this:
``.venv/bin/python -m ml benchmark --data ../shared/data/nceas --regions AWT --output OUT`` and
``.venv/bin/python -m benchmarks.live_accuracy --data ../shared/data/nceas --predictions OUT/predictions.csv``.
The survey of a species is the truth: its AUC and Brier score at all sites. People visit sites at random, with
replacement, or in one of the ways in which they do not, and report what the survey found there. The figures are those
of the pages (``app.confirmations.accuracy`` calls the same functions).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.arguments import REGIONS, at_least_one, check_files, ends_in_one_line, folder, not_negative
from ml.benchmark.nceas import read_region, read_survey
from ml.evaluation.live import Z, auc_interval
from ml.evaluation.metrics import auc_roc, bootstrap_interval, brier

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
#: As on the pages: fewest presences and fewest absences.
FEWEST = 10
_RESAMPLES = 500


@dataclass(frozen=True)
class Surveyed:
    """A species at the survey sites."""

    name: str
    y: Labels
    suitability: Floats


Visit = Callable[[Surveyed, int, np.random.Generator], tuple[Labels, Floats]]


def surveyed(data: Path, predictions: Path, regions: list[str]) -> Iterator[Surveyed]:
    """Yield the species with at least twice as many presences and absences as a figure needs."""
    table = pd.read_csv(predictions, dtype={"siteid": str, "group": str}, keep_default_na=False)
    for region in regions:
        for group in read_region(data, region):
            survey = read_survey(data, group)
            rows = table[(table["region"] == region) & (table["group"] == group.name)]
            for species in group.species:
                found = rows[rows["species"] == species].set_index("siteid")["suitability"].reindex(group.sites)
                y = survey[species].to_numpy(np.int64)
                if min(y.sum(), len(y) - y.sum()) >= 2 * FEWEST:
                    yield Surveyed(species, y, found.to_numpy(np.float64))


def at_random(one: Surveyed, n: int, rng: np.random.Generator) -> tuple[Labels, Floats]:
    """Return reports from sites that were visited at random."""
    chosen = rng.integers(0, len(one.y), n)
    return one.y[chosen], one.suitability[chosen]


def after_answers(one: Surveyed, n: int, rng: np.random.Generator) -> tuple[Labels, Floats]:
    """Return reports of people who go where the model says suitable: the best site nine times as often as the worst."""
    rank = np.argsort(np.argsort(one.suitability)) / (len(one.y) - 1.0)
    weight = 9.0**rank
    chosen = rng.choice(len(one.y), n, p=weight / weight.sum())
    return one.y[chosen], one.suitability[chosen]


def only_suitable(one: Surveyed, n: int, rng: np.random.Generator) -> tuple[Labels, Floats]:
    """Return reports from the better half of the sites alone."""
    better = np.flatnonzero(one.suitability >= np.median(one.suitability))
    chosen = rng.choice(better, n)
    return one.y[chosen], one.suitability[chosen]


def eager_presences(one: Surveyed, n: int, rng: np.random.Generator) -> tuple[Labels, Floats]:
    """Return reports of people who report a presence three times as readily as an absence."""
    weight = np.where(one.y == 1, 3.0, 1.0)
    chosen = rng.choice(len(one.y), n, p=weight / weight.sum())
    return one.y[chosen], one.suitability[chosen]


def short_searches(one: Surveyed, n: int, rng: np.random.Generator) -> tuple[Labels, Floats]:
    """Return reports from random sites, where three of ten presences are missed."""
    y, suitability = at_random(one, n, rng)
    return y * (rng.random(n) >= 0.3), suitability


WAYS: dict[str, Visit] = {
    "at random": at_random,
    "suitable sites more often": after_answers,
    "the better half of the sites": only_suitable,
    "presences reported 3 x as readily": eager_presences,
    "3 of 10 presences missed": short_searches,
}


def delong(y: Labels, suitability: Floats) -> tuple[float, float]:
    """Return the interval of DeLong et al. 1988 (Biometrics 44: 837-845) on the logit scale."""
    present, absent = suitability[y == 1], suitability[y == 0]
    wins = (present[:, None] > absent[None, :]) + 0.5 * (present[:, None] == absent[None, :])
    auc = float(wins.mean())
    if not 0.0 < auc < 1.0:
        return auc, auc
    variance = wins.mean(axis=1).var(ddof=1) / len(present) + wins.mean(axis=0).var(ddof=1) / len(absent)
    logit, error = np.log(auc / (1 - auc)), np.sqrt(variance) / (auc * (1 - auc))
    low, high = 1 / (1 + np.exp(-(logit + Z * np.array([-error, error]))))
    return float(low), float(high)


def newcombe(y: Labels, suitability: Floats) -> tuple[float, float]:
    """Return the interval of the pages."""
    n1 = int(y.sum())
    found = auc_interval(auc_roc(y, suitability), [(n1, len(y) - n1)])
    return found.low, found.high


def bootstrapped(y: Labels, suitability: Floats) -> tuple[float, float]:
    """Return the interval of the model cards."""
    return bootstrap_interval(auc_roc, y, suitability, n=_RESAMPLES)


INTERVALS = {"Newcombe": newcombe, "DeLong, logit": delong, "bootstrap": bootstrapped}


def row(species: list[Surveyed], visit: Visit, n: int, repeats: int, seed: int) -> str:
    """Return a line of the table: the truth, the estimate, and how many intervals hold it."""
    truths, values, briers, brier_truths, brier_hits = [], [], [], [], []
    hits: dict[str, list[bool]] = {name: [] for name in INTERVALS}
    widths: dict[str, list[float]] = {name: [] for name in INTERVALS}
    without = 0
    for number, one in enumerate(species):
        rng = np.random.default_rng((seed, number))
        truth, brier_truth = auc_roc(one.y, one.suitability), brier(one.y, one.suitability)
        for _ in range(repeats):
            y, suitability = visit(one, n, rng)
            if min(y.sum(), len(y) - y.sum()) < FEWEST:
                without += 1
                continue
            truths.append(truth)
            values.append(auc_roc(y, suitability))
            for name, interval in INTERVALS.items():
                low, high = interval(y, suitability)
                hits[name].append(low <= truth <= high)
                widths[name].append(high - low)
            brier_truths.append(brier_truth)
            briers.append(brier(y, suitability))
            low, high = bootstrap_interval(brier, y, suitability, n=100)
            brier_hits.append(low <= brier_truth <= high)
    if not values:
        return f"{n:>7}   no figure: too few presences or absences"
    coverage = "  ".join(f"{np.mean(hits[name]):.3f} ({np.mean(widths[name]):.2f})" for name in INTERVALS)
    return (
        f"{n:>7} {without / (repeats * len(species)):>9.2f}   {np.mean(truths):.3f}  {np.mean(values):.3f}  {coverage}"
        f"   {np.mean(brier_truths):.3f}  {np.mean(briers):.3f}  {np.mean(brier_hits):.3f}"
    )


@ends_in_one_line
def main() -> None:
    """Simulate and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.live_accuracy", description="Live accuracy from simulated confirmations."
    )
    parser.add_argument("--data", type=folder, required=True, help="NCEAS data")
    parser.add_argument("--predictions", type=Path, required=True, help="predictions.csv of python -m ml benchmark")
    parser.add_argument("--regions", type=REGIONS, default="AWT", help="regions, separated by commas (default: AWT)")
    parser.add_argument("--repeats", type=at_least_one, default=40, help="simulations of a species (%(default)s)")
    parser.add_argument("--seed", type=not_negative, default=0)
    options = parser.parse_args()
    check_files(parser, options.data, options.regions)
    if not options.predictions.is_file():
        parser.error(f"argument --predictions: there is no file {options.predictions}")
    species = list(surveyed(options.data, options.predictions, options.regions))
    if not species:
        parser.error("no species has enough presences and absences")
    print(f"{len(species)} species; 95 % of the intervals should hold the truth; in brackets their mean width")
    methods = "  ".join(f"{name:<12}" for name in INTERVALS)
    for name, visit in WAYS.items():
        print(f"\nSites visited: {name}")
        print(f"reports no figure   truth  AUC    {methods}   Brier  found  held")
        for n in (60, 200):
            print(row(species, visit, n, options.repeats, options.seed), flush=True)


if __name__ == "__main__":
    main()
