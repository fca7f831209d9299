"""Areas on the sphere that a list is filtered by: a box, a circle, a polygon.

`contains` decides on every database; `bounds` only select the rows that are looked at, by an index.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from app.errors import ValidationFailed
from app.web import json_text
from app.web.input_validation import NUMBER
from app.web.pointers import pointer_parts
from ml.predictors.places import one_turn

#: Mean radius of the Earth, km (IUGG).
RADIUS_KM = 6371.0088
#: The largest distance on the Earth, km.
FARTHEST_KM = 20_015.2
MOST_CORNERS = 200
_MARGIN = 1e-7


@dataclass(frozen=True)
class Bounds:
    """Latitudes from south to north, and ranges of longitude between -180 and 180 degrees."""

    south: float
    north: float
    longitudes: tuple[tuple[float, float], ...]


class Area(Protocol):
    """An area on the sphere."""

    def contains(self, latitude: float, longitude: float) -> bool:
        """Return whether a place lies in the area, its edge included."""
        ...

    def bounds(self) -> Bounds:
        """Return bounds that contain all places of the area."""
        ...


def _bounds(south: float, north: float, west: float, width: float) -> Bounds:
    """Return bounds with a margin, which is more than the error of rounding."""
    west, width = west - _MARGIN, width + 2 * _MARGIN
    longitudes: tuple[tuple[float, float], ...]
    if width >= 360.0:
        longitudes = ((-180.0, 180.0),)
    else:
        west = one_turn(west % 360.0)
        east = west + width
        longitudes = ((west, east),) if east <= 180.0 else ((west, 180.0), (-180.0, east - 360.0))
    return Bounds(south - _MARGIN, north + _MARGIN, longitudes)


@dataclass(frozen=True)
class Box:
    """A box in degrees; where west is greater than east, it crosses the meridian of 180 degrees (RFC 7946)."""

    west: float
    south: float
    east: float
    north: float

    @property
    def width(self) -> float:
        """Degrees from west to east."""
        return 360.0 if self.east - self.west >= 360.0 else (self.east - self.west) % 360.0

    def contains(self, latitude: float, longitude: float) -> bool:
        """Return whether a place lies in the box."""
        if not self.south <= latitude <= self.north:
            return False
        # compared as they are: a difference would be rounded
        same = (-180.0, 180.0) if abs(longitude) == 180.0 else (longitude,)
        if self.west <= self.east:
            return any(self.west <= one <= self.east for one in same)
        return any(one >= self.west or one <= self.east for one in same)

    def bounds(self) -> Bounds:
        """Return the bounds of the box."""
        return _bounds(self.south, self.north, self.west, self.width)


@dataclass(frozen=True)
class Circle:
    """All places within a distance of a place."""

    latitude: float
    longitude: float
    radius_km: float

    def contains(self, latitude: float, longitude: float) -> bool:
        """Return whether a place lies in the circle."""
        return distance_km(self.latitude, self.longitude, latitude, longitude) <= self.radius_km

    def bounds(self) -> Bounds:
        """Return the bounds of the circle; all longitudes where it has a pole in it."""
        angle = self.radius_km / RADIUS_KM
        reach = math.degrees(angle)
        south, north = self.latitude - reach, self.latitude + reach
        if south <= -90.0 or north >= 90.0:
            return _bounds(south, north, -180.0, 360.0)
        side = math.degrees(math.asin(min(1.0, math.sin(angle) / math.cos(math.radians(self.latitude)))))
        return _bounds(south, north, self.longitude - side, 2 * side)


@dataclass(frozen=True)
class Polygon:
    """A polygon whose edges are straight in degrees (RFC 7946), each the shorter way round the world.

    Attributes
    ----------
    rings : tuple of tuple of (float, float)
        Longitude and latitude of corners, without the repeated last one. Longitudes go on beyond 180 degrees. The first
        ring is the outer one, the others are holes. A ring has the places that it goes round, however often and in
        whichever direction, and its edge. The edge of a hole is no part of the hole.
    """

    rings: tuple[tuple[tuple[float, float], ...], ...]

    @property
    def _west(self) -> float:
        return min(x for x, _ in self.rings[0])

    @property
    def _east(self) -> float:
        return max(x for x, _ in self.rings[0])

    def contains(self, latitude: float, longitude: float) -> bool:
        """Return whether a place lies in the polygon."""
        return any(
            self._west <= longitude + turn <= self._east and self._has(longitude + turn, latitude)
            for turn in (-360.0, 0.0, 360.0)
        )

    def _has(self, x: float, y: float) -> bool:
        outer, *holes = self.rings
        return _winding(outer, x, y) != 0 and all(_winding(hole, x, y) in (0, None) for hole in holes)

    def bounds(self) -> Bounds:
        """Return the bounds of the outer ring."""
        latitudes = [y for _, y in self.rings[0]]
        return _bounds(min(latitudes), max(latitudes), self._west, self._east - self._west)


def _winding(ring: tuple[tuple[float, float], ...], x: float, y: float) -> int | None:
    """Return how often a ring goes round a place, against the clock; None on its edge."""
    turns = 0
    for (x1, y1), (x2, y2) in zip(ring, (*ring[1:], ring[0]), strict=True):
        cross = (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)
        if cross == 0.0 and min(x1, x2) <= x <= max(x1, x2) and min(y1, y2) <= y <= max(y1, y2):
            return None
        if y1 <= y < y2 and cross > 0.0:
            turns += 1
        elif y2 <= y < y1 and cross < 0.0:
            turns -= 1
    return turns


def distance_km(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Return the distance of two places on a sphere, by the haversine formula (Sinnott 1984)."""
    one, other = math.radians(latitude), math.radians(other_latitude)
    across = math.sin(math.radians(other_longitude - longitude) / 2.0) ** 2
    half = math.sin((other - one) / 2.0) ** 2 + math.cos(one) * math.cos(other) * across
    return 2.0 * RADIUS_KM * math.asin(min(1.0, math.sqrt(half)))


