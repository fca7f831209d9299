"""Layers of scenarios beside those of the training set: units, codings, names."""

import pytest

from ml.recipes.recipe import LayerChoice
from tests.unit.ml.layers.made_rasters import codes
from tests.unit.ml.layers.made_reports import BIO1, FUTURE, layer, result


@pytest.mark.parametrize(
    ("now", "then", "factor"),
    [
        # °C now; tenths of a degree of a climate that is 13 °C colder, or of one with a fifth of the spread.
        ((-1.99997, 4.99997, 1.5), (-149.9997, -80.0003, -115.0), 0.1),
        ((15.00005, 24.99996, 20.0), (166.0001, 183.9999, 175.0), 0.1),
        ((150.3, 249.6, 200.1), (1.2, 8.4, 5.0), 10.0),
    ],
)
def test_two_recognised_units_are_refused_however_much_the_climates_differ(now, then, factor):
    report = result(layer("bio1", *now), layer("bio1", *then, scenario=FUTURE))
    assert codes(report, blocking=True) == ["units-differ"]
    (entry,) = next(p for p in report.problems if p.blocking).remedy.change["layers"]
    assert (entry["file"], entry["factor"]) == ("bio1_future.tif", factor)
    # The user knows better.
    units = [LayerChoice(file=file, unit="°C") for file in ("bio1.tif", "bio1_future.tif")]
    assert codes(result(layer("bio1", *now), layer("bio1", *then, scenario=FUTURE), layers=units), blocking=True) == []


def test_ranges_of_temperature_and_stated_units_of_precipitation():
    report = result(layer("bio7", 20.1, 30.2, 27.3), layer("bio7", 70.3, 99.8, 85.1, scenario=FUTURE))
    assert codes(report, blocking=True) == ["units-differ"]
    island = result(layer("bio7", 60.5, 79.5, 70.5), layer("bio7", 63.5, 84.5, 74.5, scenario=FUTURE))
    assert codes(island, blocking=True) == []
    wet, dry = layer("bio12", 220, 1797, 692, unit="mm"), layer("bio12", 100, 500, 300, unit="cm", scenario=FUTURE)
    (problem,) = (p for p in result(wet, dry).problems if p.blocking)
    (entry,) = problem.remedy.change["layers"]
    assert entry["factor"] == 10.0
    assert codes(result(wet, dry, layers=[LayerChoice(**entry)]), blocking=True) == []


def test_categories_of_another_coding_are_refused():
    now = layer(
        "cover", 1, 2, 1.5, kind="categorical", levels={"1": "Wood", "2": "Rock"}, legend_from="cover.tif.aux.xml"
    )
    then = layer("cover", 1, 2, 1.4, scenario=FUTURE, kind="categorical", levels={"1": "1", "2": "2"})
    (problem,) = result(now, then).problems
    assert (problem.code, problem.blocking) == ("codes-differ", True)
    (entry,) = problem.remedy.change["layers"]
    assert entry["legend"] == {"1": "Wood", "2": "Rock"}
    mended = result(now, then, layers=[LayerChoice(**entry)])
    assert codes(mended) == [] and mended.scenarios[0].layers == ["cover"]
    other = layer("cover", 11, 12, 11.4, scenario=FUTURE, kind="categorical", levels={"11": "11", "12": "12"})
    (problem,) = result(now, other).problems
    assert problem.remedy.change["layers"] == [{"file": "cover_future.tif", "band": "1", "role": "unused"}]


def test_a_layer_of_a_scenario_under_another_name_is_stated():
    cover = layer("cover", 1, 2, 1.5, kind="categorical", levels={"1": "1", "2": "2"})
    other = layer("lc", 1, 2, 1.5, file="lc.tif", kind="categorical", levels={"1": "1", "2": "2"}, scenario=FUTURE)
    report = result(layer("bio1", *BIO1), cover, layer("bio1", *BIO1, scenario=FUTURE), other)
    assert codes(report) == ["scenario-unpaired"] and "cover of today is used" in report.problems[0].text
    renamed = result(
        layer("bio1", *BIO1), cover, layer("bio1", *BIO1, scenario=FUTURE), other,
        layers=[LayerChoice(file="lc.tif", name="cover")],
    )  # fmt: skip
    assert codes(renamed) == [] and renamed.scenarios[0].carried == []
