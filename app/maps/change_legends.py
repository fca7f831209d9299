"""Legends of the quantities of a comparison, and its rows, as pages show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.maps import palettes
from app.maps.change_schemas import ChangeContent
from app.maps.legends import Legend, share_text

NOTES = {
    "agreement": "At least so many: a scenario in which the model cannot say anything is not counted.",
    "spread": "Largest minus smallest suitability of the scenarios.",
}
_STEPS = 30


@dataclass(frozen=True)
class ClassRow:
    """A class of change with its area."""

    name: str
    label: str
    colour: str
    cells: int
    area_km2: float
    share: str


def legends_of(content: ChangeContent | None) -> list[Legend]:
    """Return the legends of all quantities; none before a comparison is finished."""
    if content is None:
        return []
    return [_legend(name, about) for name, about in content.quantities.items()]


def _legend(name: str, about: dict[str, Any]) -> Legend:
    scale, note = palettes.SCALES.get(name), NOTES.get(name, "")
    if scale is not None:
        colours = ["#" + bytes(colour).hex() for colour in palettes.ramp(scale.colours, _STEPS).tolist()]
        return Legend(name, about["title"], note, steps=colours, is_hatched=True)
    shown = [(str(one["label"]), str(one["colour"])) for one in about["categories"] if one["name"] != "cannot_say"]
    return Legend(name, about["title"], note, categories=shown, is_hatched=True)


def class_rows(content: ChangeContent | None) -> list[ClassRow]:
    """Return the areas of the classes of change."""
    if content is None:
        return []
    colours = {one.name: one.colour for one in content.legend}
    total = sum(float(one["area_km2"]) for one in content.classes.values()) or 1.0
    return [
        ClassRow(name, one["label"], colours[name], one["cells"], one["area_km2"], share_text(one["area_km2"] / total))
        for name, one in content.classes.items()
    ]
