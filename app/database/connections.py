"""PostgreSQL connections: a bounded pool, a time limit for every wait, and optionally a replica for reads.

A server that accepts a connection and stops answering (a frozen host, a firewall that dropped its state) would block a
thread forever, because ``statement_timeout`` is measured by that server. So the client has a limit too: psycopg2 calls
a function for every wait, including those of connecting and committing, and the function here gives up in time.
"""

from __future__ import annotations

import select
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import psycopg2
from psycopg2 import extensions
from sqlalchemy import event
from sqlalchemy.engine import Connection, Dialect, Engine, make_url

from app.config.settings import Settings

REPLICA = "replica"
CONNECT_S = 3.0
# The server cancels a statement first, because its message is better. The client limit is for servers that hang.
STATEMENT_S = 10
ANSWER_S = STATEMENT_S + 2.0
# Longer than the work of any request between two statements.
_IDLE_IN_TRANSACTION_S = 60
_POOL_S = 3.0
_RECYCLE_S = 1800
_AGAIN_S = 2.0

_reading_replica: ContextVar[bool] = ContextVar("reading_replica", default=False)


class TimedConnection(extensions.connection):  # type: ignore[misc, unused-ignore]  # psycopg2 has no types
    """A connection with a time limit for each wait.

    Attributes
    ----------
    wait_limit : float or None
        The limit in seconds; None means no limit, which migrations need.
    """

    wait_limit: float | None = CONNECT_S


@contextmanager
def reading_replica(replica: bool = True) -> Iterator[None]:
    """Read from the replica within a ``with`` statement or, with False, from the primary within such a statement."""
    token = _reading_replica.set(replica)
    try:
        yield
    finally:
        _reading_replica.reset(token)


def reads_replica() -> bool:
    """Return whether reads go to the replica."""
    return _reading_replica.get()


def configuration(settings: Settings) -> dict[str, Any]:
    """Return the configuration of Flask-SQLAlchemy."""
    config: dict[str, Any] = {
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": _options(settings.database_url, settings.database_pool_size),
    }
    url = settings.database_replica_url
    if url:
        # The server behind the URL may accept writes by mistake.
        options = _options(url, settings.database_pool_size, "default_transaction_read_only=on")
        config["SQLALCHEMY_BINDS"] = {REPLICA: {"url": url, **options}}
    return config


def watch(engine: Engine) -> None:
    """Limit every wait of the connections of an engine."""
    if engine.dialect.name != "postgresql":
        return
    extensions.set_wait_callback(_wait)
    event.listen(engine, "do_connect", _Gate())
    # The pool tests a connection before it reports the checkout. This test needs a shorter limit than a statement.
    event.listen(engine, "checkout", _expect_statements)
    event.listen(engine, "checkin", _expect_test)


def _expect_statements(connection: Any, _record: Any, _proxy: Any) -> None:
    connection.wait_limit = ANSWER_S


def _expect_test(connection: Any, _record: Any) -> None:
    # The pool passes None for a broken connection.
    if connection is not None:
        connection.wait_limit = CONNECT_S


def remove_time_limits(connection: Connection) -> None:
    """Remove the time limits of a connection, for commands."""
    if connection.dialect.name == "postgresql":
        driver: Any = connection.connection.dbapi_connection
        driver.wait_limit = None
        connection.exec_driver_sql("SET statement_timeout = 0")
        connection.exec_driver_sql("SET idle_in_transaction_session_timeout = 0")


def _options(url: str, pool_size: int, *more: str) -> dict[str, object]:
    if url.startswith("sqlite"):
        return {}
    server = (
        f"statement_timeout={STATEMENT_S}s",
        f"idle_in_transaction_session_timeout={_IDLE_IN_TRANSACTION_S}s",
        *more,
    )
    arguments = {
        "application_name": "ecopredict",
        "options": " ".join(f"-c {setting}" for setting in server),
        "connection_factory": TimedConnection,
    }
    # The URL has precedence: a connection pooler may not support `options`.
    query = make_url(url).query
    return {
        "pool_size": pool_size,
        "max_overflow": 0,
        "pool_timeout": _POOL_S,
        "pool_pre_ping": True,
        "pool_recycle": _RECYCLE_S,
        "connect_args": {name: value for name, value in arguments.items() if name not in query},
    }


class _Gate:
    """Connects. While the server does not answer, one thread at a time tries and the others fail at once."""

    def __init__(self) -> None:
        self._closed_until = 0.0

    def __call__(self, dialect: Dialect, _record: object, arguments: list[Any], options: dict[str, Any]) -> object:
        began = time.monotonic()
        if began < self._closed_until:
            raise psycopg2.OperationalError("the server did not answer a moment ago")
        if self._closed_until:
            self._closed_until = began + CONNECT_S
        try:
            connection = dialect.connect(*arguments, **options)
        except psycopg2.OperationalError:
            ended = time.monotonic()
            # A refused connection costs no time, so the next thread may try at once.
            self._closed_until = ended + _AGAIN_S if ended - began > CONNECT_S / 2 else 0.0
            raise
        self._closed_until = 0.0
        return connection


def _wait(connection: TimedConnection) -> None:
    """Wait for the server of a connection, within the limit of the connection."""
    wait_limit = getattr(connection, "wait_limit", None)
    deadline = None if wait_limit is None else time.monotonic() + wait_limit
    while True:
        state = connection.poll()
        if state == extensions.POLL_OK:
            return
        # select() does not support file descriptors above 1023.
        poller = select.poll()
        poller.register(connection.fileno(), select.POLLIN if state == extensions.POLL_READ else select.POLLOUT)
        left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
        if not poller.poll(left):
            # psycopg2 closes the connection when this is raised, and the pool discards it.
            raise psycopg2.OperationalError(f"the server did not answer within {wait_limit:g} s")


@event.listens_for(Engine, "connect")
def _prepare_sqlite(connection: object, _record: object) -> None:
    """Set up SQLite like PostgreSQL: with foreign keys, and with readers that do not wait for a writer."""
    if isinstance(connection, sqlite3.Connection):
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA busy_timeout=10000")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.close()
