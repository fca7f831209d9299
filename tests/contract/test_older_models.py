"""Models of older formats, served: what they answer, and what their pages say is missing."""

from __future__ import annotations

import shutil

import pytest

from app import create_app
from app.registry import changes
from tests.contract.conftest import WHEATEAR, LintingClient, ask_of, form_of, make_settings, upgrade
from tests.older import make_older

OUTSIDE = {"temperature": 60}


@pytest.fixture(scope="module", params=[1, 2])
def older(request, artifacts, tmp_path_factory):
    """A client of a site whose only model is of an older format."""
    folder = tmp_path_factory.mktemp("older")
    copied = shutil.copytree(artifacts[WHEATEAR], folder / "copy")
    make_older(copied, request.param)
    app = create_app(make_settings(folder))
    upgrade(app)
    with app.app_context():
        version, _ = changes.register(copied)
        changes.activate(version.id)
    app.test_client_class = LintingClient
    return app.test_client()


def test_an_older_model_answers_what_it_can_and_says_what_is_missing(older, environment):
    answer = ask_of(older, environment, threshold=0.4).json
    assert answer["missing"] == [
        "area of applicability",
        "checked interval",
        "sensitivity and specificity at your own threshold",
        "nearest records",
    ]
    novelty = answer["novelty"]
    assert (novelty["kind"], novelty["in_area_of_applicability"]) == ("unknown", True)
    assert (novelty["dissimilarity_index"], novelty["dissimilarity_threshold"]) == (None, None)
    assert novelty["mess"] >= 0
    assert answer["uncertainty"]["coverage"] is None
    assert (answer["threshold"]["sensitivity"], answer["threshold"]["specificity"]) == (None, None)
    assert answer["interval"][0] <= answer["suitability"] <= answer["interval"][1]
    assert answer["baseline"] + sum(item["effect"] for item in answer["contributions"]) == pytest.approx(
        answer["suitability"], abs=1e-9
    )
    assert ask_of(older, {**environment, **OUTSIDE}).json["verdict"] == "cannot_say"
    assert ask_of(older, {**environment, **OUTSIDE}, extrapolation="refuse").status_code == 409


def test_the_pages_of_an_older_model_say_what_is_missing(older, environment):
    page = older.post("/", data=form_of(environment)).get_data(as_text=True)
    assert "older format and cannot give: area of applicability, checked interval" in page
    assert "never checked against held-out records" in page
    model = older.get(f"/api/v1/species/{WHEATEAR}").json["model"]["id"]
    for address in (
        f"/species/{WHEATEAR}",
        f"/species/{WHEATEAR}/response-curves",
        f"/models/{model}",
        f"/models/{model}/odmap.md",
        f"/compare/conditions?species={WHEATEAR}",
        "/compare/species",
        "/analytics",
    ):
        assert older.get(address).status_code == 200, address


def test_a_model_of_the_third_format_lacks_the_nearest_records_alone(artifacts, tmp_path, environment, client):
    copied = shutil.copytree(artifacts[WHEATEAR], tmp_path / "copy")
    make_older(copied, 3)
    app = create_app(make_settings(tmp_path))
    upgrade(app)
    with app.app_context():
        changes.activate(changes.register(copied)[0].id)
    third = ask_of(app.test_client(), environment, threshold=0.4).json
    today = ask_of(client, environment, threshold=0.4).json
    assert (third["missing"], today["missing"]) == (["nearest records"], [])
    for member in ("suitability", "interval", "verdict", "threshold", "novelty", "uncertainty", "contributions"):
        assert third[member] == today[member], member
    page = app.test_client().post("/", data=form_of(environment)).get_data(as_text=True)
    assert "older format and cannot give: nearest records" in page
