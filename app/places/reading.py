"""The conditions that a model needs, read from the layers at a place."""

from __future__ import annotations

from app.errors import ValidationFailed
from app.places.stores import store_for, store_or_none, unreadable
from ml.card import ModelCard
from ml.layers.stored import LayerSet, UnknownScenarioError
from ml.layers.stored_index import StoredLayersError
from ml.predictors.place_words import problem_text
from ml.predictors.places import rows_at


def conditions_at(card: ModelCard, latitude: float, longitude: float, scenario: str | None) -> dict[str, float | str]:
    """Return the conditions at a place.

    Parameters
    ----------
    card : ModelCard
        Of the model that answers.
    latitude, longitude : float
        Degrees of WGS 84.
    scenario : str or None
        Label of a scenario; the conditions of the training otherwise.

    Returns
    -------
    dict
        Numbers and names of categories by predictor.

    Raises
    ------
    ValidationFailed
        The study has no such layers (``/location``), no such scenario (``/scenario``), or no value there.
    Unavailable
        The layers are damaged.
    """
    layers = layers_of(card, scenario)
    rows = rows_at(layers, [latitude], [longitude], card.predictors)
    problem = rows.problems[0]
    if problem is not None:
        text = problem_text(layers, latitude, longitude, int(rows.cell[0]), problem)
        raise ValidationFailed([("/location", text)])
    return dict(zip([predictor.name for predictor in card.predictors], rows.values[0].tolist(), strict=True))


def scenario_label(card: ModelCard, text: str | None) -> str | None:
    """Return the label of a scenario as the layers of a model have it, or the text where they have none like it."""
    store = store_or_none(card)
    return store.label_of(text) if store is not None and text is not None else text


def layers_of(card: ModelCard, scenario: str | None) -> LayerSet:
    """Return the layer set of a scenario that a model was trained on.

    Raises
    ------
    ValidationFailed, Unavailable
        As `conditions_at`.
    """
    store = store_for(card)
    try:
        return store.open(scenario)
    except UnknownScenarioError as error:
        raise ValidationFailed([("/scenario", str(error))]) from None
    except StoredLayersError as error:
        raise unreadable(error) from error
