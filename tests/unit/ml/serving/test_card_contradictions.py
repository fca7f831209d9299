"""A card whose parts contradict each other is refused, because pages and answers rely on their agreement."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ml.card import Predictor
from ml.predictors.encoding import EnvironmentValueError, encode_column
from ml.serving.artifact import ArtifactError, load_artifact, read_card, verify_artifact
from ml.serving.response_curves import response_curves
from ml.serving.rows import RowEncoder
from tests.older import arrays_of, resign

INVISIBLE = [0x1B, 0x7F, 0xAD, 0x61C, 0x200B, 0x200F, 0x202E, 0x2028, 0xFEFF, 0xFFF9, 0xE0041, 0x3164]


def forge(copy, change):
    card = json.loads((copy / "card.json").read_text())
    change(card)
    (copy / "card.json").write_text(json.dumps(card))
    resign(copy)


def set_value(*path):
    *parents, name, value = path

    def change(card):
        part = card
        for key in parents:
            part = part[key]
        part[name] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_value("threshold_rule", "P99"), "no threshold for its own rule P99"),
        (set_value("starting_points", []), "no starting point"),
        (set_value("starting_points", 0, "environment", "depth", 1.0), "values of other predictors"),
        (set_value("starting_points", 1, "environment", {}), "values of other predictors"),
        (
            set_value("starting_points", 0, "environment", "trees", "../../x"),
            "impossible value: trees: must be a number",
        ),
        (set_value("starting_points", 0, "environment", "trees", 101), "impossible value: trees: 101 must be 100 %"),
        (set_value("predictors", 0, "name", "trees"), "two predictors of one name"),
        (set_value("predictors", 0, "type", "categorical"), "a categorical predictor without levels"),
        (set_value("predictors", 2, "minimum", -1e12), "an impossible range: temperature"),
        (set_value("predictors", 2, "minimum", 69), "a smallest value of temperature that is above its largest"),
        (set_value("metrics", "auc_roc", "value", -0.1), "a score auc_roc that is not from 0 to 1"),
        (set_value("metrics", "cbi", "low", -1.5), "a score cbi that is not from -1 to 1"),
        (set_value("importance", {"depth": 0.5}), "the importance of another predictor"),
        (
            set_value("background", {"kind": "random", "share_scores": {"0.u": 1}, "note": ""}),
            "share_scores",
        ),
    ],
)
def test_a_card_that_contradicts_itself_is_refused(copy, change, message):
    forge(copy, change)
    with pytest.raises(ArtifactError, match=message):
        verify_artifact(copy)
    with pytest.raises(ArtifactError, match=message):
        load_artifact(copy)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("n_presences",), -5),
        (("n_absences",), 10**4000),
        (("metrics", "auc_roc", "value"), 7),
        (("metrics", "tss", "high"), 1e308),
        (("thresholds", "maxSSS", "value"), 5),
        (("thresholds", "P10", "sensitivity"), -0.1),
        (("interval", "scale"), 1e308),
        (("interval", "scale"), -1),
        (("interval", "place"), 1e200),
        (("interval", "level"), 9),
        (("validation", "folds"), -1),
        (("places",), [[999, 999]]),
        (("importance", "trees"), 1.5),
        (("starting_points", 0, "environment", "trees"), 1e300),
        (("training", "seed"), -1),
        (("calibration", "slope"), 1e200),
    ],
)
def test_an_impossible_number_is_refused(copy, path, value):
    forge(copy, set_value(*path, value))
    with pytest.raises(ArtifactError, match=r"is not a model card: "):
        load_artifact(copy)


@pytest.mark.parametrize("code", INVISIBLE)
@pytest.mark.parametrize("path", [("species", "scientific_name"), ("study", "title"), ("study", "description")])
def test_invisible_characters_are_refused(copy, path, code):
    forge(copy, set_value(*path, f"Parus{chr(code)}major"))
    with pytest.raises(ArtifactError, match=rf"{path[0]}.{path[1]}: must not contain control characters"):
        load_artifact(copy)


@pytest.mark.parametrize(
    "text",
    [
        "نیم‌فاصله",
        "100\u202f% of it",
        "Épervier d’Europe",
        "大山雀",
        "Bruant\u00a0: ortolan",
    ],
)
def test_texts_of_any_script_are_accepted(copy, text):
    forge(copy, set_value("species", "vernacular_name", text))
    assert load_artifact(copy).card.species.vernacular_name == text


@pytest.mark.parametrize(
    "address",
    [
        "https:///x",
        "https://[::1",
        "https://user:pw@a.b/",
        "https://a.b/\u202e",
        "https://a.b/\u200b",
        "https://a.b/\x7f",
        "ftp://a.b",
    ],
)
def test_an_address_names_a_host_and_nothing_else(copy, address):
    forge(copy, set_value("study", "sources", 0, "url", address))
    with pytest.raises(ArtifactError, match=r"must be an address that begins with http"):
        load_artifact(copy)


@pytest.mark.parametrize("name", ["calibration", "area_points", "held_out_present"])
def test_a_model_of_this_format_has_all_parts(copy, name):
    arrays = arrays_of(copy)
    del arrays[name]
    np.savez_compressed(copy / "model.npz", **arrays)
    resign(copy)
    with pytest.raises(ArtifactError, match="does not contain a model"):
        load_artifact(copy)


def test_held_out_suitabilities_are_shares(copy):
    arrays = arrays_of(copy)
    arrays["held_out_present"][-1] = 5
    np.savez_compressed(copy / "model.npz", **arrays)
    resign(copy)
    with pytest.raises(ArtifactError, match="invalid held-out records"):
        load_artifact(copy)


def test_a_member_given_twice_is_refused(copy):
    text = (copy / "card.json").read_text()
    (copy / "card.json").write_text(text.replace('"n_presences"', '"n_presences": 1, "n_presences"', 1))
    resign(copy)
    with pytest.raises(ArtifactError, match="given more than once"):
        load_artifact(copy)


def test_a_card_alone_is_checked_like_the_model(copy):
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | {"model_id": "oenanthe-hispanica-0123456789ab"}))
    with pytest.raises(ArtifactError, match="the id of another model"):
        read_card(copy)


@pytest.mark.parametrize("version", ["3", "x" * 60_000, "\x1b[31m\u202e"])
def test_a_message_repeats_little_of_a_file_and_nothing_that_cannot_be_seen(copy, version):
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | {"format_version": version}))
    with pytest.raises(ArtifactError) as caught:
        load_artifact(copy)
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()
    assert "'" in str(caught.value)


def test_training_values_fit_the_type_of_their_predictor(copy):
    arrays = arrays_of(copy) | {"reference_1": np.empty(0, np.float32)}
    np.savez_compressed(copy / "model.npz", **arrays)
    resign(copy)
    with pytest.raises(ArtifactError, match="training values that do not fit the type of trees"):
        load_artifact(copy)


@pytest.mark.parametrize("value", ["many", None, 10**400, "1,5"])
def test_what_is_not_a_number_names_its_predictor(value):
    predictor = Predictor(name="x", label="X")
    with pytest.raises(EnvironmentValueError, match=r"^x: "):
        encode_column(predictor, [value])
    with pytest.raises(EnvironmentValueError, match=r"^x: "):
        RowEncoder([predictor]).encode_row([value])


def test_curves_stay_within_what_is_possible(copy):
    def widen(card):
        card["predictors"][2] |= {"lowest_possible": None, "highest_possible": None, "minimum": -9e11, "maximum": 9e11}

    forge(copy, widen)
    curve = response_curves(load_artifact(copy).predictor, [30.0, 10.0, 15.0])[2]
    assert (curve.values[0], curve.values[-1]) == (-1e12, 1e12)
    assert all(0 <= one <= 1 for one in curve.suitability)
