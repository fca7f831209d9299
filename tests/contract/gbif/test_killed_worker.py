"""A worker that is killed in a fetch from GBIF: the file is stored once, and nothing half done is left."""

from __future__ import annotations

import signal

import pytest

from app.database.db import db
from app.jobs.tables import Job
from tests.contract.gbif.conftest import API, files_of, leftovers, names_of_files, work

NAME = "Lacerta schreiberi GBIF.zip"
POINTS = ("in the fetch", "fetched", "while it is copied", "before it is placed", "placed", "known")


def forgive(app):
    """Each point stands for the first death in its step, of which there may be three."""
    with app.app_context():
        for job in db.session.scalars(db.select(Job)):
            job.attempts = min(job.attempts, 1)
        db.session.commit()


@pytest.mark.thorough
def test_killed_at_every_point_the_file_is_stored_once(site, web, gbif):
    job = web.post(f"{API}/gbif", json={"species": "Lacerta schreiberi"}).headers["Location"]
    for point in POINTS:
        assert work(site, point) == -signal.SIGKILL, point
        assert web.get(job).json["state"] == "running", point
        expected = [NAME] if point in ("placed", "known") else []
        assert names_of_files(site) == expected, point
        assert list(files_of(web)) == expected, point
        forgive(site)
    assert work(site) == 0
    state = web.get(job).json
    assert (state["state"], state["error"]) == ("succeeded", None)
    assert names_of_files(site) == [NAME]
    assert files_of(web)[NAME]["records"]["n"] == 650
    assert leftovers(site) == []
    # pages that were fetched before the first death are not fetched again
    offsets = [query["offset"] for path, query, _ in gbif.requests if path.endswith("/search")]
    assert offsets.count("0") == 1


def test_killed_after_the_file_was_recognised(site, web, gbif):
    job = web.post(f"{API}/gbif", json={"species": "Lacerta schreiberi"}).headers["Location"]
    assert work(site, "stored") == -signal.SIGKILL
    assert work(site) == 0
    assert web.get(job).json["state"] == "succeeded"
    assert (names_of_files(site), leftovers(site)) == ([NAME], [])


@pytest.mark.thorough
def test_cancelled_after_a_death_nothing_is_left(site, web, gbif):
    for point in ("in the fetch", "while it is copied", "placed", "stored"):
        job = web.post(f"{API}/gbif", json={"species": "Lacerta schreiberi"}).headers["Location"]
        assert work(site, point) == -signal.SIGKILL, point
        assert web.post(f"{job}/cancel").status_code == 202
        assert work(site) == 0
        assert web.get(job).json["state"] == "cancelled"
        assert (names_of_files(site), files_of(web), leftovers(site)) == ([], {}, []), point


def test_a_file_that_a_user_uploaded_in_the_meantime_is_not_replaced(site, web, gbif):
    job = web.post(f"{API}/gbif", json={"species": "Lacerta schreiberi"}).headers["Location"]
    assert work(site, "before it is placed") == -signal.SIGKILL
    assert web.put(f"{API}/files/{NAME}", data=b"of the user").status_code == 201
    assert work(site) == 0
    assert web.get(job).json["state"] == "succeeded"
    assert names_of_files(site) == ["Lacerta schreiberi GBIF 2.zip", NAME]
    assert leftovers(site) == []
