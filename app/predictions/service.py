"""Answer a query: validate the conditions, get the answer from the cache or the model, store it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from app.catalogue import access, snapshot
from app.catalogue.entries import SpeciesEntry
from app.outbox.outbox import outbox
from app.outbox.row import QueuedRow
from app.places.reading import conditions_at, scenario_label
from app.predictions import tables, usage
from app.predictions.answers import assemble_answer, refs_of, stored_part
from app.predictions.conditions import Canonical, read_environment
from app.predictions.inference import cached_or_computed, threshold_of
from app.predictions.query_schemas import PredictionQuery
from app.predictions.schemas import ComputedPart, PredictionAnswer, StoredPart
from app.predictions.verdict import refuse_outside
from app.registry import service as registry
from app.request_log import counting
from app.telemetry.logs import note
from app.telemetry.metrics import counters
from ml.card import ModelCard
from ml.serving.artifact import Artifact


@dataclass(frozen=True)
class AnswerWithCard:
    """An answer, its species and the card of the model that gave it."""

    answer: PredictionAnswer
    species: SpeciesEntry
    card: ModelCard


def predict(query: PredictionQuery) -> AnswerWithCard:
    """Answer a query and store the answer through the outbox, without a query to the database.

    Parameters
    ----------
    query : PredictionQuery

    Returns
    -------
    AnswerWithCard
        The answer has an id and is in the outbox.

    Raises
    ------
    ValidationFailed
        The species is unknown, a value is missing, unknown or impossible, or the layers have none at the place.
    OutsideArea
        The conditions lie outside the area of applicability and the query refuses extrapolation.
    Conflict
        No version of the species answers yet.
    Unavailable
        The model cannot be opened, or the outbox cannot take the answer.
    """
    species = snapshot.current().resolve(query.species)
    model = species.model
    if model is None:
        raise registry.nothing_answers(species)
    artifact = registry.opened(model)
    environment = conditions_of(query, artifact.card)
    computed, cached = cached_or_computed(artifact, environment)
    novelty = computed.novelty
    if query.extrapolation == "refuse" and not novelty.in_area_of_applicability:
        usage.count(artifact, environment, novelty, refused=True)
        refuse_outside(novelty, environment, artifact.card)
    stored = _stored(query, artifact, computed, cached=cached)
    refs = refs_of(species, model.id, model.version)
    answer = assemble_answer(
        tables.new_id(), environment, datetime.now(UTC), stored, refs, artifact.card, artifact.quality
    )
    outbox().keep(
        QueuedRow(
            id=answer.id,
            species_id=species.id,
            model_id=model.id,
            environment=environment,
            answer=stored.model_dump_json().encode(),
            created_at=answer.created_at,
            species=species.slug,
            version=model.version,
            user_id=access.person_id(),
        )
    )
    note(model=model.id, version=model.version)
    counters().predictions[cached].inc()
    kind = usage.kind_of(novelty.kind, novelty.in_area_of_applicability)
    counting.answered(artifact.card.study.slug, kind, cached=cached)
    usage.count(artifact, environment, novelty, refused=False)
    return AnswerWithCard(answer, species, artifact.card)


def preview(query: PredictionQuery) -> AnswerWithCard:
    """Answer a query without storing the answer, which has no id: while a form is filled in.

    Raises
    ------
    ValidationFailed, OutsideArea, Conflict, Unavailable
        As `predict`.
    """
    species = snapshot.current().resolve(query.species)
    model = species.model
    if model is None:
        raise registry.nothing_answers(species)
    artifact = registry.opened(model)
    environment = conditions_of(query, artifact.card)
    computed, cached = cached_or_computed(artifact, environment)
    if query.extrapolation == "refuse":
        refuse_outside(computed.novelty, environment, artifact.card)
    stored = _stored(query, artifact, computed, cached=cached)
    refs = refs_of(species, model.id, model.version)
    answer = assemble_answer("", environment, datetime.now(UTC), stored, refs, artifact.card, artifact.quality)
    return AnswerWithCard(answer, species, artifact.card)


def conditions_of(query: PredictionQuery, card: ModelCard) -> Canonical:
    """Return the conditions of a query in canonical form: those it gives, or those of the layers at its place.

    Raises
    ------
    ValidationFailed
        A value is missing, unknown or impossible, or the layers have none at the place.
    Unavailable
        The layers cannot be read.
    """
    if query.location is None:
        return read_environment(query.environment or {}, card)
    place = query.location
    return read_environment(conditions_at(card, place.latitude, place.longitude, query.scenario), card)


def _stored(query: PredictionQuery, artifact: Artifact, computed: ComputedPart, *, cached: bool) -> StoredPart:
    return stored_part(
        computed,
        threshold_of(artifact, query.threshold),
        query.extrapolation,
        cached=cached,
        location=query.location,
        scenario=scenario_label(artifact.card, query.scenario),
    )
