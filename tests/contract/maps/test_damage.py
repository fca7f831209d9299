"""Damaged files of maps and of layers: a problem each, and nothing else is lost."""

from __future__ import annotations

import html
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio

from tests.contract.conftest import WHEATEAR
from tests.contract.maps.conftest import API, start
from tests.contract.trainings.conftest import work
from tests.stored_layers import WARMER
from tests.variants import thorough


@pytest.fixture
def damaged(own_map) -> tuple[object, str, Path]:
    """A client, the address of its map, and the folder of the map."""
    client, address = own_map
    return client, address, client.application.config["SETTINGS"].data_dir / "maps" / address.rpartition("/")[2]


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def noisy(path: Path) -> None:
    path.write_bytes(np.random.default_rng(1).bytes(path.stat().st_size))


def noisy_cells(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-300:-20] = np.random.default_rng(2).bytes(280)
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [truncated, emptied, noisy, noisy_cells])
def test_a_damaged_file_is_a_problem_that_no_cache_stores(damaged, damage):
    client, address, folder = damaged
    damage(folder / "suitability.tif")
    parts = [".tif"] if damage is noisy_cells else [".tif", ".png", "/tiles/7/64/47.png"]
    for part in parts:
        response = client.get(f"{address}{part}")
        assert (response.status_code, response.mimetype) == (503, "application/problem+json"), part
        assert "damaged" in response.json["detail"]
        assert "no-store" in response.headers["Cache-Control"]
    assert client.get(f"{address}.tif?quantity=low").status_code == 200


def test_cells_that_cannot_be_decoded_are_not_drawn(damaged):
    client, address, folder = damaged
    expected = client.get(f"{address}/tiles/7/64/47.png").data
    noisy_cells(folder / "suitability.tif")
    response = client.get(f"{address}/tiles/7/64/47.png")
    assert response.status_code == 503 or response.data == expected


def test_the_file_of_another_map_is_not_drawn(damaged):
    """It can be decoded, and has the grid of this map."""
    client, address, folder = damaged
    path = folder / "suitability.tif"
    with rasterio.open(path, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as file:
        file.write(np.full((1, file.height, file.width), 100, dtype=np.uint16))
    for part in (".tif", ".png", "/tiles/7/64/47.png", "/tiles/7/64/47.png?quantity=suitability"):
        assert client.get(f"{address}{part}").status_code == 503, part
    # the others are hatched by the file of the verdict, which is whole
    assert client.get(f"{address}/tiles/7/64/47.png?quantity=low").status_code == 200
    noisy(folder / "verdict.tif")
    assert client.get(f"{address}/tiles/7/64/47.png?quantity=low").status_code == 503


def test_a_suitable_area_that_was_changed_is_not_sent(damaged):
    client, address, folder = damaged
    whole = client.get(f"{address}.geojson")
    assert whole.status_code == 200 and whole.data == (folder / "suitable.geojson").read_bytes()
    part = client.get(f"{address}.geojson", headers={"Range": "bytes=5-9"})
    assert (part.status_code, part.data) == (206, whole.data[5:10])
    for damage in (truncated, noisy):
        damage(folder / "suitable.geojson")
        response = client.get(f"{address}.geojson")
        assert (response.status_code, response.mimetype) == (503, "application/problem+json")
    (folder / "suitable.geojson").unlink()
    response = client.get(f"{address}.geojson")
    assert response.status_code == 404 and "earlier version" not in response.json["detail"]
    # and the map can be made again
    assert start(client)[1] != address


@pytest.mark.parametrize("what", ["suitability.tif", "map.json", ""])
def test_links_are_not_followed(damaged, tmp_path, what):
    client, address, folder = damaged
    path, target = (folder / what) if what else folder, tmp_path / "secret"
    path.rename(target)
    path.symlink_to(target)
    for part in (".tif", ".png", "/tiles/7/64/47.png"):
        assert client.get(f"{address}{part}").status_code == 404, part


def without(member: str, value: object = ...):
    def change(content: dict) -> None:
        *path, last = member.split(".")
        for name in path:
            content = content[name]
        if value is ...:
            del content[last]
        else:
            content[last] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        without("beyond"),
        without("beyond.sentence", None),
        without("area_km2", {}),
        without("area_km2.by_verdict.suitable"),
        without("area_km2.valid", float("nan")),
        without("cells", None),
        without("threshold.value", "high"),
        without("grid.west"),
        without("quantities", None),
        without("quantities.verdict.categories", None),
        without("citation", 7),
    ],
)
def test_a_map_with_a_damaged_summary_says_so_and_others_are_listed(damaged, change):
    client, address, folder = damaged
    content = json.loads((folder / "map.json").read_text())
    change(content)
    (folder / "map.json").write_text(json.dumps(content))
    found = client.get(address).json
    assert (found["content"], found["problem"]) == (None, "The summary of this map is damaged.")
    assert [one["problem"] for one in client.get(API).json["items"]] == ["The summary of this map is damaged."]
    page = address.removeprefix("/api/v1")
    for one in (page, "/map"):
        response = client.get(one)
        assert response.status_code == 200
        assert "The summary of this map is damaged." in response.text


