"""Readiness reports what would make predictions fail: locked databases, full disks, models that cannot be opened."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from app import create_app
from app.catalogue import snapshot
from app.config.settings import PROJECT
from app.registry import changes
from tests.contract.conftest import WHEATEAR, LintingClient, make_settings, upgrade
from tools import live


@pytest.fixture
def site(artifacts, tmp_path):
    """An application whose models are in its own data directory."""
    app = create_app(make_settings(tmp_path))
    app.test_client_class = LintingClient
    upgrade(app)
    with app.app_context():
        for path in artifacts.values():
            study, species, model = path.parts[-3:]
            copy = shutil.copytree(path, tmp_path / "models" / study / species / model)
            changes.activate(changes.register(copy)[0].id)
    return app


def ready(app, **options):
    response = app.test_client().get("/health/ready", **options)
    return response.status_code, response.json


def best_of(app):
    with app.app_context():
        entry = snapshot.current().best()
        return entry, app.config["SETTINGS"].models_dir / entry.model.path


def damage(folder: Path) -> bytes:
    """Change one byte of a model; returns the card as it was."""
    card = folder / "card.json"
    content = card.read_bytes()
    card.write_bytes(content.replace(b"0", b"1", 1))
    return content


def test_everything_is_ready(site):
    assert ready(site)[0] == 200
    assert ready(site)[1]["status"] == "ready"


def test_a_model_that_cannot_be_opened_shows_and_the_front_page_uses_the_next_one(site):
    best, folder = best_of(site)
    content = damage(folder)
    code, answer = ready(site)
    assert (code, answer["status"]) == (200, "degraded")
    assert (answer["components"]["models"], answer["components"]["broken_models"]) == (4, 1)
    client = site.test_client()
    for path in ("/", "/openapi.json", "/compare/conditions"):
        assert client.get(path).status_code == 200, path
    page = client.get("/").get_data(as_text=True)
    with site.app_context():
        second = snapshot.current().by_score[1]
    assert second.scientific_name in page
    # its own page still says that this model is unavailable
    assert client.get(f"/?species={best.slug}").status_code == 503
    (folder / "card.json").write_bytes(content)
    assert ready(site)[1]["status"] == "ready"


def test_a_model_whose_files_are_gone_shows(site):
    shutil.rmtree(best_of(site)[1])
    assert ready(site)[1]["components"]["broken_models"] == 1


def test_without_a_model_that_opens_nothing_is_ready(site):
    models = site.config["SETTINGS"].models_dir
    models.rename(models.with_name("away"))
    code, answer = ready(site)
    assert (code, answer["status"], answer["components"]["broken_models"]) == (503, "unavailable", 4)
    assert site.test_client().get("/").status_code == 503
    models.with_name("away").rename(models)
    assert ready(site)[0] == 200


def test_a_model_in_memory_answers_although_its_files_are_gone(site, environment):
    client = site.test_client()
    query = {"species": WHEATEAR, "environment": environment}
    assert client.post("/api/v1/predictions", json=query).status_code == 200
    shutil.rmtree(site.config["SETTINGS"].models_dir)
    assert client.post("/api/v1/predictions", json=query).status_code == 200
    assert ready(site)[1]["status"] == "degraded"


@pytest.mark.alone
def test_a_locked_sqlite_database_shows(site):
    with sqlite3.connect(site.config["SETTINGS"].data_dir / "test.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        # a check that waits for the lock as long as other statements do is given up, and says "down"
        code, answer = ready(site)
        assert (code, answer["status"], answer["components"]["database"]) == (503, "unavailable", "locked")
        other.execute("ROLLBACK")
    other.close()
    assert ready(site)[1]["status"] == "ready"


LIMITED = """
import json, resource, signal, sys
from pathlib import Path
from app import create_app
from tests.contract.conftest import make_settings
app = create_app(make_settings(Path(sys.argv[1])))
client = app.test_client()
first = client.get("/health/ready").json["components"]["disk"]
# the kernel refuses every write with EFBIG, as a full disk does with ENOSPC
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
second = client.get("/health/ready")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
third = client.get("/health/ready").json["components"]["disk"]
sys.stdout.write(json.dumps([first, second.json["components"]["disk"], second.status_code, third]))
"""


def test_a_data_directory_that_cannot_be_written_shows(site):
    result = subprocess.run(
        [sys.executable, "-c", LIMITED, site.config["SETTINGS"].data_dir],
        cwd=PROJECT, env=os.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.stdout, result.stderr
    assert json.loads(result.stdout) == ["up", "down", 503, "up"]


@pytest.mark.parametrize(
    ("options", "operator"),
    [
        ({}, True),
        ({"environ_base": {"REMOTE_ADDR": "::1"}}, True),
        ({"environ_base": {"REMOTE_ADDR": "192.0.2.1"}}, False),
        ({"headers": {"X-Forwarded-For": "127.0.0.1"}}, False),
        ({"headers": {"X-Real-IP": "127.0.0.1"}}, False),
        ({"headers": {"Forwarded": "for=127.0.0.1"}}, False),
    ],
)
@pytest.mark.parametrize("trusted", [0, 1])
def test_only_operators_see_components(site, options, operator, trusted):
    app = create_app(make_settings(site.config["SETTINGS"].data_dir, trusted_proxies=trusted))
    # a check that takes long on a busy machine counts as failed
    live.wait_until(lambda: ready(app)[0] == 200, 20, "the first checks are done")
    code, answer = ready(app, **options)
    assert code == 200
    assert ("components" in answer) is operator
    assert answer["status"] == "ready"
    if not operator:
        assert answer == {"status": "ready"}
