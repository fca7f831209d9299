"""Files, tiles and pages of a finished map."""

from __future__ import annotations

import html
import math
import shutil
import threading

import numpy as np
import pytest
import rasterio
from rasterio.io import MemoryFile
from werkzeug.serving import make_server

from app.maps import drawing
from app.maps.palettes import CLEAR, GROUND, HATCH, STEPS
from tests.contract.conftest import WHEATEAR
from tests.stored_layers import HILLS


def pixels(response):
    """The indices of the colours of a PNG, by GDAL."""
    assert response.status_code == 200, response.json
    assert response.mimetype == "image/png"
    with MemoryFile(response.data) as memory, memory.open() as picture:
        return picture.read(1), picture.colormap(1)


def pixel_of(latitude, longitude, z):
    """Tile and pixel of a place, by the formulas of OpenStreetMap's wiki."""
    n = 2**z
    x = (longitude + 180) / 360 * n
    y = (1 - math.asinh(math.tan(math.radians(latitude))) / math.pi) / 2 * n
    return int(x), int(y), int(x % 1 * 256), int(y % 1 * 256)


def test_a_tile_shows_the_answers_of_the_api(mapped):
    client, address = mapped
    seen = set()
    for row, column in ((2, 3), (10, 5), (10, 12), (15, 3), (4, 9)):
        latitude, longitude = HILLS.north - (row + 0.5) * 0.1, HILLS.west + (column + 0.5) * 0.1
        answer = client.post(
            "/api/v1/predictions",
            json={"species": WHEATEAR, "location": {"latitude": latitude, "longitude": longitude}},
        ).json
        x, y, left, top = pixel_of(latitude, longitude, 10)
        tile, _ = pixels(client.get(f"{address}/tiles/10/{x}/{y}.png"))
        index = int(tile[top, left])
        seen.add(answer["verdict"] == "cannot_say")
        if answer["verdict"] == "cannot_say":
            assert index in (GROUND, HATCH)
        else:
            assert abs((index - 1) / (STEPS - 1) - answer["suitability"]) < 1 / (STEPS - 1)
        verdict, table = pixels(client.get(f"{address}/tiles/10/{x}/{y}.png?quantity=verdict"))
        legend = {one["verdict"]: one["colour"] for one in client.get(address).json["content"]["legend"]}
        if answer["verdict"] != "cannot_say":
            colour = "#" + bytes(table[int(verdict[top, left])][:3]).hex()
            assert colour == legend[answer["verdict"]]
    assert False in seen


def test_places_without_an_answer_are_clear(mapped):
    client, address = mapped
    for latitude, longitude in ((42.95, 2.55), (41.0, 3.95), (60.0, 100.0)):
        x, y, left, top = pixel_of(latitude, longitude, 9)
        tile, table = pixels(client.get(f"{address}/tiles/9/{x}/{y}.png"))
        assert tile[top, left] == CLEAR
        assert table[CLEAR][3] == 0


@pytest.mark.parametrize(
    "quantity", ["suitability", "verdict", "low", "high", "index", "mess", "most_dissimilar", "inside"]
)
def test_every_quantity_has_a_file_tiles_and_a_picture(mapped, quantity):
    client, address = mapped
    for part in ("/tiles/0/0/0.png?", "/tiles/6/32/23.png?", ".png?plain=1&"):
        assert pixels(client.get(f"{address}{part}quantity={quantity}"))[0].size
    response = client.get(f"{address}.tif?quantity={quantity}")
    with MemoryFile(response.data) as memory, memory.open() as file:
        assert (file.width, file.height, file.crs.to_epsg()) == (20, 20, 4326)
        assert file.tags()["MODEL_ID"] == client.get(address).json["model"]["id"]


