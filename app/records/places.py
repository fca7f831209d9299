"""Places of the kept records of a study, looked up by area."""

from __future__ import annotations

from app.catalogue import sensitive, snapshot
from app.errors import ValidationFailed
from app.geography import queries
from app.geography.queries import area_of, scan
from app.geography.schemas import PlacesQuery, Point, RecordFeature, RecordPlaces, RecordProperties
from app.geography.viewers import as_seen, selected
from app.records import place_index
from app.studies import place_tables
from app.studies.place_tables import Row
from app.web.paging import read_cursor, write_cursor
from app.workbench.runner import WorkbenchError


def browse(slug: str, query: PlacesQuery) -> RecordPlaces:
    """Return a page of the places of a study's kept records.

    Raises
    ------
    NotFound
        No study of own data has this slug.
    ValidationFailed
        An area cannot be read, the cursor is not one of this list, or a file of records cannot be read.
    """
    (after,) = read_cursor(query.cursor, int) or (-1,)
    area = area_of(query)
    try:
        made_from = place_index.current(slug)
    except WorkbenchError as error:
        raise ValidationFailed([("", str(error))], str(error)) from None
    grid_km = sensitive.grid_for(slug)
    bounds = selected(area, grid_km)
    species = _name_of(slug, query.species)
    stored = place_tables.select_rows(made_from.study_id, species, bounds, after, queries.MOST_LOOKED + 1)
    rows = as_seen(stored, grid_km)
    page = scan(rows, lambda row: area is None or area.contains(row.latitude, row.longitude), query.limit)
    return RecordPlaces(
        features=[_feature(row) for row in page.rows],
        total=page.total if after < 0 else None,
        total_is_complete=page.is_complete,
        grid_km=grid_km,
        left_out=made_from.left_out,
        next=write_cursor(page.last.position) if page.last is not None else None,
    )


def _name_of(slug: str, species: str | None) -> str | None:
    """Return the name of a species that is given by its slug; other texts are names."""
    entry = snapshot.current().by_slug.get(species or "")
    return entry.scientific_name if entry is not None and entry.study.slug == slug else species


def _feature(row: Row) -> RecordFeature:
    return RecordFeature(
        geometry=Point(coordinates=(row.longitude, row.latitude)),
        properties=RecordProperties(species=row.species, records=row.records, year=row.year),
    )
