"""Batches: rows a second and peak memory of the command and of the job, beside answers one by one.

    python -m benchmarks.batch [--rows 10000 100000 1000000] [--model DIR] [--rounds 3] [--no-job] [--no-places]

A table of made-up rows is answered by ``python -m ml predict``, and by a job of a real worker. Both are processes, and
the kernel reports their CPU time and peak memory, with their start. Places is the command on as many places, whose
conditions are read from made-up stored layers of 1,000 x 1,000 cells. One by one is the single answer in a loop, on
rows of memory; arrays is the bulk answer of the same rows. The variants of a round take turns in a random order; ratios
are taken within a round. All figures but the memory are medians, with the smallest and the largest of the rounds.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.made_up import made_up_study
from ml.layers.store import ArrayBlocks, SetSource, extent_of, write_store
from ml.layers.stored_index import StoredLayer, StoredLayers, StoredSet, key_of
from ml.recipes.reports import Grid
from ml.serving.artifact import Artifact, load_artifact
from ml.serving.bulk import answer_rows
from ml.training.train import train_species
from tools import live

# Rows that are answered one by one, and as arrays, in a round.
_SAMPLE, _BULK_SAMPLE = 1_000, 20_000
# Rows and columns of the layers.
_SIDE = 1_000


@dataclass(frozen=True)
class Cost:
    """What the answer to a row takes, and the memory of the process."""

    cpu_us: float
    wall_us: float
    peak_mb: float = 0.0


def main() -> int:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch", description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="(%(default)s)")
    parser.add_argument("--model", type=Path, help="a model's directory; a made-up one is trained by default")
    parser.add_argument("--trees", type=int, default=500, help="of the made-up model (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="(%(default)s)")
    parser.add_argument("--no-job", action="store_true", help="leave the job out")
    parser.add_argument("--no-places", action="store_true", help="leave the places out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ecopredict-batch-", dir="/tmp") as name:
        folder = Path(name)
        path = options.model
        if path is None:
            path = train_species(made_up_study(200, 12, 0), "species", folder / "trained", options.trees)
        artifact = load_artifact(path)
        site = None if options.no_job else _Site(folder / "data", path)
        store = None if options.no_places else _store(artifact, folder / "layers")
        print(f"model: {artifact.model_id}, {len(artifact.card.predictors)} predictors; {os.cpu_count()} cores")
        for n in options.rows:
            _measure(n, artifact, path, site, store, folder, options.rounds)
    return 0


def _measure(
    n: int, artifact: Artifact, path: Path, site: _Site | None, store: Path | None, folder: Path, rounds: int
) -> None:
    table = folder / "in.csv"
    values = _make_table(artifact, n, table)
    variants: dict[str, Callable[[], Cost]] = {
        "one by one": lambda: _one_by_one(artifact, values),
        "arrays": lambda: _arrays(artifact, values),
        "command": lambda: _command(path, table, folder / "out.csv", n),
    }
    if store is not None:
        places = folder / "places.csv"
        _make_places(n, places)
        variants["places"] = lambda: _command(path, places, folder / "out.csv", n, "--layer-store", str(store))
    if site is not None:
        variants["job"] = lambda: site.run(table, artifact.card.species.slug, n)
    _arrays(artifact, values[:10])
    costs: dict[str, list[Cost]] = {variant: [] for variant in variants}
    for _ in range(rounds):
        for variant in random.sample(list(variants), len(variants)):
            costs[variant].append(variants[variant]())
    print(f"\n{n:,} rows, {table.stat().st_size / 1e6:.1f} MB, {rounds} rounds")
    print(f"{'':<12} {'rows/s':>26} {'rows/CPU s':>26} {'peak MB':>8}  times one by one, by CPU")
    for variant, several in costs.items():
        wall = _spread([1e6 / cost.wall_us for cost in several])
        cpu = _spread([1e6 / cost.cpu_us for cost in several])
        peak = max(cost.peak_mb for cost in several)
        ratios = [one.cpu_us / cost.cpu_us for one, cost in zip(costs["one by one"], several, strict=True)]
        memory = f"{peak:>8.0f}" if peak else f"{'':>8}"
        print(f"{variant:<12} {wall:>26} {cpu:>26} {memory}  {_spread(ratios, '.1f')}")


def _spread(values: list[float], form: str = ",.0f") -> str:
    """Return the median with the smallest and the largest value."""
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def _store(artifact: Artifact, home: Path) -> Path | None:
    """Store random layers within the training ranges; None for a model with categories or of own data."""
    card = artifact.card
    if card.preparation is not None or any(one.type == "categorical" for one in card.predictors):
        return None
    draw = np.random.default_rng(1)
    limits = [(one.minimum or 0.0, one.maximum or 1.0) for one in card.predictors]
    values = np.stack([draw.uniform(*limit, (_SIDE, _SIDE)).round(3).astype(np.float32) for limit in limits])
    one_set = StoredSet(file="training.npy", layers=[StoredLayer(name=one.name) for one in card.predictors])
    grid = Grid(crs="EPSG:4326", width=_SIDE, height=_SIDE, west=0.0, north=10.0, cell_x=0.01, cell_y=0.01)
    index = StoredLayers(
        key=key_of("benchmark"),
        study=card.study.slug,
        grid=grid,
        extent=extent_of(grid),
        sets=[one_set],
        trained=[card.training.data_fingerprint],
    )
    write_store(home / card.study.slug, index, [SetSource(one_set, ArrayBlocks(values).open)])
    return home


def _make_places(n: int, path: Path) -> None:
    """Write places on the layers."""
    draw = np.random.default_rng(2)
    with path.open("w") as stream:
        stream.write("site,latitude,longitude\n")
        for start in range(0, n, 10_000):
            places = draw.uniform(0.0, 10.0, (min(10_000, n - start), 2)).round(5).tolist()
            stream.writelines(f"s{start + at},{place[0]},{place[1]}\n" for at, place in enumerate(places))


def _make_table(artifact: Artifact, n: int, path: Path) -> np.ndarray:
    """Write rows in and around the training ranges; return the first ones as values."""
    draw = np.random.default_rng(0)
    predictors = artifact.card.predictors
    first: list[list[object]] = []
    with path.open("w") as stream:
        stream.write(",".join(["site", *(one.name for one in predictors)]) + "\n")
        for start in range(0, n, 10_000):
            size = min(10_000, n - start)
            columns = [
                draw.choice(one.levels or [""], size)
                if one.type == "categorical"
                else draw.uniform(one.minimum or 0.0, one.maximum or 1.0, size).round(3)
                for one in predictors
            ]
            rows = [list(row) for row in zip(*(column.tolist() for column in columns), strict=True)]
            first += rows[: max(0, _BULK_SAMPLE - len(first))]
            stream.writelines(f"s{start + at}," + ",".join(map(str, row)) + "\n" for at, row in enumerate(rows))
    plain = all(one.type == "continuous" for one in predictors)
    return np.array(first, dtype=float if plain else object)


def _one_by_one(artifact: Artifact, values: np.ndarray) -> Cost:
    rows = [list(row) for row in values[:_SAMPLE]]
    return _timed(lambda: [artifact.predictor.answer(row) for row in rows], len(rows))


def _arrays(artifact: Artifact, values: np.ndarray) -> Cost:
    return _timed(lambda: answer_rows(artifact, values), len(values))


def _timed(call: Callable[[], object], n: int) -> Cost:
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return Cost((time.process_time() - cpu) / n * 1e6, (time.perf_counter() - wall) / n * 1e6)


def _command(path: Path, table: Path, output: Path, n: int, *more: str) -> Cost:
    arguments = ["--model", path, "--input", table, "--output", output, *more]
    return _process([sys.executable, "-m", "ml", "predict", *map(str, arguments)], dict(os.environ), n)


def _process(command: list[str], environ: dict[str, str], n: int) -> Cost:
    wall = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=live.PROJECT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    seconds = time.perf_counter() - wall
    return Cost((usage.ru_utime + usage.ru_stime) / n * 1e6, seconds / n * 1e6, usage.ru_maxrss / 1024)


class _Site:
    """An application with one model, and its worker."""

    def __init__(self, data_dir: Path, model: Path) -> None:
        from app import create_app
        from app.config.settings import load_settings
        from app.registry import changes

        data_dir.mkdir()
        self._environ = live.app_environ(data_dir, ENVIRONMENT="testing", RATE_LIMIT="100000/second")
        live.flask(self._environ, "db", "upgrade")
        self._app = create_app(load_settings(self._environ))
        with self._app.app_context():
            version, _ = changes.register(model)
            changes.activate(version.id)

    def run(self, table: Path, species: str, n: int) -> Cost:
        """Send a table, let a worker do the job, and return what the worker and its command took."""
        client = self._app.test_client()
        with table.open("rb") as stream:
            answer = client.post(
                "/api/v1/predictions/batch",
                query_string={"species": species},
                input_stream=stream,
                content_type="text/csv",
                environ_overrides={"CONTENT_LENGTH": str(table.stat().st_size)},
            )
        if answer.status_code != 202:
            raise SystemExit(f"the batch was not accepted: {answer.get_data(as_text=True)[:300]}")
        command = [sys.executable, "-m", "flask", "--app", "wsgi", "jobs", "work", "--once"]
        cost = _process(command, self._environ, n)
        state = client.get(answer.headers["Location"]).get_json()
        if state["state"] != "succeeded":
            raise SystemExit(f"the job failed: {state['error']}")
        return cost


if __name__ == "__main__":
    sys.exit(main())
