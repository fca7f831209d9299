"""Readiness is told in bounded time, whatever hangs."""

from __future__ import annotations

import concurrent.futures as threads
import threading
import time

import pytest

from app import create_app
from app.registry import changes
from tests.collectors import silence
from tests.contract.conftest import WHEATEAR, make_settings, upgrade

pytestmark = pytest.mark.alone


@pytest.fixture
def silent():
    """The port of a server that accepts and never answers."""
    with silence() as port:
        yield port


def ask(client, path="/health/ready"):
    """Return the answer; a check that waits for a silent server, which never answers, fails after a time."""
    asked = threads.ThreadPoolExecutor(1)
    try:
        return asked.submit(client.get, path).result(timeout=20)
    finally:
        asked.shutdown(wait=False)


def test_a_postgresql_that_never_answers_is_down_within_seconds(tmp_path, silent):
    app = create_app(make_settings(tmp_path, database_url=f"postgresql+psycopg2://u:p@127.0.0.1:{silent}/d"))
    client = app.test_client()
    for _ in range(3):
        ready = ask(client)
        assert ready.status_code == 503
        assert (ready.json["status"], ready.json["components"]["database"]) == ("unavailable", "down")
        assert ask(client, "/health/live").status_code == 200


def test_concurrent_requests_share_one_check(tmp_path, silent):
    app = create_app(make_settings(tmp_path, database_url=f"postgresql+psycopg2://u:p@127.0.0.1:{silent}/d"))
    with threads.ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(app.test_client().get, "/health/ready") for _ in range(8)]
        time.sleep(0.5)
        assert sum(thread.name == "probe" for thread in threading.enumerate()) <= 4
        assert {answer.result(timeout=20).status_code for answer in asked} == {503}


def test_answers_go_on_while_postgresql_hangs_and_readiness_says_so(artifacts, tmp_path, silent):
    beside = create_app(make_settings(tmp_path))
    upgrade(beside)
    with beside.app_context():
        version, _ = changes.register(artifacts[WHEATEAR])
        changes.activate(version.id)
    app = create_app(make_settings(tmp_path, database_url=f"postgresql+psycopg2://u:p@127.0.0.1:{silent}/d"))
    ready = ask(app.test_client())
    assert (ready.status_code, ready.json["status"]) == (200, "degraded")
    assert ready.json["components"] | {"database": "down", "models": 1} == ready.json["components"]


def test_a_redis_that_never_answers_is_down_within_seconds(artifacts, tmp_path, silent):
    app = create_app(make_settings(tmp_path, redis_url=f"redis://127.0.0.1:{silent}/0"))
    upgrade(app)
    with app.app_context():
        version, _ = changes.register(artifacts[WHEATEAR])
        changes.activate(version.id)
    ready = ask(app.test_client())
    assert (ready.status_code, ready.json["components"]["cache"]) == (200, "down")


def test_a_failed_check_is_logged_and_repeated(app, caplog):
    from app.health.probe import Probe

    found = iter([ZeroDivisionError, "up"])

    def check():
        one = next(found)
        if one is ZeroDivisionError:
            raise one
        return one

    probe = Probe(check, "down")
    assert [probe.start(app)(time.monotonic() + 5) for _ in range(2)] == ["down", "up"]
    assert "a health check failed" in caplog.text
