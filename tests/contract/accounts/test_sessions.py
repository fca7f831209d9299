"""Sessions: renewed, expired, ended, forged, and sent from another site."""

from __future__ import annotations

import time

import pytest
from itsdangerous import URLSafeTimedSerializer
from limits import parse

from app.accounts import attempts, users
from app.accounts.sessions import ABSOLUTE, IDLE
from tests.contract.accounts.conftest import PASSWORD

EDITOR = "editor@example.org"
NEW = "umbrella quartz seven lilac"


@pytest.fixture
def editor(browser):
    assert browser.sign_in(EDITOR).status_code == 303
    return browser


@pytest.fixture
def clock(monkeypatch):
    """Move the clock of sessions and of their signatures."""
    real, moved = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + moved[0])
    return lambda seconds: moved.__setitem__(0, moved[0] + seconds)


def copy_of(production, browser):
    other = production.test_client()
    other.set_session(browser.cookie())
    return other


def test_signing_in_renews_the_session(production, editor):
    planted = editor.cookie()
    victim = production.test_client()
    victim.set_session(planted)
    victim.post("/logout")
    victim.set_session(planted)
    assert victim.sign_in(EDITOR).status_code == 303
    assert victim.cookie() != planted
    thief = production.test_client()
    thief.set_session(planted)
    assert not thief.signed_in()


def test_signing_in_again_ends_the_earlier_session(production, editor):
    thief = copy_of(production, editor)
    assert editor.sign_in("viewer@example.org").status_code == 303
    assert editor.signed_in()
    assert not thief.signed_in()


def test_guesses_of_the_password_with_a_session_are_limited_by_the_hour(editor, monkeypatch):
    monkeypatch.setattr(attempts, "BY_CLIENT", parse("1000 per 5 minute"))
    statuses = [
        editor.post("/account/second-factor", data={"password": "wrong wrong wrong"}).status_code for _ in range(31)
    ]
    assert statuses == [422] * 30 + [429]


def test_a_copy_of_the_cookie_is_worthless_after_signing_out(production, editor):
    thief = copy_of(production, editor)
    assert thief.signed_in()
    editor.post("/logout")
    assert not thief.signed_in()
    assert thief.post("/api/v1/studies", json={"title": "x"}).status_code == 401


def test_a_new_password_ends_all_other_sessions(production, editor):
    other = production.test_client()
    other.sign_in(EDITOR)
    old = copy_of(production, editor)
    changed = editor.post("/account/password", data={"present": PASSWORD, "new": NEW, "again": NEW})
    assert (changed.status_code, changed.location) == (303, "/account")
    assert [("All other sessions have ended" in editor.get("/account").text) for _ in range(2)] == [True, False]
    assert "All other sessions have ended" not in editor.get("/account?done=password").text
    assert (editor.signed_in(), other.signed_in(), old.signed_in()) == (True, False, False)
    fresh = production.test_client()
    assert fresh.sign_in(EDITOR).status_code == 422
    assert fresh.sign_in(EDITOR, NEW).status_code == 303


def test_a_person_ends_all_sessions(production, editor):
    other = production.test_client()
    other.sign_in(EDITOR)
    ended = editor.post("/account/sessions/end")
    assert "ended" in editor.get(ended.location).text
    assert (editor.signed_in(), other.signed_in()) == (False, False)


def test_a_disabled_person_and_one_with_another_role_notice_it_at_once(production, editor):
    with production.app_context():
        users.set_role(EDITOR, "viewer")
    assert editor.post("/api/v1/studies", json={"title": "x"}).status_code == 403
    with production.app_context():
        users.set_disabled(EDITOR, True)
    assert not editor.signed_in()
    with production.app_context():
        users.set_disabled(EDITOR, False)
    assert not editor.signed_in(), "the session has ended for good"


@pytest.mark.parametrize("how", ["disabled", "expired"])
def test_a_form_of_somebody_who_is_not_signed_in_any_more_says_why(production, editor, clock, how):
    page, htmx = {"Referer": "https://localhost/studies/new"}, {"HX-Request": "true"}
    if how == "disabled":
        with production.app_context():
            users.set_disabled(EDITOR, True)
    else:
        clock(IDLE.total_seconds() + 1)
    asked = editor.post("/studies/new", data={"title": "x"}, headers=page)
    assert (asked.status_code, asked.location) == (303, "/login?next=%2Fstudies%2Fnew&done=lost")
    told = " ".join(editor.get(asked.location).text.split())
    words = "You are not signed in any more: your session has ended, or your account is disabled."
    assert words in told
    assert "A form that you sent was not stored." in told
    assert 'name="next" value="/studies/new"' in told
    fragment = editor.post("/observations", data={}, headers=htmx)
    assert (fragment.status_code, words in fragment.text) == (401, True)
    stranger = production.test_client()
    assert stranger.post("/studies/new", headers=page).location == "/login?next=%2Fstudies%2Fnew"
    assert words not in stranger.get("/login?next=%2Fstudies%2Fnew").text
    assert "disabled" not in stranger.post("/observations", data={}, headers=htmx).text


