"""Connections that give up, against servers that say nothing, and sessions that know where to read."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import psycopg2
import pytest
import sqlalchemy
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app import create_app
from app.catalogue.studies import Study
from app.database import connections
from app.database.db import db
from tests.contract.conftest import make_settings


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch):
    for name, seconds in {"CONNECT_S": 0.3, "ANSWER_S": 0.5, "_AGAIN_S": 0.4, "_POOL_S": 0.3}.items():
        monkeypatch.setattr(connections, name, seconds)
    monkeypatch.setattr(connections.TimedConnection, "wait_limit", 0.3)


@pytest.fixture
def silent():
    """A server that accepts every connection and never says a word."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(50)
        yield server.getsockname()[1]


def engine_for(port, tmp_path, pool_size=5):
    url = f"postgresql+psycopg2://eco@127.0.0.1:{port}/eco"
    app = create_app(make_settings(tmp_path, database_url=url, database_pool_size=pool_size))
    with app.app_context():
        return db.engine


def took(action):
    began = time.monotonic()
    with pytest.raises(OperationalError) as caught:
        action()
    return time.monotonic() - began, str(caught.value)


def connect(engine):
    with engine.connect():
        pass


def test_a_server_that_accepts_and_never_answers_is_given_up(silent, tmp_path):
    engine = engine_for(silent, tmp_path)
    seconds, said = took(lambda: connect(engine))
    assert 0.25 < seconds < 1.5
    assert "did not answer within 0.3 s" in said


@pytest.mark.alone
def test_one_thread_at_a_time_asks_a_silent_server_again(silent, tmp_path):
    engine = engine_for(silent, tmp_path)
    took(lambda: connect(engine))
    seconds, said = took(lambda: connect(engine))
    assert seconds < 0.1
    assert "a moment ago" in said
    time.sleep(0.45)
    waited = []
    threads = [threading.Thread(target=lambda: waited.append(took(lambda: connect(engine))[0])) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seconds > 0.2 for seconds in waited) == [False] * 4 + [True]


def test_a_server_that_refuses_is_asked_again_at_once(tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        engine = engine_for(closed.getsockname()[1], tmp_path)
        for _ in range(2):
            assert "refused" in took(lambda: connect(engine))[1]


def test_a_page_says_503_when_the_database_is_silent(silent, tmp_path):
    url = f"postgresql+psycopg2://eco@127.0.0.1:{silent}/eco"
    client = create_app(make_settings(tmp_path, database_url=url)).test_client()
    answer = client.get("/api/v1/species")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def test_what_the_address_says_holds(tmp_path):
    url = "postgresql+psycopg2://h/d?application_name=mine&options=-c%20statement_timeout%3D1s"
    given = connections.configuration(make_settings(tmp_path, database_url=url))["SQLALCHEMY_ENGINE_OPTIONS"]
    assert given["connect_args"] == {"connection_factory": connections.TimedConnection}


def test_connections_of_others_wait_as_they_please(silent, tmp_path):
    engine_for(silent, tmp_path)
    done = threading.Event()

    def wait():
        with contextlib.suppress(psycopg2.OperationalError):
            psycopg2.connect(host="127.0.0.1", port=silent, user="eco", sslmode="disable")
        done.set()

    threading.Thread(target=wait, daemon=True).start()
    assert not done.wait(1)


def routed(session, statement):
    return session.get_bind(clause=statement).url.host


def test_only_reads_that_are_marked_go_to_the_replica(tmp_path):
    urls = {"database_url": "postgresql+psycopg2://one/d", "database_replica_url": "postgresql+psycopg2://two/d"}
    app = create_app(make_settings(tmp_path, **urls))
    with app.app_context():
        read, written = sqlalchemy.select(Study), sqlalchemy.update(Study)
        assert routed(db.session, read) == "one"
        with connections.reading_replica():
            assert routed(db.session, read) == "two"
            assert routed(db.session, written) == "one"
            with connections.reading_replica(False):
                assert routed(db.session, read) == "one"
        assert routed(db.session, read) == "one"


def test_more_threads_than_connections_take_turns_or_are_told(tmp_path):
    """The pool is PostgreSQL's, its connections are SQLite's: what counts is who waits for whom."""
    options = connections.configuration(
        make_settings(tmp_path, database_url="postgresql+psycopg2://h/d", database_pool_size=2)
    )["SQLALCHEMY_ENGINE_OPTIONS"]
    options = {name: value for name, value in options.items() if name.startswith(("pool_size", "max_", "pool_timeout"))}
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'x.db'}", poolclass=sqlalchemy.QueuePool, **options)
    opened = []
    event.listen(engine, "connect", lambda *_: opened.append(1))
    outcomes = []

    def work(seconds):
        try:
            with engine.connect():
                time.sleep(seconds)
            outcomes.append("done")
        except PoolTimeout:
            outcomes.append("told")

    for seconds, expected in ((0.02, ["done"] * 8), (0.6, ["done"] * 2 + ["told"] * 6)):
        outcomes.clear()
        threads = [threading.Thread(target=work, args=(seconds,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == expected
    assert len(opened) == 2
    engine.dispose()
