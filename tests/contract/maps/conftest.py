"""An application whose wheatear has stored layers, and a map of it that a real worker made."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.registry import changes
from ml.serving.artifact import read_card
from tests.contract.conftest import WHEATEAR, LintingClient, make_settings, upgrade
from tests.contract.trainings.conftest import environment, work
from tests.stored_layers import write_hills
from tools.live import PROJECT, forks

API = "/api/v1/maps"


@pytest.fixture(scope="session")
def layered_folder(artifacts: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layered")
    app = create_app(make_settings(folder))
    upgrade(app)
    with app.app_context():
        for path in artifacts.values():
            version, _ = changes.register(path)
            changes.activate(version.id)
    fingerprint = read_card(artifacts[WHEATEAR]).training.data_fingerprint
    write_hills(app.config["SETTINGS"].layers_dir, [fingerprint])
    return folder


def copy_of(source: Path, target: Path) -> Flask:
    shutil.copytree(source, target)
    app = create_app(make_settings(target))
    app.test_client_class = LintingClient
    return app


@pytest.fixture
def layered(layered_folder: Path, tmp_path: Path) -> Flask:
    """The application without a map."""
    return copy_of(layered_folder, tmp_path / "layered")


def start(client: FlaskClient, **more: object) -> tuple[str, str]:
    """Start the map of the wheatear; return the addresses of its job and of the map."""
    response = client.post(API, json={"species": WHEATEAR, **more})
    assert response.status_code == 202, response.json
    return response.headers["Location"], response.headers["Link"].split(">")[0][1:]


@pytest.fixture(scope="session")
def mapped_folder(layered_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("mapped") / "data"
    app = copy_of(layered_folder, folder)
    job, address = start(app.test_client())
    assert work(app) == 0
    assert app.test_client().get(job).json["state"] == "succeeded"
    return folder, address


@pytest.fixture(scope="session")
def mapped(mapped_folder: tuple[Path, str]) -> tuple[FlaskClient, str]:
    """A client of an application with a finished map, and the address of the map."""
    app = create_app(make_settings(mapped_folder[0]))
    app.test_client_class = LintingClient
    return app.test_client(), mapped_folder[1]


@pytest.fixture
def own_map(mapped_folder: tuple[Path, str], tmp_path: Path) -> tuple[FlaskClient, str]:
    """The same of an application of the test's own."""
    return copy_of(mapped_folder[0], tmp_path / "mapped").test_client(), mapped_folder[1]


@pytest.fixture
def killed_at() -> Callable[[Flask, str], int]:
    """Run a worker that kills itself at a point; return its exit status."""

    def run(app: Flask, point: str) -> int:
        worker = forks.start("tests.contract.maps.worker", point, cwd=PROJECT, environ=environment(app))
        print(*worker.communicate(timeout=300))
        assert worker.returncode is not None
        return worker.returncode

    return run
