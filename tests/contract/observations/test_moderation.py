"""Editors accept and refuse observations."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import select, update

from app.accounts.tables import User
from app.catalogue.study_tables import Study
from app.confirmations.tables import Observation
from app.database.db import db
from app.trail.tables import AuditLine
from tests.contract.observations.conftest import PLACE, accept, found, listed, report


def days(client, number):
    return [report(client, date=f"2026-05-{day:02}") for day in range(1, number + 1)]


def people(app):
    """The browsers of a viewer, an editor and an admin."""
    browsers = [app.test_client() for _ in range(3)]
    for browser, name in zip(browsers, ("viewer", "editor", "admin"), strict=True):
        assert browser.sign_in(f"{name}@example.org").status_code == 303
    return browsers


def lines_of_decisions(app):
    with app.app_context():
        decided = select(AuditLine).where(AuditLine.action == "observation.decide").order_by(AuditLine.object_id)
        return [(line.object_id, line.detail, line.result, line.status) for line in db.session.scalars(decided)]


def test_an_observation_is_accepted_and_who_and_when_is_stored(production):
    viewer, editor, _ = people(production)
    stored = report(viewer)
    done = editor.patch(f"/api/v1/observations/{stored['id']}", json={"state": "accepted"}).json
    assert (done["state"], done["reason"]) == ("accepted", "")
    assert done["moderated_at"] is not None
    with production.app_context():
        moderator = db.session.get(Observation, stored["id"]).moderator_id
        assert moderator == db.session.scalar(select(User.id).where(User.email_key == "editor@example.org"))


def test_each_decision_has_a_line_of_its_observation(production):
    viewer, editor, _ = people(production)
    stored = sorted(one["id"] for one in days(viewer, 2))
    form = {"ids": stored, "decision": "accepted", "was": "pending"}
    assert editor.post("/observations/decide", data=form).status_code == 303
    assert lines_of_decisions(production) == [(one, "accepted", "done", None) for one in stored]


@pytest.mark.parametrize("wrong", ["of a study of others", "x", "nothing\0"])
def test_the_form_refuses_what_the_person_may_not_decide(production, wrong):
    viewer, editor, admin = people(production)
    stored = sorted(one["id"] for one in days(viewer, 2))
    chosen = [stored[0], wrong]
    if wrong.startswith("of a study"):
        with production.app_context():
            owner = select(User.id).where(User.email_key == "admin@example.org").scalar_subquery()
            db.session.execute(update(Study).values(owner_id=owner))
            db.session.commit()
        chosen = stored
    refused = editor.post("/observations/decide", data={"ids": chosen, "decision": "accepted", "was": "pending"})
    by_api = editor.patch(f"/api/v1/observations/{uuid4()}", json={"state": "accepted"})
    assert refused.status_code == by_api.status_code == 404
    assert by_api.json["detail"] in refused.text
    assert {line[2:] for line in lines_of_decisions(production)} == {("refused", 404)}
    assert sorted(listed(admin, state="pending")) == stored


def test_somebody_else_decides_about_ones_own_observation_of_a_study_without_an_owner(production):
    viewer, editor, admin = people(production)
    own, of_viewer, of_admin = report(editor)["id"], report(viewer)["id"], report(admin)["id"]
    address = f"/api/v1/observations/{own}"
    for state in ("accepted", "refused", "pending"):
        refused = editor.patch(address, json={"state": state, "reason": "no"})
        assert (refused.status_code, "Somebody else" in refused.json["detail"]) == (403, True)
    form = {"ids": [of_viewer, own], "decision": "accepted", "was": "pending", "filter.state": "pending"}
    page = editor.post("/observations/decide", data=form)
    assert (page.status_code, "Somebody else decides about your own" in page.text) == (403, True)
    assert {line[2:] for line in lines_of_decisions(production)} == {("refused", 403)}
    assert len(listed(admin, state="pending")) == 3
    assert editor.post("/observations/decide", data={**form, "ids": [of_viewer, of_admin]}).status_code == 303
    assert admin.patch(address, json={"state": "accepted"}).status_code == 200


def test_whoever_may_change_a_study_decides_about_their_own_observations_of_it(production):
    _, editor, _ = people(production)
    own = report(editor)["id"]
    with production.app_context():
        owner = select(User.id).where(User.email_key == "editor@example.org").scalar_subquery()
        db.session.execute(update(Study).values(owner_id=owner))
        db.session.commit()
    assert editor.patch(f"/api/v1/observations/{own}", json={"state": "accepted"}).status_code == 200


def test_a_refusal_needs_a_reason(visitor):
    address = f"/api/v1/observations/{report(visitor)['id']}"
    refused = visitor.patch(address, json={"state": "refused", "reason": "  "})
    assert refused.status_code == 422
    assert refused.json["errors"] == [{"pointer": "/reason", "detail": "a refusal needs a reason"}]
    done = visitor.patch(address, json={"state": "refused", "reason": "a juvenile of another species"}).json
    assert (done["state"], done["reason"]) == ("refused", "a juvenile of another species")
    assert visitor.patch(address, json={"state": "accepted"}).json["reason"] == ""


def test_of_two_decisions_on_the_same_state_the_second_is_a_conflict(visitor):
    address = f"/api/v1/observations/{report(visitor)['id']}"
    assert visitor.patch(address, json={"state": "accepted", "was": "pending"}).status_code == 200
    late = visitor.patch(address, json={"state": "refused", "reason": "no", "was": "pending"})
    assert late.status_code == 409
    assert "accepted" in late.json["detail"]


def test_what_does_not_exist_is_404_and_what_is_wrong_422(visitor):
    assert visitor.patch("/api/v1/observations/none", json={"state": "accepted"}).status_code == 404
    address = f"/api/v1/observations/{report(visitor)['id']}"
    for body in (
        {"state": "good"},
        {},
        {"state": "accepted", "moderator_id": "me"},
        {"state": "accepted", "date": "x"},
    ):
        assert visitor.patch(address, json=body).status_code == 422


def test_the_list_is_filtered_and_paged(visitor):
    stored = days(visitor, 5)
    accept(visitor, stored[0])
    ids = [item["id"] for item in reversed(stored)]
    assert listed(visitor, limit=2) == ids
    assert listed(visitor, state="accepted") == [stored[0]["id"]]
    assert listed(visitor, state="pending", limit=1) == ids[:4]
    study = stored[0]["study"]["slug"]
    assert listed(visitor, study=study, species="oenanthe-hispanica") == ids
    assert listed(visitor, study=study, species="Oenanthe hispanica") == ids
    assert listed(visitor, species="oenanthe HISPANICA (Linnaeus, 1758)") == ids
    assert listed(visitor, study="another") == []
    assert listed(visitor, species="parus-major") == []
    for query in ({"species": "nonsense"}, {"state": "new"}, {"unknown": "1"}, {"cursor": "x"}, {"limit": "0"}):
        assert visitor.get("/api/v1/observations", query_string=query).status_code == 422


def test_several_are_decided_at_once_on_the_page(visitor):
    stored = days(visitor, 3)
    page = visitor.get("/observations").get_data(as_text=True)
    assert page.count('name="ids"') == 3
    ids = [item["id"] for item in stored]
    accept(visitor, stored[0])
    done = visitor.post(
        "/observations/decide",
        data={"ids": ids, "was": "pending", "decision": "refused", "reason": "double", "filter.state": "pending"},
    )
    assert done.status_code == 303
    told = visitor.get(done.location).get_data(as_text=True)
    assert "2 observations refused. 1 had been decided by somebody else in the meantime." in told
    assert "No observation waits." in told
    assert listed(visitor, state="accepted") == [ids[0]]
    shown = visitor.get("/observations?state=refused").get_data(as_text=True)
    assert shown.count("double") == 2


def test_the_page_says_what_is_wrong_with_a_decision(visitor):
    stored = report(visitor)
    none = visitor.post("/observations/decide", data={"decision": "accepted", "was": "pending"})
    assert none.status_code == 422
    assert "Choose at least one observation." in none.get_data(as_text=True)
    refused = visitor.post(
        "/observations/decide",
        data={"ids": stored["id"], "decision": "refused", "was": "pending", "filter.state": "pending"},
    )
    assert refused.status_code == 422
    assert "A refusal needs a reason." in refused.get_data(as_text=True)
    assert "checked" in refused.get_data(as_text=True)
    many = {"ids": [f"x{number}" for number in range(101)], "decision": "accepted", "was": "pending"}
    assert "at most 100" in visitor.post("/observations/decide", data=many).get_data(as_text=True)
    assert visitor.post("/observations/decide", data={"ids": "x", "decision": "gone"}).status_code == 422
    gone = visitor.post("/observations/decide", data={"ids": "x", "decision": "accepted", "was": "pending"})
    assert gone.status_code == 404


def test_the_page_shows_a_wrong_area_beside_its_field(visitor):
    page = visitor.get("/observations?bbox=1,2,3")
    assert page.status_code == 422
    assert "Must be west,south,east,north in degrees, separated by commas." in page.get_data(as_text=True)
    for query in ("cursor=x", "state=new"):
        page = visitor.get(f"/observations?{query}")
        assert page.status_code == 422
        assert "notice-error" in page.get_data(as_text=True)


def test_what_was_reported_is_text_on_the_page(visitor):
    report(visitor, note="<script>alert(1)</script>", photo="https://example.org/?a=%22onclick&b")
    page = visitor.get("/observations").get_data(as_text=True)
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert 'rel="noreferrer noopener nofollow"' in page


def test_deleting_a_person_keeps_the_observation(production):
    viewer = production.test_client()
    viewer.sign_in("viewer@example.org")
    stored = report(viewer)
    with production.app_context():
        db.session.execute(db.text("DELETE FROM users WHERE email_key = 'viewer@example.org'"))
        db.session.commit()
        assert db.session.get(Observation, stored["id"]).observer_id is None


def test_more_than_a_page(visitor):
    days(visitor, 21)
    page = visitor.get("/observations").get_data(as_text=True)
    address = page.split('class="more"><a href="')[1].split('"')[0].replace("&amp;", "&")
    assert visitor.get(address).get_data(as_text=True).count('name="ids"') == 1
    assert found()["location"] == PLACE
