"""Legends of the quantities of a map, and its areas, as pages show them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

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
    """The area of a verdict on a map, or the part of it that lies beyond what the model has seen.

    Attributes
    ----------
    verdict : str
        Empty for the part.
    label : str
    area_km2 : float
    share : str
        Of the area with an answer, in words.
    colour : str
        Of the verdict on the map.
    """

    verdict: str
    label: str
    area_km2: float
    share: str
    colour: str = ""


def legends_of(content: MapContent | None, labels: Mapping[str, str]) -> list[Legend]:
    """Return the legends of all quantities; of suitability alone before a map is finished.

    Parameters
    ----------
    content : MapContent or None
    labels : mapping
        Of the predictors, by name.
    """
    names = [name for name in _ORDER if name in content.quantities] if content is not None else _ORDER[:1]
    return [_legend(name, content, labels) for name in names]


def _legend(name: str, content: MapContent | None, labels: Mapping[str, str]) -> Legend:
    scale = palettes.SCALES.get(name)
    if scale is None:
        categories = content.quantities[name]["categories"] if content is not None else []
        shown = [(one["label"], one["colour"]) for one in categories]
        if name == "most_dissimilar":
            shown = [(labels.get(label) or label, colour) for label, colour in shown]
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
    """Return the areas of a map by verdict, first the one where the model cannot say anything, and why."""
    if content is None:
        return []
    total, areas = content.area_km2["valid"] or 1.0, content.area_km2["by_verdict"]
    colours = {one["name"]: one["colour"] for one in content.quantities["verdict"]["categories"]}
    rows = {one: AreaRow(one, WORDS[one], areas[one], share_text(areas[one] / total), colours[one]) for one in VERDICTS}
    first, beyond = rows.pop("cannot_say"), content.beyond
    if math.isclose(first.area_km2, beyond.area_km2, rel_tol=1e-9, abs_tol=1e-9):
        label = f"{first.label}: beyond what the model has seen" if first.area_km2 else first.label
        return [replace(first, label=label), *rows.values()]
    part = AreaRow("", "of which beyond what the model has seen", beyond.area_km2, share_text(beyond.area_share))
    return [first, part, *rows.values()]


def share_text(share: float) -> str:
    """Return a share in percent; neither a small one as nothing nor a large one as everything."""
    return "less than 1 %" if 0.0 < share < 0.01 else "more than 99 %" if 0.99 < share < 1.0 else f"{100 * share:.0f} %"
