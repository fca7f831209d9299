"""The records of a map's model as points, and the words of its predictors."""

from __future__ import annotations

from dataclasses import dataclass

from app.accounts.identity import may
from app.catalogue import sensitive
from app.maps import service
from app.registry import service as registry
from app.studies import tables
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


@dataclass(frozen=True)
class Points:
    """What can be drawn on a map by looking up its view.

    Attributes
    ----------
    study : str
        Slug.
    has_records : bool
        Whether the study is one of own data, whose records are looked up by area. Others have the points of the card.
    """

    study: str
    has_records: bool


def points_of(map_id: str) -> Points | None:
    """Return what the present request may look up for a map, or None where that needs an account.

    Raises
    ------
    NotFound
        There is no such map.
    """
    if not may("viewer"):
        return None
    row, _ = service.get(map_id)
    study = row.model.species.study.slug
    return Points(study, tables.recipe_of(study) is not None)


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
    return sensitive.shown_places(registry.card_of(row.model), row.study)
