"""The quotas of the month, for admins: by plan, and people who are near, over or refused."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, select, update

from app.accounts import keys, users
from app.accounts.tables import User
from app.components import components
from app.database.db import db
from app.plans import usage
from app.plans.service import Plans
from app.plans.tables import MonthlyUsage, Plan
from app.plans.usage import Usage, month_of
from tests.contract.accounts.conftest import make_production

OPERATIONS = "/api/v1/analytics/operations"
EDITOR, ADMIN, VIEWER = "editor@example.org", "admin@example.org", "viewer@example.org"


def alter(app, **values):
    with app.app_context():
        db.session.execute(update(Plan).where(Plan.name == "free").values(values))
        db.session.commit()
        components(app).get(Plans).forget()


def key_of(app, email, *scopes):
    with app.app_context():
        user = users.get(email)
        return {"X-API-Key": keys.create(user, user.epoch, "a test", scopes, 1)[1]}


def used(app, **requests):
    """Store what people have asked this month, and more in another one."""
    with app.app_context():
        for name, number in requests.items():
            user = users.get(f"{name}@example.org")
            for month, asked in ((month_of(usage.now()), number), ("2020-01", 10**6)):
                values = {"user_id": user.id, "month": month, "requests": asked}
                db.session.execute(insert(MonthlyUsage).values(values))
        db.session.commit()


def quotas_of(app):
    components(app).get(Usage).write()
    given = app.test_client().get(OPERATIONS, headers=key_of(app, ADMIN, "read", "admin"))
    assert given.status_code == 200, given.json
    return given.json["quotas"]


def page_of(app, email):
    browser = app.test_client()
    assert browser.sign_in(email).status_code == 303
    return browser.get("/analytics").get_data(as_text=True)


@pytest.fixture
def production(tmp_path):
    return make_production(tmp_path)


def test_the_month_by_plan_and_the_people_near_or_over(production):
    alter(production, requests_a_month=1_000)
    used(production, viewer=850, editor=1_000, admin=5)
    found = quotas_of(production)
    free, partner = found["plans"]
    assert (free["plan"], free["requests_a_month"], partner["plan"]) == ("free", 1_000, "partner")
    assert (free["people"], free["requests"] >= 1_855, free["near"], free["over"]) == (3, True, 1, 1)
    assert (partner["people"], partner["requests"], partner["refused"]) == (0, 0, 0)
    assert [(one["email"], one["share"]) for one in found["people"]] == [(EDITOR, 1.0), (VIEWER, 0.85)]
    # a plan without a quota has nobody near it
    alter(production, requests_a_month=None)
    found = quotas_of(production)
    assert (found["plans"][0]["near"], found["plans"][0]["over"], found["people"]) == (0, 0, [])


def test_refused_requests_are_counted_by_plan(production):
    alter(production, requests_a_month=3)
    headers = key_of(production, EDITOR, "read")
    statuses = [production.test_client().get("/api/v1/studies", headers=headers).status_code for _ in range(6)]
    assert statuses == [200, 200, 200, 429, 429, 429]
    alter(production, requests_a_month=None, rate="1/hour")
    headers = key_of(production, VIEWER, "read")
    statuses = [production.test_client().get("/api/v1/studies", headers=headers).status_code for _ in range(3)]
    assert statuses == [200, 429, 429]
    alter(production, rate=None)
    found = quotas_of(production)
    assert found["plans"][0]["refused"] == 5
    assert {one["email"]: one["refused"] for one in found["people"]} == {EDITOR: 3, VIEWER: 2}
    # what was written once is not written again
    assert quotas_of(production)["plans"][0]["refused"] == 5
    with production.app_context():
        assert sum(db.session.scalars(select(MonthlyUsage.refused))) == 5


def test_nobody_but_an_admin_sees_them(production):
    alter(production, requests_a_month=1_000)
    used(production, viewer=900)
    page = page_of(production, ADMIN)
    assert 'id="quotas-title"' in page
    assert VIEWER in page
    assert "90 %" in page
    for email in (EDITOR, VIEWER):
        assert 'id="quotas-title"' not in page_of(production, email)
        assert production.test_client().get(OPERATIONS, headers=key_of(production, email, "read")).status_code == 403


def test_a_deleted_account_is_gone(production):
    alter(production, requests_a_month=10)
    used(production, viewer=10)
    with production.app_context():
        user = db.session.scalars(select(User).where(User.email == VIEWER)).one()
        db.session.delete(user)
        db.session.commit()
    assert quotas_of(production)["people"] == []
