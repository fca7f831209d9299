"""A map of records as the attributes of an SVG: an equirectangular plot that is fitted to the records."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from app.cartography.coastline import Ring
from ml.card import ModelCard

Place = tuple[float, float, bool]
_WIDTH, _HEIGHT = 640.0, 420.0
_STEPS = (60.0, 30.0, 20.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
#: Half the size of the cross of a dropped record, and the smallest distance between points of the outline.
_CROSS, _NEAR = 4.0, 0.7
#: Width of a character of a label in its largest size, and the room beside a label.
_CHARACTER, _BESIDE = 12.5, 12.0


def places_of(card: ModelCard) -> list[tuple[float, float]]:
    """Return longitudes and latitudes of the presences of a model that may be shown; none without coordinates."""
    return [(longitude, latitude) for longitude, latitude in card.places]


@dataclass(frozen=True)
class Line:
    """A line of the graticule with its label, which is shown where it has enough room."""

    at: float
    label: str
    shown: bool = True


@dataclass(frozen=True)
class Square:
    """The records between two lines of the graticule, for the table."""

    place: str
    kept: int
    dropped: int


@dataclass(frozen=True)
class MapDrawing:
    """A drawn map.

    Attributes
    ----------
    width, height : float
        Of the frame, in units of the drawing.
    meridians, parallels : list of Line
        Positions from the left and from the top.
    land, kept, dropped : str
        Paths.
    n_kept, n_dropped : int
        Places, also those outside the map.
    n_outside : int
        Dropped places outside the map, which is fitted to the kept ones.
    extent : str
        Where the places are, in words.
    squares : list of Square
    step : float
        Degrees between the lines.
    """

    width: float
    height: float
    meridians: list[Line]
    parallels: list[Line]
    land: str
    kept: str
    dropped: str
    n_kept: int
    n_dropped: int
    n_outside: int
    extent: str
    squares: list[Square]
    step: float

    @property
    def margin(self) -> float:
        """Room for the longest label of a parallel."""
        return _BESIDE + _CHARACTER * max((len(line.label) for line in self.parallels), default=0)


def draw(places: Sequence[Place], rings: Iterable[Ring] = ()) -> MapDrawing | None:
    """Draw places on a map that is fitted to the kept ones, or to all where none is kept; None where there are none.

    Parameters
    ----------
    places : sequence of (float, float, bool)
        Longitude, latitude in degrees, and whether the record is kept.
    rings : iterable
        Outline of the land.
    """
    if not places:
        return None
    fitted = [place for place in places if place[2]] or places
    first = start_of(longitude for longitude, _, _ in fitted)
    fitted = [(_from(first, longitude), latitude, kept) for longitude, latitude, kept in fitted]
    west, east = min(x for x, _, _ in fitted), max(x for x, _, _ in fitted)
    south, north = min(y for _, y, _ in fitted), max(y for _, y, _ in fitted)
    reach = max(east - west, north - south, 0.05)
    pad = reach * 0.1
    x0, x1 = west - pad, min(east + pad, west - pad + 360)
    y0, y1 = max(south - pad, -90.0), min(north + pad, 90.0)
    # a place a little to the west of the first one is drawn there, and not 360 degrees to the east
    shifted = [(_from(x0, longitude), latitude, kept) for longitude, latitude, kept in places]
    inside = [place for place in shifted if x0 <= place[0] <= x1 and y0 <= place[1] <= y1]
    squeeze = max(math.cos(math.radians((y0 + y1) / 2)), 0.15)
    scale = min(_WIDTH / ((x1 - x0) * squeeze), _HEIGHT / (y1 - y0))
    step = next((step for step in _STEPS if reach / step >= 2), _STEPS[-1])
    digits = 0 if step >= 1 else 1 if step >= 0.1 else 2

    def to_x(longitude: float) -> float:
        return (longitude - x0) * squeeze * scale

    def to_y(latitude: float) -> float:
        return (y1 - latitude) * scale

    return MapDrawing(
        width=to_x(x1),
        height=to_y(y0),
        meridians=_with_room([Line(to_x(x), degrees(x, "E", "W", digits)) for x in _multiples(step, x0, x1)], to_x(x1)),
        parallels=[Line(to_y(y), degrees(y, "N", "S", digits)) for y in _multiples(step, y0, y1)],
        land=_land(rings, (x0, y0, x1, y1), squeeze, scale),
        kept="".join(f"M{to_x(x):.1f} {to_y(y):.1f}h0" for x, y, kept in inside if kept),
        dropped="".join(_cross(to_x(x), to_y(y)) for x, y, kept in inside if not kept),
        n_kept=sum(kept for _, _, kept in shifted),
        n_dropped=sum(not kept for _, _, kept in shifted),
        n_outside=len(shifted) - len(inside),
        extent=f"from {degrees(west, 'E', 'W', digits)} to {degrees(east, 'E', 'W', digits)} and "
        f"{degrees(south, 'N', 'S', digits)} to {degrees(north, 'N', 'S', digits)}",
        squares=_squares(shifted, step, digits),
        step=step,
    )


def start_of(longitudes: Iterable[float]) -> float:
    """Return the longitude where a map begins that does not cut the places: behind the widest gap between them."""
    ordered = sorted({_from(-180.0, longitude) for longitude in longitudes})
    gaps = [(after - before, after) for before, after in itertools.pairwise(ordered)]
    gaps.append((ordered[0] + 360.0 - ordered[-1], ordered[0]))
    # where gaps are equal, the map begins at the usual side
    return max(gaps, key=lambda gap: (round(gap[0], 9), -gap[1]))[1]


def degrees(value: float, positive: str, negative: str, digits: int) -> str:
    """Return a longitude or latitude as text, as "7.5° W"."""
    if positive == "E":
        value = _from(-180.0, value)
    text = f"{abs(value):.{digits}f}"
    side = "" if float(text) in (0.0, 180.0 if positive == "E" else 0.0) else positive if value > 0 else negative
    return f"{text}° {side}".strip()


def _from(first: float, longitude: float) -> float:
    """Return a longitude between `first` and `first` + 360 degrees."""
    # the modulus of a tiny negative number is rounded to 360
    return longitude if first <= longitude < first + 360 else (longitude - first) % 360.0 % 360.0 + first


def _multiples(step: float, low: float, high: float) -> list[float]:
    return [number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _with_room(meridians: Sequence[Line], width: float) -> list[Line]:
    """Show the labels that neither meet their neighbours nor reach beyond the drawing."""
    lines: list[Line] = []
    end = -math.inf
    for line in meridians:
        half = _CHARACTER * len(line.label) / 2
        shown = line.at - half >= end and line.at + half <= width + _BESIDE
        end = line.at + half + _BESIDE if shown else end
        lines.append(replace(line, shown=shown))
    return lines


def _cross(x: float, y: float) -> str:
    size = 2 * _CROSS
    return f"M{x - _CROSS:.1f} {y - _CROSS:.1f}l{size:.0f} {size:.0f}m0-{size:.0f}l-{size:.0f} {size:.0f}"


def _land(rings: Iterable[Ring], box: tuple[float, float, float, float], squeeze: float, scale: float) -> str:
    """Return the path of the rings that touch a box; the SVG cuts it at the frame."""
    x0, y0, x1, y1 = box
    paths: list[str] = []
    for ring in rings:
        west, east = min(x for x, _ in ring), max(x for x, _ in ring)
        if min(y for _, y in ring) > y1 or max(y for _, y in ring) < y0:
            continue
        for turn in (-360.0, 0.0, 360.0):
            if west + turn <= x1 and east + turn >= x0:
                points = [((x + turn - x0) * squeeze * scale, (y1 - y) * scale) for x, y in ring]
                paths.append(_path(points))
    return "".join(paths)


def _path(points: Sequence[tuple[float, float]]) -> str:
    shown = [points[0]]
    for x, y in points[1:]:
        if abs(x - shown[-1][0]) + abs(y - shown[-1][1]) >= _NEAR:
            shown.append((x, y))
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in shown) + "Z" if len(shown) > 2 else ""


def _squares(places: Sequence[Place], step: float, digits: int) -> list[Square]:
    """Count the places between the lines of the graticule, from north to south."""
    counts = Counter((-math.floor(y / step), math.floor(x / step), kept) for x, y, kept in places)
    squares = []
    for row, column in sorted({(row, column) for row, column, _ in counts}):
        south, west = -row * step, column * step
        place = (
            f"{degrees(south, 'N', 'S', digits)} to {degrees(south + step, 'N', 'S', digits)}, "
            f"{degrees(west, 'E', 'W', digits)} to {degrees(west + step, 'E', 'W', digits)}"
        )
        squares.append(Square(place, counts[row, column, True], counts[row, column, False]))
    return squares
