"""Layer files made for the test: values, masks, legends, orientation."""

import struct

import h5py
import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine
from scipy.io import netcdf_file

from ml.layers.files import companions, hash_layers
from ml.layers.inspection import inspect_layers
from ml.layers.stack import open_stack
from ml.recipes.recipe import LayerChoice, Recipe
from tests.unit.ml.layers.made_rasters import codes, reviewed, write_tif

RAMP = np.arange(200, dtype="f4").reshape(10, 20)


def one(path):
    (report,) = inspect_layers(path)
    return report


def values(path, **recipe):
    """Return the first layer as the stack reads it."""
    report = reviewed(path, **recipe)
    with open_stack(path.parent, report, Recipe(title="x")) as stack:
        return stack.read(slice(0, stack.shape[0]), slice(0, stack.shape[1]))[0]


def test_scale_without_nodata(tmp_path):
    stored = np.array([[2853, 65535], [3012, 2900]], dtype="u2")
    path = write_tif(tmp_path / "bio1.tif", stored, scale=0.1, offset=-273.15)
    report = one(path)
    assert (report.minimum, report.maximum) == (pytest.approx(12.15), pytest.approx(28.05))
    assert (report.missing, report.nodata_share) == ([65535.0], 0.25)
    np.testing.assert_allclose(values(path), [[12.15, np.nan], [28.05, 16.85]], rtol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "mark", "others", "missing"),
    [
        ("f4", -9999, [1.5, 20, 30], True),
        ("i2", -32768, [1, 20, 30], True),
        ("i4", -2147483648, [1, 20, 30], True),
        ("f8", -1.7e308, [1.5, 20, 30], True),
        ("f4", -3.4e38, [1.5, 20, 30], True),
        ("f4", np.inf, [1.5, 20, 30], True),
        ("u2", 65535, [1, 20, 30], True),
        # Bathymetry and large counts: the mark is among other values.
        ("f4", -9999, [-9000.5, -10500, 30], False),
        ("u2", 65535, [60000, 65000, 1], False),
    ],
)
def test_undeclared_marks_of_no_value(tmp_path, dtype, mark, others, missing):
    stored = np.array([[mark, others[0]], others[1:]]).astype(dtype)
    path = write_tif(tmp_path / "x.tif", stored)
    report = one(path)
    assert report.nodata_share == (0.25 if missing else 0.0)
    assert np.isnan(values(path)[0, 0]) == missing
    assert (report.minimum, report.maximum) == (
        min(others if missing else [mark, *others]),
        max(others if missing else [mark, *others]),
    )
    assert report.mean == pytest.approx(np.mean(others if missing else [mark, *others]))


def test_another_mark_than_the_declared_one(tmp_path):
    path = write_tif(tmp_path / "x.tif", np.array([[-9999, 1.5], [2, -1]], dtype="f4"), nodata=-1)
    report = one(path)
    assert (report.minimum, report.nodata_share, sorted(report.missing)) == (1.5, 0.5, [-9999.0, -1.0])


def test_integers_become_float32_with_nan(tmp_path):
    path = write_tif(tmp_path / "x.tif", np.array([[1, 0], [700, 3]], dtype="u2"), nodata=0)
    read = values(path)
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, [[1, np.nan], [700, 3]])


def test_masks_and_alpha_bands(tmp_path):
    path = write_tif(tmp_path / "masked.tif", RAMP)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(path, "r+") as data:
        mask = np.full(RAMP.shape, 255, dtype="u1")
        mask[0] = 0
        data.write_mask(mask)
    assert path.with_name("masked.tif.msk") in companions(path)
    assert (one(path).minimum, one(path).nodata_share) == (20.0, 0.1)
    assert np.isnan(values(path)[0]).all()
    stored = np.stack([RAMP.astype("u1"), np.where(RAMP < 20, 0, 255).astype("u1")])
    alpha = write_tif(tmp_path / "alpha.tif", stored, alpha="yes", photometric="minisblack")
    assert (one(alpha).minimum, one(alpha).nodata_share) == (20.0, 0.1)


def xml_table(rows):
    fields = "".join(
        f"<FieldDefn index='{n}'><Name>{name}</Name><Type>{kind}</Type><Usage>{usage}</Usage></FieldDefn>"
        for n, (name, kind, usage) in enumerate((("Value", 0, 5), ("Count", 0, 1), ("Class", 2, 2)))
    )
    body = "".join(f"<Row index='{n}'><F>{a}</F><F>9</F><F>{b}</F></Row>" for n, (a, b) in enumerate(rows))
    return (
        f"<PAMDataset><PAMRasterBand band='1'><GDALRasterAttributeTable>{fields}{body}"
        "</GDALRasterAttributeTable></PAMRasterBand></PAMDataset>"
    )


CLASSES = (np.arange(200).reshape(10, 20) % 3 + 4).astype("u1")


