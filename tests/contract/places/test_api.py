"""Places by API: conditions from the layers, what is stored, and every way in which a place has no answer."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.contract.conftest import WHEATEAR
from tests.contract.places.conftest import HERE, PLACE
from tests.stored_layers import WARMER, write_hills

URL = "/api/v1/predictions"
OTHER = "turdus-merula"


def ask(client, location=PLACE, species=WHEATEAR, **more):
    return client.post(URL, json={"species": species, "location": location, **more})


def refused(response, pointer, text):
    assert response.status_code == 422, response.json
    assert response.mimetype == "application/problem+json"
    (error,) = response.json["errors"]
    assert (error["pointer"], text in error["detail"]) == (pointer, True), error


def same_but_for(answer, other, *members):
    return {k: v for k, v in answer.items() if k not in members} == {k: v for k, v in other.items() if k not in members}


def test_a_place_gets_the_answer_of_its_conditions(visitor):
    answer = ask(visitor).json
    assert (answer["environment"], answer["location"], answer["scenario"]) == (HERE, PLACE, None)
    given = visitor.post(URL, json={"species": WHEATEAR, "environment": HERE}).json
    assert (given["location"], given["scenario"]) == (None, None)
    assert same_but_for(answer, given, "id", "created_at", "cached", "location")
    stored = visitor.get(f"{URL}/{answer['id']}").json
    assert stored == answer
    listed = visitor.get(f"{URL}?limit=2").json["items"]
    assert [one["location"] for one in listed] == [None, PLACE]


def test_a_scenario_has_its_own_layers(visitor):
    answer = ask(visitor, scenario=WARMER).json
    assert answer["environment"] == {**HERE, "temperature": 14.1}
    assert answer["scenario"] == WARMER
    assert visitor.get(f"{URL}/{answer['id']}").json == answer


def test_a_scenario_typed_with_a_hyphen_is_stored_by_its_label(visitor):
    typed = WARMER.replace("–", "-")
    body = {"species": WHEATEAR, "location": PLACE}
    answer = visitor.post("/api/v1/predictions", json={**body, "scenario": typed}).json
    assert answer["scenario"] == WARMER
    assert (
        answer["environment"]
        == visitor.post("/api/v1/predictions", json={**body, "scenario": WARMER}).json["environment"]
    )
    page = visitor.get(f"/?species={WHEATEAR}&lat=41.95&lon=2.55&scenario={typed}").text
    assert f'value="{WARMER}" selected' in page


@pytest.mark.parametrize("longitude", [2.55, 362.55 - 360, 2])
def test_whole_numbers_are_coordinates(visitor, longitude):
    assert ask(visitor, {"latitude": 42, "longitude": longitude}).status_code == 200


@pytest.mark.parametrize(
    ("location", "pointer", "text"),
    [
        (
            {"latitude": 45, "longitude": 2.5},
            "/location",
            "45° N, 2.5° E: lies outside the layers of this study",
        ),
        ({"latitude": 42, "longitude": -2.5}, "/location", "42° N, 2.5° W: lies outside the layers"),
        ({"latitude": 42, "longitude": 182.5}, "/location", "42° N, 177.5° W: lies outside the layers"),
        ({"latitude": -90, "longitude": 0}, "/location", "90° S, 0°: lies outside the layers"),
        ({"latitude": 42.95, "longitude": 2.5}, "/location", "the layer Bare rock (bare_rock) has no value there"),
        ({"latitude": 42, "longitude": 3.95}, "/location", "none of the layers of this study has a value there"),
        (
            {"latitude": 42, "longitude": 3.75},
            "/location",
            "the layer Soil has “peat” there, which the model has",
        ),
        ({"latitude": 90.1, "longitude": 2}, "/location/latitude", "must be 90.0 or less"),
        ({"latitude": 42, "longitude": -181}, "/location/longitude", "must be -180.0 or more"),
        ({"latitude": 42, "longitude": 361}, "/location/longitude", "must be 360.0 or less"),
        ({"latitude": "42", "longitude": 2}, "/location/latitude", "must be a number"),
        ({"latitude": True, "longitude": 2}, "/location/latitude", "must be a number"),
        ({"latitude": None, "longitude": 2}, "/location/latitude", "must be a number"),
        ({"latitude": 42}, "/location/longitude", "a value is needed"),
        ({"latitude": 42, "longitude": 2, "height": 3}, "/location/height", "is not a known field"),
        ([42, 2], "/location", "must be a JSON object"),
        ("42, 2", "/location", "must be a JSON object"),
    ],
)
def test_a_place_without_conditions(visitor, location, pointer, text):
    refused(ask(visitor, location), pointer, text)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_numbers_that_are_none(visitor, number):
    body = json.dumps({"species": WHEATEAR, "location": {"latitude": 42, "longitude": 2}}).replace("42", number)
    response = visitor.post(URL, data=body, content_type="application/json")
    assert response.status_code in (400, 422)
    assert response.mimetype == "application/problem+json"


@pytest.mark.parametrize(
    ("more", "pointer", "text"),
    [
        ({"scenario": "SSP999"}, "/scenario", "must be one of SSP585 2081–2100"),
        ({"scenario": "SSP126 2081–2100"}, "/scenario", "the layers of this scenario lack soil"),
        ({"scenario": ""}, "/scenario", "must be one of"),
        ({"scenario": 5}, "/scenario", "must be text"),
        ({"scenario": "a\u0000b"}, "/scenario", "must not contain control characters"),
        ({"environment": HERE}, "/environment", "give the environment or a location, not both"),
    ],
)
def test_scenarios_that_are_none_and_two_ways_at_once(visitor, more, pointer, text):
    refused(ask(visitor, **more), pointer, text)


def test_a_scenario_without_a_place(visitor):
    body = {"species": WHEATEAR, "environment": HERE, "scenario": WARMER}
    refused(visitor.post(URL, json=body), "/scenario", "belongs to a location, which is missing")


@pytest.mark.parametrize("member", ["location", "scenario", "environment"])
def test_a_member_that_is_null_is_refused(visitor, member):
    kept = {"environment": HERE} if member == "location" else {"location": PLACE}
    response = visitor.post(URL, json={"species": WHEATEAR, **kept, member: None})
    refused(response, f"/{member}", "must not be null; leave it out instead")


def test_a_model_of_other_layers_does_not_use_these(visitor):
    refused(
        ask(visitor, species=OTHER), "/location", "this model was trained on other layers than those that are stored"
    )


def test_a_study_without_layers(client):
    refused(ask(client), "/location", "this study has no layers from which conditions can be read")


def test_layers_that_are_stored_replaced_or_damaged_while_the_server_runs(placed, visitor):
    home = placed.config["SETTINGS"].layers_dir / "test-hills"
    (folder,) = home.iterdir()
    kept = shutil.copytree(folder, home.parent / "kept")
    try:
        (folder / "layers.json").write_text("{")
        response = ask(visitor)
        assert (response.status_code, response.mimetype) == (503, "application/problem+json")
        shutil.rmtree(folder)
        refused(ask(visitor), "/location", "this study has no layers")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        kept.rename(folder)
    assert ask(visitor).json["environment"] == HERE
    # a later training from the same layers names its models too
    assert write_hills(home.parent, ["e" * 64]) == folder
    assert ask(visitor).json["environment"] == HERE


@pytest.mark.parametrize("options", [{"extrapolation": "refuse"}, {"threshold": 0.01, "extrapolation": "allow"}])
def test_the_options_hold_for_places_as_for_conditions(visitor, options):
    asked = ask(visitor, **options)
    given = visitor.post(URL, json={"species": WHEATEAR, "environment": HERE, **options})
    assert asked.status_code == given.status_code
    assert same_but_for(asked.json, given.json, "id", "created_at", "cached", "location")
    assert options["extrapolation"] == "refuse" or asked.json["suitable"] is True


def test_answers_stored_before_places_existed_open_as_they_were(placed, visitor):
    from sqlalchemy import text

    from app.database.db import db

    answer = ask(visitor).json
    with placed.app_context():
        row = db.session.execute(
            text("SELECT answer FROM predictions WHERE id = :id"), {"id": answer["id"]}
        ).scalar_one()
        older = {k: v for k, v in json.loads(row).items() if k not in ("location", "scenario")}
        statement = text("UPDATE predictions SET answer = :answer WHERE id = :id")
        db.session.execute(statement, {"answer": json.dumps(older), "id": answer["id"]})
        db.session.commit()
    stored = visitor.get(f"{URL}/{answer['id']}").json
    assert (stored["location"], stored["scenario"]) == (None, None)
    assert same_but_for(stored, answer, "location")


def test_the_species_says_which_scenarios_there_are(visitor, client):
    layers = visitor.get(f"/api/v1/species/{WHEATEAR}").json["layers"]
    assert layers["scenarios"] == [{"label": WARMER, "note": "4 °C warmer."}]
    assert layers["extent"] == pytest.approx([2, 41, 4, 43])
    assert visitor.get(f"/api/v1/species/{OTHER}").json["layers"] is None
    assert client.get(f"/api/v1/species/{WHEATEAR}").json["layers"] is None


def test_the_document_offers_both_ways(visitor):
    schema = visitor.get("/openapi.json").json["components"]["schemas"]["PredictionQuery"]
    assert schema["oneOf"] == [{"required": ["environment"]}, {"required": ["location"]}]
    assert {"location", "scenario", "environment"} <= set(schema["properties"])
    assert schema["required"] == ["species"]
