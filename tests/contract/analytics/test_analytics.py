"""The analytics page and its JSON."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest

from app.analytics import service
from app.components import components
from app.database.db import db
from app.registry import service as registry
from app.registry.model_cache import ModelCache
from tests.contract.conftest import WHEATEAR

HTMX = {"HX-Request": "true"}
BLACKCAP = "sylvia-atricapilla"
TIT = "parus-major"
API = "/api/v1/analytics"


def kinds(found, study=0):
    return {count["kind"]: count["requests"] for count in found["studies"][study]["novelty"]}


def test_a_period_without_requests_is_empty(visitor):
    page = visitor.get("/analytics").get_data(as_text=True)
    assert "No answers in this period" in page
    assert visitor.get(API).json | {"since": 0, "until": 0} == {
        "days": 30, "since": 0, "until": 0, "requests": 0, "studies": [], "species": [],
    }  # fmt: skip


def test_without_models_the_page_answers_too(empty_app):
    assert empty_app.test_client().get("/analytics").status_code == 200


def test_every_face_has_the_same_figures(visitor, send):
    for _ in range(3):
        send()
    send(temperature=60)
    page = visitor.get("/analytics?days=7")
    fragment = visitor.get("/analytics?days=7", headers=HTMX)
    text = fragment.get_data(as_text=True).strip()
    assert page.get_data(as_text=True).lstrip().startswith("<!doctype html>")
    assert 'aria-current="page">Analytics' in page.get_data(as_text=True)
    assert text.startswith('<div class="analytics" id="analytics"')
    assert text in page.get_data(as_text=True)
    assert "HX-Request" in page.vary
    assert "HX-Request" in fragment.vary
    found = visitor.get(f"{API}?days=7").json
    assert found["requests"] == 4
    assert "1 of 4 answers (25 %) lay outside the training conditions." in text
    assert "There are too few answers to tell" in text


def test_where_the_requests_lay(visitor, send, environment):
    send()
    send()
    send(temperature=60)
    assert send(temperature=60, extrapolation="refuse").status_code == 409
    # no training site had bare rock and trees everywhere at once
    assert send(bare_rock=88, trees=98, temperature=environment["temperature"]).status_code == 200
    found = visitor.get(API).json
    said = [item["novelty"]["kind"] for item in visitor.get("/api/v1/predictions").json["items"]]
    assert said.count("range") == 1
    assert kinds(found) == {kind: said.count(kind) for kind in ("inside", "range", "combination", "unknown")}
    assert sum(count["share"] for count in found["studies"][0]["novelty"]) == pytest.approx(1)
    assert found["studies"][0]["examined"] == found["studies"][0]["requests"] == 4
    assert found["studies"][0]["study"] == {"slug": "test-hills", "title": "Test hills"}


def test_drift_of_requested_conditions(visitor, send, environment):
    draw = [environment["temperature"] + step / 4 for step in range(-15, 16)]
    for i, temperature in enumerate(draw):
        send(temperature=temperature, bare_rock=85 + i % 5)
    lines = visitor.get(API).json["studies"][0]["drift"]
    assert lines[0]["predictor"] == "bare_rock"
    # categorical predictors are left out
    assert {line["predictor"] for line in lines} == {"bare_rock", "trees", "temperature"}
    assert [line["distance"] for line in lines] == sorted((line["distance"] for line in lines), reverse=True)
    by_name = {line["predictor"]: line for line in lines}
    rock = by_name["bare_rock"]
    assert rock["word"] == "very different"
    assert rock["distance"] > 0.9
    assert rock["requests"] == len(draw)
    assert rock["requested"] == {"low": 86, "median": 87, "high": 88}
    assert rock["trained"]["low"] < rock["trained"]["median"] < rock["trained"]["high"] < 86
    assert by_name["temperature"]["word"] in ("about the same", "too few requests")
    text = visitor.get("/analytics").get_data(as_text=True)
    assert "Yes, most of all in Test hills: Bare rock, where half of the answers lie between 86 and 88 %" in text
    assert text.count("<table") == text.count("<caption") == 4


def test_species_asked_about_most(visitor, send):
    for _ in range(3):
        send(BLACKCAP)
    send()
    found = visitor.get(API).json["species"]
    assert [(one["slug"], one["requests"], one["share"]) for one in found] == [(BLACKCAP, 3, 0.75), (WHEATEAR, 1, 0.25)]
    assert "Eurasian blackcap (Sylvia atricapilla), with 3 of 4 answers." in visitor.get("/analytics").get_data(
        as_text=True
    )


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        (None, [BLACKCAP, WHEATEAR, TIT]),
        ("-requests", [BLACKCAP, WHEATEAR, TIT]),
        ("requests", [TIT, WHEATEAR, BLACKCAP]),
        ("name", [WHEATEAR, TIT, BLACKCAP]),
        ("-name", [BLACKCAP, TIT, WHEATEAR]),
    ],
)
def test_species_in_another_order(visitor, send, sort, order):
    for species, times in ((BLACKCAP, 3), (WHEATEAR, 2), (TIT, 1)):
        for _ in range(times):
            send(species)
    query = {} if sort is None else {"sort": sort}
    assert [one["slug"] for one in visitor.get(API, query_string=query).json["species"]] == order
    page = visitor.get("/analytics", query_string=query).get_data(as_text=True)
    assert re.findall(r'<th scope="row"><a href="/species/([a-z-]+)"', page) == order
    direction = "ascending" if sort in ("requests", "name") else "descending"
    assert "Eurasian blackcap (Sylvia atricapilla), with 3 of 6 answers." in page
    assert page.count("aria-sort=") == 1
    assert f'aria-sort="{direction}"' in page
    lines = visitor.get("/analytics.csv", query_string=query).get_data(as_text=True).splitlines()
    assert lines[0].split(",")[:6] == ["species", "scientific_name", "vernacular_name", "study", "requests", "share"]
    assert [line.split(",")[0] for line in lines[1:]] == order


def test_the_file_has_every_species_and_the_page_the_first_ten(visitor, send, monkeypatch):
    for species in (BLACKCAP, WHEATEAR, TIT):
        send(species)
    monkeypatch.setattr(service.look_back, "__defaults__", (2,))
    assert len(visitor.get(API).json["species"]) == 2
    response = visitor.get("/analytics.csv?days=90")
    assert len(response.get_data(as_text=True).splitlines()) == 4
    assert response.headers["Cache-Control"] == "private, no-store"
    assert "ecopredict-requests-90-days.csv" in response.headers["Content-Disposition"]


@pytest.mark.parametrize("query", ["sort=moon", "sort=", "sort=name&sort=name", "days=8"])
def test_another_order_is_refused(client, query):
    for path in (API, "/analytics", "/analytics.csv"):
        assert client.get(f"{path}?{query}").status_code == 422


@pytest.mark.parametrize(("days", "requests"), [(7, 1), (30, 2), (90, 4)])
def test_only_the_period_counts(visitor, send, store_older, days, requests):
    store_older(89.9)
    store_older(31, temperature=60)
    store_older(8)
    store_older(91)
    send()
    found = visitor.get(f"{API}?days={days}").json
    assert found["requests"] == sum(kinds(found).values()) == requests
    assert kinds(found)["range"] == (days == 90)
    since, until = (datetime.fromisoformat(found[name]) for name in ("since", "until"))
    assert until - since == timedelta(days=days)


def test_answers_of_an_earlier_version_are_told_apart_as_far_as_they_can_be(visitor, store_older):
    store_older(1, forget=True)
    store_older(1, forget=True, temperature=60)
    found = visitor.get(API).json
    assert kinds(found) == {"inside": 0, "range": 1, "combination": 0, "unknown": 1}
    assert "only the ranges could be checked" in visitor.get("/analytics").get_data(as_text=True)


def test_of_very_many_requests_the_latest_are_looked_at(visitor, send, monkeypatch):
    from app.analytics import service

    monkeypatch.setattr(service, "MOST", 3)
    for temperature in (60, 61, 14, 14.5, 15):
        send(temperature=temperature)
    study = visitor.get(API).json["studies"][0]
    assert (study["requests"], study["examined"]) == (5, 3)
    assert {count["kind"]: count["requests"] for count in study["novelty"]}["range"] == 0
    assert "its figures are of the latest" in visitor.get("/analytics").get_data(as_text=True)


def test_a_model_that_cannot_be_opened_takes_nothing_else_with_it(site, visitor, send, tmp_path):
    send()
    with site.app_context():
        for version in db.session.scalars(db.select(registry.ModelVersion)):
            version.path = str(tmp_path / "gone")
        db.session.commit()
    components(site).get(ModelCache)._open.clear()
    study = visitor.get(API).json["studies"][0]
    assert study["drift"] is None
    assert study["requests"] == 1
    assert "No model of this study can be opened" in visitor.get("/analytics").get_data(as_text=True)


@pytest.mark.parametrize("days", ["8", "0", "-7", "week", "", "30.5", "1e400", "9" * 30, "7&days=30"])
def test_another_period_is_refused_by_name(client, days):
    answer = client.get(f"{API}?days={days}")
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert [problem["pointer"] for problem in answer.json["errors"]] == ["/days"]
    page = client.get(f"/analytics?days={days}")
    assert page.status_code == 422
    assert page.mimetype == "text/html"
    text = page.get_data(as_text=True)
    assert "Days: " in text
    assert "/days:" not in text


def test_analytics_contain_no_client_address(visitor, send):
    send()
    assert "127.0.0.1" not in visitor.get(API).get_data(as_text=True) + visitor.get("/analytics").get_data(as_text=True)
