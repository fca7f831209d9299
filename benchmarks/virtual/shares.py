"""The share of target-group background on virtual species: what each share gains over one half, by measured bias.

    python -m benchmarks.virtual.shares --data ../shared/data/nceas [--groups 60] [--output FILE] [--from FILE]

Groups of species are drawn at random: the region, where people go (near roads, by climate, or by a taste of their own
for each species), the strength of that bias (uniform from 0 to 3), and the share of the niche that the species have in
common (uniform from 0 to 0.5). A group's members are fitted with shares of one half, three quarters and 1, and half of
its species are scored by their known suitability. Gains are means over groups with their standard errors. At the end,
rules that raise the share in proportion between two values of the AUC between species (`ml.training.target_group`) are
listed by their mean gain; a share between those that were fitted gains what lies between their gains. No survey is
opened.
"""

from __future__ import annotations

import argparse
import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from benchmarks.arguments import at_least_one, ends_in_one_line
from benchmarks.virtual.options import add_options, read_worlds
from benchmarks.virtual.species import World, expected_auc, make_group
from ml.benchmark.run import blocks_of
from ml.training.background_weight import background_weight
from ml.training.bias_strength import measure_bias
from ml.training.default_model import EngineSettings, GroupModel, fit_species

Floats = NDArray[np.float64]
SHARES = (0.5, 0.75, 1.0)
_KINDS = ("roads", "climate", "taxon")
_SPECIES, _SCORED = 20, 10
_BINS = (0, 0.6, 0.65, 0.7, 0.75, 0.8, 1)


def run_group(worlds: list[World], number: int, trees: int) -> dict[str, Any]:
    """Draw a group, fit it with each share, and return its bias and its mean expected AUC by share."""
    draw = np.random.default_rng((99, number))
    world, kind = worlds[int(draw.integers(len(worlds)))], str(draw.choice(_KINDS))
    strength, common = float(draw.uniform(0, 3)), float(draw.uniform(0, 0.5))
    made = make_group(world, kind, strength, draw, _SPECIES, common)
    group = made.group.records
    bias = measure_bias(group, blocks_of(made.group))
    facts = {"region": world.region, "kind": kind, "strength": strength, "common": common}
    facts |= {"all places": bias and bias.auc, "between species": bias and bias.between_species}
    settings = EngineSettings(n_estimators=trees)
    with threadpool_limits(1):
        for share in SHARES:
            weight = background_weight(group.recorded, share)
            shared = GroupModel(share, settings.network(group.categorical).fit(group.rows, group.recorded, weight))
            aucs = [
                expected_auc(
                    fit_species(group, s, shared, settings).score(made.group.test_rows), made.suitability[:, s]
                )
                for s in range(_SCORED)
            ]
            facts[f"share {share}"] = float(np.mean(aucs))
    return facts


def gain_of(table: pd.DataFrame, share: Floats) -> Floats:
    """Return the gain of a share for each group over one half, in proportion between the shares that were fitted.

    Parameters
    ----------
    table : DataFrame
        A row for each group, with `share 0.5`, `share 0.75` and `share 1.0`.
    share : ndarray, shape (n_groups,)

    Returns
    -------
    ndarray, shape (n_groups,)
    """
    scores = table[[f"share {one}" for one in SHARES]].to_numpy()
    return np.array([np.interp(one, SHARES, row - row[0]) for one, row in zip(share, scores, strict=True)])


def rules(table: pd.DataFrame, column: str) -> list[tuple[float, float, float, float, float]]:
    """Return rules as (weak, strong, mean gain, its error, smallest gain), the largest mean first."""
    found = []
    for weak, width in product(np.arange(0.5, 0.8, 0.05), np.arange(0.05, 0.45, 0.05)):
        part = np.clip((table[column].to_numpy(np.float64) - weak) / width, 0, 1)
        gain = gain_of(table, 0.5 + part / 2)
        found.append((weak, weak + width, float(gain.mean()), _error(gain), float(gain.min())))
    return sorted(found, key=lambda rule: -rule[2])


def _error(values: Floats) -> float:
    return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


def _print(table: pd.DataFrame) -> None:
    print(f"{len(table)} groups of {_SPECIES} species; gain in AUC over a share of one half\n")
    print(f"{'AUC between species':<20} {'groups':>6} {'strength':>8} {'common':>6} {'three quarters':>18} {'all':>18}")
    bins = pd.cut(table["between species"], list(_BINS))
    for interval, part in [*table.groupby(bins, observed=True), ("all", table)]:
        cells = []
        for share in SHARES[1:]:
            gain = gain_of(part, np.full(len(part), share))
            cells.append(f"{gain.mean():+.4f} ± {_error(gain):.4f}".rjust(18))
        means = f"{part['strength'].mean():>8.2f} {part['common'].mean():>6.2f}"
        print(f"{interval!s:<20} {len(part):>6} {means} {' '.join(cells)}")
    for column in ("between species", "all places"):
        print(f"\nshare from one half to 1, in proportion between two values of the AUC of {column}: best rules")
        for weak, strong, gain, error, least in rules(table, column)[:8]:
            print(f"  {weak:.2f} to {strong:.2f}: {gain:+.4f} ± {error:.4f}, smallest {least:+.4f}")


def _read(parser: argparse.ArgumentParser, path: Path) -> pd.DataFrame:
    """Read a table of groups, or end the program with one line."""
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        parser.error(f"argument --from: {path} cannot be read: {str(error).splitlines()[0]}")
    missing = {"between species", "all places", "strength", "common", *(f"share {one}" for one in SHARES)} - set(table)
    if missing or table.empty:
        parser.error(f"argument --from: {path} is no table of groups that --output wrote")
    return table


@ends_in_one_line
def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.virtual.shares",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser, "group", needs_data=False)
    parser.add_argument("--groups", type=at_least_one, default=60, help="(%(default)s)")
    parser.add_argument("--from", dest="source", type=Path, help="print the tables of such a CSV, and run nothing")
    options = parser.parse_args()
    if options.source:
        table = _read(parser, options.source)
        _print(table)
        return 0
    if options.data is None:
        parser.error("the following arguments are required: --data (or --from)")
    worlds = read_worlds(parser, options)
    run = Parallel(n_jobs=options.jobs, return_as="generator")
    calls = (delayed(run_group)(worlds, number, options.trees) for number in range(options.groups))
    table = pd.DataFrame(tqdm(run(calls), total=options.groups, unit="group", file=sys.stderr))
    if options.output:
        table.to_csv(options.output, index=False)
    _print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
