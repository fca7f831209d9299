"""What is not found tells a visitor who is signed out that signing in may help, whether or not it exists."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.contract.conftest import WHEATEAR

HTML = {"Accept": "text/html"}
HINT = "If somebody shared it with you"
JSON_HINT = ", or it is not visible without signing in."


def addresses(world, *, exists):
    def name(text):
        return text if exists else f"{text[:-1]}{'0' if text[-1] != '0' else '1'}"

    ids = world.ids
    return [
        f"/jobs/{name(ids['job_id'])}",
        f"/maps/{name(ids['map_id'])}",
        f"/models/{name(ids['model_id'])}",
        f"/species/{WHEATEAR if exists else 'nothing-here'}",
    ]


@pytest.mark.parametrize("exists", [True, False])
def test_a_page_that_is_not_found_leads_to_the_sign_in_and_back(private, exists):
    for address in addresses(private, exists=exists):
        response = private.browser(None).get(address, headers=HTML)
        assert response.status_code == 404, address
        assert f'{HINT}, <a href="/login?next={quote(address, safe="")}">sign in</a>' in response.text
        assert {"Cookie", "Authorization", "X-API-Key"} <= set(response.vary)


@pytest.mark.parametrize("exists", [True, False])
def test_the_api_says_the_same_in_a_sentence(private, exists):
    for address in addresses(private, exists=exists):
        response = private.browser(None).get(f"/api/v1{address}")
        assert (response.status_code, response.json["type"]) == (404, "about:blank")
        assert response.json["detail"].endswith(JSON_HINT)


def test_whoever_is_signed_in_is_not_sent_to_the_sign_in(private):
    for address in addresses(private, exists=True):
        page = private.browser("other").get(address, headers=HTML)
        assert page.status_code == 404
        assert HINT not in page.text
        assert JSON_HINT not in private.browser("other").get(f"/api/v1{address}").json["detail"]


@pytest.mark.parametrize("address", ["/nothing", "/docs/assets/nothing", "/account/password/used"])
def test_an_address_that_nothing_ever_has(world, address):
    page = world.browser(None).get(address, headers=HTML)
    assert page.status_code == 404
    assert (HINT in page.text) == (not address.startswith("/account"))
