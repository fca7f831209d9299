"""Plans: rates and quotas of people, uploads and jobs at once, and admins who edit them."""

from __future__ import annotations

import io
import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import event, select, text, update

from app.accounts import keys, tokens, users
from app.accounts.quota import _UNCOUNTED
from app.components import components
from app.database.db import db
from app.errors import Conflict
from app.jobs import service as jobs
from app.jobs.steps import Step, register_kind
from app.jobs.tables import Job
from app.plans import usage
from app.plans.service import Plans
from app.plans.tables import MonthlyUsage, Plan
from app.plans.usage import Usage
from tests.contract.accounts.conftest import make_production

EDITOR, ADMIN, VIEWER = "editor@example.org", "admin@example.org", "viewer@example.org"
PATH = "/api/v1/studies"


def alter(app, name="free", **values):
    with app.app_context():
        db.session.execute(update(Plan).where(Plan.name == name).values(values))
        db.session.commit()
        components(app).get(Plans).forget()


def key_of(app, email=EDITOR, scopes=("write",)):
    with app.app_context():
        user = users.get(email)
        return keys.create(user, user.epoch, "a test", scopes, 1)[1]


def ask(app, headers, path=PATH, address="192.0.2.1", method="GET", **more):
    return app.test_client().open(path, method=method, headers=headers, environ_base={"REMOTE_ADDR": address}, **more)


def write_usage(app):
    components(app).get(Usage).write()


def test_a_person_counts_by_the_person_and_strangers_by_their_address(tmp_path):
    app = make_production(tmp_path, rate_limit="5/hour")
    alter(app, rate="8/hour")
    key, other = key_of(app), key_of(app)
    with app.app_context():
        user = users.get(EDITOR)
        token = tokens.begin(user.id, user.epoch).access
    ways = [{"X-API-Key": key}, {"X-API-Key": other}, {"Authorization": f"Bearer {token}"}]
    left = [
        ask(app, way, address=f"192.0.2.{number}").headers["RateLimit-Remaining"] for number, way in enumerate(ways * 2)
    ]
    assert left == ["7", "6", "5", "4", "3", "2"]
    browser = app.test_client()
    # the form was sent by a stranger
    assert browser.sign_in(EDITOR).headers["RateLimit-Limit"] == "5"
    assert browser.get(PATH).headers["RateLimit-Remaining"] == "1"
    assert ask(app, ways[0]).status_code == 200
    refused = ask(app, ways[1])
    assert (refused.status_code, refused.json["type"]) == (429, "urn:ecopredict:problem:plan")
    assert "Its plan free allows 8 per 1 hour, over all sessions, keys and tokens together" in refused.json["detail"]
    assert 0 < int(refused.headers["Retry-After"]) <= 3600
    assert browser.get("/species").status_code == 429
    # an address has its own count, and so has another person
    assert ask(app, {}, address="192.0.2.1").headers["RateLimit-Remaining"] == "4"
    assert ask(app, {"X-API-Key": key_of(app, VIEWER, ["read"])}).status_code == 200


def test_a_plan_without_a_rate_has_that_of_everybody(tmp_path):
    app = make_production(tmp_path, rate_limit="5/hour")
    assert ask(app, {"X-API-Key": key_of(app)}).headers["RateLimit-Limit"] == "5"
    with app.app_context():
        users.set_plan(EDITOR, "partner")
    assert ask(app, {"X-API-Key": key_of(app)}).headers["RateLimit-Limit"] == "50"


def test_invalid_keys_take_nothing_of_the_limit_of_their_address(tmp_path):
    app = make_production(tmp_path, rate_limit="3/hour")
    assert [ask(app, {"X-API-Key": "x"}).status_code for _ in range(5)] == [401] * 5
    assert [ask(app, {}).status_code for _ in range(4)] == [200] * 3 + [429]


