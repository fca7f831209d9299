"""Review of layers: roles, grid, units, duplicates, scenarios; from reports alone."""

import subprocess
import sys

import pytest

from ml.recipes.recipe import LayerChoice
from ml.recipes.reports import Grid
from tests.unit.ml.layers.made_rasters import codes
from tests.unit.ml.layers.made_reports import BIO1, FUTURE, GRID, layer, result, times


@pytest.mark.parametrize(
    ("factor", "offset", "label"),
    [
        (10, 0, "treat bio1 of bio1_future.tif as °C × 10"),
        (1, 273.15, "treat bio1 of bio1_future.tif as K"),
        (10, 2731.5, "treat bio1 of bio1_future.tif as K × 10"),
    ],
)
@pytest.mark.parametrize("warming", [-6.0, 0.0, 3.0, 7.0])
def test_a_scenario_in_another_unit_of_temperature_is_refused(factor, offset, label, warming):
    future = times(times(BIO1, 1, warming), factor, offset)
    report = result(layer("bio1", *BIO1), layer("bio1", *future, scenario=FUTURE))
    assert codes(report, blocking=True) == ["units-differ"]
    problem = report.problems[0]
    assert problem.remedy.label == label and "2.5 to 18.5" in problem.text
    (entry,) = problem.remedy.change["layers"]
    mended = result(layer("bio1", *BIO1), layer("bio1", *future, scenario=FUTURE), layers=[LayerChoice(**entry)])
    assert codes(mended, blocking=True) == []
    assert mended.layers[1].mean == pytest.approx(13.4 + warming)


def test_the_other_way_round_and_with_a_factor_before():
    report = result(layer("bio1", *times(BIO1, 10)), layer("bio1", *BIO1, scenario=FUTURE))
    (entry,) = next(p for p in report.problems if p.blocking).remedy.change["layers"]
    assert (entry["file"], entry["factor"], entry["offset"]) == ("bio1_future.tif", 10.0, 0.0)
    before = LayerChoice(file="bio1_future.tif", factor=10, offset=5)
    report = result(layer("bio1", *BIO1), layer("bio1", *times(BIO1, 1, -0.5), scenario=FUTURE), layers=[before])
    (entry,) = next(p for p in report.problems if p.blocking).remedy.change["layers"]
    assert (entry["factor"], entry["offset"]) == (pytest.approx(1.0), pytest.approx(0.5))


@pytest.mark.parametrize("warming", [-12.0, -5.0, 0.0, 2.0, 6.0, 9.0])
@pytest.mark.parametrize("now", [BIO1, (24.0, 28.0, 26.5), (-25.0, 4.0, -9.0), (-0.4, 0.9, 0.2), (12.0, 12.0, 12.0)])
@pytest.mark.parametrize("factor", [1, 10])
def test_real_warming_is_no_other_unit(now, warming, factor):
    report = result(
        layer("bio1", *times(now, factor)), layer("bio1", *times(times(now, 1, warming), factor), scenario=FUTURE)
    )
    assert "units-differ" not in codes(report)


@pytest.mark.parametrize(
    ("name", "now", "future", "factor"),
    [
        ("bio12", (220, 1797, 692), (0.2, 1.8, 0.7), 1000),
        ("bio12", (220, 1797, 692), (2300, 17500, 6800), 0.1),
        ("bio12", (220, 1797, 692), (21, 172, 66), 10),
        ("bio3", (32, 48, 40), (0.31, 0.47, 0.4), 100),
        ("bio15", (13, 79, 43), (0.14, 0.8, 0.45), 100),
        ("bio4", (198, 769, 586), (2.0, 7.5, 5.8), 100),
        ("ndvi", (0.1, 0.9, 0.5), (1000, 9100, 5050), 0.0001),
        ("canopy", (2, 30, 11), (0.02, 0.3, 0.11), 100),
    ],
)
def test_amounts_in_another_unit_are_refused(name, now, future, factor):
    report = result(layer(name, *now), layer(name, *future, scenario=FUTURE))
    if factor == 0.0001:
        # No unit that is known; nothing is guessed.
        assert codes(report, blocking=True) == []
        return
    (problem,) = (p for p in report.problems if p.blocking)
    assert problem.code == "units-differ"
    assert problem.remedy.change["layers"][0]["factor"] == pytest.approx(factor)


@pytest.mark.parametrize(
    ("name", "now", "future"),
    [
        ("bio14", (0, 77, 19), (0, 30, 6)),
        ("bio14", (0, 40, 3), (0, 38, 0.4)),
        ("bio12", (0, 7682, 1322), (0, 9000, 1100)),
        ("bio15", (13, 79, 43), (16, 76, 45)),
        ("canopy", (2, 30, 11), (0, 12, 2)),
        ("anomaly", (-3, 4, 0.2), (-30, 40, 1.2)),
    ],
)
def test_real_change_is_no_other_unit(name, now, future):
    assert codes(result(layer(name, *now), layer(name, *future, scenario=FUTURE)), blocking=True) == []


