"""A killed worker and a cancelled training leave no model twice and nothing half done."""

from __future__ import annotations

import signal
import time

import pytest
from sqlalchemy import func, select

from app.catalogue.versions import ModelVersion
from app.database.db import db
from tests import own_study
from tests.contract.trainings.conftest import start_worker, work
from tests.contract.trainings.test_training import ALTERA, API, FICTA, SLUG, data_dir, leftovers, models
from tests.variants import thorough

POINTS = ("prepare", "train", "check", "between the renames", "placed", "before the commit", "committed", "reported")


def n_versions(app):
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(ModelVersion))


@pytest.mark.parametrize("points", [("between the renames",), thorough(POINTS)], ids=["one point", "every point"])
def test_a_worker_that_is_killed_gives_each_model_once(uploaded, points):
    client = uploaded.test_client()
    job = client.post(f"{API}/trainings", json=own_study.quick()).headers["Location"]
    for point in points:
        assert work(uploaded, point) == -signal.SIGKILL, point
        state = client.get(job).json
        assert state["state"] == "running", (point, state)
        assert n_versions(uploaded) == (2 if point in ("committed", "reported") else 0), point
        if point in ("prepare", "train", "check"):
            assert not (data_dir(uploaded) / "models" / SLUG).exists(), point
        # the registration is one step, whose attempts are limited; each point stands for the first death in it
        _forgive(uploaded)
    assert work(uploaded) == 0
    state = client.get(job).json
    assert (state["state"], state["error"]) == ("succeeded", None)
    assert set(models(uploaded)) == {FICTA, ALTERA}
    assert n_versions(uploaded) == 2
    assert leftovers(uploaded) == []
    assert len(client.get(f"{API}/versions").json["items"]) == 2


def _forgive(app):
    from app.jobs.tables import Job

    with app.app_context():
        for job in db.session.scalars(select(Job)):
            job.attempts = min(job.attempts, 1)
        db.session.commit()


def test_a_training_cancelled_while_it_trains_registers_nothing(uploaded):
    client = uploaded.test_client()
    job = client.post(f"{API}/trainings", json=own_study.quick(trees=3000)).headers["Location"]
    worker = start_worker(uploaded)
    deadline = time.monotonic() + 200
    while client.get(job).json["steps"][1]["state"] != "running":
        assert time.monotonic() < deadline and worker.poll() is None
        time.sleep(0.1)
    assert client.post(f"{job}/cancel").status_code in (200, 202)
    worker.communicate(timeout=100)
    assert client.get(job).json["state"] == "cancelled"
    assert n_versions(uploaded) == 0
    assert leftovers(uploaded) == []
    assert not list((data_dir(uploaded) / "models").glob("*/*/*"))


def test_a_training_cancelled_before_it_began_leaves_no_links(uploaded):
    client = uploaded.test_client()
    job = client.post(f"{API}/trainings", json=own_study.quick()).headers["Location"]
    assert leftovers(uploaded) != []
    assert client.post(f"{job}/cancel").status_code == 200
    assert leftovers(uploaded) == []
    # the recipe can be trained again
    again = client.post(f"{API}/trainings", json=own_study.quick())
    assert again.status_code == 202
    assert again.headers["Location"] != job
    assert leftovers(uploaded) != []
