"""Models of every format: what the older ones still answer, and what today's can say."""

import json

import numpy as np
import pytest

from ml.serving.artifact import load_artifact, read_card
from tests.older import arrays_of, make_older

ROWS = [[30.0, 10.0, 15.0], [0.0, 0.0, -40.0], [90.0, 100.0, 14.0]]


def test_a_model_of_the_first_format_still_answers(copy):
    """It had a forest alone, no calibration, and a card without the parts that came later."""
    arrays = make_older(copy, 1)
    artifact = load_artifact(copy)
    assert artifact.card.calibration is None
    answer = artifact.predictor.answer([30.0, 10.0, 15.0])
    nodes, roots = arrays["nodes"], arrays["roots"]
    encoded = artifact.predictor.encoder.encode_row([30.0, 10.0, 15.0])
    leaves = []
    for i in roots[:-1]:
        while nodes[i]["feature"] >= 0:
            i = i + 1 if encoded[nodes[i]["feature"]] <= nodes[i]["threshold"] else nodes[i]["right"]
        leaves.append(nodes[i]["value"])
    assert answer.suitability == pytest.approx(np.mean(leaves), abs=1e-6)


def test_a_model_of_the_second_format_answers_as_it_did(trained, copy):
    """All but the interval's figures, the area and the rates of a user's own threshold was there before."""
    make_older(copy, 2)
    new, old = load_artifact(trained).predictor, load_artifact(copy).predictor
    for row in ROWS:
        now, then = new.answer(row), old.answer(row)
        for name in ("suitability", "baseline", "contributions", "threshold"):
            assert getattr(then, name) == getattr(now, name)
        assert (then.novelty.mess, then.novelty.outside_range) == (now.novelty.mess, now.novelty.outside_range)
        # its interval knew nothing of places, and no scale
        assert now.interval[0] <= then.interval[0] <= then.suitability <= then.interval[1] <= now.interval[1]


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_model_says_what_it_cannot(copy, version):
    make_older(copy, version)
    model = load_artifact(copy).predictor
    assert model.missing == [
        "area of applicability",
        "checked interval",
        "sensitivity and specificity at your own threshold",
        "nearest records",
    ]
    assert model.nearest_records(ROWS[0]) == []
    own = model.cutoff(0.4)
    assert (own.value, own.rule, own.sensitivity, own.specificity) == (0.4, "own", None, None)
    # the rules of the card were judged when it was trained
    assert None not in (model.cutoff().sensitivity, model.cutoff("P10").specificity)
    inside, beyond, _ = (model.answer(row) for row in ROWS)
    assert (inside.novelty.kind, inside.novelty.inside) == ("unknown", True)
    assert (beyond.novelty.kind, beyond.novelty.inside) == ("range", False)
    assert (inside.novelty.index, inside.novelty.threshold) == (None, None)
    assert sum(inside.sources.values()) == pytest.approx(1)
    assert inside.sources["places"] == 0


def test_a_model_of_the_third_format_lacks_the_nearest_records_alone(trained, copy):
    make_older(copy, 3)
    new, old = load_artifact(trained).predictor, load_artifact(copy).predictor
    assert old.missing == ["nearest records"]
    assert old.nearest_records(ROWS[0]) == []
    for row in ROWS:
        assert old.answer(row) == new.answer(row)


def test_a_model_of_this_format_can_say_everything(trained):
    manifest = json.loads((trained / "manifest.json").read_text())
    assert manifest["format_version"] == 4
    model = load_artifact(trained).predictor
    assert model.missing == []
    assert None not in (model.cutoff(0.4).sensitivity, model.cutoff(0.4).specificity)
    assert model.answer(ROWS[0]).novelty.kind in ("inside", "combination")
    assert model.answer(ROWS[1]).novelty.kind == "range"
    card = read_card(trained)
    assert model.gauge.area.threshold == card.area.threshold
    assert model.gauge.area.points.shape == (3, card.area.n_points)


def test_the_area_and_the_held_out_records_are_stored_as_they_were_fitted(trained, copy):
    """What is read from the file answers like what is read from its copy, array by array."""
    arrays = arrays_of(trained)
    model = load_artifact(copy).predictor
    for name in ("points", "scale", "centre", "penalty"):
        np.testing.assert_array_equal(getattr(model.gauge.area, name), arrays[f"area_{name}"])
    assert len(arrays["held_out_present"]) == model.card.n_presences
    assert len(arrays["held_out_other"]) == model.card.n_absences
    for threshold in np.concatenate([arrays["held_out_present"], arrays["held_out_other"]]):
        found = model.cutoff(float(threshold))
        assert found.sensitivity == pytest.approx(np.mean(arrays["held_out_present"] >= threshold))
        assert found.specificity == pytest.approx(np.mean(arrays["held_out_other"] < threshold))
