"""A study of own data with records all over the world."""

from __future__ import annotations

from typing import Any

import pytest

from app import create_app
from tests.contract.conftest import LintingClient, make_settings, upgrade
from tests.scattered import scatter

PLACES = scatter(150, seed=1)


def table(places: list[tuple[float, float]], *, species: str = "Rana temporaria", year: int = 2001) -> bytes:
    lines = ["scientificName,decimalLatitude,decimalLongitude,year,basisOfRecord"]
    lines += [f"{species},{y:.6f},{x:.6f},{year},HUMAN_OBSERVATION" for y, x in places]
    return ("\n".join(lines) + "\n").encode()


def put(client: Any, slug: str, name: str, content: bytes) -> None:
    given = client.put(f"/api/v1/studies/{slug}/files/{name}", data=content)
    assert given.status_code in (200, 201), given.json


def switch_off_checks(client: Any, slug: str) -> None:
    """Keep every record with a place: those in the sea, and at places that are checked, too."""
    records = client.get(f"/api/v1/studies/{slug}/records").json
    off = [reason["code"] for reason in records["reasons"] if reason["switchable"]]
    body = {"rules": {"off": off}, "revision": records["revision"]}
    given = client.patch(f"/api/v1/studies/{slug}/records", json=body)
    assert given.status_code == 200, given.json


def listed(client: Any, slug: str, kind: str = "records", **query: Any) -> list[dict[str, Any]]:
    """The features of all pages."""
    features, cursor = [], None
    while True:
        asked = {**query, **({"cursor": cursor} if cursor else {})}
        given = client.get(f"/api/v1/studies/{slug}/{kind}/places", query_string=asked)
        assert given.status_code == 200, given.json
        features += given.json["features"]
        cursor = given.json["next"]
        if cursor is None:
            return features


def places_of(features: list[dict[str, Any]]) -> list[tuple[float, float]]:
    return [(one["geometry"]["coordinates"][1], one["geometry"]["coordinates"][0]) for one in features]


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    app = create_app(make_settings(tmp_path_factory.mktemp("places")))
    upgrade(app)
    app.test_client_class = LintingClient
    return app


@pytest.fixture
def client(world):
    return world.test_client()


@pytest.fixture
def new_study(client, request):
    given = client.post("/api/v1/studies", json={"title": request.node.name[:60]})
    assert given.status_code == 201, given.json
    return given.json["slug"]


@pytest.fixture(scope="session")
def scattered(world):
    """The slug of a study with records of two species, the second one at some of the places of the first."""
    client = world.test_client()
    slug = client.post("/api/v1/studies", json={"title": "Frogs everywhere"}).json["slug"]
    put(client, slug, "frogs.csv", table(PLACES))
    put(client, slug, "toads.csv", table([*PLACES[:20], *PLACES[:10]], species="Bufo bufo", year=2015))
    switch_off_checks(client, slug)
    return slug
