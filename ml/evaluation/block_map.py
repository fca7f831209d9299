"""The map on which spatial blocks are squares: it keeps areas, and stretches little where the records lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

EARTH_RADIUS_M = 6_371_007.2
"""Radius of the sphere with the surface of the WGS 84 ellipsoid, metres."""
_POLAR_LATITUDE = 75.0
"""Mean latitude from which a cylindrical map is stretched beyond use."""

Floats = NDArray[np.float64]


def equal_area_metres(lonlat: ArrayLike) -> Floats:
    """Project degrees to metres by an equal-area projection that fits the records.

    It is cylindrical with its true parallel at the records, and cut at the widest gap in their longitudes, so that
    records on both sides of the antimeridian stay neighbours. Records of one hemisphere whose mean latitude is beyond
    75° get the azimuthal projection of Lambert, centred on them.

    Parameters
    ----------
    lonlat : array-like, shape (n, 2)
        Longitude (any turn) and latitude in degrees.

    Returns
    -------
    ndarray, shape (n, 2)
        Easting and northing in metres.

    Raises
    ------
    ValueError
        A latitude is beyond 90°.
    """
    degrees = np.asarray(lonlat, dtype=np.float64)
    longitude, latitude = degrees[:, 0] % 360.0, degrees[:, 1]
    if np.abs(latitude).max() > 90.0:
        raise ValueError("latitude beyond 90°: are these projected coordinates?")
    if _is_polar(latitude):
        return _azimuthal_metres(degrees)
    distinct = np.unique(longitude)
    gaps = np.diff(np.append(distinct, distinct[0] + 360.0))
    east_of_gap = distinct[(int(np.argmax(gaps)) + 1) % distinct.size]
    parallel = _cosine_of_true_parallel(latitude)
    x = EARTH_RADIUS_M * np.radians((longitude - east_of_gap) % 360.0) * parallel
    y = EARTH_RADIUS_M * np.sin(np.radians(latitude)) / parallel
    return np.column_stack([x, y])


def map_stretch(degrees: Floats, present: NDArray[np.bool_]) -> Floats:
    """Return map metres for each ground metre at the presences, in the direction in which the map is stretched.

    The map keeps areas, so across that direction it is the inverse. A cylindrical map is stretched from west to east
    (or compressed, below 1), and an azimuthal one around its centre.

    Parameters
    ----------
    degrees : ndarray, shape (n, 2)
        Longitude and latitude of all records.
    present : ndarray of bool, shape (n,)

    Returns
    -------
    ndarray, shape (n_presences,)
    """
    latitude = degrees[:, 1]
    if _is_polar(latitude):
        directions = _directions(degrees)
        return np.asarray(1.0 / np.sqrt((1.0 + directions[present] @ _centre(directions)) / 2.0))
    return np.asarray(_cosine_of_true_parallel(latitude) / np.cos(np.radians(latitude[present])).clip(min=1e-9))


def _is_polar(latitude: Floats) -> bool:
    one_side = bool((latitude > 0).all() or (latitude < 0).all())
    return one_side and float(np.abs(latitude).mean()) > _POLAR_LATITUDE


def _cosine_of_true_parallel(latitude: Floats) -> float:
    """Return the cosine of the parallel on which the map is true to scale: that of the mean distance to the equator."""
    # Records round both poles have no parallel near them that does not stretch the map beyond use.
    return float(np.cos(np.radians(min(float(np.abs(latitude).mean()), _POLAR_LATITUDE))))


def _directions(degrees: Floats) -> Floats:
    """Return places as directions from the centre of the Earth, shape (n, 3)."""
    longitude, latitude = np.radians(degrees).T
    across = np.cos(latitude)
    return np.column_stack([across * np.cos(longitude), across * np.sin(longitude), np.sin(latitude)])


def _centre(directions: Floats) -> Floats:
    """Return the direction of the middle of places that lie in one hemisphere."""
    mean = directions.mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean))


def _azimuthal_metres(degrees: Floats) -> Floats:
    directions = _directions(degrees)
    centre = _centre(directions)
    # Any two axes across the centre do; the axis of the first coordinate is far from a centre near a pole.
    first = np.array([1.0, 0.0, 0.0]) - centre[0] * centre
    first /= np.linalg.norm(first)
    axes = np.column_stack([first, np.cross(centre, first)])
    stretch = np.sqrt(2.0 / (1.0 + directions @ centre))
    return np.asarray(EARTH_RADIUS_M * stretch[:, None] * (directions @ axes))
