"""What shared caches may store: every GET route, asked by a stranger and by people who are signed in."""

from __future__ import annotations

import pytest

from app.web.credentials import IDENTIFYING
from app.web.shared_caches import CONTROL, SHARED
from tests.contract.owners.conftest import HIDDEN, OPEN, OPEN_SPECIES
from tests.contract.owners.test_routes import FREE, address_of
from tests.variants import thorough

#: Rules whose responses are public for whoever asks: they are the same for all and contain nothing of a study.
PUBLIC = {
    "/static/<path:filename>",
    "/docs/assets/<path:path>",
    "/map/land.json",
    "/map/coasts/<int:column>-<int:row>.json",
}


def rules(app):
    return sorted((rule.rule, rule.endpoint) for rule in app.url_map.iter_rules() if "GET" in rule.methods)


def of_open_study(world, rule):
    """The address of something of the study that everybody may read."""
    slug = OPEN if "/studies/" in rule else OPEN_SPECIES
    species = world.browser(None).get(f"/api/v1/species/{OPEN_SPECIES}").json
    return rule.replace("<slug:slug>", slug).replace("<slug:model_id>", species["model"]["id"])


def is_public(response):
    return response.cache_control.public or (response.cache_control.s_maxage or 0) > 0


def test_the_table_has_routes_that_exist_and_their_responses_are_shared(world):
    addresses = {endpoint: of_open_study(world, rule) for rule, endpoint in rules(world.app) if endpoint in SHARED}
    assert set(addresses) == SHARED
    for address in addresses.values():
        response = world.browser(None).get(address)
        assert response.status_code == 200, address
        assert response.headers["Cache-Control"] == CONTROL, address
        assert set(IDENTIFYING) <= set(response.vary), address
        assert "Set-Cookie" not in response.headers, address
        assert response.headers.get("ETag"), address


@pytest.mark.parametrize(
    ("visibility", "name"),
    [
        *(("private", name) for name in (None, "other", "reader", "owner", "admin")),
        ("shared", None),
        *(thorough("shared", name) for name in ("other", "reader", "owner")),
        ("shared", "admin"),
    ],
)
def test_nothing_else_is_public_for_anybody(world, name, visibility):
    world.share(visibility)
    browser, wrong = world.browser(name), []
    for rule, endpoint in rules(world.app):
        if rule in PUBLIC or "<path:" in rule:
            continue
        if rule.startswith(("/health", "/metrics", "/account/password")):
            continue
        ids = {**dict.fromkeys(FREE, "1"), **world.ids, "token": "x"}
        for address in {address_of(rule, ids, exists=True), of_open_study(world, rule)}:
            if "<" in address:
                continue
            response = browser.get(address)
            may_share = name is None and endpoint in SHARED and response.status_code == 200
            if is_public(response) != may_share:
                wrong.append((address, response.status_code, response.headers.get("Cache-Control")))
            if b"Hidden hills" in response.get_data() and is_public(response):
                wrong.append((address, "names the hidden study"))
    world.share("shared")
    assert wrong == []


@pytest.mark.parametrize("headers", [{"X-API-Key": "x"}, {"Authorization": "Basic eDp4"}, {}])
def test_a_request_with_any_sign_of_a_person_is_not_shared(world, headers):
    browser = world.browser(None)
    if not headers:
        browser.set_cookie("of_another_program", "1", domain="localhost")
    response = browser.get("/api/v1/species", headers=headers)
    assert not is_public(response)
    assert response.cache_control.no_store


def test_a_response_that_did_not_change_is_304_and_says_how_long_it_lasts(world):
    first = world.browser(None).get("/api/v1/models")
    again = world.browser(None).get("/api/v1/models", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.get_data()) == (304, b"")
    assert again.headers["Cache-Control"] == CONTROL
    assert set(IDENTIFYING) <= set(again.vary)
    other = world.browser(None).get("/api/v1/studies", headers={"If-None-Match": first.headers["ETag"]})
    assert other.status_code == 200


def test_errors_are_not_shared(world):
    for address in (f"/api/v1/studies/{HIDDEN}", "/api/v1/species/none", "/api/v1/species?x=1"):
        response = world.browser(None).get(address)
        assert response.status_code in (404, 422)
        assert response.headers["Cache-Control"] == "no-store"
