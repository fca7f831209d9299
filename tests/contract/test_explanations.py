"""The explanation of an answer and its statement: every face, errors, and an application of an older model."""

from __future__ import annotations

import re
import shutil
import uuid
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from app import create_app
from app.catalogue import snapshot
from app.predictions import stored as lookup
from app.predictions.explanation import explain_answer
from app.registry import changes
from app.registry import service as registry
from ml.training.train import train_species
from tests.contract.conftest import WHEATEAR, LintingClient, ask_of, make_settings, upgrade
from tests.older import make_older
from tests.synthetic import synthetic_study

HTMX = {"HX-Request": "true"}
UNKNOWN = str(uuid.UUID(int=7))
# Bare ground without trees, and warmer than most sites.
SUITABLE = {"bare_rock": 60.0, "trees": 5.0, "temperature": 16.0, "soil": "clay"}
OUTSIDE = {**SUITABLE, "temperature": 60.0}


def explain(client, answer):
    response = client.get(f"/api/v1/predictions/{answer['id']}/explanation")
    assert response.status_code == 200, response.json
    return response.json


def text_of(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", response.get_data(as_text=True)))


@pytest.fixture
def answer(client):
    return ask_of(client, SUITABLE).json


@pytest.fixture
def predictor(app):
    with app.app_context():
        return registry.opened(snapshot.current().resolve(WHEATEAR).model).predictor


def test_the_change_is_an_answer_on_the_other_side(client, answer):
    change = explain(client, answer)["change"]
    assert change["value_now"] == SUITABLE[change["predictor"]]
    changed = ask_of(client, {**SUITABLE, change["predictor"]: change["value_needed"]}).json
    for member in ("suitability", "interval", "verdict", "suitable"):
        assert changed[member] == change[member], member
    assert answer["suitable"] is True
    assert change["suitable"] is False
    assert changed["novelty"]["in_area_of_applicability"]
    assert 0 < change["size"] <= 1


def test_the_nearest_records_are_those_of_the_study(client, answer):
    nearest = explain(client, answer)["nearest"]
    study = synthetic_study(n_species=4, categorical=True)
    assert len(nearest) == 3
    assert [one["dissimilarity_index"] for one in nearest] == sorted(one["dissimilarity_index"] for one in nearest)
    assert nearest[0]["dissimilarity_index"] == answer["novelty"]["dissimilarity_index"]
    for one in nearest:
        site = np.abs(study.environment["temperature"] - one["environment"]["temperature"]) < 0.01
        site &= np.abs(study.environment["trees"] - one["environment"]["trees"]) < 0.01
        [i] = np.flatnonzero(site)
        assert one["record"] == ("presence" if study.presence[WHEATEAR].iloc[i] else "absence")
        assert one["environment"]["soil"] == study.environment["soil"].iloc[i]
        longitude, latitude = study.coordinates[i].round(2)
        # no more than the map of the species shows
        assert one["place"] == pytest.approx({"latitude": latitude, "longitude": longitude})
        assert set(one["differing"]) <= set(SUITABLE)


def test_the_page_names_change_records_and_places(client, answer):
    data = explain(client, answer)
    change = data["change"]
    page = client.get(f"/predictions/{answer['id']}/explanation")
    text = text_of(page)
    word = {"unsuitable": "Unsuitable", "probably_unsuitable": "Probably unsuitable"}[change["verdict"]]
    labels = {"bare_rock": "Bare rock", "trees": "Trees", "temperature": "Temperature", "soil": "Soil"}
    assert f"{word} with {labels[change['predictor']]} at " in text
    assert f"{change['suitability']:.2f} ({change['interval'][0]:.2f} to {change['interval'][1]:.2f})" in text
    for one in data["nearest"]:
        place = f"{one['place']['latitude']:.2f}° N, {one['place']['longitude']:.2f}° E"
        assert f"{one['record'].capitalize()} {place} dissimilarity {one['dissimilarity_index']:.2f}" in text
    assert page.headers["Cache-Control"] == "private, no-store"


def test_the_change_is_no_advice(client, answer):
    page = text_of(client.get(f"/predictions/{answer['id']}/explanation"))
    schema = client.get("/openapi.json").json["components"]["schemas"]["ExplanationAnswer"]["properties"]["change"]
    for text in (page, schema["description"]):
        assert "a statement about the model, not about what changing the place would do" in text


def test_the_link_opens_the_form_with_the_changed_value(client):
    answer = ask_of(client, SUITABLE, threshold=0.4).json
    change = explain(client, answer)["change"]
    body = client.get(f"/predictions/{answer['id']}/explanation").get_data(as_text=True)
    [href] = re.findall(r'href="(/\?species=[^"]*)"', body)
    href = href.replace("&amp;", "&")
    fields = {name: value for name, (value,) in parse_qs(urlsplit(href).query).items()}
    assert fields.pop("species") == WHEATEAR
    assert (fields.pop("threshold"), fields.pop("own_threshold")) == ("own", "0.4")
    expected = {**SUITABLE, change["predictor"]: change["value_needed"]}
    assert {name.removeprefix("env."): value for name, value in fields.items()} == {
        name: value if isinstance(value, str) else f"{value:g}" for name, value in expected.items()
    }
    assert f"{change['suitability']:.2f}" in text_of(client.get(href))


@pytest.mark.parametrize(("part", "root"), [("explanation", "explanation"), ("statement", "statement")])
def test_fragments(client, answer, part, root):
    response = client.get(f"/predictions/{answer['id']}/{part}", headers=HTMX)
    text = response.get_data(as_text=True).strip()
    assert "HX-Request" in response.vary
    assert "<html" not in text
    assert re.match(rf'<\w+[^>]*\bid="{root}"', text), text[:200]


def test_an_example_is_explained_like_the_same_answer(app, client, answer):
    with app.app_context():
        found, card = lookup.find(answer["id"])
        example = found.model_copy(update={"id": ""})
        assert explain_answer(example, card) == explain_answer(found, card)
        assert explain_answer(found, card).data.model_dump(mode="json") == explain(client, answer)


def test_outside_no_change_is_told_and_records_are(client):
    answer = ask_of(client, OUTSIDE).json
    assert answer["verdict"] == "cannot_say"
    data = explain(client, answer)
    assert data["change"] is None
    assert len(data["nearest"]) == 3
    text = text_of(client.get(f"/predictions/{answer['id']}/explanation"))
    assert "the model gives no verdict on these conditions" in text
    allowed = ask_of(client, OUTSIDE, extrapolation="allow").json
    assert explain(client, allowed)["change"] is None


def test_where_no_single_condition_crosses_the_page_says_so(client, predictor):
    answer = ask_of(client, SUITABLE, threshold=0).json
    assert explain(client, answer)["change"] is None
    assert "No change of a single condition" in text_of(client.get(f"/predictions/{answer['id']}/explanation"))


@pytest.mark.parametrize("path", ["/predictions/{}/explanation", "/predictions/{}/statement"])
@pytest.mark.parametrize("which", [UNKNOWN, "1", "not-an-id"])
def test_an_unknown_answer_is_404(client, path, which):
    response = client.get(path.format(which))
    assert (response.status_code, response.mimetype) == (404, "text/html")


@pytest.mark.parametrize("which", [UNKNOWN, "1"])
def test_an_unknown_answer_is_a_problem_of_the_api(client, which):
    response = client.get(f"/api/v1/predictions/{which}/explanation")
    assert (response.status_code, response.mimetype) == (404, "application/problem+json")
    # a statement is a page
    assert client.get(f"/api/v1/predictions/{which}/statement").status_code == 404


@pytest.fixture(scope="module")
def other_site(tmp_path_factory):
    """Return a function that makes a client of a site with one model."""

    def make(path):
        app = create_app(make_settings(tmp_path_factory.mktemp("site")))
        upgrade(app)
        with app.app_context():
            changes.activate(changes.register(path)[0].id)
        app.test_client_class = LintingClient
        return app.test_client()

    return make


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_model_of_an_older_format_has_a_change_and_no_records(other_site, artifacts, tmp_path, version):
    copied = shutil.copytree(artifacts[WHEATEAR], tmp_path / "copy")
    make_older(copied, version)
    client = other_site(copied)
    # format 1 was not calibrated: just below its suitability there is a change
    threshold = ask_of(client, SUITABLE).json["suitability"] - 0.02
    answer = ask_of(client, SUITABLE, threshold=threshold).json
    data = explain(client, answer)
    assert (data["nearest"], data["missing"]) == ([], ["nearest records"])
    assert "nearest records" in answer["missing"]
    assert (answer["suitable"], data["change"]["suitable"]) == (True, False)
    assert "of an older format and does not name its records" in text_of(
        client.get(f"/predictions/{answer['id']}/explanation")
    )
    assert client.get(f"/predictions/{answer['id']}/statement").status_code == 200


def test_a_study_without_coordinates_has_no_places(other_site, tmp_path):
    study = synthetic_study(n_species=2, coordinates=False, categorical=True)
    client = other_site(train_species(study, WHEATEAR, tmp_path, 12, 3, n_networks=1))
    answer = ask_of(client, SUITABLE).json
    data = explain(client, answer)
    assert [one["place"] for one in data["nearest"]] == [None] * 3
    text = text_of(client.get(f"/predictions/{answer['id']}/explanation"))
    assert "°" not in text.replace("°C", "")


def test_a_model_that_answers_no_more_explains_without_a_link(other_site, artifacts, newer_model):
    client = other_site(artifacts[WHEATEAR])
    answer = ask_of(client, SUITABLE).json
    before = explain(client, answer)
    with client.application.app_context():
        changes.activate(changes.register(newer_model)[0].id)
    assert explain(client, answer) == before
    body = client.get(f"/predictions/{answer['id']}/explanation").get_data(as_text=True)
    assert "(now " in body
    assert 'href="/?species=' not in body


def test_the_statement_has_all_that_a_reader_of_paper_needs(client, answer):
    page = client.get(f"/predictions/{answer['id']}/statement")
    assert page.headers["Cache-Control"] == "private, no-store"
    text = text_of(page)
    for part in (
        "Oenanthe hispanica",
        "black-eared wheatear",
        answer["verdict_reason"],
        answer["quality"]["sentence"],
        f"Suitability{answer['suitability']:.2f}",
        f"Interval (nine in ten){answer['interval'][0]:.2f} to {answer['interval'][1]:.2f}",
        f"Threshold{answer['threshold']['value']:.2f} (maxSSS)",
        "Bare rock60 %",
        "Temperature16 °C",
        "Soilclay3 levels",
        "Inside the area of applicability",
        "42 presences and 78 absences of the study Test hills.",
        "These records are invented.",
        "Nobody (2026). Licence: CC0-1.0.",
        f"{answer['model']['id']}, version {answer['model']['version']}",
        f"http://localhost/predictions/{answer['id']}",
        "EcoPredict 0.1.0, MIT licence",
        "Suitability of conditions for Oenanthe hispanica",
    ):
        assert part in text, part
    assert "css/statement.css" in page.get_data(as_text=True)


def test_a_statement_that_cannot_say_promises_no_interval(client):
    answer = ask_of(client, OUTSIDE).json
    text = text_of(client.get(f"/predictions/{answer['id']}/statement"))
    assert "Cannot say" in text
    assert answer["verdict_reason"] in text
    assert "Interval (nine in ten)" not in text
    assert "no basis for a decision" in text
    assert "Suitable means" not in text
    assert "Suitable means" not in text_of(client.get(f"/predictions/{answer['id']}"))


@pytest.mark.parametrize("extrapolation", ["flag", "allow"])
def test_a_statement_names_and_marks_the_conditions_outside(client, extrapolation):
    answer = ask_of(client, OUTSIDE, extrapolation=extrapolation).json
    page = client.get(f"/predictions/{answer['id']}/statement")
    text = text_of(page)
    words = "Beyond what the model has seen, as you allowed"
    assert (words in text) is (extrapolation == "allow")
    assert (words in text_of(client.get(f"/predictions/{answer['id']}"))) is (extrapolation == "allow")
    named = r"Outside the range seen in training: Temperature \(60 °C, seen [^)]+ °C\)\."
    assert re.search(named if extrapolation == "allow" else "Temperature, 60 °C, lies outside the range", text)
    marked = re.findall(r'<tr class="statement-outside"><th scope="row">(\w+)', page.get_data(as_text=True))
    assert marked == ["Temperature"]
