"""The second factor: set up, asked for, used once, and replaced by recovery codes."""

from __future__ import annotations

import re
import threading

import pyotp
import pytest
from sqlalchemy import select

from app.accounts import second_factor, users
from app.accounts.tables import RecoveryCode, User
from app.database.db import db
from tests.contract.accounts.conftest import PASSWORD

EDITOR = "editor@example.org"


def secret_of(page):
    return re.search(r"Key: <code>([A-Z2-7 ]+)</code>", page.text)[1].replace(" ", "")


def setup_of(page):
    return re.search(r'name="setup" value="([^"]+)"', page.text)[1]


def code_of(secret, steps=1):
    """The next code: it is accepted already, and still is when its time has begun meanwhile."""
    totp = pyotp.TOTP(secret)
    return totp.at(__import__("time").time() + 30 * steps)


@pytest.fixture
def protected(browser):
    """A signed-in browser whose person has just turned the second factor on, with the secret and the codes."""
    browser.sign_in(EDITOR)
    page = browser.post("/account/second-factor", data={"password": PASSWORD})
    secret = secret_of(page)
    assert 'src="data:image/svg+xml' in page.text
    done = browser.post(
        "/account/second-factor/confirm", data={"setup": setup_of(page), "code": code_of(secret, steps=0)}
    )
    codes = re.findall(r"<li><code>([A-Z0-9-]+)</code>", done.text)
    assert len(codes) == second_factor.N_CODES
    return browser, secret, codes


def half_signed_in(production):
    browser = production.test_client()
    response = browser.sign_in(EDITOR, next="/studies")
    assert response.location == "/login/code?next=%2Fstudies"
    return browser


def test_signing_in_needs_the_code_too(production, protected):
    _, secret, _ = protected
    browser = half_signed_in(production)
    assert not browser.signed_in(), "the password alone is not enough"
    assert browser.post("/api/v1/studies", json={"title": "x"}).status_code == 401
    before = browser.cookie()
    assert browser.get("/login/code?next=/studies").status_code == 200
    wrong = browser.post("/login/code", data={"code": "000000", "next": "/studies"})
    assert wrong.status_code == 422
    right = browser.post("/login/code", data={"code": code_of(secret), "next": "/studies"})
    assert (right.status_code, right.location) == (303, "/studies")
    assert browser.cookie() != before
    assert browser.signed_in()


def test_a_code_is_accepted_once(production, protected):
    _, secret, _ = protected
    code = code_of(secret)
    first, second = half_signed_in(production), half_signed_in(production)
    assert first.post("/login/code", data={"code": code}).status_code == 303
    assert second.post("/login/code", data={"code": code}).status_code == 422
    # an earlier one is not accepted after a later one either
    assert second.post("/login/code", data={"code": code_of(secret, steps=0)}).status_code == 422


def test_of_two_simultaneous_requests_with_one_code_one_is_accepted(production, protected):
    _, secret, codes = protected
    for code in (code_of(secret), codes[0]):
        browsers = [half_signed_in(production) for _ in range(2)]
        together, statuses = threading.Barrier(2), []

        def use(browser, code=code, together=together, statuses=statuses):
            together.wait()
            statuses.append(browser.post("/login/code", data={"code": code}).status_code)

        threads = [threading.Thread(target=use, args=(browser,)) for browser in browsers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [303, 422]


def test_a_recovery_code_replaces_the_code_once(production, protected):
    browser, _, codes = protected
    other = half_signed_in(production)
    typed = codes[3].lower().replace("-", " ")
    assert other.post("/login/code", data={"code": typed}).status_code == 303
    again = half_signed_in(production)
    assert again.post("/login/code", data={"code": codes[3]}).status_code == 422
    assert f"{second_factor.N_CODES - 1} recovery codes" in browser.get("/account").text
    renewed = browser.post("/account/recovery-codes", data={"renew": PASSWORD, "renew-code": codes[5]})
    assert renewed.status_code == 200
    assert again.post("/login/code", data={"code": codes[4]}).status_code == 422


def test_guesses_are_limited(production, protected):
    _, secret, codes = protected
    browser = half_signed_in(production)
    # one attempt was the confirmation of the setup
    answers = [browser.post("/login/code", data={"code": f"{number:06}"}) for number in range(5)]
    assert [answer.status_code for answer in answers] == [422] * 4 + [429]
    assert "Wait 5 minutes" in answers[-1].text
    for code in (code_of(secret), codes[0]):
        refused = browser.post("/login/code", data={"code": code})
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) > 0


