"""API keys: made, shown once, sent, limited by scope, expired, revoked, and beside a cookie."""

from __future__ import annotations

import logging
import re
import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from app.accounts import keys, users
from app.accounts.tables import ApiKey
from app.database.db import db
from app.database.types import now
from tests.contract.accounts.conftest import PASSWORD, make_production

EDITOR, ADMIN, VIEWER = "editor@example.org", "admin@example.org", "viewer@example.org"
KEY = re.compile(r"eco_[A-Za-z0-9]{8}_[A-Za-z0-9_-]{43}")


def form(**changes):
    return {"name": "nightly", "scopes": ["predict", "read"], "days": "30", "confirm": PASSWORD, **changes}


def shift(app, **values):
    with app.app_context():
        db.session.execute(update(ApiKey).values(values))
        db.session.commit()


def test_a_person_makes_a_key_that_is_shown_once(production, browser, program):
    browser.sign_in(EDITOR)
    shown = browser.post("/account/keys", data=form())
    assert shown.status_code == 200
    assert "no-store" in shown.headers["Cache-Control"]
    (key,) = set(KEY.findall(shown.text))
    page = browser.get("/account").text
    assert key not in page
    assert f"{key[:12]}…" in page
    assert "predict" in page
    assert "never" in page
    with production.app_context():
        (row,) = db.session.scalars(select(ApiKey))
        assert key[13:] not in (row.key_hash, row.prefix)
    assert program(key, "/api/v1/studies/x/files").status_code == 404
    assert now().strftime("used %Y-%m-%d") in browser.get("/account").text


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        ({"name": ""}, 422, "Must have 1 to 100 characters"),
        ({"name": "x" * 101}, 422, "Must have 1 to 100 characters"),
        ({"name": "a\x00b"}, 422, "Must have 1 to 100 characters"),
        ({"scopes": []}, 422, "Choose at least one"),
        ({"scopes": ["root"]}, 422, "Must be of read, predict, write, admin"),
        ({"scopes": ["admin"]}, 422, "Admin belongs to admins, and the role is editor"),
        ({"days": "0"}, 422, "Must be a whole number from 1 to 366"),
        ({"days": "99999999999"}, 422, "Must be a whole number from 1 to 366"),
        ({"days": "soon"}, 422, "Must be a whole number from 1 to 366"),
        ({"days": "²"}, 422, "Must be a whole number from 1 to 366"),
        ({"confirm": "wrong wrong wrong"}, 422, "This is not your password"),
    ],
)
def test_a_form_that_is_refused_comes_back_as_it_was_typed(production, browser, changes, status, message):
    browser.sign_in(EDITOR)
    response = browser.post("/account/keys", data=form(**changes))
    assert response.status_code == status
    assert message in response.text
    if "name" not in changes:
        assert 'value="nightly"' in response.text
    with production.app_context():
        assert keys.browse() == []


def test_a_key_cannot_make_one_with_the_password_of_its_owner(make_key, program):
    response = program(make_key(), "/account/keys", "POST", data=form())
    assert response.status_code == 403
    assert "with a browser and a session" in response.json["detail"]


def test_a_request_with_a_key_is_its_person_and_no_session(make_key, program):
    created = program(make_key(), method="POST", json={"title": "Lizards"})
    assert created.status_code == 201
    assert "Set-Cookie" not in created.headers
    assert "no-store" in created.headers["Cache-Control"]
    assert {"Cookie", "Authorization", "X-API-Key"} <= set(created.vary)
    page = program(make_key(), f"/studies/{created.json['slug']}")
    assert page.status_code == 200
    assert 'method="post"' in page.text


