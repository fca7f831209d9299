"""Live accuracy by arm: by own answers where the candidate answers, by the same reports in the shadow."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from app.catalogue import rollouts, snapshot, versions
from app.confirmations.tables import Observation
from app.database.db import db
from app.database.types import now
from app.predictions import inference
from app.predictions.conditions import read_environment
from app.predictions.tables import new_id
from app.registry import service as registry
from app.rollouts import accuracy
from ml.evaluation.metrics import auc_roc, brier
from tests.contract.conftest import WHEATEAR
from tests.contract.rollouts.conftest import PAGE, another


def confirm(trial, model, outcomes, environments=None, **members):
    """Store accepted observations of a model: whether present, and what the model had said."""
    with trial.app.app_context():
        species = snapshot.current().by_slug[WHEATEAR].id
        start = db.session.query(Observation).count()
        db.session.add_all(
            Observation(
                **{
                    "id": new_id(), "same_key": str(start + number), "species_id": species, "model_id": model,
                    "present": present, "suitability": suitability, "observed_on": date(2026, 5, 1),
                    "low": suitability, "high": suitability, "inside": True, "state": "accepted",
                    "environment": environments[number] if environments else {}, "moderated_at": now(), **members,
                }
            )
            for number, (present, suitability) in enumerate(outcomes)
        )  # fmt: skip
        db.session.commit()


def drawn(n, ahead, seed=0):
    rng = np.random.default_rng(seed)
    present = [(True, float(value)) for value in rng.beta(2 + ahead, 2, n)]
    return present + [(False, float(value)) for value in rng.beta(2, 2 + ahead, n)]


def figures_of(outcomes):
    y, suitability = np.array([one[0] for one in outcomes], int), np.array([one[1] for one in outcomes])
    return auc_roc(y, suitability), brier(y, suitability)


def conditions(trial, n):
    """Conditions near those of the fixture, that both models take."""
    with trial.app.app_context():
        card = registry.card_of(versions.find(trial.active))
        numbers = [p.name for p in card.predictors if p.type == "continuous"]
        rng = np.random.default_rng(5)
        made = []
        for _ in range(n):
            changed = {name: float(trial.environment[name]) * rng.uniform(0.8, 1.2) for name in numbers}
            made.append(read_environment({**trial.environment, **changed}, card))
        return made


def test_without_reports_nothing_says_which_is_right(trial):
    trial.start()
    found = trial.read()["accuracy"]
    assert (found["paired"], found["auc"], found["brier"], found["caveats"]) == (False, None, None, [])
    assert found["sentence"].startswith("No report on an answer of this rollout has been accepted yet")
    page = trial.client.get(PAGE).get_data(as_text=True)
    assert page.count("No report on an answer of this rollout has been accepted yet") == 2


def test_each_arm_is_judged_by_what_it_said(trial):
    trial.start()
    of_active, of_candidate = drawn(60, 2), drawn(25, 0, 1)
    confirm(trial, trial.active, of_active)
    confirm(trial, trial.candidate, of_candidate, prediction_id="0190a0c0")
    confirm(trial, trial.candidate, drawn(20, 9), state="pending")
    found = trial.read()["accuracy"]
    active, candidate = found["arms"]
    assert (active["n_presences"], candidate["n_absences"]) == (60, 25)
    for arm, outcomes in ((active, of_active), (candidate, of_candidate)):
        auc, score = figures_of(outcomes)
        assert (arm["auc"]["value"], arm["brier"]["value"]) == (pytest.approx(auc), pytest.approx(score))
        assert arm["auc"]["low"] < auc < arm["auc"]["high"]
    assert active["calibration"]["slope"]["low"] < active["calibration"]["slope"]["high"]
    # a line of the calibration takes 30 of each
    assert candidate["calibration"] is None
    for name in ("auc", "brier"):
        apart = found[name]
        assert apart["value"] == pytest.approx(candidate[name]["value"] - active[name]["value"])
        assert apart["low"] < apart["value"] < apart["high"]
    assert found["auc"]["high"] < 0
    assert "The candidate ranks them worse, beyond chance." in found["sentence"]
    assert accuracy.OWN_ANSWERS in found["caveats"]
    assert any("chosen where to look" in text for text in found["caveats"])
    page = trial.client.get(PAGE).get_data(as_text=True).replace("\n", " ")
    # beside the button too
    assert page.count(found["sentence"]) == 2
    shown = trial.app.test_cli_runner().invoke(args=["models", "rollout", "show", "test-hills"]).output
    assert f"candidate: AUC {candidate['auc']['value']:.3f} (" in shown
    assert "candidate minus active: AUC -" in shown
    metrics = trial.client.get("/metrics").get_data(as_text=True)
    assert 'ecopredict_rollout_auc{arm="candidate",study="test-hills"}' in metrics
    # an editor changes a decision, and another process sees it
    with trial.app.app_context():
        db.session.query(Observation).filter_by(model_id=trial.candidate).update(
            {"state": "refused", "moderated_at": now() + timedelta(seconds=1)}
        )
        db.session.commit()
    assert another(trial).read()["accuracy"]["auc"] is None
    later = trial.read()["accuracy"]
    assert "0 presences and 0 absences of answers of the candidate" in later["sentence"]
    assert "too few to compare them: it takes 10 of each for both" in later["sentence"]


def test_reports_before_and_after_the_rollout_do_not_count(trial):
    started = trial.start()
    confirm(trial, trial.active, drawn(20, 2), created_at=now() - timedelta(days=1))
    confirm(trial, trial.active, drawn(12, 2))
    assert trial.read()["accuracy"]["arms"][0]["n_presences"] == 12
    assert trial.client.post(f"{PAGE}/stop", data={"revision": started["revision"]}).status_code == 303
    confirm(trial, trial.active, drawn(30, 2), created_at=now() + timedelta(seconds=5))
    assert trial.read()["accuracy"]["arms"][0]["n_presences"] == 12


def test_in_the_shadow_both_versions_are_judged_by_the_same_reports(trial):
    trial.start(mode="shadow")
    asked = conditions(trial, 60)
    with trial.app.app_context():
        models = [registry.opened(versions.find(one)) for one in (trial.active, trial.candidate)]
        said = [[inference.compute(model, one) for one in asked] for model in models]
    inside = [all(model[at].novelty.in_area_of_applicability for model in said) for at in range(60)]
    assert sum(inside) > 30
    rng = np.random.default_rng(9)
    found_there = [bool(rng.uniform() < answer.suitability) for answer in said[1]]
    for at, environment in enumerate(asked):
        confirm(trial, trial.active, [(found_there[at], said[0][at].suitability)], [environment])
    # of a release that asked for something else
    confirm(trial, trial.active, [(True, 0.5)], [{"elevation_of_nothing": 1.0}])
    found = trial.read()["accuracy"]
    active, candidate = found["arms"]
    assert found["paired"]
    assert active["n_outside"] == candidate["n_outside"] == 61 - sum(inside)
    kept = [at for at in range(60) if inside[at]]
    for arm, answers in ((active, said[0]), (candidate, said[1])):
        auc, score = figures_of([(found_there[at], answers[at].suitability) for at in kept])
        assert (arm["auc"]["value"], arm["brier"]["value"]) == (pytest.approx(auc), pytest.approx(score))
    for name in ("auc", "brier"):
        assert found[name]["value"] == pytest.approx(candidate[name]["value"] - active[name]["value"])
        assert found[name]["low"] <= found[name]["value"] <= found[name]["high"]
    assert accuracy.SAME_REPORTS in found["caveats"]
    assert "by which both versions are judged" in found["sentence"]


def test_a_candidate_that_cannot_be_opened_is_not_judged(trial):
    trial.start(mode="shadow")
    confirm(trial, trial.active, drawn(20, 2))
    trial.remove_candidate()
    fresh = another(trial)
    found = fresh.read()["accuracy"]
    assert (found["sentence"], found["auc"]) == (accuracy.NOT_OPENED, None)
    assert found["arms"][0]["auc"] is not None
    assert fresh.client.get("/metrics").status_code == 200
    with fresh.app.app_context():
        assert [one.mode for one in rollouts.running_in_public(5)] == ["shadow"]
