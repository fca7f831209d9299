"""The records of a map's model as points, and the words of its predictors."""

from __future__ import annotations

from app.cartography import records_map
from app.catalogue import sensitive
from app.maps import service
from app.registry import service as registry
from ml.card import ModelCard


def card_of_map(map_id: str) -> ModelCard:
    """Return the card of the model of a map.

    Raises
    ------
    NotFound
        There is no such map.
    """
    row, _ = service.get(map_id)
    return registry.card_of(row.model)


def labels_of(card: ModelCard) -> dict[str, str]:
    """Return the words of the predictors of a model, by name."""
    return {one.name: one.label for one in card.predictors}


def places(map_id: str) -> list[tuple[float, float]]:
    """Return longitudes and latitudes of the presences of a map's model as the present request may see them.

    Raises
    ------
    NotFound
        There is no such map.
    """
    row, _ = service.get(map_id)
    return sensitive.shown_places(records_map.places_of(registry.card_of(row.model)), row.study)
