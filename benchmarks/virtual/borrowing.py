"""Whether a group with few places should borrow the places of another group as target-group background.

    python -m benchmarks.virtual.borrowing --data ../shared/data/nceas [--repeats 1] [--output FILE]

A small group has six virtual species with 10 or 30 records each (`benchmarks.virtual.species`), another group of the
same region twenty species. The groups are related, with the same effort and a fifth of their niches in common, or have
efforts and niches of their own. The places of the other group count as those of one more species of the small group.
"across" is the AUC with which the places of each group tell those of the other one from random points, on held-out
blocks. Gains are mean differences over the species of the small group from a share of one half without borrowing. Their
standard errors take species as independent and are too small. "by the rule" takes the share that
`ml.training.target_group` gives the group itself, and with borrowed places the share that it gives the AUC across; a
share between one half and 1 gains in proportion.
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

from benchmarks.arguments import at_least_one
from benchmarks.virtual.options import add_options, read_worlds
from benchmarks.virtual.species import KINDS, VirtualGroup, World, expected_auc, make_group
from ml.benchmark.nceas import are_degrees
from ml.benchmark.run import N_FOLDS
from ml.training.background_weight import BiasStrength, background_weight
from ml.training.bias_strength import measure_bias
from ml.training.default_model import EngineSettings, Group, GroupModel, fit_species
from ml.training.folds import choose_folds
from ml.training.target_group import share_for

Floats = NDArray[np.float64]
_SMALL, _OTHER, _MADE = 6, 20, 30
_COMMON = 0.2
_BIASES = (("none", 0.0), ("climate", 1.0), ("climate", 2.0))
_COLUMNS = ("random", "all", "borrowed, one half", "borrowed, all", "by the rule", "borrowed, by the rule")


def run_pair(world: World, number: int, kind: str, strength: float, related: bool, trees: int) -> list[dict[str, Any]]:
    """Make two groups, fit the small one with and without borrowed places, and return a row for each species."""
    draw = np.random.default_rng((number, KINDS.index(kind), int(10 * strength), 5))
    made = make_group(world, kind, strength, draw, _MADE, _COMMON)
    small = [s for s in range(_MADE) if s % 5 < 2][:_SMALL]  # 10 or 30 records
    donor = made if related else make_group(world, kind, strength, draw, _MADE, _COMMON)
    others = [s for s in range(_MADE) if s not in small][:_OTHER]
    own, places = _part(made, small)
    borrowed, borrowed_places = _part(donor, others)
    random = ~made.group.records.recorded.any(axis=1)
    n_own, n_borrowed = len(own.rows), len(borrowed.rows)
    marks = np.zeros((n_own + n_borrowed, _SMALL + 1), np.int64)
    marks[:n_own, :_SMALL], marks[n_own:, _SMALL] = own.recorded, 1
    # A cell with records of both groups is one row.
    cells, first, inverse = np.unique(
        np.concatenate([places, borrowed_places]), axis=0, return_index=True, return_inverse=True
    )
    merged = np.zeros((len(cells), _SMALL + 1), np.int64)
    np.maximum.at(merged, inverse.ravel(), marks)
    rows = np.concatenate([np.concatenate([own.rows, borrowed.rows])[first], made.group.records.rows[random]])
    recorded = np.concatenate([merged, np.zeros((int(random.sum()), _SMALL + 1), np.int64)])
    both = Group(rows, recorded, world.categorical)
    where = np.concatenate([cells, made.group.places[random]])
    visited = recorded.any(axis=1).astype(np.int64)
    fold, _ = choose_folds(where, visited, N_FOLDS, 0, are_degrees(world.places))
    alone = recorded[:, :_SMALL].any(axis=1) | (visited == 0)
    group = Group(rows[alone], recorded[alone][:, :_SMALL], world.categorical)
    bias = measure_bias(group, fold[alone])
    halves = np.column_stack([recorded[:, :_SMALL].any(axis=1), recorded[:, _SMALL]]).astype(np.int64)
    across = measure_bias(Group(rows, halves, world.categorical), fold)
    scores = _scores(both, group, made.group.test_rows, trees)
    shares = {"own": share_for(bias), "borrowed": share_for(across and BiasStrength(0.5, None, across.between_species))}
    found = []
    for s in range(_SMALL):
        truth = made.suitability[:, small[s]]
        auc = {key: expected_auc(score[:, s], truth) for key, score in scores.items()}
        half = auc["own", 0.5]
        gains = {
            "random": auc["own", 0.0] - half,
            "all": auc["own", 1.0] - half,
            "borrowed, one half": auc["borrowed", 0.5] - half,
            "borrowed, all": auc["borrowed", 1.0] - half,
        }
        for name, label in (("own", "by the rule"), ("borrowed", "borrowed, by the rule")):
            gains[label] = float(np.interp(shares[name], [0.5, 1.0], [auc[name, 0.5], auc[name, 1.0]])) - half
        facts = {"related": related, "kind": kind, "strength": strength, "region": world.region, "half": half}
        facts |= {"places": n_own, "across": across and across.between_species}
        found.append(facts | gains)
    return found


def _part(made: VirtualGroup, species: list[int]) -> tuple[Group, Floats]:
    """Return the places with records of some species, their records, and their coordinates."""
    records = made.group.records
    kept = records.recorded[:, species].any(axis=1)
    return Group(records.rows[kept], records.recorded[kept][:, species], records.categorical), made.group.places[kept]


def _scores(both: Group, alone: Group, cells: NDArray[np.float32], trees: int) -> dict[tuple[str, float], Floats]:
    """Return the scores of the cells by group and share, each of shape (n_cells, _SMALL)."""
    settings = EngineSettings(n_estimators=trees)
    scores = {}
    with threadpool_limits(1):
        for name, group, shares in (("own", alone, (0.0, 0.5, 1.0)), ("borrowed", both, (0.5, 1.0))):
            for share in shares:
                weight = background_weight(group.recorded, share)
                shared = GroupModel(share, settings.network(group.categorical).fit(group.rows, group.recorded, weight))
                fitted = [fit_species(group, s, shared, settings) for s in range(_SMALL)]
                scores[name, share] = np.column_stack([one.score(cells) for one in fitted])
    return scores


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.virtual.borrowing",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser, "species")
    parser.add_argument("--repeats", type=at_least_one, default=1, help="pairs of each kind and strength (%(default)s)")
    options = parser.parse_args()
    worlds = read_worlds(parser, options)
    calls = [
        (world, number, kind, strength, related, options.trees)
        for number in range(options.repeats)
        for related in (True, False)
        for kind, strength in _BIASES
        for world in worlds
    ]
    run = Parallel(n_jobs=options.jobs, return_as="generator")
    parts = tqdm(run(delayed(run_pair)(*call) for call in calls), total=len(calls), unit="pair", file=sys.stderr)
    table = pd.DataFrame([row for rows in parts for row in rows])
    if options.output:
        table.to_csv(options.output, index=False)
    print(f"{len(table)} species; gain over a share of one half without borrowing\n")
    print(
        f"{'groups':<10} {'bias':<12} {'places':>6} {'across':>6} {'half':>6} " + " ".join(f"{c:>22}" for c in _COLUMNS)
    )
    for (related, kind, strength), part in table.groupby(["related", "kind", "strength"], sort=False):
        cells = [f"{part[c].mean():+.4f} ± {part[c].sem():.4f}".rjust(22) for c in _COLUMNS]
        start = (
            f"{'related' if related else 'unrelated':<10} {f'{kind} {strength:g}':<12} {part['places'].mean():>6.0f}"
        )
        print(f"{start} {part['across'].mean():>6.2f} {part['half'].mean():>6.3f} {' '.join(cells)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
