"""The sensitive species of a study: which they are, and who decides it."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.catalogue import access, marks, sensitive, studies
from app.catalogue.names import fold
from app.catalogue.snapshot import snapshot_file
from app.catalogue.species import Species
from app.catalogue.study_tables import SensitiveSpecies, Study
from app.database.db import db
from app.errors import Conflict, NotFound, NotPermitted, Unavailable, ValidationFailed
from app.studies.known_names import names_in
from app.studies.sensitive_schemas import MarkedSpecies, SensitivePlaces
from app.trail import recorder as trail
from ml.coarse_places import GRIDS_KM, GridKm

log = logging.getLogger(__name__)
#: Sensitive species of one study.
MOST_MARKED = 1_000


def read(slug: str) -> SensitivePlaces:
    """Return the sensitive species of a study.

    Raises
    ------
    NotFound
        There is no such study.
    """
    study = _found(slug)
    query = select(SensitiveSpecies).where(SensitiveSpecies.study_id == study.id).order_by(SensitiveSpecies.name_key)
    rows = list(db.session.scalars(query))
    known = names_in(study) if rows else None
    items = [
        MarkedSpecies.model_validate(
            {
                "id": one.id,
                "species": one.name,
                "grid_km": one.grid_km,
                "marked_at": one.marked_at,
                "known": known.has(one.name) if known is not None else None,
            }
        )
        for one in rows
    ]
    return SensitivePlaces.model_validate(
        {
            "grid_km": max((one.grid_km for one in items), default=None),
            "places_grid_km": sensitive.grid_for(slug),
            "sentence": sensitive.sentence(slug),
            "may_change": access.may_mark(study),
            "items": items,
        }
    )


def mark(slug: str, species: str, grid_km: GridKm) -> None:
    """Show the places of a species on a grid, or on another one.

    Parameters
    ----------
    slug : str
        Of the study.
    species : str
        Slug or scientific name.
    grid_km : int

    Raises
    ------
    NotFound, NotPermitted
        There is no such study, or somebody else decides it.
    ValidationFailed
        The name has no letter.
    Conflict
        The study has too many, or somebody marks the species at the same time.
    Unavailable
        Processes that show places could not be told; the same request tells them again.
    """
    study = permitted(slug)
    name = _name_of(study, species)
    key = fold(name)[:200]
    if not key:
        raise ValidationFailed([("/species", "must be the name of a species")])
    rows = list(db.session.scalars(select(SensitiveSpecies).where(SensitiveSpecies.study_id == study.id)))
    row = next((one for one in rows if one.name_key == key), None)
    if row is None and len(rows) >= MOST_MARKED:
        raise Conflict(f"A study has {MOST_MARKED} sensitive species at most.")
    before = "" if row is None else f", before {row.grid_km} km"
    trail.about("study", slug, f"{name} is sensitive: places to {grid_km} km{before}")
    if row is None:
        db.session.add(SensitiveSpecies(study_id=study.id, name=name, name_key=key, grid_km=grid_km))
    else:
        row.grid_km = grid_km
    try:
        db.session.commit()
    except IntegrityError:
        # two requests at the same time
        db.session.rollback()
        raise Conflict("Somebody marked this species at the same time. Look at the list again.") from None
    log.info("a species of study %s is sensitive, on a grid of %d km", slug, grid_km)
    _tell(slug)


def unmark(slug: str, mark_id: str) -> None:
    """Show the places of a species exactly again, unless another one of the study is sensitive.

    Raises
    ------
    NotFound, NotPermitted
        There is no such study, the species is not marked, or somebody else decides it.
    Unavailable
        As `mark`.
    """
    study = permitted(slug)
    # PostgreSQL takes no text with a zero byte
    wanted = SensitiveSpecies.id == mark_id.replace("\0", "")[:36]
    row = db.session.scalar(select(SensitiveSpecies).where(SensitiveSpecies.study_id == study.id, wanted))
    if row is None:
        # what was removed a moment ago may not have been told
        if not _is_told(slug):
            _tell(slug)
        raise NotFound("This species is not marked as sensitive.")
    trail.about("study", slug, f"{row.name} is not sensitive any more, before {row.grid_km} km")
    db.session.delete(row)
    db.session.commit()
    log.info("a species of study %s is not sensitive any more", slug)
    _tell(slug)


def page_context(slug: str, typed: Mapping[str, str] | None) -> dict[str, object]:
    """Return what the page of a study shows of it, with the values and the message of a form that comes back."""
    return {"sensitive": read(slug), "marking": typed or {}}


def find_mark(slug: str, species: str) -> str:
    """Return the id of the mark of a species, by its slug or name.

    Raises
    ------
    NotFound
        There is no such study, or the species is not marked.
    """
    study = _found(slug)
    key = fold(_name_of(study, species))
    found = select(SensitiveSpecies.id).where(SensitiveSpecies.study_id == study.id, SensitiveSpecies.name_key == key)
    mark_id = db.session.scalar(found)
    if mark_id is None:
        raise NotFound(f"“{species[:100]}” is not marked as sensitive in the study {slug}.")
    return mark_id


def grid_of(text: str) -> GridKm:
    """Return a grid from the text of a form or a command.

    Raises
    ------
    ValidationFailed
        There is no such grid.
    """
    for one in GRIDS_KM:
        if text == str(one):
            return one
    raise ValidationFailed([("/grid_km", f"must be one of {', '.join(map(str, GRIDS_KM))}")])


def _is_told(slug: str) -> bool:
    return snapshot_file().marks().of(slug) == marks.from_database().of(slug)


def _tell(slug: str) -> None:
    access.forget()
    try:
        snapshot_file().write()
    except OSError as error:
        raise Unavailable(
            f"It is stored for the study {slug}, but the list of sensitive species could not be written, so that "
            "places are shown as before. Send the same again."
        ) from error


def _name_of(study: Study, species: str) -> str:
    """Return the scientific name of a species of a study by its slug; any other text is a name."""
    text = " ".join(species.split())
    query = select(Species.scientific_name).where(Species.study_id == study.id, Species.slug == text.lower())
    return db.session.scalar(query) or text


def permitted(slug: str) -> Study:
    """Return a study whose sensitive species the present request decides.

    Raises
    ------
    NotFound, NotPermitted
        There is no such study, or somebody else decides it.
    """
    study = _found(slug)
    if not access.may_mark(study):
        raise NotPermitted("Only the owner of this study and admins decide which of its species are sensitive.")
    return study


def _found(slug: str) -> Study:
    study = studies.find(slug)
    if study is None:
        raise NotFound(f"There is no study “{slug[:100]}”.")
    return study
