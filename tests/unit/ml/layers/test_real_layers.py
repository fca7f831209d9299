"""Every real raster of ../shared/data/own-data: what it is recognised as, with numbers from other readers."""

import numpy as np
import pytest
import rasterio

from ml.layers.errors import LayerError
from ml.layers.files import companions
from ml.layers.inspection import inspect_layers
from ml.layers.layer_names import canonical_name
from ml.layers.stack import open_stack
from ml.layers.unit_amounts import impossible_pairs
from ml.layers.unit_checks import conflicts
from ml.recipes.recipe import LayerChoice, Recipe
from ml.recipes.reports import LayerReport
from tests.unit.ml.layers.made_rasters import OWN, codes, real, reviewed

pytestmark = real
BRADYPUS, KUENM2, LACERTA, RASTERS = (
    OWN / name for name in ("case-bradypus", "case-kuenm2", "case-lacerta", "rasters")
)
#: Ranges that terra or GDAL wrote into the files (STATISTICS_MINIMUM, STATISTICS_MAXIMUM).
BRADYPUS_RANGES = {
    **{"bio1": (-23, 289), "bio5": (61, 422), "bio6": (-212, 242), "bio7": (60, 461), "bio8": (-66, 323)},
    **{"bio9": (-23, 289), "bio12": (0, 7682), "bio16": (0, 2458), "bio17": (0, 1496)},
}


def layer(name, band="1", folder=RASTERS):
    return next(report for report in inspect_layers(folder / name) if report.band == band)


@pytest.mark.parametrize(
    ("name", "dtype", "missing"), [("bio1", "<i2", -32768), ("bio12", "<i2", -32768), ("biome", "u1", 255)]
)
def test_r_grids_have_the_numbers_of_their_gri_files(name, dtype, missing):
    stored = np.fromfile(BRADYPUS / f"{name}.gri", dtype=dtype)
    valid = stored[stored != missing].astype(float)
    report = layer(f"{name}.grd", folder=BRADYPUS)
    assert (report.name, report.minimum, report.maximum) == (name, valid.min(), valid.max())
    assert report.mean == pytest.approx(valid.mean(), rel=1e-12)
    assert report.nodata_share == pytest.approx(1 - valid.size / stored.size, abs=1e-12)
    assert (report.crs, report.grid.width, report.grid.height) == ("EPSG:4326", 186, 192)
    assert companions(BRADYPUS / f"{name}.grd") == [BRADYPUS / f"{name}.gri"]


def test_the_nodata_of_bio1_is_not_the_nan_in_it():
    stored = np.fromfile(RASTERS / "Bio1.gri", dtype="<f4")
    report = layer("Bio1.grd")
    assert np.isnan(stored).sum() == 34_982
    assert report.nodata_share == pytest.approx(34_982 / 71_400)
    assert report.mean == pytest.approx(np.nanmean(stored.astype(float)), rel=1e-12)
    assert any("NaN in the file" in note for note in report.notes)
    assert (report.crs, report.kind) == ("ESRI:54034", "continuous")


def test_bradypus():
    reports = inspect_layers(BRADYPUS / "bio.tif")
    assert {r.name: (r.minimum, r.maximum) for r in reports} == BRADYPUS_RANGES
    files = sorted(BRADYPUS.glob("*.tif")) + sorted(BRADYPUS.glob("*.grd"))
    report = reviewed(*files)
    assert report.training == [*BRADYPUS_RANGES, "biome"]
    unused = [r.file for r, role in zip(report.layers, report.roles, strict=True) if role == "unused"]
    # The same values as bands of bio.tif.
    assert unused == ["bio1.grd", "bio12.grd"]
    # Two codings of the biome; all temperatures are in one unit, so that units are no problem.
    assert codes(report, blocking=True) == ["name-twice"]
    problem = next(p for p in report.problems if p.blocking)
    assert "0–12 with the legend of biome.tif.aux.xml" in problem.text and "biome.grd has 1–14 without" in problem.text
    change = problem.remedy.change["layers"]
    assert change == [{"file": "biome.grd", "band": "1", "role": "unused"}]
    mended = reviewed(*files, layers=[LayerChoice(**entry) for entry in change])
    assert codes(mended, blocking=True) == []
    biome = next(r for r in mended.layers if r.file == "biome.tif")
    assert biome.levels["0"] == "(Sub)tropical Moist Broadleaf Forests" and biome.levels["12"] == "Mangroves"
    assert len(biome.levels) == 13
    assert {r.unit for r in mended.layers if r.name in ("bio1", "bio5", "bio6", "bio7")} == {"°C × 10"}


