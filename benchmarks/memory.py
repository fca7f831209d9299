"""A thousand species: what two workers need of memory for them, and what a species costs that is asked for first.

Run it with ``.venv/bin/python -m benchmarks.memory``. A few models are trained with the shipped settings and written
again and again under other names, with numbers of their own, registered in a database and served by gunicorn as it is
shipped. All species are asked of every worker; then the kernel says what the processes hold. ``--folder`` keeps what
was generated, so that a second run measures at once.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
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
from ml.serving.artifact import find_artifacts, read_card, save_artifact
from ml.study import StudyData
from ml.training.train import train_species
from tools import live

LIMIT = 2_000_000_000


@dataclass(frozen=True)
class Kind:
    """A kind of model: as the demo's birds, as its coral, and a group of species recorded here and there."""

    name: str
    records: str
    rows: int
    presences: int
    predictors: int
    species: int
    #: how much of a species' taste no predictor tells
    noise: float
    #: how many of a study's species have models; the network and the training values are theirs in common
    of_a_study: int


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
        wish = table.iloc[:, s] - table.iloc[:, s + 1] ** 2 / 2 + draw.normal(scale=kind.noise, size=kind.rows)
        presence[f"species-{s}"] = (wish.rank(ascending=False) <= kind.presences).astype(int)
    about = StudyDescription(
        slug=kind.name, title="Made up", description="Made up", records=kind.records,
        sources=[Source(title="Made up", citation="none", licence="CC0-1.0")],
    )  # fmt: skip
    species = [SpeciesDescription(slug=slug, scientific_name=slug) for slug in presence]
    predictors = [Predictor(name=name, label=name) for name in names]
    places = np.column_stack([draw.uniform(2, 8, kind.rows), draw.uniform(41, 47, kind.rows)])
    return StudyData(about, predictors, table, species, pd.DataFrame(presence), places)


def _template(kind: Kind, folder: Path) -> Path:
    found = find_artifacts(folder / kind.name)
    return found[0] if found else train_species(_study(kind), "species-0", folder)


def _another(kind: Kind, template: Path, models: Path, number: int) -> None:
    """Write the model again as another species: every array that a species has to itself is its own."""
    card = read_card(template)
    with np.load(template / "model.npz") as stored:
        arrays = {name: stored[name].copy() for name in stored}
    own, of_study = np.random.default_rng([number, 0]), np.random.default_rng([number // kind.of_a_study, 1])
    nodes = arrays["nodes"]
    # as many different ones as before, each of which many nodes have
    values, which = np.unique(nodes["value"], return_inverse=True)
    nodes["value"] = np.clip(values * own.uniform(0.99, 1.01, len(values)), 0, 1)[which]
    nodes["threshold"] += own.normal(scale=1e-3, size=len(nodes)).astype(np.float32)
    for name in ("area_points", "maxent_coefficients", "network_output"):
        if name in arrays:
            arrays[name] *= own.uniform(0.99, 1.01, arrays[name].shape).astype(arrays[name].dtype)
    for name in sorted(arrays):
        if name.startswith(("network_hidden", "network_quantiles", "network_positions", "reference")):
            arrays[name] *= arrays[name].dtype.type(of_study.uniform(0.99, 1.01))
    slug = f"{kind.name}-{number}"
    study = card.study.model_copy(update={"slug": f"{kind.name}-study-{number // kind.of_a_study}"})
    species = SpeciesDescription(slug=slug, scientific_name=f"Exempli {kind.name}{number}")
    save_artifact(
        models, card.model_copy(update={"study": study, "species": species}), unpack(arrays, len(card.predictors))
    )


def make_models(folder: Path, count: int, kinds: tuple[Kind, ...]) -> None:
    """Train a model of each kind and write it under as many names as are wanted."""
    templates = {kind: _template(kind, folder / "templates") for kind in kinds}
    Parallel(n_jobs=-1)(
        delayed(_another)(kinds[i % len(kinds)], templates[kinds[i % len(kinds)]], folder / "models", i // len(kinds))
        for i in range(count)
    )


@dataclass
class Client:
    """A kept connection, which one worker serves."""

    port: int
    cards: dict[str, ModelCard]
    draw: random.Random
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def ask(self, slug: str) -> float:
        """Ask about conditions that nobody has asked about; returns the seconds it took."""
        environment = dict(self.cards[slug].starting_points[0].environment)
        environment["bio1"] = self.draw.uniform(-2, 2)
        body = json.dumps({"species": slug, "environment": environment})
        began = time.perf_counter()
        self.connection.request("POST", "/api/v1/predictions", body, {"Content-Type": "application/json"})
        response = self.connection.getresponse()
        text = response.read()
        if response.status != 200:
            raise SystemExit(f"{slug}: {response.status} {text[:300]!r}")
        return time.perf_counter() - began


def _gauge(site: live.Site, name: str) -> float:
    text = live.NO_PROXY.open(f"{site.url}/metrics", timeout=30).read().decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(f"{name} "))


def open_all(site: live.Site, cards: dict[str, ModelCard], workers: int) -> tuple[list[float], list[float]]:
    """Ask every species of every worker; returns the seconds of first and of second requests."""
    first, second = [], []
    client = Client(site.program.port, cards, random.Random(0))
    for slug in cards:
        first.append(client.ask(slug))
        second.append(client.ask(slug))
    opened = [0.0]
    for attempt in range(8 * workers):
        opened.append(_gauge(site, "ecopredict_models_open"))
        # all there are, or as many as the workers keep
        if opened[-1] == workers * len(cards) or len(set(opened[-4:])) == 1:
            break
        # which worker takes a connection is chance
        client = Client(site.program.port, cards, random.Random(attempt + 1))
        for slug in cards:
            client.ask(slug)
    return first, second


def processes(site: live.Site) -> list[int]:
    """List the master and its workers."""
    master = site.program.process.pid
    return [master, *map(int, Path(f"/proc/{master}/task/{master}/children").read_text().split())]


def held(pid: int) -> dict[str, int]:
    """Bytes of a process: all it maps, its share of them, and what it has to itself."""
    kilobytes = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, value = line.split(":")
        kilobytes[name] = int(value.split()[0])
    own = kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]
    return {"RSS": kilobytes["Rss"] * 1024, "PSS": kilobytes["Pss"] * 1024, "USS": own * 1024}


def report(site: live.Site, when: str) -> dict[str, int]:
    """Print what the processes hold; returns the sums."""
    found = [held(pid) for pid in processes(site)]
    total = {name: sum(one[name] for one in found) for name in found[0]}
    for i, one in enumerate([*found, total]):
        who = "all" if i == len(found) else "master" if i == 0 else f"worker {i}"
        print(f"{when if i == 0 else '':<24} {who:<10}" + "".join(f"{one[name] / 1e6:>10.0f}" for name in one))
    return total


def _cpu(pids: list[int]) -> float:
    ticks = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(one[11]) + int(one[12]) for one in ticks) / 100


