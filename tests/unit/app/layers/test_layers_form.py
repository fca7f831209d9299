"""Changes of layers by the API and by the form, and layers as rows of a page."""

from __future__ import annotations

import pytest

from app.errors import ValidationFailed
from app.layers import form, presentation
from app.layers.changes import change_recipe
from app.layers.schemas import LayersAnswer, LayersChange
from app.web.form_values import FormErrors
from ml.recipes.recipe import LayerChoice, Recipe
from ml.recipes.reports import FileReport, Grid, LayerReport, Problem, Scenario

COARSE = Grid(crs="EPSG:4326", width=36, height=18, west=-180, north=90, cell_x=10, cell_y=10)
FINE = Grid(crs="EPSG:4326", width=4320, height=2160, west=-180, north=90, cell_x=1 / 12, cell_y=1 / 12)
FUTURE = Scenario(label="HadGEM3 SSP245 2081-2100", model="HadGEM3", pathway="SSP245", period="2081-2100")


def layer(file, name, grid=COARSE, **members):
    return LayerReport(file=file, band="1", name=name, grid=grid, crs="EPSG:4326", **members)


LAYERS = [
    layer("bio1.tif", "bio1", unit="°C", minimum=-5, maximum=30),
    layer("soil.tif", "soil", FINE, kind="categorical", levels={"1": "clay"}),
    layer("bio1_2090.tif", "bio1", scenario=FUTURE),
    layer("mask.tif", "mask"),
]


def answer(**members):
    given = {
        "grid": COARSE,
        "grid_of": ("bio1.tif", "1"),
        "training": ["bio1", "soil"],
        "layers": LAYERS,
        "roles": ["training", "static", "scenario", "unused"],
        "cells": 100,
        "lost": {"soil": 7},
        "revision": 3,
        "choices": [],
        "chosen_grid": None,
    }
    return LayersAnswer(**{**given, **members})


def recipe(*layers):
    return Recipe(title="Lizards", layers=list(layers))


def files():
    return [
        FileReport(name=one.file, size=1, sha256="0" * 64, role="layers", sentence="", layers=[one]) for one in LAYERS
    ]


def change(before, **members):
    return change_recipe(before, LayersChange.model_validate(members), files())


def test_a_choice_is_changed_member_by_member():
    before = recipe(LayerChoice(file="bio1.tif", unit="°C"))
    after = change(before, layers=[{"file": "bio1.tif", "band": "1", "factor": 0.1}])
    assert after.layers == [LayerChoice(file="bio1.tif", unit="°C", factor=0.1)]
    # a choice that chooses nothing is no choice, so that the recipe is as before
    assert change(after, layers=[{"file": "bio1.tif", "unit": None, "factor": None}]).layers == []
    assert change(after, grid=["soil.tif", "1"]).grid == ("soil.tif", "1")
    assert change(change(after, grid=["soil.tif", "1"]), grid=None).grid is None


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"layers": [{"file": "bio1.tif"}, {"file": "bio1.tif", "band": "2"}]}, "/layers/1"),
        ({"layers": [{"file": "other.tif"}]}, "/layers/0"),
        ({"grid": ["bio1.tif", "9"]}, "/grid"),
    ],
)
def test_a_layer_that_the_study_does_not_have_is_refused(members, pointer):
    with pytest.raises(ValidationFailed) as error:
        change(recipe(), **members)
    assert error.value.errors[0][0] == pointer


def body(fields, state=None):
    errors = FormErrors()
    result = form.change_of(fields, state or answer(), errors)
    return result, dict(errors.items())


def test_a_form_as_it_was_sent_changes_nothing():
    fields = {"grid": "", "role.0": "training", "kind.0": "continuous", "unit.0": "", "factor.0": "", "legend.1": ""}
    assert body(fields) == ({}, {})


def test_fields_that_differ_are_the_change():
    fields = {"grid": "1", "role.2": "unused", "kind.3": "categorical", "factor.0": "0,1", "unit.0": "°C"}
    assert body(fields)[0] == {
        "grid": ("soil.tif", "1"),
        "layers": [
            {"file": "bio1.tif", "band": "1", "unit": "°C", "factor": 0.1},
            {"file": "bio1_2090.tif", "band": "1", "role": "unused"},
            {"file": "mask.tif", "band": "1", "kind": "categorical"},
        ],
    }
    # a number that no layer has is the choice of the program
    assert body({"grid": "99"}, answer(chosen_grid=("soil.tif", "1")))[0] == {"grid": None}


def test_a_typed_legend():
    assert body({"legend.1": " 1 = clay \n\n2 = sand=loam"})[0]["layers"][0]["legend"] == {
        "1": "clay",
        "2": "sand=loam",
    }
    assert "line 2" in body({"legend.1": "1 = clay\n2 sand"})[1]["legend.1"]
    assert "repeats the code 1" in body({"legend.1": "1 = clay\n1 = sand"})[1]["legend.1"]


def test_a_button_is_added_to_what_was_chosen():
    fields = {"role.3": "training", "change": '{"layers": [{"file": "soil.tif", "band": "1", "role": "training"}]}'}
    changed, errors = body(fields)
    assert [item["file"] for item in changed["layers"]] == ["mask.tif", "soil.tif"]
    assert not errors
    assert form.layer_numbers(changed, answer()) == {0: 3, 1: 1}


def test_layers_are_in_groups_and_one_with_a_problem_is_not_folded():
    groups = presentation.groups(answer())
    assert [(group.title, group.folded, [row.number for row in group.rows]) for group in groups] == [
        ("Training set", False, [0, 1]),
        ("Scenario HadGEM3 SSP245 2081-2100", True, [2]),
        ("Not used", True, [3]),
    ]
    assert [row.lost for row in groups[0].rows] == [None, 7]
    problem = Problem(code="unit", text="The values are °C × 10.")
    wrong = LAYERS[2].model_copy(update={"problems": [problem]})
    groups = presentation.groups(answer(layers=[*LAYERS[:2], wrong, LAYERS[3]]))
    assert [group.folded for group in groups] == [False, False, True]
    assert groups[1].rows[0].blocked


def test_each_grid_is_offered_once():
    assert presentation.grids(answer()) == [
        (0, "bio1.tif, 36 × 18 cells of 10°, EPSG:4326"),
        (1, "soil.tif, 4,320 × 2,160 cells of 0.08333°, EPSG:4326"),
    ]


def test_sizes_and_names():
    metres = Grid(crs='PROJCS["Albers",GEOGCS[]]', width=10, height=10, west=5e5, north=4e6, cell_x=1000, cell_y=500)
    assert presentation.grid_text(metres) == "10 × 10 cells of 1,000 × 500 m, Albers"
    assert presentation.crs_name(None) == "no CRS"
    assert presentation.legend_lines({"1": "clay"}.items()) == "1 = clay"
