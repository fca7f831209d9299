"""Checks of the components that predictions need: the database, the disk, the spool and the models."""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from app.catalogue import snapshot
from app.catalogue.entries import ModelEntry
from app.components import component
from app.database.db import db
from app.errors import AppError
from app.jobs import presence
from app.jobs.folder import jobs_dir
from app.outbox.outbox import outbox
from app.outbox.spool import SpoolError
from app.predictions.tables import Prediction
from app.registry.model_cache import ModelCache
from app.throttled_log import ThrottledLog
from app.web.faces import settings
from ml.serving.artifact import ArtifactError, load_artifact

log = logging.getLogger(__name__)

DatabaseState = Literal["up", "locked", "down"]
Handover = Literal["direct", "up", "behind", "down"]
JobsState = Literal["up", "degraded"]
DiskState = Literal["up", "down"]
Stamp = tuple[tuple[str, int, int, int], ...]

# In milliseconds: how long the check waits for a lock. A request waits longer, but its client may not.
_LOCK_MS = 1_000
_BEHIND_S = 60.0
# In bytes: more than one page, so that a full disk refuses it.
_TRIAL = 64 * 1024
# In seconds: how long one check opens models. The next one continues with the others.
_OPENING_S = 0.5
_database_failure, _disk_failure, _spool_failure = ThrottledLog(log), ThrottledLog(log), ThrottledLog(log)
# PostgreSQL: a lock was not granted in time; SQLite: the message of SQLITE_BUSY.
_LOCKED = ("lock timeout", "database is locked", "database table is locked")


def database() -> DatabaseState:
    """Return whether the database can be written now: ``locked`` where another program holds its lock."""
    try:
        if db.engine.dialect.name == "sqlite":
            _lock_sqlite()
        else:
            _lock_postgresql()
    except SQLAlchemyError as error:
        locked = isinstance(error, OperationalError) and any(words in str(error.orig) for words in _LOCKED)
        _database_failure.warning("not ready: the database is %s", "locked" if locked else "down")
        return "locked" if locked else "down"
    finally:
        db.session.rollback()
    return "up"


def _lock_sqlite() -> None:
    """Take the lock of a writer, and release it without a change."""
    normal = db.session.execute(text("PRAGMA busy_timeout")).scalar_one()
    try:
        db.session.execute(text(f"PRAGMA busy_timeout = {_LOCK_MS}"))
        db.session.execute(text("BEGIN IMMEDIATE"))
    finally:
        # the pool keeps the connection
        db.session.execute(text(f"PRAGMA busy_timeout = {int(normal)}"))


def _lock_postgresql() -> None:
    """Take the lock that an insertion needs. The caller releases it."""
    db.session.execute(text(f"SET LOCAL lock_timeout = {_LOCK_MS}"))
    db.session.execute(text(f"LOCK TABLE {Prediction.__tablename__} IN ROW EXCLUSIVE MODE"))


def disk() -> DiskState:
    """Return whether the data directory and the folders of the database and the spool can be written."""
    data_dir = settings().data_dir
    folders = {data_dir}
    url = make_url(settings().database_url)
    if url.drivername == "sqlite" and url.database and url.database != ":memory:":
        folders.add(Path(url.database).absolute().parent)
    if outbox().spool is not None:
        folders.add(data_dir / "spool")
    try:
        for folder in folders:
            if folder.parent == data_dir:
                # the spool is made when it is first used
                folder.mkdir(exist_ok=True)
            # without a name where the file system allows it, so that nothing remains after a crash
            with tempfile.TemporaryFile(dir=folder) as trial:
                trial.write(bytes(_TRIAL))
                trial.flush()
    except OSError as error:
        _disk_failure.warning("not ready: %s cannot be written: %s", folder, error.strerror)
        return "down"
    return "up"


def jobs() -> JobsState:
    """Return ``degraded`` where jobs wait or run and no worker is alive."""
    try:
        return "degraded" if presence.lacks_worker(jobs_dir(settings().data_dir)) else "up"
    except SQLAlchemyError:
        return "degraded"
    finally:
        db.session.rollback()


def handover() -> tuple[Handover, int]:
    """Return how answers reach the database, and how many wait for it."""
    spool = outbox().spool
    if spool is None:
        return "direct", 0
    waiting = 0
    try:
        depth = spool.depth()
        waiting = depth.rows
        spool.check_writable()
    except SpoolError as error:
        _spool_failure.warning("the spool cannot be used: %s", error)
        return "down", waiting
    if outbox().refuses:
        return "down", waiting
    return ("behind" if depth.waited > _BEHIND_S else "up"), waiting


@dataclass(frozen=True)
class ModelCounts:
    """Active models, and how many of them cannot be opened."""

    active: int = 0
    broken: int = 0
    #: Whether a model answers (it is in memory or can be opened), or none is active yet.
    any_answers: bool = False


class ModelCheck:
    """Opens every active model once, and again when its files have changed.

    Parameters
    ----------
    root : Path
        Directory that relative paths of models start from.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._opens: dict[str, tuple[Stamp, bool]] = {}

    def run(self) -> ModelCounts:
        """Check models for half a second at most; those that were not checked yet count as usable."""
        try:
            models = [entry.model for entry in snapshot.of_everybody().by_score if entry.model is not None]
        except (SQLAlchemyError, OSError, AppError):
            # there is no snapshot yet, and the database does not answer
            db.session.rollback()
            return ModelCounts()
        with self._lock:
            until = time.monotonic() + _OPENING_S
            opens = {model.id: self._check(model, until) for model in models}
            self._opens = {name: known for name, known in self._opens.items() if name in opens}
        in_memory = component(ModelCache)
        return ModelCounts(
            active=len(models),
            broken=sum(not usable for usable in opens.values()),
            any_answers=not models or any(usable or in_memory.is_open(name) for name, usable in opens.items()),
        )

    def _check(self, model: ModelEntry, until: float) -> bool:
        folder = self._root / model.path
        try:
            stamp = _stamp(folder)
        except OSError:
            return False
        known = self._opens.get(model.id)
        if known is not None and known[0] == stamp:
            return known[1]
        if time.monotonic() > until:
            return True
        try:
            usable = load_artifact(folder).model_id == model.id
        except ArtifactError:
            usable = False
        if not usable:
            log.error("model %s cannot be opened", model.id)
        self._opens[model.id] = stamp, usable
        return usable


def _stamp(folder: Path) -> Stamp:
    """Return what changes with the files of a model."""
    files = sorted((file.name, file.stat()) for file in folder.iterdir())
    # the time of the change cannot be set back, as the time of the modification can
    return tuple((name, status.st_ctime_ns, status.st_ino, status.st_size) for name, status in files)
