"""Observations in pages, filtered by study, species, state and area."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import select

from app.catalogue import access
from app.catalogue.species import Species
from app.catalogue.studies import Study
from app.confirmations.tables import PLACE, Observation, State
from app.database.db import db
from app.geography.areas import Area, Bounds
from app.geography.index import within
from app.web.paging import write_cursor

#: Rows that are read at a time, and those that one page looks at where an area has few of them.
_BLOCK, _MOST_READ = 500, 5_000


@dataclass(frozen=True)
class Filters:
    """What a list is restricted to."""

    study: str | None = None
    species: str | None = None
    state: State | None = None
    area: Area | None = None


@dataclass(frozen=True)
class Found:
    """A page of observations, latest first, and the cursor of the next one.

    A page may have fewer rows than its limit although there are more: it looks at 5,000 rows at most.
    """

    rows: Sequence[Observation]
    next: str | None


def search(filters: Filters, after: str | None, limit: int) -> Found:
    """Return a page of observations, latest first.

    Parameters
    ----------
    filters : Filters
    after : str or None
        Id of the last row of the previous page.
    limit : int
        Rows of the page.
    """
    statement = (
        select(Observation)
        .join(Species, Species.id == Observation.species_id)
        .join(Study, Study.id == Species.study_id)
        .where(access.moderated())
    )
    if filters.study is not None:
        statement = statement.where(Study.slug == filters.study)
    if filters.species is not None:
        statement = statement.where(Species.slug == filters.species)
    if filters.state is not None:
        statement = statement.where(Observation.state == filters.state)
    if filters.area is not None:
        statement = statement.where(within(filters.area.bounds(), PLACE))
    statement = statement.order_by(Observation.id.desc())
    found: list[Observation] = []
    # the area decides; what the index selects is more than it
    for start in range(0, _MOST_READ, _BLOCK):
        size = limit + 1 if filters.area is None else _BLOCK
        before = statement if after is None else statement.where(Observation.id < after)
        rows = list(db.session.scalars(before.limit(size)))
        for row in rows:
            if filters.area is None or _is_in(filters.area, row):
                found.append(row)
            if len(found) > limit:
                return Found(found[:limit], write_cursor(found[limit - 1].id))
        if len(rows) < size:
            return Found(found, None)
        after = rows[-1].id
        if start + _BLOCK >= _MOST_READ:
            break
    return Found(found, write_cursor(after or ""))


def _is_in(area: Area, row: Observation) -> bool:
    return row.latitude is not None and row.longitude is not None and area.contains(row.latitude, row.longitude)


class PlaceRow(NamedTuple):
    """An accepted observation at a place, without what concerns the observer."""

    id: str
    species: str
    present: bool
    observed_on: date
    latitude: float
    longitude: float


def accepted_places(
    study_id: int, species: str | None, bounds: Bounds | None, after: str | None, limit: int
) -> list[PlaceRow]:
    """Return the accepted observations of a study at places that an index selects, latest first.

    Parameters
    ----------
    study_id : int
    species : str or None
        Slug; None for all.
    bounds : Bounds or None
    after : str or None
        Id of the last row of the previous page.
    limit : int
    """
    statement = (
        select(
            Observation.id,
            Species.scientific_name,
            Observation.present,
            Observation.observed_on,
            Observation.latitude,
            Observation.longitude,
        )
        .join(Species, Species.id == Observation.species_id)
        .where(
            Species.study_id == study_id,
            Observation.state == "accepted",
            Observation.latitude.is_not(None),
            Observation.longitude.is_not(None),
        )
    )
    if species is not None:
        statement = statement.where(Species.slug == species)
    if bounds is not None:
        statement = statement.where(within(bounds, PLACE))
    if after is not None:
        statement = statement.where(Observation.id < after)
    rows: Iterable[Any] = db.session.execute(statement.order_by(Observation.id.desc()).limit(limit))
    return [PlaceRow(*row) for row in rows]
