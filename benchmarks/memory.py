"""Memory of the workers with a thousand species, and the latency of the first request for a species.

Run it with ``.venv/bin/python -m benchmarks.memory``. A few models are trained with the shipped settings, written many
times under other names with slightly different numbers, registered in a database and served by gunicorn with the
shipped settings. Every worker answers for every species; then the memory of the processes is read from the kernel.
``--folder`` keeps the generated models for a second run.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import itertools
import json
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from ml.card import ModelCard, Predictor, Source, SpeciesDescription, StudyDescription
from ml.serving.arrays import unpack
from ml.serving.artifact import FORMAT_VERSION, find_artifacts, read_card, save_artifact
from ml.study import StudyData
from ml.training.train import train_species
from tools import live

LIMIT = 2_000_000_000


@dataclass(frozen=True)
class Kind:
    """A kind of model, by the size of its study."""

    name: str
    records: str
    rows: int
    presences: int
    predictors: int
    species: int
    #: standard deviation of the part of the suitability that no predictor explains
    noise: float
    #: number of models in a study; they share the network and the training values
    models_in_study: int


KINDS = (
    Kind("survey", "presence-absence", 182, 60, 8, 5, 0.5, 30),
    Kind("group", "presence-background", 2000, 200, 12, 3, 1.0, 50),
    Kind("large", "presence-background", 6000, 400, 8, 1, 0.8, 25),
)


def _study(kind: Kind) -> StudyData:
    draw = np.random.default_rng(0)
    names = [f"bio{j + 1}" for j in range(kind.predictors)]
    table = pd.DataFrame(draw.normal(size=(kind.rows, kind.predictors)), columns=names)
    presence = {}
    for s in range(kind.species):
        suitability = table.iloc[:, s] - table.iloc[:, s + 1] ** 2 / 2 + draw.normal(scale=kind.noise, size=kind.rows)
        presence[f"species-{s}"] = (suitability.rank(ascending=False) <= kind.presences).astype(int)
    description = StudyDescription(
        slug=kind.name, title="Made up", description="Made up", records=kind.records,
        sources=[Source(title="Made up", citation="none", licence="CC0-1.0")],
    )  # fmt: skip
    species = [SpeciesDescription(slug=slug, scientific_name=slug) for slug in presence]
    predictors = [Predictor(name=name, label=name) for name in names]
    places = np.column_stack([draw.uniform(2, 8, kind.rows), draw.uniform(41, 47, kind.rows)])
    return StudyData(description, predictors, table, species, pd.DataFrame(presence), places)


def _template(kind: Kind, folder: Path) -> Path:
    existing = find_artifacts(folder / kind.name)
    return existing[0] if existing else train_species(_study(kind), "species-0", folder)


def write_another(kind: Kind, template: Path, models: Path, number: int) -> None:
    """Write the model as another species. Arrays that species do not share get numbers of their own."""
    card = read_card(template)
    with np.load(template / "model.npz") as stored:
        arrays = {name: stored[name].copy() for name in stored}
    of_species, of_study = (
        np.random.default_rng([number, 0]),
        np.random.default_rng([number // kind.models_in_study, 1]),
    )
    nodes = arrays["nodes"]
    # the number of distinct values stays the same, and so does the compressed size
    values, index = np.unique(nodes["value"], return_inverse=True)
    nodes["value"] = np.clip(values * of_species.uniform(0.99, 1.01, len(values)), 0, 1)[index]
    nodes["threshold"] += of_species.normal(scale=1e-3, size=len(nodes)).astype(np.float32)
    for name in ("area_points", "maxent_coefficients", "network_output"):
        if name in arrays:
            arrays[name] *= of_species.uniform(0.99, 1.01, arrays[name].shape).astype(arrays[name].dtype)
    for name in sorted(arrays):
        if name.startswith(("network_hidden", "network_quantiles", "network_positions", "reference")):
            arrays[name] *= arrays[name].dtype.type(of_study.uniform(0.99, 1.01))
    slug = f"{kind.name}-{number}"
    study = card.study.model_copy(update={"slug": f"{kind.name}-study-{number // kind.models_in_study}"})
    species = SpeciesDescription(slug=slug, scientific_name=f"Exempli {kind.name}{number}")
    save_artifact(
        models,
        card.model_copy(update={"study": study, "species": species}),
        unpack(arrays, len(card.predictors), FORMAT_VERSION),
    )


def make_models(folder: Path, count: int, kinds: tuple[Kind, ...]) -> None:
    """Train a model of each kind and write it under other names until there are ``count`` models."""
    templates = {kind: _template(kind, folder / "templates") for kind in kinds}
    Parallel(n_jobs=-1)(
        delayed(write_another)(kind, templates[kind], folder / "models", i // len(kinds))
        for i, kind in zip(range(count), itertools.cycle(kinds), strict=False)
    )


@dataclass
class Client:
    """A keep-alive connection, which one worker serves."""

    port: int
    cards: dict[str, ModelCard]
    draw: random.Random
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def predict(self, slug: str) -> float:
        """Request a prediction for new conditions; return the seconds until the answer."""
        environment = dict(self.cards[slug].starting_points[0].environment)
        environment["bio1"] = self.draw.uniform(-2, 2)
        body = json.dumps({"species": slug, "environment": environment})
        started = time.perf_counter()
        self.connection.request("POST", "/api/v1/predictions", body, {"Content-Type": "application/json"})
        response = self.connection.getresponse()
        text = response.read()
        if response.status != 200:
            raise SystemExit(f"{slug}: {response.status} {text[:300]!r}")
        return time.perf_counter() - started


def gauge(site: live.Site, name: str) -> float:
    """Return a metric of a site."""
    text = live.NO_PROXY.open(f"{site.url}/metrics", timeout=30).read().decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(f"{name} "))


def open_all(site: live.Site, cards: dict[str, ModelCard], workers: int) -> tuple[list[float], list[float]]:
    """Request every species from every worker; return the seconds of the first and of the second requests."""
    first, second = [], []
    client = Client(site.program.port, cards, random.Random(0))
    for slug in cards:
        first.append(client.predict(slug))
        second.append(client.predict(slug))
    opened = [0.0]
    for attempt in range(8 * workers):
        opened.append(gauge(site, "ecopredict_models_open"))
        # every model is open in every worker, or the number no longer grows
        if opened[-1] == workers * len(cards) or len(set(opened[-4:])) == 1:
            break
        # the kernel chooses the worker that accepts a connection
        client = Client(site.program.port, cards, random.Random(attempt + 1))
        for slug in cards:
            client.predict(slug)
    return first, second


def processes(site: live.Site) -> list[int]:
    """Return the process ids of the master and its workers."""
    master = site.program.process.pid
    return [master, *map(int, Path(f"/proc/{master}/task/{master}/children").read_text().split())]


def memory_of(pid: int) -> dict[str, int]:
    """Return the bytes of a process: resident (RSS), proportional (PSS) and unique (USS)."""
    kilobytes = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, value = line.split(":")
        kilobytes[name] = int(value.split()[0])
    unique = kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]
    return {"RSS": kilobytes["Rss"] * 1024, "PSS": kilobytes["Pss"] * 1024, "USS": unique * 1024}


def report(site: live.Site, when: str) -> dict[str, int]:
    """Print the memory of each process; return the sums."""
    rows = [memory_of(pid) for pid in processes(site)]
    total = {name: sum(row[name] for row in rows) for name in rows[0]}
    for i, row in enumerate([*rows, total]):
        who = "all" if i == len(rows) else "master" if i == 0 else f"worker {i}"
        print(f"{when if i == 0 else '':<24} {who:<10}" + "".join(f"{row[name] / 1e6:>10.0f}" for name in row))
    return total


def _cpu(pids: list[int]) -> float:
    """Return the CPU seconds of processes."""
    ticks = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(one[11]) + int(one[12]) for one in ticks) / 100


def load(site: live.Site, cards: dict[str, ModelCard], seconds: float) -> dict[str, tuple[int, float, float]]:
    """Send requests over two connections, in turn for one species and for any species.

    Returns
    -------
    dict of str to (int, float, float)
        Number of requests, median latency in seconds, CPU seconds a request.
    """
    pids, slugs = processes(site)[1:], list(cards)
    latencies: dict[str, list[float]] = {"one species": [], "any species": []}
    spent = dict.fromkeys(latencies, 0.0)

    def send(seed: int, name: str, until: float) -> None:
        client = Client(site.program.port, cards, random.Random(seed))
        while time.monotonic() < until:
            slug = slugs[0] if name == "one species" else client.draw.choice(slugs)
            latencies[name].append(client.predict(slug))

    for turn in range(round(seconds)):
        for name in random.Random(turn).sample(list(latencies), 2):
            before = _cpu(pids)
            threads = [
                threading.Thread(target=send, args=(1000 * turn + i, name, time.monotonic() + 1)) for i in range(2)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            spent[name] += _cpu(pids) - before
    return {name: (len(all_), statistics.median(all_), spent[name] / len(all_)) for name, all_ in latencies.items()}


@contextlib.contextmanager
def _folder(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def main() -> None:
    """Generate the models, serve them, measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.memory", description="Memory of the workers with the models of all species open."
    )
    parser.add_argument("--models", type=int, default=1000, help="number of species (%(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="of gunicorn (%(default)s)")
    parser.add_argument(
        "--kind", choices=["mixed", *(kind.name for kind in KINDS)], default="mixed", help="(%(default)s)"
    )
    parser.add_argument(
        "--seconds", type=float, default=10, help="of load with one species, and with any (%(default)s)"
    )
    parser.add_argument("--folder", type=Path, help="folder that keeps the generated models")
    options = parser.parse_args()
    kinds = tuple(kind for kind in KINDS if options.kind in ("mixed", kind.name))
    with _folder(options.folder) as folder:
        environ = live.app_environ(folder)
        artifacts = find_artifacts(folder / "models")
        if len(artifacts) != options.models:
            if artifacts:
                raise SystemExit(f"{folder} contains {len(artifacts)} models, not {options.models}")
            make_models(folder, options.models, kinds)
            live.flask(environ, "db", "upgrade")
            live.flask(environ, "models", "register", folder / "models", "--activate")
            artifacts = find_artifacts(folder / "models")
        cards = {card.species.slug: card for card in map(read_card, artifacts)}
        on_disk = sum(file.stat().st_size for path in artifacts for file in path.iterdir())
        print(
            f"{len(cards)} species ({options.kind}), {on_disk / 1e6:.0f} MB on disk, {options.workers} workers; in MB"
        )
        print(f"{'':<24} {'':<10}{'RSS':>10}{'PSS':>10}{'USS':>10}")
        with live.serving(environ, forked=False, WEB_CONCURRENCY=str(options.workers)) as site:
            report(site, "one model open")
            first, second = open_all(site, cards, options.workers)
            opened, counted = (gauge(site, f"ecopredict_models_open{end}") for end in ("", "_bytes"))
            report(site, f"{opened:.0f} models open")
            results = load(site, cards, options.seconds)
            total = report(site, "after the load")
            opened_after = gauge(site, "ecopredict_models_open")
        print(f"counted as models: {counted / 1e6:.0f} MB; open after the load: {opened_after:.0f}")
        ms = [1000 * statistics.median(times) for times in (first, second)]
        print(f"first request of a species {ms[0]:.1f} ms, second {ms[1]:.1f} ms (medians)")
        for name, (count, median, cpu) in results.items():
            print(f"{name}: {count} requests, median {1000 * median:.2f} ms, CPU {1000 * cpu:.2f} ms a request")
        for name in ("PSS", "RSS"):
            print(f"2 GB, by {name}: {'met' if total[name] < LIMIT else 'missed'} ({total[name] / 1e6:.0f} MB)")


if __name__ == "__main__":
    main()
