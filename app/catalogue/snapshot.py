"""All species and the model that answers for each, in files that every worker reads.

The database is authoritative; the files are a projection of it, written whenever a model is registered, activated or
rolled back. A request compares the file's stamp and reads the file again when it has changed. Predictions, search and
the list of species therefore need no database, and an activation takes effect in every worker at its next request. The
files are in the same directory tree as the models, which all workers must reach anyway.
"""

from __future__ import annotations

import fcntl
import logging
import math
import threading
import time
from collections import OrderedDict
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from app.catalogue import access, marks, rollouts, rollouts_file, snapshot_format, versions
from app.catalogue.entries import SpeciesEntry
from app.catalogue.marks import Marks
from app.catalogue.snapshot_content import Snapshot as Snapshot
from app.components import component
from app.database.connections import reading_replica
from app.database.db import db
from app.throttled_log import ThrottledLog

log = logging.getLogger(__name__)
_old = ThrottledLog(log)
_ACTIVE = "active.json"
_NAMES = "names.json"
_HIDDEN = "hidden.json"
#: Snapshots of people who may read more than the public studies, kept with their indices.
_MOST_VIEWS = 16
#: Seconds between two attempts to write files that lack other names, while the database does not answer.
_RETRY_S = 30.0
#: Seconds between two attempts to replace a broken file, while the database does not answer.
_REPAIR_S = 5.0


