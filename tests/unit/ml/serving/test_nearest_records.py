"""The training records most like some conditions, by distances worked out pair by pair."""

from dataclasses import replace

import numpy as np
import pytest

from ml.card import Predictor
from ml.serving.artifact import load_artifact
from ml.serving.nearest_records import PointRecords, find_nearest
from ml.serving.novelty import Area
from ml.training.train import train_species
from tests.synthetic import synthetic_study

SLUG = "oenanthe-hispanica"


@pytest.fixture(scope="module")
def study():
    return synthetic_study(categorical=True)


def encoded(model, environment):
    """Rows of a study as double precision: ln(1 + x) of a cover, the code of a level."""
    columns = []
    for predictor in model.card.predictors:
        values = environment[predictor.name]
        if predictor.type == "categorical":
            columns.append([predictor.levels.index(value) for value in values])
        else:
            columns.append(np.log1p(values) if predictor.transform == "log1p" else values)
    return np.array(columns, float).T


def naive_distances(model, study, row):
    """The dissimilarity index of every site: standardised and weighted, by the mean distance of all pairs."""
    rows = encoded(model, study.environment)
    asked = encoded(model, {p.name: [value] for p, value in zip(model.card.predictors, row, strict=True)})[0]
    weights = [model.card.importance[p.name] for p in model.card.predictors]
    both = np.vstack([rows, asked])
    squared = np.zeros((len(both), len(both)))
    for j, predictor in enumerate(model.card.predictors):
        apart = both[:, j][:, None] - both[:, j][None]
        if predictor.type == "categorical":
            squared += 2 * weights[j] ** 2 * (apart != 0)
        else:
            squared += (weights[j] * apart / rows[:, j].std()) ** 2
    distance = np.sqrt(squared)
    mean = distance[:-1, :-1].sum() / (len(rows) * (len(rows) - 1))
    return distance[-1, :-1] / mean


ROWS = [[30.0, 10.0, 15.0, "clay"], [0.0, 0.0, 14.0, "sand"], [80.0, 95.0, 9.0, "chalk"]]


@pytest.mark.parametrize("row", ROWS)
def test_the_nearest_records_are_those_of_every_pair(survey, study, row):
    model = survey.predictor
    distances = naive_distances(model, study, row)
    order = np.argsort(distances, kind="stable")[:5]
    found = model.nearest_records(row, 5)
    assert [one.index for one in found] == pytest.approx(distances[order].tolist(), rel=1e-3)
    for one, i in zip(found, order, strict=True):
        assert one.present == bool(study.presence[SLUG].iloc[i])
        assert one.place == pytest.approx(tuple(study.coordinates[i]), abs=1e-5)
        site = study.environment.iloc[i]
        assert one.values["soil"] == site["soil"]
        for name in ("bare_rock", "trees", "temperature"):
            assert one.values[name] == pytest.approx(site[name], rel=1e-4, abs=1e-3)
    assert found[0].index == model.answer(row).novelty.index


def test_three_records_unless_more_are_wanted(survey):
    assert len(survey.predictor.nearest_records(ROWS[0])) == 3
    assert len(survey.predictor.nearest_records(ROWS[0], 10_000)) == survey.card.area.n_points


def test_a_training_row_is_nearest_to_itself_and_differs_in_nothing(survey, study):
    names = [p.name for p in survey.card.predictors]
    for i in (0, 17, 119):
        nearest, second, _ = survey.predictor.nearest_records([study.environment.iloc[i][name] for name in names])
        assert (nearest.index, nearest.differing) == (0, [])
        assert nearest.present == bool(study.presence[SLUG].iloc[i])
        assert second.index > 0 and second.differing


def test_what_differs_most_comes_first(survey):
    """A record of the same numbers on another soil differs in the soil alone."""
    model = survey.predictor
    names = [p.name for p in model.card.predictors]
    record = model.nearest_records(ROWS[0], 1)[0]
    other = next(level for level in ("chalk", "clay", "sand") if level != record.values["soil"])
    row = [other if name == "soil" else record.values[name] for name in names]
    [same] = [one for one in model.nearest_records(row, 120) if one.place == record.place]
    assert same.differing[0] == "soil"
    assert same.index == pytest.approx(float(np.sqrt(model.gauge.area.penalty.max())), rel=1e-3)


def test_equally_near_records_keep_the_order_of_training():
    area = Area(
        points=np.array([[0, 1, -1, 1, 3]], np.float32),
        scale=np.ones(1, np.float32),
        centre=np.zeros(1, np.float32),
        penalty=np.zeros(1, np.float32),
        threshold=1,
    )
    places = np.array([[i, i] for i in range(5)], np.float32)
    records = PointRecords(np.array([False, True, False, True, True]), places)
    predictors = [Predictor(name="x", label="x", minimum=-1, maximum=3)]
    found = find_nearest(predictors, area, records, np.zeros(1, np.float32), 5)
    assert [(one.place, one.index, one.present, one.values["x"]) for one in found] == [
        ((0, 0), 0, False, 0),
        ((1, 1), 1, True, 1),
        ((2, 2), 1, False, -1),
        ((3, 3), 1, True, 1),
        ((4, 4), 3, True, 3),
    ]


def test_equal_records_at_one_place_are_one_with_their_number():
    area = Area(
        points=np.array([[1, 1, 1, 1, 1, 2]], np.float32),
        scale=np.ones(1, np.float32),
        centre=np.zeros(1, np.float32),
        penalty=np.zeros(1, np.float32),
        threshold=1,
    )
    # the second place is the first one, to 0.01 degrees
    places = np.array([[5, 5], [5.001, 5], [5, 5], [7, 5], [np.nan, np.nan], [5, 5]], np.float32)
    records = PointRecords(np.array([True, True, False, True, True, True]), places)
    predictors = [Predictor(name="x", label="x", minimum=1, maximum=2)]
    found = find_nearest(predictors, area, records, np.ones(1, np.float32), 9)
    assert [(one.present, one.values["x"], one.count) for one in found] == [
        (True, 1, 2), (False, 1, 1), (True, 1, 1), (True, 1, 1), (True, 2, 1),
    ]  # fmt: skip
    assert [one.place for one in found] == [(5, 5), (5, 5), (7, 5), None, (5, 5)]
    assert [one.count for one in find_nearest(predictors, area, records, np.ones(1, np.float32), 1)] == [2]


def test_a_study_without_coordinates_has_no_places(tmp_path):
    study = synthetic_study(coordinates=False)
    model = load_artifact(train_species(study, SLUG, tmp_path, 12, 3, n_networks=1)).predictor
    found = model.nearest_records([30.0, 10.0, 15.0])
    assert [one.place for one in found] == [None] * 3
    assert {type(one.present) for one in found} == {bool}


def test_background_points_and_presences_are_told_apart(records):
    model = records.predictor
    everything = model.nearest_records(
        [p.median if p.type == "continuous" else p.levels[0] for p in records.card.predictors], 10_000
    )
    assert sum(one.count for one in everything if one.present) == records.card.n_presences
    assert sum(one.count for one in everything) == records.card.area.n_points


def test_a_predictor_that_changes_nothing_has_no_value(survey):
    """Its scale is 0, so its value cannot be computed from the point."""
    model = survey.predictor
    area = model.gauge.area
    scale, points = area.scale.copy(), area.points.copy()
    scale[1], points[1] = 0, 0
    flat = replace(area, scale=scale, points=points)
    [found] = find_nearest(model.card.predictors, flat, model._records, model.encoder.encode_row(ROWS[0]), 1)
    assert set(found.values) == {"bare_rock", "temperature", "soil"}
    assert "trees" not in found.differing
