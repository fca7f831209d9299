"""Whether a group with few places should borrow the places of another group as target-group background.

    python -m benchmarks.virtual.borrowing --data ../shared/data/nceas [--repeats 1] [--output FILE]

A small group has one virtual species of 30 records, or six of 10 or 30 or six of 30 or 100
(`benchmarks.virtual.species`), another group of the same region twenty species. The groups are related, with the same
effort and a fifth of their niches in common, or have efforts and niches of their own. The places of the other group
count as those of one more species of the small group. "across" is the AUC with which the places of each group tell
those of the other one from random points, on held-out blocks. Gains are mean differences over the species of the small
group from the default model without borrowing: with fewer than 50 places, or of one species, it has random background
and no network. Standard errors take the pairs of groups as independent. With borrowed places, the share is one half
or the one that `ml.training.target_group` gives the AUC across.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from benchmarks.arguments import at_least_one, ends_in_one_line, not_negative
from benchmarks.virtual.options import add_options, read_worlds
from benchmarks.virtual.species import KINDS, VirtualGroup, World, expected_auc, make_group
from ml.benchmark.nceas import are_degrees
from ml.benchmark.run import N_FOLDS
from ml.training.background_weight import BiasStrength, background_weight
from ml.training.bias_strength import measure_bias
from ml.training.default_model import EngineSettings, Group, GroupModel, SpeciesModel, fit_species
from ml.training.folds import choose_folds
from ml.training.target_group import share_for

Floats = NDArray[np.float64]
_OTHER, _MADE = 20, 30
_COMMON = 0.2
_BIASES = (("none", 0.0), ("climate", 1.0), ("climate", 2.0), ("roads", 2.0))
# Columns of the made species, whose numbers of records repeat every five.
_SMALL = {
    "one of 30": (1,),
    "six of 10, 30": (0, 1, 5, 6, 10, 11),
    "six of 30, 100": (1, 2, 6, 7, 11, 12),
}
_SHARES = ("one half", "by across")
_CLASSES = [0, 0.55, 0.6, 0.65, 0.7, 0.75, 1]


def run_pair(world: World, number: int, kind: str, strength: float, related: bool, trees: int) -> list[dict[str, Any]]:
    """Make two groups, fit the small ones with and without borrowed places, and return a row for each small group."""
    draw = np.random.default_rng((number, KINDS.index(kind), int(10 * strength), 5))
    made = make_group(world, kind, strength, draw, _MADE, _COMMON)
    donor = made if related else make_group(world, kind, strength, draw, _MADE, _COMMON)
    taken = {s for small in _SMALL.values() for s in small}
    others = [s for s in range(_MADE) if s not in taken][:_OTHER]
    found = []
    for size, small in _SMALL.items():
        both, alone, fold = _merged(world, made, list(small), donor, others)
        bias = measure_bias(alone, fold[: len(alone.rows)]) if alone.has_target_group else None
        halves = np.column_stack([both.recorded[:, :-1].any(axis=1), both.recorded[:, -1]]).astype(np.int64)
        measured = measure_bias(Group(both.rows, halves, world.categorical), fold)
        across = measured.between_species if measured else None
        shares = dict(zip(_SHARES, (0.5, share_for(BiasStrength(0.5, None, across))), strict=True))
        auc = {}
        with threadpool_limits(1):
            fitted = _fit(alone, share_for(bias) if alone.has_target_group else None, trees)
            auc["default"] = _mean_auc(fitted, made, small)
            for name, share in shares.items():
                auc[name] = _mean_auc(_fit(both, share, trees, len(small)), made, small)
        facts = {"size": size, "related": related, "kind": kind, "strength": strength, "region": world.region}
        facts |= {"number": number, "places": int(alone.recorded.any(axis=1).sum()), "across": across}
        facts |= {"own bias": bias and bias.between_species, "default": auc["default"]}
        found.append(facts | {name: auc[name] - auc["default"] for name in _SHARES})
    return found


def _merged(
    world: World, made: VirtualGroup, small: list[int], donor: VirtualGroup, others: list[int]
) -> tuple[Group, Group, NDArray[np.int64]]:
    """Return the small group with the other one as its last species, the small group alone, and the folds of the first.

    The rows of the small group alone are the first rows of both.
    """
    own, places = _part(made, small)
    borrowed, borrowed_places = _part(donor, others)
    random = ~made.group.records.recorded.any(axis=1)
    cells = {tuple(place): at for at, place in enumerate(places)}
    new = np.array([tuple(place) not in cells for place in borrowed_places])
    # a cell with records of both groups is one row
    known = [cells[tuple(place)] for place in borrowed_places[~new]]
    n_own, n_random, n_new = len(places), int(random.sum()), int(new.sum())
    recorded = np.zeros((n_own + n_random + n_new, len(small) + 1), np.int64)
    recorded[:n_own, :-1] = own.recorded
    recorded[known, -1] = 1
    recorded[n_own + n_random :, -1] = 1
    rows = np.concatenate([own.rows, made.group.records.rows[random], borrowed.rows[new]])
    where = np.concatenate([places, made.group.places[random], borrowed_places[new]])
    fold, _ = choose_folds(where, recorded.any(axis=1).astype(np.int64), N_FOLDS, 0, are_degrees(world.places))
    alone = slice(0, n_own + n_random)
    both = Group(rows, recorded, world.categorical)
    return both, Group(rows[alone], recorded[alone, :-1], world.categorical), fold


def _part(made: VirtualGroup, species: list[int]) -> tuple[Group, Floats]:
    """Return the places with records of some species, their records, and their coordinates."""
    records = made.group.records
    kept = records.recorded[:, species].any(axis=1)
    return Group(records.rows[kept], records.recorded[kept][:, species], records.categorical), made.group.places[kept]


def _fit(group: Group, share: float | None, trees: int, n_species: int | None = None) -> list[SpeciesModel]:
    """Return the models of the first species of a group, or of all; with random background where share is None."""
    settings = EngineSettings(n_estimators=trees)
    shared = GroupModel()
    if share is not None:
        weight = background_weight(group.recorded, share)
        shared = GroupModel(share, settings.network(group.categorical).fit(group.rows, group.recorded, weight))
    return [fit_species(group, s, shared, settings) for s in range(n_species or group.recorded.shape[1])]


def _mean_auc(fitted: list[SpeciesModel], made: VirtualGroup, species: tuple[int, ...]) -> float:
    cells = made.group.test_rows
    truths = (made.suitability[:, s] for s in species)
    return float(np.mean([expected_auc(one.score(cells), truth) for one, truth in zip(fitted, truths, strict=True)]))


@ends_in_one_line
def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.virtual.borrowing",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser, "small group")
    parser.add_argument("--repeats", type=at_least_one, default=1, help="pairs of each kind and strength (%(default)s)")
    parser.add_argument("--start", type=not_negative, default=0, help="number of the first pair (%(default)s)")
    options = parser.parse_args()
    worlds = read_worlds(parser, options)
    calls = [
        (world, number, kind, strength, related, options.trees)
        for number in range(options.start, options.start + options.repeats)
        for related in (True, False)
        for kind, strength in _BIASES
        for world in worlds
    ]
    run = Parallel(n_jobs=options.jobs, return_as="generator")
    parts = tqdm(run(delayed(run_pair)(*call) for call in calls), total=len(calls), unit="pair", file=sys.stderr)
    rows = []
    for found in parts:
        rows += found
        if options.output:
            pd.DataFrame(rows).to_csv(options.output, index=False)
    table = pd.DataFrame(rows)
    _print(table, ["size", "related", "kind", "strength"])
    _print(table.assign(across=pd.cut(table["across"], _CLASSES)), ["size", "across"])
    return 0


def _print(table: pd.DataFrame, keys: list[str]) -> None:
    print("\n" + " ".join(key.ljust(15) for key in keys) + "  groups default " + " ".join(n.rjust(17) for n in _SHARES))
    for key, part in table.groupby(keys, sort=False, observed=True):
        cells = [f"{part[name].mean():+.4f} ± {part[name].sem():.4f}".rjust(17) for name in _SHARES]
        start = " ".join(str(one).ljust(15) for one in key)
        print(f"{start} {len(part):>7} {part['default'].mean():>7.3f} {' '.join(cells)}")


if __name__ == "__main__":
    sys.exit(main())
