"""Response curves as data of the API and as SVG drawings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

from app.species.curve_axes import SuitabilityAxis, Tick, predictor_ticks, suitability_axis
from app.species.schemas import CurveData
from ml.numbers import rounded
from ml.serving.response_curves import Curve

#: Height of a drawing in its own units; its width is 100.
HEIGHT = 40.0
_DENSITY = 12.0
_LEVELS_SHOWN = 12


@dataclass(frozen=True)
class Point:
    """A row of the table of a curve.

    Attributes
    ----------
    novelty : str
        Whether the conditions lie in the area of applicability and, if not, whether the value is outside its range.
    """

    value: float | str
    suitability: float
    novelty: str


@dataclass(frozen=True)
class Dot:
    """A level of a categorical predictor."""

    label: str
    x: float
    y: float
    suitability: float
    chosen: bool


@dataclass(frozen=True)
class Drawing:
    """A curve in a box 100 wide and `HEIGHT` high; suitability grows upwards.

    Attributes
    ----------
    axis : SuitabilityAxis
        The vertical axis, which the curves of a set share.
    ticks : list of Tick
        Of the horizontal axis; none for levels.
    inside, outside : list of str
        Points of the polylines inside and outside the area of applicability, in the syntax of SVG.
    density : str
        Path of the training values' density along the bottom; empty for levels.
    training_range : (float, float)
        Horizontal positions of the smallest and the largest training value.
    mark : (float, float)
        Position of the value in the conditions.
    dots : list of Dot
        Levels of a categorical predictor.
    summary : str
        The curve in a sentence.
    """

    data: CurveData
    axis: SuitabilityAxis
    ticks: list[Tick] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    density: str = ""
    training_range: tuple[float, float] = (0.0, 100.0)
    mark: tuple[float, float] = (50.0, HEIGHT)
    dots: list[Dot] = field(default_factory=list)
    summary: str = ""

    @property
    def points(self) -> list[Point]:
        """The curve as a table."""
        data = self.data
        rows = zip(data.values, data.suitability, data.inside, strict=True)
        return [Point(value, suitability, _novelty(data, value, inside)) for value, suitability, inside in rows]


def as_data(curve: Curve) -> CurveData:
    """Return a curve as the schema of the API."""
    predictor = curve.predictor
    return CurveData(
        predictor=predictor.name,
        label=predictor.label,
        unit=predictor.unit,
        type=predictor.type,
        value=curve.value,
        minimum=predictor.minimum,
        maximum=predictor.maximum,
        values=curve.values,
        suitability=curve.suitability,
        inside=curve.inside,
        density=curve.density,
    )


def draw_all(curves: Sequence[CurveData], threshold: float | None = None) -> list[Drawing]:
    """Return the drawings of a set of curves on one axis of suitability.

    Parameters
    ----------
    curves : sequence of CurveData
    threshold : float, optional
        Drawn across the curves where the axis reaches it.
    """
    axis = suitability_axis((max(curve.suitability, default=0.0) for curve in curves), threshold)
    return [draw(curve, axis) for curve in curves]


def draw(data: CurveData, axis: SuitabilityAxis) -> Drawing:
    """Return the drawing of a curve."""
    height = [round(HEIGHT * (1 - s / axis.top), 2) for s in data.suitability]
    if data.type == "categorical":
        return _draw_levels(data, axis, height)
    at = [float(v) for v in data.values]
    low, high = (at[0], at[-1]) if data.minimum is None or data.maximum is None else (data.minimum, data.maximum)
    # a value far outside the range is drawn at the edge, because the curve would be too narrow otherwise
    room = (high - low) or 1.0
    first, last = max(at[0], low - room), min(at[-1], high + room)

    def along(value: float) -> float:
        return round(100 * min(1.0, max(0.0, (value - first) / ((last - first) or 1.0))), 2)

    x = [along(v) for v in at]
    solid: list[str] = []
    dashed: list[str] = []
    # a segment is solid where both its ends are inside, so that solid and dashed lines meet without a gap
    segments = [a and b for a, b in zip(data.inside, data.inside[1:], strict=False)]
    for inside, run in groupby(range(len(segments)), key=lambda i: segments[i]):
        places = list(run)
        points = " ".join(f"{x[i]},{height[i]}" for i in range(places[0], places[-1] + 2))
        (solid if inside else dashed).append(points)
    own = at.index(float(data.value))
    return Drawing(
        data,
        axis,
        predictor_ticks(first, last),
        solid,
        dashed,
        _density(x, data.density),
        (along(low), along(high)),
        (x[own], height[own]),
        summary=_sentence(data),
    )


def _draw_levels(data: CurveData, axis: SuitabilityAxis, height: list[float]) -> Drawing:
    shown = list(zip(data.values, data.suitability, height, strict=True))
    if len(shown) > _LEVELS_SHOWN:
        best = sorted(shown, key=lambda one: -one[1])[: _LEVELS_SHOWN - 1]
        shown = [one for one in shown if one in best or one[0] == data.value]
    step = 100 / max(1, len(shown))
    dots = [
        Dot(str(level), round((i + 0.5) * step, 2), y, s, level == data.value) for i, (level, s, y) in enumerate(shown)
    ]
    mark = next(((dot.x, dot.y) for dot in dots if dot.chosen), (50.0, HEIGHT))
    return Drawing(data, axis, mark=mark, dots=dots, summary=_sentence(data))


def _density(x: list[float], density: list[float]) -> str:
    if not density:
        return ""
    top = " ".join(f"L{a},{round(HEIGHT - _DENSITY * d, 2)}" for a, d in zip(x, density, strict=True))
    return f"M{x[0]},{HEIGHT} {top} L{x[-1]},{HEIGHT} Z"


def _novelty(data: CurveData, value: float | str, inside: bool) -> str:
    if inside:
        return "yes"
    if isinstance(value, str) or data.minimum is None or data.maximum is None:
        return "no"
    return "no" if data.minimum <= value <= data.maximum else "no: outside the training range"


def _sentence(data: CurveData) -> str:
    best = max(range(len(data.values)), key=lambda i: data.suitability[i])
    unit = f" {data.unit}" if data.unit else ""
    value = data.values[best]
    where = value if isinstance(value, str) else f"{rounded(value)}{unit}"
    low, high = min(data.suitability), max(data.suitability)
    if high - low < 0.005:
        return f"{data.label} hardly changes the suitability."
    outside = "" if data.inside[best] else ", where no training record is similar"
    return f"Between {low:.2f} and {high:.2f}, highest at {where}{outside}."