def test_open_answers_with_a_key_are_kept_by_no_cache(make_key, program, production):
    for path in ("/api/v1/species", "/species", "/openapi.json", "/nothing"):
        assert "private" in program(make_key(), path).headers["Cache-Control"], path
    anonymous = production.test_client().get("/species")
    assert {"Cookie", "Authorization", "X-API-Key"} <= set(anonymous.vary)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "eco_",
        "eco_AAAAAAAA_" + "A" * 43,
        "eco_AAAAAAAA_" + "A" * 42,
        "eco_AAAAAAAA_" + "A" * 5000,
        "' OR 1=1 --",
        "eco_AAAAAAAA_" + "é" * 43,
        "null",
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/species", "/species", "/nothing", "/account", "/api/v1/studies/x/files"])
def test_a_key_that_is_not_accepted_is_refused_everywhere(production, text, path):
    browser = production.test_client()
    browser.sign_in(ADMIN)
    for headers in ({"X-API-Key": text}, {"X-API-Key": text, "HX-Request": "true", "Accept": "text/html"}):
        response = browser.get(path, headers=headers)
        assert (response.status_code, response.mimetype) == (401, "application/problem+json")
        assert response.json["type"] == "urn:ecopredict:problem:credential"
        assert response.headers["WWW-Authenticate"].startswith("Bearer ")
        assert "Set-Cookie" not in response.headers
        assert "private" in response.headers["Cache-Control"]


def test_every_refusal_of_a_key_is_the_same(production, make_key, program):
    revoked, expired, disabled = make_key(), make_key(VIEWER), make_key(ADMIN)
    with production.app_context():
        users.create("second@example.org", "admin", PASSWORD)
        users.set_disabled(ADMIN, True)
        keys.revoke_all(users.get(EDITOR).id)
        own = update(ApiKey).where(ApiKey.user_id == users.get(VIEWER).id)
        db.session.execute(own.values(expires_at=now() - timedelta(seconds=1)))
        db.session.commit()
    unknown = program("eco_AAAAAAAA_" + "A" * 43)
    for key in (revoked, expired, disabled, "nonsense"):
        response = program(key)
        assert (response.status_code, response.json) == (401, unknown.json)


def test_an_account_that_is_enabled_again_has_its_keys(production, make_key, program):
    key = make_key()
    for is_disabled, status in ((True, 401), (False, 200)):
        with production.app_context():
            users.set_disabled(EDITOR, is_disabled)
        assert program(key).status_code == status


def test_a_key_does_no_more_than_the_present_role(production, make_key, program):
    key = make_key(ADMIN, ("admin",))
    assert program(key, "/plans").status_code == 200
    with production.app_context():
        users.create("second@example.org", "admin", PASSWORD)
        users.set_role(ADMIN, "viewer")
    assert program(key, "/plans").status_code == 403
    assert program(key, method="POST", json={"title": "x"}).status_code == 403
    assert program(key, "/api/v1/studies/x/files").status_code == 404


def test_a_key_goes_on_after_the_password_changes(production, browser, make_key, program):
    key = make_key()
    browser.sign_in(EDITOR)
    new = "umbrella quartz seven lilac"
    browser.post("/account/password", data={"present": PASSWORD, "new": new, "again": new})
    assert "Your API keys go on" in browser.get("/account").text
    assert program(key).status_code == 200


def test_people_revoke_their_own_keys_and_nobody_elses(production, browser, make_key, program):
    own, other, third = make_key(), make_key(VIEWER, ("read",)), make_key()
    with production.app_context():
        ids = {row.prefix: row.id for row in db.session.scalars(select(ApiKey))}
    browser.sign_in(EDITOR)
    foreign = browser.post(f"/account/keys/{ids[other[:12]]}/revoke")
    missing = browser.post("/account/keys/00000000-0000-0000-0000-000000000001/revoke")
    assert (foreign.status_code, missing.status_code) == (404, 404)
    assert foreign.text.count("There is no such key") == missing.text.count("There is no such key") == 1
    assert browser.post(f"/account/keys/{ids[own[:12]]}/revoke").location == "/account"
    assert "The key is revoked" in browser.get("/account").text
    assert [program(key).status_code for key in (own, other, third)] == [401, 200, 200]
    browser.post("/account/keys/revoke")
    assert [program(key).status_code for key in (other, third)] == [200, 401]


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
def test_a_key_needs_no_origin_and_a_cookie_beside_it_is_not_used(production, make_key, headers):
    browser = production.test_client()
    browser.sign_in(ADMIN)
    headers = {"Sec-Fetch-Site": None, "X-API-Key": make_key(EDITOR, ("read",)), **headers}
    response = browser.post("/api/v1/studies", json={"title": "x"}, headers=headers)
    assert (response.status_code, response.json["detail"]) == (403, "This needs a key with the scope write.")
    assert browser.get("/plans", headers=headers).status_code == 403
    assert "Set-Cookie" not in response.headers
    assert browser.signed_in()