def test_a_session_ends_after_a_pause(editor, clock):
    clock(IDLE.total_seconds() - 60)
    assert editor.signed_in()
    clock(IDLE.total_seconds() - 60)
    assert editor.signed_in()
    clock(IDLE.total_seconds() + 1)
    assert not editor.signed_in()


def test_a_session_ends_some_days_after_it_began(editor, clock):
    step = IDLE.total_seconds() - 60
    for _ in range(int(ABSOLUTE.total_seconds() // step)):
        clock(step)
        assert editor.signed_in()
    clock(step)
    assert not editor.signed_in()


def test_the_cookie_is_written_again_only_after_minutes(editor, clock):
    assert "Set-Cookie" not in editor.get("/account").headers
    clock(280)
    assert "Set-Cookie" not in editor.get("/account").headers
    clock(40)
    assert "Set-Cookie" in editor.get("/account").headers


@pytest.mark.parametrize(
    "forge",
    [
        lambda cookie: cookie[:-3] + "abc",
        lambda cookie: cookie.replace(".", "x", 1),
        lambda cookie: "",
        lambda cookie: "eyJ1c2VyIjoiYWRtaW4ifQ",
        lambda cookie: URLSafeTimedSerializer("guess", salt="ecopredict session").dumps({"id": "x"}),
        lambda cookie: URLSafeTimedSerializer("for-tests-only", salt="cookie-session").dumps({"id": "x"}),
        lambda cookie: cookie * 3,
        lambda cookie: "x" * 5000,
    ],
)
def test_a_forged_cookie_is_nobody(production, editor, forge):
    forger = production.test_client()
    forger.set_session(forge(editor.cookie()))
    assert not forger.signed_in()
    response = forger.get("/species")
    assert response.status_code == 200
    assert forger.get("/api/v1/species").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://localhost"},
        {"Sec-Fetch-Site": None, "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": None, "Origin": "null"},
        {"Sec-Fetch-Site": None},
    ],
)
@pytest.mark.parametrize(
    ("method", "path", "sent"),
    [
        ("POST", "/api/v1/studies", {"json": {"title": "x"}}),
        ("DELETE", "/api/v1/studies/x", {}),
        ("POST", "/studies/new", {"data": {"title": "x"}}),
        ("POST", "/account/sessions/end", {}),
        ("POST", "/logout", {}),
        ("POST", "/studies/x/files/inspect", {"data": {"name": "x"}, "htmx": True}),
    ],
)
def test_no_other_site_changes_anything_with_a_session(editor, headers, method, path, sent):
    sent = dict(sent)
    more = {"HX-Request": "true"} if sent.pop("htmx", False) else {}
    response = editor.open(path, method=method, headers={**headers, **more}, **sent)
    assert response.status_code == 403
    assert editor.signed_in()
    assert editor.get("/api/v1/studies").json["items"] == []


def test_origins_of_cors_do_not_use_sessions(tmp_path):
    from tests.contract.accounts.conftest import make_production

    app = make_production(tmp_path, cors_origins=("https://maps.example.org",))
    browser = app.test_client()
    browser.sign_in(EDITOR)
    headers = {"Origin": "https://maps.example.org", "Sec-Fetch-Site": "same-site"}
    response = browser.post("/api/v1/studies", json={"title": "x"}, headers=headers)
    assert response.status_code == 403
    assert "Access-Control-Allow-Credentials" not in response.headers
    without = app.test_client().post("/api/v1/predictions", json={}, headers=headers)
    assert without.status_code == 422


def test_the_own_site_changes_something(editor):
    for number, headers in enumerate(
        [{"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": None, "Origin": "https://localhost"}]
    ):
        response = editor.post("/api/v1/studies", json={"title": f"study {number}"}, headers=headers)
        assert response.status_code == 201


def test_nobody_signs_another_person_in_from_another_site(production):
    browser = production.test_client()
    response = browser.post(
        "/login", data={"email": EDITOR, "password": PASSWORD}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert response.status_code == 403
    assert "Set-Cookie" not in response.headers