def test_another_region_is_not_compared():
    island = layer("bio12", 200, 400, 300, extent=(0, 42, 0.5, 42.5))
    assert codes(result(island, layer("bio12", 0, 4000, 3000, scenario=FUTURE)), blocking=True) == []


#: Means of lacerta: consistent.
SET = {
    "bio1": BIO1,
    "bio5": (18.5, 36.4, 29.1),
    "bio6": (-8.9, 11.3, 1.8),
    "bio7": (8.5, 36.4, 27.3),
    "bio12": (220, 1797, 692),
    "bio13": (31, 257, 94),
    "bio14": (0, 77, 19),
    "bio16": (87, 717, 257),
    "bio17": (13, 263, 79),
}
TENTHS = ("bio1", "bio5", "bio6", "bio7")


def with_unit(name, factor, offset=0.0, base=SET):
    return [layer(n, *(times(v, factor, offset) if n == name else v)) for n, v in base.items()]


def test_a_consistent_set_has_no_problem_in_either_unit():
    assert codes(result(*(layer(n, *v) for n, v in SET.items()))) == []
    tenths = [layer(n, *(times(v, 10) if n in TENTHS else v)) for n, v in SET.items()]
    report = result(*tenths)
    assert codes(report, blocking=True) == [] and set(codes(report)) == {"unit-recognised"}
    assert {r.unit for r in report.layers if r.name in ("bio1", "bio5", "bio6")} == {"°C × 10"}


@pytest.mark.parametrize(
    ("name", "factor", "offset"),
    [
        *((name, 10, 0) for name in (*TENTHS, "bio14")),
        *((name, 1, 273.15) for name in ("bio1", "bio5", "bio6")),
        *((name, 0.1, 0) for name in ("bio12", "bio13", "bio16")),
        *((name, 0.001, 0) for name in ("bio12", "bio16")),
        *((name, 10, 0) for name in ("bio13", "bio16", "bio17")),
    ],
)
def test_one_layer_of_a_set_in_another_unit_is_refused(name, factor, offset):
    layers = with_unit(name, factor, offset)
    report = result(*layers)
    problem = next(p for p in report.problems if p.blocking)
    assert codes(report, blocking=True) == ["units-differ"] and problem.file == f"{name}.tif"
    mended = result(*layers, layers=[LayerChoice(**entry) for entry in problem.remedy.change["layers"]])
    assert codes(mended, blocking=True) == []
    own = next(r for r in mended.layers if r.name == name)
    assert own.mean == pytest.approx(SET[name][2])


@pytest.mark.parametrize(("one", "other"), [("bio5", "bio6"), ("bio12", "bio14")])
def test_exchanged_names_are_impossible(one, other):
    report = result(layer(one, *SET[other]), layer(other, *SET[one]))
    assert codes(report, blocking=True) == ["impossible"]
    assert f"{one} (mean" in report.problems[0].text and f"is below {other}" in report.problems[0].text


def test_standardised_layers_are_no_problem():
    assert codes(result(*(layer(n, -2.5, 3.0, 0.0) for n in SET)), blocking=True) == []


def test_two_layers_of_one_name():
    report = result(layer("bio1", *BIO1, file="a.tif"), layer("bio1", 3, 19, 14, file="b.tif"))
    (problem,) = (p for p in report.problems if p.blocking)
    assert problem.code == "name-twice" and "a.tif and b.tif both have bio1 for the training set" in problem.text
    entries = problem.remedy.change["layers"]
    assert entries == [{"file": "b.tif", "band": "1", "role": "unused"}]
    renamed = result(
        layer("bio1", *BIO1, file="a.tif"), layer("bio1", 3, 19, 14, file="b.tif"),
        layers=[LayerChoice(file="b.tif", name="bio1b")],
    )  # fmt: skip
    assert renamed.training == ["bio1", "bio1b"]


def test_equal_files_are_one_layer():
    report = result(
        layer("bio1", *BIO1, file="a.tif", sha256="f" * 64), layer("bio1", *BIO1, file="b.tif", sha256="f" * 64)
    )
    assert (codes(report), report.roles) == ([], ["training", "unused"])


def test_equal_values_under_two_names_are_mentioned():
    one, two = layer("bio1", *BIO1, file="a.tif"), layer("bio9", *BIO1, file="b.tif")
    other = layer("bio12", *BIO1, file="c.tif")
    one.values_hash = two.values_hash = "1234"
    other.values_hash = "5678"
    report = result(one, two, other)
    assert report.roles == ["training"] * 3
    (problem,) = [problem for problem in report.problems if problem.code == "same-values"]
    assert not problem.blocking
    assert problem.text.startswith("bio9 of b.tif has the values of bio1 of a.tif")
    assert problem.remedy.change["layers"] == [{"file": "b.tif", "band": "1", "role": "unused"}]