def test_the_database_shows_neither_the_secret_nor_the_codes(production, protected):
    _, secret, codes = protected
    with production.app_context():
        user = users.get(EDITOR)
        assert user.totp_secret
        assert secret not in user.totp_secret
        stored = set(db.session.scalars(select(RecoveryCode.code_hash)))
    assert len(stored) == len(codes)
    assert not stored & {code.replace("-", "") for code in codes}


def test_the_second_factor_is_turned_off_with_the_password_and_a_code(production, protected):
    browser, _, codes = protected
    for sent, text in (
        ({"remove": "wrong wrong wrong", "remove-code": codes[0]}, "This is not your password"),
        ({"remove": PASSWORD}, "This is not the code"),
        ({"remove": PASSWORD, "remove-code": "000000"}, "This is not the code"),
    ):
        wrong = browser.post("/account/second-factor/remove", data=sent)
        assert (wrong.status_code, text in wrong.text) == (422, True)
    right = {"remove": PASSWORD, "remove-code": codes[0]}
    assert browser.post("/account/second-factor/remove", data=right).status_code == 303
    assert production.test_client().sign_in(EDITOR, next="/").location == "/"
    with production.app_context():
        assert db.session.scalars(select(RecoveryCode)).all() == []


_NEW = "umbrella quartz seven lilac"
CONFIRMED = [
    ("second-factor/remove", "remove", {}),
    ("recovery-codes", "renew", {}),
    ("password", "present", {"new": _NEW, "again": _NEW}),
    ("keys", "confirm", {"name": "nightly", "scopes": "predict", "days": "30"}),
]


@pytest.mark.parametrize(("path", "name", "more"), CONFIRMED)
def test_every_change_needs_a_code_too(protected, path, name, more):
    browser, _, codes = protected
    assert f'name="{name}-code"' in browser.get("/account").text
    sent = {name: PASSWORD, **more}
    for code in ({}, {f"{name}-code": "000000"}):
        refused = browser.post(f"/account/{path}", data={**sent, **code})
        assert (refused.status_code, "This is not the code" in refused.text) == (422, True)
    assert browser.post(f"/account/{path}", data={**sent, f"{name}-code": codes[0]}).status_code in (200, 303)


@pytest.mark.parametrize(("path", "name"), [("second-factor/remove", "remove"), ("recovery-codes", "renew")])
def test_while_codes_are_limited_the_second_factor_stays(production, protected, path, name):
    browser, secret, codes = protected
    sent = {"password": PASSWORD, "studies": "leave", "answers": "leave", "code": "000000"}
    # one attempt was the confirmation of the setup
    answers = [browser.post("/account/delete", data=sent).status_code for _ in range(5)]
    assert answers == [422] * 4 + [429]
    for code in ("", code_of(secret), codes[0]):
        refused = browser.post(f"/account/{path}", data={name: PASSWORD, f"{name}-code": code})
        assert refused.status_code == 429
    with production.app_context():
        assert users.get(EDITOR).totp_secret
        assert len(db.session.scalars(select(RecoveryCode)).all()) == len(codes)


