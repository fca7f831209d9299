"""Virtual species: the default model beside the field's methods where the truth and the bias of the records are known.

    python -m benchmarks.virtual --data ../shared/data/nceas [--regions AWT,NZ,SA] [--strengths 1,2] [--repeats 2]

Groups of ten species are made on the real environments of the regions, and their records are drawn with a known bias
(`benchmarks.virtual.species`). Every method is fitted to the records, predicts all cells, and is scored by the known
suitability: with the AUC that is expected over all occurrences that the suitability allows. No survey is opened.

Gains are mean differences over species with their standard errors, by kind and strength of the bias, by strength and
number of records, and by number of records. Species of a group share its bias, so the errors are somewhat too small.
MaxEnt, the forest and elapid get the better of their backgrounds: in each row of a table, the one of the higher mean.
"one half" is the default model with that share of target-group background whatever the bias. The species of a group
have a quarter of the variance of their niches in common (`--common`). elapid is left out without `--elapid DIR`. It
need not be installed beside this project's packages; this fills a directory of its own:

    sed '/^-r/d' benchmarks/requirements.txt | .venv/bin/pip install --no-deps --target DIR -r /dev/stdin
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from benchmarks.arguments import ELAPID_HELP, elapid_folder, ends_in_one_line, portion
from benchmarks.methods import Problem, down_sampled, elapid_maxent, maxent
from benchmarks.virtual.options import add_bias_options, add_options, biases, read_worlds
from benchmarks.virtual.species import KINDS, World, expected_auc, make_group
from ml.benchmark.run import blocks_of
from ml.training.background_weight import background_weight
from ml.training.default_model import EngineSettings, Group, GroupModel, fit_species
from ml.training.group import fit_groups, shared_by

DEFAULT, RANDOM, HALF = "default", "random background", "one half"
_CLASSES = (2, 20, 60, 200, 1001)
_SHARES = {"random": 0.0, "half": 0.5, "target group": 1.0}


def run_group(
    world: World, number: int, kind: str, strength: float, common: float, settings: EngineSettings, use_elapid: bool
) -> list[dict[str, Any]]:
    """Make one group, run every method, and return a row for each species and method."""
    draw = np.random.default_rng((number, KINDS.index(kind), int(10 * strength)))
    made = make_group(world, kind, strength, draw, common=common)
    group = made.group
    fold = blocks_of(group)
    [fitted] = fit_groups([(group.records, fold)], settings)
    half = _at_share(fitted.model, group.records, 0.5, settings)
    bias = fitted.model.bias
    rows: list[dict[str, Any]] = []
    for s in range(made.suitability.shape[1]):
        scores = {DEFAULT: _score(fitted.model, group.records, s, fold, settings, group.test_rows)}
        scores[RANDOM] = fit_species(_alone(group.records, s), 0, GroupModel(), settings).score(group.test_rows)
        scores[HALF] = _score(half, group.records, s, fold, settings, group.test_rows)
        with threadpool_limits(1):
            for name, share in _SHARES.items():
                problem = Problem(group, s, share, settings.seed)
                scores[f"forest, {name}"] = down_sampled(problem, settings.n_estimators)[0]
                scores[f"MaxEnt, {name}"] = maxent(problem)[0]
                if use_elapid and share != 0.5:
                    scores[f"elapid, {name}"] = elapid_maxent(problem)[0]
        truth = made.suitability[:, s]
        facts = {
            "region": world.region,
            "kind": kind,
            "strength": strength,
            "bias": float("nan") if bias is None or bias.between_species is None else bias.between_species,
            "species": f"{world.region} {kind} {strength:g} {number} {s}",
            "records": int(made.n_records[s]),
            "share": fitted.model.share,
            "best": expected_auc(truth, truth),
        }
        rows += [facts | {"method": name, "auc": expected_auc(one, truth)} for name, one in scores.items()]
    return rows


def _alone(group: Group, species: int) -> Group:
    """Return a group of one species and the random background."""
    kept = (group.recorded[:, species] == 1) | ~group.recorded.any(axis=1)
    return Group(group.rows[kept], group.recorded[kept][:, [species]], group.categorical)


def _at_share(model: GroupModel, group: Group, share: float, settings: EngineSettings) -> GroupModel:
    """Return the shared parts with the network fitted at a share, and the members' weights as they are."""
    if share == model.share:
        return model
    with threadpool_limits(1):
        weight = background_weight(group.recorded, share)
        network = settings.network(group.categorical).fit(group.rows, group.recorded, weight)
    return replace(model, share=share, network=network)


