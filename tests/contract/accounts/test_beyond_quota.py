"""What a person who is signed in is answered when the quota of the month is used up."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.database.db import db
from app.jobs.tables import Job
from app.plans.tables import MonthlyUsage
from app.registry import changes
from app.registry import service as registry
from tests.contract.accounts.conftest import make_production
from tests.contract.accounts.test_plans import EDITOR, alter, ask, key_of, write_usage
from tests.contract.conftest import WHEATEAR


def test_beyond_the_quota_a_browser_is_answered_as_if_nobody_had_signed_in(tmp_path):
    app = make_production(tmp_path, rate_limit="8/hour")
    alter(app, requests_a_month=1, rate="50/hour")
    browser = app.test_client()
    browser.sign_in(EDITOR)
    assert browser.get("/species").headers["X-Quota-Remaining"] == "0"
    # signing in has used three of the eight of this address
    answers = [browser.get(path) for path in ("/species", "/api/v1/species", "/species", "/species", "/species")]
    assert [answer.status_code for answer in answers] == [200] * 5
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["4", "3", "2", "1", "0"]
    assert {answer.headers["X-Quota-Remaining"] for answer in answers} == {"0"}
    refused = browser.get("/species")
    assert (refused.status_code, "from this address" in refused.text) == (429, True)
    assert browser.get("/account").status_code == 200
    write_usage(app)
    with app.app_context():
        assert db.session.execute(select(MonthlyUsage.requests, MonthlyUsage.refused)).all() == [(1, 0)]
    # what needs an account, and what programs ask, is refused
    assert browser.get("/api/v1/jobs").status_code == 429
    by_key = ask(app, {"X-API-Key": key_of(app)}, "/api/v1/species", address="192.0.2.77")
    assert (by_key.status_code, by_key.json["type"]) == (429, "urn:ecopredict:problem:plan")


@pytest.mark.parametrize(
    ("headers", "words"),
    [({}, "Go back in your browser to what you typed."), ({"HX-Request": "true"}, "still in the form")],
)
def test_what_was_typed_is_spoken_of_where_something_was_sent(tmp_path, headers, words):
    app = make_production(tmp_path, rate_limit="1/hour")
    browser = app.test_client()
    browser.get("/species")
    read, sent = browser.get("/species"), browser.post("/", data={"species": "x"}, headers=headers)
    assert (read.status_code, sent.status_code) == (429, 429)
    assert "typed" not in read.text
    assert words in " ".join(sent.text.split())


def test_a_table_that_becomes_a_job_needs_the_account(tmp_path, artifacts):
    app = make_production(tmp_path)
    with app.app_context():
        version, _ = changes.register(artifacts[WHEATEAR])
        changes.activate(version.id)
        conditions = dict(registry.card_of(version).starting_points[0].environment)
    alter(app, requests_a_month=1)
    browser = app.test_client()
    browser.sign_in(EDITOR)
    browser.get("/species")

    def ask_for(rows):
        body = {"species": WHEATEAR, "rows": [conditions] * rows}
        return browser.post("/api/v1/predictions/batch", json=body)

    assert ask_for(2).status_code == 200
    refused = ask_for(1001)
    assert (refused.status_code, refused.json["type"]) == (429, "urn:ecopredict:problem:plan")
    with app.app_context():
        assert db.session.scalars(select(Job)).all() == []
