"""Who gets the candidate, and what happens when it fails."""

from __future__ import annotations

import math

import pytest

from app.catalogue import snapshot
from app.predictions import service as predictions
from app.registry import changes
from app.rollouts.assignment import place_of
from tests.contract.accounts.conftest import make_production
from tests.contract.conftest import WHEATEAR
from tests.contract.rollouts.conftest import API, another

AWAY = "postgresql+psycopg2://u:p@127.0.0.1:1/none"


def test_the_share_of_clients_is_the_share_that_was_asked_for():
    n = 20_000
    for percent in (1, 10, 50):
        hits = sum(place_of(b"key", 3, f"client 192.0.2.{at}") * 100 < percent for at in range(n))
        expected, spread = n * percent / 100, math.sqrt(n * percent / 100 * (1 - percent / 100))
        assert abs(hits - expected) < 4 * spread


def test_rollouts_share_the_same_clients_out_independently():
    who = [f"client 10.0.{at // 250}.{at % 250}" for at in range(4_000)]
    first, second = ([place_of(b"key", number, one) < 0.5 for one in who] for number in (1, 2))
    both = sum(a and b for a, b in zip(first, second, strict=True))
    assert abs(both - 1_000) < 4 * math.sqrt(4_000 * 0.25 * 0.75)


def test_a_client_keeps_its_model_in_all_workers_and_after_a_restart(trial):
    assert set(trial.asked(20)) == {trial.active}
    trial.start()
    arms = trial.asked(60)
    assert set(arms) == {trial.active, trial.candidate}
    assert trial.asked(60) == arms
    # a worker that was started before and one that starts now
    assert another(trial).asked(60) == arms


def test_a_larger_share_keeps_the_clients_of_the_smaller_one(trial):
    rollout = trial.start(percent=10)
    before = trial.asked(80)
    changed = trial.client.patch(API, json={"percent": 40, "revision": rollout["revision"]})
    assert changed.status_code == 200
    after = trial.asked(80)
    assert before.count(trial.candidate) < after.count(trial.candidate)
    assert all(b == trial.candidate for a, b in zip(before, after, strict=True) if a == trial.candidate)


def test_all_addresses_of_one_network_are_one_client(trial):
    trial.start()
    models = {trial.ask(f"2001:db8::{n}").json["model"]["id"] for n in range(1, 20)}
    assert len(models) == 1


def test_answers_name_their_model_and_are_found_again(trial):
    trial.start()
    answer = trial.ask(trial.address_of(trial.candidate)).json
    assert answer["model"] == {"id": trial.candidate, "version": 2}
    found = trial.client.get(f"/api/v1/predictions/{answer['id']}").json
    assert found["model"] == answer["model"]
    assert found["suitability"] == answer["suitability"]
    page = trial.client.get(f"/predictions/{answer['id']}")
    assert page.status_code == 200
    # the cache has the answers of both models
    again = trial.ask(trial.address_of(trial.active)).json
    assert (again["model"]["id"], again["suitability"] == answer["suitability"]) == (trial.active, False)


def test_pages_follow_and_comparisons_batches_and_maps_do_not(trial):
    trial.start()
    address = trial.address_of(trial.candidate)
    page = trial.client.get(f"/?species={WHEATEAR}", environ_base={"REMOTE_ADDR": address})
    assert page.status_code == 200
    assert trial.candidate in page.get_data(as_text=True)
    assert page.headers["Cache-Control"] == "private, no-store"
    query = {"species": WHEATEAR, "environments": [{"environment": trial.environment}]}
    compared = trial.client.post("/api/v1/comparisons/conditions", json=query, environ_base={"REMOTE_ADDR": address})
    assert compared.json["model"]["id"] == trial.active
    rows = {"species": WHEATEAR, "rows": [trial.environment]}
    batch = trial.client.post("/api/v1/predictions/batch", json=rows, environ_base={"REMOTE_ADDR": address})
    assert (batch.status_code, batch.json["models"][0]["model"]) == (200, trial.active)


def test_a_candidate_whose_file_is_gone_costs_nobody_an_answer_and_is_stopped(trial):
    trial.start()
    trial.remove_candidate()
    worker, late = another(trial), another(trial)
    assert set(worker.asked(40)) == {trial.active}
    assert set(late.asked(3)) == {trial.active}
    worker.store()
    rollout = trial.read()
    assert (rollout["state"], rollout["reason"]) == (
        "stopped",
        "The candidate could not be opened 5 times in a row, each time where the active version answered.",
    )
    assert set(late.asked(20)) == {trial.active}
    assert late.client.get("/metrics").status_code == 200
    assert 'ecopredict_rollouts_ended_total{how="failed"} 1.0' in worker.client.get("/metrics").get_data(as_text=True)


