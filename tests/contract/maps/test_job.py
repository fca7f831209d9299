"""The job of a map: started, repeated, killed, cancelled."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from app import create_app
from tests.contract.conftest import WHEATEAR, make_settings
from tests.contract.maps.conftest import API, start
from tests.contract.trainings.conftest import work
from tests.stored_layers import WARMER


def maps_dir(app) -> Path:
    return app.config["SETTINGS"].data_dir / "maps"


@pytest.mark.thorough
def test_a_worker_killed_at_every_point_gives_one_complete_map(layered, killed_at):
    client = layered.test_client()
    job, address = start(client)
    assert client.get(address).json["state"] == "queued"
    for point in ("blocks", "finish"):
        assert killed_at(layered, point) == -signal.SIGKILL, point
        found = client.get(address).json
        assert (found["state"], found["content"]) == ("running", None), point
        if point == "blocks":
            assert found["has_preview"]
            tile = client.get(f"{address}/tiles/7/64/47.png")
            assert (tile.status_code, tile.headers["Cache-Control"]) == (200, "private, no-store")
            assert client.get(f"{address}.tif").status_code == 404
            page = client.get(address.removeprefix("/api/v1"))
            assert "This is a coarse preview" in page.text
    assert work(layered) == 0
    assert client.get(job).json["state"] == "succeeded"
    assert client.get(job).json["result"] == address.removeprefix("/api/v1")
    found = client.get(address).json
    assert found["state"] == "succeeded"
    assert found["content"]["cells"]["total"] == 400
    assert not (maps_dir(layered) / found["id"] / ".work").exists()
    assert not (maps_dir(layered) / found["id"] / "preview").exists()


def test_a_repeated_request_has_the_same_job(layered):
    client = layered.test_client()
    first = start(client)
    assert start(client) == first
    assert start(client, scenario=WARMER) != first
    model = client.get(first[1]).json["model"]["id"]
    assert client.post(API, json={"model": model}).headers["Location"] == first[0]


def test_an_idempotency_key_is_for_one_map(layered):
    client = layered.test_client()
    body, key = {"species": WHEATEAR}, {"Idempotency-Key": "one"}
    first = client.post(API, json=body, headers=key)
    again = client.post(API, json=body, headers=key)
    assert again.headers["Location"] == first.headers["Location"]
    assert client.post(API, json={**body, "scenario": WARMER}, headers=key).status_code == 409
    assert len(client.get(API).json["items"]) == 1
    address = first.headers["Link"].split(">")[0][1:]
    assert client.delete(address).status_code == 200
    assert client.post(API, json=body, headers=key).status_code == 409


@pytest.mark.parametrize(
    ("body", "pointer", "text"),
    [
        ({"species": WHEATEAR, "scenario": "SSP999"}, "/scenario", WARMER),
        ({"species": WHEATEAR, "scenario": "SSP126 2081–2100"}, "/scenario", "lack soil"),
        ({"species": "parus-major"}, "/species", "not stored on this server"),
        ({"species": "Nemo nemo"}, "/species", ""),
        ({"model": "nothing-1"}, "/model", "no such model"),
        ({"model": "a", "species": "b"}, "", "either model or species"),
        ({"species": WHEATEAR, "kind": "gold"}, "/kind", ""),
        ({"species": WHEATEAR, "scenario": "a\u0000b"}, "/scenario", ""),
    ],
)
def test_a_bad_request_names_its_member(mapped, body, pointer, text):
    response = mapped[0].post(API, json=body)
    assert response.status_code == 422
    assert response.json["errors"][0]["pointer"] == pointer
    assert text in response.json["errors"][0]["detail"]


def test_a_map_cancelled_in_the_middle_leaves_no_files(layered, killed_at):
    client = layered.test_client()
    job, address = start(client)
    assert killed_at(layered, "blocks") == -signal.SIGKILL
    assert list(maps_dir(layered).iterdir())
    assert client.post(f"{job}/cancel").status_code == 202
    assert work(layered) == 0
    assert client.get(job).json["state"] == "cancelled"
    assert client.get(address).json["state"] == "cancelled"
    assert not list(maps_dir(layered).iterdir())
    # it can be started again
    assert start(client)[0] != job


def test_a_map_deleted_in_the_middle_leaves_no_files(layered, killed_at):
    client = layered.test_client()
    job, address = start(client)
    assert killed_at(layered, "blocks") == -signal.SIGKILL
    assert client.delete(address).status_code == 200
    assert client.get(address).status_code == 404
    assert work(layered) == 0
    assert client.get(job).json["state"] in ("cancelled", "failed")
    assert not list(maps_dir(layered).iterdir())


@pytest.mark.thorough
@pytest.mark.parametrize("earlier", [False, True])
def test_a_map_that_a_running_comparison_needs_is_not_deleted(layered, killed_at, earlier):
    """Whether the comparison made it or found it."""
    client = layered.test_client()
    other = start(client, shift={"temperature": 1.0})[1] if earlier else None
    if earlier:
        start(client)
        assert work(layered) == 0
    job, comparison = start(client, kind="change", scenario=WARMER)
    killed_at(layered, "blocks")
    needed = [
        f"{API}/{one['id']}"
        for one in client.get(API).json["items"]
        if one["kind"] == "suitability" and f"{API}/{one['id']}" != other
    ]
    assert len(needed) == 1 + earlier
    for address in needed:
        refused = client.delete(address)
        assert refused.status_code == 409
        assert refused.json["detail"].startswith(
            f"The unfinished comparison {comparison.rpartition('/')[2]} needs this"
        )
        page = client.post(f"{address.removeprefix('/api/v1')}/delete")
        assert (page.status_code, "needs this map" in page.text) == (409, True)
    if other:
        assert client.delete(other).status_code == 200
    assert client.get(job).json["cancel_requested"] is False
    assert work(layered) == 0
    assert client.get(comparison).json["state"] == "succeeded"
    assert all(client.delete(address).status_code == 200 for address in needed)


def test_a_map_of_layers_that_are_gone_fails_in_one_line(layered):
    client = layered.test_client()
    job, address = start(client)
    (layered.config["SETTINGS"].layers_dir / "test-hills").rename(layered.config["SETTINGS"].data_dir / "elsewhere")
    assert work(layered) == 0
    found = client.get(job).json
    assert found["state"] == "failed"
    assert "has no layers that the model" in found["error"]
    assert found["error"] in client.get(address.removeprefix("/api/v1")).text.replace("&#39;", "'")


def test_in_production_maps_are_read_only_without_signing_in(mapped_folder, tmp_path):
    settings = make_settings(
        tmp_path,
        environment="production",
        allowed_hosts=("localhost",),
        database_url=f"sqlite:///{mapped_folder[0]}/test.db",
    )
    app = create_app(settings)
    client = app.test_client()
    assert client.post(API, json={"species": WHEATEAR}).status_code == 401
    assert client.delete(mapped_folder[1]).status_code == 401
    assert client.post("/map", data={"species": WHEATEAR}).location.startswith("/login")
    page = client.get("/map")
    assert page.status_code == 200
    assert "Make the map" not in page.text


@pytest.mark.thorough
def test_a_map_leads_to_those_of_other_conditions(layered):
    client = layered.test_client()
    today, later = start(client)[1], start(client, scenario=WARMER)[1]
    assert work(layered) == 0
    assert client.get(later).json["state"] == "succeeded"
    for address, other, words in ((today, later, WARMER), (later, today, "training (today)")):
        page = client.get(address.removeprefix("/api/v1"))
        target = rf'href="{other.removeprefix("/api/v1")}\?quantity=suitability"'
        link = rf"<a data-follows-quantity {target}>\s*{re.escape(words)}</a>"
        assert re.search(link, page.text)
    # 4 °C change the answers
    cells = [client.get(address).json["content"]["cells"]["by_verdict"] for address in (today, later)]
    assert cells[0] != cells[1]