def test_the_grid_is_that_of_most_layers_then_the_finest():
    fine = Grid(crs="EPSG:4326", width=200, height=160, west=0, north=50, cell_x=0.05, cell_y=0.05)
    report = result(layer("a", 1, 2, 1.5), layer("b", 1, 2, 1.6), layer("c", 1, 2, 1.7, grid=fine))
    assert (report.grid, report.grid_of, codes(report)) == (GRID, ("a.tif", "1"), ["aligned"])
    report = result(layer("a", 1, 2, 1.5), layer("c", 1, 2, 1.7, grid=fine))
    assert report.grid_of == ("c.tif", "1")
    report = result(layer("a", 1, 2, 1.5), layer("c", 1, 2, 1.7, grid=fine), grid=("a.tif", "1"))
    assert report.grid_of == ("a.tif", "1")
    report = result(layer("a", 1, 2, 1.5), grid=("gone.tif", "1"))
    assert report.grid == GRID and codes(report, blocking=True) == ["grid-missing"]


def test_layers_of_another_place():
    far = Grid(crs="EPSG:4326", width=100, height=80, west=100, north=50, cell_x=0.1, cell_y=0.1)
    report = result(
        layer("a", 1, 2, 1.5), layer("b", 1, 2, 1.6), layer("c", 1, 2, 1.7, grid=far, extent=(100, 42, 110, 50))
    )
    (problem,) = report.problems
    assert (problem.code, problem.blocking, problem.file) == ("no-overlap", True, "c.tif")
    pacific = layer("d", 1, 2, 1.8, grid=far, extent=(175, 42, -175, 50))
    east = layer("e", 1, 2, 1.8, extent=(-179, 42, -170, 50))
    assert codes(result(pacific, east)) == ["aligned"]


def test_roles():
    soil = layer("soil", 1, 9, 4, kind="categorical", levels={"1": "1", "2": "2"})
    report = result(
        layer("bio1", *BIO1), layer("elevation", 0, 900, 300), soil,
        layer("sampling_bias", 0, 1, 0.5), layer("bio1", *BIO1, scenario=FUTURE), layer("ndvi", 0, 1, 0.4),
        layers=[LayerChoice(file="ndvi.tif", role="static"), LayerChoice(file="none.tif")],
    )  # fmt: skip
    assert report.roles == ["training", "static", "static", "unused", "scenario", "static"]
    assert report.training == ["bio1", "elevation", "soil", "ndvi"]
    (future,) = report.scenarios
    assert (future.layers, future.carried, future.missing) == (["bio1"], ["elevation", "soil", "ndvi"], [])
    assert future.complete and codes(report) == ["choice-unknown"]


def test_scenarios_say_what_they_lack():
    report = result(layer("bio1", *BIO1), layer("bio12", 220, 1797, 692), layer("bio1", *BIO1, scenario=FUTURE))
    assert report.scenarios[0].missing == ["bio12"] and not report.scenarios[0].complete
    assert [p.text for p in report.problems] == [
        "scenario ssp585 lacks bio12 (1 of 2 layers): add them, leave them out of the training set, or do without it"
    ]


def test_kinds_and_codes_that_differ_between_now_and_then():
    now = layer("cover", 1, 2, 1.5, kind="categorical", levels={"1": "Wood", "2": "Rock"})
    report = result(now, layer("cover", 1, 2, 1.4, scenario=FUTURE))
    assert codes(report, blocking=True) == ["kinds-differ"]
    then = layer("cover", 1, 3, 1.4, scenario=FUTURE, kind="categorical", levels={"1": "Rock", "2": "Rock", "3": "Ice"})
    report = result(now, then)
    assert codes(report) == ["codes-differ"] and report.problems[0].text.endswith("other labels: 1, 3")


def test_a_chosen_scenario_has_a_label():
    report = result(
        layer("bio1", *BIO1), layer("bio1", *BIO1, file="b.tif"), layers=[LayerChoice(file="b.tif", role="scenario")]
    )
    assert report.roles == ["training", "scenario"] and report.scenarios[0].scenario.label == "future"
    typed = LayerChoice(file="b.tif", scenario="MIROC6 ssp585")
    report = result(layer("bio1", *BIO1), layer("bio1", *BIO1, file="b.tif"), layers=[typed])
    assert report.scenarios[0].scenario.pathway == "ssp585"
    back = LayerChoice(file="bio1_future.tif", role="training")
    assert result(layer("bio1", *BIO1, scenario=FUTURE), layers=[back]).training == ["bio1"]


def test_no_layers():
    assert codes(result()) == ["no-training-layers"]
    assert codes(result(layer("bio1", *BIO1, scenario=FUTURE)))[0] == "no-training-layers"


def test_the_application_can_import_it():
    script = (
        "import sys, ml.layers.review as r; "
        "print([m for m in ('rasterio', 'pyproj', 'pandas', 'xarray', 'h5py', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
