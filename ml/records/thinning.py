"""Spatial thinning: records of a species that are nearer to a kept one than a distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Mean radius of the earth, km (IUGG).
EARTH_KM = 6371.0088
Floats = NDArray[np.float64]


def great_circle_km(longitude: float, latitude: float, longitudes: Floats, latitudes: Floats) -> Floats:
    """Return the distances from one place to others along the sphere, km, shape (n,), by the haversine formula."""
    phi, phis = np.radians(latitude), np.radians(latitudes)
    half = np.sin((phis - phi) / 2) ** 2
    half += np.cos(phi) * np.cos(phis) * np.sin(np.radians(longitudes - longitude) / 2) ** 2
    return np.asarray(2 * EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0))))


def crowded(group: NDArray[np.int32], longitude: Floats, latitude: Floats, distance_km: float) -> NDArray[np.bool_]:
    """Return which records are left out, so that those of a group that are kept are a distance from each other.

    The records are tried one after the other, from south to north in bands and from west to east in each band, and each
    is kept unless a kept one is nearer than the distance. The order of the rows has no influence, except on which of
    several records at one place is kept: the first.

    Parameters
    ----------
    group : ndarray of int, shape (n,)
        Species of each record.
    longitude, latitude : ndarray of float64, shape (n,)
        Degrees, finite.
    distance_km : float
        Smallest distance, km, greater than 0.

    Returns
    -------
    ndarray of bool, shape (n,)

    References
    ----------
    Aiello-Lammens, M. E. et al. (2015). spThin: an R package for spatial thinning of species occurrence records.
    Ecography 38: 541-545. The random order there is a fixed one in this function.
    """
    n = len(group)
    out = np.zeros(n, dtype=bool)
    if not n:
        return out
    # A little more than the distance, so that rounding never puts a near pair into bands that are not compared.
    height = np.degrees(distance_km / EARTH_KM) * 1.000001 + 1e-9
    band = np.floor((latitude + 90.0) / height).astype(np.int64)
    order = np.lexsort((latitude, longitude, band, group))
    # Bands that are neighbours have consecutive numbers; those of two groups are not neighbours.
    key = group[order].astype(np.int64) * (int(band.max()) + 2) + band[order]
    x, y = longitude[order], latitude[order]
    windows = _windows(key, x, y, height)
    points = unit_vectors(x, y)
    limit = (2.0 * np.sin(min(distance_km / EARTH_KM / 2.0, np.pi / 2.0))) ** 2
    gone = np.zeros(n, dtype=bool)
    crowded_rows = np.flatnonzero(np.logical_or.reduce([end > begin for begin, end in windows]))
    bounds = [np.stack(window, axis=1)[crowded_rows].tolist() for window in windows]
    for number, row in enumerate(crowded_rows.tolist()):
        if gone[row]:
            continue
        for window in bounds:
            begin, end = window[number]
            if begin < end:
                step = points[begin:end] - points[row]
                gone[begin:end] |= np.einsum("ij,ij->i", step, step) < limit
    out[order] = gone
    return out


def unit_vectors(longitude: Floats, latitude: Floats) -> Floats:
    """Return places on the unit sphere, shape (n, 3)."""
    x, y = np.radians(longitude), np.radians(latitude)
    return np.stack([np.cos(y) * np.cos(x), np.cos(y) * np.sin(x), np.sin(y)], axis=1)


def _windows(
    key: NDArray[np.int64], x: Floats, y: Floats, height: float
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return for each record the later ones that can be near: begins and ends of five ranges of rows.

    They are: the rest of the band to the east, the own band across 180 degrees, the next band, and the next band across
    180 degrees on both sides.
    """
    _, first, number = np.unique(key, return_index=True, return_inverse=True)
    steps = np.where(np.diff(key[first], prepend=key[0] - 1) == 1, 1, 2)
    rank = np.cumsum(steps)[number]
    # One sorted number of band and longitude.
    place = rank * 1_000.0 + (x + 180.0)
    nearest_pole = np.minimum(np.abs(y) + height, 90.0)
    ratio = np.sin(np.radians(min(height, 90.0))) / np.maximum(np.cos(np.radians(nearest_pole)), 1e-12)
    reach = np.where(ratio < 1.0, np.degrees(np.arcsin(np.minimum(ratio, 1.0))) * 1.000001 + 1e-6, 360.0)
    rows = np.arange(len(x))

    def between(band: NDArray[np.int64], west: Floats, east: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        begin = np.searchsorted(place, band * 1_000.0 + np.maximum(west + 180.0, 0.0), side="left")
        end = np.searchsorted(place, band * 1_000.0 + np.minimum(east + 180.0, 360.0), side="right")
        return begin, end

    begin, end = between(rank, x, x + reach)
    own = (np.maximum(begin, rows + 1), end)
    begin, end = between(rank, x + 360.0 - reach, np.full(len(x), 180.0))
    across = (np.maximum(begin, np.maximum(own[1], rows + 1)), end)
    following = between(rank + 1, x - reach, x + reach)
    from_east = between(rank + 1, x + 360.0 - reach, np.full(len(x), 180.0))
    from_west = between(rank + 1, np.full(len(x), -180.0), x - 360.0 + reach)
    return [own, across, following, from_east, from_west]
