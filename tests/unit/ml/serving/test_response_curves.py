"""Response curves: through the answer, in step with the model, and plain about where they are invented."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ml.predictors.encoding import EnvironmentValueError
from ml.serving.artifact import load_artifact
from ml.serving.predictor import FastPredictor
from ml.serving.response_curves import response_curves
from ml.training.train import train_species
from tests.synthetic import synthetic_study

SLUG = "oenanthe-hispanica"
cover = st.floats(0, 100)
rows = st.tuples(cover, cover, st.floats(-90, 70), st.sampled_from(["chalk", "clay", "sand"]))
ROW = [20.0, 30.0, 14.0, "clay"]


def _with(artifact, **changes):
    """The model as if its card's predictors were others."""
    card, model = artifact.card, artifact.predictor
    predictors = [p.model_copy(update=changes.get(p.name, {})) for p in card.predictors]
    card = card.model_copy(update={"predictors": predictors})
    return FastPredictor(card, model.blend, model.reference, model.gauge.area)


@pytest.mark.parametrize("kind", ["survey", "records"])
@settings(max_examples=25, deadline=None)
@given(row=rows)
def test_every_curve_passes_through_the_answer(request, kind, row):
    model = request.getfixturevalue(kind).predictor
    row = list(row)
    answer = model.answer(row)
    curves = response_curves(model, row, 7)
    assert [curve.predictor for curve in curves] == model.card.predictors
    for curve, own in zip(curves, row, strict=True):
        assert curve.value == own
        assert curve.values.count(own) == 1
        here = curve.values.index(own)
        assert curve.suitability[here] == pytest.approx(answer.suitability, abs=1e-9)
        assert len(curve.values) == len(curve.suitability) == len(curve.inside)
        assert len(curve.density) in (0, len(curve.values))


@pytest.mark.parametrize("kind", ["survey", "records"])
@settings(max_examples=10, deadline=None)
@given(row=rows, points=st.integers(2, 30))
def test_a_curve_is_what_the_model_predicts_with_one_value_changed(request, kind, row, points):
    model = request.getfixturevalue(kind).predictor
    for j, curve in enumerate(response_curves(model, list(row), points)):
        table = np.array([[*row[:j], value, *row[j + 1 :]] for value in curve.values], dtype=object)
        np.testing.assert_allclose(curve.suitability, model.predict(table), atol=1e-12)
        assert ((np.array(curve.suitability) >= 0) & (np.array(curve.suitability) <= 1)).all()


@settings(max_examples=40, deadline=None)
@given(row=rows, points=st.integers(2, 41))
def test_values_ascend_and_keep_to_what_is_possible(survey, row, points):
    *numbers, soil = response_curves(survey.predictor, list(row), points)
    for curve in numbers:
        assert (np.diff(curve.values) > 0).all()
        assert len(curve.values) in (points, points + 1)
        assert curve.values[0] >= curve.predictor.lowest_possible
        assert curve.values[-1] <= curve.predictor.highest_possible
        # the whole training range is on the axis
        assert curve.values[0] <= curve.predictor.minimum
        assert curve.values[-1] >= curve.predictor.maximum
    assert soil.values == soil.predictor.levels
    assert soil.density == []


def test_without_limits_a_curve_goes_a_tenth_beyond_the_range_and_further_to_the_users_own(survey):
    free = {"lowest_possible": None, "highest_possible": None}
    model = _with(survey, temperature=free)
    low, high = model.card.predictors[2].minimum, model.card.predictors[2].maximum
    span = high - low

    def ends(own):
        values = response_curves(model, [20.0, 30.0, own, "clay"])[2].values
        return values[0], values[-1]

    assert ends((low + high) / 2) == pytest.approx((low - 0.1 * span, high + 0.1 * span))
    assert ends(high + 0.5 * span) == pytest.approx((low - 0.1 * span, high + 0.5 * span))
    assert ends(low - 0.5 * span) == pytest.approx((low - 0.5 * span, high + 0.1 * span))
    # what is further is a point of its own, the curve ends one range away
    values = response_curves(model, [20.0, 30.0, high + 50 * span, "clay"])[2].values
    assert values[-2:] == pytest.approx([high + span, high + 50 * span])


@settings(max_examples=30, deadline=None)
@given(row=rows)
def test_the_density_is_of_training_values(survey, row):
    model = survey.predictor
    for curve, reference in zip(response_curves(model, list(row)), model.reference, strict=True):
        if curve.predictor.type == "categorical":
            continue
        density = np.array(curve.density)
        assert ((density >= 0) & (density <= 1)).all()
        assert density.max() == 1
        values = np.array(curve.values)
        nearest = np.abs(values[:, None] - reference.astype(float)).min(axis=1)
        # nothing where no record is within a tenth of the axis, something next to one
        axis = np.ptp(values)
        assert (density[nearest > axis / 10] == 0).all()
        assert (density[nearest < axis / 50] > 0).all()


