"""An application as in production: a study with an owner, people that it is shared with, and somebody else's study."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, update

from app import create_app
from app.accounts import users
from app.batch import storage
from app.catalogue.snapshot import snapshot_file
from app.catalogue.species import Species
from app.catalogue.studies import Study
from app.catalogue.study_tables import StudyPerson
from app.database.db import db
from app.studies.storage import create_folders
from app.studies.tables import StudyRecipe
from ml.recipes.recipe import Recipe
from tests.contract.accounts.conftest import PASSWORD, Browser
from tests.contract.conftest import WHEATEAR, make_settings, upgrade
from tests.contract.maps.conftest import layered_folder, mapped_folder  # noqa: F401

HIDDEN, OPEN, OTHERS = "test-hills", "open-hills", "others-study"
#: A species of the hidden study and one of the open study.
OPEN_SPECIES = "parus-major"
#: Everybody who has an account, with the role of the account.
PEOPLE = {
    "owner": "editor",
    "helper": "editor",
    "reader": "editor",
    "other": "editor",
    "viewer": "viewer",
    "admin": "admin",
}


@dataclass
class World:
    """An application, its people, and the ids of what the hidden study has."""

    app: Flask
    ids: dict[str, str]
    environment: dict[str, object]
    _sessions: dict[str, str] = field(default_factory=dict)

    def browser(self, name: str | None) -> Browser:
        """The browser of a person; None: nobody is signed in."""
        browser: Browser = self.app.test_client()
        if name is None:
            return browser
        if name not in self._sessions:
            assert browser.sign_in(f"{name}@example.org").status_code == 303
            self._sessions[name] = browser.cookie() or ""
        browser.set_session(self._sessions[name])
        return browser

    def share(self, visibility: str) -> None:
        """Let the owner decide who may read the study."""
        answer = self.browser("owner").patch(f"/api/v1/studies/{HIDDEN}", json={"visibility": visibility})
        assert answer.status_code == 200, answer.json


def make_world(mapped: tuple[Path, str], folder: Path) -> World:
    source, address = mapped
    shutil.copytree(source, folder)
    app = create_app(make_settings(folder, environment="production", allowed_hosts=("localhost",)))
    app.test_client_class = Browser
    upgrade(app)
    with app.app_context():
        ids = {name: users.create(f"{name}@example.org", role, PASSWORD).id for name, role in PEOPLE.items()}
        hidden = db.session.scalars(select(Study).where(Study.slug == HIDDEN)).one()
        hidden.owner_id, hidden.visibility, hidden.title = ids["owner"], "shared", "Hidden hills"
        values = Recipe(title=hidden.title).model_dump(mode="json")
        db.session.add(StudyRecipe(study_id=hidden.id, recipe=values, revision=1))
        db.session.add(Study(slug=OPEN, title="Open hills", description=hidden.description))
        for name, role in (("helper", "editor"), ("reader", "reader")):
            email = f"{name}@example.org"
            db.session.add(StudyPerson(study_id=hidden.id, email=email, email_key=email, role=role))
        db.session.flush()
        moved = select(Study.id).where(Study.slug == OPEN).scalar_subquery()
        db.session.execute(update(Species).where(Species.slug == OPEN_SPECIES).values(study_id=moved))
        db.session.commit()
        create_folders(HIDDEN)
        snapshot_file().write()
    world = World(app, {"map_id": address.rpartition("/")[2]}, {})
    owner, other = world.browser("owner"), world.browser("other")
    assert other.post("/api/v1/studies", json={"title": "Other's study", "slug": OTHERS}).status_code == 201
    stored = owner.put(f"/api/v1/studies/{HIDDEN}/files/notes.csv", data=b"a,b\n1,2\n")
    assert stored.status_code == 201, stored.json
    species = owner.get(f"/api/v1/species/{WHEATEAR}").json
    world.ids["model_id"] = species["model"]["id"]
    world.environment = {
        one["name"]: one["median"] if one["median"] is not None else one["levels"][0] for one in species["predictors"]
    }
    answer = owner.post("/api/v1/predictions", json={"species": WHEATEAR, "environment": world.environment})
    assert answer.status_code == 200, answer.json
    world.ids["prediction_id"] = answer.json["id"]
    seen = {"prediction": answer.json["id"], "outcome": "present", "date": "2026-05-01"}
    reported = owner.post("/api/v1/observations", json=seen)
    assert reported.status_code == 201, reported.json
    world.ids["observation_id"] = reported.json["id"]
    world.ids["job_id"] = owner.get(f"/api/v1/maps/{world.ids['map_id']}").json["job"]
    _add_batch(world, owner)
    marks = f"/api/v1/studies/{HIDDEN}/sensitive-species"
    marked = owner.put(marks, json={"species": "Bubo scandiacus", "grid_km": 10})
    world.ids["mark_id"] = marked.json["items"][0]["id"]
    world.ids["person_id"] = owner.get(f"/api/v1/studies/{HIDDEN}/people").json["items"][0]["id"]
    return world


def _add_batch(world: World, owner: Browser) -> None:
    """Let the owner start a job of a table, and write the answers that a worker would write."""
    rows = [world.environment] * 1001
    started = owner.post("/api/v1/predictions/batch", json={"species": [WHEATEAR], "rows": rows})
    assert started.status_code == 202, started.json
    world.ids["batch_job"] = started.json["id"]
    with world.app.app_context():
        folder = next(storage.root().iterdir())
        summary = {"counts": {WHEATEAR: {"suitable": 1001}}, "n_rows": 1001, "n_bad": 0, "models": [], "scenarios": {}}
        (folder / storage.SUMMARY).write_text(json.dumps(summary))
        (folder / storage.RESULT).write_text("suitability\n0.5\n")
    world.ids["batch_id"] = folder.name


@pytest.fixture(scope="module")
def world(mapped_folder: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> World:  # noqa: F811
    return make_world(mapped_folder, tmp_path_factory.mktemp("owners") / "data")


@pytest.fixture
def own_world(mapped_folder: tuple[Path, str], tmp_path: Path) -> World:  # noqa: F811
    """A world of the test's own."""
    return make_world(mapped_folder, tmp_path / "data")


@pytest.fixture
def private(world: World) -> Iterator[Callable[[], World]]:
    world.share("private")
    yield world
    world.share("shared")
