"""A made study that was uploaded, and worker processes that train it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app import create_app
from tests import own_study
from tests.contract.conftest import LintingClient, make_settings, upgrade
from tools.live import PROJECT, forks

COUNTS = {"Lacerta ficta": 60, "Lacerta altera": 45, "Lacerta rara": 3}


def environment(app: Flask) -> dict[str, str]:
    """The environment of a worker of an application."""
    settings = app.config["SETTINGS"]
    own = {
        "DATA_DIR": str(settings.data_dir),
        "DATABASE_URL": settings.database_url,
        "ENVIRONMENT": "testing",
        "SECRET_KEY": "for-tests-only-with-32-characters",
    }
    return {**os.environ, **own}


def start_worker(app: Flask, *point: str, **environ: str) -> forks.Process:
    """Start a worker that ends when no job waits, or that kills itself at a point."""
    return forks.start("tests.contract.trainings.worker", *point, cwd=PROJECT, environ=environment(app) | environ)


def work(app: Flask, *point: str) -> int:
    """Run a worker to its end and return its exit status.

    Without a point joblib trains in one process: a small training takes less time than the start of two more. The
    worker that is killed, and the trainings that its models are compared with, use several.
    """
    one_process = {} if point else {"JOBLIB_MULTIPROCESSING": "0"}
    worker = start_worker(app, *point, **one_process)
    output, errors = worker.communicate(timeout=400)
    print(output[-3000:], errors[-3000:])
    return worker.returncode


def open_app(folder: Path) -> Flask:
    app = create_app(make_settings(folder))
    app.test_client_class = LintingClient
    return app


def train(app: Flask, slug: str, **settings: Any) -> dict[str, Any]:
    """Start a training by API, run a worker and return the job."""
    response = app.test_client().post(f"/api/v1/studies/{slug}/trainings", json=own_study.quick(**settings))
    assert response.status_code == 202, response.json
    assert work(app) == 0
    job = app.test_client().get(response.headers["Location"]).json
    return dict(job)


@pytest.fixture(scope="session")
def uploaded_folder(once) -> Path:
    """A data directory with an uploaded study; its preflight is known."""

    def make(folder: Path) -> None:
        app = open_app(folder)
        upgrade(app)
        own_study.upload(app.test_client(), counts=COUNTS)
        response = app.test_client().get("/api/v1/studies/made-lizards/preflight")
        assert response.status_code == 200, response.json

    return once("uploaded-study", make)


@pytest.fixture(scope="session")
def trained_folder(uploaded_folder, once) -> Path:
    """The same after one training, of which no model is active."""

    def make(folder: Path) -> None:
        shutil.copytree(uploaded_folder, folder, dirs_exist_ok=True)
        app = open_app(folder)
        assert train(app, "made-lizards")["state"] == "succeeded"

    return once("trained-study", make)


def copy_of(source: Path, target: Path) -> Flask:
    """An application on a copy of a data directory, whose files are the same to the nanosecond."""
    shutil.copytree(source, target, dirs_exist_ok=True)
    return open_app(target)


@pytest.fixture
def uploaded(uploaded_folder, tmp_path) -> Flask:
    return copy_of(uploaded_folder, tmp_path / "uploaded")


@pytest.fixture
def trained(trained_folder, tmp_path) -> Flask:
    return copy_of(trained_folder, tmp_path / "trained")
