"""Which versions of a study's species answered before, and the sentence about a rollback."""

from __future__ import annotations

from sqlalchemy import select

from app.catalogue import versions
from app.catalogue.species import Species
from app.catalogue.versions import Activation, ModelVersion
from app.database.db import db

_MOST_NAMED = 5


def has_answered(model_id: str) -> bool:
    """Return whether a version was activated at any time."""
    return db.session.scalar(select(Activation.id).where(Activation.model_id == model_id).limit(1)) is not None


def version_before(active: ModelVersion) -> ModelVersion | None:
    """Return the version that answered before the active one, else the one trained before it."""
    standing = versions.standing_activations(active.species_id)
    earlier = next((one.model_id for one in standing if one.model_id != active.id), None)
    if earlier is not None:
        return versions.find(earlier)
    trained = (one for one in versions.versions_of(active.species_id, 20) if one.version < active.version)
    return next(trained, None)


def describe_rollback(study_id: int, number: int) -> str:
    """Return a sentence for each species whose earlier version answers again, by the latest withdrawn activations."""
    query = (
        select(Activation)
        .join(Species, Species.id == Activation.species_id)
        .where(Species.study_id == study_id, Activation.withdrawn_at.is_not(None))
        .order_by(Activation.withdrawn_at.desc(), Activation.id.desc())
        .limit(10 * number)
    )
    withdrawn: dict[int, str] = {}
    for activation in db.session.scalars(query):
        withdrawn.setdefault(activation.species_id, activation.model_id)
    sentences = []
    for species_id, model_id in list(withdrawn.items())[:number]:
        active, before = versions.active_for(species_id), versions.find(model_id)
        if active is not None and before is not None and active.id != before.id:
            name = active.species.scientific_name
            sentences.append(f"Version {active.version} of {name} answers again instead of version {before.version}.")
    more = len(sentences) - _MOST_NAMED
    named = " ".join(sentences[:_MOST_NAMED])
    return f"{named} And the earlier versions of {more} more species." if more > 0 else named
