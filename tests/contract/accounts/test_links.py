"""Links that set a password: asked for, sent, used once, and of no help to others."""

from __future__ import annotations

import re
import statistics
import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import update

from app import create_app
from app.accounts import delivery, links, users
from app.accounts.delivery import Messenger, Postbox
from app.accounts.tables import OneTimeLink
from app.components import components
from app.database.db import db
from app.database.types import now
from tests.contract.accounts.conftest import PASSWORD
from tests.contract.conftest import make_settings, upgrade

EDITOR = "editor@example.org"
NEW = "umbrella quartz seven lilac"


@pytest.fixture
def sent(monkeypatch, request):
    """Messages as (address, subject, text), sent without the delay."""
    monkeypatch.setattr(delivery, "_DELAY_S", (0.0, 0.0))
    found = []
    monkeypatch.setattr(Messenger, "send", lambda self, *message: found.append(message))
    yield found
    # a message that is sent after its test would be one of the next test
    if "production" in request.fixturenames:
        wait(request.getfixturevalue("production"))


def wait(app):
    assert components(app).get(Postbox).wait(10)


def path_in(text):
    return re.search(r"https://localhost(/account/password/\S+)", text)[1]


def ask(production, email, client="192.0.2.1"):
    return production.test_client().post(
        "/login/forgotten", data={"email": email}, environ_base={"REMOTE_ADDR": client}
    )


def test_a_link_sets_a_password_once_and_ends_sessions(production, browser, sent):
    browser.sign_in(EDITOR)
    assert ask(production, EDITOR.upper()).status_code == 200
    wait(production)
    ((address, _, text),) = sent
    assert address == EDITOR
    path = path_in(text)
    person = production.test_client()
    for _ in range(2):
        page = person.get(path)
        assert (page.status_code, EDITOR in page.text) == (200, True), "looking at a link does not use it up"
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["Cache-Control"] == "private, no-store"
    assert person.post(path, data={"password": NEW, "again": NEW + "x"}).status_code == 422
    assert person.post(path, data={"password": "short", "again": "short"}).status_code == 422
    done = person.post(path, data={"password": NEW, "again": NEW})
    assert (done.status_code, done.location) == (303, "/login?done=password")
    assert "Your password is set" in person.get(done.location).text
    assert person.post(path, data={"password": PASSWORD, "again": PASSWORD}).status_code == 404
    assert not browser.signed_in()
    assert production.test_client().sign_in(EDITOR).status_code == 422
    assert production.test_client().sign_in(EDITOR, NEW).status_code == 303
    with production.app_context():
        assert users.get(EDITOR).verified_at is not None


def test_known_and_unknown_addresses_are_answered_alike(production, sent):
    known, unknown = ask(production, EDITOR), ask(production, "nobody@example.org")
    assert known.status_code == unknown.status_code == 200
    assert known.text.replace(EDITOR, "nobody@example.org") == unknown.text
    assert set(known.headers.keys()) == set(unknown.headers.keys())
    wait(production)
    assert len(sent) == 1


def test_a_disabled_person_gets_no_link(production, sent):
    with production.app_context():
        users.set_disabled(EDITOR, True)
    assert ask(production, EDITOR).status_code == 200
    wait(production)
    assert sent == []


def test_known_and_unknown_addresses_take_equally_long(production, monkeypatch, record_summary):
    monkeypatch.setattr(delivery, "_DELAY_S", (0.0, 0.0))
    answered, waited = threading.Event(), []
    # a message that is sent only after the answer: an answer that waits for it would wait for itself
    monkeypatch.setattr(Messenger, "send", lambda self, *message: waited.append(answered.wait(30)))
    times = {"known": [], "unknown": []}
    for number in range(8):
        for kind, email in (("known", f"{('viewer', 'editor', 'admin')[number % 3]}@example.org"),
                            ("unknown", f"nobody{number}@example.org")):  # fmt: skip
            answered.clear()
            # of this thread alone, whatever other threads and programs do
            began = time.thread_time()
            assert ask(production, email, f"198.51.100.{number}").status_code == 200
            times[kind].append(time.thread_time() - began)
            answered.set()
            # the next request is not beside the work for this one
            wait(production)
    known, unknown = (statistics.median(found) for found in times.values())
    record_summary("links", f"median of a request: known {1000 * known:.1f} ms, unknown {1000 * unknown:.1f} ms")
    assert waited == [True] * 8, "nobody waits for the message"
    assert abs(known - unknown) < 0.05


def test_requests_for_links_are_limited(production, sent):
    statuses = [ask(production, EDITOR, f"192.0.2.{number}").status_code for number in range(4)]
    assert statuses == [200, 200, 200, 429]
    statuses = [ask(production, f"x{number}@example.org").status_code for number in range(10)]
    assert statuses[:9] == [200] * 9
    assert statuses[9] == 429 or ask(production, "y@example.org").status_code == 429


@pytest.mark.parametrize(
    "email", ["", "x", "a@b@c", "a b@example.org", "x@example.org\r\nBcc: y@example.org", "ä@x.org"]
)
def test_what_is_no_address_is_refused(production, sent, email):
    response = ask(production, email)
    assert response.status_code == 422
    assert "Must be an address" in response.text
    wait(production)
    assert sent == []


def test_links_expire_and_a_new_one_replaces_the_earlier(production, browser):
    with production.app_context():
        first = links.create(users.get(EDITOR), timedelta(hours=1))
        second = links.create(users.get(EDITOR), timedelta(hours=1))
    assert browser.get(f"/account/password/{first}").status_code == 404
    assert browser.get(f"/account/password/{second}").status_code == 200
    with production.app_context():
        db.session.execute(update(OneTimeLink).values(expires_at=now() - timedelta(seconds=1)))
        db.session.commit()
    gone = browser.get(f"/account/password/{second}")
    assert (gone.status_code, "has expired" in gone.text) == (404, True)
    assert browser.post(f"/account/password/{second}", data={"password": NEW, "again": NEW}).status_code == 404


