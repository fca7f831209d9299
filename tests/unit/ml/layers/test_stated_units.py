"""Units that files state, and units that values alone do not tell."""

import pytest

from ml.recipes.recipe import LayerChoice
from tests.unit.ml.layers.made_rasters import codes
from tests.unit.ml.layers.made_reports import BIO1, FUTURE, layer, result, times


@pytest.mark.parametrize(
    ("stated", "numbers", "unit"),
    [
        ("K", (280.0, 300.9, 290.0), "K"),
        ("kelvin", (285.0, 295.45, 290.0), "K"),
        ("degF", (40.0, 77.6, 60.0), "°F"),
        # stated K, but the values are °C × 10, as K are never below 198
        ("K", (50.0, 259.0, 150.0), "°C × 10"),
    ],
)
def test_a_stated_unit_of_temperature_counts_where_values_allow_it(stated, numbers, unit):
    report = result(layer("bio1", *numbers, unit=stated))
    assert report.layers[0].unit == unit
    remedies = [problem.remedy for problem in report.problems if problem.remedy is not None]
    assert bool(remedies) == (unit == "°C × 10")


@pytest.mark.parametrize(
    ("numbers", "units"),
    [((40.1, 77.6, 60.3), "°C × 10 or °F"), ((278.15, 299.05, 288.0), "°C × 10 or K"), ((40, 77, 60), "")],
)
def test_numbers_that_several_units_have_are_a_question(numbers, units):
    report = result(layer("bio1", *numbers, unit="°C"))
    (problem,) = report.problems
    if units:
        assert problem.text.startswith(f"values of bio1 of bio1.tif can be {units}, and are used as they are")
        assert problem.remedy is None and report.layers[0].unit == ""
        for unit in units.split(" or "):
            settled = result(layer("bio1", *numbers, unit="°C"), layers=[LayerChoice(file="bio1.tif", unit=unit)])
            assert settled.layers[0].unit == unit and "unit-unsure" not in codes(settled)
    else:
        assert problem.code == "unit-recognised" and report.layers[0].unit == "°C × 10"


def test_a_scenario_in_fahrenheit_without_a_unit():
    now, then = (5.0, 25.9, 15.45), (42.8, 80.42, 61.61)
    report = result(layer("bio1", *now), layer("bio1", *then, scenario=FUTURE))
    (problem,) = [problem for problem in report.problems if problem.blocking]
    (entry,) = problem.remedy.change["layers"]
    mended = result(layer("bio1", *now), layer("bio1", *then, scenario=FUTURE), layers=[LayerChoice(**entry)])
    # 42.8 °F is 6 °C and 80.42 °F is 26.9 °C
    assert (mended.layers[1].minimum, mended.layers[1].maximum) == (pytest.approx(6.0), pytest.approx(26.9))
    assert codes(mended, blocking=True) == []


@pytest.mark.parametrize("factor", [1 / 365.25, 1 / 25.4, 0.23, 4.4, 365.25])
def test_an_amount_in_no_decade_of_the_unit_is_a_question(factor):
    now = (100.0, 1145.0, 620.0)
    layers = (layer("bio12", *now), layer("bio12", *times(now, factor), scenario=FUTURE))
    report = result(*layers)
    (problem,) = [problem for problem in report.problems if problem.blocking]
    assert problem.code == "units-unsure" and problem.remedy is None
    settled = [LayerChoice(file=one.file, unit="mm") for one in layers]
    assert codes(result(*layers, layers=settled), blocking=True) == []


@pytest.mark.parametrize("factor", [0.3, 1.0, 3.0])
def test_a_real_change_of_rain_is_no_question(factor):
    now = (100.0, 1145.0, 620.0)
    report = result(layer("bio12", *now), layer("bio12", *times(now, factor), scenario=FUTURE))
    assert codes(report, blocking=True) == []


def test_heights_in_feet():
    now = (0.0, 2000.0, 600.0)
    report = result(
        layer("elevation", *now, unit="m"),
        layer("elevation", *times(now, 1 / 0.3048), unit="ft", scenario=FUTURE),
        layer("bio1", *BIO1),
        layers=[LayerChoice(file="elevation_future.tif", role="scenario")],
    )
    (problem,) = [problem for problem in report.problems if problem.code == "units-differ"]
    assert problem.remedy.change["layers"][0]["factor"] == pytest.approx(0.3048)
    same = result(
        layer("elevation", *now, unit="m"),
        layer("elevation", *now, unit="ft", scenario=FUTURE),
        layers=[LayerChoice(file="elevation_future.tif", role="scenario")],
    )
    assert "units-differ" not in codes(same)