def test_a_legend_in_an_attribute_table(tmp_path):
    path = write_tif(tmp_path / "cover.tif", CLASSES)
    (tmp_path / "cover.tif.aux.xml").write_text(xml_table([(4, "Wood"), (5, "Meadow"), (9, "Rock")]))
    report = one(path)
    assert (report.kind, report.legend_from) == ("categorical", "cover.tif.aux.xml")
    assert report.levels == {"4": "Wood", "5": "Meadow", "6": "6"}
    assert "without a label in cover.tif.aux.xml: 6" in report.notes[-1]


def test_a_legend_in_a_dbf_table(tmp_path):
    path = write_tif(tmp_path / "cover.tif", CLASSES)
    fields = [(b"VALUE", b"N", 4), (b"COUNT", b"N", 4), (b"NAME", b"C", 8)]
    head = b"".join(
        name.ljust(11, b"\0") + kind + bytes(4) + bytes([width]) + bytes(15) for name, kind, width in fields
    )
    rows = b"".join(b" %4d%4d%-8s" % row for row in ((4, 9, b"Wood"), (5, 9, b"Meadow"), (6, 9, b"Rock")))
    start = struct.pack("<4BIHH20x", 3, 120, 1, 1, 3, 32 + len(head) + 1, 17)
    (tmp_path / "cover.tif.vat.dbf").write_bytes(start + head + b"\r" + rows + b"\x1a")
    assert one(path).levels == {"4": "Wood", "5": "Meadow", "6": "Rock"}


def test_a_legend_with_entities_is_not_read(tmp_path):
    path = write_tif(tmp_path / "bio1.tif", RAMP)
    xml = xml_table([(4, "&a;")]).replace("<PAMDataset>", "<!DOCTYPE x [<!ENTITY a 'b'>]><PAMDataset>")
    (tmp_path / "bio1.tif.aux.xml").write_text(xml)
    assert one(path).levels == {}


def test_few_whole_numbers_are_taken_as_categories_with_a_choice(tmp_path):
    path = write_tif(tmp_path / "counts.tif", CLASSES)
    report = reviewed(path)
    assert report.layers[0].kind == "categorical" and codes(report) == ["kind-unsure"]
    entries = report.problems[0].remedy.change["layers"]
    changed = reviewed(path, layers=[LayerChoice(**entry) for entry in entries])
    assert (changed.layers[0].kind, changed.layers[0].levels, codes(changed)) == ("continuous", {}, [])
    typed = reviewed(path, layers=[LayerChoice(file="counts.tif", kind="categorical", legend={"4": "Wood"})])
    assert (typed.layers[0].levels, typed.layers[0].legend_from) == ({"4": "Wood", "5": "5", "6": "6"}, "typed")


def test_south_up_and_longitudes_to_360(tmp_path):
    globe = np.arange(36 * 18, dtype="f4").reshape(18, 36)
    path = write_tif(tmp_path / "x.tif", globe, transform=Affine(10, 0, 0, 0, 10, -90))
    report = one(path)
    assert (report.grid.west, report.grid.north, report.extent) == (-180.0, 90.0, (-180.0, -90.0, 180.0, 90.0))
    np.testing.assert_array_equal(values(path), np.concatenate([globe[::-1, 18:], globe[::-1, :18]], axis=1))
    america = write_tif(tmp_path / "y.tif", RAMP, west=230)
    assert one(america).grid.west == -130.0
    pacific = write_tif(tmp_path / "z.tif", RAMP, west=170)
    assert (one(pacific).grid.west, one(pacific).extent) == (170.0, (170.0, 0.0, -170.0, 10.0))


@pytest.mark.parametrize("version", [1, 2])
def test_netcdf_3(tmp_path, version):
    path = tmp_path / "x.nc"
    with netcdf_file(path, "w", version=version) as file:
        for name, numbers in (("lat", np.arange(-45.0, 46, 10)), ("lon", np.arange(9.0, 360, 18)), ("time", [1.0])):
            file.createDimension(name, len(numbers))
            file.createVariable(name, "f8", (name,))[:] = numbers
        file.variables["lat"].units, file.variables["lon"].units = b"degrees_north", b"degrees_east"
        packed = file.createVariable("t", "i2", ("time", "lat", "lon"))
        packed.scale_factor, packed.add_offset, packed._FillValue = 0.5, 10.0, np.int16(-1)
        packed[:] = np.arange(-1, 199, dtype="i2").reshape(1, 10, 20)
    report = one(path)
    assert (report.name, report.band, report.minimum, report.maximum) == ("t", "t", 10.0, 109.0)
    assert (report.grid.west, report.grid.north, report.nodata_share) == (-180.0, 50.0, 1 / 200)
    expected = (np.arange(-1, 199).reshape(10, 20) * 0.5 + 10.0)[::-1]
    expected[9, 0] = np.nan
    np.testing.assert_array_equal(values(path), np.concatenate([expected[:, 10:], expected[:, :10]], axis=1))


