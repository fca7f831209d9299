"""Pages and logs of jobs, and what monitoring and production see of them."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.catalogue.studies import Study
from app.database.db import db
from app.database.types import now
from app.jobs import claims, presence, service
from app.jobs.folder import JobLog
from app.jobs.presence import WorkerLock
from app.jobs.tables import FINISHED
from tests.contract.conftest import make_settings, upgrade
from tests.contract.jobs.conftest import UNKNOWN, add, end


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
    end(job, **values)
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


def test_nobody_cancels_a_job_in_production_without_signing_in(tmp_path: Path) -> None:
    app = create_app(make_settings(tmp_path, environment="production", allowed_hosts=("localhost",)))
    upgrade(app)
    with app.app_context():
        db.session.add(Study(slug="hills", title="Hills", description={}))
        job = add("hills").id
    web = app.test_client()
    assert web.post(f"/api/v1/jobs/{job}/cancel").status_code == 401
    assert web.post(f"/jobs/{job}/cancel").location.startswith("/login")
    assert "Cancel the job" not in web.get(f"/jobs/{job}").text
    assert web.get(f"/api/v1/jobs/{job}").json["state"] == "queued"
    assert "Cancel the job" not in web.get(f"/jobs/{job}").text


def test_before_the_first_job_ends_each_end_is_counted_as_none(web: FlaskClient) -> None:
    text = web.get("/metrics").text
    for state in FINISHED:
        assert f'ecopredict_jobs_total{{kind="test-kind",state="{state}"}} 0.0' in text


def test_each_ended_job_is_counted_once(web: FlaskClient) -> None:
    end(add().id, state="failed", error="no")
    service.cancel(add().id)
    claims.claim("worker-1", ["test-kind"]) or add()
    add()
    for _ in range(2):
        text = web.get("/metrics").text
        assert 'ecopredict_jobs_total{kind="test-kind",state="failed"} 1.0' in text
        assert 'ecopredict_jobs_total{kind="test-kind",state="cancelled"} 1.0' in text
        assert 'ecopredict_job_seconds_count{kind="test-kind"} 1.0' in text
        assert re.search(r"^ecopredict_jobs_queued 2.0$", text, re.MULTILINE)


def test_the_age_of_the_oldest_waiting_job_is_shown(web: FlaskClient) -> None:
    def age() -> float:
        found = re.search(r"^ecopredict_jobs_oldest_queued_seconds (\S+)$", web.get("/metrics").text, re.MULTILINE)
        assert found is not None
        return float(found[1])

    assert age() == 0
    old, future = add(), add()
    old.created_at, future.created_at = now() - timedelta(hours=2), now() + timedelta(hours=1)
    db.session.commit()
    assert 7200 <= age() < 7500
    # a job that runs does not wait
    claimed = claims.claim("worker-1", ["test-kind"])
    assert claimed is not None
    assert claimed.job.id == old.id
    # the clock that wrote the other one is ahead
    assert age() == 0


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
    end(done, state="succeeded")
    found = claims.ended([done, running, UNKNOWN])
    assert {job: success for job, (_, success) in found.items()} == {done: True, UNKNOWN: False}


def test_no_job_leads_to_pages_that_do_not_exist(site: Flask) -> None:
    job = add().id
    end(job, state="succeeded", result="/studies/hills/versions")
    assert site.test_client().get(f"/api/v1/jobs/{job}").json["result"] == "/studies/hills/versions"
    other = add().id
    end(other, state="succeeded", result="/nothing/hills")
    assert site.test_client().get(f"/api/v1/jobs/{other}").json["result"] is None
