"""Reporters read what they have reported, and withdraw it."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import select, update

from app.accounts.tables import User
from app.catalogue.study_tables import Study
from app.confirmations.tables import Observation
from app.database.db import db
from app.trail.tables import AuditLine
from tests.contract.observations.conftest import accept, report
from tests.contract.observations.test_moderation import days, people

MINE, PAGE, WITHDRAW = "/api/v1/observations/mine", "/observations/mine", "/observations/mine/withdraw"


def own(client, **query):
    given = client.get(MINE, query_string=query)
    assert given.status_code == 200, given.json
    return given.json["items"]


def refuse(client, observation, reason="No such bird there"):
    body = {"state": "refused", "reason": reason}
    assert client.patch(f"/api/v1/observations/{observation['id']}", json=body).status_code == 200


def count_of(client, observation):
    model = observation["predicted"]["model"]["id"]
    return client.get(f"/api/v1/models/{model}/accuracy").json["n_presences"]


def test_people_list_their_own_reports_with_what_was_decided(production):
    viewer, editor, admin = people(production)
    waiting, accepted, refused = days(viewer, 3)
    other = report(editor)
    accept(editor, accepted)
    refuse(editor, refused)
    assert [one["id"] for one in own(viewer)] == [refused["id"], accepted["id"], waiting["id"]]
    assert [one["id"] for one in own(viewer, state="accepted")] == [accepted["id"]]
    (one,) = own(viewer, state="refused")
    assert (one["reason"], one["moderated_by"]) == ("No such bird there", None)
    assert one["moderated_at"] is not None
    assert [item["id"] for item in own(editor)] == [other["id"]]
    page = viewer.get(PAGE)
    assert page.status_code == 200
    for text in ("waiting", "accepted", "refused", "No such bird there", "decided "):
        assert text in page.text
    assert "editor@example.org" not in page.text
    assert page.text.count('action="/observations/mine/withdraw"') == 2
    assert "None of your reports" in admin.get(f"{PAGE}?state=accepted").text
    assert "No reports yet" in admin.get(PAGE).text
    assert PAGE in viewer.get("/account").text


def test_the_list_has_pages(production):
    viewer, *_ = people(production)
    stored = [one["id"] for one in days(viewer, 5)][::-1]
    first = viewer.get(MINE, query_string={"limit": 3}).json
    rest = viewer.get(MINE, query_string={"limit": 3, "cursor": first["next"]}).json
    assert [one["id"] for one in first["items"] + rest["items"]] == stored
    assert rest["next"] is None
    assert "cursor=" in viewer.get(PAGE, query_string={"limit": 3}).text
    later = viewer.get(PAGE, query_string={"cursor": first["next"], "state": "refused"})
    assert "Back to the latest ones" in later.text
    for wrong in ({"state": "new"}, {"cursor": "x"}, {"who": "me"}, {"limit": 0}):
        assert viewer.get(MINE, query_string=wrong).status_code == 422


def test_what_waits_is_deleted_and_can_be_reported_again(production):
    viewer, *_ = people(production)
    stored, second = report(viewer), report(viewer, date="2026-05-30")
    gone = viewer.delete(f"/api/v1/observations/{stored['id']}")
    assert (gone.status_code, gone.json) == (200, {"id": stored["id"], "deleted": True})
    assert viewer.delete(f"/api/v1/observations/{stored['id']}").status_code == 404
    done = viewer.post(WITHDRAW, data={"id": second["id"]})
    assert (done.status_code, done.headers["Location"]) == (303, f"{PAGE}?done=deleted")
    assert "withdrawn and deleted" in viewer.get(done.headers["Location"]).text
    assert own(viewer) == []
    assert report(viewer)["state"] == "pending"
    with production.app_context():
        withdrawn = select(AuditLine).where(AuditLine.action == "observation.withdraw").order_by(AuditLine.id)
        lines = [(line.object_kind, line.object_id, line.result) for line in db.session.scalars(withdrawn)]
    kept = ("observation", stored["id"])
    assert lines == [(*kept, "done"), (*kept, "refused"), ("observation", second["id"], "done")]


def test_an_accepted_one_counts_no_more_and_cannot_be_accepted_again(production):
    viewer, editor, _ = people(production)
    stored, kept = days(viewer, 2)
    accept(editor, stored)
    accept(editor, kept)
    assert count_of(viewer, stored) == 2
    gone = viewer.delete(f"/api/v1/observations/{stored['id']}")
    assert (gone.status_code, gone.json["deleted"]) == (200, False)
    assert count_of(viewer, stored) == 1
    (one,) = own(viewer, state="refused")
    assert one["withdrawn_at"] is not None
    assert viewer.delete(f"/api/v1/observations/{stored['id']}").status_code == 409
    again = editor.patch(f"/api/v1/observations/{stored['id']}", json={"state": "accepted"})
    assert (again.status_code, again.json["detail"]) == (409, "Whoever reported it has withdrawn it.")
    form = {"ids": stored["id"], "was": "refused", "decision": "pending"}
    assert editor.post("/observations/decide", data=form).headers["Location"].endswith("done=pending.0.1")
    page = editor.get("/observations?state=refused&choose=all")
    assert "withdrawn" in page.text
    assert 'name="ids"' not in page.text
    assert "taken-back" in viewer.post(WITHDRAW, data={"id": kept["id"]}).headers["Location"]


def test_a_refused_one_stays(production):
    viewer, editor, _ = people(production)
    stored = report(viewer)
    refuse(editor, stored)
    by_api = viewer.delete(f"/api/v1/observations/{stored['id']}")
    assert by_api.status_code == 409
    by_form = viewer.post(WITHDRAW, data={"id": stored["id"]})
    assert by_form.status_code == 409
    assert by_api.json["detail"] in by_form.text
    assert [one["state"] for one in own(viewer)] == ["refused"]


@pytest.mark.parametrize("wrong", ["of somebody else", "", "none", "x" * 50, "a\0"])
def test_nobody_withdraws_what_is_not_theirs(production, wrong):
    viewer, editor, admin = people(production)
    stored = report(viewer)
    chosen = stored["id"] if wrong == "of somebody else" else wrong
    for browser in (editor, admin):
        assert browser.post(WITHDRAW, data={"id": chosen}).status_code == 404
    if wrong == "of somebody else":
        assert admin.delete(f"/api/v1/observations/{chosen}").status_code == 404
    assert [one["id"] for one in own(viewer)] == [stored["id"]]


def test_strangers_have_no_list(production):
    stranger = production.test_client()
    assert stranger.get(MINE).status_code == 401
    assert stranger.get(PAGE).status_code == 303
    assert stranger.delete(f"/api/v1/observations/{uuid4()}").status_code == 401


def test_reports_for_a_study_that_is_private_now_are_not_listed_and_can_be_withdrawn(production):
    viewer, *_ = people(production)
    stored = report(viewer)
    with production.app_context():
        owner = select(User.id).where(User.email_key == "admin@example.org").scalar_subquery()
        db.session.execute(update(Study).values(visibility="private", owner_id=owner))
        db.session.commit()
    assert own(viewer) == []
    assert viewer.delete(f"/api/v1/observations/{stored['id']}").status_code == 200
    with production.app_context():
        assert db.session.get(Observation, stored["id"]) is None


def test_without_accounts_the_reports_of_nobody_in_particular_are_listed(visitor):
    stored = report(visitor)
    assert [one["id"] for one in own(visitor)] == [stored["id"]]
    assert "Your reports" in visitor.get(PAGE).text
    assert visitor.post(WITHDRAW, data={"id": stored["id"]}).status_code == 303
    assert own(visitor) == []


def test_all_of_a_page_are_chosen_by_a_link_and_decisions_name_who_and_when(production):
    viewer, editor, admin = people(production)
    stored = days(viewer, 3)
    page = editor.get("/observations").text
    assert "Choose all 3 on this\npage" in page
    assert " checked" not in page
    chosen = editor.get("/observations?state=pending&choose=all").text
    assert chosen.count(" checked") == 3
    assert "Choose none" in chosen
    form = {"ids": [one["id"] for one in stored], "decision": "accepted", "was": "pending"}
    assert editor.post("/observations/decide", data=form).status_code == 303
    decided = admin.get("/api/v1/observations", query_string={"state": "accepted"}).json["items"]
    assert {one["moderated_by"] for one in decided} == {"editor@example.org"}
    listed = admin.get("/observations?state=accepted").text
    assert listed.count("editor@example.org") == 3
    assert "decided <time" in listed
    # the reporter does not learn who it was
    assert {one["moderated_by"] for one in own(viewer)} == {None}
