"""An application as in production, with the lines of its audit trail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.accounts import users
from app.database.db import db
from app.trail.tables import AuditLine
from tests.contract.accounts.conftest import Browser, make_production

ADMIN, EDITOR, VIEWER = (f"{role}@example.org" for role in ("admin", "editor", "viewer"))
Lines = Callable[..., list[AuditLine]]


@pytest.fixture
def production(tmp_path: Any) -> Flask:
    return make_production(tmp_path)


@pytest.fixture
def browser(production: Flask) -> Browser:
    return production.test_client()


@pytest.fixture
def editor(production: Flask) -> Browser:
    browser = production.test_client()
    assert browser.sign_in(EDITOR).status_code == 303
    return browser


@pytest.fixture
def admin(production: Flask) -> Browser:
    browser = production.test_client()
    assert browser.sign_in(ADMIN).status_code == 303
    return browser


@pytest.fixture
def lines(production: Flask) -> Lines:
    """Return a function that returns the lines with a beginning of the action, oldest first."""

    def read(action: str = "") -> list[AuditLine]:
        with production.app_context():
            statement = select(AuditLine).where(AuditLine.action.startswith(action)).order_by(AuditLine.id)
            found = list(db.session.scalars(statement))
            db.session.expunge_all()
            return found

    return read


@pytest.fixture
def id_of(production: Flask) -> Callable[[str], str]:
    def read(email: str) -> str:
        with production.app_context():
            return users.get(email).id

    return read
