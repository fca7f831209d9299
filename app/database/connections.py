"""How PostgreSQL is reached: so many connections, none that waits for ever, and reads on a replica where one is given.

A server that takes a connection and falls silent (a frozen host, a firewall that forgot) would hold a thread for good:
``statement_timeout`` is counted by that same server. So the client counts too. psycopg2 hands every wait, also of
connecting and committing, to a callback, and ours gives up.
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
from flask_sqlalchemy.session import Session
from psycopg2 import extensions
from sqlalchemy import UpdateBase, event
from sqlalchemy.engine import Connection, Engine, make_url

from app.config.settings import Settings

REPLICA = "replica"
CONNECT_S = 3.0
# The server gives up first, with a better message; the client's limit is for servers that say nothing.
STATEMENT_S = 10
ANSWER_S = STATEMENT_S + 2.0
# longer than any request may be at work between two statements
_IDLE_IN_TRANSACTION_S = 60
_POOL_S = 3.0
_RECYCLE_S = 1800
_AGAIN_S = 2.0

_reading_replica: ContextVar[bool] = ContextVar("reading_replica", default=False)


class PatientConnection(extensions.connection):
    """A connection whose waits end.

    Attributes
    ----------
    patience : float or None
        Seconds that one wait may take; None is for ever, which migrations want.
    """

    patience: float | None = CONNECT_S


class RoutingSession(Session):
    """Reads from the replica within :func:`reading_replica`, and from the primary otherwise; always writes there."""

    def get_bind(
        self, mapper: Any | None = None, clause: Any | None = None, bind: Any | None = None, **kwargs: Any
    ) -> Any:
        """Return the engine for a statement."""
        writes = self._flushing or isinstance(clause, UpdateBase)
        if bind is None and _reading_replica.get() and not writes:
            return self._db.engines[REPLICA]
        return super().get_bind(mapper=mapper, clause=clause, bind=bind, **kwargs)


@contextmanager
def reading_replica(yes: bool = True) -> Iterator[None]:
    """Send the reads within to the replica, or with False to the primary though a caller wanted the replica."""
    before = _reading_replica.set(yes)
    try:
        yield
    finally:
        _reading_replica.reset(before)


def configuration(settings: Settings) -> dict[str, Any]:
    """Return what Flask-SQLAlchemy wants to know."""
    found: dict[str, Any] = {
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": _options(settings.database_url, settings.database_pool_size),
    }
    url = settings.database_replica_url
    if url:
        # what is taken for a replica may be a server that would let itself be written to
        options = _options(url, settings.database_pool_size, "default_transaction_read_only=on")
        found["SQLALCHEMY_BINDS"] = {REPLICA: {"url": url, **options}}
    return found


def watch(engine: Engine) -> None:
    """Let no wait of an engine's connections last for ever."""
    if engine.dialect.name != "postgresql":
        return
    extensions.set_wait_callback(_wait)
    event.listen(engine, "do_connect", _Gate())
    ping = engine.dialect.do_ping

    def short_ping(connection: Any) -> bool:
        # asking whether a connection lives is not worth waiting as long as for an answer
        patience, connection.patience = connection.patience, CONNECT_S
        try:
            return ping(connection)
        finally:
            connection.patience = patience

    engine.dialect.do_ping = short_ping  # type: ignore[method-assign,assignment]


def take_time(connection: Connection) -> None:
    """Let the statements of a connection take as long as they need: for commands, where nobody waits for a page."""
    if connection.dialect.name == "postgresql":
        driver: Any = connection.connection.dbapi_connection
        driver.patience = None
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
        "connection_factory": PatientConnection,
    }
    # what the operator says in the address holds: a connection pooler in between may not bear `options`
    given = make_url(url).query
    return {
        "pool_size": pool_size,
        "max_overflow": 0,
        "pool_timeout": _POOL_S,
        "pool_pre_ping": True,
        "pool_recycle": _RECYCLE_S,
        "connect_args": {name: value for name, value in arguments.items() if name not in given},
    }


class _Gate:
    """Connects, and after a server that did not answer lets one thread at a time find out whether it does again."""

    def __init__(self) -> None:
        self._closed_until = 0.0

    def __call__(self, dialect: Any, _record: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
        began = time.monotonic()
        if began < self._closed_until:
            raise psycopg2.OperationalError("the server did not answer a moment ago")
        if self._closed_until:
            self._closed_until = began + CONNECT_S
        try:
            connection = dialect.connect(*arguments, **options)
        except psycopg2.OperationalError:
            ended = time.monotonic()
            # being refused costs no time: the next one may ask at once
            self._closed_until = ended + _AGAIN_S if ended - began > CONNECT_S / 2 else 0.0
            raise
        self._closed_until = 0.0
        connection.patience = ANSWER_S
        return connection


def _wait(connection: Any) -> None:
    """Wait for a connection's server, for as long as the connection is patient."""
    patience = getattr(connection, "patience", None)
    deadline = None if patience is None else time.monotonic() + patience
    while True:
        state = connection.poll()
        if state == extensions.POLL_OK:
            return
        # not select(), which knows no file beyond the 1024th
        poller = select.poll()
        poller.register(connection.fileno(), select.POLLIN if state == extensions.POLL_READ else select.POLLOUT)
        left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
        if not poller.poll(left):
            # psycopg2 closes the connection when this is raised, and the pool forgets it
            raise psycopg2.OperationalError(f"the server did not answer within {patience:g} s")


@event.listens_for(Engine, "connect")
def _prepare_sqlite(connection: Any, _record: Any) -> None:
    """Give SQLite what PostgreSQL has by default: foreign keys, and readers that do not wait for a writer."""
    if isinstance(connection, sqlite3.Connection):
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA busy_timeout=10000")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.close()
