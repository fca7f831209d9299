"""Sites with several species and several versions of a model; whatever is compared, nothing is kept."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from app import create_app
from app.database.db import db
from app.registry import changes
from ml.training.train import train_species
from tests.conftest import Once
from tests.contract.conftest import WHEATEAR, LintingClient, make_settings, upgrade
from tests.older import make_older
from tests.synthetic import synthetic_study

API = "/api/v1/comparisons"
STUDY = "test-hills"
HTMX = {"HX-Request": "true"}
SMALL = {"n_estimators": 12, "n_networks": 1}
PAGES = ["/compare", "/compare/species", "/compare/conditions", "/compare/models"]


@pytest.fixture(autouse=True)
def _nothing_kept(nothing_happened: None) -> None:
    """No comparison stores anything or logs an error of ours."""


@pytest.fixture
def rank(client: FlaskClient, environment: dict[str, Any]) -> Any:
    def post(changes: dict[str, Any] | None = None, **body: Any) -> Any:
        values = {key: value for key, value in {**environment, **(changes or {})}.items() if value is not ...}
        return client.post(f"{API}/species", json={"study": STUDY, "environment": values, **body})

    return post


@pytest.fixture
def contrast(client: FlaskClient, environment: dict[str, Any]) -> Any:
    def post(*changes: dict[str, Any], **body: Any) -> Any:
        sets = [{"environment": {**environment, **change}} for change in changes]
        return client.post(f"{API}/conditions", json={"species": WHEATEAR, "environments": sets, **body})

    return post


@pytest.fixture(scope="session")
def soilless(once: Once) -> Path:
    def train(models: Path) -> None:
        train_species(synthetic_study(n_species=2), WHEATEAR, models, **SMALL)

    (path,) = once("soilless", train).glob("*/*/*")
    return path


@pytest.fixture(scope="module")
def versions(
    artifacts: dict[str, Path], soilless: Path, newer_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Flask, dict[str, str]]:
    """An application whose wheatear has four versions: of format 1, today's, without soil, and on another seed.

    The great tit has one, another study has only presences, and the ids are by name.
    """
    room = tmp_path_factory.mktemp("versions")
    app = create_app(make_settings(room))
    upgrade(app)
    found = {
        "old": shutil.copytree(artifacts[WHEATEAR], room / "old"),
        "today": artifacts[WHEATEAR],
        "soilless": soilless,
        "latest": newer_model,
        "tit": artifacts["parus-major"],
    }
    make_older(found["old"], 1)
    ids: dict[str, str] = {}
    with app.app_context():
        for name, path in found.items():
            version, _ = changes.register(path)
            changes.activate(version.id)
            ids[name] = version.id
    return app, ids


@pytest.fixture
def versioned(versions: tuple[Flask, dict[str, str]]) -> FlaskClient:
    app, _ = versions
    app.test_client_class = LintingClient
    return app.test_client()


@pytest.fixture
def ids(versions: tuple[Flask, dict[str, str]]) -> dict[str, str]:
    return versions[1]


@pytest.fixture
def statements(app: Flask) -> Iterator[list[str]]:
    """The SQL that is sent."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


def address(environment: dict[str, Any], number: int | None = None, **changes: Any) -> dict[str, str]:
    """Conditions as an address carries them."""
    prefix = "env." if number is None else f"env.{number}."
    return {f"{prefix}{name}": str(value) for name, value in {**environment, **changes}.items() if value is not ...}
