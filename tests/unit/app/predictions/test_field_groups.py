"""Fields in groups by the beginning of their labels, and units after numbers."""

from __future__ import annotations

import pytest

from app.catalogue.refs import PredictorRange
from app.predictions import form
from app.predictions.field_groups import group_fields


def predictor(label, unit="%", kind="continuous"):
    return PredictorRange(
        name=label.lower(), label=label, unit=unit, type=kind, minimum=0, maximum=1, median=None, levels=None
    )


def shape(*predictors):
    return [(group.name, [field.label for field in group.fields]) for group in group_fields(predictors)]


def test_neighbours_that_begin_alike_form_a_group():
    cover = ["Vegetation cover 0–25 cm", "Vegetation cover 25–50 cm", "Vegetation cover 1–2 m"]
    assert shape(predictor("Bare rock"), *map(predictor, cover)) == [
        ("", ["Bare rock"]),
        ("Vegetation cover", ["0–25 cm", "25–50 cm", "1–2 m"]),
    ]


def test_prepositions_stay_with_the_rest_of_the_label():
    warm, cold = "Mean temperature of the warmest month", "Mean temperature of the coldest month"
    assert shape(predictor(warm, "°C"), predictor(cold, "°C")) == [
        ("Mean temperature", ["of the warmest month", "of the coldest month"])
    ]


def test_a_comma_between_name_and_rest_is_not_written():
    labels = ["Cloud cover, mean", "Cloud cover, variation"]
    assert shape(*map(predictor, labels)) == [("Cloud cover", ["mean", "variation"])]


@pytest.mark.parametrize(
    "pair",
    [
        (predictor("Annual mean temperature"), predictor("Annual precipitation")),  # one word is too little
        (predictor("Soil water 0–5 cm", "%"), predictor("Soil water 5–15 cm", "mm")),  # two units
        (predictor("Land cover now"), predictor("Land cover later", kind="categorical")),
        (predictor("Leaf area"), predictor("Leaf area index")),  # nothing would be left of the first
        (predictor("Vegetation cover"), predictor("Vegetation cover")),
    ],
)
def test_others_stay_alone(pair):
    assert [name for name, _ in shape(*pair)] == ["", ""]


def test_order_and_number_never_change():
    labels = ["A b 1", "A b 2", "C", "A b 3", "A b 4", "A b c 5"]
    groups = group_fields([predictor(label) for label in labels])
    assert [field.predictor.label for group in groups for field in group.fields] == labels


@pytest.mark.parametrize(
    ("typed", "unit", "number"),
    [
        ("35 %", "%", "35"),
        ("35%", "%", "35"),
        ("−2,5 °C", "°C", "-2.5"),
        ("3\N{NO-BREAK SPACE}m²/m²", "m²/m²", "3"),
        ("1e3 mm", "mm", "1e3"),
        ("12 MM", "mm", "12 MM"),  # M is mega, m is milli
        ("many %", "%", "many %"),
        ("%", "%", "%"),
        ("35 % %", "%", "35 % %"),
        ("35 cm", "%", "35 cm"),
    ],
)
def test_a_unit_after_a_number(typed, unit, number):
    from werkzeug.datastructures import MultiDict

    assert form.environment_of(MultiDict({"env.a": typed}), {"a": unit}) == {"a": number}
