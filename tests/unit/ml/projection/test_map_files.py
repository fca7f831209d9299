"""The files of a map: cloud-optimised GeoTIFFs that GDAL reads over HTTP, with legend, tags and overviews."""

import json
import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine
from rio_cogeo.cogeo import cog_validate

from ml.projection.cogs import write_cog
from ml.projection.errors import ProjectionError
from ml.projection.project import project
from ml.projection.quantities import quantities_of
from ml.recipes.reports import Grid
from ml.serving.verdict import VERDICTS, WORDS
from tests.unit.ml.projection.made_maps import opened, read, write_layers


@pytest.fixture(scope="module")
def finished(survey, tmp_path_factory):
    """A map and its summary."""
    folder = tmp_path_factory.mktemp("finished")
    with opened(survey, write_layers(folder / "layers")) as inputs:
        return folder / "map", project(survey, inputs, folder / "map", coarse=True)


def large(tmp_path, survey, name, height=1300, width=1100, seed=0):
    """Random values of a quantity, and the file written of them."""
    quantity = next(one for one in quantities_of(survey.card) if one.name == name)
    draw = np.random.default_rng(seed)
    top = len(quantity.categories) or 10_001
    cells = draw.integers(0, top, (height, width)).astype(quantity.dtype)
    cells[: height // 3] = quantity.nodata
    cells.tofile(tmp_path / f"{name}.bin")
    grid = Grid(crs="EPSG:3035", width=width, height=height, west=4e6, north=3e6, cell_x=1000, cell_y=1000)
    write_cog(tmp_path, quantity, grid, {"MODEL_ID": "a & b", "CITATION": "Müller (2026) <x>"})
    return cells, tmp_path / quantity.file


def test_the_folder_has_the_files_and_nothing_else(finished):
    folder, summary = finished
    files = {one["file"] for one in summary["quantities"].values()}
    assert len(files) == 8
    named = {f"{name}.aux.xml" for name in ("verdict.tif", "inside.tif", "most_dissimilar.tif")}
    assert {path.name for path in folder.iterdir()} == {*files, *named, "map.json", "suitable.geojson"}
    assert json.loads((folder / "map.json").read_text()) == summary


def test_all_files_are_cloud_optimised(finished, tmp_path, survey):
    folder, summary = finished
    paths = [folder / one["file"] for one in summary["quantities"].values()]
    paths += [large(tmp_path, survey, name)[1] for name in ("suitability", "verdict", "mess")]
    for path in paths:
        valid, errors, warnings = cog_validate(path, strict=True, quiet=True)
        assert (valid, errors, warnings) == (True, [], []), path
        with rasterio.open(path) as file:
            assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"


def test_numbers_say_how_they_are_stored(finished):
    folder, _ = finished
    expected = {
        "suitability": ("uint16", 65535, 1e-4),
        "low": ("uint16", 65535, 1e-4),
        "high": ("uint16", 65535, 1e-4),
        "verdict": ("uint8", 255, 1.0),
        "inside": ("uint8", 255, 1.0),
        "most_dissimilar": ("uint8", 255, 1.0),
    }
    for name, (dtype, nodata, scale) in expected.items():
        with rasterio.open(folder / f"{name}.tif") as file:
            assert (file.dtypes[0], file.nodata, file.scales[0]) == (dtype, nodata, scale), name
    for name in ("index", "mess"):
        with rasterio.open(folder / f"{name}.tif") as file:
            assert file.dtypes[0] == "float32"
            assert np.isnan(file.nodata)


def test_place_and_tags(finished, survey):
    folder, summary = finished
    for name, one in summary["quantities"].items():
        with rasterio.open(folder / one["file"]) as file:
            tags = file.tags()
            assert file.crs.to_epsg() == 4326
            assert file.transform.almost_equals(Affine(0.01, 0, 2, 0, -0.01, 43))
            assert (file.height, file.width) == (90, 130)
        assert tags["MODEL_ID"] == survey.model_id == summary["model_id"]
        assert tags["SPECIES"] == "Oenanthe hispanica"
        assert tags["STUDY"] == "Test hills"
        assert tags["SCENARIO"] == "present"
        assert tags["QUANTITY"] == name
        assert tags["DESCRIPTION"] == one["description"]
        assert tags["LICENCE"].split("; ")[0] == "CC0-1.0"
        assert "Nobody (2026)" in tags["CITATION"]
        assert tags["THRESHOLD"] == f"{survey.predictor.cutoff().value!r} (maxSSS)"


def test_the_legend_is_in_the_file_and_beside_it(finished, survey):
    folder, summary = finished
    with rasterio.open(folder / "verdict.tif") as file:
        assert file.tags()["LEGEND"] == "; ".join(f"{n} = {WORDS[name]}" for n, name in enumerate(VERDICTS))
        palette = file.colormap(1)
    names = (folder / "verdict.tif.aux.xml").read_text()
    for one in summary["legend"]:
        red, green, blue, alpha = palette[one["index"]]
        assert f"#{red:02x}{green:02x}{blue:02x}" == one["colour"]
        assert alpha == 255
        assert f"<Category>{one['label']}</Category>" in names
    with rasterio.open(folder / "most_dissimilar.tif") as file:
        colours = [file.colormap(1)[n][:3] for n in range(len(survey.card.predictors))]
    assert len(set(colours)) == len(colours)
    assert [one["name"] for one in summary["quantities"]["most_dissimilar"]["categories"]] == summary["predictors"]


def test_overviews_of_categories_are_categories_and_those_of_suitability_means(tmp_path, survey):
    cells, path = large(tmp_path, survey, "verdict")
    with rasterio.open(path) as file:
        assert file.overviews(1)
        half = file.read(1, out_shape=(650, 550))
    # The most frequent of four, in each of the blocks that have one.
    for row, column in ((500, 7), (600, 300), (649, 549)):
        four = Counter(cells[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].ravel().tolist()).most_common(2)
        if len(four) == 1 or four[0][1] > four[1][1]:
            assert half[row, column] == four[0][0]
    assert set(np.unique(half).tolist()) == {*range(5), 255}
    cells, path = large(tmp_path, survey, "suitability")
    with rasterio.open(path) as file:
        half = file.read(1, out_shape=(650, 550)).astype(float)
    four = cells.astype(float).reshape(650, 2, 550, 2)
    four[four == 65535] = np.nan
    means = np.nanmean(four[217:], axis=(1, 3))
    assert np.abs(half[217:] - means).max() <= 0.5
    assert (half[:216] == 65535).all()


def test_the_sums_of_the_summary_are_those_of_the_files(finished):
    folder, summary = finished
    counts = np.bincount(read(folder, "verdict").ravel(), minlength=256)
    assert summary["cells"]["by_verdict"] == dict(zip(VERDICTS, counts[:5].tolist(), strict=True))
    assert summary["cells"]["total"] - summary["cells"]["valid"] == counts[255]
    inside = read(folder, "inside")
    assert summary["beyond"]["cells"] == (inside == 0).sum() > 0
    assert summary["beyond"]["share"] == (inside == 0).sum() / (inside != 255).sum()
    members = list(summary)
    assert members.index("beyond") < members.index("cells") < members.index("area_km2")
    outside = read(folder, "mess") < 0
    assert summary["beyond"]["outside_range"]["cells"] == outside.sum() > 0
    assert (inside[outside] == 0).all()
    areas = summary["beyond"]["area_share"], summary["beyond"]["outside_range"]["area_share"]
    assert summary["beyond"]["sentence"] == (
        f"{100 * areas[0]:.0f} % of the map's area lies beyond what the model has seen in training; in "
        f"{100 * areas[1]:.0f} % of the area a value is outside its training range."
    )


def test_a_file_that_lacks_a_part_is_noticed(tmp_path, survey, monkeypatch):
    """GDAL does not report every error of a disk: the file is read again."""
    import rasterio.shutil

    copy = rasterio.shutil.copy

    def damage(source, target, **options):
        copy(source, target, **options)
        raw = np.memmap(tmp_path / "suitability.bin", "<u2", "r+")
        raw[-1] ^= 1

    monkeypatch.setattr(rasterio.shutil, "copy", damage)
    with pytest.raises(ProjectionError, match="was not written completely"):
        large(tmp_path, survey, "suitability")


@contextmanager
def served(folder):
    """A server of files that answers ranges; yields its address and the bytes that it sent, by file."""
    sent = Counter()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_HEAD(self):
            self.answer(body=False)

        def do_GET(self):
            self.answer(body=True)

        def answer(self, body):
            path = folder / self.path.strip("/")
            if not path.is_file():
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            content = path.read_bytes()
            start, stop = 0, len(content)
            wanted = self.headers.get("Range")
            if wanted:
                first, last = wanted.removeprefix("bytes=").split("-")
                start, stop = int(first), min(stop, int(last) + 1)
            self.send_response(206 if wanted else 200)
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(stop - start))
            if wanted:
                self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(content)}")
            self.end_headers()
            if body:
                self.wfile.write(content[start:stop])
                sent[path.name] += stop - start

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", sent
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_gdal_reads_a_part_over_http_and_fetches_a_part(tmp_path, survey):
    cells, path = large(tmp_path, survey, "suitability", 2600, 2200)
    window = rasterio.windows.Window(1500, 2000, 20, 10)
    with (
        served(tmp_path) as (address, sent),
        rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR", GDAL_HTTP_PROXY="", GDAL_HTTPS_PROXY=""),
        rasterio.open(f"/vsicurl/{address}/suitability.tif") as file,
    ):
        assert file.tags()["CITATION"] == "Müller (2026) <x>"
        np.testing.assert_array_equal(file.read(1, window=window), cells[2000:2010, 1500:1520])
        part = sent["suitability.tif"]
        file.read(1, out_shape=(130, 110))
    size = path.stat().st_size
    assert 0 < part < size / 4
    assert sent["suitability.tif"] < size
