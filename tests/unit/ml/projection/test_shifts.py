"""Stated changes of continuous layers."""

import json

import numpy as np
import pytest
import rasterio

from ml.card import Predictor
from ml.change.compare import compare
from ml.projection.preview import preview
from ml.projection.project import key_of, project
from ml.projection.shifts import ShiftError, check_shift, shift_text, with_shift
from tests.unit.ml.projection.made_maps import opened, read, values, write_layers

PREDICTORS = [
    Predictor(name="bio1", label="Annual mean temperature", unit="°C", minimum=-2.5, maximum=10.0),
    Predictor(name="rain", label="Rain", unit="mm"),
    Predictor(name="soil", label="Soil", type="categorical", levels=["a", "b"]),
]


@pytest.mark.parametrize(
    ("stated", "text"),
    [
        ({"bio1": 12.6}, "bio1: a change may be at most 12.5 °C either way"),
        ({"bio1": -12.6}, "bio1: a change may be at most 12.5 °C either way"),
        ({"bio1": float("nan")}, "at most 12.5 °C"),
        ({"bio1": float("inf")}, "at most 12.5 °C"),
        ({"soil": 1.0}, "soil: has categories"),
        ({"rain": 1.0}, "rain: the model does not state its training range"),
        ({"bio2": 1.0}, "bio2: the model has no such predictor; those that can be changed are bio1"),
    ],
)
def test_refused(stated, text):
    with pytest.raises(ShiftError) as refusal:
        check_shift(PREDICTORS, stated)
    assert text in str(refusal.value)


def test_bounds_and_words():
    assert check_shift(PREDICTORS, {"bio1": 12.5}) == {"bio1": 12.5}
    assert check_shift(PREDICTORS, {"bio1": 0.0}) == {}
    assert shift_text(PREDICTORS, {"bio1": 2.0}) == "Annual mean temperature +2 °C"
    assert shift_text(PREDICTORS, {"bio1": -0.5}) == "Annual mean temperature −0.5 °C"


def test_a_shift_is_the_map_of_changed_layers(survey, tmp_path):
    layers = values(30, 40)
    folder = write_layers(tmp_path / "layers", layers)
    warmer = dict(layers, temperature=(layers["temperature"].astype("f8") + 2.5).astype("f4"))
    other = write_layers(tmp_path / "warmer", warmer)
    with opened(survey, folder) as inputs:
        plain = key_of(survey, inputs)
        today = project(survey, inputs, tmp_path / "today")
        shifted = with_shift(survey.card.predictors, inputs, {"temperature": 2.5})
        assert key_of(survey, shifted) != plain
        coarse = preview(survey, shifted, 10)
        summary = project(survey, shifted, tmp_path / "shifted")
    with opened(survey, other) as inputs:
        project(survey, inputs, tmp_path / "expected")
    for name in ("suitability", "verdict", "mess", "index"):
        np.testing.assert_array_equal(read(tmp_path / "shifted", name), read(tmp_path / "expected", name))
    expected = read(tmp_path / "expected", "suitability")[np.ix_(coarse.rows, coarse.columns)]
    np.testing.assert_array_equal(coarse.quantities["suitability"], expected)
    assert (today["shift"], summary["shift"]) == ({}, {"temperature": 2.5})
    assert summary["shift_text"].endswith("+2.5 °C")
    assert summary["shift_text"] in summary["citation"]
    assert any("A stated change, the same in all cells" in note for note in summary["notes"])
    with rasterio.open(tmp_path / "shifted" / "suitability.tif") as file:
        assert file.tags()["SHIFT"] == summary["shift_text"]
    with rasterio.open(tmp_path / "today" / "suitability.tif") as file:
        assert "SHIFT" not in file.tags()
    # real maps: the share beyond of the comparison is that of the map, and verdicts are those of the files
    change = compare(tmp_path / "today", [tmp_path / "shifted"], tmp_path / "change")
    one = change["scenarios"][0]
    assert one["label"] == summary["shift_text"]
    for name in ("cells", "share", "area_km2", "area_share"):
        assert one["beyond"][name] == pytest.approx(summary["beyond"][name], rel=1e-9)
        assert one["beyond"]["outside_range"][name] == pytest.approx(summary["beyond"]["outside_range"][name], rel=1e-9)
    by_verdict = summary["cells"]["by_verdict"]
    assert one["suitable"]["cells"] == by_verdict["suitable"] + by_verdict["probably_suitable"]
    before, after = read(tmp_path / "today", "verdict"), read(tmp_path / "shifted", "verdict")
    assert change["classes"]["loss"]["cells"] == int(((before < 2) & ((after == 2) | (after == 3))).sum())
    assert json.loads((tmp_path / "change" / "change.json").read_text()) == change
