"""The outbox of predictions: written at once to SQLite, and through a spool and a drainer thread to PostgreSQL."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from flask import Flask
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from app.components import component, components
from app.database.db import db
from app.errors import Unavailable
from app.outbox.row import QueuedRow
from app.outbox.spool import Depth, Spool, SpoolError
from app.telemetry.metrics import counters
from app.throttled_log import ThrottledLog

log = logging.getLogger(__name__)

Insert = Callable[[list[QueuedRow]], None]
InsertJson = Callable[[list[bytes]], None]

_BATCH = 500
_IDLE_S = 0.1
_LOCKED_S = 0.5
_LONGEST_PAUSE_S = 5.0
# In seconds: how long the spool is reported as down after it refused a row.
_REFUSED_S = 10.0


class Outbox:
    """Takes rows from requests and writes them to the database.

    Parameters
    ----------
    app : Flask
    spool : Spool or None
        None where rows are written to the database at once, as with SQLite.
    folder : Path
        The folder of the lock file of the drainer.
    insert : callable
        Inserts rows into the database, ignores those that are there already, and commits.
    insert_json : callable
        Does the same with rows as JSON, as they are in the spool.
    """

    def __init__(self, app: Flask, spool: Spool | None, folder: Path, insert: Insert, insert_json: InsertJson) -> None:
        self.spool = spool
        self._app = app
        self._folder = folder
        self._insert = insert
        self._insert_json = insert_json
        self._starting = threading.Lock()
        self._drainer: tuple[int, threading.Thread] | None = None
        self._stop = threading.Event()
        self._database_failure, self._spool_failure = ThrottledLog(log), ThrottledLog(log)
        self._refused = -math.inf

    def keep(self, row: QueuedRow) -> None:
        """Store a row, now or later, exactly once.

        The row survives the death of this process as soon as this returns. A power failure can lose it while it is in
        the spool, and the drainer moves a row that the database refuses to the rejected rows of the spool.

        Parameters
        ----------
        row : QueuedRow

        Raises
        ------
        Unavailable
            Neither the spool nor the database accepts the row.
        sqlalchemy.exc.SQLAlchemyError
            There is no spool, and the database does not accept the row.
        """
        if self.spool is None:
            self._insert([row])
            return
        self.start()
        try:
            self.spool.append(row.id, row.to_json())
        except SpoolError as error:
            self._refused = time.monotonic()
            log.error("the spool refuses rows (%s): writing to the database at once", error)
            try:
                self._insert([row])
            except SQLAlchemyError as database_error:
                db.session.rollback()
                message = "The answer could not be stored, so it is not returned. Try again in a moment."
                raise Unavailable(message) from database_error

    def find(self, row_id: str) -> QueuedRow | None:
        """Return a row that waits in the spool."""
        if self.spool is None:
            return None
        try:
            body = self.spool.find(row_id)
            return QueuedRow.from_json(body) if body is not None else None
        except SpoolError:
            return None
        except ValueError:
            log.error("row %s in the spool is malformed", row_id)
            return None

    @property
    def refuses(self) -> bool:
        """Whether the spool refused a row of this process a moment ago."""
        return time.monotonic() - self._refused < _REFUSED_S

    def depth(self) -> Depth | None:
        """Return how many rows wait, or None without a spool.

        Raises
        ------
        SpoolError
            The spool cannot be read.
        """
        return self.spool.depth() if self.spool is not None else None

    def start(self) -> None:
        """Start the drainer of this process. Of all processes on a host, the one with the lock drains the spool."""
        if self.spool is None:
            return
        pid = os.getpid()
        if self._drainer is not None and self._drainer[0] == pid and self._drainer[1].is_alive():
            return
        with self._starting:
            if self._drainer is not None and self._drainer[0] == pid and self._drainer[1].is_alive():
                return
            self._stop = threading.Event()
            thread = threading.Thread(target=self._run, name="drainer", daemon=True)
            self._drainer = (pid, thread)
            thread.start()

    def stop(self, patience: float = 5.0) -> None:
        """Stop the drainer of this process after its current batch. The other rows stay in the spool."""
        self._stop.set()
        if self._drainer is not None and self._drainer[0] == os.getpid():
            self._drainer[1].join(patience)

    def drain_once(self) -> int:
        """Write one batch to the database, and return the number of rows that left the spool."""
        assert self.spool is not None  # noqa: S101 (only called with a spool)
        waiting = self.spool.batch(_BATCH)
        if not waiting:
            return 0
        try:
            self._insert_json([body for _, body in waiting])
        except (IntegrityError, DataError):
            db.session.rollback()
            self._one_by_one(waiting)
        else:
            self.spool.remove([row_id for row_id, _ in waiting])
        self.spool.tidy()
        return len(waiting)

    def _one_by_one(self, waiting: list[tuple[str, bytes]]) -> None:
        """Write each row of a batch alone, so that a row that the database refuses does not block the others."""
        assert self.spool is not None  # noqa: S101 (only called with a spool)
        for row_id, body in waiting:
            try:
                self._insert_json([body])
            except (IntegrityError, DataError) as error:
                db.session.rollback()
                reason = str(error.orig).splitlines()[0] if error.orig else type(error).__name__
                log.error("answer %s is rejected, the database refuses it: %s", row_id, reason)
                self.spool.reject(row_id, reason)
            else:
                self.spool.remove([row_id])

    def _run(self) -> None:
        pause = _IDLE_S
        while not self._stop.is_set():
            with self._lock() as locked:
                while locked and not self._stop.is_set():
                    try:
                        with self._app.app_context():
                            self._set_gauges()
                            moved = self.drain_once()
                        pause = 0.0 if moved == _BATCH else _IDLE_S
                    except SpoolError as error:
                        # A row that is in the database and still in the spool is inserted again and then ignored.
                        pause = min(_LONGEST_PAUSE_S, max(0.2, pause * 2))
                        self._spool_failure.warning("the spool cannot be read or written: %s", error)
                    except (DBAPIError, SQLAlchemyError, OSError) as error:
                        # The rows wait until the database is back.
                        pause = min(_LONGEST_PAUSE_S, max(0.2, pause * 2))
                        self._database_failure.warning("answers wait for the database: %s", type(error).__name__)
                    except Exception:
                        log.exception("unexpected error in the drainer, it continues")
                        pause = _LONGEST_PAUSE_S
                    self._stop.wait(pause)
            self._stop.wait(_LOCKED_S)

    @contextlib.contextmanager
    def _lock(self) -> Iterator[bool]:
        """Hold the lock of the drainer, if it is free. The operating system releases it when the process ends."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = (self._folder / ".drainer").open("w")
        except OSError as error:
            # The disk may be writable again later.
            self._spool_failure.warning("the spool cannot be drained: %s", error.strerror)
            yield False
            return
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
                return
            yield True

    def _set_gauges(self) -> None:
        depth = self.depth()
        if depth is not None:
            counters().waiting.set(depth.rows)
            counters().waiting_age.set(depth.waited)
            counters().rejected.set(depth.rejected)


def init_app(app: Flask, insert: Insert, insert_json: InsertJson) -> None:
    """Add the outbox: with a spool for PostgreSQL, without one for SQLite.

    Parameters
    ----------
    app : Flask
    insert, insert_json : callable
        See :class:`Outbox`.
    """
    settings = app.config["SETTINGS"]
    folder = settings.data_dir.resolve() / "spool"
    spool = None
    if not settings.database_url.startswith("sqlite"):
        spool = Spool(folder / "predictions.db", settings.spool_limit)
    components(app).add(Outbox(app, spool, folder, insert, insert_json))


def outbox() -> Outbox:
    """Return the outbox of the current application."""
    return component(Outbox)
