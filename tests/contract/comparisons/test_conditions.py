"""Several sets of conditions for one species."""

from __future__ import annotations

import csv
import io
import re

import pytest

from tests.contract.comparisons.conftest import API, HTMX, address
from tests.contract.conftest import WHEATEAR
from tests.contract.test_bad_input import HTML, problem

ANSWERED = (
    "suitability",
    "interval",
    "verdict",
    "verdict_reason",
    "suitable",
    "novelty",
    "contributions",
    "environment",
)


def test_conditions_are_told_apart(contrast, environment):
    answer = contrast({}, {"trees": 90, "temperature": 9}, {}).json
    assert set(answer) == {"species", "study", "model", "quality", "threshold", "baseline", "differing", "items"}
    assert answer["differing"] == ["trees", "temperature"]
    first, second, third = answer["items"]
    assert set(first) == {
        "label", "environment", "suitability", "interval", "verdict", "verdict_reason", "suitable", "novelty",
        "contributions", "difference",
    }  # fmt: skip
    assert [item["label"] for item in answer["items"]] == ["Conditions 1", "Conditions 2", "Conditions 3"]
    assert first["environment"] == environment
    assert first["difference"] is None
    change = second["difference"]
    assert change["suitability"] == pytest.approx(second["suitability"] - first["suitability"])
    assert sum(one["effect"] for one in change["contributions"]) == pytest.approx(change["suitability"], abs=1e-6)
    assert third["difference"]["suitability"] == 0
    assert third["difference"]["intervals_overlap"] is True
    effects = sum(one["effect"] for one in first["contributions"])
    assert answer["baseline"] + effects == pytest.approx(first["suitability"], abs=1e-6)


def test_there_is_no_difference_where_one_side_cannot_say(contrast, versioned, environment):
    inside, outside, allowed = {"trees": 12}, {"temperature": 60}, {"extrapolation": "allow"}
    for sets in ((inside, outside), (outside, inside)):
        answer = contrast(*sets).json
        assert "cannot_say" in {item["verdict"] for item in answer["items"]}
        assert [item["difference"] for item in answer["items"]] == [None, None]
    assert contrast(inside, outside, **allowed).json["items"][1]["difference"] is not None
    query = {f"env.1.{name}": value for name, value in environment.items()}
    query |= {f"env.2.{name}": value for name, value in {**environment, **outside}.items()}
    text = versioned.get("/compare/conditions.csv", query_string={"species": WHEATEAR, **query}).text
    assert [row["difference"] for row in csv.DictReader(io.StringIO(text))] == ["", ""]


def test_conditions_are_answered_as_predictions_are(versioned, environment):
    sets = [{**environment, "trees": trees} for trees in (3, 50, 97)]
    asked = {"species": "Oenanthe hispanica", "environments": [{"environment": one} for one in sets]}
    answer = versioned.post(f"{API}/conditions", json=asked).json
    for one, item in zip(sets, answer["items"], strict=True):
        same = versioned.post("/api/v1/predictions", json={"species": WHEATEAR, "environment": one}).json
        for name in ANSWERED:
            assert item[name] == same[name], name
        assert answer["quality"] == same["quality"]
        assert answer["threshold"] == same["threshold"]
        assert answer["baseline"] == same["baseline"]


def test_a_hundred_sets(contrast):
    assert len(contrast(*[{"trees": at + 0.37} for at in range(100)]).json["items"]) == 100
    problem(contrast(*[{}] * 101), 422, "/environments")
    problem(contrast(), 422, "/environments")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"trees": None}, "/environments/1/environment/trees"),
        ({"trees": "NaN"}, "/environments/1/environment/trees"),
        ({"depth": 1}, "/environments/1/environment/depth"),
        ({"soil": "peat"}, "/environments/1/environment/soil"),
    ],
)
def test_bad_conditions(contrast, change, pointer):
    problem(contrast({}, change), 422, pointer)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"species": "none"}, "/species"),
        ({"species": "x" * 1000}, "/species"),
        ({"species": None}, "/species"),
        ({"environments": [{"environment": {}, "label": "x" * 101}]}, "/environments/0/label"),
        ({"environments": [{"environment": {}, "label": "a\x00"}]}, "/environments/0/label"),
        ({"environments": [{"label": "a"}]}, "/environments/0/environment"),
        ({"environments": [{"environment": {}, "note": 1}]}, "/environments/0/note"),
        ({"environments": {}}, "/environments"),
        ({"threshold": True}, "/threshold"),
    ],
)
def test_bad_questions(contrast, body, pointer):
    problem(contrast({}, {}, **body), 422, pointer)


def test_sets_side_by_side(client):
    page = client.get("/compare/conditions").get_data(as_text=True)
    assert page.count('name="label.') == 3
    assert "a place where it was recorded" in page
    assert 'class="differs"' in page
    assert 'name="add"' in page
    assert page.count('name="remove"') == 3


def test_sets_have_an_address_to_share(client, environment):
    given = {
        "species": WHEATEAR,
        **address(environment, 1),
        **address(environment, 2, trees="33,5"),
        "label.2": "a <b>",
    }
    page = client.get("/compare/conditions", query_string=given).get_data(as_text=True)
    assert 'value="33,5"' in page
    assert 'value="a &lt;b&gt;"' in page
    assert 'name="remove"' not in page
    more = client.get("/compare/conditions", query_string={**given, "add": "1"}).get_data(as_text=True)
    assert more.count('name="label.') == 3
    less = client.get("/compare/conditions", query_string={**given, **address(environment, 3), "remove": "2"})
    assert 'value="33,5"' not in less.get_data(as_text=True)


def test_the_answers_as_a_fragment(client, environment):
    given = {"species": WHEATEAR, **address(environment, 1), **address(environment, 2, trees=88)}
    response = client.get("/compare/conditions", query_string=given, headers=HTMX)
    assert re.match(r'<tbody[^>]*id="compared"', response.get_data(as_text=True).strip())
    added = client.get("/compare/conditions", query_string={**given, "add": "1"}, headers=HTMX)
    assert added.headers["HX-Retarget"] == "#compare"
    assert re.match(r'<div[^>]*id="compare"', added.get_data(as_text=True).strip())


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_the_table_again_with_messages(client, environment, headers):
    given = {"species": WHEATEAR, **address(environment, 1), **address(environment, 2, trees="many", bare_rock="")}
    response = client.get("/compare/conditions", query_string={**given, "label.1": "x" * 150}, headers=headers)
    page = response.get_data(as_text=True)
    assert response.status_code == 422
    assert 'value="many"' in page
    assert "Name of set 1" in page
    right = client.get("/compare/conditions", query_string=given, headers=headers).get_data(as_text=True)
    assert 'href="#env-2-trees">Set 2, Trees: Must be a number' in right
    assert "Set 2, Bare rock: Enter a value" in right


def test_more_sets_than_fit(client, environment):
    given = {name: value for at in range(7) for name, value in address(environment, at).items()}
    response = client.get("/compare/conditions", query_string=given)
    assert response.status_code == 422
    assert "fit side by side" in response.get_data(as_text=True)


@pytest.mark.parametrize("name", ["zz", HTML, "x" * 5000, "a\x00b"])
def test_a_page_about_an_unknown_species(client, name):
    for path in ("/compare/conditions", "/compare/models"):
        response = client.get(path, query_string={"species": name})
        assert response.status_code == 422
        assert "<script>alert" not in response.get_data(as_text=True)
