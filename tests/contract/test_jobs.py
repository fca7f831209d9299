"""Jobs: added once for each key, listed, shown as a page, cancelled, and counted."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.database.db import db
from app.database.types import now
from app.errors import Conflict
from app.jobs import claims, presence, service
from app.jobs.folder import MARKER, JobLog
from app.jobs.presence import WorkerLock
from app.jobs.steps import JobRef, Step, register_kind
from app.jobs.tables import Job
from tests.contract.conftest import LintingClient, make_settings, upgrade

UNKNOWN = "00000000-0000-4000-8000-000000000000"
cleaned: list[str] = []


def _clean_up(job: JobRef) -> None:
    cleaned.append(job.id)


@pytest.fixture(autouse=True)
def kind() -> None:
    register_kind("test-kind", "Test", [Step("one", "First", print), Step("two", "Second", print)], _clean_up)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Flask]:
    app = create_app(make_settings(tmp_path))
    app.test_client_class = LintingClient
    upgrade(app)
    with app.app_context():
        yield app


@pytest.fixture
def web(site: Flask) -> FlaskClient:
    return site.test_client()


def add(study: str = "hills", **options) -> Job:
    return service.enqueue("test-kind", study, {"seed": 1}, **options)


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


def _end(job: str, **values) -> None:
    claims.claim("worker-1", ["test-kind"])
    claims.save(job, "worker-1", {"ended_at": now(), **values})


def test_the_page_of_each_state(web: FlaskClient) -> None:
    job = add().id
    page = web.get(f"/jobs/{job}").text
    assert "Waiting for a worker" in page
    assert '<progress id="job-progress" max="100" value="0">' in page
    assert '<a href="/studies" aria-current="true">Studies</a>' in page
    assert 'hx-trigger="every 2s"' in page
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in page
    assert f'action="/jobs/{job}/cancel" method="post"' in page
    assert "You may close this page" in page
    assert "No worker is running." in page
    claims.claim("worker-1", ["test-kind"])
    claims.save(job, "worker-1", {"progress": 0.42, "message": "Fold 3 of 5"})
    fragment = web.get(f"/jobs/{job}", headers={"HX-Request": "true"}).text
    assert "Step 1 of 2: Fold 3 of 5" in fragment
    assert '<progress id="job-progress" max="100" value="42">42 %</progress>' in fragment
    assert 'hx-swap-oob="true"' in fragment
    assert "<html" not in fragment


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            {"state": "succeeded", "result": "/studies/hills"},
            '<a class="button" href="/studies/hills">See the result</a>',
        ),
        ({"state": "failed", "error": "Row 3: <no> latitude."}, "Row 3: &lt;no&gt; latitude."),
        ({"state": "cancelled"}, "Nothing of it remains but its log."),
    ],
)
def test_the_page_of_an_ended_job_is_not_polled(web: FlaskClient, values: dict[str, str], text: str) -> None:
    job = add().id
    _end(job, **values)
    page = web.get(f"/jobs/{job}").text
    assert text in page
    for word in ("hx-trigger", "noscript", "/cancel"):
        assert word not in page, word


def test_the_log_is_read_from_an_offset(web: FlaskClient) -> None:
    job = add().id
    assert web.get(f"/api/v1/jobs/{job}/log").text == ""
    folder = service.folder_of(job)
    folder.mkdir(parents=True)
    (folder / "log.txt").write_text("first line\nsecond <b>line</b>\n")
    answer = web.get(f"/api/v1/jobs/{job}/log?offset=11")
    assert answer.text == "second <b>line</b>\n"
    assert answer.content_type == "text/plain; charset=utf-8"
    assert web.get(f"/api/v1/jobs/{job}/log?offset=1000").text == ""
    assert web.get(f"/api/v1/jobs/{job}/log?offset=-1").status_code == 422
    assert "second &lt;b&gt;line&lt;/b&gt;" in web.get(f"/jobs/{job}").text
    (folder / "log.txt").write_text("".join(f"line {number}\n" for number in range(5000)))
    page = web.get(f"/jobs/{job}").text
    assert "… earlier lines are in the complete log\nline 4" in page
    assert "line 4999\n" in page
    assert len(page) < 20_000


def test_the_page_names_the_study_by_its_title(web: FlaskClient) -> None:
    study = web.post("/api/v1/studies", json={"title": "Hills of Spain", "slug": "hills"})
    assert study.status_code == 201
    page = web.get(f"/jobs/{add().id}").text
    assert "<h1>Test of Hills of Spain</h1>" in page
    assert '<a href="/studies/hills">Hills of Spain</a>' in page


def test_the_log_has_no_paths_of_the_server_and_the_page_no_json(web: FlaskClient, site: Flask) -> None:
    job = add().id
    folder, data_dir = service.folder_of(job), site.config["SETTINGS"].data_dir.resolve()
    log = JobLog(folder)
    log.write(f"reading {folder}/files/a.csv and {data_dir}/studies/hills/recipe.json")
    log.write('{"trained": [{"species": "Lacerta agilis"}], "failed": []}')
    log.write("{not JSON}")
    text, page = web.get(f"/api/v1/jobs/{job}/log").text, web.get(f"/jobs/{job}").text
    assert "reading files/a.csv and studies/hills/recipe.json\n" in text
    assert str(data_dir) not in text
    assert '{"trained"' in text
    assert "trained" not in page
    assert "{not JSON}" in page


def test_nothing_is_cancelled_in_production(tmp_path: Path) -> None:
    app = create_app(make_settings(tmp_path, environment="production"))
    upgrade(app)
    with app.app_context():
        job = add().id
    web = app.test_client()
    assert web.post(f"/api/v1/jobs/{job}/cancel").status_code == 404
    assert web.post(f"/jobs/{job}/cancel").status_code == 404
    assert "/api/v1/jobs/{id}/cancel" not in web.get("/openapi.json").json["paths"]
    assert "Cancel the job" not in web.get(f"/jobs/{job}").text


def test_each_ended_job_is_counted_once(web: FlaskClient) -> None:
    _end(add().id, state="failed", error="no")
    service.cancel(add().id)
    claims.claim("worker-1", ["test-kind"]) or add()
    add()
    for _ in range(2):
        text = web.get("/metrics").text
        assert 'ecopredict_jobs_total{kind="test-kind",state="failed"} 1.0' in text
        assert 'ecopredict_jobs_total{kind="test-kind",state="cancelled"} 1.0' in text
        assert 'ecopredict_job_seconds_count{kind="test-kind"} 1.0' in text
        assert re.search(r"^ecopredict_jobs_queued 2.0$", text, re.MULTILINE)


def test_waiting_jobs_without_a_worker_degrade_the_readiness(web: FlaskClient, site: Flask) -> None:
    def state() -> str:
        return web.get("/health/ready").json["components"]["jobs"]

    assert state() == "up"
    add()
    assert state() == "degraded"
    lock = WorkerLock(Path(site.config["SETTINGS"].data_dir) / "jobs" / presence.LOCKS)
    presence.beat(lock.id)
    assert state() == "up"
    lock.release()
    # its lock file is gone, and its heartbeat is fresh
    assert state() == "up"
    presence.remove(lock.id)
    assert state() == "degraded"


def test_working_files_of_an_ended_job_are_recognised(site: Flask) -> None:
    done, running = add().id, add().id
    _end(done, state="succeeded")
    assert MARKER
    found = claims.ended([done, running, UNKNOWN])
    assert {job: success for job, (_, success) in found.items()} == {done: True, UNKNOWN: False}


def test_in_production_no_job_leads_to_pages_that_do_not_exist(tmp_path: Path, site: Flask) -> None:
    job = add().id
    _end(job, state="succeeded", result="/studies/hills/versions")
    assert site.test_client().get(f"/api/v1/jobs/{job}").json["result"] == "/studies/hills/versions"
    client = create_app(make_settings(tmp_path, environment="production", allowed_hosts=("localhost",))).test_client()
    assert client.get("/studies/hills/versions").status_code == 404
    assert client.get(f"/api/v1/jobs/{job}").json["result"] is None
    page = client.get(f"/jobs/{job}").text
    assert "The job has ended." in page
    assert "/studies" not in page
