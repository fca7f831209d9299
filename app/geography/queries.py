"""The area of a query, and a page of the places in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.errors import ValidationFailed
from app.geography.areas import FARTHEST_KM, Area, Circle, read_box, read_point, read_polygon
from app.geography.schemas import AreaQuery
from app.web.input_validation import NUMBER

Row = TypeVar("Row")
#: Rows that one answer looks at.
MOST_LOOKED = 10_000
_ONE_AREA = "give one of bbox, near and polygon"


def area_of(query: AreaQuery) -> Area | None:
    """Return the area that a list is restricted to.

    Raises
    ------
    ValidationFailed
        The pointer names the parameter.
    """
    given = [name for name in ("bbox", "near", "polygon") if getattr(query, name) is not None]
    if len(given) > 1:
        raise ValidationFailed([(f"/{given[1]}", _ONE_AREA)])
    if query.radius_km is not None and query.near is None:
        raise ValidationFailed([("/near", "a value is needed with radius_km")])
    if not given:
        return None
    try:
        if query.bbox is not None:
            return read_box(query.bbox)
        if query.polygon is not None:
            return read_polygon(query.polygon)
        latitude, longitude = read_point(query.near or "")
    except ValueError as error:
        raise ValidationFailed([(f"/{given[0]}", str(error))]) from None
    return Circle(latitude, longitude, _radius(query.radius_km))


def _radius(text: str | None) -> float:
    if text is None:
        raise ValidationFailed([("/radius_km", "a value is needed with near")])
    if not NUMBER.fullmatch(text) or not 0.0 < float(text) <= FARTHEST_KM:
        raise ValidationFailed([("/radius_km", f"must be a number above 0 and at most {FARTHEST_KM:,.0f}")])
    return float(text)


@dataclass(frozen=True)
class Scanned(Generic[Row]):
    """A page of rows.

    Attributes
    ----------
    rows : list
        Those of the page.
    last : object or None
        The row that the next page begins after; None on the last page.
    total : int
        Number of rows of the area among those that were looked at.
    is_complete : bool
        Whether all rows were looked at.
    """

    rows: list[Row]
    last: Row | None
    total: int
    is_complete: bool


def scan(rows: Sequence[Row], is_in: Callable[[Row], bool], limit: int) -> Scanned[Row]:
    """Return the page of rows that are in an area.

    Parameters
    ----------
    rows : sequence
        What the index has selected, one more than `MOST_LOOKED` where there are more.
    is_in : callable
        Whether a row is in the area.
    limit : int
        Rows of the page.
    """
    found: list[Row] = []
    total = 0
    for row in rows[:MOST_LOOKED]:
        if is_in(row):
            total += 1
            if len(found) < limit:
                found.append(row)
    is_complete = len(rows) <= MOST_LOOKED
    last = found[-1] if total > limit else None if is_complete else rows[MOST_LOOKED - 1]
    return Scanned(found, last, total, is_complete)
