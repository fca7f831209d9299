"""The JSON of the contract, key by key."""

from __future__ import annotations

import pytest

from tests.contract.conftest import WHEATEAR

ANSWER = {
    "id", "species", "study", "suitability", "interval", "suitable", "threshold", "novelty", "contributions",
    "environment", "location", "scenario", "model", "cached", "created_at", "verdict", "verdict_reason", "quality",
    # beyond the contract
    "uncertainty", "extrapolation", "baseline", "missing",
}  # fmt: skip
NOVELTY = {
    "in_area_of_applicability", "mess", "most_dissimilar",
    "kind", "dissimilarity_index", "dissimilarity_threshold", "outside_range",
}  # fmt: skip


def test_prediction(ask, client, environment):
    response = ask()
    answer = response.json
    assert response.status_code == 200
    assert set(answer) == ANSWER
    assert set(answer["species"]) == {"slug", "scientific_name"}
    assert set(answer["threshold"]) == {"value", "rule", "sensitivity", "specificity"}
    assert set(answer["novelty"]) == NOVELTY
    assert set(answer["model"]) == {"id", "version"}
    assert set(answer["quality"]) == {
        "sentence", "auc", "validated_by",
        # beyond the contract
        "grade", "auc_interval", "better_than_chance",
    }  # fmt: skip
    assert all(set(item) == {"predictor", "value", "effect"} for item in answer["contributions"])
    assert 0 <= answer["interval"][0] <= answer["suitability"] <= answer["interval"][1] <= 1
    assert answer["created_at"].endswith("Z")
    assert answer["environment"] == environment
    assert client.get(f"/api/v1/predictions/{answer['id']}").json == answer


def test_every_answer_is_stored_once_under_its_own_id(ask, stored):
    before = stored()
    ids = [ask(trees=33.3).json["id"] for _ in range(5)]
    assert len(set(ids)) == 5
    assert stored() == before + 5
    assert ids == sorted(ids)  # the order of time, which pages of answers follow


def test_equal_inputs_share_a_cache_entry(ask, client, environment):
    first = ask(trees=12.625).json
    again = [ask(trees="12.625").json, ask(trees="12.6250").json, ask(trees=" 12.62500 ").json]
    turned = dict(reversed({**environment, "trees": 12.625}.items()))
    again.append(client.post("/api/v1/predictions", json={"species": "Oenanthe hispanica", "environment": turned}).json)
    assert first["cached"] is False
    for answer in again:
        assert answer["cached"] is True
        assert answer["suitability"] == first["suitability"]
        assert answer["id"] != first["id"]


@pytest.mark.parametrize(
    "name", ["oenanthe-hispanica", "OENANTHE HISPANICA", " Oenanthe hispanica ", "Oenanthe hispanica (Linnaeus, 1758)"]
)
def test_species_by_slug_or_scientific_name(ask, name):
    assert ask(species=name).json["species"]["slug"] == WHEATEAR


def test_species_list_and_detail(client):
    page = client.get("/api/v1/species").json
    assert set(page) == {"items", "next"}
    assert set(page["items"][0]) == {"slug", "scientific_name", "vernacular_name", "study", "model"}
    assert set(page["items"][0]["study"]) == {"slug", "title"}
    assert set(page["items"][0]["model"]) == {"id", "version"}
    detail = client.get(f"/api/v1/species/{WHEATEAR}").json
    names = {"slug", "scientific_name", "vernacular_name", "study", "predictors", "model", "layers"}
    assert set(detail) == {*names, "places_grid_km", "newer_presences"}
    assert detail["places_grid_km"] is None
    assert set(detail["predictors"][0]) == {"name", "label", "unit", "type", "minimum", "maximum", "median", "levels"}
    assert 0 <= detail["model"]["metrics"]["auc_roc"]["value"] <= 1


@pytest.mark.parametrize(
    "query", ["onanthe hispanca", "wheatear", "blak-eared", "OENANTHE", "oreillard", "wheat", "o", "hispanica oenanthe"]
)
def test_search_forgives(client, query):
    items = client.get("/api/v1/species", query_string={"q": query}).json["items"]
    assert items[0]["slug"] == WHEATEAR


@pytest.mark.parametrize("query", ["zzzzqq", "%%%", "' OR 1=1 --", "<script>"])
def test_search_without_a_match_returns_an_empty_list(client, query):
    response = client.get("/api/v1/species", query_string={"q": query})
    assert response.status_code == 200
    assert response.json["items"] == []


def test_search_without_accents(client):
    items = client.get("/api/v1/species?q=mesange").json["items"]
    assert [item["slug"] for item in items] == ["parus-major"]
    assert client.get("/api/v1/species?q=wheatear&study=test-hills").json["items"]
    assert client.get("/api/v1/species?q=wheatear&study=TEST-HILLS").json["items"]


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("species?study=other", "/study"),
        ("species?q=wheatear&study=other", "/study"),
        ("models?species=other", "/species"),
        ("predictions?species=other", "/species"),
    ],
)
def test_an_unknown_filter_is_named(client, path, pointer):
    response = client.get(f"/api/v1/{path}")
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json["errors"]] == [pointer]


def test_filters_take_every_name_of_a_species(client, ask):
    ask()
    for path in ("models", "predictions"):
        for name in (WHEATEAR, WHEATEAR.upper(), "Oenanthe hispanica", "OENANTHE HISPANICA"):
            assert client.get(f"/api/v1/{path}", query_string={"species": name}).json["items"], (path, name)


@pytest.mark.parametrize(
    "path", ["species", "species?q=t", "models", "predictions", "predictions?species=oenanthe-hispanica"]
)
def test_pages_of_a_list_meet_without_gap(client, ask, path):
    for _ in range(3):
        ask()
    joint = "&" if "?" in path else "?"
    whole = client.get(f"/api/v1/{path}{joint}limit=100").json["items"]
    pieces, cursor = [], None
    for _ in range(200):
        page = client.get(f"/api/v1/{path}{joint}limit=2" + (f"&cursor={cursor}" if cursor else "")).json
        assert len(page["items"]) <= 2
        pieces += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(whole) > 2
    assert pieces == whole


def test_studies_and_models(client):
    studies = client.get("/api/v1/studies").json
    assert [item["slug"] for item in studies["items"]] == ["test-hills"]
    study = client.get("/api/v1/studies/test-hills").json
    assert study["n_species"] == 4
    assert study["sources"][0]["licence"] == "CC0-1.0"
    model = client.get("/api/v1/models").json["items"][0]
    detail = client.get(f"/api/v1/models/{model['id']}").json
    assert detail["metrics"] == model["metrics"]
    assert detail["card"]["training"]["data_fingerprint"]
    assert detail["active"] is True


@pytest.mark.parametrize(
    "path", ["/api/v1/species/none", "/api/v1/studies/none", "/api/v1/models/none", "/api/v1/none"]
)
def test_unknown_addresses(client, path):
    response = client.get(path)
    assert response.status_code == 404
    assert response.content_type == "application/problem+json"
    assert response.json["instance"] == path


def test_a_study_says_what_it_measures(client):
    species = client.get(f"/api/v1/species/{WHEATEAR}").json
    study = client.get(f"/api/v1/studies/{species['study']['slug']}").json
    assert study["predictors"] == species["predictors"]
    assert {"label", "unit", "minimum", "maximum", "median"} <= set(study["predictors"][0])
