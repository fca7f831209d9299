"""Reporting what was found: by API and by the form below an answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from app.confirmations.tables import Observation
from app.database.db import db
from app.observations import service
from app.registry import changes
from tests.contract.conftest import WHEATEAR
from tests.contract.observations.conftest import PLACE, accept, found, listed, report
from tests.stored_layers import WARMER


def test_an_observation_of_a_place_has_the_prediction_of_that_moment(visitor):
    asked = visitor.post("/api/v1/predictions", json={"species": WHEATEAR, "location": PLACE}).json
    stored = report(
        visitor, effort={"minutes": 45, "people": 2}, photo="https://example.org/a.jpg", note="two\r\nlines"
    )
    assert (stored["state"], stored["outcome"], stored["date"]) == ("pending", "present", "2026-05-31")
    assert stored["location"] == PLACE
    assert stored["environment"] == asked["environment"]
    assert stored["predicted"] == {
        "suitability": asked["suitability"],
        "interval": asked["interval"],
        "in_area_of_applicability": asked["novelty"]["in_area_of_applicability"],
        "model": asked["model"],
    }
    assert (stored["effort"], stored["note"]) == ({"minutes": 45, "people": 2}, "two\nlines")
    assert (stored["prediction"], stored["moderated_at"]) == (None, None)


def test_an_observation_of_a_prediction_has_its_species_place_and_conditions(visitor):
    asked = visitor.post("/api/v1/predictions", json={"species": WHEATEAR, "location": PLACE}).json
    stored = report(visitor, species=None, location=None, prediction=asked["id"], outcome="absent")
    assert stored["prediction"] == asked["id"]
    assert stored["species"] == asked["species"]
    assert stored["location"] == PLACE
    assert stored["predicted"]["suitability"] == asked["suitability"]


def test_a_later_version_does_not_change_what_the_model_had_said(own_site, newer_model):
    visitor = own_site.test_client()
    stored = report(visitor)
    accept(visitor, stored)
    with own_site.app_context():
        version, _ = changes.register(newer_model)
        changes.activate(version.id)
        newer = version.id
    older = stored["predicted"]["model"]["id"]
    assert visitor.get(f"/api/v1/models/{older}/accuracy").json["n_presences"] == 1
    assert visitor.get(f"/api/v1/models/{newer}/accuracy").json["n_presences"] == 0
    assert report(visitor, date="2026-05-30")["predicted"]["model"]["id"] == newer


def test_an_answer_to_typed_conditions_has_no_place(visitor, environment):
    asked = visitor.post("/api/v1/predictions", json={"species": WHEATEAR, "environment": environment}).json
    stored = report(visitor, species=None, location=None, prediction=asked["id"])
    assert stored["location"] is None
    again = found(species=None, location=None, prediction=asked["id"])
    assert visitor.post("/api/v1/observations", json=again).status_code == 409


def test_the_same_report_twice_is_a_conflict(visitor):
    report(visitor)
    again = visitor.post("/api/v1/observations", json=found(outcome="absent"))
    assert again.status_code == 409
    assert "already" in again.json["detail"]
    report(visitor, date="2026-05-30")
    report(visitor, location={**PLACE, "latitude": 41.951})
    assert len(listed(visitor)) == 3


def test_of_the_same_reports_at_once_one_is_stored(site):
    with ThreadPoolExecutor(6) as pool:
        statuses = list(
            pool.map(lambda _: site.test_client().post("/api/v1/observations", json=found()).status_code, range(6))
        )
    assert sorted(statuses) == [201, 409, 409, 409, 409, 409]


def tomorrow():
    return (datetime.now(UTC) + timedelta(days=2)).date().isoformat()


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"date": "2026-02-30"}, "/date"),
        ({"date": "31.5.2026"}, "/date"),
        ({"date": "1899-12-31"}, "/date"),
        ({"date": tomorrow()}, "/date"),
        ({"date": 20260531}, "/date"),
        ({"outcome": "perhaps"}, "/outcome"),
        ({"location": {"latitude": 91, "longitude": 0}}, "/location/latitude"),
        ({"location": {"latitude": 41.95, "longitude": 400}}, "/location/longitude"),
        ({"location": {"latitude": 0, "longitude": 0}}, "/location"),
        ({"location": None}, "/location"),
        ({"species": None}, "/species"),
        ({"species": "nobody"}, "/species"),
        ({"species": "parus-major"}, "/location"),
        ({"prediction": "0190a0c0-0000-7000-8000-000000000000"}, "/prediction"),
        ({"species": None, "location": None, "prediction": "0190a0c0-0000-7000-8000-000000000000"}, "/prediction"),
        ({"species": None, "location": None, "prediction": "no id"}, "/prediction"),
        ({"effort": {"minutes": 0}}, "/effort/minutes"),
        ({"effort": {"minutes": 1.5}}, "/effort/minutes"),
        ({"effort": {"people": 10**9}}, "/effort/people"),
        ({"effort": {"dogs": 2}}, "/effort/dogs"),
        ({"photo": "http://example.org/a.jpg"}, "/photo"),
        ({"photo": "javascript:alert(1)"}, "/photo"),
        ({"photo": "https://name:word@example.org/"}, "/photo"),
        ({"photo": "https://example.org/ a"}, "/photo"),
        ({"photo": "https://[::1/"}, "/photo"),
        ({"photo": "https://example.org/" + "a" * 500}, "/photo"),
        ({"note": "a" * 1001}, "/note"),
        ({"note": "a\x00b"}, "/note"),
        ({"state": "accepted"}, "/state"),
        ({"observer_id": "somebody"}, "/observer_id"),
        ({"suitability": 1}, "/suitability"),
    ],
)
def test_a_wrong_value_is_named_and_nothing_is_stored(visitor, change, pointer):
    refused = visitor.post("/api/v1/observations", json=found(**change))
    assert refused.status_code == 422, refused.json
    assert pointer in [error["pointer"] for error in refused.json["errors"]]
    assert listed(visitor) == []


def test_an_answer_for_a_scenario_cannot_be_confirmed(visitor):
    query = {"species": WHEATEAR, "location": PLACE, "scenario": WARMER}
    asked = visitor.post("/api/v1/predictions", json=query)
    assert asked.json.get("scenario"), asked.json
    refused = visitor.post("/api/v1/observations", json=found(species=None, location=None, prediction=asked.json["id"]))
    assert refused.status_code == 422
    assert "scenario" in refused.json["errors"][0]["detail"]


def test_the_form_below_a_stored_answer(visitor):
    asked = visitor.post("/api/v1/predictions", json={"species": WHEATEAR, "location": PLACE}).json
    page = visitor.get(f"/predictions/{asked['id']}").get_data(as_text=True)
    assert 'action="/observations"' in page
    assert f'name="prediction" value="{asked["id"]}"' in page.replace("\n", " ")
    fields = {"prediction": asked["id"], "outcome": "absent", "date": "2026-05-31", "minutes": "30", "people": ""}
    done = visitor.post("/observations", data=fields)
    assert done.status_code == 201
    assert "waits for an editor" in done.get_data(as_text=True).replace("\n", " ")
    empty = visitor.post("/observations", data={"prediction": asked["id"]}).get_data(as_text=True)
    assert "Choose the day of the search." in empty
    assert "Choose one of the two." in empty
    again = visitor.post("/observations", data=fields, headers={"HX-Request": "true"})
    assert again.status_code == 409
    assert "already" in again.get_data(as_text=True)
    assert "<html" not in again.get_data(as_text=True)


def test_the_form_of_a_place_keeps_what_was_typed(visitor):
    fields = {
        "species": WHEATEAR, "latitude": "41.95", "longitude": "2.55", "date": "2999-01-01", "minutes": "many",
        "photo": "http://x", "note": "a note",
    }  # fmt: skip
    refused = visitor.post("/observations", data=fields)
    page = refused.get_data(as_text=True)
    assert refused.status_code == 422
    for text in (
        "Must not be in the future.",
        "Must be a whole number.",
        "https://",
        "Choose one of the two.",
        "a note",
    ):
        assert text in page
    done = visitor.post(
        "/observations", data={**fields, "outcome": "present", "date": "2026-05-31", "minutes": "", "photo": ""}
    )
    assert done.status_code == 201


def test_the_answer_for_a_place_on_a_map_has_the_form_of_the_place(visitor):
    posted = {"species": WHEATEAR, "scenario": "", "where": "place", "place": "41.95, 2.55", "preview": "1"}
    fragment = visitor.post("/", data=posted, headers={"HX-Request": "true"}).get_data(as_text=True)
    assert 'name="latitude" value="41.95"' in fragment.replace("\n", " ")


def test_a_preview_of_typed_conditions_has_no_form(visitor):
    page = visitor.get("/", query_string={"species": WHEATEAR}).get_data(as_text=True)
    assert 'action="/observations"' not in page


def test_in_production_reporting_needs_an_account_and_the_answer_says_so(production):
    anonymous = production.test_client()
    assert anonymous.post("/api/v1/observations", json=found()).status_code == 401
    asked = anonymous.post("/api/v1/predictions", json={"species": WHEATEAR, "location": PLACE}).json
    page = anonymous.get(f"/predictions/{asked['id']}").get_data(as_text=True)
    assert 'action="/observations"' not in page
    assert f"/login?next=%2Fpredictions%2F{asked['id']}" in page
    viewer = production.test_client()
    viewer.sign_in("viewer@example.org")
    stored = report(viewer)
    assert viewer.get("/api/v1/observations").status_code == 403
    assert viewer.patch(f"/api/v1/observations/{stored['id']}", json={"state": "accepted"}).status_code == 403
    with production.app_context():
        assert db.session.get(Observation, stored["id"]).observer_id is not None
    # another person may have found the same
    editor = production.test_client()
    editor.sign_in("editor@example.org")
    report(editor)


def test_a_person_has_a_bounded_number_of_observations_that_wait(production, monkeypatch):
    monkeypatch.setattr(service, "MOST_PENDING", 2)
    viewer = production.test_client()
    viewer.sign_in("viewer@example.org")
    report(viewer)
    report(viewer, date="2026-05-30")
    refused = viewer.post("/api/v1/observations", json=found(date="2026-05-29"))
    assert refused.status_code == 409
    assert "wait for an editor" in refused.json["detail"]


def test_a_failing_database_is_503_and_predictions_answer(own_site):
    client = own_site.test_client()
    with own_site.app_context():
        db.session.execute(db.text("DROP TABLE observations"))
        db.session.commit()
    assert client.post("/api/v1/observations", json=found()).status_code == 503
    assert client.post("/api/v1/predictions", json={"species": WHEATEAR, "location": PLACE}).status_code == 200
