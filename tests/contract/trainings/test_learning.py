"""A study learns from observations: enough newly accepted ones start one training, whose candidates wait."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select, text

from app.catalogue.species import Species
from app.catalogue.study_tables import Study
from app.catalogue.versions import ModelVersion
from app.confirmations.tables import Observation
from app.database.db import db
from app.jobs.tables import Job
from app.learning import trigger
from app.learning.trigger import LEARNING, TRAINING
from app.predictions.tables import new_id
from app.trail.tables import AuditLine
from tests import own_study
from tests.contract.trainings.conftest import work

SLUG = "made-lizards"
LEARN = f"/api/v1/studies/{SLUG}/learning"
PAGE = f"/studies/{SLUG}"


@pytest.fixture
def learner(uploaded):
    """A study of own data with a model, which nothing here opens: it takes no training to make it."""
    with uploaded.app_context():
        study = db.session.scalars(select(Study).where(Study.slug == SLUG)).one()
        name = "Lacerta ficta"
        species = Species(slug="lacerta-ficta", scientific_name=name, name_key="x", study_id=study.id)
        db.session.add(species)
        db.session.flush()
        db.session.add(ModelVersion(id="made", species_id=species.id, version=1, path="none", card={}))
        db.session.commit()
    return uploaded


def reported(app, number, **members):
    """Reported presences of a lizard, each in a cell of its own, that wait for an editor; their ids."""
    with app.app_context():
        species = db.session.scalars(select(Species).where(Species.scientific_name == "Lacerta ficta")).one()
        model = db.session.scalars(select(ModelVersion).where(ModelVersion.species_id == species.id)).first()
        start = db.session.query(Observation).count()
        rows = []
        for at in range(start, start + number):
            row, column = divmod(at, own_study.WIDTH)
            rows.append(
                Observation(
                    **{
                        "id": new_id(), "same_key": str(at), "species_id": species.id, "model_id": model.id,
                        "present": True, "suitability": 0.5, "low": 0.4, "high": 0.6, "inside": True,
                        "environment": {}, "observed_on": date(2026, 5, 1), "state": "pending",
                        "latitude": own_study.NORTH - (row + own_study.HEIGHT // 2 + 0.5) * own_study.CELL,
                        "longitude": own_study.WEST + (column + 0.5) * own_study.CELL, **members,
                    }
                )
            )  # fmt: skip
        db.session.add_all(rows)
        db.session.commit()
        return [row.id for row in rows]


def accept(app, ids):
    form = {"ids": ids, "decision": "accepted", "was": "pending"}
    assert app.test_client().post("/observations/decide", data=form).status_code == 303


def jobs(app, kind):
    with app.app_context():
        query = select(Job).where(Job.kind == kind, Job.study == SLUG).order_by(Job.created_at)
        return list(db.session.scalars(query))


def switch(app, *, on=True, number=20):
    response = app.test_client().put(LEARN, json={"on": on, "number": number})
    assert response.status_code == 200, response.json
    return response.json


def state(app):
    response = app.test_client().get(LEARN)
    assert response.status_code == 200, response.json
    return response.json


def page(app):
    return " ".join(app.test_client().get(PAGE).get_data(as_text=True).split())


def test_enough_accepted_presences_start_a_training_whose_candidates_wait(trained):
    client = trained.test_client()
    assert state(trained)["sentence"] == "Off. 0 accepted presences are in no training yet."
    assert switch(trained)["sentence"] == "0 of 20 newly accepted presences; then a training starts."
    items = client.get(f"/api/v1/studies/{SLUG}/versions").json["items"]
    model = next(one["candidate"]["id"] for one in items if one["species"]["scientific_name"] == "Lacerta ficta")
    assert client.post(f"/api/v1/models/{model}/activate").status_code == 200
    accept(trained, reported(trained, 19))
    # what does not become a record of a training does not count
    accept(trained, reported(trained, 3, present=False))
    accept(trained, reported(trained, 3, latitude=None, longitude=None))
    reported(trained, 5)
    assert "19 of 20 newly accepted presences; then a training starts." in page(trained)
    assert not jobs(trained, LEARNING)
    accept(trained, reported(trained, 1))
    assert state(trained)["last"]["state"] == "preparing"
    assert state(trained)["new"] == 0
    assert [job.owner_id for job in jobs(trained, LEARNING)] == [None]
    assert work(trained) == 0
    (asked,), trainings = jobs(trained, LEARNING), jobs(trained, TRAINING)
    assert (asked.state, len(trainings), trainings[1].state) == ("succeeded", 2, "succeeded"), asked.error
    last = state(trained)["last"]
    assert (last["training"], last["state"], last["new"], last["candidates"]) == (trainings[1].id, "done", 20, 2)
    # one of the two species has an active version, the other has none
    passed = last["passed"]
    assert passed in (1, 2)
    assert (last["answering"], last["passing_now"]) == (0, passed)
    assert "Nothing answers before an admin activates it." in last["sentence"]
    assert last["sentence"] in page(trained)
    items = client.get(f"/api/v1/studies/{SLUG}/versions").json["items"]
    ficta = next(one for one in items if one["species"]["scientific_name"] == "Lacerta ficta")
    assert ficta["active"]["id"] == model
    assert ficta["gate"]["verdict"] in ("better", "equal", "worse", "unknown")
    assert "with accepted-observations.csv" in ficta["candidate"]["differences"]
    # what was found then stays when the candidate answers; what holds now is said beside it
    assert client.post(f"/api/v1/models/{ficta['candidate']['id']}/activate").status_code == 200
    after = state(trained)["last"]
    assert (after["passed"], after["candidates"], after["answering"]) == (passed, 2, 1)
    # the other species has no active version
    assert after["passing_now"] == 1
    assert f"of which {passed} passed the promotion gate then. Now 1 answers, and 1 of the other 1" in after["sentence"]
    assert after["sentence"] in page(trained)
    with trained.app_context():
        lines = db.session.execute(select(AuditLine.action, AuditLine.source, AuditLine.object_id)).all()
    assert ("learning.ask", "program", asked.id) in lines
    assert ("learning.change", "api", SLUG) in lines
    # nothing is asked for again
    with trained.app_context():
        trigger.ask_for_all()
    assert len(jobs(trained, LEARNING)) == 1
    metrics = client.get("/metrics").get_data(as_text=True)
    assert "ecopredict_learning_studies 1.0" in metrics
    assert "ecopredict_learning_new_observations 0.0" in metrics


def test_a_training_that_cannot_start_is_not_asked_for_again_before_as_many_new_reports(learner):
    switch(learner)
    content = own_study.records({"Lacerta ficta": 5}, seed=9)
    address = f"/api/v1/studies/{SLUG}/files/accepted-observations.csv"
    assert learner.test_client().put(address, data=content).status_code == 201
    accept(learner, reported(learner, 20))
    assert work(learner) == 0
    last = state(learner)["last"]
    assert (last["state"], last["training"]) == ("refused", None)
    assert "could not be started: The study has another file" in last["sentence"]
    assert "The next one takes as many new reports." in page(learner)
    # the worker asks at each start, and so does each acceptance
    assert work(learner) == 0
    accept(learner, reported(learner, 19))
    assert len(jobs(learner, LEARNING)) == 1
    assert not jobs(learner, TRAINING)
    accept(learner, reported(learner, 1))
    assert len(jobs(learner, LEARNING)) == 2


def test_a_worker_asks_where_a_process_died_after_the_acceptance(learner):
    switch(learner)
    reported(learner, 20, state="accepted")
    assert not jobs(learner, LEARNING)
    assert state(learner)["sentence"] == "20 newly accepted presences, 20 are needed. A training starts soon."
    content = own_study.records({"Lacerta ficta": 5}, seed=9)
    # so that the job ends soon
    address = f"/api/v1/studies/{SLUG}/files/accepted-observations.csv"
    assert learner.test_client().put(address, data=content).status_code == 201
    assert work(learner) == 0
    assert [job.state for job in jobs(learner, LEARNING)] == ["failed"]


def test_a_training_that_waits_or_runs_lets_the_next_one_wait(learner):
    switch(learner)
    started = learner.test_client().post(f"/api/v1/studies/{SLUG}/trainings", json=own_study.quick())
    assert started.status_code == 202
    accept(learner, reported(learner, 25))
    assert not jobs(learner, LEARNING)
    found = state(learner)
    assert (found["new"], found["waits_for"]) == (25, "the training that waits or runs has ended")
    assert "A training starts when the training that waits or runs has ended." in page(learner)
    assert learner.test_client().post(f"/api/v1/jobs/{started.json['id']}/cancel").status_code in (200, 202)
    with learner.app_context():
        trigger.ask_for_all()
    assert len(jobs(learner, LEARNING)) == 1


@pytest.mark.thorough
def test_what_a_person_trains_with_counts_no_more(learner):
    ids = reported(learner, 30)
    accept(learner, ids[:22])
    assert state(learner)["new"] == 22
    assert learner.test_client().put(f"/api/v1/studies/{SLUG}/records/observations").status_code == 200
    accept(learner, ids[22:])
    started = learner.test_client().post(f"/api/v1/studies/{SLUG}/trainings", json=own_study.quick())
    assert started.status_code == 202
    # those that were accepted after the file was written are in no training
    assert state(learner)["new"] == 8


def test_it_is_switched_on_by_the_form_and_asks_at_once_for_what_is_due(learner):
    client = learner.test_client()
    accept(learner, reported(learner, 21))
    assert "Off. 21 accepted presences are in no training yet." in page(learner)
    for typed in ("19", "10001", "many", "20.5"):
        refused = client.post(f"{PAGE}/learning", data={"on": "1", "number": typed})
        assert refused.status_code == 422
        shown = refused.get_data(as_text=True)
        assert "Enter a whole number from 20 to 10,000." in shown
        assert f'value="{typed}"' in shown
    assert not state(learner)["on"]
    done = client.post(f"{PAGE}/learning", data={"on": "1", "number": "20"})
    assert (done.status_code, done.location) == (303, f"{PAGE}#learning")
    assert len(jobs(learner, LEARNING)) == 1
    assert client.post(f"{PAGE}/learning", data={"on": "0", "number": "what"}).status_code == 303
    found = state(learner)
    assert (found["on"], found["number"]) == (False, 20)
    accept(learner, reported(learner, 20))
    assert len(jobs(learner, LEARNING)) == 1


@pytest.mark.parametrize("body", [{}, {"on": 1}, {"on": True, "number": 19}, {"on": True, "number": "20"}, {"x": 1}])
def test_bad_bodies_are_refused(learner, body):
    assert learner.test_client().put(LEARN, json=body).status_code == 422


def test_a_study_that_does_not_exist_is_404(learner):
    client = learner.test_client()
    for number in ("20", "1"):
        assert client.post("/studies/nothing/learning", data={"on": "1", "number": number}).status_code == 404
    assert client.get("/api/v1/studies/nothing/learning").status_code == 404
    assert client.put("/api/v1/studies/nothing/learning", json={"on": True}).status_code == 404


def test_a_decision_stands_where_the_training_cannot_be_asked_for(learner, caplog):
    switch(learner)
    ids = reported(learner, 20)
    with learner.app_context():
        db.session.execute(text("ALTER TABLE study_learning RENAME TO elsewhere"))
        db.session.commit()
    accept(learner, ids)
    assert "whether a training is due is asked later" in caplog.text
    with learner.app_context():
        db.session.execute(text("ALTER TABLE elsewhere RENAME TO study_learning"))
        db.session.commit()
        trigger.ask_for_all()
    assert len(jobs(learner, LEARNING)) == 1
