"""Whether a report lies at a place that its model was trained on, found once when it is reported."""

from __future__ import annotations

from app.errors import Unavailable
from app.places.stores import store_or_none
from app.predictions import stored
from app.predictions.schemas import PredictionAnswer
from app.registry import service as registry


def at_training_place(answer: PredictionAnswer) -> bool | None:
    """Return whether the model of an answer was trained on a record at its place; None if it is not known.

    A model that cannot be opened now is no reason to refuse a report: it is not known then.
    """
    place = answer.location
    model = stored.model_of(answer.species.slug, answer.model.id) if place is not None else None
    if place is None or model is None:
        return None
    try:
        artifact = registry.opened(model)
    except Unavailable:
        return None
    layers = store_or_none(artifact.card)
    cells_of = layers.lookup.cell_of if layers is not None else None
    return artifact.predictor.was_trained_at(place.longitude, place.latitude, cells_of)
