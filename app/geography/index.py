"""Places of a table selected by an index: PostGIS where it exists, otherwise rows of one degree of latitude.

The index selects all places within some bounds, and perhaps some beside them. `contains` of the area decides, so that
all databases give the same places.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, text
from sqlalchemy.orm import InstrumentedAttribute

from app.database.db import db
from app.geography.areas import Bounds

# Each row of a degree is looked up by itself, unless there are many.
_MOST_BANDS = 40


@dataclass(frozen=True)
class PlaceColumns:
    """The columns of a table that say where something is.

    Attributes
    ----------
    latitude, longitude : InstrumentedAttribute
        Degrees of WGS 84.
    band : InstrumentedAttribute
        Of `band_of`; it has an index together with the longitude.
    point_index : str
        Name of the index that a migration makes where the database has PostGIS.
    """

    latitude: InstrumentedAttribute[Any]
    longitude: InstrumentedAttribute[Any]
    band: InstrumentedAttribute[Any]
    point_index: str


def band_of(latitude: float) -> int:
    """Return the row of one degree that a latitude lies in; the north pole is in the row below it."""
    return min(math.floor(latitude), 89)


def within(bounds: Bounds, columns: PlaceColumns) -> ColumnElement[bool]:
    """Return the condition that an index can answer."""
    if _has_point_index(columns.point_index):
        table = columns.latitude.class_.__tablename__
        point = f"ST_SetSRID(ST_MakePoint({table}.longitude, {table}.latitude), 4326)"
        boxes = [
            text(f"{point} && ST_MakeEnvelope(:w{i}, :s, :e{i}, :n, 4326)").bindparams(
                **{f"w{i}": west, f"e{i}": east, "s": bounds.south, "n": bounds.north}
            )
            for i, (west, east) in enumerate(bounds.longitudes)
        ]
        return or_(*boxes)
    first, last = band_of(max(bounds.south, -90.0)), band_of(min(bounds.north, 90.0))
    bands = (
        columns.band.in_(range(first, last + 1)) if last - first < _MOST_BANDS else columns.band.between(first, last)
    )
    longitudes = or_(*(columns.longitude.between(west, east) for west, east in bounds.longitudes))
    return and_(bands, longitudes, columns.latitude.between(bounds.south, bounds.north))


def _has_point_index(name: str) -> bool:
    if db.session.get_bind().dialect.name != "postgresql":
        return False
    return db.session.scalar(select(func.to_regclass(name))) is not None
