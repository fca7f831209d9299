"""An application with the models of a made study, and worker processes for its jobs."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.registry import changes
from tests.contract.conftest import LintingClient, make_settings, upgrade
from tests.contract.trainings.conftest import environment as environment_of
from tools.live import PROJECT, forks

API = "/api/v1/predictions/batch"
SOILS = ("chalk", "clay", "sand")
PREDICTORS = ("bare_rock", "trees", "temperature", "soil")


def make_app(folder: Path, artifacts: dict[str, Path], **settings: Any) -> Flask:
    app = create_app(make_settings(folder, **settings))
    app.test_client_class = LintingClient
    upgrade(app)
    with app.app_context():
        for path in artifacts.values():
            version, _ = changes.register(path)
            changes.activate(version.id)
    return app


@pytest.fixture
def site(tmp_path: Path, artifacts: dict[str, Path]) -> Flask:
    return make_app(tmp_path / "data", artifacts)


@pytest.fixture
def web(site: Flask) -> FlaskClient:
    return site.test_client()


def work(app: Flask, *point: str) -> int:
    """Run a worker to its end and return its exit status."""
    worker = forks.start("tests.contract.batch.worker", *point, cwd=PROJECT, environ=environment_of(app))
    output, errors = worker.communicate(timeout=200)
    print(output[-3000:], errors[-3000:])
    return worker.returncode


def table(n: int, header: tuple[str, ...] = ("site", *PREDICTORS), bad: dict[int, str] | None = None) -> bytes:
    """A table of n rows, whose values follow from the number of the row; `bad` has cells of trees by row."""
    lines = [",".join(header)]
    for number in range(1, n + 1):
        trees = (bad or {}).get(number, str(number * 7 % 60))
        lines.append(f"s{number},{number % 50},{trees},{12 + number % 9},{SOILS[number % 3]}")
    return ("\n".join(lines) + "\n").encode()


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def leftovers(app: Flask) -> list[str]:
    root = Path(app.config["SETTINGS"].data_dir)
    paths = [*(root / "batches").rglob("*"), *(root / "jobs").glob("*/*"), *(root / "jobs").glob("*/.*")]
    return sorted(str(path.relative_to(root)) for path in paths if path.is_file() and path.name != "log.txt")
