"""An application in which the wheatear has stored layers and nobody has reported anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete

from app import create_app
from app.confirmations.tables import Observation
from app.database.db import db
from app.registry import changes
from ml.serving.artifact import read_card
from tests.contract.accounts.conftest import make_production
from tests.contract.conftest import WHEATEAR, LintingClient, make_settings, upgrade
from tests.stored_layers import write_hills

PLACE = {"latitude": 41.95, "longitude": 2.55}


def _fill(app: Flask, artifacts: dict[str, Path]) -> None:
    with app.app_context():
        for path in artifacts.values():
            version, _ = changes.register(path)
            changes.activate(version.id)
    write_hills(app.config["SETTINGS"].layers_dir, [read_card(artifacts[WHEATEAR]).training.data_fingerprint])


def make_site(folder: Path, artifacts: dict[str, Path]) -> Flask:
    app = create_app(make_settings(folder))
    app.test_client_class = LintingClient
    upgrade(app)
    _fill(app, artifacts)
    return app


@pytest.fixture(scope="session")
def shared_site(artifacts: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Flask:
    return make_site(tmp_path_factory.mktemp("observations"), artifacts)


@pytest.fixture
def site(shared_site: Flask) -> Iterator[Flask]:
    yield shared_site
    with shared_site.app_context():
        db.session.execute(delete(Observation))
        db.session.commit()


@pytest.fixture
def own_site(artifacts: dict[str, Path], tmp_path: Path) -> Flask:
    """An application that a test may damage."""
    return make_site(tmp_path, artifacts)


@pytest.fixture
def visitor(site: Flask) -> Any:
    return site.test_client()


@pytest.fixture
def production(artifacts: dict[str, Path], tmp_path: Path) -> Flask:
    app = make_production(tmp_path)
    _fill(app, artifacts)
    return app


def found(**changes: Any) -> dict[str, Any]:
    """What somebody found at a place with layers."""
    return {"species": WHEATEAR, "location": PLACE, "outcome": "present", "date": "2026-05-31", **changes}


def report(client: Any, **changes: Any) -> Any:
    given = client.post("/api/v1/observations", json=found(**changes))
    assert given.status_code == 201, given.json
    return given.json


def accept(client: Any, observation: Any) -> None:
    given = client.patch(f"/api/v1/observations/{observation['id']}", json={"state": "accepted"})
    assert given.status_code == 200, given.json


def listed(client: Any, **query: Any) -> list[str]:
    """The ids of all pages of the list."""
    ids, cursor = [], None
    while True:
        given = client.get("/api/v1/observations", query_string={**query, **({"cursor": cursor} if cursor else {})})
        assert given.status_code == 200, given.json
        ids += [item["id"] for item in given.json["items"]]
        cursor = given.json["next"]
        if cursor is None:
            return ids
