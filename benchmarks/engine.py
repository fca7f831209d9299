"""The default model beside the field's methods on NCEAS: accuracy, seconds, memory and size, in one run.

    .venv/bin/pip install -r benchmarks/requirements.txt
    .venv/bin/python -m benchmarks.engine --data ../shared/data/nceas

Every method gets the same background: once a random one, and once the target-group mixture that the default model
chose within the training data. Methods without weights (the default forest, elapid) get 10,000 points that are drawn by
the weights. Surveys are read after all predictions were made. Differences are paired over species.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import multiprocessing
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, parallel_config
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from benchmarks.arguments import (
    REGIONS,
    at_least_one,
    check_files,
    ends_in_one_line,
    folder,
    not_negative,
    output_file,
)
from benchmarks.methods import (
    ALONE,
    BLEND,
    DEFAULT,
    DOWN,
    ELAPID,
    EQUAL,
    MAXENT,
    MAXENT_1,
    MEMBERS,
    NETWORK,
    NO_FOREST,
    NO_MAXENT,
    NO_NETWORK,
    Problem,
    Scored,
)
from ml.benchmark.nceas import RegionGroup, read_survey
from ml.benchmark.run import SCORES, SIZES, fit_shared, lend_places, read_regions, size_class, species_part
from ml.evaluation import metrics
from ml.predictors.levels import recode
from ml.serving.arrays import ModelArrays, pack
from ml.training.default_model import EngineSettings, GroupModel, SpeciesModel, fit_species
from ml.training.export import flatten_model
from ml.training.group import fit_group

_REPEATS = 200
BACKGROUNDS = ("random", "target group")


def run_species(
    group: RegionGroup,
    g: int,
    species: int,
    shared: GroupModel,
    group_seconds: float,
    seed: int,
    left_out: frozenset[str],
) -> list[dict[str, object]]:
    """Run every method with both backgrounds; return one row for each."""
    rows: list[dict[str, object]] = []
    for background in BACKGROUNDS:
        share = shared.share if background == "target group" else 0.0
        problem = Problem(group, species, share, seed)
        # the default forest takes longest and is the least accurate, so it runs with one background only
        skipped = left_out | ({DEFAULT} if background == "target group" else set())
        with threadpool_limits(1):
            results = {name: call(problem) for name, call in ALONE.items() if name not in skipped}
        members = [DOWN, MAXENT]
        if background == "target group" and shared.network is not None:
            started = time.perf_counter()
            scores = shared.network.decision_function(group.test_rows)[:, species]
            results[NETWORK] = (scores, group_seconds, time.perf_counter() - started)
            members.append(NETWORK)
            by_member = shared.stacking.weights if shared.stacking else {}
            weights = {name: by_member.get(own, 1.0) for name, own in MEMBERS.items()}
            results[EQUAL] = _mean(results, dict.fromkeys(members, 1.0))
            for name, left in ((NO_NETWORK, NETWORK), (NO_FOREST, DOWN), (NO_MAXENT, MAXENT)):
                results[name] = _mean(results, {one: weights[one] for one in members if one != left})
            results[BLEND] = _mean(results, weights)
        else:
            results[BLEND] = _mean(results, dict.fromkeys(members, 1.0))
        for name, (scores, fit, predict) in results.items():
            rows.append(
                {
                    "g": g,
                    "species": species,
                    "background": background,
                    "method": name,
                    "scores": scores.astype(np.float64),
                    "fit": fit,
                    "predict": predict,
                }
            )
        if background == "target group":
            size, microseconds = _served(group, species, shared, seed)
            rows[-1] |= {"bytes": size, "microseconds": microseconds}
    return rows


def _mean(results: dict[str, Scored], weights: dict[str, float]) -> Scored:
    """Return the weighted mean of some methods, with the sums of their times."""
    # a member with a weight near zero still ranks the sites when the other members are left out
    weight = {name: max(value, 1e-6) for name, value in weights.items()}
    scores = sum(value * results[name][0] for name, value in weight.items()) / sum(weight.values())
    return scores, sum(results[name][1] for name in weight), sum(results[name][2] for name in weight)


def _served(group: RegionGroup, species: int, shared: GroupModel, seed: int) -> tuple[int, float]:
    """Return the size of the stored arrays in bytes, and the CPU microseconds for the suitability of one row."""
    model: SpeciesModel = fit_species(group.records, species, shared, EngineSettings(seed=seed))
    blend = flatten_model(model, np.median(group.records.rows, axis=0), 0.0, 1.0)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **pack(ModelArrays(blend, [])))
    row = recode(group.test_rows[:1], model.order)
    blend.suitability(row)
    started = time.process_time()
    for _ in range(_REPEATS):
        blend.suitability(row)
    return len(buffer.getvalue()), (time.process_time() - started) / _REPEATS * 1e6


def peak_memory(group: RegionGroup, species: int, name: str) -> float:
    """Return the peak memory in MB that a method adds in a new process."""
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(send, group, species, name))
    process.start()
    process.join()
    return float(receive.recv())


def _measure(send: Connection, group: RegionGroup, species: int, name: str) -> None:
    problem = Problem(group, species, 0.0, 0)
    if name == ELAPID:
        import elapid  # noqa: F401
    # resets the peak, which the imports have raised
    Path("/proc/self/clear_refs").write_text("5")
    before = _peak()
    if name == BLEND:
        shared = fit_group(group.records, None, EngineSettings())
        fit_species(group.records, species, shared, EngineSettings()).score(group.test_rows)
    else:
        ALONE[name](problem)
    send.send(_peak() - before)


def _peak() -> float:
    """Return the peak resident memory of this process, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def score(table: pd.DataFrame, groups: list[RegionGroup], data: Path) -> pd.DataFrame:
    """Read the surveys and compute the scores of every row."""
    surveys = [read_survey(data, group) for group in groups]
    for name in SCORES:
        table[name] = [
            getattr(metrics, name)(surveys[g].iloc[:, s].to_numpy(), scores)
            for g, s, scores in zip(table["g"], table["species"], table["scores"], strict=True)
        ]
    table["region"] = [groups[g].region for g in table["g"]]
    table["size"] = [size_class(groups[g].n_presences[s]) for g, s in zip(table["g"], table["species"], strict=True)]
    return table.drop(columns="scores")


