"""Several species ranked for one set of conditions."""

from __future__ import annotations

import re
import shutil

import pytest

from app import create_app
from app.components import components
from app.registry import changes
from app.registry import service as registry
from app.registry.model_cache import ModelCache
from ml.serving.verdict import VERDICTS
from ml.training.train import train_species
from tests.contract.comparisons.conftest import API, HTMX, SMALL, STUDY, address
from tests.contract.conftest import WHEATEAR, make_settings, upgrade
from tests.contract.test_bad_input import HTML, problem
from tests.synthetic import recorded_study

#: Members that a comparison and a prediction share.
SHARED = (
    "suitability", "interval", "verdict", "verdict_reason", "suitable", "novelty", "threshold", "quality", "model",
)  # fmt: skip


def test_species_are_ranked_by_verdict_and_then_by_suitability(rank, client, environment):
    answer = rank().json
    assert set(answer) == {"study", "environment", "items", "missing", "expected"}
    assert answer["study"]["slug"] == STUDY
    assert answer["environment"] == environment
    assert answer["missing"] == []
    items = answer["items"]
    verdicts = [item["verdict"] for item in items]
    assert len(set(verdicts)) > 1, "ranks begin again with each verdict"
    assert [item["rank"] for item in items] == [1 + verdicts[:at].count(one) for at, one in enumerate(verdicts)]
    places = [(VERDICTS.index(item["verdict"]), -item["suitability"]) for item in items]
    assert places == sorted(places)
    assert set(items[0]) == {
        "rank", "species", "suitability", "interval", "verdict", "verdict_reason", "suitable", "threshold", "novelty",
        "quality", "model",
    }  # fmt: skip
    assert set(items[0]["species"]) == {"slug", "scientific_name", "vernacular_name"}
    assert answer["expected"]["number"] == pytest.approx(sum(item["suitability"] for item in items))
    assert answer["expected"]["of"] == 4


def test_a_study_without_a_model_is_named(empty_app):
    client = empty_app.test_client()
    made = client.post("/api/v1/studies", json={"title": "Empty hills"})
    assert made.status_code == 201
    refused = client.post(f"{API}/species", json={"study": made.json["slug"], "environment": {}})
    assert refused.status_code == 422, refused.json
    assert refused.json["errors"] == [{"pointer": "/study", "detail": "no model answers for the study Empty hills yet"}]


def test_the_list_says_what_predictions_say(versioned, environment):
    """Asked of the application whose table of predictions is not watched."""
    given = {**environment, "trees": 21.5, "bare_rock": 60}
    listed = versioned.post(f"{API}/species", json={"study": STUDY, "environment": given}).json["items"]
    assert len(listed) == 2
    for item in listed:
        asked = {"species": item["species"]["slug"], "environment": given}
        same = versioned.post("/api/v1/predictions", json=asked).json
        for name in SHARED:
            assert item[name] == same[name], name


def test_one_query_finds_all_models(rank, statements):
    rank()
    assert len(statements) == 2, statements
    assert not any("card" in statement for statement in statements)


def test_repeated_species_are_compared_once(rank):
    items = rank(species=["Parus major (Linnaeus, 1758)", WHEATEAR, "PARUS MAJOR"]).json["items"]
    assert {item["species"]["slug"] for item in items} == {"parus-major", WHEATEAR}
    assert [item["rank"] for item in items] == [1, 2]


def test_species_the_models_cannot_say_anything_about_stand_apart(rank):
    far = rank({"temperature": 60}).json
    assert [item["rank"] for item in far["items"]] == [None] * 4
    assert {item["verdict"] for item in far["items"]} == {"cannot_say"}
    assert {item["suitable"] for item in far["items"]} == {None}
    assert far["items"][0]["novelty"]["outside_range"] == ["temperature"]
    names = [item["species"]["scientific_name"] for item in far["items"]]
    assert names == sorted(names), "the number of a model that cannot say orders nothing"
    assert far["expected"] is None
    allowed = rank({"temperature": 60}, extrapolation="allow").json
    assert [item["rank"] for item in allowed["items"]] == [1, 2, 3, 4]
    assert "cannot_say" not in {item["verdict"] for item in allowed["items"]}
    assert allowed["expected"] is None


def test_extrapolation_refused(rank, contrast):
    named = problem(rank({"temperature": 60}, extrapolation="refuse"), 409, "/environment/temperature")
    assert len(named["errors"]) == 1
    inside = all(item["novelty"]["in_area_of_applicability"] for item in rank().json["items"])
    assert rank(extrapolation="refuse").status_code == (200 if inside else 409)
    problem(contrast({}, {"temperature": 60}, extrapolation="refuse"), 409, "/environments/1/environment/temperature")


