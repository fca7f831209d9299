"""A study of own data with small real files: a table of records, two layers of today and one of the future."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from app import create_app
from tests.contract.conftest import LintingClient, make_settings, upgrade

#: 20 by 20 cells of half a degree from 10° W, 45° N.
SIZE, WEST, NORTH, CELL = 20, -10.0, 45.0, 0.5
LICENCES = ("CC_BY_4_0", "CC_BY_NC_4_0")


def write_layer(path: Path, values: np.ndarray) -> None:
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=SIZE,
        height=SIZE,
        count=1,
        dtype="float32",
        crs="EPSG:4326",
        transform=from_origin(WEST, NORTH, CELL, CELL),
        nodata=-9999,
    ) as raster:
        raster.write(values.astype("float32"), 1)


def make_files(folder: Path) -> list[Path]:
    """Write the files: 40 records in 40 cells, and of them 10 CC BY-NC, 1 fossil, 2 without coordinates."""
    rows, columns = np.indices((SIZE, SIZE))
    write_layer(folder / "bio1.tif", 5.25 + 0.5 * rows + 0.01 * columns)
    rain = 300.5 + 11.0 * columns
    rain[0, :4] = -9999
    write_layer(folder / "bio12.tif", rain)
    write_layer(folder / "wc2.1_10m_bio_1_MIROC6_ssp585_2081-2100.tif", 9.25 + 0.5 * rows)
    lines = ["scientificName,decimalLongitude,decimalLatitude,basisOfRecord,license,note"]
    for number in range(40):
        longitude = WEST + CELL * (number % 10 + 5.3)
        latitude = NORTH - CELL * (number // 10 + 4.3)
        basis = "FOSSIL_SPECIMEN" if number == 0 else "HUMAN_OBSERVATION"
        lines.append(f"Lacerta agilis,{longitude:.4f},{latitude:.4f},{basis},{LICENCES[number % 4 == 3]},n{number}")
    lines += ["Lacerta agilis,,,HUMAN_OBSERVATION,CC_BY_4_0,none"] * 2
    (folder / "records.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def own_app(tmp_path_factory):
    app = create_app(make_settings(tmp_path_factory.mktemp("own")))
    upgrade(app)
    app.test_client_class = LintingClient
    return app


@pytest.fixture(scope="module")
def own_files(tmp_path_factory):
    return make_files(tmp_path_factory.mktemp("files"))


@pytest.fixture
def own_client(own_app):
    return own_app.test_client()


def create_study(client, title, files=()):
    response = client.post("/api/v1/studies", json={"title": title})
    assert response.status_code == 201, response.json
    slug = response.json["slug"]
    for path in files:
        response = client.put(
            f"/api/v1/studies/{slug}/files/{path.name}",
            data=path.read_bytes(),
            content_type="application/octet-stream",
        )
        assert response.status_code in (200, 201), response.json
    return slug


@pytest.fixture(scope="module")
def slug(own_app, own_files):
    """A study whose recipe tests change; each test begins with the rules that it needs."""
    return create_study(own_app.test_client(), "Own lizards", own_files)