def test_a_bad_request_is_nobodys_failure(trial):
    trial.start()
    address = trial.address_of(trial.candidate)
    before = trial.arm("candidate")
    refused = trial.client.post(
        "/api/v1/predictions",
        json={"species": WHEATEAR, "environment": {}},
        environ_base={"REMOTE_ADDR": address},
    )
    assert refused.status_code == 422
    assert trial.arm("candidate") == before


def test_a_request_that_no_model_can_answer_does_not_count_against_the_candidate(trial, monkeypatch):
    trial.start()
    address = trial.address_of(trial.candidate)

    def fail(*_):
        raise RuntimeError("for the test")

    monkeypatch.setattr(predictions, "threshold_of", fail)
    for _ in range(8):
        assert trial.ask(address).status_code == 500
    arm = trial.arm("candidate")
    assert (arm["failed"], arm["failed_both"]) == (0, 8)
    assert trial.read()["state"] == "running"


def test_a_refused_extrapolation_is_an_answer(trial):
    trial.start()
    address = trial.address_of(trial.candidate)
    before = trial.arm("candidate")
    trial.environment = {**trial.environment, "temperature": 69.0}
    assert trial.ask(address, extrapolation="refuse").status_code == 409
    after = trial.arm("candidate")
    assert (after["requests"], after["failed"]) == (before["requests"] + 1, 0)
    assert after["novelty"]["value"] > 0


@pytest.mark.parametrize("settings", [{"database_url": AWAY}, {"redis_url": "redis://127.0.0.1:1/0"}])
def test_both_arms_answer_while_the_database_or_redis_is_away(trial, settings):
    trial.start()
    arms = trial.asked(30)
    worker = another(trial, **settings)
    assert worker.asked(30) == arms


def test_a_worker_without_the_database_stops_a_candidate_for_all(trial):
    trial.start()
    trial.remove_candidate()
    worker, other = another(trial, database_url=AWAY), another(trial)
    worker.asked(40)
    worker.store()
    with other.app.app_context():
        assert snapshot.current().by_slug[WHEATEAR].rollout is None
    # the database is told when somebody looks, and the rollout does not come back
    assert trial.client.get(API).json["state"] == "stopped"
    assert set(other.asked(30)) == {trial.active}


def test_a_broken_file_of_rollouts_leaves_the_active_model(trial, caplog):
    trial.start()
    folder = trial.app.config["SETTINGS"].data_dir / "registry"
    for content in (b"", b"{", b"[]", b'{"rollouts": [{}], "withheld": {}}', b"\xff"):
        (folder / "rollouts.json").write_bytes(content)
        assert set(another(trial).asked(20)) == {trial.active}
    assert "is not a file of rollouts" in caplog.text
    # whoever looks at the rollout repairs it
    assert another(trial).client.get(API).json["state"] == "running"
    assert set(another(trial).asked(40)) == {trial.active, trial.candidate}


def test_without_a_rollout_nothing_is_hashed_or_counted(trial, monkeypatch):
    monkeypatch.setattr("app.predictions.service.answer_in_rollout", None)
    assert set(trial.asked(3)) == {trial.active}


def test_a_snapshot_that_cannot_be_written_delays_the_end_for_others_only(trial):
    trial.start()
    trial.remove_candidate()
    worker = another(trial)
    lock = trial.app.config["SETTINGS"].data_dir / "registry" / ".lock"
    lock.unlink()
    lock.mkdir()
    worker.asked(40)
    worker.store()
    failed = trial.arm("candidate")["failed"]
    worker.asked(40)
    # this process has stopped by itself
    assert trial.arm("candidate")["failed"] == failed == 5
    lock.rmdir()
    worker.store()
    assert trial.read()["state"] == "stopped"


def test_a_person_keeps_the_model_at_every_address(tmp_path, artifacts, newer_model, environment):
    app = make_production(tmp_path)
    with app.app_context():
        changes.activate(changes.register(artifacts[WHEATEAR])[0].id)
        candidate = changes.register(newer_model)[0].id
    admin = app.test_client()
    admin.sign_in("admin@example.org")
    begun = admin.post(API, json={"model": candidate, "percent": 50})
    assert begun.status_code == 201, begun.json

    def models(client):
        query = {"species": WHEATEAR, "environment": environment}
        answers = [
            client.post("/api/v1/predictions", json=query, environ_base={"REMOTE_ADDR": f"192.0.2.{at}"})
            for at in range(1, 25)
        ]
        return {answer.json["model"]["id"] for answer in answers}

    assert len(models(app.test_client())) == 2
    for role in ("viewer", "editor", "admin"):
        browser = app.test_client()
        browser.sign_in(f"{role}@example.org")
        assert len(models(browser)) == 1
    assert app.test_client().post(f"{API}/stop").status_code == 401
    viewer = app.test_client()
    viewer.sign_in("viewer@example.org")
    assert (viewer.get(API).status_code, viewer.post(f"{API}/stop").status_code) == (200, 403)
    assert "Stop the rollout" not in viewer.get("/studies/test-hills/rollout").get_data(as_text=True)