@pytest.mark.parametrize(("threshold", "rule"), [("P10", "P10"), ("mtp", "MTP"), (0.42, "own"), (None, "maxSSS")])
def test_thresholds_as_in_predictions(rank, contrast, threshold, rule):
    items = rank(threshold=threshold).json["items"]
    assert {item["threshold"]["rule"] for item in items} == {rule}
    assert contrast({}, {}, threshold=threshold).json["threshold"]["rule"] == rule
    assert all(item["suitable"] == (item["suitability"] >= item["threshold"]["value"]) for item in items)


def test_choices_may_stand_in_the_address(client, environment):
    body = {"study": STUDY, "environment": environment}
    items = client.post(f"{API}/species?threshold=0.25", json=body).json["items"]
    assert {item["threshold"]["value"] for item in items} == {0.25}
    problem(client.post(f"{API}/species?threshold=2", json=body), 422, "/threshold")


@pytest.mark.parametrize(
    ("changes", "body", "pointer"),
    [
        ({}, {"study": "none"}, "/study"),
        ({}, {"study": "a\x00b"}, "/study"),
        ({}, {"study": 3}, "/study"),
        ({}, {"species": []}, "/species"),
        ({}, {"species": [WHEATEAR] * 101}, "/species"),
        ({}, {"species": [WHEATEAR, "zzz"]}, "/species/1"),
        ({}, {"species": [WHEATEAR, 5]}, "/species/1"),
        ({}, {"species": [HTML]}, "/species/0"),
        ({}, {"threshold": "best"}, "/threshold"),
        ({}, {"threshold": 1.5}, "/threshold"),
        ({}, {"extrapolation": "maybe"}, "/extrapolation"),
        ({}, {"more": 1}, "/more"),
        ({}, {"environment": {f"p{at}": at for at in range(300)}}, "/environment"),
        ({"trees": ...}, {}, "/environment/trees"),
        ({"trees": "many"}, {}, "/environment/trees"),
        ({"trees": 101}, {}, "/environment/trees"),
        ({"soil": "peat"}, {}, "/environment/soil"),
        ({"depth": 3}, {}, "/environment/depth"),
    ],
)
def test_bad_lists(rank, changes, body, pointer):
    found = problem(rank(changes, **body), 422, pointer)
    assert len(found["errors"]) == 1


@pytest.mark.parametrize("path", ["species", "conditions"])
def test_bodies_that_cannot_be_read(client, path):
    problem(client.post(f"{API}/{path}", data="{", content_type="application/json"), 400)
    problem(client.post(f"{API}/{path}", data="{}", content_type="text/plain"), 415)
    problem(client.post(f"{API}/{path}", data=b" " * 10_000_000, content_type="application/json"), 413)
    problem(client.post(f"{API}/{path}", json={}), 422)
    problem(client.get(f"{API}/{path}"), 405)


def test_a_study_of_versions_that_read_different_predictors(versioned, ids, environment, versions):
    """The wheatear's model without soil does not make soil a stray value; the tit's needs it."""
    app, _ = versions
    with app.app_context():
        changes.activate(ids["soilless"])
    try:
        asked = {"study": STUDY, "environment": environment}
        answer = versioned.post(f"{API}/species", json=asked).json
        assert {item["model"]["id"] for item in answer["items"]} == {ids["soilless"], ids["tit"]}
        assert answer["environment"] == environment
        del environment["soil"]
        problem(versioned.post(f"{API}/species", json=asked), 422, "/environment/soil")
        assert 'name="env.soil"' in versioned.get("/compare/species").get_data(as_text=True)
    finally:
        with app.app_context():
            changes.activate(ids["latest"])


def test_presences_only_are_no_chances(tmp_path):
    app = create_app(make_settings(tmp_path))
    upgrade(app)
    client = app.test_client()
    with app.app_context():
        version, _ = changes.register(train_species(recorded_study(), WHEATEAR, tmp_path / "m", **SMALL))
        changes.activate(version.id)
        typical = dict(registry.card_of(version).starting_points[0].environment)
    answer = client.post(f"{API}/species", json={"study": "test-records", "environment": typical})
    assert answer.json["expected"] is None
    page = client.get("/compare/species?study=test-records").get_data(as_text=True)
    assert "no figure is a chance" in page
    assert "would find about" not in page