def test_browsers_keep_tiles(mapped):
    client, address = mapped
    first = client.get(f"{address}/tiles/7/64/47.png")
    assert "max-age=31536000, immutable" in first.headers["Cache-Control"]
    again = client.get(f"{address}/tiles/7/64/47.png", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    other = client.get(f"{address}/tiles/7/64/47.png?quantity=low", headers={"If-None-Match": first.headers["ETag"]})
    assert other.status_code == 200


def test_ranges_of_a_file(mapped):
    client, address = mapped
    complete = client.get(f"{address}.tif").data
    part = client.get(f"{address}.tif", headers={"Range": "bytes=10-29"})
    assert (part.status_code, part.data) == (206, complete[10:30])
    assert part.headers["Content-Range"] == f"bytes 10-29/{len(complete)}"
    known = {"Range": "bytes=10-29", "If-None-Match": client.get(f"{address}.tif").headers["ETag"]}
    assert client.get(f"{address}.tif", headers=known).status_code == 304
    beyond = client.get(f"{address}.tif", headers={"Range": "bytes=99999999-"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{len(complete)}")
    etag = part.headers["ETag"]
    assert client.get(f"{address}.tif", headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize(
    "part",
    [
        *("30/0/0", "19/0/0", "2/4/0", "2/0/4", "-1/0/0", "2/-1/0", "1.5/0/0", "a/b/c", "5/5"),
        f"5/{10**30}/0",
        f"{10**30}/0/0",
    ],
)
def test_there_is_no_such_tile(mapped, part):
    client, address = mapped
    assert client.get(f"{address}/tiles/{part}.png").status_code == 404


@pytest.mark.parametrize("part", ["/tiles/1/1/0.png", ".png", ".tif"])
def test_bad_parameters_and_ids(mapped, part):
    client, address = mapped
    assert client.get(f"{address}{part}?quantity=gold").status_code == 422
    assert client.get(f"{address}{part}?colour=red").status_code == 422
    assert client.get(f"/api/v1/maps/../../etc{part}").status_code == 404
    assert client.get(f"/api/v1/maps/00000000-0000-4000-8000-000000000000{part}").status_code == 404


def test_nothing_is_left_of_a_deleted_map(own_map):
    client, address = own_map
    folder = client.application.config["SETTINGS"].data_dir / "maps"
    assert client.get(f"{address}/tiles/1/1/0.png").status_code == 200
    assert client.delete(address).status_code == 200
    for part in ("", ".tif", ".png", "/tiles/1/1/0.png"):
        assert client.get(f"{address}{part}").status_code == 404
    assert client.get(address.removeprefix("/api/v1")).status_code == 404
    assert client.delete(address).status_code == 404
    assert client.get("/api/v1/maps").json["items"] == []
    assert not list(folder.iterdir())


def test_a_tile_that_is_asked_for_while_the_map_replaces_its_preview(own_map, monkeypatch):
    client, address = own_map
    expected = client.get(f"{address}/tiles/1/1/0.png").data
    (folder,) = (client.application.config["SETTINGS"].data_dir / "maps").iterdir()
    preview, names = folder / "preview", [path.name for path in folder.iterdir()]
    preview.mkdir()
    for name in names:
        (folder / name).rename(preview / name)
    draw = drawing.draw

    def finish_and_draw(*arguments):
        # the job ends between the look for the folder and the opening of its file
        for name in names:
            if preview.exists():
                (preview / name).replace(folder / name)
        shutil.rmtree(preview, ignore_errors=True)
        return draw(*arguments)

    monkeypatch.setattr(drawing, "draw", finish_and_draw)
    answer = client.get(f"{address}/tiles/1/1/0.png")
    assert (answer.status_code, answer.data) == (200, expected)
    assert "immutable" in answer.headers["Cache-Control"]


def test_a_map_whose_files_are_lost_says_so(own_map):
    client, address = own_map
    shutil.rmtree(client.application.config["SETTINGS"].data_dir / "maps")
    assert client.get(address).json["content"] is None
    assert client.get(f"{address}/tiles/1/1/0.png").status_code == 404
    assert "not on this server" in client.get(address.removeprefix("/api/v1")).text


def test_the_map_says_first_what_lies_beyond_the_model(mapped):
    client, address = mapped
    content = client.get(address).json["content"]
    assert next(iter(content)) == "beyond"
    page = html.unescape(client.get(address.removeprefix("/api/v1")).text)
    assert page.index(content["beyond"]["sentence"]) < page.index("Area by verdict")
    assert f"threshold {content['threshold']['value']:.2f}" in page
    assert content["beyond"]["share"] > 0
    unsure = content["area_km2"]["by_verdict"]["cannot_say"]
    assert f"cannot say anything on {unsure:,.0f} of {content['area_km2']['valid']:,.0f} km²" in " ".join(page.split())
    # the areas of the cells on the ellipsoid: a cell of 0.1° at 42° N has about 92 km²
    assert 85 < content["area_km2"]["valid"] / content["cells"]["valid"] < 96


def test_the_form_lists_species_with_layers_and_starts_a_map(mapped):
    client, address = mapped
    page = client.get("/map")
    assert "Oenanthe hispanica" in page.text
    assert address.removeprefix("/api/v1") in page.text
    response = client.post("/map", data={"species": WHEATEAR, "scenario": ""})
    assert (response.status_code, response.headers["Location"]) == (303, address.removeprefix("/api/v1"))
    refused = client.post("/map", data={"species": WHEATEAR, "scenario": "SSP999"})
    assert refused.status_code == 422
    assert "Must be one of" in refused.text
    assert client.post("/map", data={"species": "nobody"}).status_code == 422
    assert f"/map?species={WHEATEAR}" in client.get(f"/species/{WHEATEAR}").text
    assert "/map?species=" not in client.get("/species/parus-major").text
    fragment = client.get(f"/map?species={WHEATEAR}", headers={"HX-Request": "true"})
    assert fragment.text.lstrip().startswith("<form")
    assert client.get("/map?species=nobody").status_code == 200


def test_the_picture_without_an_outline_of_the_land(mapped):
    client, address = mapped
    land = client.get("/map/land.json")
    assert land.json == {"type": "MultiLineString", "coordinates": []}
    picture, _ = pixels(client.get(f"{address}.png?plain=1"))
    assert max(picture.shape) == 900
    assert np.unique(picture).size > 3


def test_gdal_reads_parts_of_the_file_over_http(mapped):
    client, address = mapped
    ranges: list[str] = []

    def recorded(environ, start_response):
        ranges.append(environ.get("HTTP_RANGE", ""))
        return client.application.wsgi_app(environ, start_response)

    server = make_server("127.0.0.1", 0, recorded, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        source = f"/vsicurl/http://127.0.0.1:{server.port}{address}.tif?quantity=low"
        with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"), rasterio.open(source) as file:
            values, scale = file.read(1), file.scales[0]
    finally:
        server.shutdown()
        thread.join()
    with MemoryFile(client.get(f"{address}.tif?quantity=low").data) as memory, memory.open() as file:
        np.testing.assert_array_equal(values, file.read(1))
    assert scale == 1e-4
    assert any(one.startswith("bytes=") for one in ranges)
