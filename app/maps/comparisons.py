"""What the page of a comparison shows beside its summary: the compared maps, the scenarios and the records."""

from __future__ import annotations

from dataclasses import dataclass

from app.cartography import records_map
from app.catalogue import sensitive
from app.maps.change_schemas import ChangeContent
from app.maps.change_step import find_finished
from app.maps.schemas import MapDetail
from ml.card import ModelCard
from ml.change.range_size import RecordsSize, size_of_records
from ml.change.sentences import NOTES_WITHOUT_RECORDS, short_beyond, short_exposure


@dataclass(frozen=True)
class ScenarioLine:
    """One scenario in the head of the page.

    Attributes
    ----------
    beyond, exposure : str
        Short sentences.
    unjudged_km2 : float
        Suitable in the scenario where the model says nothing today.
    """

    beyond: str
    exposure: str
    unjudged_km2: float


def lines_of(content: ChangeContent | None) -> list[ScenarioLine]:
    """Return a line for each scenario of a comparison; none before it is finished."""
    lines = []
    for one in content.scenarios if content is not None else []:
        beyond = short_beyond(one.label, one.beyond.model_dump())
        parts = [one.classes["stable"], one.classes["gain"]]
        # the areas are sums in another order, so that their difference is not exactly 0
        cells = one.suitable["cells"] - sum(part["cells"] for part in parts)
        area = one.suitable["area_km2"] - sum(part["area_km2"] for part in parts)
        lines.append(ScenarioLine(beyond, short_exposure(one.exposure), area if cells else 0.0))
    return lines


def maps_of(found: MapDetail) -> list[tuple[str, str]]:
    """Return id and conditions of the maps that a comparison compares, today first; those that are finished."""
    conditions: list[tuple[str | None, dict[str, float]]] = [(None, {})]
    conditions += [(label, found.shift) for label in found.scenarios] or [(None, found.shift)]
    maps = []
    for scenario, shift in conditions:
        row = find_finished(found.model.id, scenario, shift)
        if row is not None:
            words = [scenario or "training (today)", *([found.shift_text] if shift else [])]
            maps.append((row.id, ", ".join(words)))
    return maps


def notes_of(content: ChangeContent | None) -> list[str]:
    """Return the notes of a comparison without the one on records, which the page has."""
    return [note for note in content.notes if note not in NOTES_WITHOUT_RECORDS] if content is not None else []


def records_size(card: ModelCard, study: str) -> RecordsSize | None:
    """Return AOO and EOO of the presences of a model that may be shown, or None where there are none.

    Cells of a grid have no AOO, and their hull would be that of other places.
    """
    if sensitive.grid_for(study) is not None:
        return None
    return size_of_records(records_map.places_of(card))