def read_box(text: str) -> Box:
    """Read ``west,south,east,north``.

    Raises
    ------
    ValueError
        The message says what is wrong.
    """
    west, south, east, north = _numbers(text, 4, "west,south,east,north in degrees")
    if not (-180.0 <= west <= 180.0 and -180.0 <= east <= 180.0):
        raise ValueError("west and east must be from -180 to 180")
    if not -90.0 <= south <= north <= 90.0:
        raise ValueError("south must not be greater than north, and both must be from -90 to 90")
    return Box(west, south, east, north)


def read_point(text: str) -> tuple[float, float]:
    """Read ``latitude,longitude``.

    Raises
    ------
    ValueError
        The message says what is wrong.
    """
    latitude, longitude = _numbers(text, 2, "latitude,longitude in degrees")
    return _place(latitude, longitude)


def read_polygon(text: str) -> Polygon:
    """Read a polygon: a GeoJSON Polygon, or corners as ``latitude,longitude;latitude,longitude;…``.

    Raises
    ------
    ValueError
        The message says what is wrong.
    """
    if text.lstrip().startswith("{"):
        rings = _geojson_rings(text)
    else:
        corners = [read_point(part) for part in text.strip().rstrip(";").split(";")]
        rings = [[(longitude, latitude) for latitude, longitude in corners]]
    if sum(map(len, rings)) > MOST_CORNERS:
        raise ValueError(f"must have at most {MOST_CORNERS} corners")
    outer = _unrolled(rings[0])
    west, east = min(x for x, _ in outer), max(x for x, _ in outer)
    holes = []
    for ring in rings[1:]:
        hole = _unrolled(ring)
        turn = next((t for t in (0.0, 360.0, -360.0) if west <= hole[0][0] + t <= east), 0.0)
        holes.append(tuple((x + turn, y) for x, y in hole))
    return Polygon((outer, *holes))


def _geojson_rings(text: str) -> list[list[tuple[float, float]]]:
    try:
        shape = json_text.parse(text)
    except (ValueError, RecursionError):
        raise ValueError("is not valid GeoJSON") from None
    except ValidationFailed as error:
        at, message = error.errors[0]
        name = "".join(pointer_parts(at)[-1:])
        raise ValueError(f"has “{name}” {message}" if name else message) from None
    if not isinstance(shape, dict):
        raise ValueError("is not valid GeoJSON")
    rings = shape.get("coordinates")
    if shape.get("type") != "Polygon" or not isinstance(rings, list) or not rings:
        raise ValueError('must be a GeoJSON object of type "Polygon" with its coordinates')
    return [[_position(position) for position in ring] if isinstance(ring, list) else [] for ring in rings]


def _position(position: object) -> tuple[float, float]:
    if not isinstance(position, list) or len(position) not in (2, 3):
        raise ValueError("a position of GeoJSON is [longitude, latitude]")
    longitude, latitude = position[:2]
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in (longitude, latitude)):
        raise ValueError("a position of GeoJSON is [longitude, latitude], both numbers")
    # compared before it is a float, which a very large integer cannot be
    north, east = _place(latitude, longitude)
    return float(east), float(north)


def _unrolled(ring: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Return a ring whose longitudes go on beyond 180 degrees, each edge the shorter way."""
    corners = list(ring[:-1] if len(ring) > 1 and ring[0] == ring[-1] else ring)
    if len(set(corners)) < 3:
        raise ValueError("must have at least three different corners")
    unrolled = [corners[0]]
    for (before, _), (x, y) in pairwise(corners):
        unrolled.append((unrolled[-1][0] + _short_way(x - before), y))
    # back at the first corner, or a turn of the world away from it
    if abs(unrolled[-1][0] + _short_way(corners[0][0] - corners[-1][0]) - corners[0][0]) > 1.0:
        raise ValueError("must not go round a pole")
    return tuple(unrolled)


def _short_way(degrees: float) -> float:
    if abs(degrees) <= 180.0:
        return degrees
    if abs(degrees) == 360.0:
        raise ValueError("must not have an edge round the world; add a corner")
    return degrees - math.copysign(360.0, degrees)


def _numbers(text: str, number: int, how: str) -> list[float]:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != number or not all(NUMBER.fullmatch(part) for part in parts):
        raise ValueError(f"must be {how}, separated by commas")
    return [float(part) + 0.0 for part in parts]


def _place(latitude: float, longitude: float) -> tuple[float, float]:
    # a number that is not finite fails both
    if not -90.0 <= latitude <= 90.0:
        raise ValueError("a latitude must be from -90 to 90")
    if not -180.0 <= longitude <= 360.0:
        raise ValueError("a longitude must be from -180 to 360")
    return latitude, one_turn(longitude)
