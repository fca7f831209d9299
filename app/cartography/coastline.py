"""The outline of the land for maps, where `make fetch` has stored one."""

from __future__ import annotations

import functools
import itertools
import struct
from pathlib import Path

#: Below DATA_DIR. Natural Earth 1:110m, public domain.
OUTLINE = "raw/naturalearth_lowres.shp"
#: The file has 180 kB; a larger one is another file.
_MOST_BYTES = 5_000_000
_HEADER, _POLYGON = 100, 5
Ring = tuple[tuple[float, float], ...]


@functools.lru_cache(maxsize=2)
def read_rings(path: Path) -> tuple[Ring, ...]:
    """Return the rings of the polygons of a shapefile; none where it is absent or is not one.

    The format is ESRI's "Shapefile Technical Description" of 1998.

    Parameters
    ----------
    path : Path
        In degrees of longitude and latitude.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            return ()
        content = path.read_bytes()
    except OSError:
        return ()
    rings: list[Ring] = []
    at = _HEADER
    try:
        while at + 8 < len(content):
            (words,) = struct.unpack_from(">i", content, at + 4)
            start, at = at + 8, at + 8 + 2 * words
            if words <= 0:
                return ()
            if struct.unpack_from("<i", content, start)[0] == _POLYGON:
                rings += _rings(content, start)
    except struct.error:
        return ()
    return tuple(rings)


def _rings(content: bytes, start: int) -> list[Ring]:
    n_parts, n_points = struct.unpack_from("<2i", content, start + 36)
    parts = [*struct.unpack_from(f"<{n_parts}i", content, start + 44), n_points]
    numbers = struct.unpack_from(f"<{2 * n_points}d", content, start + 44 + 4 * n_parts)
    points = list(zip(numbers[::2], numbers[1::2], strict=True))
    return [tuple(points[one:other]) for one, other in itertools.pairwise(parts)]
