"""Answering: the conditions are checked, the model or the cache answers, the answer is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from app.errors import Unavailable
from app.handover.service import handover
from app.logs import note
from app.observability import counters
from app.predictions import tables, tally
from app.predictions.answers import put_together, told_of
from app.predictions.computing import as_wished, cached_or_computed
from app.predictions.environment import Canonical, read_environment
from app.predictions.schemas import PredictionAnswer, PredictionQuery
from app.predictions.verdict import refuse_outside
from app.registry import service as registry
from app.registry import snapshot
from app.registry.snapshot import KnownModel, KnownSpecies
from ml.card import ModelCard


@dataclass(frozen=True)
class Given:
    """An answer, whom it is about and the card of the model that gave it."""

    answer: PredictionAnswer
    species: KnownSpecies
    card: ModelCard


def predict(query: PredictionQuery) -> Given:
    """Answer a query and keep the answer. The database is not asked: it may be away.

    Parameters
    ----------
    query : PredictionQuery

    Returns
    -------
    Given
        Its answer has an id of its own and was handed over for good.

    Raises
    ------
    ValidationFailed
        The species is unknown or a value is missing, unknown or impossible.
    OutsideArea
        The conditions lie outside the area of applicability and the query refuses extrapolation.
    Unavailable
        The species has no model, it cannot be opened, or the answer could be kept nowhere.
    """
    species = snapshot.current().resolve(query.species)
    model = species.model
    if model is None:
        raise Unavailable(f"There is no model for {species.scientific_name} yet.")
    artifact = registry.opened(model)
    environment = read_environment(query.environment, artifact.card)
    computed, cached = cached_or_computed(artifact, environment)
    if query.extrapolation == "refuse" and not computed.novelty.in_area_of_applicability:
        tally.count(artifact, environment, computed.novelty, refused=True)
        refuse_outside(computed.novelty, environment, artifact.card)
    stored = as_wished(artifact, computed, query.threshold, query.extrapolation, cached=cached)
    told = told_of(species, model.id, model.version)
    answer = put_together(tables.new_id(), environment, datetime.now(UTC), stored, told)
    handover().keep(
        {
            "id": answer.id,
            "species_id": species.id,
            "model_id": model.id,
            "environment": environment,
            "answer": stored.model_dump(mode="json"),
            "created_at": answer.created_at.isoformat(),
            # what the database would join to it; wanted while the row is on its way
            "told": {"species": species.slug, "version": model.version},
        }
    )
    note(model=model.id, version=model.version)
    counters().predictions[cached].inc()
    tally.count(artifact, environment, computed.novelty, refused=False)
    return Given(answer, species, artifact.card)


def example(species: KnownSpecies, model: KnownModel, environment: Canonical) -> PredictionAnswer:
    """Answer without keeping anything: what the page shows before a visitor has asked."""
    artifact = registry.opened(model)
    checked = read_environment(dict(environment), artifact.card)
    computed, cached = cached_or_computed(artifact, checked)
    stored = as_wished(artifact, computed, None, "flag", cached=cached)
    return put_together("", checked, datetime.now(UTC), stored, told_of(species, model.id, model.version))