def test_a_setup_belongs_to_one_person_and_ends(production, browser, monkeypatch):
    browser.sign_in(EDITOR)
    page = browser.post("/account/second-factor", data={"password": PASSWORD})
    secret, setup = secret_of(page), setup_of(page)
    other = production.test_client()
    other.sign_in("viewer@example.org")
    stolen = other.post("/account/second-factor/confirm", data={"setup": setup, "code": code_of(secret)})
    assert (stolen.status_code, "has expired" in stolen.text) == (422, True)
    for forged in ("", "x", setup[:-4] + "abcd"):
        assert browser.post("/account/second-factor/confirm", data={"setup": forged, "code": "1"}).status_code == 422
    wrong = browser.post("/account/second-factor/confirm", data={"setup": setup, "code": "000000"})
    assert (wrong.status_code, secret_of(wrong)) == (422, secret), "the setup goes on"
    with production.app_context():
        assert db.session.scalars(select(User.totp_secret)).all() == [None] * 3


def begin(browser):
    page = browser.post("/account/second-factor", data={"password": PASSWORD})
    return secret_of(page), setup_of(page)


def confirm(browser, secret, setup, steps=1):
    return browser.post("/account/second-factor/confirm", data={"setup": setup, "code": code_of(secret, steps)})


def test_a_setup_is_used_once(production, browser):
    browser.sign_in(EDITOR)
    first, second = begin(browser), begin(browser)
    assert confirm(browser, *first, steps=0).status_code == 200
    for setup in (first, second):
        again = confirm(browser, *setup)
        assert (again.status_code, "has expired" in again.text) == (422, True)
    assert browser.post("/account/second-factor", data={"password": PASSWORD}).status_code == 422
    browser.post("/account/second-factor/remove", data={"remove": PASSWORD, "remove-code": code_of(first[0])})
    assert confirm(browser, *second).status_code == 422
    with production.app_context():
        assert users.get(EDITOR).totp_secret is None


def test_a_setup_keeps_its_key_while_attempts_are_limited(browser):
    browser.sign_in(EDITOR)
    secret, setup = begin(browser)
    answers = [
        browser.post("/account/second-factor/confirm", data={"setup": setup, "code": "000000"}) for _ in range(6)
    ]
    assert [answer.status_code for answer in answers] == [422] * 5 + [429]
    assert (secret_of(answers[-1]), setup_of(answers[-1])) == (secret, setup)
    assert "Wait 5 minutes" in answers[-1].text


def test_a_new_password_ends_a_setup(production, browser):
    browser.sign_in(EDITOR)
    setup = begin(browser)
    new = "umbrella quartz seven lilac"
    browser.post("/account/password", data={"present": PASSWORD, "new": new, "again": new})
    assert confirm(browser, *setup).status_code == 422
    with production.app_context():
        assert users.get(EDITOR).totp_secret is None


def test_of_two_simultaneous_setups_one_is_turned_on(production):
    browsers = [production.test_client() for _ in range(2)]
    for browser in browsers:
        browser.sign_in(EDITOR)
    setups = [begin(browser) for browser in browsers]
    together, statuses = threading.Barrier(2), []

    def use(browser, setup):
        together.wait()
        statuses.append(confirm(browser, *setup).status_code)

    threads = [threading.Thread(target=use, args=pair) for pair in zip(browsers, setups, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses.count(200) == 1


def test_turning_the_second_factor_on_ends_other_sessions(production, browser):
    other = production.test_client()
    for one in (browser, other):
        one.sign_in(EDITOR)
    assert confirm(browser, *begin(browser)).status_code == 200
    assert (browser.signed_in(), other.signed_in()) == (True, False)


def test_the_code_comes_after_the_password_only(browser):
    assert browser.get("/login/code").location == "/login?next=%2F"
    assert browser.post("/login/code", data={"code": "123456"}).location == "/login?next=%2F"


def test_an_operator_turns_a_lost_second_factor_off(production, protected):
    result = production.test_cli_runner().invoke(args=["users", "reset", EDITOR, "--second-factor"])
    assert result.exit_code == 0
    assert production.test_client().sign_in(EDITOR, next="/").location == "/"
    assert not protected[0].signed_in()
