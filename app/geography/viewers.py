"""Places as the present request may see them, before they are compared with an area.

An area that is compared with the exact place of a sensitive species would tell where it is. So the index selects whole
degrees of latitude around the area for those who see a grid, and the cells of the grid are compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeVar

from app.catalogue.sensitive import coarsen
from app.geography.areas import Area, Bounds

#: A named tuple with `latitude` and `longitude`.
Row = TypeVar("Row", bound=Any)
_EVERYWHERE = ((-180.0, 180.0),)


def selected(area: Area | None, grid_km: int | None) -> Bounds | None:
    """Return the bounds of the rows that have to be looked at, or None for all.

    Parameters
    ----------
    area : Area or None
    grid_km : int or None
        Of the grid that the request sees.
    """
    if area is None:
        return None
    bounds = area.bounds()
    if grid_km is None:
        return bounds
    # a cell is at most half a degree high
    return Bounds(math.floor(bounds.south) - 1.0, math.ceil(bounds.north) + 1.0, _EVERYWHERE)


def as_seen(rows: Sequence[Row], grid_km: int | None) -> Sequence[Row]:
    """Return rows with the places that the request sees."""
    if grid_km is None or not rows:
        return rows
    x, y = coarsen([row.longitude for row in rows], [row.latitude for row in rows], grid_km)
    return [
        row._replace(longitude=longitude, latitude=latitude)
        for row, longitude, latitude in zip(rows, x.tolist(), y.tolist(), strict=True)
    ]
