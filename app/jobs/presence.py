"""Which workers are alive: file locks between processes of one kernel, heartbeats between machines.

A worker holds the lock of ``DATA_DIR/jobs/workers/<id>.lock``, and so does the supervisor of each of its commands. The
kernel releases it when the last of them ends, also by SIGKILL. A worker on another machine is dead when its heartbeat
has not changed for `LEASE_S` by the clock of the observer, while the observer could read the database.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import secrets
import time
from pathlib import Path

from sqlalchemy import delete, exists, select, update

from app.database.db import db
from app.database.types import now
from app.jobs.tables import Job, Worker

BEAT_S = 5.0
LEASE_S = 30.0
#: The folder of the locks, in that of the jobs.
LOCKS = "workers"
_SUFFIX = ".lock"


class LockError(Exception):
    """The data directory cannot be locked; the message is one line."""


def host_name() -> str:
    """Return the identity of the running kernel, which containers on one machine share."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return platform.node() or "localhost"


class WorkerLock:
    """The lock of one worker.

    Parameters
    ----------
    folder : Path
        ``DATA_DIR/jobs/workers``.
    """

    def __init__(self, folder: Path) -> None:
        self.id = f"{(platform.node() or 'localhost')[:60]}-{os.getpid()}-{secrets.token_hex(4)}"
        self._path = folder / f"{self.id}{_SUFFIX}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.descriptor = self._lock()
        except OSError as error:
            raise LockError(f"{folder} cannot be locked: {error.strerror}") from None

    def _lock(self) -> int:
        while True:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # another worker may have deleted the file before it was locked
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), self._path.stat()):
                    return descriptor
            os.close(descriptor)

    def release(self) -> None:
        """Delete the file and release the lock."""
        self._path.unlink(missing_ok=True)
        os.close(self.descriptor)


def is_locked(folder: Path, worker: str) -> bool | None:
    """Return whether the lock of a worker is held; None where this file system has no lock of that worker."""
    try:
        descriptor = os.open(folder / f"{worker}{_SUFFIX}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # a shared lock, so that two observers do not take each other for the worker
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def free_locks(folder: Path) -> list[str]:
    """Return the workers of this machine whose locks are free: they are dead."""
    names = (path.name.removesuffix(_SUFFIX) for path in folder.glob(f"*{_SUFFIX}"))
    return [name for name in names if is_locked(folder, name) is False]


def remove_lock(folder: Path, worker: str) -> None:
    """Delete the lock file of a dead worker that owns no job; without the file, its death shows much later."""
    (folder / f"{worker}{_SUFFIX}").unlink(missing_ok=True)


class Observer:
    """Tells dead workers from live ones.

    Parameters
    ----------
    folder : Path
        ``DATA_DIR/jobs/workers``.
    lease_s : float
        In seconds.
    """

    def __init__(self, folder: Path, lease_s: float = LEASE_S) -> None:
        self._folder = folder
        self._lease_s = lease_s
        self._host = host_name()
        self._beats: dict[str, tuple[int | None, float]] = {}

    def is_dead(self, worker: str, host: str | None, beat: int | None) -> bool:
        """Return whether a worker is dead.

        Parameters
        ----------
        worker : str
        host, beat : str and int, optional
            Of its row; None where there is no row.
        """
        # all processes that use one SQLite file are on one machine, also after a restart of the machine
        if host in (self._host, None) or db.engine.dialect.name == "sqlite":
            locked = is_locked(self._folder, worker)
            if locked is not None:
                return not locked
        last = self._beats.get(worker)
        if last is None or last[0] != beat:
            self._beats[worker] = beat, time.monotonic()
            return False
        return time.monotonic() - last[1] > self._lease_s

    def forget(self) -> None:
        """Start all leases again, after a time in which the database did not answer."""
        self._beats.clear()


def beat(worker: str) -> bool:
    """Write a heartbeat; return whether there are workers on other machines."""
    host = host_name()
    values = {"beat": Worker.beat + 1, "seen_at": now()}
    statement = update(Worker).where(Worker.id == worker).values(values).returning(Worker.id)
    if db.session.execute(statement, execution_options={"synchronize_session": False}).first() is None:
        db.session.add(Worker(id=worker, host=host))
    others = db.session.scalars(select(Worker.id).where(Worker.host != host).limit(1)).first()
    db.session.commit()
    return others is not None


def remove(worker: str) -> None:
    """Delete the row of a worker that has ended."""
    db.session.execute(delete(Worker).where(Worker.id == worker))
    db.session.commit()


def lacks_worker(jobs: Path) -> bool:
    """Return whether jobs wait or run while no worker is alive, for the readiness check.

    Parameters
    ----------
    jobs : Path
        ``DATA_DIR/jobs``.
    """
    unfinished = select(exists().where(Job.state.in_(("queued", "running"))))
    return bool(db.session.scalar(unfinished)) and not _any_alive(jobs / LOCKS)


def _any_alive(folder: Path) -> bool:
    host = host_name()
    for worker in db.session.scalars(select(Worker)):
        locked = is_locked(folder, worker.id) if worker.host == host else None
        if locked or (locked is None and (now() - worker.seen_at).total_seconds() < 2 * LEASE_S):
            return True
    return False
