"""Places of the kept records of a study, looked up by area."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from flask import current_app

from app.catalogue import sensitive, snapshot, studies
from app.catalogue.names import binomial, fold
from app.errors import Unavailable, ValidationFailed
from app.geography import queries
from app.geography.queries import area_of, scan
from app.geography.schemas import PlacesQuery, Point, RecordFeature, RecordPlaces, RecordProperties
from app.geography.viewers import as_seen, selected
from app.records import place_index
from app.studies import place_tables
from app.studies.known_names import names_in
from app.studies.place_tables import Row
from app.studies.shown_files import shown_error
from app.web.paging import read_bound_cursor, write_cursor
from app.workbench.runner import WorkbenchError

_ATTEMPTS = 3


def browse(slug: str, query: PlacesQuery) -> RecordPlaces:
    """Return a page of the places of a study's kept records.

    Raises
    ------
    NotFound
        No study of own data has this slug.
    Conflict
        The records are samples with data.
    Unavailable
        The study changes all the time.
    ValidationFailed
        The study knows no such species, an area cannot be read, the cursor is not one of this list as it is now, or a
        file of records cannot be read.
    """
    area = area_of(query)
    for _ in range(_ATTEMPTS):
        try:
            made_from = place_index.current(slug)
        except WorkbenchError as error:
            text = shown_error(str(error), slug)
            raise ValidationFailed([("", text)], text) from None
        study_id, source, left_out = made_from.study_id, made_from.source, made_from.left_out
        tag = _tag_of(study_id, source)
        found = read_bound_cursor(query.cursor, int, tag)
        after = -1 if found is None else found
        grid_km = sensitive.grid_for(slug)
        bounds = selected(area, grid_km)
        species = _name_of(slug, study_id, query.species)
        # a cell is shown once, so that a page has to know the cells of those before it
        first, most = (after, queries.MOST_LOOKED + 1) if grid_km is None else (-1, place_index.MOST_PLACES)
        stored = place_tables.select_rows(study_id, species, bounds, first, most)
        # other records may have taken their place meanwhile
        now = place_tables.set_of(study_id)
        if now is not None and now.source == source:
            break
    else:
        raise Unavailable("The study is being changed. Ask again in a moment.")
    rows: Sequence[Row] = as_seen(stored, grid_km)
    if grid_km is not None:
        rows = [row for row in _cells(rows) if row.position > after]
    page = scan(rows, lambda row: area is None or area.contains(row.latitude, row.longitude), query.limit)
    return RecordPlaces(
        features=[_feature(row) for row in page.rows],
        total=page.total if after < 0 else None,
        total_is_complete=page.is_complete,
        grid_km=grid_km,
        left_out=left_out,
        next=write_cursor(page.last.position, tag) if page.last is not None else None,
    )


def _tag_of(study_id: int, source: str) -> str:
    """Return the mark of a set of places in a cursor.

    It is keyed, and that of one study: whoever guesses a file of few records could compare it with that of the guess.
    """
    key = hashlib.sha256(b"record places " + str(current_app.config["SECRET_KEY"]).encode()).digest()
    return hashlib.blake2b(f"{study_id} {source}".encode(), key=key, digest_size=9).hexdigest()


def _name_of(slug: str, study_id: int, species: str | None) -> str | None:
    """Return the name that kept records have of a species, which is given by slug or name.

    Raises
    ------
    ValidationFailed
        The study has neither records nor a model of the species.
    """
    if species is None:
        return None
    entry = snapshot.current().by_slug.get(species)
    if entry is not None and entry.study.slug == slug:
        return entry.scientific_name
    if place_tables.has_name(study_id, species):
        return species
    by_key = {fold(name): name for name in place_tables.names_of(study_id)}
    found = by_key.get(fold(species)) or by_key.get(fold(binomial(species)))
    if found is not None:
        return found
    try:
        entry = snapshot.current().resolve_in(species, slug)
    except ValidationFailed:
        study = studies.find(slug)
        if study is not None and names_in(study).has(species):
            # it has records, and none is kept
            return species
        raise
    return by_key.get(fold(entry.scientific_name), entry.scientific_name)


def _cells(rows: Sequence[Row]) -> list[Row]:
    """Return each species and cell once, in the order of their first places, with the records of all its places.

    Two places of one cell would tell that it has two, and how many records lie exactly together.
    """
    found: dict[tuple[str, float, float], Row] = {}
    for row in rows:
        cell = row.species, row.latitude, row.longitude
        first = found.get(cell)
        if first is not None:
            years = [year for year in (first.year, row.year) if year is not None]
            row = first._replace(records=first.records + row.records, year=max(years, default=None))
        found[cell] = row
    return list(found.values())


def _feature(row: Row) -> RecordFeature:
    return RecordFeature(
        geometry=Point(coordinates=(row.longitude, row.latitude)),
        properties=RecordProperties(species=row.species, records=row.records, year=row.year),
    )
