"""All species and the model that answers for each, in files that every worker reads.

The database is authoritative; the files are a projection of it, written whenever a model is registered, activated or
rolled back. A request compares the file's stamp and reads the file again when it has changed. Predictions, search and
the list of species therefore need no database, and an activation takes effect in every worker at its next request. The
files are in the same directory tree as the models, which all workers must reach anyway.

Two files, because workers of the previous release run beside this one during an upgrade and reject an entry of
``active.json`` that has more members (docs/decisions/041-search-in-the-snapshot.md):

``active.json``
    The entries, with scientific and vernacular names.
``names.json``
    The other names by slug, and the SHA-256 digest of the ``active.json`` that they were written with.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import math
import os
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy.exc import SQLAlchemyError

from app.catalogue import versions
from app.catalogue.entries import ModelEntry, SpeciesEntry, StudyEntry
from app.catalogue.names import binomial, fold, shorten
from app.catalogue.search import SearchIndex
from app.components import component
from app.database.connections import reading_replica
from app.database.db import db
from app.errors import ValidationFailed

log = logging.getLogger(__name__)
_ACTIVE = "active.json"
_NAMES = "names.json"
#: Seconds between two attempts to write files that lack other names, while the database does not answer.
_RETRY_S = 30.0
Stamp = tuple[int, int, int]
_BROKEN = (ValueError, TypeError, KeyError, AttributeError)


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

        Raises
        ------
        ValidationFailed
            None is meant, or more than one; the pointer is ``/species``.
        """
        stripped = name.strip()
        entry = self.by_slug.get(stripped.lower())
        if entry is not None:
            return entry
        for spelling in (fold(stripped), fold(binomial(stripped))):
            matches = self.by_name.get(spelling, []) if spelling else []
            if len(matches) > 1:
                slugs = ", ".join(sorted(match.slug for match in matches)[:5])
                raise ValidationFailed([("/species", f"more than one study has this species; name one of {slugs}")])
            if matches:
                return matches[0]
        raise ValidationFailed([("/species", f"no species is called “{shorten(stripped)}”")])

    def best(self) -> SpeciesEntry | None:
        """Return the species whose model has the highest AUC: the stable example for a first visitor."""
        answering = [entry for entry in self.species if entry.model is not None]
        return min(answering, key=_rank) if answering else None

    @property
    def n_models(self) -> int:
        """Number of models that answer."""
        return sum(entry.model is not None for entry in self.species)

    @cached_property
    def by_scientific_name(self) -> list[SpeciesEntry]:
        """The species in the order of their scientific names."""
        return sorted(self.species, key=lambda entry: (entry.scientific_name, entry.slug))

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
        self._stamp: Stamp | None = None
        self._snapshot = Snapshot()
        self._lock = threading.Lock()
        self._next_attempt = -math.inf

    def current(self) -> Snapshot:
        """Return the snapshot; one that was never written, or is broken, is taken from the database."""
        try:
            stamp = _stamp(self._active)
        except FileNotFoundError:
            self.write()
            stamp = _stamp(self._active)
        if stamp != self._stamp:
            with self._lock:
                try:
                    self._snapshot = self._read()
                except _BROKEN:
                    # each write replaces the file at once, so another program wrote this one
                    log.error("%s is not a snapshot and is written again", self._active)
                    self.write()
                    self._snapshot = self._read()
                self._stamp = stamp
        return self._snapshot

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
                rows = versions.species_and_models()
            active = orjson.dumps([_as_json(row) for row in rows])
            names = {"active": _digest(active), "other_names": {row.slug: row.other_names for row in rows}}
            # in this order: readers watch the stamp of active.json
            _replace(self._names, orjson.dumps(names))
            _replace(self._active, active)

    def _read(self) -> Snapshot:
        active = self._active.read_bytes()
        other_names, digest = self._read_names()
        species = [_from_json(entry, other_names) for entry in orjson.loads(active)]
        return Snapshot.of(species, has_all_names=digest == _digest(active))

    def _read_names(self) -> tuple[dict[str, tuple[str, ...]], str]:
        """Return other names by slug and the digest of their ``active.json``; nothing where the file is unusable."""
        try:
            content = orjson.loads(self._names.read_bytes())
            names = {str(slug): tuple(map(str, several)) for slug, several in content["other_names"].items()}
            return names, str(content["active"])
        except (OSError, *_BROKEN):
            return {}, ""


def snapshot_file() -> SnapshotFile:
    """Return the snapshot file of the current application."""
    return component(SnapshotFile)


def current() -> Snapshot:
    """Return the snapshot of the current application."""
    return snapshot_file().current()


def with_all_names() -> Snapshot:
    """Return the snapshot of the current application for search; see :meth:`SnapshotFile.with_all_names`."""
    return snapshot_file().with_all_names()


def _as_json(row: versions.SpeciesRow) -> dict[str, object]:
    """Return an entry as both releases read it: no member may be added."""
    model = {"id": row.model_id, "version": row.version, "path": row.path, "auc": row.auc}
    return {
        "id": row.id,
        "slug": row.slug,
        "scientific_name": row.scientific_name,
        "vernacular_name": row.vernacular_name,
        "study": {"slug": row.study_slug, "title": row.study_title},
        "model": model if row.model_id is not None else None,
    }


def _from_json(entry: dict[str, Any], other_names: Mapping[str, tuple[str, ...]]) -> SpeciesEntry:
    model = entry.pop("model")
    study = StudyEntry(**entry.pop("study"))
    names = other_names.get(entry["slug"], ())
    return SpeciesEntry(**entry, study=study, model=ModelEntry(**model) if model else None, other_names=names)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _stamp(file: Path) -> Stamp:
    status = file.stat()
    return status.st_mtime_ns, status.st_ino, status.st_size


def _replace(file: Path, content: bytes) -> None:
    """Replace a file at once: a reader sees the old content or the new."""
    handle, draft = tempfile.mkstemp(dir=file.parent, suffix=".json")
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
    Path(draft).chmod(0o644)
    Path(draft).replace(file)
