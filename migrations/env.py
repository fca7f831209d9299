"""Alembic's environment: the engine and tables of the application, and one upgrade at a time while others serve."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import time
from collections.abc import Iterator
from pathlib import Path

from alembic import context
from alembic.util import CommandError
from flask import current_app
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from app.database.connections import remove_time_limits

_migrate = current_app.extensions["migrate"]
_metadata = _migrate.db.metadata
_arguments = {"compare_type": True, **_migrate.configure_args}

log = logging.getLogger("app.migrations")

# "eco-mig" as a number: the advisory lock of every upgrade of a database.
_LOCK_ID = 0x65636F2D6D6967
# A statement that waits for an exclusive lock blocks all later statements on the table, so it must not wait long. Less
# than the limit of the application's statements.
_LOCK_TIMEOUT_S = 4
_LOCK_NOT_AVAILABLE = "55P03"
_POLL_S = 0.2
_WAITING = "another upgrade is running; waiting for it"


def run_offline() -> None:
    """Print the statements instead of running them."""
    url = _migrate.db.engine.url.render_as_string(hide_password=False)
    context.configure(url=url, target_metadata=_metadata, literal_binds=True, **_arguments)
    with context.begin_transaction():
        context.run_migrations()


def run_online() -> None:
    """Run the statements, each migration in its own transaction."""
    with _connect() as connection, _exclusively(connection):
        context.configure(
            connection=connection, target_metadata=_metadata, transaction_per_migration=True, **_arguments
        )
        try:
            with context.begin_transaction():
                context.run_migrations()
        except OperationalError as error:
            if getattr(error.orig, "pgcode", None) != _LOCK_NOT_AVAILABLE:
                raise
            raise CommandError(
                f"a table stayed in use for {_LOCK_TIMEOUT_S} s; the migration was undone, run the upgrade again"
            ) from None


def _connect() -> Connection:
    """Connect, or end the command with one line that says why not."""
    try:
        return _migrate.db.engine.connect()
    except OperationalError as error:
        reason = " ".join(str(error.orig).split())
        raise CommandError(f"the database of DATABASE_URL cannot be used: {reason}") from None


@contextlib.contextmanager
def _exclusively(connection: Connection) -> Iterator[None]:
    """Run one upgrade at a time."""
    if connection.dialect.name == "postgresql":
        _lock(connection)
        try:
            yield
        finally:
            # The lock and the settings end with the connection.
            connection.invalidate()
    else:
        with _file_lock(connection):
            yield


@contextlib.contextmanager
def _file_lock(connection: Connection) -> Iterator[None]:
    """Wait for another upgrade of an SQLite file.

    A lock of SQLite ends with its transaction, and each migration has its own transaction. The operating system
    releases this lock when the process ends. The lock file stays beside the database: if it were deleted, two upgrades
    could lock two different files.
    """
    file = connection.exec_driver_sql("PRAGMA database_list").first()[2]
    # Alembic begins a transaction only where none is open.
    connection.commit()
    if not file:
        # The database is in memory, so no other process uses it.
        yield
        return
    with Path(f"{file}.migrating").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.warning(_WAITING)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _lock(connection: Connection) -> None:
    """Wait for another upgrade; then allow long statements and short waits for locks."""
    remove_time_limits(connection)
    warned = False
    # Whoever waits in pg_advisory_lock has a snapshot, for which CREATE INDEX CONCURRENTLY of the other upgrade waits.
    while not connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({_LOCK_ID})").scalar():
        connection.commit()
        if not warned:
            log.warning(_WAITING)
            warned = True
        time.sleep(_POLL_S)
    connection.exec_driver_sql(f"SET lock_timeout = '{_LOCK_TIMEOUT_S}s'")
    # Alembic begins a transaction only where none is open.
    connection.commit()


if context.is_offline_mode():
    run_offline()
else:
    run_online()
