"""Tiles of the web mercator projection, and the places of their pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
TILE = 256
#: Deepest level of tiles: 0.6 m a pixel at the equator.
DEEPEST = 18
#: Northern edge of the square of the world, degrees.
LIMIT = math.degrees(math.atan(math.sinh(math.pi)))


@dataclass(frozen=True)
class Frame:
    """A rectangle in units of the square of the world, 0 to 1 from the west and from the north, with its pixels.

    Beyond 0 and 1, `west` and `east` go on around the world.
    """

    west: float
    north: float
    east: float
    south: float
    width: int
    height: int

    def places(self) -> tuple[Floats, Floats]:
        """Return longitudes and latitudes of the centres of the pixels, each of shape (height × width,)."""
        x = self.west + (np.arange(self.width) + 0.5) / self.width * (self.east - self.west)
        y = self.north + (np.arange(self.height) + 0.5) / self.height * (self.south - self.north)
        longitude = (x % 1.0) * 360.0 - 180.0
        latitude = np.degrees(np.arctan(np.sinh(np.pi * (1.0 - 2.0 * y))))
        return np.tile(longitude, self.height), np.repeat(latitude, self.width)


def tile(z: int, x: int, y: int) -> Frame | None:
    """Return the frame of a tile, or None where there is none."""
    if not 0 <= z <= DEEPEST or not (0 <= x < 2**z and 0 <= y < 2**z):
        return None
    n = 2.0**z
    return Frame(x / n, y / n, (x + 1) / n, (y + 1) / n, TILE, TILE)


def frame_of(extent: tuple[float, float, float, float], width: int, tallest: int) -> Frame:
    """Return the frame of an extent with at most so many pixels.

    Parameters
    ----------
    extent : tuple of float
        West, south, east and north in degrees; west above east crosses the antimeridian.
    width, tallest : int
        Largest numbers of columns and rows.
    """
    west, south, east, north = extent
    turn = 360.0 if east <= west else 0.0
    left, right = (west + 180.0) / 360.0, (east + turn + 180.0) / 360.0
    top, bottom = across(north), across(south)
    rows = max(1, round(width * (bottom - top) / (right - left)))
    if rows > tallest:
        return Frame(left, top, right, bottom, max(1, round(width * tallest / rows)), tallest)
    return Frame(left, top, right, bottom, width, rows)


def across(latitude: float) -> float:
    """Return the distance of a latitude from the north of the square of the world, 0 to 1."""
    bounded = math.radians(min(LIMIT, max(-LIMIT, latitude)))
    return (1.0 - math.asinh(math.tan(bounded)) / math.pi) / 2.0
