"""Jobs: added once for each key, listed, and cancelled."""

from __future__ import annotations

import os
import threading

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.database.db import db
from app.errors import Conflict
from app.jobs import claims, service
from app.jobs.tables import Job
from app.jobs.worker import Worker
from tests.contract.jobs.conftest import UNKNOWN, add, cleaned


def test_a_new_job_has_the_documented_shape(web: FlaskClient) -> None:
    job = add(priority=2)
    answer = web.get(f"/api/v1/jobs/{job.id}")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.json == {
        "id": job.id,
        "kind": "test-kind",
        "study": "hills",
        "state": "queued",
        "progress": 0.0,
        "message": "Waiting for a worker",
        "steps": [
            {"name": name, "title": title, "state": "queued", "started_at": None, "ended_at": None, "message": ""}
            for name, title in (("one", "First"), ("two", "Second"))
        ],
        "result": None,
        "error": None,
        "cancel_requested": False,
        "attempts": 0,
        "priority": 2,
        "created_at": answer.json["created_at"],
        "started_at": None,
        "ended_at": None,
    }


def test_jobs_are_listed_by_page_study_and_state(web: FlaskClient) -> None:
    jobs = [add().id for _ in range(3)]
    other = add(study="shore").id
    service.cancel(jobs[0])
    first = web.get("/api/v1/jobs?limit=3").json
    assert [item["id"] for item in first["items"]] == [other, jobs[2], jobs[1]]
    second = web.get("/api/v1/jobs", query_string={"limit": 3, "cursor": first["next"]}).json
    assert [item["id"] for item in second["items"]] == [jobs[0]]
    assert second["next"] is None
    assert [item["id"] for item in web.get("/api/v1/jobs?study=shore").json["items"]] == [other]
    assert [item["id"] for item in web.get("/api/v1/jobs?state=cancelled").json["items"]] == [jobs[0]]
    assert [job.id for job in service.find_by_study("hills")] == jobs[::-1]


@pytest.mark.parametrize(
    "query",
    [
        "state=lost",
        "limit=0",
        "cursor=x",
        "nothing=1",
        "study=%00",
        "cursor=WyIyMDI2IiwiYSJd",
        "state=queued&state=failed",
    ],
)
def test_a_wrong_query_is_refused(web: FlaskClient, query: str) -> None:
    answer = web.get(f"/api/v1/jobs?{query}")
    assert answer.status_code == 422
    assert answer.json["errors"]


def test_unknown_jobs_are_not_found(web: FlaskClient) -> None:
    for path in (f"/api/v1/jobs/{UNKNOWN}", f"/jobs/{UNKNOWN}", f"/api/v1/jobs/{UNKNOWN}/log"):
        assert web.get(path).status_code == 404, path
    for path in (f"/api/v1/jobs/{UNKNOWN}/cancel", f"/jobs/{UNKNOWN}/cancel"):
        assert web.post(path).status_code == 404, path


def test_a_key_with_the_same_parameters_returns_the_same_job(site: Flask) -> None:
    job = add(idempotency_key="k")
    assert add(idempotency_key="k").id == job.id
    assert add(study="shore", idempotency_key="k").id != job.id
    assert add().id != add().id
    with pytest.raises(Conflict, match="Idempotency-Key was used for another request"):
        service.enqueue("test-kind", "hills", {"seed": 2}, idempotency_key="k")
    assert Conflict.status == 409


def test_ten_requests_at_once_with_one_key_make_one_job(site: Flask) -> None:
    barrier, ids = threading.Barrier(10), []

    def request() -> None:
        with site.app_context():
            barrier.wait()
            ids.append(add(idempotency_key="race").id)

    threads = [threading.Thread(target=request) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 10
    assert len(set(ids)) == 1
    assert db.session.query(Job).count() == 1


def test_an_unknown_kind_is_refused(site: Flask) -> None:
    with pytest.raises(LookupError):
        service.enqueue("unknown", "hills", {})


def test_a_waiting_job_is_cancelled_at_once_and_only_once(web: FlaskClient) -> None:
    job = add().id
    folder = service.folder_of(job)
    folder.mkdir(parents=True)
    (folder / "half.tif").touch()
    (folder / "log.txt").write_text("a line\n")
    answer = web.post(f"/api/v1/jobs/{job}/cancel")
    assert (answer.status_code, answer.json["state"]) == (200, "cancelled")
    assert [path.name for path in folder.iterdir()] == ["log.txt"]
    assert cleaned[-1] == job
    again = web.post(f"/api/v1/jobs/{job}/cancel")
    assert again.status_code == 409
    assert again.json["detail"] == "The job has ended (cancelled), so it cannot be cancelled."
    # the form shows the job in both cases
    assert web.post(f"/jobs/{job}/cancel").headers["Location"] == f"/jobs/{job}"


def test_a_running_job_will_be_cancelled(web: FlaskClient) -> None:
    job = add().id
    claim = claims.claim("worker-1", ["test-kind"])
    assert claim is not None
    assert claim.job.id == job
    answer = web.post(f"/api/v1/jobs/{job}/cancel")
    assert (answer.status_code, answer.json["state"], answer.json["cancel_requested"]) == (202, "running", True)
    assert claims.orders("worker-1") == {job: True}
    assert "Cancelling" in web.get(f"/jobs/{job}").text


def test_only_the_owner_changes_a_running_job(site: Flask) -> None:
    job = add().id
    assert claims.claim("worker-1", ["other-kind"]) is None
    assert claims.claim("worker-1", ["test-kind"]) is not None
    assert claims.claim("worker-2", ["test-kind"]) is None
    assert claims.save(job, "worker-2", {"progress": 0.9}) is None
    assert not claims.put_back(job, "worker-2", message="", counts=True)
    assert claims.save(job, "worker-1", {"progress": 0.5}) is False
    assert service.get(job).progress == 0.5
    assert claims.put_back(job, "worker-1", message="", counts=True)
    assert claims.save(job, "worker-1", {"progress": 0.9}) is None
    again = claims.claim("worker-2", ["test-kind"])
    assert again is not None
    assert again.attempts == 2


def test_a_worker_waits_in_a_process_with_many_open_files(app):
    # select() takes no descriptor above 1,023
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        Worker(app, 1)._wait(0.01)
    finally:
        for one in held:
            os.close(one)