def test_a_quota_of_a_month_is_used_up_and_says_so(production):
    alter(production, requests_a_month=4)
    headers = {"X-API-Key": key_of(production)}
    first = ask(production, headers)
    assert (first.headers["X-Quota-Limit"], first.headers["X-Quota-Remaining"]) == ("4", "3")
    assert 0 < int(first.headers["X-Quota-Reset"]) <= 31 * 86_400
    assert "private" in first.headers["Cache-Control"]
    assert {"Cookie", "Authorization", "X-API-Key"} <= set(first.vary)
    ask(production, headers, "/analytics")
    refused = ask(production, headers)
    assert (refused.status_code, refused.json["type"]) == (429, "urn:ecopredict:problem:plan")
    assert "The plan free allows 4 requests a month, and they are used up." in refused.json["detail"]
    assert f"begins on {usage.end_of_month(datetime.now(UTC)):%Y-%m-%d} at 00:00 UTC" in refused.json["detail"]
    assert refused.headers["X-Quota-Remaining"] == "0"
    assert refused.headers["Retry-After"] == refused.headers["X-Quota-Reset"]
    browser = production.test_client()
    browser.sign_in(EDITOR)
    refused = browser.get("/predictions")
    assert refused.status_code == 429
    assert "Reload the page then." in refused.text
    page = browser.get("/account")
    assert page.status_code == 200
    assert "6 of 4" in page.text
    assert browser.post("/logout").status_code == 303
    assert browser.get("/species").status_code == 200
    assert "X-Quota-Limit" not in browser.get("/species").headers


def test_a_quota_stops_neither_admins_nor_what_protects(production):
    alter(production, requests_a_month=1)
    key = {"X-API-Key": key_of(production, ADMIN, ["predict"])}
    assert [ask(production, key, "/api/v1/species").status_code for _ in range(2)] == [200, 429]
    browser = production.test_client()
    browser.sign_in(ADMIN)
    editor = production.test_client()
    editor.sign_in(EDITOR)
    assert [editor.get("/api/v1/jobs").status_code for _ in range(2)] == [200, 429]
    study = "/api/v1/studies/none"
    for method, path, body in (
        ("GET", "/sensitive-species", None),
        ("PUT", "/sensitive-species", {"species": "Bubo bubo"}),
        ("DELETE", "/sensitive-species/none", None),
        ("GET", "/learning", None),
        ("PUT", "/learning", {"on": False}),
        ("DELETE", "/files/finds.csv", None),
    ):
        assert editor.open(study + path, method=method, json=body).status_code == 404, path
    # an admin in a browser is never stopped
    assert browser.get("/species").status_code == 200
    for path in ("/plans", "/audit", "/observations", "/api/v1/observations", "/api/v1/analytics/operations"):
        answer = browser.get(path)
        assert answer.status_code == 200, path
        assert "X-Quota-Limit" not in answer.headers
    for path in ("/studies/none/rollout/stop", "/studies/none/sharing"):
        assert browser.post(path, data={"visibility": "private"}).status_code == 404, path
    decided = {"ids": "none", "was": "pending", "decision": "accepted"}
    assert browser.post("/observations/decide", data=decided).status_code != 429
    page = browser.get("/plans").text
    revision = page.split('action="/plans/free"')[1].split('name="revision" value="')[1].split('"')[0]
    more = browser.post("/plans/free", data={"revision": revision, "requests_a_month": "100"})
    assert more.status_code == 303
    components(production).get(Plans).forget()
    assert browser.get("/species").status_code == 200


def test_all_that_is_uncounted_exists(production):
    assert set(production.view_functions) >= _UNCOUNTED


def test_the_count_survives_a_restart_and_adds_up_over_processes(production, tmp_path):
    key = key_of(production)
    for _ in range(3):
        ask(production, {"X-API-Key": key})
    write_usage(production)
    other = make_second(production)
    assert ask(other, {"X-API-Key": key}).headers["X-Quota-Remaining"] == "99996"
    ask(production, {"X-API-Key": key})
    write_usage(production)
    write_usage(other)
    with production.app_context():
        assert db.session.scalars(select(MonthlyUsage.requests)).all() == [5]
    assert ask(make_second(production), {"X-API-Key": key}).headers["X-Quota-Remaining"] == "99994"


def make_second(app):
    from app import create_app

    return create_app(app.config["SETTINGS"])


