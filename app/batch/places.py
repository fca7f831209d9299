"""Batches of places: which columns have them, and the layers of the models."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from app.batch.selection import Selection
from app.errors import Unavailable, ValidationFailed
from app.places.stores import log, store_for, store_or_none
from ml.batch.place_columns import PlaceColumns, PlaceOptions, find_place_columns
from ml.layers.stored import LayerStore, UnknownScenarioError
from ml.layers.stored_index import StoredLayersError


def with_places(selection: Selection, header: Sequence[str], options: PlaceOptions) -> Selection:
    """Return a selection for a table: of places where the user says so, or where no column is a predictor.

    Raises
    ------
    ValidationFailed
        The table has no such columns, a study has no layers, or there is no such scenario.
    Unavailable
        The layers are damaged.
    """
    if not options.is_stated and any(one.name in header for one in selection.predictors):
        return selection
    places = find_place_columns(header, options)
    if places is None:
        if not options.is_stated:
            return selection
        raise ValidationFailed([("/latitude", "name the columns of latitudes and of longitudes")])
    missing = [
        (name, column)
        for name in ("latitude", "longitude", "scenario_column")
        if (column := getattr(places, name)) is not None and column not in header
    ]
    if missing:
        raise ValidationFailed([(f"/{name}", f"the table has no column {column}") for name, column in missing])
    cards = [subject.artifact.card for subject in selection.subjects]
    if not options.is_stated and any(store_or_none(card) is None for card in cards):
        return selection
    return at_places(selection, places)


def at_places(selection: Selection, places: PlaceColumns) -> Selection:
    """Return a selection with the layers of its models.

    Raises
    ------
    ValidationFailed, Unavailable
        As `with_places`.
    """
    subjects = []
    for subject in selection.subjects:
        store = store_for(subject.artifact.card)
        _check_scenario(store, places.scenario)
        subjects.append(dataclasses.replace(subject, store=store))
    return dataclasses.replace(selection, subjects=subjects, places=places)


def _check_scenario(store: LayerStore, scenario: str | None) -> None:
    try:
        store.open(scenario)
    except UnknownScenarioError as error:
        raise ValidationFailed([("/scenario", str(error))]) from None
    except StoredLayersError as error:
        raise layers_unreadable(error) from error


def layers_unreadable(error: StoredLayersError) -> Unavailable:
    """Return the answer where stored layers are damaged."""
    log.error("stored layers cannot be opened: %s", error)
    return Unavailable("The layers of this study cannot be read right now.")
