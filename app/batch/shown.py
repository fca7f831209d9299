"""The first answers of a batch as the page shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.batch.schemas import BatchItem
from app.batch.selection import Selection
from app.batch.service import Answers
from app.places.stores import store_or_none
from ml.card import Predictor
from ml.predictors.place_words import place_text


@dataclass(frozen=True)
class LayerValue:
    """The value of a layer at a place."""

    predictor: Predictor
    value: float | str


@dataclass(frozen=True)
class ShownAnswer:
    """An answer with the cells that identify its row.

    Attributes
    ----------
    item : BatchItem
    site : str
        Cell of the first column that is passed through.
    place : str
        Coordinates, as the table has them; "" for conditions.
    layers : list of LayerValue
    """

    item: BatchItem
    site: str
    place: str
    layers: list[LayerValue]


def shown_answers(selection: Selection, answers: Answers, items: Sequence[BatchItem]) -> tuple[str, list[ShownAnswer]]:
    """Return the name of the column that identifies rows, "" where there is none, and the first answers."""
    header, places = answers.rows.header, selection.places
    used = {one.name for one in selection.predictors} if places is None else set(places.columns)
    site = next((at for at, name in enumerate(header) if name not in used), None)
    cells = {chunk.first + at: row for chunk, _ in answers.chunks for at, row in enumerate(chunk.rows[: len(items)])}
    by_name = {one.name: one for one in selection.predictors}
    shown = []
    for item in items:
        row = cells[item.row]
        layers = [
            LayerValue(by_name[name], value) for name, value in (item.environment or {}).items() if value is not None
        ]
        pair = (row[header.index(places.latitude)], row[header.index(places.longitude)]) if places is not None else ()
        shown.append(ShownAnswer(item, row[site] if site is not None else "", _place(pair), layers))
    return header[site] if site is not None else "", shown


def _place(cells: Sequence[str]) -> str:
    try:
        latitude, longitude = map(float, cells)
        return place_text(latitude, longitude)
    except ValueError:
        # as 37°46′N, or no coordinate
        return ", ".join(cell for cell in cells if cell)


def scenario_labels(selection: Selection) -> list[str]:
    """Return the labels of the scenarios that the layers of all species have."""
    stores = [store_or_none(subject.artifact.card) for subject in selection.subjects]
    lists = [store.scenarios if store is not None else [] for store in stores]
    return [label for label in lists[0] if all(label in several for several in lists)] if lists else []
