"""Keeping answers: at once in SQLite, through the spool and a drainer in PostgreSQL."""

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
from typing import Any

import orjson
from flask import Flask
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from app.components import component, components
from app.database.db import db
from app.errors import Unavailable
from app.outbox.spool import Depth, Spool, SpoolError
from app.telemetry.metrics import counters
from app.throttled_log import ThrottledLog

log = logging.getLogger(__name__)

Row = dict[str, Any]
Insert = Callable[[list[Row]], None]
InsertWritten = Callable[[list[bytes]], None]

_BATCH = 500
_IDLE_S = 0.1
_LOCKED_S = 0.5
_LONGEST_PAUSE_S = 5.0
# for how long a spool that refused an answer is said to be down
_REFUSED_S = 10.0


class Outbox:
    """Takes rows over from requests and brings them to the database.

    Parameters
    ----------
    app : Flask
    spool : Spool or None
        None where rows are written to the database at once, as into the embedded SQLite.
    folder : Path
        Where the lock of the drainer lies.
    insert : callable
        Writes rows into the database, passing over those that are there already, and commits.
    insert_written : callable
        Does the same with rows as they wait in the spool, which are JSON.
    """

    def __init__(
        self, app: Flask, spool: Spool | None, folder: Path, insert: Insert, insert_written: InsertWritten
    ) -> None:
        self.spool = spool
        self._app = app
        self._folder = folder
        self._insert = insert
        self._insert_written = insert_written
        self._starting = threading.Lock()
        self._drainer: tuple[int, threading.Thread] | None = None
        self._stop = threading.Event()
        self._away, self._trouble = ThrottledLog(log), ThrottledLog(log)
        self._refused = -math.inf

    def keep(self, row: Row) -> None:
        """Keep a row for good; what this returns from is stored exactly once, sooner or later.

        Parameters
        ----------
        row : dict
            With an ``id``; parts of it may be JSON already, as ``orjson.Fragment``.

        Raises
        ------
        Unavailable
            It could be kept nowhere.
        sqlalchemy.exc.SQLAlchemyError
            There is no spool, and the database does not take it.
        """
        body = orjson.dumps(row)
        if self.spool is None:
            self._insert([orjson.loads(body)])
            return
        self.start()
        try:
            self.spool.append(row["id"], body)
        except SpoolError as error:
            self._refused = time.monotonic()
            log.error("the spool does not take answers (%s): writing to the database at once", error)
            try:
                self._insert([orjson.loads(body)])
            except SQLAlchemyError as also:
                db.session.rollback()
                raise Unavailable("The answer could not be kept, so it is not given. Try again in a moment.") from also

    def find(self, row_id: str) -> Row | None:
        """Return a row that has not arrived yet."""
        if self.spool is None:
            return None
        try:
            body = self.spool.find(row_id)
        except SpoolError:
            return None
        return orjson.loads(body) if body is not None else None

    @property
    def refuses(self) -> bool:
        """Whether the spool did not take an answer of this process a moment ago."""
        return time.monotonic() - self._refused < _REFUSED_S

    def depth(self) -> Depth | None:
        """Return how much waits; None where nothing ever does.

        Raises
        ------
        SpoolError
            The spool cannot be read.
        """
        return self.spool.depth() if self.spool is not None else None

    def start(self) -> None:
        """Let this process drain as well; of all processes on the host the one that holds the lock does."""
        if self.spool is None:
            return
        here = os.getpid()
        if self._drainer is not None and self._drainer[0] == here and self._drainer[1].is_alive():
            return
        with self._starting:
            if self._drainer is not None and self._drainer[0] == here and self._drainer[1].is_alive():
                return
            self._stop = threading.Event()
            thread = threading.Thread(target=self._run, name="drainer", daemon=True)
            self._drainer = (here, thread)
            thread.start()

    def stop(self, patience: float = 5.0) -> None:
        """End this process' drainer after the batch in hand; what waits stays on disk."""
        self._stop.set()
        if self._drainer is not None and self._drainer[0] == os.getpid():
            self._drainer[1].join(patience)

    def drain_once(self) -> int:
        """Bring one batch to the database; returns how many rows left the spool."""
        assert self.spool is not None  # noqa: S101 (only called where there is one)
        waiting = self.spool.batch(_BATCH)
        if not waiting:
            return 0
        try:
            self._insert_written([body for _, body in waiting])
        except (IntegrityError, DataError):
            db.session.rollback()
            self._one_by_one(waiting)
        else:
            self.spool.remove([row_id for row_id, _ in waiting])
        self.spool.tidy()
        return len(waiting)

    def _one_by_one(self, waiting: list[tuple[str, bytes]]) -> None:
        """Find the rows that the database will never take: one of them must not hold up all others."""
        assert self.spool is not None  # noqa: S101
        for row_id, body in waiting:
            try:
                self._insert_written([body])
            except (IntegrityError, DataError) as error:
                db.session.rollback()
                reason = str(error.orig).splitlines()[0] if error.orig else type(error).__name__
                log.error("answer %s is put aside, the database will not take it: %s", row_id, reason)
                self.spool.reject(row_id, reason)
            else:
                self.spool.remove([row_id])

    def _run(self) -> None:
        pause = _IDLE_S
        while not self._stop.is_set():
            with self._alone() as alone:
                while alone and not self._stop.is_set():
                    try:
                        with self._app.app_context():
                            self._tell()
                            moved = self.drain_once()
                        pause = 0.0 if moved == _BATCH else _IDLE_S
                    except SpoolError as error:
                        # what arrived and could not be taken out of the spool is handed over once more, and passed over
                        pause = min(_LONGEST_PAUSE_S, max(0.2, pause * 2))
                        self._trouble.warning("the spool cannot be read or written: %s", error)
                    except (DBAPIError, SQLAlchemyError, OSError) as error:
                        # the database is away: what waits, waits
                        pause = min(_LONGEST_PAUSE_S, max(0.2, pause * 2))
                        self._away.warning("answers wait for the database: %s", type(error).__name__)
                    except Exception:
                        log.exception("the drainer met something unexpected and goes on")
                        pause = _LONGEST_PAUSE_S
                    self._stop.wait(pause)
            self._stop.wait(_LOCKED_S)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[bool]:
        """Hold the lock of the drainer, which the system releases when a process dies in whatever way."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = (self._folder / ".drainer").open("w")
        except OSError as error:
            # a disk that is full or cannot be written now may be well again later
            self._trouble.warning("nobody can drain the spool: %s", error.strerror)
            yield False
            return
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
                return
            yield True

    def _tell(self) -> None:
        depth = self.depth()
        if depth is not None:
            counters().waiting.set(depth.rows)
            counters().waiting_age.set(depth.waited)
            counters().rejected.set(depth.rejected)


def init_app(app: Flask, insert: Insert, insert_written: InsertWritten) -> None:
    """Wire the hand-over: with a spool where the database is PostgreSQL, at once where it is the embedded SQLite.

    Parameters
    ----------
    app : Flask
    insert, insert_written : callable
        Write rows, and rows that are JSON, into the database, passing over those that are there already, and commit.
    """
    settings = app.config["SETTINGS"]
    folder = settings.data_dir.resolve() / "spool"
    spool = None
    if not settings.database_url.startswith("sqlite"):
        spool = Spool(folder / "predictions.db", settings.spool_limit)
    components(app).add(Outbox(app, spool, folder, insert, insert_written))


def outbox() -> Outbox:
    """Return the outbox of the current application."""
    return component(Outbox)
