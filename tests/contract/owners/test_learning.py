"""Why a training waits: what concerns the account of the owner is for those who may change the study."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from app.accounts import users
from app.catalogue.species import Species
from app.components import component
from app.confirmations.tables import Observation
from app.database.db import db
from app.errors import OverPlan
from app.jobs.starters import NoRoom
from app.jobs.steps import StepError
from app.learning import tables
from app.plans.service import Plans
from app.plans.tables import Plan
from app.plans.usage import Usage
from app.predictions.tables import new_id
from app.trainings import learning
from tests.contract.conftest import WHEATEAR
from tests.contract.owners.conftest import HIDDEN

LEARN = f"/api/v1/studies/{HIDDEN}/learning"
KNOWING, OTHERS = ("helper", "admin"), ("reader", "other", "viewer")
NEUTRAL = "20 newly accepted presences, 20 are needed. A training starts when it can."


@pytest.fixture
def due(own_world):
    """A public study that learns, with as many accepted presences as are needed."""
    own_world.share("public")
    with own_world.app.app_context():
        species = db.session.scalars(select(Species).where(Species.slug == WHEATEAR)).one()
        tables.save(species.study_id, is_on=True, number=20)
        rows = [
            Observation(
                id=new_id(), same_key=str(n), species_id=species.id, model_id=own_world.ids["model_id"], present=True,
                suitability=0.5, low=0.4, high=0.6, inside=True, environment={}, observed_on=date(2026, 5, 1),
                state="accepted", latitude=40.0 + n / 10, longitude=3.0, band=40 + n // 10,
            )
            for n in range(20)
        ]  # fmt: skip
        db.session.add_all(rows)
        db.session.commit()
    return own_world


def told(world):
    """What each person reads: what the training waits for, and the sentence."""
    found = {}
    for name in (*KNOWING, *OTHERS):
        answer = world.browser(name).get(LEARN)
        assert answer.status_code == 200, (name, answer.json)
        found[name] = answer.json["waits_for"], answer.json["sentence"]
        assert answer.json["sentence"] in " ".join(world.browser(name).get(f"/studies/{HIDDEN}").text.split())
    return found


def test_only_those_who_may_change_a_study_learn_that_the_account_of_its_owner_is_disabled(due):
    before = told(due)
    with due.app.app_context():
        users.get("owner@example.org").disabled = True
        db.session.commit()
    after = told(due)
    for name in KNOWING:
        assert before[name] == ("", "20 newly accepted presences, 20 are needed. A training starts soon.")
        assert after[name][0] == "the account of the owner is enabled"
    for name in OTHERS:
        assert before[name] == after[name] == ("", NEUTRAL)


def test_only_those_who_may_change_a_study_learn_that_the_month_of_its_owner_is_used_up(due):
    before = told(due)
    with due.app.app_context():
        owner = users.get("owner@example.org")
        owner.plan = "partner"
        db.session.get(Plan, "partner").requests_a_month = 1
        db.session.commit()
        component(Plans).forget()
        component(Usage).count(owner.id, 1_000, None)
    after = told(due)
    for name in KNOWING:
        assert after[name][0] == "the owner has requests left; those of this month are used up"
    for name in OTHERS:
        assert before[name] == after[name] == ("", NEUTRAL)


@pytest.mark.parametrize("error", [OverPlan("All requests of this month are used up."), NoRoom("2 jobs at once.")])
def test_a_job_that_everybody_reads_does_not_tell_it_either(due, error, monkeypatch):
    class Context:
        class job:  # noqa: N801
            study, id = HIDDEN, "a-job"

    def start(*_, **__):
        raise error

    monkeypatch.setattr(learning.service, "start", start)
    with due.app.app_context(), pytest.raises(StepError) as refused:
        learning._start(Context())
    assert "owner of the study" in str(refused.value)
    assert "month" not in str(refused.value)
    assert "at once" not in str(refused.value)
