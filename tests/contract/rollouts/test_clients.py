"""What single clients can do to a rollout, and what several show."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import update

from app.catalogue.rollouts import Rollout, RolloutCount
from app.components import components
from app.database.db import db
from app.database.types import now
from app.errors import ValidationFailed
from app.predictions import service as predictions
from app.registry import changes
from app.registry import service as registry
from app.rollouts import service as rollouts
from app.rollouts.measures import Measures
from ml.training.train import train_species
from tests.contract.conftest import WHEATEAR
from tests.contract.rollouts.conftest import API, another
from tests.synthetic import synthetic_study

#: The candidate fails where there is more bare rock.
ROCKY = 80.0


@pytest.fixture
def fails_on_rock(trial, monkeypatch):
    """Let the candidate raise an error for some conditions, which the active model takes."""

    def begin(error: Exception | None = None):
        for name in ("cached_or_computed", "compute"):
            real = getattr(predictions, name)

            def fail(artifact, environment, real=real):
                if artifact.model_id == trial.candidate and environment["bare_rock"] > ROCKY:
                    raise error or RuntimeError("for the test")
                return real(artifact, environment)

            monkeypatch.setattr(predictions, name, fail)

    return begin


def ask(trial, address, rock):
    answer = trial.ask(address, environment={**trial.environment, "bare_rock": rock})
    assert answer.status_code == 200
    return answer.json["model"]["id"]


def some_addresses(n):
    return [f"192.0.2.{at}" for at in range(1, n + 1)]


def test_one_client_who_repeats_what_breaks_the_candidate_does_not_stop_it(trial, fails_on_rock):
    trial.start()
    hostile = trial.address_of(trial.candidate)
    fails_on_rock()
    for number in range(400):
        assert ask(trial, hostile, 85.0 + number % 5) == trial.active
        if number % 40 == 0:
            # also while others ask little
            trial.asked(3)
            trial.store()
    rollout = trial.read()
    arm = rollout["arms"][1]
    assert (rollout["state"], arm["failed"], arm["clients_failed"]) == ("running", 400, 1)
    assert "All of these failures were for one client." in rollout["sentence"]
    assert rollout["rule"]["evidence"] == pytest.approx(1)
    # the others still get the candidate
    assert trial.candidate in another(trial).asked(20)


def test_a_candidate_that_fails_for_one_request_in_twenty_is_stopped(trial, fails_on_rock):
    trial.start()
    fails_on_rock()
    clients = some_addresses(40)
    asked = 0
    while trial.read()["state"] == "running" and asked < 2_000:
        for at in clients:
            asked += 1
            ask(trial, at, 85.0 if asked % 21 == 0 else 40.0)
    rollout = trial.read()
    assert (rollout["state"], "clients; the active version 0 of" in rollout["reason"]) == ("stopped", True)
    assert rollout["arms"][1]["clients_failed"] >= rollout["rule"]["clients"] == 3
    assert rollout["arms"][1]["requests"] <= 500


def test_what_the_candidate_only_refuses_is_shown_and_stops_nothing(trial, fails_on_rock):
    trial.start()
    fails_on_rock(ValidationFailed([("/environment/bare_rock", "must be 80 or less")]))
    for _ in range(8):
        for at in some_addresses(30):
            assert ask(trial, at, 90.0) == trial.active
    rollout = trial.read()
    active, candidate = rollout["arms"]
    assert rollout["state"] == "running"
    assert (candidate["requests"], candidate["refused"]) == (240 - active["requests"],) * 2
    assert (candidate["failed"], candidate["clients_failed"], candidate["error_rate"]) == (0, 0, None)
    assert f"It refused {candidate['refused']} requests that the active version answered" in rollout["sentence"]
    metrics = trial.client.get("/metrics").get_data(as_text=True)
    assert 'ecopredict_rollout_requests_total{arm="candidate",outcome="refused"}' in metrics


def test_a_shadow_counts_refusals_and_clients_too(trial, fails_on_rock):
    trial.start(mode="shadow", percent=100)
    fails_on_rock(ValidationFailed([("/environment/bare_rock", "must be 80 or less")]))
    for at in some_addresses(10):
        ask(trial, at, 90.0)
    assert trial.arm("candidate")["refused"] == 10
    fails_on_rock()
    for number in range(60):
        ask(trial, "192.0.2.1", 85.0 + number / 100)
    assert (trial.read()["state"], trial.arm("candidate")["failed"]) == ("running", 60)
    for at in some_addresses(12):
        ask(trial, at, 95.0)
    assert trial.read()["state"] == "stopped"


def test_a_client_who_asks_alone_for_an_hour_is_enough(trial, fails_on_rock):
    trial.start(mode="shadow", percent=100)
    fails_on_rock()
    for number in range(20):
        ask(trial, "192.0.2.1", 85.0 + number / 100)
    assert trial.read()["state"] == "running"
    with trial.app.app_context():
        db.session.execute(update(Rollout).values(started_at=now() - timedelta(hours=2)))
        db.session.commit()
    for number in range(20):
        ask(trial, "192.0.2.1", 86.0 + number / 100)
        trial.store()
    rollout = trial.read()
    assert (rollout["state"], "of one client;" in rollout["reason"]) == ("stopped", True)


def test_a_process_without_the_database_is_not_misled_by_one_client(trial, fails_on_rock):
    trial.start()
    hostile = trial.address_of(trial.candidate)
    fails_on_rock()
    worker = another(trial, database_url="postgresql+psycopg2://u:p@127.0.0.1:1/none")
    for _ in range(20):
        worker.asked(10)
        for rock in (85.0, 86.0, 87.0):
            ask(worker, hostile, rock)
        worker.store()
    assert not components(worker.app).get(Measures).is_stopped(1)


def test_what_is_stored_names_no_client_and_is_bounded(trial, fails_on_rock):
    trial.start(percent=50)
    fails_on_rock()
    for at in range(150):
        ask(trial, f"198.51.100.{at + 1}", 85.0 if at % 9 == 0 else 40.0)
    trial.store()
    with trial.app.app_context():
        names = [row.name for row in db.session.query(RolloutCount)]
    of_groups = [name for name in names if re.fullmatch(r"(ok|failed)\.([0-9]|[1-5][0-9]|6[0-3])", name)]
    assert 64 < len(of_groups) <= 256
    assert not [name for name in names if "198" in name or len(name) > 40]


def test_a_candidate_that_takes_less_than_the_active_version_is_refused(trial, tmp_path):
    study = synthetic_study(n_species=4, categorical=True)
    study.predictors[:] = [
        p.model_copy(update={"highest_possible": 95.0}) if p.name == "bare_rock" else p for p in study.predictors
    ]
    narrow = train_species(study, WHEATEAR, tmp_path / "narrow", n_estimators=12, n_networks=1)
    with trial.app.app_context():
        model = changes.register(narrow)[0]
        card = registry.card_of(model)
        active = registry.card_of(changes.versions.find(trial.active))
        response = trial.client.post(API, json={"model": model.id, "percent": 10})
        without = active.model_copy(update={"thresholds": dict(list(active.thresholds.items())[:1])})
        with pytest.raises(ValidationFailed) as refusal:
            rollouts._refuse_others(without, active)
        # the other way round nobody is refused
        rollouts._refuse_others(active, card.model_copy(update={"thresholds": without.thresholds}))
    assert "it has no threshold by rules of the active version: " in refusal.value.listed[0][1]
    assert response.status_code == 422
    assert response.json["errors"][0]["detail"] == "it refuses values that the active version takes: bare_rock"


def test_the_form_has_the_ranges_of_the_model_that_answers(trial, tmp_path):
    study = synthetic_study(n_species=4, categorical=True, seed=5)
    other = train_species(study, WHEATEAR, trial.app.config["SETTINGS"].models_dir / "other", n_estimators=12)
    with trial.app.app_context():
        trial.candidate = changes.register(other)[0].id
        ranges = {
            model: [
                (p.minimum, p.maximum)
                for p in registry.card_of(changes.versions.find(model)).predictors
                if p.type == "continuous"
            ]
            for model in (trial.active, trial.candidate)
        }
    assert ranges[trial.active] != ranges[trial.candidate]

    def shown(address, worker=trial):
        page = worker.client.get(f"/?species={WHEATEAR}", environ_base={"REMOTE_ADDR": address})
        assert page.headers["Cache-Control"] == "private, no-store"
        posted = {"species": WHEATEAR, **{f"env.{name}": value for name, value in trial.environment.items()}}
        asked = worker.client.post("/", data=posted, environ_base={"REMOTE_ADDR": address})
        answers = [answer.get_data(as_text=True) for answer in (page, asked)]
        found = [
            [(float(low), float(high)) for low, high in re.findall(r'data-min="([^"]*)" data-max="([^"]*)"', text)]
            for text in answers
        ]
        models = [next(model for model in ranges if model in text) for text in answers]
        assert found[0] == found[1]
        return models, found[0]

    trial.start()
    of_both = {one: trial.address_of(one) for one in ranges}
    for model, address in of_both.items():
        assert shown(address) == ([model, model], ranges[model])
    trial.remove_candidate()
    late = another(trial)
    assert shown(of_both[trial.candidate], late) == ([trial.active] * 2, ranges[trial.active])
