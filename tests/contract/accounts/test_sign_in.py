"""Signing in and out: what is answered, limited, logged and kept apart."""

from __future__ import annotations

import logging
import statistics
import time

import pytest

from app.accounts import passwords, users
from app.accounts.sign_in import REFUSED
from tests.contract.accounts.conftest import PASSWORD, make_production

EDITOR = "editor@example.org"


def test_a_person_signs_in_and_out(browser):
    page = browser.get("/login?next=/studies")
    assert page.status_code == 200
    assert "Set-Cookie" not in page.headers
    assert 'name="next" value="/studies"' in page.text
    response = browser.sign_in("Editor@Example.org ", next="/studies")
    assert (response.status_code, response.location) == (303, "/studies")
    cookie = response.headers["Set-Cookie"]
    assert cookie.startswith("__Host-session=")
    for part in ("; Secure", "; HttpOnly", "; Path=/", "; SameSite=Lax"):
        assert part in cookie
    assert "Domain" not in cookie
    assert EDITOR in browser.get("/account").text
    assert "Account" in browser.get("/").text
    assert browser.get("/login?next=/map").location == "/map"
    out = browser.post("/logout")
    assert (out.status_code, out.location) == (303, "/")
    assert not browser.signed_in()
    assert "Sign in" in browser.get("/").text


def test_development_keeps_a_session_without_https(tmp_path):
    app = make_production(tmp_path)
    app.config["SETTINGS"] = app.config["SETTINGS"].model_copy(update={"environment": "development"})
    assert "Secure" in app.test_client().sign_in(EDITOR).headers["Set-Cookie"], "the cookie is set up at the start"


def test_pages_differ_by_person_and_are_kept_by_no_cache(browser):
    anonymous = browser.get("/species")
    assert "Cookie" in anonymous.vary
    assert "no-store" not in anonymous.headers.get("Cache-Control", "")
    assert "Set-Cookie" not in anonymous.headers
    browser.sign_in(EDITOR)
    for path in ("/species", "/", "/models", "/account", "/nothing"):
        response = browser.get(path)
        assert "Cookie" in response.vary, path
        assert "no-store" in response.headers["Cache-Control"], path
    static = browser.get("/static/css/tokens.css")
    assert "Cookie" not in static.vary
    assert "no-store" not in static.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("email", "password"),
    [
        (EDITOR, "kestrel lamp forty oat"),
        (EDITOR, ""),
        ("nobody@example.org", PASSWORD),
        ("", ""),
        ("x" * 5000, "y" * 5000),
        ("editor@example.org\0", PASSWORD),
        ("' OR 1=1 --", "' OR 1=1 --"),
        (EDITOR, PASSWORD + " "),
    ],
)
def test_every_refusal_looks_the_same(browser, email, password):
    response = browser.sign_in(email, password)
    assert response.status_code == 422
    assert REFUSED in response.text
    assert "Set-Cookie" not in response.headers
    assert password not in response.text or not password


def test_a_disabled_person_is_refused_like_an_unknown_one(production, browser):
    with production.app_context():
        users.set_disabled(EDITOR, True)
    disabled = browser.sign_in(EDITOR)
    unknown = browser.sign_in("nobody@example.org")
    assert disabled.status_code == unknown.status_code == 422
    assert disabled.text.replace(EDITOR, "nobody@example.org") == unknown.text


def test_unknown_accounts_take_as_long_as_known_ones(tmp_path, real_hashes, record_summary):
    app = make_production(tmp_path)
    with app.app_context():
        users.create("known@example.org", "viewer", PASSWORD)
    times = {"known@example.org": [], "nobody@example.org": []}
    for round_number in range(12):
        for email, found in times.items():
            browser = app.test_client()
            began = time.thread_time()
            response = browser.post(
                "/login",
                data={"email": email, "password": "wrong wrong wrong"},
                environ_base={"REMOTE_ADDR": f"192.0.2.{round_number}"},
            )
            found.append(time.thread_time() - began)
            assert response.status_code == 422
    known, unknown = (statistics.median(found) for found in times.values())
    record_summary("sign-in", f"median of a refusal: known {1000 * known:.1f} ms, unknown {1000 * unknown:.1f} ms")
    assert 0.6 < known / unknown < 1.6


def test_a_password_of_one_megabyte_is_refused_at_once(browser):
    began = time.thread_time()
    assert browser.sign_in(EDITOR, "x" * 1_000_000).status_code == 422
    assert browser.sign_in(EDITOR, "x" * 1_100_000).status_code == 413
    assert time.thread_time() - began < 2


