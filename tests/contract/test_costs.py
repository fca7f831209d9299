"""The rate limit counts requests by their cost."""

from __future__ import annotations

import threading

import pytest

from app import create_app
from app.limits.costs import COSTS
from app.registry import changes
from tests.contract.conftest import WHEATEAR, make_settings, upgrade


@pytest.fixture
def limited(artifacts, tmp_path):
    """Return a function that makes a client with a limit; all models are registered."""
    made = []

    def make(limit):
        folder = tmp_path / f"app-{len(made)}"
        folder.mkdir()
        made.append(folder)
        app = create_app(make_settings(folder, rate_limit=limit))
        upgrade(app)
        with app.app_context():
            for path in artifacts.values():
                changes.activate(changes.register(path)[0].id)
        return app.test_client()

    return make


def left(response):
    return int(response.headers["RateLimit-Remaining"])


def species_query(environment):
    return {"study": "test-hills", "environment": environment}


def conditions_query(environment, number):
    return {"species": WHEATEAR, "environments": [{"environment": environment}] * number}


def test_every_endpoint_has_a_cost(app, tmp_path):
    # some exist with accounts only
    production = create_app(make_settings(tmp_path, environment="production", allowed_hosts=("localhost",)))
    rules = [*app.url_map.iter_rules(), *production.url_map.iter_rules()]
    assert {rule.endpoint for rule in rules if not rule.endpoint.startswith("analytics_for_admins.")} == set(COSTS)


def test_pages_documents_and_analytics_count(limited):
    client, expected = limited("1000/hour"), 1000
    for path, cost in (
        ("/", 1),
        ("/species", 1),
        (f"/species/{WHEATEAR}", 1),
        (f"/species/{WHEATEAR}/response-curves", 2),
        ("/models", 1),
        ("/docs", 1),
        ("/openapi.json", 1),
        ("/analytics", 5),
        ("/analytics.csv", 5),
        ("/api/v1/analytics", 5),
        ("/nothing", 1),
    ):
        response = client.get(path)
        assert response.status_code in (200, 404), path
        expected -= cost
        assert left(response) == expected, path
    model = client.get("/api/v1/models").json["items"][0]["id"]
    assert left(client.get(f"/models/{model}/odmap.md")) == expected - 2
    for path in ("/static/css/tokens.css", "/health/live", "/health/ready", "/metrics"):
        assert "RateLimit-Remaining" not in client.get(path).headers, path


def test_a_comparison_counts_as_many_requests_as_it_has_answers(limited, environment):
    client = limited("1000/hour")
    response = client.post("/api/v1/comparisons/species", json=species_query(environment))
    assert (response.status_code, len(response.json["items"]), left(response)) == (200, 4, 996)
    response = client.post("/api/v1/comparisons/conditions", json=conditions_query(environment, 100))
    assert (response.status_code, len(response.json["items"]), left(response)) == (200, 100, 896)
    response = client.get("/compare/species")
    assert (response.status_code, left(response)) == (200, 892)
    # nothing was computed, so this is a request like any other
    response = client.post("/api/v1/comparisons/conditions", json=conditions_query({"x": 1}, 50))
    assert (response.status_code, left(response)) == (422, 891)


def test_a_comparison_uses_up_a_limit_that_is_smaller_than_its_cost(limited, environment):
    client = limited("10/hour")
    query = conditions_query(environment, 60)
    response = client.post("/api/v1/comparisons/conditions", json=query)
    assert (response.status_code, left(response)) == (200, 0)
    response = client.post("/api/v1/comparisons/conditions", json=query)
    assert (response.status_code, response.mimetype) == (429, "application/problem+json")
    assert int(response.headers["Retry-After"]) > 3000
    page = client.get("/compare/species")
    assert (page.status_code, page.mimetype) == (429, "text/html")


def test_comparisons_at_the_same_time_do_not_all_pass_before_they_are_counted(limited, environment):
    client = limited("8/hour")
    together, statuses = threading.Barrier(8), []

    def compare():
        other = client.application.test_client()
        together.wait()
        query = conditions_query(environment, 100)
        statuses.append(other.post("/api/v1/comparisons/conditions", json=query).status_code)

    threads = [threading.Thread(target=compare) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [429] * 7
