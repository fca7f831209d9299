"""Accepted presences as a file of the records of a study of own data."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import update

from app.catalogue.species import Species
from app.catalogue.studies import Study
from app.catalogue.versions import ModelVersion
from app.confirmations.tables import Observation
from app.database.db import db
from app.predictions.tables import new_id
from app.studies import own
from app.trainings import frozen
from tests import own_study

NAME = "accepted-observations.csv"


@pytest.fixture(scope="module")
def made(shared_site):
    """A study of own data with a species; its observations name the model of another study, which nothing here asks."""
    client = shared_site.test_client()
    slug = client.post("/api/v1/studies", json={"title": "Made lizards"}).json["slug"]
    content = own_study.records({"Lacerta ficta": 40})
    assert client.put(f"/api/v1/studies/{slug}/files/records.csv", data=content).status_code == 201
    with shared_site.app_context():
        found = db.session.query(Study).filter_by(slug=slug).one()
        species = Species(slug="lacerta-ficta", scientific_name="Lacerta ficta", name_key="x", study_id=found.id)
        db.session.add(species)
        db.session.commit()
    return slug


@pytest.fixture
def study(site, made):
    client = site.test_client()
    yield client, made
    if any(file["name"] == NAME for file in client.get(f"/api/v1/studies/{made}/files").json["items"]):
        assert client.delete(f"/api/v1/studies/{made}/files/{NAME}").status_code == 200


def accept(app, places, present=True, state="accepted"):
    with app.app_context():
        species = db.session.query(Species).filter_by(slug="lacerta-ficta").one()
        model = db.session.query(ModelVersion).first()
        start = db.session.query(Observation).count()
        db.session.add_all(
            Observation(
                id=new_id(), same_key=str(start + number), species_id=species.id, model_id=model.id, present=present,
                suitability=0.5, low=0.4, high=0.6, inside=True, environment={}, observed_on=date(2026, 5, 1),
                latitude=place[0] if place else None, longitude=place[1] if place else None, state=state,
            )
            for number, place in enumerate(places)
        )  # fmt: skip
        db.session.commit()


#: In the warm half of the made study, where its records lie.
PLACES = [(38.125, -5.125), (37.875, -4.625), (36.125, -2.125)]


def address(slug):
    return f"/api/v1/studies/{slug}/records/observations"


def records(client, slug):
    return client.get(f"/api/v1/studies/{slug}/records").json


def test_accepted_presences_become_records_by_a_switch(site, study):
    client, slug = study
    accept(site, PLACES)
    accept(site, [(36.625, -3.125)], present=False)
    accept(site, [(36.625, -3.375)], state="pending")
    accept(site, [None])
    before = records(client, slug)
    state = client.get(address(slug)).json
    assert (state["presences"], state["used"], state["up_to_date"]) == (3, False, False)
    assert state["sentence"] == "Accepted observations: 3 presences, not in the records."
    done = client.put(address(slug)).json
    assert (done["used"], done["up_to_date"], done["file"]) == (True, True, NAME)
    after = records(client, slug)
    assert (after["n"], after["kept"]) == (before["n"] + 3, before["kept"] + 3)
    # the recipe of the next training lists the file
    assert NAME in [file["name"] for file in after["files"]]
    assert NAME in client.get(f"/studies/{slug}/recipe.json").get_data(as_text=True)
    page = client.get(f"/studies/{slug}/records").get_data(as_text=True)
    assert "Accepted observations: 3 presences, in the records." in page
    left = client.delete(address(slug)).json
    assert (left["used"], left["presences"]) == (False, 3)
    assert records(client, slug)["n"] == before["n"]


def test_the_rules_of_cleaning_apply(site, study):
    client, slug = study
    accept(site, [*PLACES, PLACES[0], (0.0, 0.0)])
    before = records(client, slug)
    client.put(address(slug))
    after = records(client, slug)
    assert after["n"] == before["n"] + 5
    assert after["kept"] == before["kept"] + 3


def fingerprint(site, slug):
    """What a training freezes, and its models depend on."""
    with site.app_context():
        study = own.load(slug)
        return frozen.fingerprint_of(frozen.with_slug(study), study.files)


def test_the_same_observations_are_the_same_file_and_the_same_training(site, study):
    client, slug = study
    without = fingerprint(site, slug)
    accept(site, PLACES)
    client.put(address(slug))
    with site.app_context():
        path = Path(own.load(slug).folder) / NAME
        revision = own.load(slug).revision
    first, with_them = hashlib.sha256(path.read_bytes()).hexdigest(), fingerprint(site, slug)
    assert fingerprint(site, slug) != without
    client.put(address(slug))
    with site.app_context():
        # nothing was written, so no training is out of date
        assert own.load(slug).revision == revision
    client.delete(address(slug))
    assert fingerprint(site, slug) == without
    client.put(address(slug))
    assert fingerprint(site, slug) == with_them
    assert hashlib.sha256(path.read_bytes()).hexdigest() == first


def test_more_observations_are_added_when_somebody_says_so(site, study):
    client, slug = study
    accept(site, PLACES[:2])
    client.put(address(slug))
    accept(site, PLACES[2:])
    state = client.get(address(slug)).json
    assert (state["used"], state["up_to_date"]) == (True, False)
    page = client.get(f"/studies/{slug}/records").get_data(as_text=True)
    assert "Update them in the records" in page.replace("\n", " ")
    done = client.post(f"/studies/{slug}/records/observations", data={"use": "1"})
    assert (done.status_code, done.location) == (303, f"/studies/{slug}/records#accepted")
    assert client.get(address(slug)).json["up_to_date"]
    with site.app_context():
        db.session.execute(update(Observation).values(state="refused", reason="no"))
        db.session.commit()
    assert "the records have those of an earlier time" in client.get(address(slug)).json["sentence"]
    assert client.put(address(slug)).status_code == 409
    assert client.post(f"/studies/{slug}/records/observations", data={"use": "0"}).status_code == 303
    assert not client.get(address(slug)).json["used"]


def test_without_observations_there_is_nothing_to_use(study):
    client, slug = study
    refused = client.put(address(slug))
    assert refused.status_code == 409
    assert "no accepted presences" in refused.json["detail"]
    assert client.delete(address(slug)).status_code == 200
    assert 'id="accepted"' not in client.get(f"/studies/{slug}/records").get_data(as_text=True)


def test_a_file_of_the_same_name_that_somebody_uploaded_stays(site, study):
    client, slug = study
    accept(site, PLACES)
    content = own_study.records({"Lacerta ficta": 5}, seed=9)
    assert client.put(f"/api/v1/studies/{slug}/files/{NAME}", data=content).status_code == 201
    assert client.put(address(slug)).status_code == 409
    assert client.delete(address(slug)).status_code == 409
    assert client.post(f"/studies/{slug}/records/observations", data={"use": "1"}).status_code == 409


def test_what_does_not_exist_is_404_and_a_wrong_choice_422(study):
    client, slug = study
    for method in ("get", "put", "delete"):
        assert getattr(client, method)(address("nothing")).status_code == 404
    assert client.post(f"/studies/{slug}/records/observations", data={"use": "2"}).status_code == 422
