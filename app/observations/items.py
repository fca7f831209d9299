"""Observations as they are shown, with links to what exists."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from app.catalogue import access, sensitive
from app.confirmations.tables import Observation
from app.observations.schemas import Effort, ObservationItem, Predicted
from app.predictions import stored
from app.predictions.place_schemas import Location


def items_of(rows: Sequence[Observation]) -> list[ObservationItem]:
    """Return observations as the present request may see them.

    Who may see an observation may read its study, and with it the answer that it was reported for, while that exists.
    """
    answers = stored.existing({row.prediction_id for row in rows if row.prediction_id is not None})
    return [_item_of(row, answers) for row in rows]


def _item_of(row: Observation, answers: Collection[str]) -> ObservationItem:
    species = row.species
    has_place = row.latitude is not None and row.longitude is not None
    item = ObservationItem.model_validate(
        {
            "id": row.id,
            "species": {"slug": species.slug, "scientific_name": species.scientific_name},
            "study": {"slug": species.study.slug, "title": species.study.title},
            "outcome": "present" if row.present else "absent",
            "date": row.observed_on,
            "location": Location(latitude=row.latitude, longitude=row.longitude) if has_place else None,  # type: ignore[arg-type]
            "effort": Effort(minutes=row.minutes, people=row.people),
            "photo": row.photo,
            "note": row.note,
            "prediction": row.prediction_id if row.prediction_id in answers else None,
            "environment": row.environment,
            "predicted": Predicted.model_validate(
                {
                    "suitability": row.suitability,
                    "interval": (row.low, row.high),
                    "in_area_of_applicability": row.inside,
                    "model": {"id": row.model_id, "version": row.model.version},
                }
            ),
            "state": row.state,
            "reason": row.reason,
            "created_at": row.created_at,
            "moderated_at": row.moderated_at,
            "withdrawn_at": row.withdrawn_at,
        }
    )
    is_own = row.observer_id is not None and row.observer_id == access.person_id()
    grid_km = None if is_own else sensitive.grid_for(species.study.slug)
    return item if grid_km is None else _coarse(item, grid_km)


def _coarse(item: ObservationItem, grid_km: int) -> ObservationItem:
    """Return an observation with the cell of its place, and without what may give the place away."""
    changes: dict[str, object] = {"environment": {}, "prediction": None, "predicted": None, "photo": None, "note": ""}
    if item.location is not None:
        x, y = sensitive.coarsen_place(item.location.longitude, item.location.latitude, grid_km)
        changes["location"] = Location(latitude=y, longitude=x)
    return item.model_copy(update={**changes, "places_grid_km": grid_km})
