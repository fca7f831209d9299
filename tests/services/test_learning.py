"""Acceptances and workers at the same time ask for one training, within the plan of the owner, on both databases."""

from __future__ import annotations

import threading
from datetime import date
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, text, update

from app import create_app
from app.accounts import users
from app.accounts.tables import User
from app.catalogue.species import Species
from app.catalogue.studies import Study
from app.catalogue.versions import ModelVersion
from app.components import components
from app.config.settings import Settings
from app.confirmations.tables import Observation
from app.database.db import db
from app.database.types import now
from app.jobs import service as jobs
from app.jobs import starters
from app.jobs.tables import Job
from app.learning import tables, trigger
from app.learning.tables import Due
from app.observations import service as observations
from app.plans.service import Plans
from app.plans.tables import MonthlyUsage, Plan
from app.plans.usage import month_of
from app.predictions.tables import new_id

OWNER = "owner@example.org"


def open_app(folder: Path, url: str) -> Flask:
    settings = Settings(
        environment="testing", data_dir=folder, secret_key="for-tests-only", database_url=url,
        rate_limit="100000/second",
    )  # fmt: skip
    return create_app(settings)


@pytest.fixture(params=["sqlite", "postgresql"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Flask:
    """An application with a study of an owner that learns from 20 observations."""
    is_sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'eco.db'}" if is_sqlite else request.getfixturevalue("empty_database")
    made = open_app(tmp_path, url)
    upgraded = made.test_cli_runner().invoke(args=["db", "upgrade"])
    assert upgraded.exit_code == 0, upgraded.output
    with made.app_context():
        owner = users.create(OWNER, "editor", "kestrel lamp forty oak")
        study = Study(slug="lizards", title="Lizards", description={}, owner_id=owner.id)
        db.session.add(study)
        db.session.flush()
        species = Species(slug="one", scientific_name="Lacerta una", name_key="x", study_id=study.id)
        db.session.add(species)
        db.session.flush()
        db.session.add(ModelVersion(id="model", species_id=species.id, version=1, path="none", card={}))
        db.session.commit()
        tables.save(study.id, is_on=True, number=20)
    return made


def reported(app: Flask, number: int, **members: object) -> list[str]:
    with app.app_context():
        species = db.session.scalars(select(Species.id)).one()
        rows = [
            Observation(
                **{
                    "id": new_id(), "same_key": new_id(), "species_id": species, "model_id": "model", "present": True,
                    "suitability": 0.5, "low": 0.4, "high": 0.6, "inside": True, "environment": {},
                    "observed_on": date(2026, 5, 1), "state": "pending", "latitude": 40.0, "longitude": 2.0, **members,
                }
            )
            for _ in range(number)
        ]  # fmt: skip
        db.session.add_all(rows)
        db.session.commit()
        return [row.id for row in rows]


def accept(app: Flask, ids: list[str]) -> None:
    with app.app_context():
        assert observations.decide_several(ids, "pending", "accepted", "").changed == len(ids)


def asked(app: Flask) -> list[Job]:
    with app.app_context():
        return list(db.session.scalars(select(Job).where(Job.kind == trigger.LEARNING)))


def due(app: Flask) -> Due:
    with app.app_context():
        study = db.session.scalars(select(Study)).one()
        return Due(study.id, study.slug, study.owner_id)


def finish(app: Flask) -> None:
    with app.app_context():
        db.session.execute(update(Job).values(state="failed"))
        db.session.commit()


def test_acceptances_and_workers_at_the_same_time_ask_once(app: Flask) -> None:
    settings = app.config["SETTINGS"]
    others = [open_app(settings.data_dir, settings.database_url) for _ in range(3)]
    for turn in range(1, 6):
        ids = reported(app, 39)
        gate = threading.Barrier(4)

        def decide(one: Flask, chosen: list[str], gate: threading.Barrier = gate) -> None:
            gate.wait()
            accept(one, chosen)

        def duty(one: Flask, gate: threading.Barrier = gate) -> None:
            gate.wait()
            with one.app_context():
                trigger.ask_for_all()

        # neither has enough alone, and the one that comes last has
        threads = [
            threading.Thread(target=decide, args=(others[at], ids[at * 19 : at * 19 + 19 + at])) for at in (0, 1)
        ]
        threads += [threading.Thread(target=duty, args=(one,)) for one in (others[2], app)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(asked(app)) == turn
        # what was accepted while it was asked for counts for the next
        with app.app_context():
            assert tables.n_new(due(app).study_id) < 20
            db.session.execute(update(Observation).values(learned=True))
            db.session.commit()
        finish(app)


def test_a_decision_that_is_changed_and_changed_again_counts_once(app: Flask) -> None:
    ids = reported(app, 19)
    accept(app, ids)
    with app.app_context():
        assert observations.decide_several(ids[:5], "accepted", "refused", "a mistake").changed == 5
        assert tables.n_new(due(app).study_id) == 14
        assert observations.decide_several(ids[:5], "refused", "accepted", "").changed == 5
    assert not asked(app)
    accept(app, reported(app, 1))
    assert len(asked(app)) == 1
    finish(app)
    # those of a training that was asked for are not new, also when they are decided again
    with app.app_context():
        assert observations.decide_several(ids, "accepted", "pending", "").changed == 19
    accept(app, ids)
    accept(app, reported(app, 19))
    assert len(asked(app)) == 1


def test_it_waits_for_the_plan_and_the_account_of_the_owner(app: Flask) -> None:
    def alter(**values: object) -> None:
        with app.app_context():
            db.session.execute(update(Plan).where(Plan.name == "free").values(values))
            db.session.commit()
            components(app).get(Plans).forget()

    def refused() -> str:
        with app.app_context():
            trigger.ask_for_all()
            return trigger.why_not(due(app))

    alter(jobs_at_once=1)
    with app.app_context():
        values = {"user_id": due(app).owner_id, "month": month_of(now()), "requests": 100}
        db.session.execute(MonthlyUsage.__table__.insert().values(values))  # type: ignore[attr-defined]
        db.session.commit()
        starter = starters.of_owner(due(app).owner_id)
        assert starter is not None
        jobs.enqueue("batch", "", {}, starter=starter)
    accept(app, reported(app, 20))
    assert "a job of the owner has ended" in refused()
    finish(app)
    alter(requests_a_month=100)
    assert "those of this month are used up" in refused()
    alter(requests_a_month=None)
    with app.app_context():
        db.session.execute(update(User).values(disabled=True))
        db.session.commit()
    assert "the account of the owner is enabled" in refused()
    assert not asked(app)
    with app.app_context():
        db.session.execute(update(User).values(disabled=False))
        db.session.commit()
        trigger.ask_for_all()
    assert len(asked(app)) == 1


def test_a_study_whose_owner_is_gone_learns_without_a_limit(app: Flask) -> None:
    with app.app_context():
        db.session.execute(text("DELETE FROM users"))
        db.session.commit()
        assert starters.of_owner(due(app).owner_id) == starters.PROGRAM
    accept(app, reported(app, 20))
    assert len(asked(app)) == 1
