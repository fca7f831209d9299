"""Two versions of a model side by side."""

from __future__ import annotations

import re
import shutil
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.registry import changes
from ml.odmap.intervals import standard_error
from ml.training.train import train_species
from tests.contract.comparisons.conftest import API, HTMX, SMALL, STUDY
from tests.contract.conftest import WHEATEAR, make_settings, upgrade
from tests.contract.test_bad_input import HTML, problem
from tests.synthetic import synthetic_study


def compare(client: FlaskClient, **query: str) -> Any:
    return client.get(f"{API}/models", query_string=query)


def test_two_versions_side_by_side(versioned, ids):
    answer = compare(versioned, first=ids["today"], second=ids["latest"]).json
    assert answer["species"]["slug"] == WHEATEAR
    assert (answer["first"]["id"], answer["second"]["id"]) == (ids["today"], ids["latest"])
    assert answer["same_data"] is True
    assert (answer["first"]["active"], answer["second"]["active"]) == (False, True)
    assert sum(answer["second"]["members"].values()) == pytest.approx(1)
    assert answer["metrics"][0]["metric"] == "auc_roc"
    for change in answer["metrics"]:
        assert change["difference"] == pytest.approx(change["second"]["value"] - change["first"]["value"])
    assert {predictor["name"] for predictor in answer["predictors"]} == set(answer["first"]["importance"])
    for said in answer["answers"]:
        assert said["notes"] == []
        assert said["difference"] == pytest.approx(said["second"]["suitability"] - said["first"]["suitability"])


def test_each_version_says_what_it_predicts(versioned, ids):
    answer = compare(versioned, first=ids["today"], second=ids["latest"]).json["answers"][0]
    asked = {"species": WHEATEAR, "environment": answer["environment"]}
    same = versioned.post("/api/v1/predictions", json=asked).json
    assert answer["second"] == {
        name: same[name] for name in ("suitability", "interval", "verdict", "verdict_reason", "suitable")
    }
    assert (
        versioned.get(f"{API}/models", query_string={"first": ids["latest"]}).json["second"]["quality"]
        == same["quality"]
    )


def test_the_version_before_is_the_other(versioned, ids):
    for name in ("first", "second"):
        answer = compare(versioned, **{name: ids["latest"]}).json
        assert (answer["first"]["id"], answer["second"]["id"]) == (ids["soilless"], ids["latest"])
        problem(compare(versioned, **{name: ids["old"]}), 422, {"first": "/second", "second": "/first"}[name])


def test_versions_that_read_other_predictors(versioned, ids):
    without = compare(versioned, first=ids["today"], second=ids["soilless"]).json
    assert without["same_data"] is False
    assert without["answers"][0]["first"] is None
    assert without["answers"][0]["difference"] is None
    assert without["answers"][0]["notes"] == ["Version 2 cannot answer: Soil: a value is needed."]
    onwards = compare(versioned, first=ids["soilless"], second=ids["latest"]).json
    assert onwards["answers"][0]["notes"] == ["Version 3 does not read soil."]
    assert onwards["answers"][0]["difference"] is not None
    page = versioned.get("/compare/models", query_string={"first": ids["soilless"]}).get_data(as_text=True)
    assert "not read" in page
    assert "cannot answer: Soil" in page


def test_a_version_of_an_older_format(versioned, ids):
    answer = compare(versioned, first=ids["old"], second=ids["latest"]).json
    old = answer["first"]
    assert [old[name] for name in ("area_threshold", "interval_coverage", "interval_level", "optimism")] == [None] * 4
    assert old["interval_groups"] is old["interval_standard_error"] is None
    new = answer["second"]
    coverage, groups, error = (new[f"interval_{name}"] for name in ("coverage", "groups", "standard_error"))
    assert error == standard_error(coverage, groups)
    assert old["members"] == {}
    assert answer["answers"][0]["first"]["suitability"] >= 0
    page = versioned.get("/compare/models", query_string={"first": ids["old"], "second": ids["latest"]})
    text = page.get_data(as_text=True)
    assert text.count("not reported") >= 3
    assert f"{100 * coverage:.0f}&nbsp;% ± {100 * error:.0f}</span>" in text
    assert f">of {groups}; 90&nbsp;% should" in text


def test_an_older_format_in_the_other_comparisons(versioned, ids, versions, environment):
    app, _ = versions
    with app.app_context():
        changes.activate(ids["old"])
    try:
        asked = {"study": STUDY, "environment": environment, "threshold": 0.5}
        answer = versioned.post(f"{API}/species", json=asked).json
        old = next(item for item in answer["items"] if item["species"]["slug"] == WHEATEAR)
        assert old["novelty"]["kind"] == "unknown"
        # an uncalibrated share of trees is no chance and is not summed
        assert answer["expected"]["of"] == 1
        assert "in range" in versioned.get("/compare/species").get_data(as_text=True)
        assert versioned.get("/compare/conditions", query_string={"species": WHEATEAR}).status_code == 200
    finally:
        with app.app_context():
            changes.activate(ids["latest"])


def test_versions_of_different_species_and_the_same_twice(versioned, ids):
    for query in ({"first": ids["tit"], "second": ids["latest"]}, {"first": ids["tit"], "second": ids["tit"]}):
        problem(compare(versioned, **query), 422, "/second")
        page = versioned.get("/compare/models", query_string=query)
        assert page.status_code == 422
        assert "cannot be compared" in page.get_data(as_text=True)


@pytest.mark.parametrize("query", [{"first": "none"}, {"second": "none"}, {"first": HTML}])
def test_unknown_models(client, query):
    problem(compare(client, **query), 404)
    for headers in ({}, HTMX):
        response = client.get("/compare/models", query_string=query, headers=headers)
        assert response.status_code == 404
        assert response.mimetype == "text/html"


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("", "/first"),
        ("first=", "/first"),
        ("first=%00", "/first"),
        ("first=a&first=b", "/first"),
        ("second=", "/second"),
    ],
)
def test_bad_ids(client, query, pointer):
    problem(client.get(f"{API}/models?{query}"), 422, pointer)


def test_the_latest_two_are_the_example(versioned, client, ids):
    page = versioned.get("/compare/models").get_data(as_text=True)
    assert "version 4" in page
    assert "answers now" in page
    assert "(4 versions)" in page
    assert 'id="scores-title"' in page
    alone = versioned.get("/compare/models?species=parus-major").get_data(as_text=True)
    assert "has one version so far" in alone
    assert "has one version so far" in client.get("/compare/models").get_data(as_text=True)
    fragment = versioned.get("/compare/models", query_string={"first": ids["latest"]}, headers=HTMX)
    assert re.match(r'<div[^>]*id="compare"', fragment.get_data(as_text=True).strip())


def test_a_version_whose_files_are_gone_still_has_its_card(artifacts, tmp_path, caplog):
    app = create_app(make_settings(tmp_path))
    upgrade(app)
    second = train_species(synthetic_study(n_species=2, categorical=True), WHEATEAR, tmp_path / "m", **SMALL)
    with app.app_context():
        changes.register(shutil.copytree(artifacts[WHEATEAR], tmp_path / "gone"))
        version, _ = changes.register(second)
        changes.activate(version.id)
        latest = version.id
    shutil.rmtree(tmp_path / "gone")
    answer = compare(app.test_client(), first=latest).json
    assert answer["first"]["metrics"]
    assert answer["answers"][0]["first"] is None
    assert answer["answers"][0]["second"] is not None
    assert answer["answers"][0]["notes"] == ["Version 1 cannot be opened right now."]
    caplog.clear()
