"""Observations in pages, filtered by study, species, state and area."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, or_, select, text

from app.catalogue import access
from app.catalogue.species import Species
from app.catalogue.studies import Study
from app.confirmations.areas import Area, Bounds
from app.confirmations.tables import Observation, State, band_of
from app.database.db import db
from app.web.paging import write_cursor

#: The index that the migration makes where the database has PostGIS.
POINT_INDEX = "ix_observations_point"
#: Rows that are read at a time, and those that one page looks at where an area has few of them.
_BLOCK, _MOST_READ = 500, 5_000
# Each row of a degree is looked up by itself, unless there are many.
_MOST_BANDS = 40


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
        statement = statement.where(within(filters.area.bounds()))
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


def within(bounds: Bounds) -> ColumnElement[bool]:
    """Return the condition that an index can answer: by PostGIS where it exists, otherwise by rows of a degree.

    Both select all places within the bounds, and perhaps some beside them.
    """
    if _has_point_index():
        boxes = [
            text(f"{_POINT} && ST_MakeEnvelope(:w{i}, :s, :e{i}, :n, 4326)").bindparams(
                **{f"w{i}": west, f"e{i}": east, "s": bounds.south, "n": bounds.north}
            )
            for i, (west, east) in enumerate(bounds.longitudes)
        ]
        return or_(*boxes)
    first, last = band_of(max(bounds.south, -90.0)), band_of(min(bounds.north, 90.0))
    bands = (
        Observation.band.in_(range(first, last + 1))
        if last - first < _MOST_BANDS
        else Observation.band.between(first, last)
    )
    longitudes = or_(*(Observation.longitude.between(west, east) for west, east in bounds.longitudes))
    return and_(bands, longitudes, Observation.latitude.between(bounds.south, bounds.north))


_POINT = "ST_SetSRID(ST_MakePoint(observations.longitude, observations.latitude), 4326)"


def _has_point_index() -> bool:
    if db.session.get_bind().dialect.name != "postgresql":
        return False
    return db.session.scalar(select(func.to_regclass(POINT_INDEX))) is not None
