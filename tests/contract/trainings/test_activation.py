"""Activation and rollback by API and by form, also by several people at once."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select

from app import create_app
from app.catalogue.versions import Activation, ModelVersion
from app.database.db import db
from app.registry import changes
from tests.contract.conftest import WHEATEAR, LintingClient, answering_model, make_settings, upgrade


@pytest.fixture
def versions(tmp_path, artifacts, newer_model):
    """An application with two versions of one model, the first of which answers, and their ids."""
    app = create_app(make_settings(tmp_path))
    upgrade(app)
    app.test_client_class = LintingClient
    with app.app_context():
        first = changes.register(artifacts[WHEATEAR])[0].id
        changes.activate(first)
        second = changes.register(newer_model)[0].id
    return app, first, second


def active(app):
    with app.app_context():
        return list(db.session.scalars(select(ModelVersion.id).where(ModelVersion.active)))


def test_an_activated_model_answers_at_the_next_request_in_every_process(versions, environment):
    app, first, second = versions
    other = create_app(app.config["SETTINGS"])
    assert answering_model(other, environment)["id"] == first
    response = app.test_client().post(f"/api/v1/models/{second}/activate")
    assert response.status_code == 200
    body = response.json
    assert body["model"] == {"id": second, "version": 2}
    assert body["replaced"] == {"id": first, "version": 1}
    assert (body["changed"], body["species"]["slug"], body["study"]["slug"]) == (True, WHEATEAR, "test-hills")
    assert body["sentence"] == "Version 2 of Oenanthe hispanica answers now instead of version 1."
    assert answering_model(other, environment)["id"] == second
    assert second in other.test_client().get(f"/api/v1/species/{WHEATEAR}").get_data(as_text=True)


def test_activating_again_changes_nothing(versions):
    app, _, second = versions
    client = app.test_client()
    client.post(f"/api/v1/models/{second}/activate")
    again = client.post(f"/api/v1/models/{second}/activate").json
    assert (again["changed"], again["replaced"]) == (False, None)
    with app.app_context():
        assert len(list(db.session.scalars(select(Activation)))) == 2


@pytest.mark.parametrize("path", ["/api/v1/models/no-such-model/activate", "/api/v1/studies/no-such-study/rollback"])
def test_what_does_not_exist_is_named(versions, path):
    response = versions[0].test_client().post(path)
    assert response.status_code == 404
    assert "no-such" in response.json["detail"]


def test_a_rollback_restores_the_earlier_model_once(versions):
    app, first, second = versions
    client = app.test_client()
    nothing = client.post("/api/v1/studies/test-hills/rollback")
    assert (nothing.status_code, active(app)) == (409, [first])
    assert "earlier model" in nothing.json["detail"]
    client.post(f"/api/v1/models/{second}/activate")
    done = client.post("/api/v1/studies/test-hills/rollback")
    assert done.status_code == 200
    assert done.json["items"][0]["model"]["id"] == first
    assert done.json["items"][0]["replaced"]["id"] == second
    assert active(app) == [first]
    assert client.post("/api/v1/studies/test-hills/rollback").status_code == 409
    assert active(app) == [first]


def test_a_rollback_of_another_state_is_refused(versions):
    app, first, second = versions
    client = app.test_client()
    client.post(f"/api/v1/models/{second}/activate")
    stale = client.post("/api/v1/studies/test-hills/rollback", headers={"If-Match": '"0123456789abcdef"'})
    assert (stale.status_code, active(app)) == (409, [second])
    form = client.post("/studies/test-hills/rollback", data={"state": "0123456789abcdef"})
    assert (form.status_code, active(app)) == (409, [second])
    assert client.post("/api/v1/studies/test-hills/rollback", headers={"If-Match": "*"}).status_code == 200
    assert active(app) == [first]


def test_a_model_that_two_people_activated_is_rolled_back_to_the_one_before(versions):
    app, first, second = versions
    with app.app_context():
        changes.activate(second)
        # the second of two simultaneous activations of one model stores its own row
        version = db.session.get(ModelVersion, second)
        db.session.add(Activation(species_id=version.species_id, model_id=second))
        db.session.commit()
    app.test_client().post("/api/v1/studies/test-hills/rollback")
    assert active(app) == [first]
    assert app.test_client().post("/api/v1/studies/test-hills/rollback").status_code == 409


def test_of_simultaneous_activations_exactly_one_model_answers_afterwards(versions, environment):
    app, first, second = versions
    together, statuses = threading.Barrier(8), []

    def activate(model):
        client = app.test_client()
        together.wait()
        statuses.append(client.post(f"/api/v1/models/{model}/activate").status_code)

    threads = [threading.Thread(target=activate, args=(model,)) for model in (first, second) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {200, 409, 503}
    assert 200 in statuses
    (model,) = active(app)
    assert answering_model(app, environment)["id"] == model


def test_the_form_on_the_page_of_a_model(versions):
    app, first, second = versions
    client = app.test_client()
    page = client.get(f"/models/{second}").get_data(as_text=True)
    assert f'<form action="/models/{second}/activate" method="post">' in page
    assert "/activate" not in client.get(f"/models/{first}").get_data(as_text=True)
    response = client.post(f"/models/{second}/activate")
    assert (response.status_code, response.location) == (303, f"/models/{second}?activated=1")
    after = client.get(response.location).get_data(as_text=True)
    assert (
        '<p class="notice" role="status">Version 2 of Oenanthe hispanica answers now instead of version 1.</p>' in after
    )
    assert "/activate" not in after
    # the address does not claim what is not so
    assert 'role="status">Version' not in client.get(f"/models/{first}?activated=1").get_data(as_text=True)


def test_a_form_of_another_site_is_refused(versions):
    app, first, second = versions
    headers = {"Sec-Fetch-Site": "cross-site"}
    for path in (f"/models/{second}/activate", f"/api/v1/models/{second}/activate"):
        assert app.test_client().post(path, headers=headers).status_code == 403
    assert active(app) == [first]


def test_in_production_nothing_is_activated_without_signing_in(tmp_path, artifacts):
    app = create_app(make_settings(tmp_path, environment="production", allowed_hosts=("localhost",)))
    upgrade(app)
    with app.app_context():
        model = changes.register(artifacts[WHEATEAR])[0].id
    client = app.test_client()
    for path in (
        f"/api/v1/models/{model}/activate",
        f"/models/{model}/activate",
        "/api/v1/studies/test-hills/rollback",
        "/studies/test-hills/rollback",
        "/api/v1/studies/test-hills/trainings",
        "/studies/test-hills/start",
    ):
        assert client.post(path).status_code == (401 if path.startswith("/api/") else 303), path
    assert "/activate" not in client.get(f"/models/{model}").get_data(as_text=True)
