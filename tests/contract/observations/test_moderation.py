"""Editors accept and refuse observations."""

from __future__ import annotations

from sqlalchemy import select

from app.accounts.tables import User
from app.confirmations.tables import Observation
from app.database.db import db
from app.trail.tables import AuditLine
from tests.contract.observations.conftest import PLACE, accept, found, listed, report


def days(client, number):
    return [report(client, date=f"2026-05-{day:02}") for day in range(1, number + 1)]


def test_an_observation_is_accepted_and_who_and_when_is_stored(production):
    editor = production.test_client()
    editor.sign_in("editor@example.org")
    stored = report(editor)
    done = editor.patch(f"/api/v1/observations/{stored['id']}", json={"state": "accepted"}).json
    assert (done["state"], done["reason"]) == ("accepted", "")
    assert done["moderated_at"] is not None
    with production.app_context():
        moderator = db.session.get(Observation, stored["id"]).moderator_id
        assert moderator == db.session.scalar(select(User.id).where(User.email_key == "editor@example.org"))


def test_each_decision_has_a_line_of_its_observation(production):
    editor = production.test_client()
    editor.sign_in("editor@example.org")
    stored = sorted(one["id"] for one in days(editor, 2))
    form = {"ids": [*stored, "x", "nothing\0"], "decision": "accepted", "was": "pending"}
    assert editor.post("/observations/decide", data=form).status_code == 303
    with production.app_context():
        decided = select(AuditLine).where(AuditLine.action == "observation.decide").order_by(AuditLine.object_id)
        lines = [(line.object_id, line.detail, line.result) for line in db.session.scalars(decided)]
    assert lines == [(one, "accepted", "done") for one in stored]


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
    assert listed(visitor, study="another") == []
    assert listed(visitor, species="parus-major") == []
    for query in ({"state": "new"}, {"unknown": "1"}, {"cursor": "x"}, {"limit": "0"}):
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
