"""An application whose wheatear has stored layers; the study's other species were trained on other ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.registry import changes
from ml.serving.artifact import read_card
from tests.contract.conftest import WHEATEAR, LintingClient, make_settings, upgrade
from tests.stored_layers import write_hills

#: A place with 65.5 % rock, 34.5 % trees, 10.1 °C and clay.
PLACE = {"latitude": 41.95, "longitude": 2.55}
HERE = {"bare_rock": 65.5, "trees": 34.5, "temperature": 10.1, "soil": "clay"}


@pytest.fixture(scope="module")
def placed(artifacts: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Flask:
    app = create_app(make_settings(tmp_path_factory.mktemp("placed")))
    app.test_client_class = LintingClient
    upgrade(app)
    with app.app_context():
        for path in artifacts.values():
            version, _ = changes.register(path)
            changes.activate(version.id)
    fingerprint = read_card(artifacts[WHEATEAR]).training.data_fingerprint
    write_hills(app.config["SETTINGS"].layers_dir, [fingerprint])
    return app


@pytest.fixture
def visitor(placed: Flask) -> FlaskClient:
    return placed.test_client()
