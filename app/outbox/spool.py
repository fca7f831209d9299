"""Rows that wait for the database, in an SQLite file on this host.

A row survives the death of every process as soon as it is in SQLite's write-ahead log, which takes some tens of
microseconds. A power failure can lose the latest rows (``synchronous=NORMAL``). The size of the file is bounded: a full
spool refuses rows.
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
# 64 MB.
_LOG_PAGES = 16_384
# A row takes about four pages.
_ROW_PAGES = 4
_TABLES = (
    "waiting (place INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, body BLOB NOT NULL, at REAL NOT NULL)",
    "rejected (id TEXT PRIMARY KEY, body BLOB NOT NULL, at REAL NOT NULL, reason TEXT NOT NULL)",
)


class SpoolError(Exception):
    """The disk or the spool is full, or the file cannot be read or written."""


@dataclass(frozen=True)
class Depth:
    """The number of waiting rows.

    Attributes
    ----------
    rows : int
        Rows that wait.
    waited : float
        For how many seconds the oldest row has waited, by the wall clock; 0 where no row waits. When the clock is set
        forward, rows that wait at that moment appear older by the change; when it is set back, they appear to have
        waited for 0 s until the clock reaches the time at which they were added. No row is lost or sent twice by this.
    rejected : int
        Rows that the database refused; they stay in the file for inspection.
    """

    rows: int
    waited: float
    rejected: int


class Spool:
    """Rows that wait, by id.

    Parameters
    ----------
    file : Path
    max_bytes : int
        Largest size of the file.
    """

    def __init__(self, file: Path, max_bytes: int) -> None:
        self._file = file
        self._max_pages = max(16, max_bytes // _PAGE)
        self._local = threading.local()

    def append(self, row_id: str, body: bytes) -> None:
        """Add a row. When this returns, the row survives the death of this process.

        Raises
        ------
        SpoolError
            The row is not in the spool.
        """
        try:
            connection = self._connection()
            row = (row_id, body, time.time())
            connection.execute("INSERT OR IGNORE INTO waiting (id, body, at) VALUES (?, ?, ?)", row)
        except (sqlite3.Error, OSError) as error:
            self._forget()
            raise SpoolError(str(error)) from error

    def find(self, row_id: str) -> bytes | None:
        """Return the body of a waiting row, or None."""
        try:
            row = self._connection().execute("SELECT body FROM waiting WHERE id = ?", (row_id,)).fetchone()
        except (sqlite3.Error, OSError) as error:
            self._forget()
            raise SpoolError(str(error)) from error
        return bytes(row[0]) if row else None

    def batch(self, limit: int) -> list[tuple[str, bytes]]:
        """Return ids and bodies of the oldest rows."""
        with self._usable() as connection:
            return list(connection.execute("SELECT id, body FROM waiting ORDER BY place LIMIT ?", (limit,)))

    def remove(self, row_ids: list[str]) -> None:
        """Delete rows that are in the database: all of them or, on a full disk, none."""
        with self._usable() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("DELETE FROM waiting WHERE id = ?", [(row_id,) for row_id in row_ids])
            connection.execute("COMMIT")

    def tidy(self) -> None:
        """Copy the write-ahead log into the file, as far as no reader blocks it."""
        with self._usable() as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def reject(self, row_id: str, reason: str) -> None:
        """Move a row that the database refuses to the rejected rows."""
        with self._usable() as connection:
            connection.execute("BEGIN IMMEDIATE")
            move = "INSERT OR REPLACE INTO rejected SELECT id, body, at, ? FROM waiting WHERE id = ?"
            connection.execute(move, (reason[:500], row_id))
            connection.execute("DELETE FROM waiting WHERE id = ?", (row_id,))
            connection.execute("COMMIT")

    def depth(self) -> Depth:
        """Return how many rows wait, and for how long."""
        with self._usable() as connection:
            rows, oldest = connection.execute("SELECT count(*), min(at) FROM waiting").fetchone()
            (rejected,) = connection.execute("SELECT count(*) FROM rejected").fetchone()
        return Depth(rows, max(0.0, time.time() - oldest) if rows else 0.0, rejected)

    def check_writable(self) -> None:
        """Check that a row can be added.

        Raises
        ------
        SpoolError
            The file is full, locked or read-only.
        """
        with self._usable() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            (free,) = connection.execute("PRAGMA freelist_count").fetchone()
            if self._max_pages - (pages - free) < _ROW_PAGES:
                raise SpoolError("the spool is full")

    @contextlib.contextmanager
    def _usable(self) -> Iterator[sqlite3.Connection]:
        """Return the connection for a ``with`` statement that turns errors into SpoolError and undoes its changes."""
        try:
            yield self._connection()
        except (sqlite3.Error, OSError) as error:
            self._forget()
            raise SpoolError(str(error)) from error

    def _connection(self) -> sqlite3.Connection:
        # Neither threads nor the two sides of a fork may share a connection.
        pid = os.getpid()
        current: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if current is not None and self._local.owner == pid:
            return current
        self._file.parent.mkdir(parents=True, exist_ok=True)
        # SQLite fails at once instead of waiting while a file is created or its journal mode changes.
        with (self._file.parent / ".opening").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            connection = sqlite3.connect(self._file, isolation_level=None, timeout=_WAIT_S)
            connection.execute(f"PRAGMA page_size = {_PAGE}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA max_page_count = {self._max_pages}")
            # A checkpoint waits for the disk. The drainer makes it; a request does so only where there is no drainer.
            connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
            for table in _TABLES:
                connection.execute(f"CREATE TABLE IF NOT EXISTS {table}")
        self._local.connection, self._local.owner = connection, pid
        return connection

    def _forget(self) -> None:
        """Close the connection, so that the next call opens the file again: the failure may be temporary."""
        current: sqlite3.Connection | None = getattr(self._local, "connection", None)
        self._local.connection = None
        if current is not None and self._local.owner == os.getpid():
            # Closed now instead of by the garbage collector: an open transaction blocks all other connections.
            with contextlib.suppress(sqlite3.Error):
                current.close()
