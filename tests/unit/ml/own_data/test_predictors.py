"""Predictors of layers: labels, limits and the treatment of values."""

from __future__ import annotations

import pytest

from ml.layers.review import apply_choice
from ml.own_data.predictors import as_predictor, possible_values
from ml.own_data.texts import used_layer
from ml.recipes.recipe import LayerChoice
from ml.recipes.reports import LayerReport


def layer(
    name: str, unit: str = "", low: float = 1.0, high: float = 20.0, codes: list[float] | None = None
) -> LayerReport:
    return LayerReport(
        file="a.tif",
        band="1",
        name=name,
        unit=unit,
        minimum=low,
        maximum=high,
        mean=(low + high) / 2,
        codes=codes or [],
    )


@pytest.mark.parametrize(
    ("factor", "offset", "treatment"),
    [(0.1, None, "multiplied by 0.1"), (0.1, -273.15, "multiplied by 0.1, -273.15 added")],
)
def test_a_factor_and_an_offset_are_stated_once(factor: float, offset: float | None, treatment: str) -> None:
    choice = LayerChoice(file="a.tif", factor=factor, offset=offset)
    applied = apply_choice(layer("bio1", "K × 10", 2731.5, 2931.5), choice)
    assert used_layer(applied, resampled=False).treatment.split("; ")[0] == treatment
    assert used_layer(applied, resampled=False).treatment.count("multiplied") == 1


def test_an_unchanged_layer_is_as_in_the_file() -> None:
    assert used_layer(layer("soil"), resampled=False).treatment == "as in the file"


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("bio1", "Annual mean temperature (bio1)"),
        ("bio19", "Precipitation of coldest quarter (bio19)"),
        ("elevation", "Elevation"),
        ("canopy", "canopy"),
    ],
)
def test_known_variables_have_their_labels(name: str, label: str) -> None:
    assert as_predictor(layer(name)).label == label


@pytest.mark.parametrize(
    ("report", "limits"),
    [
        (layer("bio12", "mm", 0, 900), (0.0, None)),
        (layer("bio12", "m", 0, 2), (None, None)),
        (layer("bio12", "mm", -9_999, 900), (None, None)),
        (layer("bio15", "%", 5, 130), (0.0, None)),
        (layer("bio3", "%", 20, 60), (0.0, 100.0)),
        (layer("bio3", "%", 0.2, 0.6), (None, None)),
        (layer("bio1", "°C", -3.5, 19.25), (-100.0, 70.0)),
        (layer("bio1", "°C", 0, 40, codes=[0, 10, 40]), (None, None)),
        (layer("bio1", "degC", 0, 40, codes=[0, 10, 40]), (-100.0, 70.0)),
        (layer("bio1", "°C × 10", -35, 190), (None, None)),
        (layer("bio4", "°C × 100", 100, 900), (None, None)),
        (layer("canopy", "%", 0, 100), (None, None)),
    ],
)
def test_limits_are_those_of_certain_units(report: LayerReport, limits: tuple[float | None, float | None]) -> None:
    assert possible_values(report) == limits


def test_a_typed_unit_is_certain() -> None:
    report = layer("bio1", "°C", 0, 40, codes=[0, 10, 40])
    assert possible_values(report, LayerChoice(file="a.tif", unit="°C")) == (-100.0, 70.0)
