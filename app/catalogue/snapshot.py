"""Which species there are and which model answers for each, in a file that every worker reads.

The database is the truth; the file is its projection, written whenever a model is registered, activated or rolled back.
A prediction looks at the file's stamp and needs no database, so that it goes on answering while PostgreSQL is away, and
an activation takes effect in every worker at its next request. The file lies beside the models that it names, which all
workers must reach anyway.
"""

from __future__ import annotations

import fcntl
import logging
import os
import tempfile
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from app.catalogue import versions
from app.catalogue.names import binomial, fold
from app.components import component
from app.database.connections import reading_replica
from app.errors import ValidationFailed

log = logging.getLogger(__name__)
_NAME = "active.json"


@dataclass(frozen=True)
class StudyEntry:
    """A study, named."""

    slug: str
    title: str


@dataclass(frozen=True)
class ModelEntry:
    """The model that answers for a species."""

    id: str
    version: int
    path: str
    auc: float | None


@dataclass(frozen=True)
class SpeciesEntry:
    """A species and the model that answers for it, if any."""

    id: int
    slug: str
    scientific_name: str
    vernacular_name: str
    study: StudyEntry
    model: ModelEntry | None


@dataclass(frozen=True)
class Snapshot:
    """All species of the registry."""

    species: list[SpeciesEntry] = field(default_factory=list)
    by_slug: dict[str, SpeciesEntry] = field(default_factory=dict)
    by_name: dict[str, list[SpeciesEntry]] = field(default_factory=dict)

    @classmethod
    def of(cls, species: list[SpeciesEntry]) -> Snapshot:
        """Index some species."""
        by_name: dict[str, list[SpeciesEntry]] = {}
        for one in species:
            by_name.setdefault(fold(one.scientific_name), []).append(one)
        return cls(species, {one.slug: one for one in species}, by_name)

    def resolve(self, name: str) -> SpeciesEntry:
        """Return the species meant by a slug or a scientific name, with or without authorship.

        Raises
        ------
        ValidationFailed
            None is meant, or more than one; the pointer is ``/species``.
        """
        wanted = name.strip()
        found = self.by_slug.get(wanted.lower())
        if found is not None:
            return found
        for candidate in (fold(wanted), fold(binomial(wanted))):
            several = self.by_name.get(candidate, []) if candidate else []
            if len(several) > 1:
                slugs = ", ".join(sorted(one.slug for one in several)[:5])
                raise ValidationFailed([("/species", f"more than one study has this species; name one of {slugs}")])
            if several:
                return several[0]
        shown = wanted if len(wanted) <= 60 else wanted[:60] + "…"
        raise ValidationFailed([("/species", f"no species is called “{shown}”")])

    def best(self) -> SpeciesEntry | None:
        """Return the species whose model has the highest AUC: a stable pick for the example a first visitor sees."""
        answering = [one for one in self.species if one.model is not None]
        return min(answering, key=_rank) if answering else None

    @property
    def n_models(self) -> int:
        """How many models answer."""
        return sum(one.model is not None for one in self.species)


def _rank(one: SpeciesEntry) -> tuple[bool, float, str]:
    model = one.model
    auc = model.auc if model else None
    return auc is None, -(auc or 0.0), model.id if model else ""


class SnapshotFile:
    """Reads the snapshot, and reads it again when its file has changed.

    Parameters
    ----------
    folder : Path
        Where the file lies.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / _NAME
        self._stamp: tuple[int, int, int] | None = None
        self._snapshot = Snapshot()
        self._lock = threading.Lock()

    def current(self) -> Snapshot:
        """Return the snapshot as it stands; one that was never written is taken from the database."""
        try:
            stamp = _stamp(self._file)
        except FileNotFoundError:
            self.write()
            stamp = _stamp(self._file)
        if stamp != self._stamp:
            with self._lock:
                try:
                    self._snapshot = _read(self._file)
                except (ValueError, TypeError, KeyError, AttributeError):
                    # written whole or not at all, so somebody else wrote it; the database knows better
                    log.error("%s was not a snapshot and is written anew", self._file)
                    self.write()
                    self._snapshot = _read(self._file)
                self._stamp = stamp
        return self._snapshot

    def write(self) -> None:
        """Take the snapshot from the database; what is committed before is in it, whoever else writes at the time."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with (self._file.parent / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # a replica may not have what was just committed
            with reading_replica(False):
                body = orjson.dumps([asdict(_from_row(row)) for row in versions.species_and_models()])
            handle, draft = tempfile.mkstemp(dir=self._file.parent, suffix=".json")
            with os.fdopen(handle, "wb") as stream:
                stream.write(body)
            Path(draft).chmod(0o644)
            Path(draft).replace(self._file)


def snapshot_file() -> SnapshotFile:
    """Return the snapshot file of the current application."""
    return component(SnapshotFile)


def current() -> Snapshot:
    """Return the snapshot of the current application."""
    return snapshot_file().current()


def _from_row(row: Any) -> SpeciesEntry:
    model = None if row.model_id is None else ModelEntry(row.model_id, row.version, row.path, row.auc)
    study = StudyEntry(row.study_slug, row.study_title)
    return SpeciesEntry(row.id, row.slug, row.scientific_name, row.vernacular_name, study, model)


def _stamp(file: Path) -> tuple[int, int, int]:
    found = file.stat()
    return found.st_mtime_ns, found.st_ino, found.st_size


def _read(file: Path) -> Snapshot:
    return Snapshot.of([_known(entry) for entry in orjson.loads(file.read_bytes())])


def _known(entry: dict[str, Any]) -> SpeciesEntry:
    model = entry.pop("model")
    study = StudyEntry(**entry.pop("study"))
    return SpeciesEntry(**entry, study=study, model=ModelEntry(**model) if model else None)
