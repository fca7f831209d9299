"""Legends of the quantities of a map, and its areas, as pages show them."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.maps import palettes
from app.maps.schemas import MapContent
from ml.serving.verdict import VERDICTS, WORDS

_ORDER = ("suitability", "verdict", "low", "high", "inside", "mess", "index", "most_dissimilar")
_LABELS = {
    "suitability": "Suitability",
    "verdict": "Verdict",
    "low": "Suitability, low end of the interval",
    "high": "Suitability, high end of the interval",
    "inside": "Area of applicability",
    "mess": "MESS: likeness to the training ranges",
    "index": "Dissimilarity index",
    "most_dissimilar": "Least familiar predictor",
}
_ENDS = {"mess": ("−100 or less", "0", "100 or more"), "index": ("0", "0.5", "1 or more")}
_NOTES = {
    "mess": "Below 0, at least one predictor lies outside its range in training.",
    "index": "Distance to the nearest training records; 0 is the same conditions.",
}
_STEPS = 30
_MOST_CATEGORIES = 40


@dataclass(frozen=True)
class Legend:
    """What the colours of a quantity mean.

    Attributes
    ----------
    name, label, note : str
    steps : list of str
        Colours of a scale, from low to high.
    ends : tuple of str
        Numbers at the low end, in the middle and at the high end.
    threshold : float or None
        Position on the scale, 0 to 1.
    categories : list of (str, str)
        Label and colour.
    is_hatched : bool
        Whether cells of which the model cannot say anything are hatched.
    """

    name: str
    label: str
    note: str = ""
    steps: list[str] = field(default_factory=list)
    ends: tuple[str, str, str] = ("0", "0.5", "1")
    threshold: float | None = None
    categories: list[tuple[str, str]] = field(default_factory=list)
    is_hatched: bool = False


@dataclass(frozen=True)
class AreaRow:
    """The area of a verdict on a map."""

    verdict: str
    label: str
    area_km2: float
    share: float


def legends_of(content: MapContent | None) -> list[Legend]:
    """Return the legends of all quantities; of suitability alone before a map is finished."""
    names = _ORDER if content is not None else _ORDER[:1]
    return [_legend(name, content) for name in names]


def _legend(name: str, content: MapContent | None) -> Legend:
    scale = palettes.SCALES.get(name)
    if scale is None:
        categories = content.quantities[name]["categories"] if content is not None else []
        shown = [(str(one["label"]), str(one["colour"])) for one in categories]
        if name == "verdict":
            shown = [(label, colour) for label, colour in shown if label != WORDS["cannot_say"]]
        more = f"and {len(shown) - _MOST_CATEGORIES} more predictors" if len(shown) > _MOST_CATEGORIES else ""
        return Legend(name, _LABELS[name], more, categories=shown[:_MOST_CATEGORIES], is_hatched=name == "verdict")
    colours = ["#" + bytes(colour).hex() for colour in palettes.ramp(scale.colours, _STEPS).tolist()]
    threshold = float(content.threshold["value"]) if content is not None and scale.is_hatched else None
    return Legend(
        name,
        _LABELS[name],
        _NOTES.get(name, ""),
        steps=colours,
        ends=_ENDS.get(name, ("0", "0.5", "1")),
        threshold=threshold,
        is_hatched=scale.is_hatched,
    )


def area_rows(content: MapContent | None) -> list[AreaRow]:
    """Return the areas of a map by verdict."""
    if content is None:
        return []
    total, areas = float(content.area_km2["valid"]) or 1.0, content.area_km2["by_verdict"]
    return [AreaRow(one, WORDS[one], float(areas[one]), float(areas[one]) / total) for one in VERDICTS]
