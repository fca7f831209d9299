"""Places of the accepted observations of a study, looked up by area, for whoever may read the study."""

from __future__ import annotations

from app.catalogue import sensitive, snapshot, studies
from app.confirmations import search
from app.confirmations.search import PlaceRow
from app.errors import NotFound
from app.geography import queries
from app.geography.queries import area_of, scan
from app.geography.schemas import (
    ObservationFeature,
    ObservationPlaces,
    ObservationProperties,
    PlacesQuery,
    Point,
)
from app.geography.viewers import as_seen, selected
from app.web.paging import read_cursor, write_cursor


def browse(slug: str, query: PlacesQuery) -> ObservationPlaces:
    """Return a page of the accepted observations of a study, latest first.

    Raises
    ------
    NotFound
        No study has this slug.
    ValidationFailed
        The study has no such species, an area cannot be read, or the cursor is not one of this list.
    """
    (after,) = read_cursor(query.cursor, str) or (None,)
    area = area_of(query)
    study = studies.find(slug)
    if study is None:
        raise NotFound(f"There is no study “{slug[:100]}”.")
    species = None if query.species is None else snapshot.current().resolve_in(query.species, slug).slug
    grid_km = sensitive.grid_for(slug)
    bounds = selected(area, grid_km)
    stored = search.accepted_places(study.id, species, bounds, after, queries.MOST_LOOKED + 1)
    rows = as_seen(stored, grid_km)
    page = scan(rows, lambda row: area is None or area.contains(row.latitude, row.longitude), query.limit)
    return ObservationPlaces(
        features=[_feature(row) for row in page.rows],
        total=page.total if after is None else None,
        total_is_complete=page.is_complete,
        grid_km=grid_km,
        next=write_cursor(page.last.id) if page.last is not None else None,
    )


def _feature(row: PlaceRow) -> ObservationFeature:
    return ObservationFeature(
        geometry=Point(coordinates=(row.longitude, row.latitude)),
        properties=ObservationProperties(
            species=row.species, outcome="present" if row.present else "absent", date=row.observed_on
        ),
    )