def _score(
    shared: GroupModel, group: Group, species: int, fold: Any, settings: EngineSettings, cells: Any
) -> np.ndarray[Any, np.dtype[np.float64]]:
    return fit_species(group, species, shared_by(shared, group, species, fold), settings).score(cells)


def gains(table: pd.DataFrame, by: list[str]) -> str:
    """Return a text table: the mean AUC of the default, and its gain over each method's better background."""
    families = ["forest", "MaxEnt", *(["elapid"] if table["method"].str.startswith("elapid").any() else [])]
    columns = [RANDOM, HALF, *families]
    lines = [f"{' '.join(by):<16} {'species':>7} {'bias':>5} {'share':>5} {'truth':>6} {DEFAULT:>8}"]
    lines[0] += "  gain of the default over: "
    lines[0] += "  ".join(f"{name:>18}" for name in columns)
    for key, part in table.groupby(by, sort="recorded" in by, observed=True):
        wide = part.pivot(index="species", columns="method", values="auc")
        cells = []
        for name in columns:
            own = [one for one in wide if one == name or (name in families and str(one).startswith(f"{name},"))]
            difference = wide[DEFAULT] - wide[max(own, key=lambda one: wide[one].mean())]
            error = difference.std(ddof=1) / np.sqrt(len(difference)) if len(difference) > 1 else float("nan")
            cells.append(f"{difference.mean():+.4f} ± {error:.4f}".rjust(18))
        facts = part.drop_duplicates("species")
        label = " ".join(str(one) for one in key)
        lines.append(
            f"{label:<16} {len(wide):>7} {facts['bias'].mean():>5.2f} {facts['share'].mean():>5.2f} "
            f"{facts['best'].mean():>6.3f} {wide[DEFAULT].mean():>8.4f}  {' ' * 26}{'  '.join(cells)}"
        )
    return "\n".join(lines)


@ends_in_one_line
def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.virtual", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_options(parser, "species and method", trees=200)
    add_bias_options(parser, "1,2")
    parser.add_argument("--common", type=portion, default=0.25, help="share of the niches in common (%(default)s)")
    parser.add_argument("--elapid", type=elapid_folder, metavar="DIR", help=ELAPID_HELP)
    options = parser.parse_args()
    worlds = read_worlds(parser, options)
    settings = EngineSettings(n_estimators=options.trees)
    calls = [
        (world, number, kind, strength, options.common, settings, bool(options.elapid))
        for kind, strength in biases(options)
        for world in worlds
        for number in range(options.repeats)
    ]
    run = Parallel(n_jobs=options.jobs, return_as="generator")
    parts = tqdm(run(delayed(run_group)(*call) for call in calls), total=len(calls), unit="group", file=sys.stderr)
    found: list[dict[str, Any]] = []
    for rows in parts:
        found += rows
        # what a run of hours has found is kept when it is stopped
        if options.output:
            pd.DataFrame(found).to_csv(options.output, index=False)
    table = pd.DataFrame(found)
    n_species, regions = table["species"].nunique(), ", ".join(options.regions)
    print(f"{len(calls)} groups, {n_species} species of {regions}; {options.trees} trees\n")
    _print(table)
    return 0


def _print(table: pd.DataFrame) -> None:
    names = [f"{low} to {high - 1}" for low, high in pairwise(_CLASSES)]
    bounds = [low - 0.5 for low in _CLASSES]
    table = table.assign(recorded=pd.cut(table["records"], bounds, labels=names).astype(str))
    table["recorded"] = pd.Categorical(table["recorded"], names)
    print(gains(table, ["kind", "strength"]), end="\n\n")
    print(gains(table, ["strength", "recorded"]), end="\n\n")
    print(gains(table, ["recorded"]))


if __name__ == "__main__":
    sys.exit(main())
