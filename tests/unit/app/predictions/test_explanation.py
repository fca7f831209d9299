"""The wording of an explanation: places, values that differ, and what is left out."""

from types import SimpleNamespace

import pytest

from app.predictions.explanation import present
from app.predictions.explanation_schemas import ExplanationAnswer, NearestRecord, RecordPlace
from app.predictions.schemas import PredictionAnswer
from ml.card import Predictor

CARD = SimpleNamespace(
    n_presences=5_000,
    n_absences=1_500,
    area=SimpleNamespace(n_points=4_000),
    predictors=[
        Predictor(name="trees", label="Trees", unit="%"),
        Predictor(name="rain", label="Rain", unit="mm"),
        Predictor(name="frost", label="Frost", unit="days"),
        Predictor(name="wind", label="Wind", unit="m/s"),
        Predictor(name="soil", label="Soil", type="categorical", levels=["clay", "sand"]),
    ],
)
YOURS = {"trees": 12.0, "rain": 900.0, "frost": 3.0, "wind": 4.5, "soil": "clay"}


def shown(verdict="suitable", place=None, differing=(), **values):
    record = NearestRecord(
        record="background point",
        dissimilarity_index=0.1,
        place=place,
        environment={**YOURS, **values},
        differing=list(differing),
    )
    novelty = SimpleNamespace(in_area_of_applicability=True)
    answer = PredictionAnswer.model_construct(verdict=verdict, environment=YOURS, novelty=novelty)
    return present(ExplanationAnswer(change=None, nearest=[record], missing=[]), answer, CARD)


@pytest.mark.parametrize(
    ("latitude", "longitude", "text"),
    [
        (42.5, 2.85, "42.50° N, 2.85° E"),
        (-16.75, -142.25, "16.75° S, 142.25° W"),
        (0.0, 0.0, "0.00° N, 0.00° E"),
        (-0.01, 179.99, "0.01° S, 179.99° E"),
    ],
)
def test_a_place_is_said_in_degrees(latitude, longitude, text):
    [record] = shown(place=RecordPlace(latitude=latitude, longitude=longitude)).records
    assert (record.record, record.place) == ("Background point", text)


def test_a_sample_is_named_where_not_all_records_are_compared():
    assert shown().searched == "Compared with a sample of 4,000 of the 6,500 training records."
    answer = PredictionAnswer.model_construct(
        verdict="suitable", environment=YOURS, novelty=SimpleNamespace(in_area_of_applicability=True)
    )
    data = ExplanationAnswer(change=None, nearest=[], missing=[])
    for area in (SimpleNamespace(n_points=6_500), None):
        assert present(data, answer, SimpleNamespace(**{**vars(CARD), "area": area})).searched == ""


def test_a_record_without_a_place_has_none():
    assert shown().records[0].place == ""


def test_the_values_that_differ_most_are_named_with_yours():
    [record] = shown(differing=["soil", "rain", "wind", "trees"], soil="sand", rain=1150, wind=4, trees=0).records
    assert [(one.label, one.value, one.yours) for one in record.differences] == [
        ("Soil", "sand", "clay"),
        ("Rain", "1150 mm", "900 mm"),
        ("Wind", "4 m/s", "4.5 m/s"),
    ]
    assert record.n_more == 1


def test_values_that_would_look_equal_are_not_named():
    [record] = shown(differing=["rain", "frost"], rain=900.02, frost=4).records
    assert [one.label for one in record.differences] == ["Frost"]
    assert record.n_more == 0


def test_nothing_is_said_of_a_change_where_the_answer_cannot_say():
    assert shown("cannot_say").sentence == ""
    assert shown().sentence.startswith("No change of a single condition")
    assert shown().href is None
