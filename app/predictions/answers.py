"""An answer put together from its parts, the same whether it is given, waits or is stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.predictions.environment import Canonical
from app.predictions.schemas import PredictionAnswer, Stored
from app.predictions.verdict import judge
from app.registry.schemas import ModelRef, SpeciesRef
from app.registry.snapshot import KnownSpecies
from app.species.tables import Species


@dataclass(frozen=True)
class Told:
    """What an answer says of whom it is about and who gave it."""

    species: SpeciesRef
    study: str
    model: ModelRef


def told_of(species: Species | KnownSpecies, model_id: str, version: int) -> Told:
    """Return what an answer says of a species and of a model of it."""
    about = SpeciesRef(slug=species.slug, scientific_name=species.scientific_name)
    return Told(about, species.study.slug, ModelRef(id=model_id, version=version))


def put_together(
    answer_id: str, environment: Canonical, created_at: datetime, stored: Stored, told: Told
) -> PredictionAnswer:
    """Return an answer from what is stored of it, with the word that its numbers come to."""
    return PredictionAnswer(
        id=answer_id,
        species=told.species,
        study=told.study,
        environment=environment,
        model=told.model,
        created_at=created_at,
        verdict=judge(stored.suitability, stored.interval, stored.threshold, stored.novelty, stored.extrapolation),
        **dict(stored),
    )