class SnapshotFile:
    """Reads the snapshot, and reads it again when its file has changed.

    Parameters
    ----------
    folder : Path
        Directory of the files.
    """

    def __init__(self, folder: Path) -> None:
        self._active = folder / _ACTIVE
        self._names = folder / _NAMES
        self._hidden_file = folder / _HIDDEN
        self._stamp: snapshot_format.Stamp | None = None
        self._marks = Marks(None)
        self._snapshot = Snapshot()
        # species of studies that not everybody may read, by the slug of the study
        self._hidden: dict[str, list[SpeciesEntry]] = {}
        self._views: OrderedDict[frozenset[str], Snapshot] = OrderedDict()
        self._lock = threading.Lock()
        self._next_attempt = -math.inf
        # the file that could not be repaired, None where it is lost
        self._broken: snapshot_format.Stamp | None = None
        self._next_repair = -math.inf

    def current(self) -> Snapshot:
        """Return what the present request may read.

        A snapshot that was never written, or is broken, is taken from the database. A process that has read a snapshot
        continues to use it while the file is broken or lost and the database does not answer.

        Raises
        ------
        SQLAlchemyError, OSError
            This process has no snapshot yet, and cannot get one.
        """
        self._refresh()
        hidden = self._hidden
        if not hidden:
            return self._snapshot
        granted = access.current()
        return self._with({slug for slug in hidden if granted.everything or slug in granted.levels})

    def of_everybody(self) -> Snapshot:
        """Return the snapshot with the species of all studies, whoever asks.

        Raises
        ------
        SQLAlchemyError, OSError
            As `current`.
        """
        self._refresh()
        return self._with(set(self._hidden))

    def marks(self) -> Marks:
        """Return the studies with sensitive species.

        Raises
        ------
        SQLAlchemyError, OSError
            As `current`.
        """
        self._refresh()
        return self._marks

    def _refresh(self) -> None:
        stamp = snapshot_format.stamp_or_none(self._active)
        lacks_marks = self._marks.by_study is None and time.monotonic() >= self._next_repair
        if stamp is None or stamp != self._stamp or lacks_marks:
            with self._lock:
                self._read_again(stamp)

    def hides(self, study: str) -> bool:
        """Return whether not everybody may read the models of a study, as of the last look at the files.

        A study without species has no models, and is none of these.
        """
        return study in self._hidden

    def hides_some(self) -> bool:
        """Return whether there are models that not everybody may read."""
        self._refresh()
        return bool(self._hidden)

    def _with(self, studies: set[str]) -> Snapshot:
        """Return the snapshot of the public studies and of some others."""
        if not studies:
            return self._snapshot
        key = frozenset(studies)
        with self._lock:
            view = self._views.get(key)
            if view is None:
                more = [entry for study in studies for entry in self._hidden.get(study, [])]
                species = sorted([*self._snapshot.species, *more], key=lambda entry: entry.slug)
                view = self._views[key] = Snapshot.of(species, has_all_names=self._snapshot.has_all_names)
            self._views.move_to_end(key)
            while len(self._views) > _MOST_VIEWS:
                self._views.popitem(last=False)
            return view

    def _read_again(self, stamp: snapshot_format.Stamp | None) -> None:
        """Read the file, which may have to be written first. The caller holds the lock."""
        has_snapshot = self._stamp is not None
        if stamp is not None and stamp == self._stamp:
            self._find_marks()
            return
        if has_snapshot and stamp == self._broken and time.monotonic() < self._next_repair:
            return
        try:
            try:
                if stamp is None:
                    self.write()
                    stamp = snapshot_format.stamp(self._active)
                self._read()
            except snapshot_format.BROKEN:
                # each write replaces the file at once, so another program wrote this one
                log.error("%s is not a snapshot and is written again", self._active)
                self.write()
                stamp = snapshot_format.stamp(self._active)
                self._read()
        except (SQLAlchemyError, OSError) as error:
            if not has_snapshot:
                raise
            db.session.rollback()
            self._broken, self._next_repair = stamp, time.monotonic() + _REPAIR_S
            _old.warning("the snapshot cannot be written, the previous one is used: %s", type(error).__name__)
            return
        self._stamp = stamp
        self._find_marks()

    def _find_marks(self) -> None:
        """Write the marks again where they are lost; until that succeeds, every study is sensitive."""
        if self._marks.by_study is not None:
            return
        self._next_repair = time.monotonic() + _REPAIR_S
        try:
            self.write()
            self._read()
            self._stamp = snapshot_format.stamp(self._active)
        except (SQLAlchemyError, OSError) as error:
            db.session.rollback()
            _old.warning("sensitive species are not known, all places are coarse: %s", type(error).__name__)

    def with_all_names(self) -> Snapshot:
        """Return the snapshot for search, with the other names of species.

        Files of the previous release lack them and are written again from the database. While it does not answer, the
        search has the names that the files have.
        """
        snapshot = self.current()
        if snapshot.has_all_names or time.monotonic() < self._next_attempt:
            return snapshot
        self._next_attempt = time.monotonic() + _RETRY_S
        try:
            self.write()
        except (SQLAlchemyError, OSError) as error:
            db.session.rollback()
            log.warning("the snapshot lacks other names of species: %s", type(error).__name__)
        return self.current()

    def write(self) -> None:
        """Write the snapshot from the database.

        Everything committed before the call is included, also when several processes write at the same time.
        """
        self._active.parent.mkdir(parents=True, exist_ok=True)
        with (self._active.parent / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # a replica may not have what was just committed
            with reading_replica(False):
                rows, running, sensitive = versions.species_and_models(), rollouts.running(), marks.from_database()
            trials = rollouts_file.of_rows(running, self.withheld())
            snapshot_format.write(self._active, self._names, self._hidden_file, rows, trials, sensitive)

    def withhold(self, rollout_id: int, reason: str) -> None:
        """End a rollout in all workers, without the database.

        Raises
        ------
        OSError
            The files cannot be written.
        """
        with (self._active.parent / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = rollouts_file.read(self._active.parent / snapshot_format.ROLLOUTS)
            if rollout_id not in known.withheld:
                changed = rollouts_file.without(known, rollout_id, reason)
                snapshot_format.write_rollouts(self._active, changed)

    def withheld(self) -> dict[int, str]:
        """Return the rollouts that were ended without the database, which may not know of it, with the reasons."""
        return rollouts_file.read(self._active.parent / snapshot_format.ROLLOUTS).withheld

    def remove_drafts(self) -> None:
        """Remove the drafts of processes that were killed while they wrote the files."""
        folder = self._active.parent
        if not folder.is_dir():
            return
        with (folder / ".lock").open("w") as lock:
            # whoever writes has the lock
            fcntl.flock(lock, fcntl.LOCK_EX)
            for draft in folder.glob("tmp*.json"):
                draft.unlink(missing_ok=True)

    def _read(self) -> None:
        """Read the files. The caller holds the lock."""
        species, has_all_names = snapshot_format.read(self._active, self._names)
        hidden: dict[str, list[SpeciesEntry]] = {}
        for entry in snapshot_format.read_hidden(self._hidden_file):
            hidden.setdefault(entry.study.slug, []).append(entry)
        # a worker of a release that knows no visibility writes all species
        public = [entry for entry in species if entry.study.slug not in hidden]
        # in this order: a request that reads at the same time sees less, and never more
        self._marks = marks.read(self._active.parent / marks.FILE)
        self._hidden = hidden
        self._snapshot = Snapshot.of(public, has_all_names=has_all_names)
        self._views.clear()


def snapshot_file() -> SnapshotFile:
    """Return the snapshot file of the current application."""
    return component(SnapshotFile)


def current() -> Snapshot:
    """Return what the present request may read of the snapshot of the current application."""
    return snapshot_file().current()


def of_everybody() -> Snapshot:
    """Return the snapshot of the current application with the species of all studies, whoever asks."""
    return snapshot_file().of_everybody()


def with_all_names() -> Snapshot:
    """Return the snapshot of the current application for search; see :meth:`SnapshotFile.with_all_names`."""
    return snapshot_file().with_all_names()