def test_a_model_that_cannot_be_opened_leaves_the_other_species(artifacts, tmp_path, environment, caplog):
    app = create_app(make_settings(tmp_path))
    upgrade(app)
    client = app.test_client()
    asked = {"study": STUDY, "environment": environment}
    with app.app_context():
        for slug in (WHEATEAR, "parus-major", "turdus-merula"):
            version, _ = changes.register(shutil.copytree(artifacts[slug], tmp_path / slug))
            if slug != "turdus-merula":
                changes.activate(version.id)
    shutil.rmtree(tmp_path / WHEATEAR)
    answer = client.post(f"{API}/species", json=asked).json
    assert [item["species"]["slug"] for item in answer["items"]] == ["parus-major"]
    assert {item["slug"]: item["reason"] for item in answer["missing"]} == {
        WHEATEAR: "its model cannot be opened right now",
        "turdus-merula": "it has no model yet",
    }
    assert "it has no model yet" in client.get("/compare/species").get_data(as_text=True)
    shutil.rmtree(tmp_path / "parus-major")
    components(app).get(ModelCache)._open.clear()
    problem(client.post(f"{API}/species", json=asked), 503)
    problem(client.post(f"{API}/species", json={**asked, "species": ["turdus-merula"]}), 422, "/species")
    caplog.clear()


def test_the_first_visit_shows_an_answered_example(client, rank):
    page = client.get("/compare/species").get_data(as_text=True)
    assert "An example" in page
    found = re.findall(r'class="who-name"><a href="/species/([a-z-]+)"', page)
    assert found == [item["species"]["slug"] for item in rank().json["items"]]
    assert f'href="/?species={WHEATEAR}&amp;env.' in page
    assert "about" in page


def test_a_list_has_an_address_to_share(client, environment):
    given = address(environment, trees="12,5", temperature=60)
    response = client.get("/compare/species", query_string={"study": STUDY, **given})
    page = response.get_data(as_text=True)
    assert response.status_code == 200
    assert 'value="12,5"' in page
    assert "An example" not in page
    assert "Without a rank" in page
    assert page.count("Temperature, 60 °C, lies outside the range seen in training") == 4
    assert 'class="mini"' not in page, "no interval is promised"
    assert "None of 4 species can be ranked for these conditions" in " ".join(page.split())


def test_the_list_as_a_fragment(client, environment):
    given = {"study": STUDY, **address(environment)}
    response = client.get("/compare/species", query_string=given, headers=HTMX)
    assert re.match(r'<section[^>]*id="ranking"', response.get_data(as_text=True).strip())
    assert {"HX-Request", "HX-Target"} <= set(response.vary)
    again = client.get("/compare/species", query_string=given, headers={**HTMX, "HX-Target": "compare"})
    assert re.match(r'<div[^>]*id="compare"', again.get_data(as_text=True).strip())


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_the_form_again_with_messages(client, environment, headers):
    given = {"study": STUDY, **address(environment, trees="many", bare_rock=""), "env.depth": "3"}
    response = client.get("/compare/species", query_string=given, headers=headers)
    page = response.get_data(as_text=True)
    assert response.status_code == 422
    assert response.headers["HX-Retarget"] == "#compare"
    for text in ('value="many"', "Must be a number", "Enter a value", "depth: This model has no such", 'role="alert"'):
        assert text in page, text
    assert page.count('aria-invalid="true"') == 2
    own = client.get("/compare/species", query_string={"threshold": "own", "own_threshold": "7"}, headers=headers)
    assert own.status_code == 422
    assert 'value="7"' in own.get_data(as_text=True)
    assert "Must be a number from 0 to 1" in own.get_data(as_text=True)


@pytest.mark.parametrize("path", ["/compare/species", "/compare/conditions"])
def test_a_refusal_keeps_the_form(client, environment, path):
    given = {"extrapolation": "refuse", **address(environment, temperature=60)}
    given |= {**address(environment, 1), **address(environment, 2, temperature=60)}
    if path == "/compare/conditions":
        given = {name: value for name, value in given.items() if not re.match(r"env\.[a-z]", name)}
    else:
        given = {name: value for name, value in given.items() if not re.match(r"env\.\d", name)}
    for headers in ({}, HTMX):
        response = client.get(path, query_string=given, headers=headers)
        assert response.status_code == 409
        assert "Not compared, as you asked" in response.get_data(as_text=True)
        assert "Temperature: 60 °C lies outside" in response.get_data(as_text=True)


@pytest.mark.parametrize("study", ["none", HTML, "x" * 5000, "a\x00b"])
def test_a_page_about_an_unknown_study(client, study):
    response = client.get("/compare/species", query_string={"study": study})
    assert response.status_code == 422
    assert "<script>alert" not in response.get_data(as_text=True)
    assert 'id="study"' in response.get_data(as_text=True)
