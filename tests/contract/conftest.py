"""One real study, trained once, registered in a once-migrated SQLite database, behind one application."""

from __future__ import annotations

import atexit
import contextlib
import functools
import logging
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, make_url, select
from werkzeug.test import TestResponse

from app import create_app
from app.accounts import passwords
from app.catalogue import snapshot
from app.config.settings import Settings
from app.database.db import db
from app.predictions.tables import Prediction
from app.registry import changes
from app.registry import service as registry
from app.workbench import runner
from tests import compiled
from tests.contract.lint import lint_page
from tests.synthetic import synthetic_study
from tools.live import forks

WHEATEAR = "oenanthe-hispanica"
compiled.share()


def make_settings(data_dir: Path, **changes: Any) -> Settings:
    given = {
        "environment": "testing",
        "data_dir": data_dir,
        "database_url": f"sqlite:///{data_dir / 'test.db'}",
        "secret_key": "for-tests-only",
        "rate_limit": "100000/second",
        "public_predictions": True,
        "public_analytics": True,
    }
    return Settings(**{**given, **changes})


def migrate(app: Flask) -> None:
    """Migrate the database by the command."""
    result = app.test_cli_runner().invoke(args=["db", "upgrade"])
    assert result.exit_code == 0, result.output


def upgrade(app: Flask) -> None:
    """Give an application a migrated database: a copy of one that the command has migrated, where there is none yet."""
    url = make_url(app.config["SETTINGS"].database_url)
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        shutil.copyfile(_migrated(), url.database)
    else:
        migrate(app)


@functools.cache
def _migrated() -> Path:
    """Return the file of a migrated database without rows."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(make_settings(Path(folder)))
        migrate(app)
        with app.app_context():
            db.engine.dispose()
        return copy_database(Path(folder) / "test.db", "migrated")


def copy_database(source: Path, name: str) -> Path:
    """Copy a database of SQLite, with what is only in its log yet, to a file that remains until the tests end."""
    folder = Path(tempfile.mkdtemp(prefix="ecopredict-database-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    target = folder / f"{name}.db"
    with contextlib.closing(sqlite3.connect(source)) as old, contextlib.closing(sqlite3.connect(target)) as new:
        old.backup(new)
    return target


# Of the package: tests of other folders, which a worker may run before and after these, have what the application has.


@pytest.fixture(scope="package", autouse=True)
def quick_hashes() -> Iterator[PasswordHasher]:
    """Hash passwords with few passes, because these tests sign in about a thousand times; give the real hasher."""
    real = passwords._hasher
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
        # another test of this process may have made it with the real hasher
        passwords._decoy.cache_clear()
        yield real
    passwords._decoy.cache_clear()


@pytest.fixture(scope="package", autouse=True)
def workbench() -> Iterator[None]:
    """Fork the program that works on files, which saves a second of imports (its start: unit/app/workbench)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "start", lambda watched: forks.Workbench(watched, runner.environment()))
        yield


@pytest.fixture(scope="session")
def artifacts(model_tree: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    models = shutil.copytree(model_tree, tmp_path_factory.mktemp("artifacts") / "models")
    # study, species, version; in the order of the study, which is that of registration
    found = {path.parent.name: path for path in models.glob("*/*/*")}
    return {species.slug: found[species.slug] for species in synthetic_study(n_species=4).species}


@pytest.fixture(scope="session")
def app(artifacts: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Flask:
    app = create_app(make_settings(tmp_path_factory.mktemp("data")))
    upgrade(app)
    with app.app_context():
        for path in artifacts.values():
            version, _ = changes.register(path)
            changes.activate(version.id)
    return app


@pytest.fixture
def empty_app(tmp_path: Path) -> Flask:
    """An application with tables and nothing in them."""
    app = create_app(make_settings(tmp_path))
    upgrade(app)
    return app


class LintingClient(FlaskClient):
    """Lints every page it fetches."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        response = super().open(*args, **kwargs)
        if response.mimetype == "text/html":
            text = response.get_data(as_text=True)
            lint_page(text, whole=text.lstrip().lower().startswith("<!doctype"))
        assert response.headers.get("X-Request-ID"), "every response carries a request id"
        return response


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    app.test_client_class = LintingClient
    return app.test_client()


@pytest.fixture
def environment(app: Flask) -> dict[str, Any]:
    """Typical conditions of the wheatear's model."""
    with app.app_context():
        best = snapshot.current().best()
        assert best is not None
        assert best.model is not None
        return dict(registry.card_of(best.model).starting_points[0].environment)


@pytest.fixture
def ask(client: FlaskClient, environment: dict[str, Any]) -> Callable[..., Any]:
    def post(species: Any = WHEATEAR, **changes: Any) -> Any:
        values = {key: value for key, value in {**environment, **changes}.items() if value is not ...}
        return client.post("/api/v1/predictions", json={"species": species, "environment": values})

    return post


def ask_of(
    client: FlaskClient, environment: dict[str, Any], path: str = "/api/v1/predictions", **more: Any
) -> TestResponse:
    return client.post(path, json={"species": WHEATEAR, "environment": environment, **more})


def form_of(environment: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"species": WHEATEAR, **{f"env.{name}": str(value) for name, value in environment.items()}, **more}


@pytest.fixture
def stored(app: Flask) -> Callable[[], int]:
    def count() -> int:
        with app.app_context():
            return db.session.scalar(select(func.count()).select_from(Prediction)) or 0

    return count


@pytest.fixture
def nothing_happened(stored: Callable[[], int], caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing stored and nothing logged as an error of ours."""
    before = stored()
    with caplog.at_level(logging.INFO):
        yield
    assert stored() == before
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert not errors, errors


@pytest.fixture
def two(tmp_path, artifacts, newer_model):
    """Two processes' applications on one data directory, the ids of two models, the second of which answers."""
    settings = make_settings(tmp_path)
    one, another = create_app(settings), create_app(settings)
    upgrade(one)
    ids = []
    with one.app_context():
        for path in (artifacts[WHEATEAR], newer_model, artifacts["parus-major"]):
            version, _ = changes.register(path)
            changes.activate(version.id)
            ids.append(version.id)
    return one, another, ids


def answering_model(app, environment):
    given = app.test_client().post("/api/v1/predictions", json={"species": WHEATEAR, "environment": environment})
    assert given.status_code == 200, given.json
    return given.json["model"]


def registry_folder(app):
    return Path(app.config["SETTINGS"].data_dir) / "registry"


def matching_slugs(app, query):
    response = app.test_client().get("/api/v1/species", query_string=query)
    assert response.status_code == 200, response.json
    return [item["slug"] for item in response.json["items"]]
