"""What happens while a password is compared: another request changes the account."""

from __future__ import annotations

import threading

import pyotp
import pytest

from app.accounts import identity, passwords, second_factor, users
from app.database.db import db
from tests.contract.accounts.conftest import PASSWORD

EDITOR = "editor@example.org"
NEW = "umbrella quartz seven lilac"


def meanwhile(monkeypatch, place, name, work, *, before=False):
    """Do some work once, in another thread, beside the call of a function."""
    real, done = getattr(place, name), []

    def call(*args, **kwargs):
        if done:
            return real(*args, **kwargs)
        done.append(True)
        thread = threading.Thread(target=work)
        result = None if before else real(*args, **kwargs)
        thread.start()
        thread.join()
        return real(*args, **kwargs) if before else result

    monkeypatch.setattr(place, name, call)


@pytest.fixture
def reset(production):
    """Set another password, as by a link."""

    def work():
        with production.app_context():
            users.store_password(users.get(EDITOR).id, passwords.hash_of(NEW))
            db.session.commit()

    return work


@pytest.mark.parametrize(
    ("place", "name", "before"), [(passwords, "matches", False), (identity, "sign_in", True)], ids=["hash", "session"]
)
def test_the_old_password_gives_no_session_of_the_new_epoch(
    production, browser, reset, monkeypatch, place, name, before
):
    meanwhile(monkeypatch, place, name, reset, before=before)
    response = browser.sign_in(EDITOR)
    assert response.status_code == (303 if before else 422)
    assert not browser.signed_in()
    assert production.test_client().sign_in(EDITOR, NEW).status_code == 303


@pytest.mark.parametrize(
    ("place", "name", "before"),
    [(second_factor, "accept", False), (identity, "sign_in", True)],
    ids=["code", "session"],
)
def test_a_code_after_the_old_password_gives_none_either(production, browser, reset, monkeypatch, place, name, before):
    secret = pyotp.random_base32()
    with production.app_context():
        totp = pyotp.TOTP(secret)
        assert second_factor.turn_on(users.get(EDITOR).id, 0, secret, totp.now())
    assert browser.sign_in(EDITOR).location.startswith("/login/code")
    meanwhile(monkeypatch, place, name, reset, before=before)
    browser.post("/login/code", data={"code": totp.at(__import__("time").time() + 30)})
    assert not browser.signed_in()


def test_an_account_that_is_disabled_meanwhile_gives_no_session(production, browser, monkeypatch):
    def disable():
        with production.app_context():
            users.set_disabled(EDITOR, True)

    meanwhile(monkeypatch, passwords, "matches", disable)
    assert browser.sign_in(EDITOR, PASSWORD).status_code == 422
    assert not browser.signed_in()


def change(browser, new):
    return browser.post("/account/password", data={"present": PASSWORD, "new": new, "again": new})


def test_of_two_simultaneous_changes_of_the_password_one_succeeds(production, monkeypatch):
    first, second = production.test_client(), production.test_client()
    for browser in (first, second):
        browser.sign_in(EDITOR)
    told = []
    meanwhile(monkeypatch, passwords, "hash_of", lambda: told.append(change(second, NEW)))
    lost = change(first, "another lantern sixty moss")
    assert (told[0].status_code, lost.status_code) == (303, 409)
    assert "The password was changed at the same time. Sign in again." in lost.text
    assert (first.signed_in(), second.signed_in()) == (False, True)
    assert production.test_client().sign_in(EDITOR, NEW).status_code == 303


def test_a_reset_during_a_change_of_the_password_wins(production, browser, reset, monkeypatch):
    browser.sign_in(EDITOR)
    meanwhile(monkeypatch, passwords, "matches", reset)
    assert change(browser, "another lantern sixty moss").status_code == 409
    assert not browser.signed_in()
    assert production.test_client().sign_in(EDITOR, NEW).status_code == 303


def test_a_reset_after_a_change_of_the_password_ends_its_session(production, browser, reset, monkeypatch):
    browser.sign_in(EDITOR)
    meanwhile(monkeypatch, identity, "sign_in", reset, before=True)
    change(browser, "another lantern sixty moss")
    assert not browser.signed_in()
