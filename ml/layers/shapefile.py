"""Polygons of a shapefile: the land outline. GDAL's reader of vector files would be 100 MB of the container image."""

from __future__ import annotations

import itertools
import struct
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

_MAGIC = 9994
_POLYGON = 5
_HEADER_SIZE = 100
#: Of the file, in bytes; the land outline has 0.2 MB.
_LARGEST = 64 * 1024 * 1024


def read_polygons(path: Path) -> list[shapely.Geometry]:
    """Read the polygons of a ``.shp`` file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    list of Geometry
        One multipolygon for each record.

    Raises
    ------
    ValueError
        The file is no shapefile of polygons, is damaged, or is too large.
    OSError
        The file cannot be read.
    """
    if path.stat().st_size > _LARGEST:
        raise ValueError("it is larger than 64 MiB")
    data = path.read_bytes()
    try:
        (magic,) = struct.unpack_from(">i", data, 0)
        (kind,) = struct.unpack_from("<i", data, 32)
        if magic != _MAGIC or kind != _POLYGON:
            raise ValueError("it is no shapefile of polygons")
        # in words of two bytes, as the length of each record
        if 2 * int(struct.unpack_from(">i", data, 24)[0]) != len(data):
            raise ValueError("it has another length than it says")
        found, offset = [], _HEADER_SIZE
        while offset < len(data):
            length = 2 * int(struct.unpack_from(">i", data, offset + 4)[0])
            if length < 4:
                raise ValueError("a record has no content")
            if struct.unpack_from("<i", data, offset + 8)[0] == _POLYGON:
                found.append(_polygon(data[offset + 8 : offset + 8 + length]))
            offset += 8 + length
    except struct.error as error:
        raise ValueError("it ends within a record") from error
    return found


def _polygon(record: bytes) -> shapely.Geometry:
    n_rings, n_points = struct.unpack_from("<ii", record, 36)
    start = 44 + 4 * n_rings
    if n_rings < 1 or n_points < 4 or len(record) < start + 16 * n_points:
        raise ValueError("a polygon is incomplete")
    first = [*struct.unpack_from(f"<{n_rings}i", record, 44), n_points]
    points = np.frombuffer(record, "<f8", 2 * n_points, start).reshape(n_points, 2)
    if first[0] != 0 or any(later - earlier < 4 for earlier, later in itertools.pairwise(first)):
        raise ValueError("a ring is incomplete")
    rings = [points[one:end] for one, end in itertools.pairwise(first)]
    # Outer rings are clockwise, holes are not; a hole belongs to the outer ring around its first point.
    holes = [ring for ring in rings if _area(ring) < 0]
    outer = [shapely.polygons(ring) for ring in rings if _area(ring) >= 0]
    inner: list[list[NDArray[np.float64]]] = [[] for _ in outer]
    for hole in holes:
        around = [n for n, one in enumerate(outer) if shapely.intersects_xy(one, *hole[0])]
        if not around:
            raise ValueError("a hole is in no polygon")
        inner[around[0]].append(hole)
    return shapely.multipolygons(
        [
            shapely.polygons(shapely.get_exterior_ring(one), [shapely.linearrings(hole) for hole in own] or None)
            for one, own in zip(outer, inner, strict=True)
        ]
    )


def _area(ring: NDArray[np.float64]) -> float:
    """Return the area of a ring, positive where it is clockwise."""
    x, y = ring[:, 0], ring[:, 1]
    return float(np.sum((x[1:] - x[:-1]) * (y[1:] + y[:-1])) / 2)
