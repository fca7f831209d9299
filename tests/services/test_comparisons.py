"""Comparisons on PostgreSQL and Valkey; PostgreSQL is stricter about queries than SQLite."""

from __future__ import annotations

from collections.abc import Callable

from tests.services.conftest import ENVIRONMENT, WHEATEAR, call, predict
from tools import live


def test_comparisons_on_real_services(on_services: Callable[..., live.Site]) -> None:
    # one worker: another one finds what this one computed a moment later
    site = on_services(WEB_CONCURRENCY="1")
    for path in ("", "/species", "/conditions", "/models"):
        page = call(f"{site.url}/compare{path}")
        assert page.status == 200, page.body
    asked = {"study": "test-hills", "environment": ENVIRONMENT}
    listed = call(f"{site.url}/api/v1/comparisons/species", asked)
    assert listed.status == 200, listed.body
    wheatear = next(item for item in listed.json["items"] if item["species"]["slug"] == WHEATEAR)
    # the list filled the cache that predictions share
    answer = predict(site.url).json
    assert answer["cached"] is True
    assert wheatear["suitability"] == answer["suitability"]
    sets = {"species": WHEATEAR, "environments": [{"environment": ENVIRONMENT}] * 2}
    assert call(f"{site.url}/api/v1/comparisons/conditions", sets).status == 200
    model = answer["model"]["id"]
    assert call(f"{site.url}/api/v1/comparisons/models?first={model}").status == 422
    assert call(f"{site.url}/api/v1/comparisons/models?first=none").status == 404
