"""Maps for other programs: the suitable area, the picture with its legend, and the STAC item of all files."""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import contextmanager
from io import BytesIO

import numpy as np
import pyogrio
import pytest
import rasterio
from PIL import Image
from pystac import STACObjectType
from pystac.validation.stac_validator import JsonSchemaSTACValidator
from rasterio.io import MemoryFile
from werkzeug.serving import make_server

from app.cartography.coast_pieces import COLUMNS, FOLDER, ROWS, piece_name
from tests.contract.maps.conftest import start
from tests.contract.trainings.conftest import work
from tests.stored_layers import HILLS, WARMER

COG = "image/tiff; application=geotiff; profile=cloud-optimized"


@contextmanager
def served(client):
    """A real server of the application, as root of addresses, and the ranges that are asked of it."""
    ranges = []

    def recorded(environ, start_response):
        ranges.append(environ.get("HTTP_RANGE", ""))
        return client.application.wsgi_app(environ, start_response)

    server = make_server("127.0.0.1", 0, recorded, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}", ranges
    finally:
        server.shutdown()
        thread.join()


def folder_of(client, address):
    return client.application.config["SETTINGS"].data_dir / "maps" / address.rsplit("/", 1)[1]


# --- the suitable area -----------------------------------------------------------------------------------------------


def test_the_suitable_area(mapped):
    client, address = mapped
    response = client.get(f"{address}.geojson")
    assert response.mimetype == "application/geo+json"
    assert "suitable-area.geojson" in response.headers["Content-Disposition"]
    content = client.get(address).json["content"]
    for feature in response.json["features"]:
        verdict = feature["properties"]["verdict"]
        assert feature["properties"]["area_km2"] == content["area_km2"]["by_verdict"][verdict]
        assert feature["properties"]["species"] == "Oenanthe hispanica"
        assert (feature["geometry"] is None) == (content["cells"]["by_verdict"][verdict] == 0)
    etag = response.headers["ETag"]
    assert client.get(f"{address}.geojson", headers={"If-None-Match": etag}).status_code == 304
    part = client.get(f"{address}.geojson", headers={"Range": "bytes=5-24"})
    assert (part.status_code, part.data) == (206, response.data[5:25])


def test_gdal_reads_the_suitable_area_over_http(mapped):
    client, address = mapped
    with served(client) as (root, _):
        _, _, shapes, fields = pyogrio.raw.read(f"/vsicurl/{root}{address}.geojson")
    assert len(shapes) == 2
    assert list(fields[0]) == ["suitable", "probably_suitable"]


def test_a_map_of_an_earlier_version_has_no_suitable_area(own_map):
    client, address = own_map
    (folder_of(client, address) / "suitable.geojson").unlink()
    summary = folder_of(client, address) / "map.json"
    content = json.loads(summary.read_text())
    del content["outlines"]
    summary.write_text(json.dumps(content))
    response = client.get(f"{address}.geojson")
    assert response.status_code == 404
    assert "make it again" in response.json["detail"]
    assert "suitable_area" not in client.get(f"{address}/item").json["assets"]
    assert "GeoJSON" not in client.get(address.removeprefix("/api/v1")).text


def test_a_link_in_place_of_the_file_is_not_followed(own_map, tmp_path):
    client, address = own_map
    path = folder_of(client, address) / "suitable.geojson"
    path.unlink()
    (tmp_path / "secret").write_text("secret")
    path.symlink_to(tmp_path / "secret")
    assert client.get(f"{address}.geojson").status_code == 404


@pytest.mark.parametrize("part", [".geojson", "/item"])
def test_maps_that_do_not_exist_or_are_not_finished(layered, part):
    client = layered.test_client()
    _, address = start(client)
    response = client.get(f"{address}{part}")
    assert (response.status_code, response.json["detail"]) == (404, "This map is not finished.")
    assert client.get(f"/api/v1/maps/00000000-0000-4000-8000-000000000000{part}").status_code == 404


# --- STAC ------------------------------------------------------------------------------------------------------------


