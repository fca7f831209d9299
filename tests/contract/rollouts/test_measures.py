"""What the arms of a rollout do, counted by several workers, and the shadow."""

from __future__ import annotations

import re
import threading
from types import SimpleNamespace

import pytest

from app.catalogue import snapshot
from app.components import components
from app.predictions import arms
from app.predictions import service as predictions
from app.rollouts import shadows
from app.rollouts.measures import Answered, Measures
from app.rollouts.shadows import Shadows
from tests.contract.conftest import WHEATEAR
from tests.contract.rollouts.conftest import API, PAGE, another

AWAY = "postgresql+psycopg2://u:p@127.0.0.1:1/none"


def test_workers_add_up_and_numbers_survive_a_restart(trial):
    trial.start()
    workers = [another(trial) for _ in range(3)]
    for worker in workers:
        worker.asked(40)
    threads = [threading.Thread(target=worker.store) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rollout = another(trial).read()
    active, candidate = rollout["arms"]
    assert active["requests"] + candidate["requests"] == 120
    assert active["requests"] % 3 == candidate["requests"] % 3 == 0
    assert (active["failed"], candidate["failed"]) == (0, 0)
    for arm in (active, candidate):
        assert arm["computed"] >= 1
        assert arm["median_ms"] > 0
        assert arm["geometric_mean_ms"] > 0
        # all requests had the same conditions
        assert sorted(one["value"] for one in arm["verdicts"].values()) == [0, 0, 0, 0, 1]
        assert arm["error_rate"]["low"] == arm["error_rate"]["value"] == 0 < arm["error_rate"]["high"] < 0.2
    low, high = rollout["differences"]["error_rate"]["low"], rollout["differences"]["error_rate"]["high"]
    assert low < 0 < high
    assert rollout["sentence"].startswith("The candidate failed 0 of ")
    assert "no difference beyond chance" in rollout["sentence"]
    assert rollout["rule"]["limit"] == pytest.approx(100)


def test_numbers_wait_while_the_database_is_away(trial, monkeypatch):
    trial.start()
    measures = components(trial.app).get(Measures)
    store = "app.rollouts.measures._store"
    real = __import__("app.rollouts.measures", fromlist=["_store"])._store

    def away(*_):
        worker = another(trial, database_url=AWAY)
        with worker.app.app_context():
            return real(*_)

    monkeypatch.setattr(store, away)
    trial.asked(12)
    measures.store()
    monkeypatch.setattr(store, real)
    assert sum(arm["requests"] for arm in trial.read()["arms"]) == 12


def failing(monkeypatch, of_model, every=1):
    """Let the answers of a model fail, each or some of them."""
    real, asked = predictions.threshold_of, []

    def fail(artifact, requested):
        if artifact.model_id == of_model:
            asked.append(1)
            if len(asked) % every == 0:
                raise RuntimeError("for the test")
        return real(artifact, requested)

    monkeypatch.setattr(predictions, "threshold_of", fail)


def test_a_candidate_that_fails_sometimes_is_stopped_by_the_rule(trial, monkeypatch):
    trial.start()
    failing(monkeypatch, trial.candidate, every=2)
    for _ in range(40):
        assert len(trial.asked(25)) == 25
        trial.store()
        if trial.read()["state"] == "stopped":
            break
    rollout = trial.read()
    assert rollout["state"] == "stopped"
    assert "more often, beyond chance" in rollout["reason"]
    assert rollout["rule"]["evidence"] >= 100
    assert set(another(trial).asked(20)) == {trial.active}


def test_an_active_model_that_fails_stops_nothing(trial, monkeypatch):
    trial.start(percent=50)
    failing(monkeypatch, trial.active, every=2)
    statuses = [trial.ask(f"192.0.2.{at}").status_code for at in range(1, 60)]
    assert statuses.count(500) > 5
    rollout = trial.read()
    assert (rollout["state"], rollout["arms"][0]["failed"]) == ("running", statuses.count(500))
    assert "less often, beyond chance" in rollout["sentence"]


def test_a_worker_without_the_database_judges_alone(trial, monkeypatch):
    trial.start()
    worker = another(trial, database_url=AWAY)
    failing(monkeypatch, trial.candidate, every=2)
    for _ in range(40):
        worker.asked(25)
        worker.store()
        if components(worker.app).get(Measures).is_stopped(1):
            break
    assert "more often" in trial.client.get(API).json["reason"]


def test_a_shadow_is_compared_and_never_shown_or_stored(trial):
    trial.start(mode="shadow", percent=100)
    for suitable in (0.0, 30.0, 60.0, 85.0):
        trial.environment = {**trial.environment, "bare_rock": suitable}
        assert set(trial.asked(5)) == {trial.active}
    rollout = trial.read()
    assert rollout["shadow"]["pairs"] == 20
    assert [arm["requests"] for arm in rollout["arms"]] == [20, 20]
    assert rollout["arms"][1]["computed"] == 20
    spread = rollout["shadow"]["suitability"]
    assert spread["low"] < spread["value"] < spread["high"]
    stored = trial.client.get(f"/api/v1/predictions?species={WHEATEAR}&limit=100").json["items"]
    assert {one["model"]["id"] for one in stored} == {trial.active}


def test_a_shadow_takes_a_share_of_the_requests(trial, monkeypatch):
    drawn = iter([0.1, 0.29, 0.31, 0.9])
    monkeypatch.setattr(arms, "random", SimpleNamespace(random=lambda: next(drawn)))
    trial.start(mode="shadow", percent=30)
    trial.asked(4)
    assert trial.arm("active")["requests"] == 2


def test_a_shadow_that_falls_behind_drops_copies(trial, monkeypatch):
    monkeypatch.setattr(shadows, "MOST_WAITING", 3)
    monkeypatch.setattr(components(trial.app).get(Shadows)._background, "wake", lambda: None)
    trial.start(mode="shadow", percent=100)
    trial.asked(10)
    assert (trial.read()["shadow"]["pairs"], trial.read()["shadow"]["dropped"]) == (3, 7)


def test_a_shadow_without_its_file_is_stopped(trial):
    trial.start(mode="shadow", percent=100)
    trial.remove_candidate()
    worker = another(trial)
    assert set(worker.asked(12)) == {trial.active}
    worker.store()
    assert worker.read()["state"] == "stopped"


def test_a_shadow_is_complete_when_it_has_computed(trial):
    started, go_on = threading.Event(), threading.Event()
    answer = Answered(0.5, "suitable", True, 0.01)
    trial.start(mode="shadow", percent=100)
    with trial.app.app_context():
        rollout = snapshot.current().by_slug[WHEATEAR].rollout

    def compute():
        started.set()
        assert go_on.wait(30)
        return answer

    queue = components(trial.app).get(Shadows)
    queue.add(shadows.Copy(rollout, answer, 5, compute))
    assert started.wait(30)
    # the thread of the process computes the last copy
    other = threading.Thread(target=queue.compute)
    other.start()
    other.join(0.3)
    assert other.is_alive()
    go_on.set()
    other.join(30)
    assert trial.read()["shadow"]["pairs"] == 1


def test_the_ratio_of_times_stands_beside_the_means_that_it_compares(trial):
    started = trial.start()
    measures = components(trial.app).get(Measures)
    for arm, times in (("active", (0.001, 0.002, 0.004)), ("candidate", (0.002, 0.008, 0.032))):
        for seconds in 10 * times:
            measures.answered(started["id"], arm, Answered(0.5, "suitable", True, seconds), 1)
    rollout = trial.read()
    assert [arm["geometric_mean_ms"] for arm in rollout["arms"]] == pytest.approx([2, 8])
    assert rollout["differences"]["latency_ratio"]["value"] == pytest.approx(4)
    text = " ".join(re.sub("<[^>]+>", " ", trial.client.get(PAGE).text).split())
    medians, means = re.search(r"Time, median (.*?) Time, 95.*Time, geometric mean (.*?) to ", text).groups()
    assert "×" not in medians
    assert means.startswith("2.0 ms 8.0 ms × 4.00")


def test_times_are_compared_from_thirty_computed_answers_of_each_version_on(trial):
    started = trial.start()
    measures = components(trial.app).get(Measures)

    def answer(arm, number, seconds):
        for at in range(number):
            measures.answered(started["id"], arm, Answered(0.5, "suitable", True, seconds * (1 + at % 2)), 1)

    answer("active", 40, 0.1)
    answer("candidate", 29, 0.01)
    few = trial.read()
    assert few["differences"]["latency_ratio"] is None
    assert "Too few answers were computed to compare their times: it takes 30 of each version" in few["sentence"]
    assert "there are 29 of the candidate and 40 of the active version" in few["sentence"]
    assert "× 0.1" not in trial.client.get(PAGE).get_data(as_text=True)
    answer("candidate", 1, 0.01)
    enough = trial.read()
    assert enough["differences"]["latency_ratio"]["high"] < 1
    assert "It takes less time: 0.10 times the geometric mean of the active version." in enough["sentence"]
