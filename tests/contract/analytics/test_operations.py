"""What the service did: counts by hour, and what admins see of them."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, text

from app import create_app
from app.analytics.operations import quantile
from app.components import components
from app.database.db import db
from app.database.types import now
from app.registry import changes
from app.request_log import counting
from app.request_log.counting import BOUNDS, RequestLog
from app.request_log.tables import AnswerCount, RequestCount
from tests.contract.accounts.conftest import make_production
from tests.contract.conftest import WHEATEAR, make_settings, upgrade

OPERATIONS = "/api/v1/analytics/operations"


@pytest.fixture
def served(tmp_path, artifacts):
    app = create_app(make_settings(tmp_path))
    upgrade(app)
    with app.app_context():
        changes.activate(changes.register(artifacts[WHEATEAR])[0].id)
    return app


def written(app):
    assert components(app).get(RequestLog).write()
    with app.app_context():
        rows = db.session.execute(select(RequestCount.endpoint, RequestCount.status_class, RequestCount.requests))
        counts = Counter()
        for endpoint, status_class, requests in rows:
            counts[endpoint, status_class] += requests
        return counts


def test_requests_and_answers_are_counted_by_study(served, environment):
    client = served.test_client()
    for _ in range(3):
        client.post("/api/v1/predictions", json={"species": WHEATEAR, "environment": environment})
    client.post("/api/v1/predictions", json={"species": "nothing", "environment": {}})
    client.get("/nothing")
    client.get("/health/live")
    client.get("/static/css/base.css")
    assert written(served) == {("predictions_api.predict", 2): 3, ("predictions_api.predict", 4): 1, ("none", 4): 1}
    report = client.get(OPERATIONS).json
    assert (report["total"]["requests"], report["total"]["refused"], report["answers"]) == (5, 2, 3)
    assert report["cached"] == pytest.approx(2 / 3)
    assert sum(kind["requests"] for kind in report["novelty"]) == 3
    with served.app_context():
        assert sum(db.session.scalars(select(AnswerCount.answers))) == 3
    study = next(one for one in report["studies"] if one["study"])
    assert (study["requests"], study["answers"]) == (3, 3)
    assert report["routes"][0]["route"] == "POST /api/v1/predictions"
    assert report["routes"][0]["median_ms"] <= report["routes"][0]["p95_ms"]


def test_names_of_studies_that_do_not_exist_are_not_kept(served):
    client = served.test_client()
    for number in range(5):
        client.get(f"/api/v1/studies/nothing-{number}")
    components(served).get(RequestLog).write()
    with served.app_context():
        assert set(db.session.scalars(select(RequestCount.study))) == {""}


def test_slugs_that_nobody_looked_up_are_not_kept(served, tmp_path):
    client = served.test_client()
    for number in range(5):
        assert client.options(f"/api/v1/studies/nothing-{number}/files").status_code == 200
        client.get(f"/studies/nothing-{number}/records")
    components(served).get(RequestLog).write()
    with served.app_context():
        assert set(db.session.scalars(select(RequestCount.study))) == {""}


def test_counts_of_a_new_process_add_to_those_before(served, tmp_path):
    served.test_client().get("/species")
    assert written(served)["species.browse", 2] == 1
    again = create_app(served.config["SETTINGS"])
    again.test_client().get("/species")
    assert written(again)["species.browse", 2] == 2
    # nothing is counted twice
    assert written(served)["species.browse", 2] == 2


def test_counts_stay_while_the_database_refuses_them_and_memory_is_bounded(served, monkeypatch):
    monkeypatch.setattr(counting, "MOST_KEYS", 3)
    counts = components(served).get(RequestLog)
    with served.app_context():
        db.session.execute(text("ALTER TABLE answer_counts RENAME TO away"))
        db.session.commit()
    for number in range(10):
        counts.add_request(f"endpoint-{number}", 200, "", 0.001)
        counts.add_answer(f"study-{number}", "inside", cached=False)
    assert not counts.write()
    with served.app_context():
        assert db.session.scalars(select(RequestCount)).all() == [], "both tables or neither"
        db.session.execute(text("ALTER TABLE away RENAME TO answer_counts"))
        db.session.commit()
    told = written(served)
    assert told.total() == 10
    assert told["other", 2] == 7


def test_old_counts_are_deleted(served):
    row = {"endpoint": "x", "status_class": 2, "study": "", "bucket": 0, "requests": 1}
    with served.app_context():
        for days in (401, 399):
            db.session.execute(insert(RequestCount).values(hour=now() - timedelta(days=days), **row))
        db.session.commit()
    components(served).get(RequestLog).tidy()
    with served.app_context():
        assert len(db.session.scalars(select(RequestCount)).all()) == 1


def test_quantiles_are_upper_ends_of_ranges():
    assert quantile({}, 0.5) is None
    assert quantile({2: 1}, 0.5) == 1000 * BOUNDS[2]
    assert quantile({0: 95, 5: 5}, 0.95) == 1000 * BOUNDS[0]
    assert quantile({0: 94, 5: 6}, 0.95) == 1000 * BOUNDS[5]
    assert quantile({len(BOUNDS): 1}, 0.5) is None


def test_latency_is_in_the_range_that_contains_it(served):
    counts = components(served).get(RequestLog)
    for seconds in (0.0, 0.001, 0.0011, 10.0, 11.0):
        counts.add_request("x", 200, "", seconds)
    counts.write()
    with served.app_context():
        rows = db.session.execute(select(RequestCount.bucket, RequestCount.requests)).all()
    assert dict(map(tuple, rows)) == {0: 2, 1: 1, len(BOUNDS) - 1: 1, len(BOUNDS): 1}


@pytest.mark.parametrize(("query", "status"), [("?days=7", 200), ("?days=8", 422), ("?day=7", 422)])
def test_the_period_is_checked(served, query, status):
    assert served.test_client().get(OPERATIONS + query).status_code == status


@pytest.mark.parametrize("is_public", [True, False])
def test_admins_alone_see_what_the_service_did(tmp_path, is_public):
    app = make_production(tmp_path, public_analytics=is_public)
    admin, viewer, anonymous = (app.test_client() for _ in range(3))
    admin.sign_in("admin@example.org")
    viewer.sign_in("viewer@example.org")
    components(app).get(RequestLog).write()
    page = admin.get("/analytics")
    assert (page.status_code, "What did the service do?" in page.text) == (200, True)
    assert "POST /login" in page.text
    assert 'href="/analytics"' in admin.get("/species").text
    assert admin.get(OPERATIONS).status_code == 200
    assert (viewer.get(OPERATIONS).status_code, anonymous.get(OPERATIONS).status_code) == (403, 401)
    for browser, refused in ((viewer, 403), (anonymous, 303)):
        page = browser.get("/analytics")
        assert page.status_code == (200 if is_public else refused)
        assert "What did the service do?" not in page.text
        assert ('href="/analytics"' in browser.get("/species").text) == is_public
