"""Rows that wait for the database, in an SQLite file of this host that outlives every process.

SQLite's write-ahead log makes a row durable against the death of processes in some tens of microseconds; only a power
failure can cost the last ones (``synchronous=NORMAL``). The file is bounded: what does not fit is refused, and the
caller has to find another way or to give no answer.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PAGE = 4096
_WAIT_S = 2.0
# 64 MB, with some four pages a row
_LOG_PAGES = 16_384
_TABLES = (
    "waiting (place INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, body BLOB NOT NULL, at REAL NOT NULL)",
    "rejected (id TEXT PRIMARY KEY, body BLOB NOT NULL, at REAL NOT NULL, reason TEXT NOT NULL)",
    "starts (start TEXT PRIMARY KEY, believed REAL NOT NULL)",
)


def _running() -> float:
    """For how long the host has run."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _started(connection: sqlite3.Connection) -> float:
    """When the host was started, as the first who asked after that believed; the clock may have been set since."""
    believed = time.time() - _running()
    try:
        start = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        # no Linux: whoever begins when the clock was set meanwhile counts for himself
        start = f"{believed:.0f}"
    found = connection.execute("SELECT believed FROM starts WHERE start = ?", (start,)).fetchone()
    if found is None:
        connection.execute("INSERT INTO starts (start, believed) VALUES (?, ?)", (start, believed))
    return float(found[0]) if found else believed


class SpoolError(Exception):
    """The row could not be kept: the disk or the spool is full, or the file cannot be written."""


@dataclass(frozen=True)
class Depth:
    """How much waits.

    Attributes
    ----------
    rows : int
    waited : float
        For how many seconds the oldest row has waited; 0 where nothing waits.
    rejected : int
        Rows that the database would not take; they are kept to be looked at.
    """

    rows: int
    waited: float
    rejected: int


class Spool:
    """Rows that wait, by id.

    Parameters
    ----------
    file : Path
    most_bytes : int
        The largest that the file may become.
    """

    def __init__(self, file: Path, most_bytes: int) -> None:
        self._file = file
        self._most_pages = max(16, most_bytes // _PAGE)
        self._local = threading.local()

    def append(self, row_id: str, body: bytes) -> None:
        """Keep a row; it is durable when this returns.

        Raises
        ------
        SpoolError
            It is not kept.
        """
        try:
            connection = self._connection()
            row = (row_id, body, self._now())
            connection.execute("INSERT OR IGNORE INTO waiting (id, body, at) VALUES (?, ?, ?)", row)
        except (sqlite3.Error, OSError) as error:
            self._forget()
            raise SpoolError(str(error)) from error

    def find(self, row_id: str) -> bytes | None:
        """Return a row that waits."""
        try:
            found = self._connection().execute("SELECT body FROM waiting WHERE id = ?", (row_id,)).fetchone()
        except (sqlite3.Error, OSError) as error:
            self._forget()
            raise SpoolError(str(error)) from error
        return bytes(found[0]) if found else None

    def batch(self, most: int) -> list[tuple[str, bytes]]:
        """Return the oldest rows."""
        with self._usable() as connection:
            return list(connection.execute("SELECT id, body FROM waiting ORDER BY place LIMIT ?", (most,)))

    def remove(self, row_ids: list[str]) -> None:
        """Forget rows that have arrived; all of them or, where the disk has no room for that, none."""
        with self._usable() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("DELETE FROM waiting WHERE id = ?", [(one,) for one in row_ids])
            connection.execute("COMMIT")

    def tidy(self) -> None:
        """Bring the log into the file, as far as no reader is in the way."""
        with self._usable() as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def reject(self, row_id: str, reason: str) -> None:
        """Put aside a row that the database will never take."""
        with self._usable() as connection:
            connection.execute("BEGIN IMMEDIATE")
            put_aside = "INSERT OR REPLACE INTO rejected SELECT id, body, at, ? FROM waiting WHERE id = ?"
            connection.execute(put_aside, (reason[:500], row_id))
            connection.execute("DELETE FROM waiting WHERE id = ?", (row_id,))
            connection.execute("COMMIT")

    def depth(self) -> Depth:
        """Return how much waits, and since when."""
        with self._usable() as connection:
            rows, oldest = connection.execute("SELECT count(*), min(at) FROM waiting").fetchone()
            (rejected,) = connection.execute("SELECT count(*) FROM rejected").fetchone()
        # rows from before the host was started may have been kept by another clock
        return Depth(rows, max(0.0, self._now() - oldest) if rows else 0.0, rejected)

    @contextlib.contextmanager
    def _usable(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection; what fails in between is undone, and the reason is a SpoolError."""
        try:
            yield self._connection()
        except (sqlite3.Error, OSError) as error:
            self._forget()
            raise SpoolError(str(error)) from error

    def _connection(self) -> sqlite3.Connection:
        # neither threads nor the two sides of a fork may share a connection
        here = os.getpid()
        held: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if held is not None and self._local.owner == here:
            return held
        self._file.parent.mkdir(parents=True, exist_ok=True)
        # SQLite waits for nobody while a file is made or its journal changed: two that begin at once wait here
        with (self._file.parent / ".opening").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            connection = sqlite3.connect(self._file, isolation_level=None, timeout=_WAIT_S)
            connection.execute(f"PRAGMA page_size = {_PAGE}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA max_page_count = {self._most_pages}")
            # bringing the log into the file waits for the disk: the drainer does that, a request only in its absence
            connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
            for table in _TABLES:
                connection.execute(f"CREATE TABLE IF NOT EXISTS {table}")
            self._local.started = _started(connection)
        self._local.connection, self._local.owner = connection, here
        return connection

    def _now(self) -> float:
        """Return the moment in seconds since 1970, by a clock that does not jump and that all processes share."""
        return self._local.started + _running()

    def _forget(self) -> None:
        """Open the file anew next time: it may have been a passing failure of this connection."""
        held: sqlite3.Connection | None = getattr(self._local, "connection", None)
        self._local.connection = None
        if held is not None and self._local.owner == os.getpid():
            # not when it is collected: a transaction that is left open would hold up all others until then
            with contextlib.suppress(sqlite3.Error):
                held.close()
