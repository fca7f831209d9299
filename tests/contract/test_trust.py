"""Every answer says how far it can be believed, and why."""

from __future__ import annotations

import html
from dataclasses import replace

import numpy as np
import pytest

from app import create_app
from app.catalogue import snapshot
from app.database.db import db
from app.predictions.tables import Prediction
from app.registry import changes
from app.registry import service as registry
from ml.odmap.purpose import limits_of
from ml.serving.verdict import VERDICTS, is_suitable
from ml.training.train import train_species
from tests.contract.conftest import WHEATEAR, LintingClient, ask_of, form_of, make_settings, upgrade
from tests.synthetic import synthetic_study

OUTSIDE = {"temperature": 60}


@pytest.fixture(scope="module")
def hills(tmp_path_factory):
    """A client of a site whose only study has trees where there is no rock, and the other way round."""
    folder = tmp_path_factory.mktemp("hills")
    study = synthetic_study(n_species=2)
    table = study.environment.copy()
    noise = np.random.default_rng(1).normal(0, 3, len(table))
    table["trees"] = np.clip(95 - table.bare_rock + noise, 0, 100).round(1)
    path = train_species(replace(study, environment=table), WHEATEAR, folder, n_estimators=30, n_networks=1)
    app = create_app(make_settings(folder))
    upgrade(app)
    with app.app_context():
        version, _ = changes.register(path)
        changes.activate(version.id)
    app.test_client_class = LintingClient
    return app.test_client()


def test_an_answer_says_where_it_stands(ask):
    answer = ask().json
    novelty = answer["novelty"]
    assert novelty["kind"] == "inside"
    assert novelty["in_area_of_applicability"] is True
    assert 0 <= novelty["dissimilarity_index"] <= novelty["dissimilarity_threshold"]
    assert novelty["outside_range"] == []
    assert answer["missing"] == []
    assert answer["verdict"] in VERDICTS[:-1]
    told = answer["uncertainty"]
    assert told["level"] == 0.9
    assert 0 < told["coverage"] <= 1
    assert told["groups"] > 0
    assert sum(told["sources"].values()) == pytest.approx(1)


def test_baseline_and_contributions_sum_to_the_answer(ask):
    for trees in (0, 33, 100):
        answer = ask(trees=trees).json
        total = answer["baseline"] + sum(item["effect"] for item in answer["contributions"])
        assert total == pytest.approx(answer["suitability"], abs=1e-9)


def test_a_value_beyond_the_records_is_flagged_and_named(ask):
    answer = ask(**OUTSIDE).json
    assert answer["verdict"] == "cannot_say"
    assert answer["novelty"]["kind"] == "range"
    assert answer["novelty"]["outside_range"] == ["temperature"]
    assert answer["novelty"]["most_dissimilar"] == "temperature"
    assert answer["novelty"]["mess"] < 0


def test_values_never_seen_together_are_novel_though_each_is_in_range(hills):
    both_high = {"bare_rock": 80, "trees": 90, "temperature": 14}
    answer = ask_of(hills, both_high).json
    assert answer["novelty"]["kind"] == "combination"
    assert answer["novelty"]["in_area_of_applicability"] is False
    assert answer["novelty"]["mess"] >= 0
    assert answer["novelty"]["dissimilarity_index"] > answer["novelty"]["dissimilarity_threshold"]
    assert answer["novelty"]["most_dissimilar"] in ("bare_rock", "trees")
    assert answer["verdict"] == "cannot_say"
    page = hills.post("/", data=form_of(both_high)).get_data(as_text=True)
    assert "A combination this model has not seen" in page
    usual = ask_of(hills, {"bare_rock": 80, "trees": 15, "temperature": 14}).json
    assert usual["novelty"]["kind"] == "inside"


def test_allowed_extrapolation_is_judged_by_the_number(ask, client, environment):
    flagged = ask(**OUTSIDE).json
    allowed = ask_of(client, {**environment, **OUTSIDE}, extrapolation="allow").json
    assert allowed["verdict"] in VERDICTS[:-1]
    assert allowed["extrapolation"] == "allow"
    assert allowed["novelty"] == flagged["novelty"]
    assert allowed["suitability"] == flagged["suitability"]
    again = client.get(f"/api/v1/predictions/{allowed['id']}").json
    assert again == allowed
    page = client.get(f"/predictions/{allowed['id']}").get_data(as_text=True)
    assert "which you allowed" in page


