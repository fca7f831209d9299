"""A study of own data, worker processes, and a local server that behaves like GBIF."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from tests import own_study
from tests.contract.conftest import LintingClient, make_settings, upgrade
from tests.contract.trainings.conftest import environment
from tests.gbif_server import KEY, Gbif
from tools.live import PROJECT, forks

API = "/api/v1/studies/lizards"


@pytest.fixture
def gbif() -> Iterator[Gbif]:
    server = Gbif()
    yield server
    server.close()


@pytest.fixture
def site(tmp_path: Path, gbif: Gbif) -> Flask:
    """An application with a study "lizards" without files."""
    app = create_app(make_settings(tmp_path, gbif_api=gbif.address))
    app.test_client_class = LintingClient
    upgrade(app)
    response = app.test_client().post("/api/v1/studies", json={"title": "Lizards"})
    assert response.status_code == 201, response.json
    return app


@pytest.fixture
def web(site: Flask) -> FlaskClient:
    return site.test_client()


def start_worker(app: Flask, *point: str) -> forks.Process:
    """Start a worker that ends when no job waits, or that kills itself at a point."""
    # joblib trains in one process, as in tests of trainings
    one_process = {} if point else {"JOBLIB_MULTIPROCESSING": "0"}
    own = {"GBIF_API": app.config["SETTINGS"].gbif_api, "MAX_UPLOAD": str(app.config["SETTINGS"].max_upload)}
    environ = {**environment(app), **own, **one_process}
    return forks.start("tests.contract.gbif.worker", *point, cwd=PROJECT, environ=environ)


def work(app: Flask, *point: str) -> int:
    """Run a worker to its end and return its exit status."""
    worker = start_worker(app, *point)
    output, errors = worker.communicate(timeout=200)
    print(output[-3000:], errors[-3000:])
    return worker.returncode


def run(app: Flask, **body: str) -> dict[str, Any]:
    """Start a fetch by API, run a worker and return the job."""
    response = app.test_client().post(f"{API}/gbif", json=body)
    assert response.status_code == 202, response.json
    assert work(app) == 0
    return dict(app.test_client().get(response.headers["Location"]).json)


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def files_of(web: FlaskClient) -> dict[str, dict[str, Any]]:
    return {item["name"]: item for item in web.get(f"{API}/files").json["items"]}


def leftovers(app: Flask) -> list[str]:
    """Files beneath the study and the jobs that are neither files of the study nor logs."""
    root = Path(app.config["SETTINGS"].data_dir)
    paths = [*(root / "studies/lizards/parts").rglob("*"), *(root / "jobs").glob("*/*"), *(root / "jobs").glob("*/.*")]
    return [str(path.relative_to(root)) for path in paths if path.name not in ("log.txt", ".lock")]


def names_of_files(app: Flask) -> list[str]:
    return sorted(path.name for path in (Path(app.config["SETTINGS"].data_dir) / "studies/lizards/files").iterdir())


def simple_download() -> bytes:
    """The records of `own_study` as GBIF's simple download: a zip file with a tab-separated table."""
    rows = own_study.records({"Lacerta ficta": 60}).decode().replace(",", "\t").splitlines()
    lines = [f"gbifID\tdatasetKey\t{rows[0]}", *(f"{number}\ta\t{row}" for number, row in enumerate(rows[1:], 1))]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as target:
        target.writestr(f"{KEY}.csv", "\n".join(lines) + "\n")
    return content.getvalue()