def test_kuenm2():
    files = sorted(KUENM2.glob("*.tif"))
    report = reviewed(*files)
    assert codes(report, blocking=True) == ["name-twice"]
    problem = next(p for p in report.problems if p.blocking)
    assert {entry["file"] for entry in problem.remedy.change["layers"]} == {"Current_CHELSA.tif"}
    mended = reviewed(*files, layers=[LayerChoice(**entry) for entry in problem.remedy.change["layers"]])
    assert codes(mended, blocking=True) == []
    assert mended.training == ["bio1", "bio7", "bio12", "bio15", "soiltype"]
    roles = {r.name: role for r, role in zip(mended.layers, mended.roles, strict=True) if role != "scenario"}
    assert (roles["soiltype"], roles["bias_file"]) == ("static", "unused")
    soil = next(r for r in mended.layers if r.name == "soiltype")
    assert (soil.kind, len(soil.levels)) == ("categorical", 9)
    assert len(mended.scenarios) == 9
    assert all(s.complete and s.carried == ["soiltype"] for s in mended.scenarios)
    assert {s.scenario.label for s in mended.scenarios} == {
        "CCSM4 LGM",
        *(
            f"{m} {p} {y}"
            for m in ("ACCESS-CM2", "MIROC6")
            for p in ("ssp126", "ssp585")
            for y in ("2041-2060", "2081-2100")
        ),
    }
    assert (mended.grid.width, mended.grid.height, mended.grid_of) == (40, 52, ("Current_variables.tif", "1"))
    with open_stack(KUENM2, mended, Recipe(title="x"), scenario="CCSM4 LGM") as stack:
        valid, _ = stack.valid_mask()
        lgm = stack.read(slice(0, 52), slice(0, 40))[0]
    # Another grid of the same region: values stay within those of the file.
    assert valid.sum() > 1_000 and np.nanmin(lgm) >= 9.24 and np.nanmax(lgm) <= 21.68


