"""What all pages that compare have in common."""

from __future__ import annotations

import re

import pytest

from app import create_app
from app.registry import changes
from tests.contract.comparisons.conftest import API, PAGES, STUDY
from tests.contract.conftest import WHEATEAR, LintingClient, make_settings, upgrade
from tests.contract.test_bad_input import problem


@pytest.mark.parametrize("path", PAGES)
def test_pages(client, path):
    response = client.get(path)
    page = response.get_data(as_text=True)
    assert response.status_code == 200
    assert "HX-Request" in response.vary
    assert re.search(r'<a href="/compare" aria-current="(page|true)">Compare</a>', page)


@pytest.mark.parametrize("path", PAGES)
def test_nothing_to_compare_yet(empty_app, path):
    empty_app.test_client_class = LintingClient
    client = empty_app.test_client()
    response = client.get(path)
    assert response.status_code == 200
    if path != "/compare":
        assert "No model is installed yet" in response.get_data(as_text=True)
    problem(client.post(f"{API}/species", json={"study": "a", "environment": {}}), 422, "/study")
    problem(client.post(f"{API}/conditions", json={"species": "a", "environments": [{"environment": {}}]}), 422)


def test_a_species_without_a_model_that_answers(artifacts, tmp_path, caplog):
    app = create_app(make_settings(tmp_path))
    upgrade(app)
    with app.app_context():
        changes.register(artifacts[WHEATEAR])
    client = app.test_client()
    asked = {"species": WHEATEAR, "environments": [{"environment": {}}]}
    problem(client.post(f"{API}/conditions", json=asked), 409)
    for answer in (
        client.post("/api/v1/predictions", json={"species": WHEATEAR, "environment": {}}),
        client.get(f"/api/v1/species/{WHEATEAR}/response-curves"),
    ):
        problem(answer, 409)
        assert answer.json["detail"].endswith(f"answers yet; activate one under /studies/{STUDY}/versions.")
    assert not [record for record in caplog.records if "No version of" in record.getMessage()]
    problem(client.post(f"{API}/species", json={"study": STUDY, "environment": {}}), 422, "/study")
    for path in PAGES:
        assert client.get(path).status_code == 200
    caplog.clear()


def test_pages_that_compare_are_limited(tmp_path):
    app = create_app(make_settings(tmp_path, rate_limit="2/minute"))
    upgrade(app)
    client = app.test_client()
    assert [client.get("/compare/species").status_code for _ in range(3)] == [200, 200, 429]
    assert client.get("/compare").status_code == 429


def test_the_document_says_that_nothing_is_kept(client):
    paths = client.get("/openapi.json").json["paths"]
    for name, method in (("species", "post"), ("conditions", "post"), ("models", "get")):
        assert "Nothing is kept" in paths[f"{API}/{name}"][method]["description"]
