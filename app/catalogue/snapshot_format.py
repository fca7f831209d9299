"""The files of the snapshot: how they are written and read.

Several files, because workers of the previous release run beside this one during an upgrade and reject an entry of
``active.json`` that has more members (docs/decisions/041-search-in-the-snapshot.md):

``hidden.json``
    The species of studies that not everybody may read. They are in no other file, so that a reader without this one
    has none of them.
``active.json``
    The entries of public studies, with scientific and vernacular names.
``names.json``
    The other names by slug, and the SHA-256 digest of the ``active.json`` that they were written with.
``sensitive.json``
    The studies with sensitive species; see :mod:`app.catalogue.marks`.
``rollouts.json``
    The rollouts that run; see :mod:`app.catalogue.rollouts_file`.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from app.catalogue import marks, rollouts_file, versions
from app.catalogue.entries import ModelEntry, RolloutEntry, SpeciesEntry, StudyEntry
from app.catalogue.marks import Marks
from app.catalogue.rollouts_file import RolloutsFile

Stamp = tuple[int, int, int]
#: What reading raises where another program wrote the file.
BROKEN = (ValueError, TypeError, KeyError, AttributeError)


#: The name of the file of rollouts, in the folder of the others.
ROLLOUTS = "rollouts.json"


def write(
    active: Path,
    names: Path,
    hidden: Path,
    rows: Sequence[versions.SpeciesRow],
    rollouts: RolloutsFile,
    sensitive: Marks,
) -> None:
    """Replace the files. Other writers must be excluded."""
    public = [row for row in rows if row.visibility == "public"]
    others_of_hidden = [_as_json(row) | {"other_names": row.other_names} for row in rows if row.visibility != "public"]
    content = orjson.dumps([_as_json(row) for row in public])
    others = {"active": _digest(content), "other_names": {row.slug: row.other_names for row in public}}
    # in this order: readers watch the stamp of active.json
    _replace(active.parent / marks.FILE, sensitive.content)
    _replace(hidden, orjson.dumps(others_of_hidden))
    _replace(names, orjson.dumps(others))
    _replace(active.parent / ROLLOUTS, rollouts.content)
    _replace(active, content)


def write_rollouts(active: Path, rollouts: RolloutsFile) -> None:
    """Replace the file of rollouts, and ``active.json`` by a copy of itself, so that readers see the change.

    Other writers must be excluded.
    """
    _replace(active.parent / ROLLOUTS, rollouts.content)
    _replace(active, active.read_bytes())


def read(active: Path, names: Path) -> tuple[list[SpeciesEntry], bool]:
    """Return the species, and whether they have the other names of the latest change."""
    content = active.read_bytes()
    other_names, digest = _read_names(names)
    rollouts = rollouts_file.read(active.parent / ROLLOUTS).running
    species = [_from_json(entry, other_names, rollouts) for entry in orjson.loads(content)]
    return species, digest == _digest(content)


def read_hidden(file: Path) -> list[SpeciesEntry]:
    """Return the species of studies that not everybody may read; none where the file was never written."""
    try:
        content = orjson.loads(file.read_bytes())
    except FileNotFoundError:
        return []
    rollouts = rollouts_file.read(file.parent / ROLLOUTS).running
    return [_from_json(entry, {entry["slug"]: tuple(entry.pop("other_names"))}, rollouts) for entry in content]


def _read_names(file: Path) -> tuple[dict[str, tuple[str, ...]], str]:
    """Return other names by slug and the digest of their ``active.json``; nothing where the file is unusable."""
    try:
        content = orjson.loads(file.read_bytes())
        names = {str(slug): tuple(map(str, several)) for slug, several in content["other_names"].items()}
        return names, str(content["active"])
    except (OSError, *BROKEN):
        return {}, ""


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


def _from_json(
    entry: dict[str, Any], other_names: Mapping[str, tuple[str, ...]], rollouts: Mapping[str, RolloutEntry]
) -> SpeciesEntry:
    model = entry.pop("model")
    study = StudyEntry(**entry.pop("study"))
    names = other_names.get(entry["slug"], ())
    rollout = rollouts.get(entry["slug"])
    # a worker of the previous release may have activated another model, without knowing of rollouts
    if rollout is not None and (model is None or model["id"] != rollout.active_id):
        rollout = None
    active = ModelEntry(**model) if model else None
    return SpeciesEntry(**entry, study=study, model=active, other_names=names, rollout=rollout)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def stamp_or_none(file: Path) -> Stamp | None:
    """Return the stamp of a file, or None without one."""
    try:
        return stamp(file)
    except OSError:
        return None


def stamp(file: Path) -> Stamp:
    """Return what tells a file from the one that replaces it."""
    status = file.stat()
    return status.st_mtime_ns, status.st_ino, status.st_size


def _replace(file: Path, content: bytes) -> None:
    """Replace a file at once: a reader sees the old content or the new."""
    handle, draft = tempfile.mkstemp(dir=file.parent, suffix=".json")
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
    Path(draft).chmod(0o644)
    Path(draft).replace(file)
