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
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from app.catalogue import rollouts, rollouts_file, snapshot_format, versions
from app.catalogue.entries import SpeciesEntry, StudyEntry
from app.catalogue.names import binomial, fold, shorten
from app.catalogue.search import SearchIndex
from app.components import component
from app.database.connections import reading_replica
from app.database.db import db
from app.errors import ValidationFailed
from app.throttled_log import ThrottledLog

log = logging.getLogger(__name__)
_old = ThrottledLog(log)
_ACTIVE = "active.json"
_NAMES = "names.json"
#: Seconds between two attempts to write files that lack other names, while the database does not answer.
_RETRY_S = 30.0
#: Seconds between two attempts to replace a broken file, while the database does not answer.
_REPAIR_S = 5.0


@dataclass(frozen=True)
class Snapshot:
    """All species of the registry.

    Attributes
    ----------
    species : list of SpeciesEntry
    by_slug : dict
    by_name : dict
        Species by folded scientific name; a name can be that of species of several studies.
    has_all_names : bool
        Whether the entries have their other names, as of the latest change.
    """

    species: list[SpeciesEntry] = field(default_factory=list)
    by_slug: dict[str, SpeciesEntry] = field(default_factory=dict)
    by_name: dict[str, list[SpeciesEntry]] = field(default_factory=dict)
    has_all_names: bool = True

    @classmethod
    def of(cls, species: list[SpeciesEntry], *, has_all_names: bool = True) -> Snapshot:
        """Index some species."""
        by_name: dict[str, list[SpeciesEntry]] = {}
        for entry in species:
            by_name.setdefault(fold(entry.scientific_name), []).append(entry)
        return cls(species, {entry.slug: entry for entry in species}, by_name, has_all_names)

    def resolve(self, name: str) -> SpeciesEntry:
        """Return the species meant by a slug or a scientific name, with or without authorship.

        A name means a species with a model that answers; one without is meant where no other has the name.

        Raises
        ------
        ValidationFailed
            None is meant, or more than one; the pointer is ``/species``.
        """
        stripped = name.strip()
        entry = self.by_slug.get(stripped.lower())
        if entry is not None:
            return entry
        spellings = [spelling for spelling in (fold(stripped), fold(binomial(stripped))) if spelling]
        for answers in (True, False):
            for spelling in spellings:
                named = self.by_name.get(spelling, [])
                matches = [match for match in named if (match.model is not None) is answers]
                if len(matches) > 1:
                    slugs = ", ".join(sorted(match.slug for match in matches)[:5])
                    raise ValidationFailed([("/species", f"more than one study has this species; name one of {slugs}")])
                if matches:
                    return matches[0]
        raise ValidationFailed([("/species", f"no species is called “{shorten(stripped)}”")])

    def resolve_study(self, slug: str) -> str:
        """Return the slug of a study, which may be written in capitals.

        Raises
        ------
        ValidationFailed
            No study has this slug; the pointer is ``/study``.
        """
        for entry in self.species:
            if entry.study.slug.lower() == slug.strip().lower():
                return entry.study.slug
        raise ValidationFailed([("/study", f"no study is called “{shorten(slug.strip())}”")])

    def best(self) -> SpeciesEntry | None:
        """Return the species whose model has the highest AUC: the stable example for a first visitor."""
        return self.by_score[0] if self.by_score else None

    @cached_property
    def by_score(self) -> list[SpeciesEntry]:
        """The species that have a model, the highest AUC first."""
        return sorted((entry for entry in self.species if entry.model is not None), key=_rank)

    @property
    def n_models(self) -> int:
        """Number of models that answer."""
        return sum(entry.model is not None for entry in self.species)

    @cached_property
    def by_scientific_name(self) -> list[SpeciesEntry]:
        """The species in the order of their scientific names."""
        return sorted(self.species, key=lambda entry: (entry.scientific_name, entry.slug))

    @cached_property
    def studies(self) -> list[StudyEntry]:
        """The studies that have species, by title."""
        return sorted({entry.study for entry in self.species}, key=lambda study: (study.title, study.slug))

    @cached_property
    def index(self) -> SearchIndex:
        """The names, prepared for search."""
        return SearchIndex(self.species)


def _rank(entry: SpeciesEntry) -> tuple[bool, float, str]:
    model = entry.model
    auc = model.auc if model else None
    return auc is None, -(auc or 0.0), model.id if model else ""


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
        self._stamp: snapshot_format.Stamp | None = None
        self._snapshot = Snapshot()
        self._lock = threading.Lock()
        self._next_attempt = -math.inf
        # the file that could not be repaired, None where it is lost
        self._broken: snapshot_format.Stamp | None = None
        self._next_repair = -math.inf

    def current(self) -> Snapshot:
        """Return the snapshot; one that was never written, or is broken, is taken from the database.

        A process that has read a snapshot continues to use it while the file is broken or lost and the database does
        not answer.

        Raises
        ------
        SQLAlchemyError, OSError
            This process has no snapshot yet, and cannot get one.
        """
        stamp = snapshot_format.stamp_or_none(self._active)
        if stamp is None or stamp != self._stamp:
            with self._lock:
                self._read_again(stamp)
        return self._snapshot

    def _read_again(self, stamp: snapshot_format.Stamp | None) -> None:
        """Read the file, which may have to be written first. The caller holds the lock."""
        has_snapshot = self._stamp is not None
        if has_snapshot and stamp == self._broken and time.monotonic() < self._next_repair:
            return
        try:
            try:
                if stamp is None:
                    self.write()
                    stamp = snapshot_format.stamp(self._active)
                self._snapshot = self._read()
            except snapshot_format.BROKEN:
                # each write replaces the file at once, so another program wrote this one
                log.error("%s is not a snapshot and is written again", self._active)
                self.write()
                stamp = snapshot_format.stamp(self._active)
                self._snapshot = self._read()
        except (SQLAlchemyError, OSError) as error:
            if not has_snapshot:
                raise
            db.session.rollback()
            self._broken, self._next_repair = stamp, time.monotonic() + _REPAIR_S
            _old.warning("the snapshot cannot be written, the previous one is used: %s", type(error).__name__)
            return
        self._stamp = stamp

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
                rows, running = versions.species_and_models(), rollouts.running()
            trials = rollouts_file.of_rows(running, self.withheld())
            snapshot_format.write(self._active, self._names, rows, trials)

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

    def _read(self) -> Snapshot:
        species, has_all_names = snapshot_format.read(self._active, self._names)
        return Snapshot.of(species, has_all_names=has_all_names)


def snapshot_file() -> SnapshotFile:
    """Return the snapshot file of the current application."""
    return component(SnapshotFile)


def current() -> Snapshot:
    """Return the snapshot of the current application."""
    return snapshot_file().current()


def with_all_names() -> Snapshot:
    """Return the snapshot of the current application for search; see :meth:`SnapshotFile.with_all_names`."""
    return snapshot_file().with_all_names()