def load(site: live.Site, cards: dict[str, ModelCard], seconds: float) -> dict[str, tuple[int, float, float]]:
    """Two connections ask one species and all species by turns; requests, median latency, CPU seconds a request."""
    pids, slugs = processes(site)[1:], list(cards)
    latencies: dict[str, list[float]] = {"one species": [], "any species": []}
    spent = dict.fromkeys(latencies, 0.0)

    def ask(seed: int, name: str, until: float) -> None:
        client = Client(site.program.port, cards, random.Random(seed))
        while time.monotonic() < until:
            slug = slugs[0] if name == "one species" else client.draw.choice(slugs)
            latencies[name].append(client.ask(slug))

    for turn in range(round(seconds)):
        for name in random.Random(turn).sample(list(latencies), 2):
            before = _cpu(pids)
            threads = [
                threading.Thread(target=ask, args=(1000 * turn + i, name, time.monotonic() + 1)) for i in range(2)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            spent[name] += _cpu(pids) - before
    return {name: (len(all_), statistics.median(all_), spent[name] / len(all_)) for name, all_ in latencies.items()}


@contextlib.contextmanager
def _place(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def main() -> None:
    """Generate, serve, measure and print."""
    parser = argparse.ArgumentParser(description="Memory of the workers with every species' model open.")
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kind", choices=["mixed", *(kind.name for kind in KINDS)], default="mixed")
    parser.add_argument("--seconds", type=float, default=10, help="of load with one species, and with all")
    parser.add_argument("--folder", type=Path, help="keep what is generated here, and use what is found")
    options = parser.parse_args()
    kinds = tuple(kind for kind in KINDS if options.kind in ("mixed", kind.name))
    with _place(options.folder) as folder:
        environ = live.app_environ(folder)
        found = find_artifacts(folder / "models")
        if len(found) != options.models:
            if found:
                raise SystemExit(f"{folder} holds {len(found)} models, not {options.models}")
            make_models(folder, options.models, kinds)
            live.flask(environ, "db", "upgrade")
            live.flask(environ, "models", "register", folder / "models", "--activate")
            found = find_artifacts(folder / "models")
        cards = {card.species.slug: card for card in map(read_card, found)}
        on_disk = sum(file.stat().st_size for path in found for file in path.iterdir())
        print(
            f"{len(cards)} species ({options.kind}), {on_disk / 1e6:.0f} MB on disk, {options.workers} workers; in MB"
        )
        print(f"{'':<24} {'':<10}{'RSS':>10}{'PSS':>10}{'USS':>10}")
        with live.serving(environ, WEB_CONCURRENCY=str(options.workers)) as site:
            report(site, "one model open")
            first, second = open_all(site, cards, options.workers)
            opened, counted = (_gauge(site, f"ecopredict_models_open{end}") for end in ("", "_bytes"))
            report(site, f"{opened:.0f} models open")
            told = load(site, cards, options.seconds)
            total = report(site, "after the load")
            opened_after = _gauge(site, "ecopredict_models_open")
        print(f"counted as models: {counted / 1e6:.0f} MB; open after the load: {opened_after:.0f}")
        ms = [1000 * statistics.median(times) for times in (first, second)]
        print(f"first request of a species {ms[0]:.1f} ms, second {ms[1]:.1f} ms (medians)")
        for name, (count, median, cpu) in told.items():
            print(f"{name}: {count} requests, median {1000 * median:.2f} ms, CPU {1000 * cpu:.2f} ms a request")
        for name in ("PSS", "RSS"):
            holds = "holds" if total[name] < LIMIT else "does not hold"
            print(f"2 GB for all processes, by {name}: {holds} ({total[name] / 1e6:.0f} MB)")


if __name__ == "__main__":
    main()
