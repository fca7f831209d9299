"""What answers take: rate, latency, CPU and memory of the web workers, memory of models, growth of the database."""

from __future__ import annotations

import argparse
import http.client
import random
import shutil
from pathlib import Path

import psutil
from sqlalchemy import Engine, text

from benchmarks.memory import KINDS, gauge, open_all, write_another
from benchmarks.serving.protocol import LoadGenerator, Protocol
from benchmarks.serving.testbed import SPECIES, TestbedOptions, Variant, running_testbed
from benchmarks.sizing.figures import Figures
from ml.serving.artifact import find_artifacts, read_card
from tools import live

_PAGES = ("/", f"/species/{SPECIES}")
_N_PAGES = 60
#: The made-up models resemble the template of this kind.
_KIND = KINDS[1]
_SIZE_OF_ROWS = "SELECT pg_total_relation_size('predictions')"
_SIZE = "SELECT pg_database_size(current_database())"


def measure(options: argparse.Namespace, folder: Path, figures: Figures) -> None:
    """Serve one model, then many, with PostgreSQL, Valkey and nginx.

    Parameters
    ----------
    options : Namespace
    folder : Path
        An empty folder that the user nobody may read.
    figures : Figures
        Receives the figures.
    """
    with running_testbed(folder, TestbedOptions(["ecopredict"], trees=options.trees)) as testbed:
        (variant,) = testbed.variants
        assert variant.database is not None
        generator = LoadGenerator(testbed.fields, options.connections)
        try:
            protocol = Protocol(testbed, generator, options.seconds)
            for _ in range(2):
                # compiles what is compiled at first use, and fills the caches
                protocol.measure(variant, 1.0, 0)
            _memory(variant, "one model", figures)
            _load(protocol, variant, options.rounds, figures)
        finally:
            generator.close()
        _pages(variant, options.rounds, figures)
        _models(variant, folder, options.models, figures)


def _ask(database: Engine, statement: str) -> int:
    with database.connect() as connection:
        return int(connection.execute(text(statement)).scalar_one())


def _load(protocol: Protocol, variant: Variant, rounds: int, figures: Figures) -> None:
    """Send predictions, new and repeated ones in turn in a random order."""
    assert variant.database is not None
    kinds = {"new conditions": 0.0, "90 % repeated": 0.9}
    for number in range(1, rounds + 1):
        for kind in random.sample(list(kinds), len(kinds)):
            given, size = protocol.answers[variant.name], _ask(variant.database, _SIZE_OF_ROWS)
            result = protocol.measure(variant, kinds[kind], number)
            given = protocol.answers[variant.name] - given
            grown = _ask(variant.database, _SIZE_OF_ROWS) - size
            figures.add(f"predictions, {kind}, whole machine", "answers/s", result.rate)
            figures.add(f"predictions, {kind}, a core of web workers and nginx", "answers/CPU s", 1e6 / result.cpu_own)
            figures.add(f"CPU of PostgreSQL and Redis, {kind}", "µs/answer", result.cpu_services)
            figures.add(f"latency, {kind}, p50", "ms", result.p50)
            figures.add(f"latency, {kind}, p99", "ms", result.p99)
            figures.add("rows of answers in PostgreSQL, with indexes", "kB/1,000 answers", grown / given)
    if any(protocol.refused[variant.name].values()) or protocol.broken[variant.name]:
        raise SystemExit(f"benchmarks.sizing: refused {protocol.refused}, broken {protocol.broken}")


def _pages(variant: Variant, rounds: int, figures: Figures) -> None:
    for path in _PAGES * rounds:
        connection = http.client.HTTPConnection("127.0.0.1", variant.pages_port, timeout=30)
        begin = variant.cpu()
        for _ in range(_N_PAGES):
            connection.request("GET", path)
            response = connection.getresponse()
            response.read()
            if response.status != 200:
                raise SystemExit(f"benchmarks.sizing: {path}: {response.status}")
        connection.close()
        figures.add(f"CPU of the page `{path}`", "ms/page", 1000 * (variant.cpu() - begin) / _N_PAGES)


def _memory(variant: Variant, when: str, figures: Figures) -> list[int]:
    """Add the memory of master and workers; return the bytes of the workers."""
    master = psutil.Process(variant.programs[0].process.pid)
    workers = [one.memory_full_info().pss for one in master.children()]
    figures.add(f"memory of a web worker, {when}", "MB", *(one / 1e6 for one in workers))
    figures.add(f"memory of the master, {when}", "MB", master.memory_full_info().pss / 1e6)
    return workers


def _models(variant: Variant, folder: Path, count: int, figures: Figures) -> None:
    """Register models of as many species, and open each in both workers."""
    assert variant.database is not None
    data_dir, models = folder / "ecopredict", folder / "more"
    (template,) = find_artifacts(folder / "models")
    for number in range(count):
        write_another(_KIND, template, models, number)
    shutil.copytree(models, data_dir / "models", dirs_exist_ok=True)
    artifacts = find_artifacts(models)
    on_disk = [sum(file.stat().st_size for file in path.iterdir()) for path in artifacts]
    figures.add("disk of a model", "kB", *(one / 1e3 for one in on_disk))
    url = variant.database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    environ = live.app_environ(data_dir, ENVIRONMENT="production", DATABASE_URL=url)
    begin, before = _ask(variant.database, _SIZE), _memory_of_workers(variant)
    live.flask(environ, "models", "register", data_dir / "models", "--activate")
    grown = _ask(variant.database, _SIZE) - begin
    figures.add("database of a registered model", "kB", grown / count / 1e3)
    cards = {card.species.slug: card for card in map(read_card, artifacts)}
    site = live.Site(
        variant.programs[0], variant.metrics_url.removesuffix("/metrics"), environ, data_dir, data_dir / "none"
    )
    first, second = open_all(site, cards, 2)
    figures.add("first request of a species, opens its model", "ms", *(1000 * one for one in first))
    figures.add("second request of a species", "ms", *(1000 * one for one in second))
    opened = gauge(site, "ecopredict_models_open")
    counted = gauge(site, "ecopredict_models_open_bytes")
    after = _memory(variant, f"{count + 1} models", figures)
    figures.add("memory of an open model in each worker, as MODEL_MEMORY counts", "kB", counted / opened / 1e3)
    grown = sum(after) - sum(before)
    figures.add("the same, as the kernel counts", "kB", grown / max(1.0, opened - len(after)) / 1e3)


def _memory_of_workers(variant: Variant) -> list[int]:
    master = psutil.Process(variant.programs[0].process.pid)
    return [one.memory_full_info().pss for one in master.children()]