def test_the_density_follows_where_records_are_many(survey):
    curve = response_curves(survey.predictor, ROW)[2]
    values, density = np.array(curve.values), np.array(curve.density)
    # temperatures are drawn around 14, so the mean of the density is there
    assert values @ density / density.sum() == pytest.approx(14, abs=1)
    assert density[np.abs(values - 14).argmin()] > 3 * density[np.abs(values - 5).argmin()]


@pytest.mark.parametrize("kind", ["survey", "records"])
@settings(max_examples=25, deadline=None)
@given(row=rows)
def test_a_curve_is_invented_outside_the_range(request, kind, row):
    model = request.getfixturevalue(kind).predictor
    for curve in response_curves(model, list(row), 21):
        if curve.predictor.type == "categorical":
            continue
        values, inside = np.array(curve.values), np.array(curve.inside)
        beyond = (values < curve.predictor.minimum) | (values > curve.predictor.maximum)
        assert not inside[beyond].any()


def test_a_curve_through_records_is_inside_there(survey):
    row = [survey.card.starting_points[0].environment[p.name] for p in survey.card.predictors]
    for curve in response_curves(survey.predictor, row):
        assert any(curve.inside)
        if curve.predictor.type == "continuous":
            # the axis goes beyond the range unless that is impossible
            assert not all(curve.inside) or curve.predictor.lowest_possible == curve.predictor.minimum


@pytest.mark.parametrize("kind", ["survey", "records"])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_point_is_inside_where_the_answer_to_it_is(request, kind, data):
    """Every point of every curve, asked as a row of its own."""
    artifact = request.getfixturevalue(kind)
    row = [
        data.draw(st.sampled_from(p.levels) if p.type == "categorical" else st.floats(p.minimum, p.maximum))
        for p in artifact.card.predictors
    ]
    _same_inside(artifact.predictor, row)


@settings(max_examples=20, deadline=None)
@given(row=rows)
@example(row=(0.0, 27.0, 12.0, "chalk"))
def test_a_point_is_inside_where_the_answer_to_it_is_whatever_the_other_values_are(survey, row):
    _same_inside(survey.predictor, list(row))


def _same_inside(model, row):
    for j, curve in enumerate(response_curves(model, row, 5)):
        for value, inside in zip(curve.values, curve.inside, strict=True):
            assert model.answer([*row[:j], value, *row[j + 1 :]]).novelty.inside == inside


def test_without_an_area_the_range_alone_decides(survey):
    model = survey.predictor
    older = FastPredictor(model.card, model.blend, model.reference)
    for curve in response_curves(older, ROW):
        low, high = curve.predictor.minimum, curve.predictor.maximum
        known = [True] * 3 if low is None else [low <= value <= high for value in curve.values]
        assert curve.inside == known


@pytest.fixture(scope="module")
def flat(tmp_path_factory):
    study = synthetic_study(n_species=1)
    study = replace(study, environment=study.environment.assign(trees=7.0))
    return load_artifact(train_species(study, SLUG, tmp_path_factory.mktemp("flat"), 10, 3))


@pytest.mark.parametrize("own", [7.0, 0.0, 55.5])
def test_a_constant_predictor_has_a_flat_curve(flat, own):
    answer = flat.predictor.answer([20.0, own, 14.0])
    curve = response_curves(flat.predictor, [20.0, own, 14.0])[1]
    assert (np.diff(curve.values) > 0).all()
    assert own in curve.values
    assert curve.suitability == pytest.approx([answer.suitability] * len(curve.values))
    # one value is known
    assert {value for value, inside in zip(curve.values, curve.inside, strict=True) if inside} <= {7.0}


def test_a_transformed_predictor_without_limits_has_a_curve(survey):
    """ln(x + 1) ends at -1, whether the study says what is possible or not."""
    model = _with(survey, bare_rock={"lowest_possible": None}, trees={"lowest_possible": None})
    for own in (0.0, 50.0, -0.5):
        for curve in response_curves(model, [own, 30.0, 14.0, "clay"])[:2]:
            assert min(curve.values) > -1
            assert np.isfinite(curve.suitability).all()


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "mud"])
def test_values_that_cannot_be_used_name_the_predictor(survey, bad):
    row = [20.0, 30.0, 14.0, bad] if bad == "mud" else [20.0, 30.0, bad, "clay"]
    with pytest.raises(EnvironmentValueError, match="soil" if bad == "mud" else "temperature"):
        response_curves(survey.predictor, row)


def test_whole_numbers_are_values_too(survey):
    curves = response_curves(survey.predictor, [20, 30, 14, "clay"], 3)
    assert [curve.value for curve in curves] == [20.0, 30.0, 14.0, "clay"]
    assert all(isinstance(curve.value, float) for curve in curves[:3])
