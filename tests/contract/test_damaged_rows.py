"""Stored answers whose rows were changed outside the application."""

from __future__ import annotations

import pytest

from app.database.db import db
from app.predictions.tables import Prediction
from tests.contract.conftest import WHEATEAR, ask_of


@pytest.fixture
def damage(app, client, environment):
    """Change the row of a new answer, and return its id. The rows are deleted at the end."""

    ids = []

    def change(**columns):
        answer = ask_of(client, environment).json
        with app.app_context():
            row = db.session.get(Prediction, answer["id"])
            for name, edit in columns.items():
                setattr(row, name, edit(getattr(row, name)))
            db.session.commit()
        ids.append(answer["id"])
        return answer["id"]

    yield change
    with app.app_context():
        for prediction in ids:
            db.session.delete(db.session.get(Prediction, prediction))
        db.session.commit()


def _without(values, name):
    return {key: value for key, value in values.items() if key != name}


@pytest.mark.parametrize(
    "edit",
    [lambda values: _without(values, "trees"), lambda values: {**values, "trees": 1e300}],
    ids=["a condition is missing", "a value that is impossible"],
)
def test_conditions_that_do_not_fit_the_model_are_shown_without_an_explanation(client, damage, edit):
    prediction = damage(environment=edit)
    assert client.get(f"/api/v1/predictions/{prediction}").status_code == 200
    page = client.get(f"/predictions/{prediction}")
    assert page.status_code == 200
    assert "What would change it" not in page.text
    for address in (f"/predictions/{prediction}/explanation", f"/api/v1/predictions/{prediction}/explanation"):
        response = client.get(address)
        assert response.status_code == 503
        assert "do not fit the model" in response.text
    response = client.get(f"/api/v1/species/{WHEATEAR}/response-curves?prediction={prediction}")
    assert response.status_code == 503
    assert "do not fit the model" in response.json["detail"]


@pytest.mark.parametrize("edit", [lambda answer: {}, lambda answer: _without(answer, "interval")])
def test_an_answer_that_lost_its_numbers_is_named_as_damaged(client, damage, edit):
    prediction = damage(answer=edit)
    for address in (
        f"/api/v1/predictions/{prediction}",
        f"/predictions/{prediction}",
        f"/predictions/{prediction}/statement",
    ):
        response = client.get(address)
        assert response.status_code == 503
        assert "damaged" in response.text
    # the list has the others
    listed = client.get("/api/v1/predictions?limit=100")
    assert listed.status_code == 200
    assert prediction not in [item["id"] for item in listed.json["items"]]
