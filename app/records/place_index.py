"""The places of the kept records of a study, made from the audit of its files and kept in the database."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from sqlalchemy.exc import SQLAlchemyError

from app.database.db import db
from app.errors import Conflict, Unavailable
from app.geography.index import band_of
from app.records import audits
from app.studies import own, place_tables
from app.studies.own import OwnStudy
from app.studies.place_tables import LONGEST_SPECIES, RecordPlaceSet
from app.workbench.derived import key_hash, one_at_a_time
from app.workbench.runner import WorkbenchError
from ml.recipes.recipe import Recipe
from ml.records.recount import decide
from ml.records.saved_audit import Audit

log = logging.getLogger(__name__)

#: Places of one study that are looked up.
MOST_PLACES = 200_000
#: Changes when this version makes other places of the same files.
_VERSION = 1
_DIGITS = 6
_ATTEMPTS = 3


def current(slug: str) -> RecordPlaceSet:
    """Return what the places of a study were made from, after they were made where they are not up to date.

    Raises
    ------
    NotFound
        No study of own data has this slug.
    Conflict
        The records bring their conditions, so that their places are not listed.
    WorkbenchError
        A file of records cannot be read.
    Unavailable
        The study changes all the time, or a disk is full.
    """
    for _ in range(_ATTEMPTS):
        study = own.load(slug)
        found = _stored(study)
        if found is not None:
            return found
        reports = [report for _, report in audits.choices(study)]
        audits.refuse_samples(study, reports)
        audit = audits.saved_audit(study, reports) if any(report.records for report in reports) else None
        # processes that look up the same places at the same time make them once
        with one_at_a_time(study.cache, "places"):
            if _stored(study) is None:
                _make(study, audit)
    raise Unavailable("The study is being changed. Ask again in a moment.")


def keep_up(slug: str) -> None:
    """Make the places of a study where they are not up to date; what hinders it is logged, and `current` tries again.

    Who looks at the records of a study must see them also where their places cannot be stored.
    """
    try:
        current(slug)
    except Conflict:
        # samples with data have no list of places
        return
    except (WorkbenchError, Unavailable, SQLAlchemyError) as error:
        db.session.rollback()
        log.warning("the places of the records of %s are not up to date: %s", slug, error)


def _stored(study: OwnStudy) -> RecordPlaceSet | None:
    found = place_tables.set_of(study.id)
    return found if found is not None and found.source == _source(study) else None


def _source(study: OwnStudy) -> str:
    recipe = study.recipe.model_dump(mode="json", exclude={"title", "slug", "settings"})
    return key_hash([_VERSION, recipe, audits.audit_key(study), [report.role for report in study.files]])


def _make(study: OwnStudy, audit: Audit | None) -> None:
    rows = places_of(audit, study.recipe) if audit is not None else []
    left_out = max(0, len(rows) - MOST_PLACES)
    place_tables.replace(study.id, study.revision, _source(study), rows[:MOST_PLACES], left_out)


def places_of(audit: Audit, recipe: Recipe) -> list[dict[str, Any]]:
    """Return each species and place of the kept records once, in the order of the files."""
    decision = decide(audit, recipe)
    usable = decision.kept & (decision.species >= 0) & (audit.place >= 0)
    rows = np.flatnonzero(usable & np.isfinite(audit.latitude) & np.isfinite(audit.longitude))
    keys = decision.species[rows].astype(np.int64) * (int(audit.place.max(initial=0)) + 1) + audit.place[rows]
    _, first, number, counts = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    years = np.zeros(len(first), dtype=np.int16)
    np.maximum.at(years, number, audit.year[rows])
    places = []
    for key in np.argsort(first):
        row = rows[first[key]]
        latitude = float(np.round(audit.latitude[row], _DIGITS))
        places.append(
            {
                "species": decision.names[decision.species[row]][:LONGEST_SPECIES],
                "latitude": latitude,
                "longitude": float(np.round(audit.longitude[row], _DIGITS)),
                "band": band_of(latitude),
                "records": int(counts[key]),
                "year": int(years[key]) or None,
            }
        )
    return places