def test_netcdf_4_with_projected_axes_and_other_variables(tmp_path):
    path = tmp_path / "x.nc"
    with h5py.File(path, "w") as file:
        file["y"], file["x"], file["month"] = np.arange(5000.0, 0, -1000), np.arange(500.0, 4000, 1000), np.arange(12.0)
        for axis in ("y", "x", "month"):
            file[axis].make_scale(axis)
        file["crs"] = 0
        file["crs"].attrs.update(
            {"grid_mapping_name": "transverse_mercator", "crs_wkt": rasterio.CRS.from_epsg(32632).to_wkt()}
        )
        file["Rain"], file["monthly"] = np.arange(20.0).reshape(5, 4), np.zeros((12, 5, 4))
        file["Rain"].attrs["grid_mapping"] = "crs"
        for name, axes in (("Rain", ("y", "x")), ("monthly", ("month", "y", "x"))):
            for n, axis in enumerate(axes):
                file[name].dims[n].attach_scale(file[axis])
    report = one(path)
    assert (report.name, report.crs, report.grid.north, report.grid.cell_x) == ("rain", "EPSG:32632", 5500.0, 1000.0)
    assert "monthly has the dimension month of length 12" in report.notes[-1]


def test_worldclim_order_only_for_19_bands_called_bioc(tmp_path):
    stack = np.arange(19 * 200, dtype="f4").reshape(19, 10, 20) + 0.5
    named = inspect_layers(write_tif(tmp_path / "wc2.1_10m_bioc_MIROC6_ssp126_2041-2060.tif", stack))
    assert [report.name for report in named] == [f"bio{n}" for n in range(1, 20)]
    assert named[0].scenario.label == "MIROC6 ssp126 2041-2060"
    other = inspect_layers(write_tif(tmp_path / "stack.tif", stack))
    assert [report.name for report in other][:2] == ["stack_1", "stack_2"]
    four = inspect_layers(write_tif(tmp_path / "bioc_four.tif", stack[:4], names=["bio_1", "bio12", "BIO5", "x y"]))
    assert [report.name for report in four] == ["bio1", "bio12", "bio5", "x_y"]


def test_esri_grids(tmp_path):
    path = tmp_path / "bio12.asc"
    path.write_text("ncols 3\nnrows 2\nxllcorner 5\nyllcorner 40\ncellsize 0.5\nNODATA_value -9999\n1 2 -9999\n4 5 6\n")
    report = one(path)
    assert (report.name, report.grid.west, report.grid.north, report.mean) == ("bio12", 5.0, 41.0, 3.6)
    assert report.problems[0].remedy.change["layers"][0]["crs"] == "EPSG:4326"
    plain = hash_layers(path)
    (tmp_path / "bio12.prj").write_text(rasterio.CRS.from_epsg(4326).to_wkt(version="WKT1_ESRI"))
    assert one(path).crs == "EPSG:4326" and one(path).problems == []
    assert companions(path) == [tmp_path / "bio12.prj"] and one(path).sha256 != plain
    # A .prj that says degrees beside metres.
    path.write_text(path.read_text().replace("xllcorner 5", "xllcorner 500000"))
    assert [p.code for p in one(path).problems] == ["crs-wrong"]
    (tmp_path / "bio12.prj").write_text("no such thing")
    assert [p.code for p in one(path).problems] == ["crs-missing"]


def test_equal_layers_have_one_hash_whatever_their_names(tmp_path):
    for name in ("a", "b"):
        write_tif(tmp_path / f"{name}.tif", CLASSES)
        (tmp_path / f"{name}.tif.aux.xml").write_text(xml_table([(4, "Wood")]))
    assert one(tmp_path / "a.tif").sha256 == one(tmp_path / "b.tif").sha256
    (tmp_path / "b.tif.aux.xml").write_text(xml_table([(4, "Forest")]))
    assert one(tmp_path / "a.tif").sha256 != one(tmp_path / "b.tif").sha256


def test_netcdf_4_in_chunks(tmp_path):
    path = tmp_path / "x.nc"
    numbers = np.arange(1300.0 * 1100).reshape(1300, 1100)
    with h5py.File(path, "w") as file:
        for axis, places in (("lat", np.linspace(60, 40.01, 1300)), ("lon", np.linspace(0, 20, 1100))):
            file[axis] = places
            file[axis].make_scale(axis)
        file.create_dataset("v", data=numbers, chunks=(100, 70), compression="gzip")
        for n, axis in enumerate(("lat", "lon")):
            file["v"].dims[n].attach_scale(file[axis])
    report = one(path)
    assert (report.minimum, report.maximum) == (0.0, 1300 * 1100 - 1) and report.mean == pytest.approx(numbers.mean())
    np.testing.assert_array_equal(values(path), numbers.astype("f4"))
