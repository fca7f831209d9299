"""Response curves as page, fragment and JSON."""

from __future__ import annotations

import pytest

from tests.contract.conftest import WHEATEAR


def test_curves_around_typical_conditions(client):
    found = client.get(f"/api/v1/species/{WHEATEAR}/response-curves").json
    assert found["species"]["slug"] == WHEATEAR
    assert {curve["predictor"] for curve in found["curves"]} == set(found["environment"])
    for curve in found["curves"]:
        assert len(curve["values"]) == len(curve["suitability"]) == len(curve["inside"])
        assert curve["value"] in curve["values"]
        assert all(0 <= s <= 1 for s in curve["suitability"])
    soil = next(curve for curve in found["curves"] if curve["predictor"] == "soil")
    assert (soil["type"], soil["density"]) == ("categorical", [])


def test_curves_of_an_answer_pass_through_it(ask, client):
    answer = ask(trees=12.5, soil="clay").json
    found = client.get(f"/api/v1/species/{WHEATEAR}/response-curves?prediction={answer['id']}").json
    assert found["environment"] == answer["environment"]
    for curve in found["curves"]:
        here = curve["suitability"][curve["values"].index(curve["value"])]
        assert here == pytest.approx(answer["suitability"], abs=1e-6)


def test_curves_from_another_starting_point(client):
    address = f"/api/v1/species/{WHEATEAR}/response-curves"
    first, second = client.get(address).json, client.get(address + "?start=1").json
    assert first["at"] != second["at"]
    assert first["environment"] != second["environment"]


def test_curves_as_page_and_fragment(ask, client):
    answer = ask().json
    for address in (
        f"/species/{WHEATEAR}/response-curves",
        f"/species/{WHEATEAR}/response-curves?prediction={answer['id']}",
    ):
        page = client.get(address)
        assert page.status_code == 200
        assert page.get_data(as_text=True).count('class="response-curve"') == 4
        assert client.get(address, headers={"HX-Request": "true"}).status_code == 200


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("prediction=nonsense", "/prediction"),
        ("prediction=01890000-0000-7000-8000-000000000000", "/prediction"),
        ("start=7", "/start"),
        ("start=-1", "/start"),
        ("points=1", "/points"),
        ("points=many", "/points"),
    ],
)
def test_curves_of_nothing_are_refused_by_name(client, query, field):
    response = client.get(f"/api/v1/species/{WHEATEAR}/response-curves?{query}")
    assert response.status_code == 422
    assert [item["pointer"] for item in response.json["errors"]] == [field]


def test_curves_of_an_answer_for_another_species_are_refused(ask, client):
    answer = ask().json
    response = client.get(f"/api/v1/species/parus-major/response-curves?prediction={answer['id']}")
    assert response.status_code == 422


def test_curves_of_an_unknown_species_are_not_found(client):
    assert client.get("/api/v1/species/nobody/response-curves").status_code == 404
    assert client.get("/species/nobody/response-curves").status_code == 404