def test_whoever_asks_for_a_link_does_not_revoke_that_of_an_operator(production, browser, sent):
    with production.app_context():
        invitation = links.create(users.get(EDITOR), links.INVITATION)
    paths = []
    for number in range(2):
        assert ask(production, EDITOR, f"192.0.2.{number}").status_code == 200
        wait(production)
        paths.append(path_in(sent[-1][2]))
    assert browser.get(f"/account/password/{invitation}").status_code == 200
    assert [browser.get(path).status_code for path in paths] == [404, 200]
    with production.app_context():
        links.create(users.get(EDITOR), links.RESET)
    assert browser.get(f"/account/password/{invitation}").status_code == 404
    assert browser.get(paths[1]).status_code == 200


def test_a_disabled_account_has_no_link_after_it_is_enabled_again(production, browser):
    with production.app_context():
        token = links.create(users.get(EDITOR), links.INVITATION)
        users.set_disabled(EDITOR, True)
        users.set_disabled(EDITOR, False)
    assert browser.get(f"/account/password/{token}").status_code == 404


def test_a_message_that_is_not_sent_leaves_the_earlier_link(production, browser, sent, monkeypatch):
    ask(production, EDITOR)
    wait(production)
    path = path_in(sent[0][2])

    def fail(self, *message):
        raise OSError("no server")

    monkeypatch.setattr(Messenger, "send", fail)
    ask(production, EDITOR)
    wait(production)
    assert browser.get(path).status_code == 200


@pytest.mark.parametrize(
    ("allowed", "host", "site"),
    [
        (("localhost",), "localhost:8443", "https://localhost"),
        (("eco.example.org", "localhost"), "localhost:1", "https://eco.example.org"),
        ((".example.org", "eco.example.org"), "x.example.org", "https://eco.example.org"),
        ((".example.org",), "x.example.org:4444", "https://x.example.org"),
        ((), "localhost:5555", "http://127.0.0.1:8000"),
    ],
)
def test_the_address_of_a_link_comes_from_the_settings(tmp_path, sent, allowed, host, site):
    settings = make_settings(tmp_path, environment="production", allowed_hosts=allowed)
    app = create_app(settings)
    upgrade(app)
    with app.app_context():
        users.create(EDITOR, "editor", PASSWORD)
    response = app.test_client().post(
        "/login/forgotten", data={"email": EDITOR}, base_url=f"http://{host}", headers={"Sec-Fetch-Site": "same-origin"}
    )
    assert response.status_code == 200
    wait(app)
    assert f"\n{site}/account/password/" in sent[0][2]


def change_password(browser):
    return browser.post("/account/password", data={"present": PASSWORD, "new": NEW, "again": NEW})


@pytest.mark.parametrize(
    "act", [change_password, lambda browser: browser.post("/account/sessions/end")], ids=["password", "sessions"]
)
def test_a_new_password_and_the_end_of_all_sessions_end_links_too(production, browser, act):
    with production.app_context():
        token = links.create(users.get(EDITOR), timedelta(hours=1))
        other = links.create(users.get("viewer@example.org"), timedelta(hours=1))
    browser.sign_in(EDITOR)
    assert act(browser).status_code == 303
    assert browser.post(f"/account/password/{token}", data={"password": NEW, "again": NEW}).status_code == 404
    assert browser.get(f"/account/password/{other}").status_code == 200


@pytest.mark.parametrize("token", ["x", "a" * 100, "%00", "..", "ä"])
def test_a_guessed_token_leads_nowhere(browser, token):
    assert browser.get(f"/account/password/{token}").status_code == 404
    assert browser.post(f"/account/password/{token}", data={"password": NEW, "again": NEW}).status_code == 404


def test_the_database_does_not_show_the_token(production):
    with production.app_context():
        token = links.create(users.get(EDITOR), timedelta(hours=1))
        stored = db.session.query(OneTimeLink).one().token_hash
    assert stored != token
    assert len(stored) == 64


def test_of_two_simultaneous_uses_one_sets_the_password(production):
    with production.app_context():
        token = links.create(users.get(EDITOR), timedelta(hours=1))
    together, statuses = threading.Barrier(2), []

    def use(password):
        browser = production.test_client()
        together.wait()
        sent_form = {"password": password, "again": password}
        statuses.append(browser.post(f"/account/password/{token}", data=sent_form).status_code)

    threads = [threading.Thread(target=use, args=(f"{NEW} {number}",)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [303, 404]


def test_a_link_does_not_go_into_the_log_of_requests(production, caplog):
    app = production
    app.config["SETTINGS"] = app.config["SETTINGS"].model_copy(update={"environment": "development"})
    with app.app_context():
        token = links.create(users.get(EDITOR), timedelta(hours=1))
    with caplog.at_level("INFO"):
        app.test_client().get(f"/account/password/{token}")
    assert token not in caplog.text


def test_without_a_mail_server_the_link_is_printed_to_the_log(production, caplog):
    with caplog.at_level("WARNING"):
        ask(production, EDITOR)
        wait(production)
    assert re.search(rf"no MAIL_URL is set; message to {EDITOR}: .*https://localhost/account/password/\S+", caplog.text)


def test_a_host_of_a_forged_header_is_in_no_link(production, sent):
    response = production.test_client().post(
        "/login/forgotten",
        data={"email": EDITOR},
        base_url="https://localhost",
        headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"},
    )
    assert response.status_code == 421
    wait(production)
    assert sent == []
