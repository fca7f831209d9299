"""A study with an owner, a helper who edits it, a reader, a reader who sees exact places, and a sensitive species."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.conftest import WHEATEAR
from tests.contract.maps.conftest import layered_folder, mapped_folder  # noqa: F401
from tests.contract.owners.conftest import HIDDEN, World, make_world

API, PAGE = f"/api/v1/studies/{HIDDEN}", f"/studies/{HIDDEN}"
MARKS = f"{API}/sensitive-species"
NAME = "Oenanthe hispanica"
GRID = 10
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