@pytest.mark.parametrize(("path", "data"), [("/login", {"email": ADMIN, "password": PASSWORD}), ("/logout", {})])
def test_a_key_begins_and_ends_no_session(production, make_key, path, data):
    browser = production.test_client()
    browser.sign_in(VIEWER)
    response = browser.post(path, data=data, headers={"X-API-Key": make_key()})
    assert response.status_code == 403
    assert "Set-Cookie" not in response.headers
    assert browser.signed_in()


def test_two_kinds_of_credentials_are_refused(make_key, program):
    response = program(make_key(), headers={"Authorization": "Bearer x"})
    assert (response.status_code, response.json["detail"]) == (401, "Send either a key or a token, not both.")


def test_a_password_for_a_proxy_is_no_credential(production):
    assert production.test_client().get("/species", headers={"Authorization": "Basic eDp5"}).status_code == 200


def test_probes_do_not_look_at_keys(program):
    assert program("nonsense", "/health/live").status_code == 200
    assert program("nonsense", "/static/css/tokens.css").status_code == 200


def test_other_origins_may_send_keys_to_the_api_only(tmp_path):
    app = make_production(tmp_path, cors_origins=("https://maps.example.org",))
    with app.app_context():
        user = users.get(EDITOR)
        key = keys.create(user, user.epoch, "maps", ["write"], 1)[1]
    asked = {"Origin": "https://maps.example.org", "Sec-Fetch-Site": "cross-site"}
    preflight = {**asked, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}
    allowed = app.test_client().options("/api/v1/studies", headers=preflight)
    assert "x-api-key" in allowed.headers["Access-Control-Allow-Headers"].lower()
    assert "Access-Control-Allow-Credentials" not in allowed.headers
    assert "Access-Control-Allow-Origin" not in app.test_client().options("/studies/new", headers=preflight).headers
    made = app.test_client().post("/api/v1/studies", json={"title": "x"}, headers={**asked, "X-API-Key": key})
    assert made.status_code == 201
    assert "X-Quota-Remaining" in made.headers["Access-Control-Expose-Headers"]


def test_the_last_use_is_written_seldom(production, make_key, program):
    key = make_key()

    def used():
        with production.app_context():
            return db.session.scalars(select(ApiKey.last_used_at)).one()

    program(key)
    first = used()
    program(key)
    assert used() == first
    shift(production, last_used_at=first - timedelta(hours=2))
    program(key)
    assert used() >= first


def test_an_account_has_a_bounded_number_of_keys_also_at_the_same_time(production, make_key, monkeypatch):
    monkeypatch.setattr(keys, "MOST", 3)
    make_key()
    make_key()
    together, outcomes = threading.Barrier(2), []

    def make():
        together.wait()
        try:
            outcomes.append(bool(make_key()))
        except keys.Conflict:
            outcomes.append(False)

    threads = [threading.Thread(target=make) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False, True]


def test_no_log_line_has_a_key(production, browser, program, caplog):
    with caplog.at_level(logging.DEBUG):
        browser.sign_in(EDITOR)
        key = KEY.search(browser.post("/account/keys", data=form()).text)[0]
        program(key)
        program(key[:-1])
    assert "key " in caplog.text
    assert key[13:30] not in caplog.text
