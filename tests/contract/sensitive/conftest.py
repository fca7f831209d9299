"""A study with an owner, a helper who edits it, a reader, a reader who sees exact places, and a sensitive species."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.accounts import users
from app.catalogue.studies import Study
from app.database.db import db
from tests.contract.conftest import WHEATEAR
from tests.contract.maps.conftest import layered_folder, mapped_folder  # noqa: F401
from tests.contract.owners.conftest import HIDDEN, OPEN, OPEN_SPECIES, World, make_world
from tests.contract.sensitive.traces import GRID, OBSERVED, Detector, records_csv
from tests.synthetic import synthetic_study

API, PAGE = f"/api/v1/studies/{HIDDEN}", f"/studies/{HIDDEN}"
MARKS = f"{API}/sensitive-species"
NAME = "Oenanthe hispanica"
#: Who sees exact places, and who does not. ``viewer`` is named by the owner; ``other`` has an account.
EXACT = ("owner", "helper", "viewer", "admin")
COARSE = ("reader", "other", None)


def mark(world: World, species: str = WHEATEAR, grid: int = GRID) -> None:
    answer = world.browser("owner").put(MARKS, json={"species": species, "grid_km": grid})
    assert answer.status_code == 200, answer.json


def make_sensitive(mapped: tuple[Path, str], folder: Path) -> World:
    world = make_world(mapped, folder)
    owner = world.browser("owner")
    named = {"email": "viewer@example.org", "role": "reader", "exact_places": True}
    assert owner.put(f"{API}/people", json=named).status_code == 200
    world.share("public")
    assert owner.delete(f"{MARKS}/{world.ids['mark_id']}").status_code == 200
    mark(world)
    return world


@pytest.fixture(scope="module")
def guarded(mapped_folder: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> World:  # noqa: F811
    return make_sensitive(mapped_folder, tmp_path_factory.mktemp("sensitive") / "data")


@pytest.fixture
def own_guarded(mapped_folder: tuple[Path, str], tmp_path: Path) -> World:  # noqa: F811
    """A world of the test's own."""
    return make_sensitive(mapped_folder, tmp_path / "data")


@pytest.fixture(scope="module")
def filled(guarded):
    """The study with uploaded records and an observation."""
    with guarded.app.app_context():
        other = db.session.scalars(db.select(Study).where(Study.slug == OPEN)).one()
        # the models of both studies were trained at the same places
        other.owner_id = users.get("owner@example.org").id
        db.session.commit()
    owner = guarded.browser("owner")
    marked = owner.put(f"/api/v1/studies/{OPEN}/sensitive-species", json={"species": OPEN_SPECIES})
    assert marked.status_code == 200, marked.json
    stored = owner.put(f"{API}/files/finds.csv", data=records_csv())
    assert stored.status_code == 201, stored.json
    seen = {
        "species": WHEATEAR,
        "location": {"latitude": OBSERVED[1], "longitude": OBSERVED[0]},
        "outcome": "present",
        "date": "2026-05-02",
    }
    reported = owner.post("/api/v1/observations", json=seen)
    assert reported.status_code == 201, reported.json
    guarded.ids["observation_id"] = reported.json["id"]
    guarded.ids["answer_at_record"] = ask_at_record(guarded)
    return guarded


def ask_at_record(world):
    """An answer to the conditions of a training record, which somebody else knows."""
    row = synthetic_study(n_species=4, categorical=True).environment.iloc[7].to_dict()
    values = {name: float(value) if name != "soil" else value for name, value in row.items()}
    asked = world.browser("owner").post("/api/v1/predictions", json={"species": WHEATEAR, "environment": values})
    assert asked.status_code == 200, asked.json
    return asked.json["id"]


@pytest.fixture(scope="module")
def detector():
    return Detector()
