"""The analytics page, its JSON, and what the metrics count about novelty and drift."""

from __future__ import annotations

import copy
import re
import shutil
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from app import create_app
from app.catalogue import snapshot
from app.components import components
from app.database.db import db
from app.predictions import tables
from app.predictions.tables import Prediction
from app.registry import service as registry
from app.registry.model_cache import ModelCache
from tests.contract.conftest import WHEATEAR, LintingClient, make_settings, upgrade

HTMX = {"HX-Request": "true"}
BLACKCAP = "sylvia-atricapilla"
API = "/api/v1/analytics"


@pytest.fixture(scope="module")
def prepared(artifacts, tmp_path_factory):
    """Folder of a database with models, which nobody has asked."""
    folder = tmp_path_factory.mktemp("prepared")
    app = create_app(make_settings(folder))
    upgrade(app)
    with app.app_context():
        for path in artifacts.values():
            version, _ = registry.register(path)
            registry.activate(version.id)
        db.engine.dispose()
    return folder


@pytest.fixture
def site(prepared, tmp_path):
    """An application of its own: counts start at nothing."""
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    app = create_app(make_settings(tmp_path))
    app.test_client_class = LintingClient
    return app


@pytest.fixture
def visitor(site):
    return site.test_client()


@pytest.fixture
def send(visitor, environment):
    def post(species=WHEATEAR, extrapolation="flag", **changes):
        body = {"species": species, "environment": environment | changes, "extrapolation": extrapolation}
        return visitor.post("/api/v1/predictions", json=body)

    return post


@pytest.fixture
def store_older(site, send):
    """Put an answer back in time; `forget` leaves out what rows of an earlier version did not say."""

    def store(days: float, species=WHEATEAR, *, forget: bool = False, **changes):
        made = send(species, **changes).json["id"]
        with site.app_context():
            row = db.session.get(Prediction, made)
            answer = copy.deepcopy(row.answer)
            if forget:
                for name in ("kind", "dissimilarity_index", "dissimilarity_threshold", "outside_range"):
                    del answer["novelty"][name]
            moment = datetime.now(UTC) - timedelta(days=days)
            # an id of that time, unlike any other
            old = uuid.UUID(int=uuid.UUID(tables.first_id_of(moment)).int | uuid.uuid4().int & ((1 << 62) - 1))
            db.session.add(
                Prediction(
                    id=str(old),
                    species_id=row.species_id,
                    model_id=row.model_id,
                    environment=row.environment,
                    answer=answer,
                    created_at=moment,
                )
            )
            db.session.delete(row)
            db.session.commit()

    return store


def kinds(found, study=0):
    return {count["kind"]: count["requests"] for count in found["studies"][study]["novelty"]}


def metric(client, name, **labels):
    """Value of one series."""
    wanted = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    text = client.get("/metrics").get_data(as_text=True)
    found = re.search(rf"^{name}\{{{re.escape(wanted)}\}} (\S+)$", text, re.MULTILINE)
    assert found, f"{name}{{{wanted}}} is not in\n" + "\n".join(line for line in text.splitlines() if name in line)
    return float(found[1])


def test_a_period_without_requests_is_empty(visitor):
    page = visitor.get("/analytics").get_data(as_text=True)
    assert "No requests in this period" in page
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
    assert "1 of 4 requests (25 %) lay outside the training conditions." in text
    assert "There are too few requests to tell" in text


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
    assert "Yes, most of all in Test hills: Bare rock, where half of the requests lie between 86 and 88 %" in text
    assert text.count("<table") == text.count("<caption") == 3


def test_species_asked_about_most(visitor, send):
    for _ in range(3):
        send(BLACKCAP)
    send()
    found = visitor.get(API).json["species"]
    assert [(one["slug"], one["requests"], one["share"]) for one in found] == [(BLACKCAP, 3, 0.75), (WHEATEAR, 1, 0.25)]
    assert "Eurasian blackcap (Sylvia atricapilla), with 3 of 4 requests." in visitor.get("/analytics").get_data(
        as_text=True
    )


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


def test_metrics_count_every_answer_cached_or_not_and_every_refusal(visitor, send):
    for _ in range(2):
        assert send().status_code == 200
    assert send(temperature=60).status_code == 200
    assert send(temperature=60, extrapolation="refuse").status_code == 409
    assert send(temperature="warm").status_code == 422
    kind = {name: metric(visitor, "ecopredict_answers_total", study="test-hills", novelty=name)
            for name in ("inside", "range", "combination", "unknown")}  # fmt: skip
    stored = visitor.get("/api/v1/predictions").json["items"]
    assert kind["range"] == 2
    assert sum(kind.values()) == len(stored) + 1 == 4
    assert metric(visitor, "ecopredict_refused_total", study="test-hills") == 1
    assert metric(visitor, "ecopredict_predictions_total", cached="true") == 1


def test_metrics_count_requested_conditions_by_quarter(site, visitor, send, environment):
    def parts(predictor):
        return {
            part: metric(
                visitor, "ecopredict_requested_conditions_total", study="test-hills", predictor=predictor, part=part
            )
            for part in ("below", "q1", "q2", "q3", "q4", "above")
        }

    with site.app_context():
        artifact = registry.opened(snapshot.current().best().model)
    names = [predictor.name for predictor in artifact.card.predictors]
    trained = artifact.predictor.reference[names.index("temperature")]
    for value in (trained[0] - 1, *trained[::10], trained[-1] + 1):
        # as it was recorded: single precision has no 14.03
        assert send(temperature=round(float(value), 2)).status_code == 200
    counted = parts("temperature")
    assert counted["below"] == counted["above"] == 1
    assert sum(counted[part] for part in ("q1", "q2", "q3", "q4")) == pytest.approx(len(trained[::10]))
    assert [counted[part] for part in ("q1", "q2", "q3", "q4")] == pytest.approx([3] * 4, abs=1)
    assert sum(parts("trees").values()) == pytest.approx(len(trained[::10]) + 2)
    assert 'predictor="soil"' not in visitor.get("/metrics").get_data(as_text=True)


def test_only_the_first_predictors_of_a_study_are_counted(visitor, send, monkeypatch):
    from app.predictions import usage

    monkeypatch.setattr(usage, "MOST_PREDICTORS", 2)
    send()
    text = visitor.get("/metrics").get_data(as_text=True)
    assert set(re.findall(r'ecopredict_requested_conditions_total\{.*predictor="(\w+)"', text)) == {
        "bare_rock",
        "trees",
    }
