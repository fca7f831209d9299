"""How Alembic meets the application: its engine, its tables, and one upgrade at a time beside those who serve."""

from __future__ import annotations

import contextlib
import fcntl
import logging
from collections.abc import Iterator
from pathlib import Path

from alembic import context
from alembic.util import CommandError
from flask import current_app
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from app.database.connections import take_time

_migrate = current_app.extensions["migrate"]
_metadata = _migrate.db.metadata
_arguments = {"compare_type": True, **_migrate.configure_args}

log = logging.getLogger("app.migrations")

# "eco-mig" as a number: what everybody who migrates this database agrees to lock
_LOCK = 0x65636F2D6D6967
# A statement that wants a table for itself lets nobody pass while it waits, so it must not wait long. Shorter than what
# the application's own statements may take.
_LOCK_TIMEOUT_S = 4
_LOCK_NOT_AVAILABLE = "55P03"
_WAITING = "another upgrade is running; waiting for it"


def run_offline() -> None:
    """Write the statements instead of running them."""
    url = _migrate.db.engine.url.render_as_string(hide_password=False)
    context.configure(url=url, target_metadata=_metadata, literal_binds=True, **_arguments)
    with context.begin_transaction():
        context.run_migrations()


def run_online() -> None:
    """Run the statements, each migration in a transaction of its own."""
    with _migrate.db.engine.connect() as connection, _alone(connection):
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


@contextlib.contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Let one upgrade run at a time."""
    if connection.dialect.name == "postgresql":
        _take_turns(connection)
        try:
            yield
        finally:
            # the lock and the settings end with the connection, which nobody else gets
            connection.invalidate()
    else:
        with _file_lock(connection):
            yield


@contextlib.contextmanager
def _file_lock(connection: Connection) -> Iterator[None]:
    """Wait for whoever else is migrating an SQLite file.

    SQLite has no lock that outlives a transaction, and each migration is one of its own. The system releases this one
    when a process dies in whatever way. It lies beside the database and is left there: who waits for a file that
    another deletes would wait for nothing.
    """
    file = connection.exec_driver_sql("PRAGMA database_list").first()[2]
    # Alembic begins transactions only where none is open
    connection.commit()
    if not file:
        # in memory, and nobody else's
        yield
        return
    with Path(f"{file}.migrating").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.warning(_WAITING)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _take_turns(connection: Connection) -> None:
    """Wait for whoever else is migrating, and be patient with statements and impatient with locks."""
    take_time(connection)
    if not connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({_LOCK})").scalar():
        log.warning(_WAITING)
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({_LOCK})")
    connection.exec_driver_sql(f"SET lock_timeout = '{_LOCK_TIMEOUT_S}s'")
    # Alembic begins transactions only where none is open
    connection.commit()


if context.is_offline_mode():
    run_offline()
else:
    run_online()