def test_attempts_are_limited_by_client(browser):
    responses = [browser.sign_in(f"person{number}@example.org") for number in range(21)]
    assert [response.status_code for response in responses] == [422] * 20 + [429]
    last = responses[-1]
    assert 0 < int(last.headers["Retry-After"]) <= 300
    assert "Too many attempts" in last.text
    assert browser.sign_in(EDITOR).status_code == 429
    other = browser.post(
        "/login", data={"email": EDITOR, "password": PASSWORD}, environ_base={"REMOTE_ADDR": "192.0.2.7"}
    )
    assert other.status_code == 303


@pytest.mark.parametrize("email", [EDITOR, "nobody@example.org"])
def test_attempts_are_limited_by_account_also_where_there_is_none(production, email):
    statuses = [
        production.test_client()
        .post(
            "/login",
            data={"email": email.upper() if number % 2 else email, "password": "wrong wrong wrong"},
            environ_base={"REMOTE_ADDR": f"192.0.2.{number}"},
        )
        .status_code
        for number in range(31)
    ]
    assert statuses == [422] * 30 + [429]


def test_a_reading_visitor_does_not_notice_limits_of_attempts(browser):
    for number in range(22):
        browser.sign_in(f"person{number}@example.org")
    assert browser.get("/species").status_code == 200


def test_log_lines_name_accounts_and_no_secret(production, browser, caplog):
    with caplog.at_level(logging.INFO):
        browser.sign_in(EDITOR, "wrong wrong wrong")
        browser.sign_in(EDITOR)
        browser.post("/logout")
    with production.app_context():
        user_id = users.get(EDITOR).id
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("app.accounts")]
    assert lines == [
        f"a sign-in was refused (account {user_id})",
        f"account {user_id} signed in",
        f"account {user_id} signed out",
    ]
    everything = caplog.text
    for secret in (PASSWORD, "wrong wrong wrong", EDITOR):
        assert secret not in everything


@pytest.mark.parametrize(
    ("aim", "leads_to"),
    [
        ("/studies", "/studies"),
        ("/maps?x=1&y=ä".replace("ä", "%C3%A4"), "/maps?x=1&y=%C3%A4"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("\n//evil.example", "/"),
        ("/%0d%0aSet-Cookie: x=1", "/"),
        ("/x\r\nSet-Cookie: x=1", "/"),
        ("javascript:alert(1)", "/"),
        ("/login?next=/login", "/"),
        ("/account/password/abc", "/"),
        ("/" + "x" * 3000, "/"),
        ("", "/"),
    ],
)
def test_only_pages_of_this_site_follow(browser, aim, leads_to):
    response = browser.sign_in(EDITOR, next=aim)
    assert (response.status_code, response.location) == (303, leads_to)
    assert response.headers.getlist("Set-Cookie")[0].startswith("__Host-session=")
    assert len(response.headers.getlist("Set-Cookie")) == 1


def test_a_page_that_needs_an_account_follows_the_sign_in(browser):
    asked = browser.get("/studies/new?x=1")
    assert asked.location == "/login?next=%2Fstudies%2Fnew%3Fx%3D1"
    assert browser.sign_in(EDITOR, next="/studies/new?x=1").location == "/studies/new?x=1"
    sent = browser.get("/account")
    assert sent.status_code == 200


def test_a_form_that_needs_an_account_leads_back_to_its_page(production):
    browser = production.test_client()
    own = browser.post("/studies/x/title", headers={"Referer": "https://localhost/studies/x?y=1"})
    assert own.location == "/login?next=%2Fstudies%2Fx%3Fy%3D1"
    foreign = browser.post("/studies/x/title", headers={"Referer": "https://evil.example/studies/x"})
    assert foreign.location == "/login?next=%2F"


def test_without_https_the_page_says_that_no_session_is_kept(production):
    browser = production.test_client()
    production.config["SETTINGS"] = production.config["SETTINGS"]
    assert "without HTTPS" not in browser.get("/login", base_url="http://localhost").text
    assert "without HTTPS" not in browser.get("/login").text


def test_where_others_sign_in_a_sign_in_is_refused_and_the_rest_is_answered(browser, monkeypatch):
    monkeypatch.setattr(passwords, "_WAIT_S", 0)
    with passwords._slot(), passwords._slot():
        for email in (EDITOR, "nobody@example.org"):
            refused = browser.sign_in(email)
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
        assert browser.get("/api/v1/species").status_code == 200
    assert browser.sign_in(EDITOR).status_code == 303