def valid(document, kind):
    """Check a document against the JSON schemas of STAC 1.1, which come with pystac."""
    return JsonSchemaSTACValidator().validate_core(document, kind, document["stac_version"])


def test_the_item_is_valid(mapped):
    client, address = mapped
    response = client.get(f"{address}/item")
    assert response.mimetype == "application/geo+json"
    item = response.json
    assert valid(item, STACObjectType.ITEM).endswith("v1.1.0/item-spec/json-schema/item.json")
    # required or limited by the extensions
    properties = item["properties"]
    assert (properties["proj:code"], properties["proj:shape"]) == ("EPSG:4326", [20, 20])
    assert properties["proj:transform"] == [HILLS.cell_x, 0, HILLS.west, 0, -HILLS.cell_y, HILLS.north]
    assert properties["sci:citation"] == client.get(address).json["content"]["citation"]
    assert item["bbox"] == pytest.approx([2.0, 41.0, 4.0, 43.0])
    assert {len(ring) for ring in item["geometry"]["coordinates"]} == {5}
    links = {one["rel"]: one["href"] for one in item["links"]}
    assert links["self"] == f"http://localhost{address}/item"
    assert links["root"] == links["parent"] == links["collection"] == "http://localhost/api/v1/stac"
    assert client.get(links["license"]).status_code == 200
    cogs = {name: one for name, one in item["assets"].items() if one["type"] == COG}
    assert len(cogs) == 8
    for name, asset in cogs.items():
        (band,) = asset["bands"]
        with MemoryFile(client.get(asset["href"]).data) as memory, memory.open() as file:
            assert band["data_type"] == file.dtypes[0]
            assert band.get("raster:scale", 1.0) == file.scales[0]
            assert (str(file.nodata) if np.isnan(file.nodata) else file.nodata) == band["nodata"], name
    classes = cogs["verdict"]["bands"][0]["classification:classes"]
    assert [(one["value"], one["name"]) for one in classes][-1] == (4, "cannot_say")
    for name in ("thumbnail", "suitable_area"):
        assert client.get(item["assets"][name]["href"]).mimetype == item["assets"][name]["type"]


def test_gdal_opens_every_asset_by_its_address(mapped):
    client, address = mapped
    folder = folder_of(client, address)
    with served(client) as (root, ranges):
        item = client.get(f"{address}/item", base_url=root).json
        for name, asset in item["assets"].items():
            if asset["type"] != COG:
                continue
            assert asset["href"].startswith(root)
            with (
                rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),
                rasterio.open(f"/vsicurl/{asset['href']}") as file,
            ):
                values, crs, transform = file.read(1), file.crs.to_string(), list(file.transform)[:6]
            with rasterio.open(folder / f"{name}.tif") as stored:
                np.testing.assert_array_equal(values, stored.read(1))
            assert (crs, transform) == (item["properties"]["proj:code"], item["properties"]["proj:transform"])
            content = (folder / f"{name}.tif").read_bytes()
            assert asset["file:size"] == len(content)
            assert asset["file:checksum"] == "1220" + hashlib.sha256(content).hexdigest()
    assert sum(one.startswith("bytes=") for one in ranges) >= 8


def test_the_collection_lists_the_maps_page_by_page(own_map):
    client, address = own_map
    copy = client.application
    _, other = start(client, scenario=WARMER)
    assert work(copy) == 0
    collection = client.get("/api/v1/stac").json
    valid(collection, STACObjectType.COLLECTION)
    items = [one["href"] for one in collection["links"] if one["rel"] == "item"]
    assert items == [f"http://localhost{one}/item" for one in (other, address)]
    first = client.get("/api/v1/stac?limit=1").json
    (following,) = (one["href"] for one in first["links"] if one["rel"] == "next")
    second = client.get(following).json
    assert [one["href"] for page in (first, second) for one in page["links"] if one["rel"] == "item"] == items
    assert "next" not in {one["rel"] for one in second["links"]}
    for href in items:
        item = client.get(href).json
        valid(item, STACObjectType.ITEM)
        assert item["collection"] == collection["id"]
    assert client.get(f"{other}/item").json["properties"]["ecopredict:scenario"] == WARMER
    assert client.get("/api/v1/stac?limit=0").status_code == 422


