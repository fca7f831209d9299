"""The headers of credentials, as programs may write them and as they should not."""

from __future__ import annotations

import pytest

from tests.contract.accounts.conftest import PASSWORD

PATH = "/api/v1/species"
FILES = "/api/v1/studies/x/files"


def status_of(app, value, path=PATH, name="Authorization"):
    return app.test_client().get(path, headers={name: value}).status_code


@pytest.mark.parametrize(
    "text",
    ["Bearer", "bearer ", "BEARER x", "Bearer\tx", " Bearer x", "Bearer,x", "Bearer=x", "Bearer x y", "Bearer é"],
)
def test_what_looks_like_a_token_is_never_a_stranger(production, text):
    assert status_of(production, text) == 401


@pytest.mark.parametrize("text", ["", "Basic eDp5", "Bearerx y", "Digest x", "x"])
def test_other_schemes_are_left_to_whoever_asked_for_them(production, text):
    assert status_of(production, text) == 200
    assert status_of(production, text, FILES) == 401


def test_a_token_may_be_written_with_any_case_and_space(production, pair):
    for text in ("Bearer {}", "bearer {}", "BEARER   {}", " Bearer {} ", "Bearer\t{}"):
        assert status_of(production, text.format(pair["access_token"]), FILES) == 404


def test_a_key_is_sent_once(production, make_key):
    key = make_key()
    assert status_of(production, key, FILES, "X-API-Key") == 404
    for text in (f"{key},{key}", f"{key}, x", f"Bearer {key}", f"{key} {key}", f"\x00{key}"):
        assert status_of(production, text, FILES, "X-API-Key") == 401, text


def test_a_name_cannot_write_a_header(browser):
    browser.sign_in("editor@example.org")
    name = "x\r\nSet-Cookie: planted=1\r\n\r\n<b>"
    data = {"name": name, "scopes": ["read"], "days": "1", "confirm": PASSWORD}
    made = browser.post("/account/keys", data=data)
    assert made.status_code == 200
    assert "planted" not in str(made.headers)
    assert "x Set-Cookie: planted=1 &lt;b&gt;" in made.text


@pytest.mark.parametrize("name", ["x%0d%0aSet-Cookie:planted=1", "..", "free%00", "FREE"])
def test_a_plan_that_does_not_exist_is_nowhere(browser, name):
    browser.sign_in("admin@example.org")
    answer = browser.post(f"/plans/{name}", data={"revision": "0"})
    assert answer.status_code in (404, 405)
    assert "planted" not in str(answer.headers)