def paired(table: pd.DataFrame, background: str, method: str, against: str) -> str:
    """Return the mean difference of AUC-ROC over species with its standard error, as text."""
    wide = table[table["background"] == background].pivot(index=["g", "species"], columns="method", values="auc_roc")
    if method not in wide or against not in wide:
        return ""
    difference = wide[method] - wide[against]
    error = difference.std() / np.sqrt(len(difference))
    return f"{difference.mean():+.4f} ± {error:.4f} ({difference.mean() / error:+.1f} se)" if error else "none"


def report(table: pd.DataFrame, memory: dict[str, float]) -> None:
    """Print the tables."""
    columns = [
        *table["region"].unique(),
        *(name for name, *_ in SIZES if name in set(table["size"])),
    ]
    for background in BACKGROUNDS:
        part = table[table["background"] == background]
        print(f"\n{background} background: mean AUC-ROC over species, then AUC-PRG and COR, seconds of all species")
        print(
            f"{'':<26}" + "".join(f"{name:>10}" for name in (*columns, "all", "PRG", "COR", "fit s", "predict s", "MB"))
        )
        for method in part["method"].unique():
            own = part[part["method"] == method]
            cells = [
                own.loc[own[key] == name, "auc_roc"].mean()
                for name in columns
                for key in (("region",) if name in set(table["region"]) else ("size",))
            ]
            cells += [own[name].mean() for name in SCORES]
            text = "".join(f"{cell:>10.4f}" for cell in cells)
            peak = f"{memory[method]:>10.0f}" if background == "random" and method in memory else f"{'':>10}"
            print(f"{method:<26}{text}{own['fit'].sum():>10.1f}{own['predict'].sum():>10.1f}{peak}")
        print("paired differences of AUC-ROC, mean ± standard error over species")
        for against in (DEFAULT, DOWN, MAXENT, MAXENT_1, ELAPID, NETWORK, EQUAL, NO_NETWORK, NO_FOREST, NO_MAXENT):
            text = paired(table, background, BLEND, against)
            if text:
                print(f"  {BLEND} - {against:<26} {text}")
    served = table.dropna(subset=["bytes"])
    size, time_of_row = served["bytes"] / 1e6, served["microseconds"]
    print(
        f"\nstored arrays: {size.median():.2f} MB median, {size.max():.2f} MB at most; "
        f"one row: {time_of_row.median():.0f} µs CPU median, {time_of_row.max():.0f} µs at most"
    )


@ends_in_one_line
def main() -> None:
    """Run every method and print the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.engine", description="The default model beside the field's methods on NCEAS."
    )
    parser.add_argument("--data", type=folder, required=True, help="directory of the benchmark's .rds files")
    parser.add_argument("--regions", type=REGIONS, default="AWT,NZ,SA", help="separated by commas (%(default)s)")
    parser.add_argument("--seed", type=not_negative, default=0)
    parser.add_argument("--jobs", type=at_least_one, default=2, help="processes (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="without the default forest and elapid, which are slow")
    parser.add_argument("--output", type=output_file, help="write every score to a CSV file")
    options = parser.parse_args()
    check_files(parser, options.data, options.regions)

    left_out = frozenset({DEFAULT, ELAPID} if options.quick else ())
    if not options.quick and importlib.util.find_spec("elapid") is None:
        left_out = frozenset({ELAPID})
        print("elapid is left out: .venv/bin/pip install -r benchmarks/requirements.txt", file=sys.stderr)
    groups = lend_places(read_regions(options.data, options.regions))
    settings = EngineSettings(seed=options.seed)
    with parallel_config(n_jobs=options.jobs):
        fitted = fit_shared(groups, settings)
    for group, model in zip(groups, (one.model for one in fitted), strict=True):
        weights = (
            {name: round(value, 2) for name, value in model.stacking.weights.items()} if model.stacking else "equal"
        )
        print(f"{group.region} {group.name}: target-group share {model.share}; {weights}")
    tasks = [(g, s) for g, group in enumerate(groups) for s in range(len(group.species))]
    run = Parallel(n_jobs=options.jobs, return_as="generator_unordered")(
        delayed(run_species)(groups[g], g, s, *species_part(groups[g], s, fitted[g]), options.seed, left_out)
        for g, s in tasks
    )
    rows = [
        row
        for results in tqdm(run, total=len(tasks), unit="species", file=sys.stderr, disable=not sys.stderr.isatty())
        for row in results
    ]
    table = score(pd.DataFrame(rows).sort_values(["g", "species"], kind="stable"), groups, options.data)
    if options.output:
        table.to_csv(options.output, index=False)
    largest = int(np.argmax(groups[-1].n_presences))
    names = [name for name in (*ALONE, BLEND) if name not in left_out]
    memory = {name: peak_memory(groups[-1], largest, name) for name in names}
    report(table, memory)


if __name__ == "__main__":
    main()