@pytest.mark.parametrize("place", ["body", "address"])
def test_refused_extrapolation_is_a_conflict_that_names_the_field(client, environment, place, nothing_happened):
    values = {**environment, **OUTSIDE}
    if place == "body":
        response = ask_of(client, values, extrapolation="refuse")
    else:
        response = ask_of(client, values, path="/api/v1/predictions?extrapolation=refuse")
    assert response.status_code == 409
    assert response.content_type == "application/problem+json"
    problem = response.json
    assert problem["type"] == "urn:ecopredict:problem:outside-area-of-applicability"
    assert [item["pointer"] for item in problem["errors"]] == ["/environment/temperature"]
    assert "range seen in training" in problem["errors"][0]["detail"]


def test_a_refused_combination_names_the_environment(hills):
    response = ask_of(hills, {"bare_rock": 80, "trees": 90, "temperature": 14}, extrapolation="refuse")
    assert response.status_code == 409
    (problem,) = response.json["errors"]
    assert problem["pointer"] == "/environment"
    assert "dissimilarity index" in problem["detail"]


def test_refusing_answers_where_the_model_can_be_applied(client, environment):
    assert ask_of(client, environment, extrapolation="refuse").status_code == 200


def test_the_form_refuses_too_and_keeps_what_was_typed(client, environment):
    sent = form_of({**environment, **OUTSIDE}, extrapolation="refuse", threshold="own", own_threshold="0,4")
    page = client.post("/", data=sent)
    fragment = client.post("/", data=sent, headers={"HX-Request": "true"})
    for response in (page, fragment):
        assert response.status_code == 409
        assert "Not answered, as you asked" in response.get_data(as_text=True)
        assert "Temperature: 60 °C lies outside" in response.get_data(as_text=True)
    text = page.get_data(as_text=True)
    assert 'value="60"' in text
    assert 'value="0,4"' in text
    assert '<option value="refuse" selected>' in text


@pytest.mark.parametrize("wanted", ["sometimes", "", 1, None, ["refuse"]])
def test_an_unknown_wish_is_refused_by_name(client, environment, wanted, nothing_happened):
    response = ask_of(client, environment, extrapolation=wanted)
    assert response.status_code == 422
    assert [item["pointer"] for item in response.json["errors"]] == ["/extrapolation"]


def test_a_repeated_option_is_refused(client, environment, nothing_happened):
    path = "/api/v1/predictions?extrapolation=refuse"
    assert ask_of(client, environment, path=path, extrapolation="allow").status_code == 422
    assert ask_of(client, environment, path=path + "&extrapolation=allow").status_code == 422


@pytest.mark.parametrize("rule", ["maxSSS", "P10", "MTP", "mtp"])
def test_a_threshold_by_any_rule_of_the_card(client, environment, rule):
    card = client.get(f"/api/v1/species/{WHEATEAR}").json["model"]["thresholds"]
    answer = ask_of(client, environment, threshold=rule).json
    name = next(known for known in card if known.lower() == rule.lower())
    assert answer["threshold"] == {"rule": name, **card[name]}
    assert answer["suitable"] is (answer["suitability"] >= card[name]["value"])
    assert answer["suitable"] is is_suitable(answer["verdict"])


def test_a_threshold_of_ones_own_is_judged_by_held_out_records(client, environment):
    rates = []
    for value in (0, 0.3, 0.7, 1):
        used = ask_of(client, environment, threshold=value).json["threshold"]
        assert (used["value"], used["rule"]) == (value, "own")
        rates.append((used["sensitivity"], used["specificity"]))
    assert rates[0] == (1, 0)
    assert sorted(rates, key=lambda pair: -pair[0]) == rates
    assert sorted(rates, key=lambda pair: pair[1]) == rates
    by_address = ask_of(client, environment, path="/api/v1/predictions?threshold=0.3").json["threshold"]
    assert (by_address["sensitivity"], by_address["specificity"]) == rates[1]


@pytest.mark.parametrize("wanted", [-0.1, 1.01, "maxTSS", "", True, [], {"rule": "P10"}, float("nan"), float("inf")])
def test_an_impossible_threshold_is_refused_by_name(client, environment, wanted, nothing_happened):
    response = ask_of(client, environment, threshold=wanted)
    assert response.status_code == 422
    assert [item["pointer"] for item in response.json["errors"]] == ["/threshold"]


