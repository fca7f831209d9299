"""Answer a query: validate the conditions, get the answer from the cache or the model, store it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from app.catalogue import access, snapshot
from app.catalogue.entries import ModelEntry, SpeciesEntry
from app.outbox.outbox import outbox
from app.outbox.row import QueuedRow
from app.places.reading import conditions_at, scenario_label
from app.predictions import tables, usage
from app.predictions.answers import assemble_answer, refs_of, shown_novelty, stored_part
from app.predictions.arms import answer_in_rollout
from app.predictions.conditions import Canonical, read_environment
from app.predictions.inference import cached_or_computed, compute, threshold_of
from app.predictions.query_schemas import PredictionQuery
from app.predictions.schemas import ComputedPart, PredictionAnswer, StoredPart
from app.predictions.verdict import outside, verdict_for
from app.registry import service as registry
from app.request_log import counting
from app.rollouts.measures import Answered
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


@dataclass(slots=True)
class _Attempt:
    """The answer of one model to a query.

    Attributes
    ----------
    model : ModelEntry
    artifact : Artifact
    environment : dict
    computed : ComputedPart
    cached : bool
    seconds : float
        What the computed part took.
    answer : PredictionAnswer or None
        None where the query refuses the extrapolation.
    stored : StoredPart or None
        What is stored of it.
    """

    model: ModelEntry
    artifact: Artifact
    environment: Canonical
    computed: ComputedPart
    cached: bool
    seconds: float
    answer: PredictionAnswer | None = None
    stored: StoredPart | None = None

    @property
    def measured(self) -> Answered:
        """What the measures of a rollout need."""
        return Answered(
            suitability=self.computed.suitability,
            verdict=self.answer.verdict if self.answer is not None else None,
            inside=self.computed.novelty.in_area_of_applicability,
            seconds=None if self.cached else self.seconds,
        )


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
    done = _attempt(query, species, tables.new_id())
    answer, stored = done.answer, done.stored
    artifact, environment, novelty = done.artifact, done.environment, done.computed.novelty
    if answer is None or stored is None:
        usage.count(artifact, environment, novelty, refused=True)
        raise outside(shown_novelty(novelty, species.study.slug), environment, artifact.card)
    outbox().keep(
        QueuedRow(
            id=answer.id,
            species_id=species.id,
            model_id=done.model.id,
            environment=environment,
            answer=stored.model_dump_json().encode(),
            created_at=answer.created_at,
            species=species.slug,
            version=done.model.version,
            user_id=access.person_id(),
        )
    )
    note(model=done.model.id, version=done.model.version)
    counters().predictions[done.cached].inc()
    kind = usage.kind_of(novelty.kind, novelty.in_area_of_applicability)
    counting.answered(artifact.card.study.slug, kind, cached=done.cached)
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
    done = _attempt(query, species, "")
    if done.answer is None:
        raise outside(shown_novelty(done.computed.novelty, species.study.slug), done.environment, done.artifact.card)
    return AnswerWithCard(done.answer, species, done.artifact.card)


def _attempt(query: PredictionQuery, species: SpeciesEntry, answer_id: str) -> _Attempt:
    """Answer a query by the model of a species, or by the candidate of its rollout."""
    model = species.model
    if model is None:
        raise registry.nothing_answers(species)
    if species.rollout is None:
        return _attempt_by(query, species, answer_id, model)
    return answer_in_rollout(
        species.rollout,
        model,
        lambda one: _attempt_by(query, species, answer_id, one),
        lambda one, given: lambda: _computed_again(query, given.environment, one),
    )


def _attempt_by(query: PredictionQuery, species: SpeciesEntry, answer_id: str, model: ModelEntry) -> _Attempt:
    artifact = registry.opened(model)
    environment = conditions_of(query, artifact.card)
    began = time.perf_counter()
    computed, cached = cached_or_computed(artifact, environment)
    seconds = time.perf_counter() - began
    if query.extrapolation == "refuse" and not computed.novelty.in_area_of_applicability:
        return _Attempt(model, artifact, environment, computed, cached, seconds)
    stored = _stored(query, artifact, computed, cached=cached)
    refs = refs_of(species, model.id, model.version)
    answer = assemble_answer(answer_id, environment, datetime.now(UTC), stored, refs, artifact.card, artifact.quality)
    return _Attempt(model, artifact, environment, computed, cached, seconds, answer, stored)


def _computed_again(query: PredictionQuery, given: Canonical, model: ModelEntry) -> Answered:
    """Compute the answer of another model to the conditions of an answer: nothing is stored, cached or counted."""
    artifact = registry.opened(model)
    environment = read_environment(dict(given), artifact.card)
    began = time.perf_counter()
    computed = compute(artifact, environment)
    seconds = time.perf_counter() - began
    inside = computed.novelty.in_area_of_applicability
    verdict = None
    if inside or query.extrapolation != "refuse":
        threshold = threshold_of(artifact, query.threshold)
        verdict = verdict_for(computed, threshold, query.extrapolation, artifact.quality)
    return Answered(computed.suitability, verdict, inside, seconds)


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
