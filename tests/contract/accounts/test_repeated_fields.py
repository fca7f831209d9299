"""A field that a form has twice is refused, wherever it is not a list: which one counts would be a guess."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.catalogue.study_tables import Study, StudyPerson
from app.database.db import db
from app.plans import service as plans
from tests.contract.accounts.conftest import PASSWORD

ADMIN = "admin@example.org"
FORMS = [
    ("/login", {"email": [ADMIN, "viewer@example.org"], "password": PASSWORD}, "email"),
    ("/login/forgotten", {"email": [ADMIN, "viewer@example.org"]}, "email"),
    ("/account/password", {"present": [PASSWORD, PASSWORD], "new": "x", "again": "x"}, "present"),
    ("/account/keys", {"name": ["one", "two"], "scopes": ["read", "predict"], "days": "30"}, "name"),
    ("/account/keys", {"name": "one", "scopes": ["read", "predict"], "days": ["30", "300"]}, "days"),
    ("/plans/free", {"revision": "0", "rate": ["1/second", "9/second"]}, "rate"),
    ("/studies/frogs/sharing", {"visibility": ["private", "public"]}, "visibility"),
    ("/studies/frogs/people", {"email": ["a@example.org", "b@example.org"], "role": "reader"}, "email"),
    ("/studies/frogs/people", {"email": "a@example.org", "role": ["reader", "owner"]}, "role"),
    ("/studies/frogs/title", {"title": ["One", "Two"], "revision": "1"}, "title"),
    ("/studies/new", {"title": ["One", "Two"]}, "title"),
    ("/studies/frogs/records", {"revision": ["1", "1"]}, "revision"),
    ("/studies/frogs/layers", {"revision": ["1", "1"]}, "revision"),
    ("/observations", {"outcome": ["present", "absent"], "date": "2026-05-01"}, "outcome"),
    ("/observations/decide", {"ids": ["a", "b"], "was": "pending", "decision": ["accepted", "refused"]}, "decision"),
    ("/map", {"species": ["a", "b"]}, "species"),
    ("/batch", {"species": ["a", "b"], "text": ["x", "y"]}, "text"),
]


@pytest.fixture
def admin(production):
    browser = production.test_client()
    assert browser.sign_in(ADMIN).status_code == 303
    assert browser.post("/api/v1/studies", json={"title": "Frogs"}).status_code == 201
    return browser


def test_a_repeated_field_is_named_and_nothing_is_changed(production, admin):
    for path, fields, name in FORMS:
        refused = admin.post(path, data=fields)
        assert refused.status_code == 422, (path, refused.status_code)
        assert f"{name[:1].upper()}{name[1:]}: given more than once" in refused.text, path
    parts = {"title": ["One", "Two"]}
    assert admin.post("/studies/new", data=parts, content_type="multipart/form-data").status_code == 422
    assert "You have no keys." in admin.get("/account").text
    with production.app_context():
        assert db.session.scalars(select(Study.visibility)).all() == ["private"]
        assert db.session.scalars(select(StudyPerson)).all() == []
        assert plans.find("free").revision == 0


def test_lists_may_be_repeated(admin):
    form = {"name": "one", "scopes": ["read", "predict"], "days": "30", "confirm": PASSWORD}
    made = admin.post("/account/keys", data=form)
    assert made.status_code == 200
    decided = admin.post("/observations/decide", data={"ids": ["a", "b"], "was": "pending", "decision": "accepted"})
    assert decided.status_code == 404
    lists = {"shown": ["a", "b"], "drop": ["a", "b"], "licence": ["a", "b"], "species": ["a", "b"], "revision": "1"}
    assert "given more than once" not in admin.post("/studies/frogs/records", data=lists).text
    sent = {"name": ["a.csv", "b.csv"], "sha256": ["0", "1"], "confirmed": "yes"}
    assert admin.post("/studies/frogs/files/delete", data=sent).status_code != 422