@pytest.mark.parametrize("typed", ["", "high", "1.5", "-1", "nan"])
def test_the_form_names_a_wrong_threshold_beside_its_field(client, environment, typed):
    response = client.post("/", data=form_of(environment, threshold="own", own_threshold=typed))
    assert response.status_code == 422
    page = response.get_data(as_text=True)
    assert 'id="own-threshold-error"' in page
    assert '<a href="#own-threshold">' in page
    assert '<option value="own" selected>' in page


def test_the_page_says_what_suitable_means_and_what_not(client, environment):
    page = client.post("/", data=form_of(environment, threshold="own", own_threshold="0.35")).get_data(as_text=True)
    assert "Suitable means 0.35 or more, your own threshold" in page
    assert "does not mean that the species is there" in page
    species = client.get(f"/species/{WHEATEAR}").get_data(as_text=True)
    assert "It does not say that the species is there" in species
    assert "How far it can be trusted" in species


def test_threshold_and_wish_change_nothing_in_the_cache(client, environment):
    values = {**environment, "trees": 41.25}
    first = ask_of(client, values, threshold=0.2).json
    second = ask_of(client, values, threshold=0.9, extrapolation="allow").json
    assert (first["cached"], second["cached"]) == (False, True)
    assert first["suitability"] == second["suitability"]
    assert first["threshold"]["value"] == 0.2
    assert second["threshold"]["value"] == 0.9


def test_an_answer_kept_before_these_parts_existed_is_still_shown(app, client, ask):
    answer = ask(**OUTSIDE).json
    with app.app_context():
        row = db.session.get(Prediction, answer["id"])
        kept = ("suitability", "interval", "contributions", "cached")
        row.answer = {name: row.answer[name] for name in kept} | {
            "suitable": True,
            "threshold": {"value": 0.4, "rule": "maxSSS"},
            "novelty": {"in_area_of_applicability": False, "mess": -3.0, "most_dissimilar": "temperature"},
        }
        db.session.commit()
    again = client.get(f"/api/v1/predictions/{answer['id']}").json
    assert again["verdict"] == "cannot_say"
    assert again["suitable"] is None
    assert again["quality"] == answer["quality"]
    assert again["uncertainty"] is None
    assert again["novelty"]["dissimilarity_index"] is None
    page = client.get(f"/predictions/{answer['id']}").get_data(as_text=True)
    assert "Temperature: 60" in page


def test_the_answer_shows_a_curve_for_each_condition(client, environment):
    page = client.post("/", data=form_of(environment), headers={"HX-Request": "true"}).get_data(as_text=True)
    assert page.count('class="spark"') == len(environment)


@pytest.mark.parametrize(
    ("address", "limit"),
    [
        (f"/?species={WHEATEAR}&from=0&env.trees=12", 2),
        # response curves cost twice as much
        (f"/species/{WHEATEAR}/response-curves", 4),
        ("/compare/species", 2),
    ],
)
def test_pages_that_ask_a_model_are_limited_like_the_form(tmp_path, artifacts, address, limit):
    app = create_app(make_settings(tmp_path, rate_limit=f"{limit}/hour"))
    upgrade(app)
    with app.app_context():
        version, _ = changes.register(artifacts[WHEATEAR])
        changes.activate(version.id)
    client = app.test_client()
    assert [client.get(address).status_code for _ in range(3)] == [200, 200, 429]
    assert client.get("/").status_code == 429


def test_species_model_answer_and_statement_have_one_list_of_limits(client, ask):
    answer = ask().json
    with client.application.app_context():
        limits = limits_of(registry.card_of(snapshot.current().by_slug[WHEATEAR].model))
    assert len(limits) > 1
    counted = f"All {len(limits)} limits"
    addresses = {
        "species": f"/species/{WHEATEAR}",
        "model": f"/models/{answer['model']['id']}",
        "answer": f"/predictions/{answer['id']}",
        "statement": f"/predictions/{answer['id']}/statement",
    }
    pages = {name: html.unescape(client.get(address).text) for name, address in addresses.items()}
    for name in ("species", "model", "answer"):
        assert counted in pages[name], name
    for text in limits:
        assert pages["species"].count(text) and pages["model"].count(text), text
    assert limits[0] in pages["answer"]
    assert limits[0] in pages["statement"]
    assert f"/species/{WHEATEAR}#limits-title" in pages["answer"]


def test_the_list_of_species_says_that_verdicts_are_compared(client):
    text = " ".join(client.get("/compare/species").text.split())
    assert text.count("compare verdicts, not numbers") == 1
