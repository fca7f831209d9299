"""Nobody who creates as many studies as they may stops the others."""

from __future__ import annotations

from app.accounts import users
from app.studies import room
from tests.contract.accounts.conftest import PASSWORD

PATH = "/api/v1/studies"


def signed_in(app, name):
    browser = app.test_client()
    assert browser.sign_in(f"{name}@example.org").status_code == 303
    return browser


def create(browser, number):
    return [browser.post(PATH, json={"title": f"Study {at}"}) for at in range(number)]


def test_one_person_leaves_room_for_others_and_for_admins(production, monkeypatch):
    monkeypatch.setattr(room, "MOST_STUDIES", 6)
    monkeypatch.setattr(room, "MOST_OF_PERSON", 2)
    monkeypatch.setattr(room, "KEPT_FOR_ADMINS", 2)
    with production.app_context():
        for name in ("second", "third"):
            users.create(f"{name}@example.org", "editor", PASSWORD)
    editor, second, third, admin = (signed_in(production, name) for name in ("editor", "second", "third", "admin"))
    answers = create(editor, 3)
    assert [answer.status_code for answer in answers] == [201, 201, 409]
    assert "You own 2 studies" in answers[-1].json["detail"]
    page = editor.post("/studies/new", data={"title": "One more"})
    assert (page.status_code, "You own 2 studies" in page.text) == (409, True)
    assert [answer.status_code for answer in create(second, 2)] == [201, 201]
    refused = third.post(PATH, json={"title": "Mine"})
    assert (refused.status_code, "only admins add more" in refused.json["detail"]) == (409, True)
    assert [answer.status_code for answer in create(admin, 3)] == [201, 201, 409]
    assert editor.delete(answers[0].headers["Location"]).status_code == 200
