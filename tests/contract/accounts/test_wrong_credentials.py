"""Many keys and tokens that are not accepted: throttled, and nobody else behind the same address."""

from __future__ import annotations

import pytest

from app.accounts import keys, tokens, users
from app.accounts.credentials import MOST, Refusals
from app.components import components
from tests.contract.accounts.conftest import make_production

EDITOR = "editor@example.org"
PATH = "/api/v1/species"


def wrong_key(number=0):
    return f"eco_AAAAAAAA_{number:043}"


def test_a_flood_of_wrong_keys_stops_nobody_else_behind_its_address(tmp_path):
    app = make_production(tmp_path, rate_limit="10/hour")
    with app.app_context():
        user = users.get(EDITOR)
        key = keys.create(user, user.epoch, "a test", ["read"], 30)[1]
        access = tokens.begin(user.id, user.epoch).access
    client = app.test_client()

    def status_with(**headers):
        return client.get(PATH, headers={"Sec-Fetch-Site": None, **headers}).status_code

    statuses = [status_with(**{"X-API-Key": wrong_key(number)}) for number in range(MOST + 140)]
    assert statuses == [401] * MOST + [429] * 140
    assert status_with(**{"X-API-Key": key}) == 200
    assert status_with(Authorization=f"Bearer {access}") == 200
    assert status_with(Authorization=f"Bearer {access}x") == 429
    # not even one request of the strangers there was used up
    assert client.get(PATH).headers["RateLimit-Remaining"] == "9"


@pytest.mark.parametrize("headers", [{"X-API-Key": "x"}, {"X-API-Key": wrong_key()}, {"Authorization": "Bearer x"}])
def test_one_too_many_is_told_to_its_sender(production, headers):
    refusals = components(production).get(Refusals)
    for _ in range(MOST):
        refusals.add("127.0.0.1")
    for path in (PATH, "/species", "/nothing", "/account"):
        refused = production.test_client().get(path, headers=headers)
        assert (refused.status_code, refused.json["type"]) == (429, "urn:ecopredict:problem:credential")
        assert 0 < int(refused.headers["Retry-After"]) <= 60
    elsewhere = production.test_client().get(PATH, headers=headers, environ_base={"REMOTE_ADDR": "192.0.2.9"})
    assert elsewhere.status_code == 401
    # probes look at no key
    assert production.test_client().get("/health/live", headers=headers).status_code == 200