@pytest.mark.parametrize("loss", ["summary", *map(thorough, ["folder", "file", "part of a file"])])
def test_a_lost_map_is_started_again(damaged, loss):
    client, address, folder = damaged
    if loss == "folder":
        shutil.rmtree(folder)
    elif loss == "file":
        (folder / "verdict.tif").unlink()
    else:
        truncated(folder / ("map.json" if loss == "summary" else "verdict.tif"))
    job, other = start(client)
    assert other != address
    assert client.get(job).json["state"] == "queued"
    # and once only
    assert start(client) == (job, other)
    assert work(client.application) == 0
    assert client.get(other).json["content"]["cells"]["total"] == 400


def test_damaged_layers_are_unavailable(layered):
    client = layered.test_client()
    (index,) = layered.config["SETTINGS"].layers_dir.glob("*/*/layers.json")
    whole = index.read_text()
    index.write_text(whole[:200])
    for scenario in (None, WARMER):
        response = client.post(API, json={"species": WHEATEAR, "scenario": scenario})
        assert (response.status_code, response.json["detail"]) == (
            503,
            "The layers of this study cannot be read right now.",
        )
    assert client.post("/map", data={"species": WHEATEAR, "scenario": ""}).status_code in (422, 503)
    index.write_text(whole)
    (index.parent / "training.npy").unlink()
    response = client.post(API, json={"species": WHEATEAR})
    assert response.status_code == 503
    page = client.post("/map", data={"species": WHEATEAR, "scenario": ""})
    assert page.status_code == 503
    assert "The layers of this study cannot be read right now." in html.unescape(page.text)


def test_a_map_deleted_while_its_job_ends_can_be_started_again(layered, killed_at):
    client = layered.test_client()
    job, address = start(client)
    killed_at(layered, "blocks")
    assert client.delete(address).status_code == 200
    assert client.get(job).json["state"] == "running"
    again, other = start(client)
    assert (again != job, other != address) == (True, True)


@pytest.mark.thorough
def test_the_attempts_of_a_killed_job_are_counted(layered, killed_at):
    """As those of a training: of the present step."""
    client = layered.test_client()
    job, _ = start(client)
    assert client.get(job).json["attempts"] == 0
    for n in (1, 2):
        killed_at(layered, "blocks")
        assert client.get(job).json["attempts"] == n


def test_another_key_leads_to_the_map_that_there_is(mapped):
    client, address = mapped
    body = {"species": WHEATEAR}
    replies = [client.post(API, json=body, headers={"Idempotency-Key": key}) for key in ("a", "b")]
    replies.append(client.post(API, json=body))
    assert {reply.headers["Link"].split(">")[0][1:] for reply in replies} == {address}
    assert len(client.get(API).json["items"]) == 1


@pytest.mark.parametrize("name", ["nope", ""])
def test_maps_of_an_unknown_species_are_refused(mapped, name):
    response = mapped[0].get(f"{API}?species={name}")
    assert response.status_code == 422
    assert response.json["errors"][0]["pointer"] == "/species"
    assert len(mapped[0].get(f"{API}?species={WHEATEAR}").json["items"]) == 1
    assert mapped[0].get(f"{API}?species=parus-major").json["items"] == []


@pytest.mark.parametrize("text", ["items=0-5", "bytes=-99999999", "bytes=0-1,5-6", "bytes=9-1", "nonsense"])
def test_ranges_that_are_ignored(mapped, text):
    client, address = mapped
    complete = client.get(f"{address}.tif").data
    response = client.get(f"{address}.tif", headers={"Range": text})
    assert response.status_code == (206 if text == "bytes=-99999999" else 200)
    assert response.data == complete


def test_the_end_of_a_file(mapped):
    client, address = mapped
    complete = client.get(f"{address}.tif").data
    response = client.get(f"{address}.tif", headers={"Range": "bytes=-20"})
    assert (response.status_code, response.data) == (206, complete[-20:])
    assert response.headers["Accept-Ranges"] == "bytes"
