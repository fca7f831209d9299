"""An application without models, and a study of own data in it. The reading of files has tests of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.studies import files
from app.workbench.runner import WorkbenchError
from tests.contract.conftest import LintingClient, make_settings, upgrade


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with tables, of which every test has a copy."""
    folder = tmp_path_factory.mktemp("migrated")
    upgrade(create_app(make_settings(folder)))
    return folder / "test.db"


@pytest.fixture
def own_app(tmp_path: Path, migrated: Path) -> Flask:
    with closing(sqlite3.connect(migrated)) as source, closing(sqlite3.connect(tmp_path / "test.db")) as copy:
        source.backup(copy)
    app = create_app(make_settings(tmp_path))
    app.test_client_class = LintingClient
    return app


@pytest.fixture
def visitor(own_app: Flask) -> FlaskClient:
    return own_app.test_client()


@pytest.fixture
def study(visitor: FlaskClient) -> str:
    """The address in the API of a study without files."""
    response = visitor.post("/api/v1/studies", json={"title": "Lizards of Spain"})
    assert response.status_code == 201, response.json
    return response.headers["Location"]


@pytest.fixture
def folder(own_app: Flask, study: str) -> Path:
    """The folder of the study."""
    return Path(own_app.config["SETTINGS"].data_dir) / "studies" / study.rpartition("/")[2]


@pytest.fixture(autouse=True)
def reader(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, dict[str, Any] | str], None]:
    """Replace the program that reads files by one that knows the role of a file by its ending.

    The returned function sets what it returns for a name: a report, or the text of an error.
    """
    results: dict[str, dict[str, Any] | str] = {}

    def run(operation: str, payload: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        assert operation == "inspect"
        name = payload["name"]
        assert (Path(payload["folder"]) / name).is_file()
        result = results.get(name)
        if isinstance(result, str):
            raise WorkbenchError(result)
        return result if result is not None else report_of(name)

    monkeypatch.setattr(files.runner, "run", run)
    return results.__setitem__


def report_of(name: str) -> dict[str, Any]:
    ending = name.rpartition(".")[2].lower()
    report: dict[str, Any] = {"name": name, "size": 1, "sha256": "", "role": "unknown", "sentence": "Not known."}
    if ending == "csv":
        records = {"format": "table", "n": 3, "columns": ["species"], "mapping": {}}
        report |= {"role": "records", "sentence": "Table, 3 records", "records": records}
    if ending == "tif":
        report |= {"role": "layers", "sentence": "1 layer", "layers": [{"file": name, "band": "1", "name": "bio1"}]}
    if ending in ("xml", "prj"):
        report |= {"role": "companion", "sentence": "Belongs to another file"}
    return report
