"""Lists filtered by place: the same as by looking at every row, on any page size."""

from __future__ import annotations

import json
from datetime import date

import numpy as np
import pytest

from app.catalogue import snapshot
from app.confirmations import search
from app.confirmations.areas import Circle, read_box, read_polygon
from app.confirmations.tables import Observation, band_of
from app.database.db import db
from app.predictions.tables import new_id
from tests.contract.conftest import WHEATEAR
from tests.contract.observations.conftest import listed

DIAMOND = {"type": "Polygon", "coordinates": [[[170, 0], [-175, 20], [-160, 0], [-175, -20], [170, 0]]]}
AREAS = [
    ({"bbox": "-10,-10,10,10"}, read_box("-10,-10,10,10")),
    ({"bbox": "170,-90,-170,90"}, read_box("170,-90,-170,90")),
    ({"bbox": "-180,-90,180,90"}, read_box("-180,-90,180,90")),
    ({"bbox": "3,40,3,41"}, read_box("3,40,3,41")),
    ({"near": "0,179.9", "radius_km": "1500"}, Circle(0, 179.9, 1500)),
    ({"near": "-89,20", "radius_km": "900"}, Circle(-89, 20, 900)),
    ({"near": "45,280", "radius_km": "300.5"}, Circle(45, -80, 300.5)),
    ({"near": "0,0", "radius_km": "20015"}, Circle(0, 0, 20015)),
    ({"polygon": "0,0;30,0;30,40;10,20"}, read_polygon("0,0;30,0;30,40;10,20")),
    ({"polygon": json.dumps(DIAMOND)}, read_polygon(json.dumps(DIAMOND))),
]


def scatter(number: int, seed: int = 0) -> list[tuple[float, float]]:
    """Places all over the world, some of them on corners, poles and the meridian of 180 degrees."""
    rng = np.random.default_rng(seed)
    places = [(float(np.degrees(np.arcsin(2 * u - 1))), float(360 * v - 180)) for u, v in rng.random((number, 2))]
    return [*places, (0, 180), (0, -180), (90, 0), (-90, 12), (10, 10), (-10, -10), (41, 3), (40.5, 3), (10, 20)]


def store(places: list[tuple[float, float]], species: int, model: str) -> None:
    rows = [
        Observation(
            id=new_id(), same_key=f"{number}", species_id=species, model_id=model, present=True, suitability=0.5,
            observed_on=date(2026, 5, 1), latitude=latitude, longitude=longitude, band=band_of(latitude), low=0.4,
            high=0.6, inside=True, environment={},
        )
        for number, (latitude, longitude) in enumerate(places)
    ]  # fmt: skip
    db.session.add_all(rows)
    db.session.commit()


def ids_within(area: object) -> list[str]:
    rows = db.session.query(Observation).order_by(Observation.id.desc())
    return [row.id for row in rows if area.contains(row.latitude, row.longitude)]


@pytest.fixture
def scattered(site, monkeypatch):
    # a page is put together from several blocks
    monkeypatch.setattr(search, "_BLOCK", 40)
    with site.app_context():
        entry = snapshot.current().by_slug[WHEATEAR]
        store(scatter(300), entry.id, entry.model.id)
    return site


@pytest.mark.parametrize(("query", "area"), AREAS)
def test_the_list_has_what_a_look_at_every_row_finds(scattered, query, area):
    with scattered.app_context():
        expected = ids_within(area)
    client = scattered.test_client()
    assert listed(client, limit=100, **query) == expected
    assert listed(client, limit=7, **query) == expected


def test_a_page_that_looked_at_enough_rows_is_short_and_continued(scattered, monkeypatch):
    monkeypatch.setattr(search, "_MOST_READ", 80)
    query = {"polygon": "0,0;60,0;0,0.5", "limit": 50}
    page = scattered.test_client().get("/api/v1/observations", query_string={**query, "bbox": ""}).json
    assert page["next"] is None or len(page["items"]) < 50
    wide = {"polygon": "-89,-179;89,-179;89,-178.9;-88.9,-179;-88.9,179;-89,179", "limit": 5}
    with scattered.app_context():
        expected = ids_within(read_polygon(wide["polygon"]))
    assert listed(scattered.test_client(), **wide) == expected


def test_filters_are_combined(scattered):
    client = scattered.test_client()
    assert listed(client, bbox="-10,-10,10,10", state="accepted") == []
    assert listed(client, bbox="-10,-10,10,10", state="pending", species=WHEATEAR) != []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"bbox": "1,2,3"}, "/bbox"),
        ({"bbox": "1,2,3,4", "near": "1,2"}, "/near"),
        ({"near": "1,2"}, "/radius_km"),
        ({"near": "1,2", "radius_km": "-1"}, "/radius_km"),
        ({"near": "1,2", "radius_km": "nan"}, "/radius_km"),
        ({"near": "1,2", "radius_km": "30000"}, "/radius_km"),
        ({"near": "100,2", "radius_km": "1"}, "/near"),
        ({"radius_km": "1"}, "/near"),
        ({"polygon": "1,2;3,4"}, "/polygon"),
        ({"polygon": "1" * 6_001}, "/polygon"),
        ({"bbox": "1,2,3,4\x00"}, "/bbox"),
    ],
)
def test_a_wrong_area_is_named(visitor, query, pointer):
    refused = visitor.get("/api/v1/observations", query_string=query)
    assert refused.status_code == 422, refused.json
    assert refused.json["errors"][0]["pointer"] == pointer