def test_another_month_begins_at_zero(production, monkeypatch):
    headers = {"X-API-Key": key_of(production)}
    ask(production, headers)
    monkeypatch.setattr(usage, "month_of", lambda moment: "2031-01")
    assert ask(production, headers).headers["X-Quota-Remaining"] == "99999"
    assert usage.end_of_month(datetime(2026, 12, 31, 23, tzinfo=UTC)) == datetime(2027, 1, 1, tzinfo=UTC)


def test_what_waits_for_a_database_that_fails_is_added_later(production, monkeypatch):
    headers = {"X-API-Key": key_of(production)}
    ask(production, headers)
    write_usage(production)
    with production.app_context():
        db.session.execute(text("ALTER TABLE monthly_usage RENAME TO away"))
        db.session.commit()
    assert ask(production, headers).status_code == 200
    write_usage(production)
    with production.app_context():
        db.session.execute(text("ALTER TABLE away RENAME TO monthly_usage"))
        db.session.commit()
    write_usage(production)
    with production.app_context():
        assert db.session.scalars(select(MonthlyUsage.requests)).all() == [2]


def test_a_stranger_costs_the_database_nothing(production):
    ask(production, {})
    statements = []
    with production.app_context():
        event.listen(db.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    for path in ("/health/live", "/api/v1/predictions/x", "/login", "/map/land.json"):
        ask(production, {}, path)
    assert not [one for one in statements if "plans" in one or "monthly" in one or "users" in one]


def test_plans_are_read_once_in_some_seconds(production):
    headers = {"X-API-Key": key_of(production)}
    ask(production, headers)
    statements = []
    with production.app_context():
        event.listen(db.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    for _ in range(5):
        ask(production, headers, "/login")
    assert len([one for one in statements if "FROM plans" in one]) <= 1
    assert len([one for one in statements if "FROM api_keys" in one]) == 5


def test_a_plan_limits_uploads(production):
    alter(production, upload_bytes=2048)
    headers = {"X-API-Key": key_of(production), "Sec-Fetch-Site": None}
    ask(production, headers, method="POST", json={"title": "Lizards"})
    sent = {"method": "PUT", "data": b"x" * 3000}
    refused = ask(production, headers, "/api/v1/studies/lizards/files/a.csv", **sent)
    assert refused.status_code == 413
    assert "the plan of your account" in refused.json["detail"]
    files = {"files": (io.BytesIO(b"y" * 3000), "b.csv")}
    form_refused = ask(production, headers, "/api/v1/studies/lizards/files", method="POST", data=files)
    assert form_refused.status_code == 413
    small = {"method": "PUT", "data": b"species,latitude,longitude\nx,1,2\n"}
    assert ask(production, headers, "/api/v1/studies/lizards/files/a.csv", **small).status_code == 201


KIND = "plan-test"


@pytest.fixture
def start(production):
    register_kind(KIND, "A test", (Step("one", "One", lambda work: None),))

    def begin(email=EDITOR, key=None):
        with production.test_request_context("/", headers={"X-API-Key": key_of(production, email)}):
            assert production.preprocess_request() is None
            return jobs.enqueue(KIND, "", {}, key).id

    return begin


def test_a_plan_limits_the_jobs_of_a_person_that_wait_or_run(production, start):
    alter(production, jobs_at_once=2)
    first = start(key="one")
    start()
    with pytest.raises(Conflict, match="allows 2 jobs at once, and 2 of yours wait or run"):
        start()
    assert start(key="one") == first, "the same request as before"
    assert start(VIEWER)
    with production.app_context():
        assert len(db.session.scalars(select(Job)).all()) == 3
        jobs.cancel(first)
    assert start()
    with production.app_context():
        assert jobs.enqueue(KIND, "", {}).id, "a command has no plan"


def test_of_two_jobs_at_once_the_last_one_that_fits_is_started(production, start):
    alter(production, jobs_at_once=1)
    together, outcomes = threading.Barrier(2), []

    def begin():
        together.wait()
        try:
            outcomes.append(bool(start()))
        except Conflict:
            outcomes.append(False)

    threads = [threading.Thread(target=begin) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False, True]
