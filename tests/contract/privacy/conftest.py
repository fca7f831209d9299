"""An application as in production, and a person who is signed in."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.accounts import users
from app.database.db import db
from app.trail.tables import AuditLine
from tests.contract.accounts.conftest import PASSWORD, Browser, make_production

FORM = {"password": PASSWORD, "studies": "leave", "answers": "leave"}
ADMIN, EDITOR, VIEWER = (f"{role}@example.org" for role in ("admin", "editor", "viewer"))


@pytest.fixture
def production(tmp_path):
    return make_production(tmp_path)


def signed_in(app, email) -> Browser:
    browser = app.test_client()
    assert browser.sign_in(email).status_code == 303
    return browser


@pytest.fixture
def editor(production):
    return signed_in(production, EDITOR)


def exists(app, email):
    with app.app_context():
        return users.find(email) is not None


def audit(app, action):
    with app.app_context():
        found = db.session.scalars(select(AuditLine).where(AuditLine.action == action).order_by(AuditLine.id)).all()
        db.session.expunge_all()
        return found