@pytest.mark.parametrize(
    "file", [BRADYPUS / "bio.tif", LACERTA / "lacerta_climate_present_10m.tif"], ids=["tenths", "degrees"]
)
def test_parts_of_real_sets_have_no_other_unit(file):
    """Windows of 8 and 24 cells: islands, coasts, mountains, deserts."""
    with rasterio.open(file) as data:
        names = [canonical_name(title) for title in data.descriptions]
        values = data.read().astype(float)
    n = 0
    for size in (8, 24):
        for top in range(0, values.shape[1], size // 2):
            for left in range(0, values.shape[2], size // 2):
                part = values[:, top : top + size, left : left + size].reshape(len(names), -1)
                part = part[:, np.isfinite(part).all(axis=0)]
                if part.shape[1] < 5:
                    continue
                n += 1
                layers = [
                    LayerReport(file="x.tif", band=name, name=name, minimum=v.min(), maximum=v.max(), mean=v.mean())
                    for name, v in zip(names, part, strict=True)
                ]
                assert conflicts(layers) == [] and impossible_pairs(layers) == [], (top, left, size)
    assert n > 100


def test_lacerta():
    report = reviewed(*sorted(LACERTA.glob("*.tif")))
    assert codes(report, blocking=True) == []
    assert report.training == [*(f"bio{n}" for n in range(1, 20)), "elevation"]
    (future,) = report.scenarios
    assert (future.scenario.label, future.layers, future.carried) == (
        "future",
        ["bio5", "bio6", "bio13", "bio15"],
        ["elevation"],
    )
    assert len(future.missing) == 15 and not future.complete
    with open_stack(LACERTA, report, Recipe(title="x")) as stack:
        valid, lost = stack.valid_mask()
    # The number of UX.md.
    assert valid.sum() == 2_435 and sum(lost.values()) == 0


def test_made_files():
    chelsa = layer("CHELSA_bio1_1981-2010_V.2.1.tif", folder=OWN / "made")
    # 2853 × 0.1 − 273.15 and 3012 × 0.1 − 273.15.
    assert (chelsa.name, chelsa.minimum, chelsa.maximum) == ("bio1", pytest.approx(12.15), pytest.approx(28.05))
    assert chelsa.scenario is None
    south = layer("southup.tif", folder=OWN / "made")
    assert south.grid.north == pytest.approx(-25.625 + 328 / 24) and "were turned" in south.notes[0]
    globe = layer("lon0-360.tif", folder=OWN / "made")
    assert (globe.grid.west, globe.extent[0], globe.extent[2]) == (-180.0, -180.0, 180.0)


def test_south_up_and_packed_layers_of_one_place_are_equal():
    """Both files of Madagascar were made from one layer: turned and unpacked, they agree within half a step."""
    made = OWN / "made"
    report = reviewed(made / "southup.tif", made / "CHELSA_bio1_1981-2010_V.2.1.tif")
    with open_stack(made, report, Recipe(title="x")) as stack:
        one, other = stack.read(slice(0, 328), slice(0, 175))
    assert (np.isnan(one) == np.isnan(other)).all()
    assert np.nanmax(np.abs(one - other)) <= 0.05 + 1e-4


def test_the_esri_grid_has_the_numbers_of_its_text():
    numbers = np.loadtxt(RASTERS / "temperature.asc", skiprows=6)
    valid = numbers[numbers != -9999]
    report = layer("temperature.asc")
    assert (report.minimum, report.maximum) == (pytest.approx(valid.min()), pytest.approx(valid.max()))
    assert report.mean == pytest.approx(valid.mean(), rel=1e-6)
    assert [p.code for p in report.problems] == ["crs-missing"] and report.problems[0].remedy is None


def test_a_missing_crs_is_asked_for():
    degrees = layer("no_projection.tif").problems[0]
    assert degrees.blocking and degrees.remedy.label == "treat as longitude and latitude (WGS 84)"
    report = reviewed(
        RASTERS / "no_projection.tif", layers=[LayerChoice(**entry) for entry in degrees.remedy.change["layers"]]
    )
    assert codes(report, blocking=True) == [] and report.grid.crs == "EPSG:4326"
    metres = reviewed(RASTERS / "ecospat.testEnv.tif")
    assert codes(metres, blocking=True) == ["crs-missing"] and metres.problems[0].remedy is None
    typed = reviewed(
        RASTERS / "ecospat.testEnv.tif",
        layers=[LayerChoice(file="ecospat.testEnv.tif", band=str(n), crs="EPSG:21781") for n in range(1, 6)],
    )
    assert codes(typed, blocking=True) == []
    with open_stack(RASTERS, typed, Recipe(title="x")) as stack:
        assert stack.valid_mask()[0].sum() > 10_000


def test_categories_stored_as_float32():
    regions = layer("regions.tif")
    assert (regions.kind, regions.legend_from, regions.crs) == ("categorical", "regions.tif.aux.xml", "EPSG:3310")
    names = ["CRR", "CWCR", "GVR", "NCID", "NCR", "SNR", "SCID", "SCR"]
    assert regions.levels == {str(n): name for n, name in enumerate(names, 1)}
    substrate = layer("SUBSTRATE.tif")
    assert (substrate.kind, list(substrate.levels)) == ("categorical", ["0", "1", "2"])


def test_other_real_files():
    rainfall, elevation, alps = layer("RAINFALL.tif"), layer("elev.tif"), layer("elev_vinschgau.tif")
    assert (rainfall.kind, rainfall.maximum, rainfall.missing) == ("continuous", 1.0, [-1.7e308])
    assert (elevation.name, elevation.unit, elevation.minimum, elevation.maximum) == ("elevation", "m", 141, 547)
    assert (alps.crs, alps.minimum, alps.maximum) == ("EPSG:32632", 388, 3863)
    assert layer("test_esri_wkt.tif").crs == "ESRI:102039"
    undeclared = layer("na.tif")
    assert undeclared.nodata_share == 0.01 and "does not declare" in undeclared.notes[0]
    empty = inspect_layers(RASTERS / "all-nodata.tif")
    assert [[p.code for p in report.problems] for report in empty] == [["no-values"]] * 4


def test_a_file_that_fails_when_it_is_read_names_band_and_block():
    for number, report in enumerate(inspect_layers(RASTERS / "corrupt.tif"), 1):
        (problem,) = report.problems
        assert problem.blocking and problem.code == "damaged"
        assert (
            f"band {number} cannot be read in the block of rows 513 to 1,024 and columns 513 to 1,024" in problem.text
        )


def test_netcdf():
    reports = {report.name: report for report in inspect_layers(RASTERS / "reduced.nc")}
    assert list(reports) == ["sst", "anom", "err", "ice"]
    sst = reports["sst"]
    assert (sst.grid.west, sst.grid.north, sst.grid.width, sst.grid.height) == (-181.0, 90.0, 180, 90)
    # -180 and 3297 steps of the float32 0.01.
    step = float(np.float32(0.01))
    assert (sst.minimum, sst.maximum) == (pytest.approx(-180 * step), pytest.approx(3297 * step))
    assert sst.unit == "degree_C"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("geomatrix.tif", "is rotated"),
        ("sub.nc", "time of length 10 and level of length 2"),
        ("timeseries.nc", "dimensions station, time: it is not a grid"),
    ],
)
def test_refused_files(name, reason):
    with pytest.raises(LayerError, match=reason):
        inspect_layers(RASTERS / name)
