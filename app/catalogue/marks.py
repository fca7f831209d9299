"""The studies with sensitive species, in a file beside those of the snapshot.

``sensitive.json``
    By the slug of a study: the width of the grid on which its places are shown, and the names that are marked.

Readers watch the stamp of ``active.json``, so a writer replaces this file first. While the file is lost or cannot be
read, every study counts as sensitive, on the coarsest grid: too little is shown, and never too much.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson
from sqlalchemy import select

from app.catalogue.study_tables import SensitiveSpecies, Study
from app.database.db import db
from ml.coarse_places import GRIDS_KM

log = logging.getLogger(__name__)
#: The name of the file, in the folder of the others.
FILE = "sensitive.json"


@dataclass(frozen=True)
class Mark:
    """What is sensitive about a study.

    Attributes
    ----------
    grid_km : int
        Of the coarsest grid of its sensitive species. It is that of all its places: records of several species have
        the same places, and the records of one species are background of the models of another.
    names : frozenset of str
        Names of the sensitive species, as they are compared.
    """

    grid_km: int
    names: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Marks:
    """The marks of all studies by slug; None where they are not known."""

    by_study: Mapping[str, Mark] | None = field(default_factory=dict)

    def of(self, study: str) -> Mark | None:
        """Return the mark of a study, or None where it has no sensitive species."""
        return _UNKNOWN if self.by_study is None else self.by_study.get(study)

    @property
    def content(self) -> bytes:
        """The file."""
        known = (self.by_study or {}).items()
        return orjson.dumps({slug: {"grid_km": one.grid_km, "names": sorted(one.names)} for slug, one in known})


_UNKNOWN = Mark(max(GRIDS_KM))


def from_database() -> Marks:
    """Return the marks of all studies, whoever asks."""
    query = select(Study.slug, SensitiveSpecies.name_key, SensitiveSpecies.grid_km)
    grids: dict[str, int] = {}
    names: dict[str, set[str]] = {}
    for slug, name, grid_km in db.session.execute(query.join(Study, Study.id == SensitiveSpecies.study_id)):
        grids[slug] = max(grid_km, grids.get(slug, 0))
        names.setdefault(slug, set()).add(name)
    return Marks({slug: Mark(grid_km, frozenset(names[slug])) for slug, grid_km in grids.items()})


def read(file: Path) -> Marks:
    """Return the content of the file; marks that are not known where it cannot be read."""
    try:
        content = orjson.loads(file.read_bytes())
        found = {str(slug): Mark(int(one["grid_km"]), frozenset(one["names"])) for slug, one in content.items()}
        if any(one.grid_km not in GRIDS_KM for one in found.values()):
            raise ValueError
        return Marks(found)
    except FileNotFoundError:
        return Marks(None)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        log.error("%s is not a file of sensitive species, so the places of all studies count as sensitive", file)
        return Marks(None)
