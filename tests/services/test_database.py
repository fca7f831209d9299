"""Connections to a real PostgreSQL: the size of the pool and the time limits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy.exc import OperationalError

from app import create_app
from app.database import connections
from app.database.db import db
from tests.contract.conftest import make_settings
from tests.services.conftest import call
from tools import live

Sites = Callable[..., live.Site]


def _shown(name: str) -> str:
    return str(db.session.execute(sqlalchemy.text(f"SHOW {name}")).scalar_one())


def test_the_server_is_told_what_a_statement_may_take(database: str, tmp_path: Path) -> None:
    app = create_app(make_settings(tmp_path, database_url=database.replace("postgresql:", "postgresql+psycopg2:")))
    with app.app_context():
        names = ("application_name", "statement_timeout", "idle_in_transaction_session_timeout")
        assert [_shown(name) for name in names] == ["ecopredict", "10s", "1min"]


def test_a_server_that_falls_silent_within_a_statement_is_given_up(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.database.connections.ANSWER_S", 0.5)
    app = create_app(make_settings(tmp_path, database_url=database.replace("postgresql:", "postgresql+psycopg2:")))
    with app.app_context():
        with pytest.raises(OperationalError, match=r"did not answer within 0\.5 s"):
            db.session.execute(sqlalchemy.text("SELECT pg_sleep(5)"))
        db.session.rollback()
        # the connection is not used again
        assert db.session.execute(sqlalchemy.text("SELECT 1")).scalar_one() == 1
        db.session.remove()


def test_the_test_of_a_pooled_connection_has_a_shorter_limit_than_a_statement(database: str, tmp_path: Path) -> None:
    app = create_app(make_settings(tmp_path, database_url=database.replace("postgresql:", "postgresql+psycopg2:")))
    with app.app_context():
        raw = db.engine.raw_connection()
        driver: Any = raw.driver_connection
        assert driver.wait_limit == connections.ANSWER_S
        # as a command does
        driver.wait_limit = None
        raw.close()
        assert driver.wait_limit == connections.CONNECT_S


def test_a_restarted_server_costs_no_request(database: str, on_services: Sites) -> None:
    site = on_services(WEB_CONCURRENCY="1")
    assert call(f"{site.url}/api/v1/studies").status == 200
    engine = live.connect(database, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'ecopredict'"
        assert connection.exec_driver_sql(ended).scalar_one() >= 1
    engine.dispose()
    assert call(f"{site.url}/api/v1/studies").status == 200


def test_more_threads_than_connections(database: str, on_services: Sites) -> None:
    site = on_services(WEB_CONCURRENCY="1", DATABASE_POOL_SIZE="2")
    most, done = 0, threading.Event()

    def watch() -> None:
        nonlocal most
        engine = live.connect(database)
        name = database.rsplit("/", 1)[1]
        counted = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ecopredict' AND datname = '{name}'"
        while not done.is_set():
            with engine.connect() as connection:
                most = max(most, connection.exec_driver_sql(counted).scalar_one())
        engine.dispose()

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(lambda _: call(f"{site.url}/api/v1/studies").status, range(120)))
    done.set()
    watcher.join()
    assert statuses == [200] * 120
    assert 1 <= most <= 2


def test_a_statement_that_waits_too_long_is_a_503_and_no_more(database: str, on_services: Sites) -> None:
    # what the address says holds, here for a shorter test
    site = on_services(WEB_CONCURRENCY="1", DATABASE_URL=f"{database}?options=-c%20statement_timeout%3D400ms")
    engine = live.connect(database)
    with engine.connect() as connection:
        connection.exec_driver_sql("LOCK TABLE species IN ACCESS EXCLUSIVE MODE")
        answer = call(f"{site.url}/api/v1/studies")
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        connection.rollback()
    engine.dispose()
    assert call(f"{site.url}/api/v1/studies").status == 200
