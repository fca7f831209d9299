"""Places of a study with a sensitive species: an area is compared with the grid, so that no box finds the place."""

from __future__ import annotations

import pytest

from tests.contract.accounts.conftest import make_production
from tests.contract.geography.conftest import listed, places_of, put, table

EXACT = (50.1234, 8.4321)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """The browsers of the owner of a public study with one place, and of a person who may read it."""
    app = make_production(tmp_path_factory.mktemp("sensitive-places"))
    browsers = {}
    for role in ("editor", "viewer"):
        browsers[role] = app.test_client()
        assert browsers[role].sign_in(f"{role}@example.org").status_code == 303
    owner = browsers["editor"]
    slug = owner.post("/api/v1/studies", json={"title": "Rare frogs"}).json["slug"]
    put(owner, slug, "frogs.csv", table([EXACT]))
    assert owner.patch(f"/api/v1/studies/{slug}", json={"visibility": "public"}).status_code == 200
    body = {"species": "Rana temporaria", "grid_km": 10}
    given = owner.put(f"/api/v1/studies/{slug}/sensitive-species", json=body)
    assert given.status_code == 200, given.json
    return slug, browsers["editor"], browsers["viewer"]


def box(place, half):
    y, x = place
    return f"{x - half:.5f},{y - half:.5f},{x + half:.5f},{y + half:.5f}"


def test_the_owner_sees_the_place_and_others_its_cell(people):
    slug, owner, viewer = people
    assert places_of(listed(owner, slug)) == [EXACT]
    (cell,) = places_of(listed(viewer, slug))
    assert cell != EXACT
    assert abs(cell[0] - EXACT[0]) < 0.1
    assert viewer.get(f"/api/v1/studies/{slug}/records/places").json["grid_km"] == 10
    assert owner.get(f"/api/v1/studies/{slug}/records/places").json["grid_km"] is None
    assert "Places are shown to 10 km" in viewer.get(f"/studies/{slug}/records/places").get_data(as_text=True)


def test_no_area_tells_more_than_the_cell(people):
    slug, owner, viewer = people
    (cell,) = places_of(listed(viewer, slug))
    assert listed(owner, slug, bbox=box(EXACT, 0.001))
    assert not listed(viewer, slug, bbox=box(EXACT, 0.001))
    assert not listed(viewer, slug, near=f"{EXACT[0]},{EXACT[1]}", radius_km="0.1")
    assert listed(viewer, slug, bbox=box(cell, 0.001)) != []
    assert not listed(owner, slug, bbox=box(cell, 0.001))


def test_nobody_without_an_account_looks_them_up(people):
    slug, owner, _ = people
    for kind in ("records", "observations"):
        assert owner.application.test_client().get(f"/api/v1/studies/{slug}/{kind}/places").status_code == 401


def test_a_cell_is_listed_once_with_all_its_records(people):
    _, owner, viewer = people
    slug = owner.post("/api/v1/studies", json={"title": "Rarer frogs"}).json["slug"]
    # in three cells of 10 km, and those of each apart from each other in the file
    places = [(50.12 + step % 3, 8.43 + step / 1000) for step in range(12)]
    put(owner, slug, "frogs.csv", table([*places, places[0]]))
    put(owner, slug, "later.csv", table([(50.121, 8.431)], year=2019))
    put(owner, slug, "toads.csv", table([places[0]], species="Bufo bufo"))
    assert owner.patch(f"/api/v1/studies/{slug}", json={"visibility": "public"}).status_code == 200
    marked = {"species": "Rana temporaria", "grid_km": 10}
    assert owner.put(f"/api/v1/studies/{slug}/sensitive-species", json=marked).status_code == 200
    exact = listed(owner, slug)
    kept = {name: sum(one["properties"]["records"] for one in exact if one["properties"]["species"] == name)
            for name in ("Rana temporaria", "Bufo bufo")}  # fmt: skip
    assert len(exact) == 14
    for limit in (1, 2, 500):
        shown = listed(viewer, slug, limit=limit)
        frogs = [one for one in shown if one["properties"]["species"] == "Rana temporaria"]
        assert len(set(places_of(frogs))) == len(frogs) == 3, limit
        assert len(shown) == 4
        assert sum(one["properties"]["records"] for one in frogs) == kept["Rana temporaria"]
        assert max(one["properties"]["year"] for one in frogs) == 2019
        first = viewer.get(f"/api/v1/studies/{slug}/records/places?limit={limit}").json
        assert (first["total"], first["total_is_complete"]) == (4, True)
    cell = places_of(frogs)[0]
    assert len(listed(viewer, slug, bbox=box(cell, 0.001), species="Rana temporaria")) == 1
