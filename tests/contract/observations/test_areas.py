"""Lists filtered by place: the same as by looking at every row, on any page size."""

from __future__ import annotations

import pytest

from app.catalogue import snapshot
from app.confirmations import search
from app.geography.areas import read_polygon
from tests.contract.conftest import WHEATEAR
from tests.contract.observations.conftest import listed
from tests.scattered import AREAS, ids_within, scatter, store


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
        ({"polygon": '{"type":"Polygon","coordinates":[[[%s,1],[2,2],[3,3]]]}' % ("9" * 400)}, "/polygon"),
        ({"bbox": "1,2,3,4\x00"}, "/bbox"),
    ],
)
def test_a_wrong_area_is_named(visitor, query, pointer):
    refused = visitor.get("/api/v1/observations", query_string=query)
    assert refused.status_code == 422, refused.json
    assert refused.json["errors"][0]["pointer"] == pointer