def test_the_collection_without_a_map(layered):
    collection = layered.test_client().get("/api/v1/stac").json
    valid(collection, STACObjectType.COLLECTION)
    assert collection["extent"]["temporal"]["interval"] == [[None, None]]


# --- the picture -----------------------------------------------------------------------------------------------------


def opened(response):
    assert (response.status_code, response.mimetype) == (200, "image/png")
    image = Image.open(BytesIO(response.data)).convert("RGBA")
    paper = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(paper, image).convert("RGB")


def test_the_picture_has_the_map_and_its_legend(mapped):
    client, address = mapped
    plain, sheet = opened(client.get(f"{address}.png?plain=1")), opened(client.get(f"{address}.png"))
    assert sheet.width == 940
    assert sheet.height > plain.height + 200
    # the map itself is in the sheet; where it is clear, the paper is white
    pixels, map_pixels = np.asarray(sheet), np.asarray(plain)
    left = (sheet.width - plain.width) // 2
    shown = next(
        top
        for top in range(sheet.height - plain.height)
        if np.array_equal(
            pixels[top + 5 * plain.height // 8, left : left + plain.width], map_pixels[5 * plain.height // 8]
        )
    )
    # the scale, below the map: both ends of viridis, its threshold as a dark line, and the hatching
    below = pixels[shown + plain.height :]
    row = next(line for line in below if (line[25] == (68, 1, 84)).all() and (line[435] == (253, 231, 37)).all())
    threshold = client.get(address).json["content"]["threshold"]["value"]
    dark = np.flatnonzero((row[:440] == (0x1B, 0x1F, 0x23)).all(axis=1))
    assert abs(dark.mean() - (20 + threshold * 420)) < 2
    for grey in ((206, 209, 212), (138, 143, 148)):
        assert (below == grey).all(axis=2).any()


def test_the_address_on_the_picture_is_that_of_the_site(mapped):
    client, address = mapped
    here = client.get(f"{address}.png")
    other = client.get(f"{address}.png", base_url="http://127.0.0.1:8123")
    assert here.headers["ETag"] != other.headers["ETag"]
    assert here.data != other.data
    again = client.get(f"{address}.png", headers={"If-None-Match": here.headers["ETag"]})
    assert again.status_code == 304
    assert client.get(f"{address}.png?plain=maybe").status_code == 422


def test_the_page_says_how_other_programs_open_the_map(mapped):
    client, address = mapped
    page = client.get(f"{address.removeprefix('/api/v1')}?quantity=low").text
    assert f"/vsicurl/http://localhost{address}.tif?quantity=low" in page
    for link in (f"{address}.geojson", f"{address}/item", "/api/v1/stac", f"{address}.png?quantity=low&amp;plain=1"):
        assert f'href="{link}"' in page


# --- coasts ----------------------------------------------------------------------------------------------------------


def test_coasts_are_served_and_drawn_where_they_are_stored(own_map):
    client, address = own_map
    page = address.removeprefix("/api/v1")
    assert client.get("/map/coasts/6-1.json").status_code == 404
    assert 'data-coasts="0"' in client.get(page).text
    before = client.get(f"{address}.png?plain=1").data
    folder = client.application.config["SETTINGS"].data_dir / FOLDER
    folder.mkdir(parents=True)
    for column in range(COLUMNS):
        for row in range(ROWS):
            lines = [[[2.5, 41.5], [3.5, 42.5]]] if (column, row) == (6, 1) else []
            content = {"type": "MultiLineString", "coordinates": lines}
            (folder / piece_name(column, row)).write_text(json.dumps(content))
    response = client.get("/map/coasts/6-1.json")
    assert response.mimetype == "application/geo+json"
    assert response.json["coordinates"] == [[[2.5, 41.5], [3.5, 42.5]]]
    assert "max-age=86400" in response.headers["Cache-Control"]
    assert 'data-coasts="1"' in client.get(page).text
    assert client.get(f"{address}.png?plain=1").data != before
    assert client.get("/map/coasts/12-0.json").status_code == 404
