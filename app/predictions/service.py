"""Answering: the conditions are checked, the model or the cache answers, the answer is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from app.catalogue import snapshot
from app.catalogue.entries import ModelEntry, SpeciesEntry
from app.errors import Unavailable
from app.outbox.outbox import outbox
from app.predictions import tables, usage
from app.predictions.answers import Answer, AppliedOptions, refs_of
from app.predictions.conditions import Canonical, read_environment
from app.predictions.inference import cached_or_computed, threshold_of
from app.predictions.schemas import PredictionAnswer, PredictionQuery
from app.predictions.verdict import refuse_outside
from app.registry import service as registry
from app.telemetry.logs import note
from app.telemetry.metrics import counters
from ml.card import ModelCard


@dataclass(frozen=True)
class AnswerWithCard:
    """An answer, whom it is about and the card of the model that gave it."""

    answer: Answer
    species: SpeciesEntry
    card: ModelCard


def predict(query: PredictionQuery) -> AnswerWithCard:
    """Answer a query and keep the answer. The database is not asked: it may be away.

    Parameters
    ----------
    query : PredictionQuery

    Returns
    -------
    AnswerWithCard
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
    held, cached = cached_or_computed(artifact, environment)
    novelty = held.novelty
    if query.extrapolation == "refuse" and not novelty.in_area_of_applicability:
        usage.count(artifact, environment, novelty, refused=True)
        refuse_outside(novelty, environment, artifact.card)
    asked = AppliedOptions(threshold_of(artifact, query.threshold), query.extrapolation, cached)
    told = refs_of(species, model.id, model.version)
    answer = Answer(tables.new_id(), datetime.now(UTC), environment, held, asked, told)
    outbox().keep(
        {
            "id": answer.id,
            "species_id": species.id,
            "model_id": model.id,
            "environment": environment,
            "answer": orjson.Fragment(answer.stored_text()),
            "created_at": answer.created_at.isoformat(),
            # what the database would join to it; wanted while the row is on its way
            "told": {"species": species.slug, "version": model.version},
        }
    )
    note(model=model.id, version=model.version)
    counters().predictions[cached].inc()
    usage.count(artifact, environment, novelty, refused=False)
    return AnswerWithCard(answer, species, artifact.card)


def example(species: SpeciesEntry, model: ModelEntry, environment: Canonical) -> PredictionAnswer:
    """Answer without keeping anything: what the page shows before a visitor has asked."""
    artifact = registry.opened(model)
    checked = read_environment(dict(environment), artifact.card)
    held, cached = cached_or_computed(artifact, checked)
    asked = AppliedOptions(threshold_of(artifact, None), "flag", cached)
    return Answer("", datetime.now(UTC), checked, held, asked, refs_of(species, model.id, model.version)).whole()
