"""Batches of places: which columns have them, and the layers of the models."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from app.batch.selection import Selection
from app.errors import Unavailable, ValidationFailed
from app.places.stores import log, store_for, store_or_none
from ml.batch.chunks import Rows
from ml.batch.place_columns import PlaceColumns, PlaceOptions, find_place_columns, no_place_columns
from ml.layers.stored import LayerStore, UnknownScenarioError
from ml.layers.stored_index import StoredLayersError

#: How the columns of places are named, by the field that a table came in.
HOW_ON_PAGE = "under “Columns of places”, or give a column for each predictor"
HOW_BY_API = "with latitude= and longitude= in the address or the form, or give a column for each predictor"


def with_places(selection: Selection, table: Rows, options: PlaceOptions, how: str) -> Selection:
    """Return a selection for a table: of places where the user says so, or where no column is a predictor.

    Parameters
    ----------
    selection : Selection
    table : Rows
    options : PlaceOptions
    how : str
        How the user names the columns, as the end of a sentence.

    Raises
    ------
    ValidationFailed
        The table has no such columns, a study has no layers, or there is no such scenario.
    Unavailable
        The layers are damaged.
    """
    header = table.header
    if not options.is_stated and any(one.name in header for one in selection.predictors):
        return selection
    places = find_place_columns(table, options)
    cards = [subject.artifact.card for subject in selection.subjects]
    have_layers = options.is_stated or all(store_or_none(card) is not None for card in cards)
    if places is None:
        in_lower_case = {name.lower() for name in header}
        # a column that differs in case alone is named by the message about conditions
        is_similar = any(one.name.lower() in in_lower_case for one in selection.predictors)
        if not have_layers or not header or (is_similar and not options.is_stated):
            return selection
        raise ValidationFailed([("/latitude", no_place_columns(table.name, how))])
    missing = [
        (name, column)
        for name in ("latitude", "longitude", "scenario_column")
        if (column := getattr(places, name)) is not None and column not in header
    ]
    if missing:
        raise ValidationFailed([(f"/{name}", f"the table has no column {column}") for name, column in missing])
    return at_places(selection, places) if have_layers else selection


def check_places_of_rows(selection: Selection, header: Sequence[str]) -> None:
    """Raise ValidationFailed where rows of JSON have neither conditions nor places, for species with layers."""
    if any(one.name in header for one in selection.predictors):
        return
    if all(store_or_none(subject.artifact.card) is not None for subject in selection.subjects):
        text = 'have no predictor and no place; give each row conditions, or "location": {"latitude", "longitude"}'
        raise ValidationFailed([("/rows", text)])


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
