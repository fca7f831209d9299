"""Answering: the conditions are checked, the model or the cache answers, the answer is kept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from app import answer_cache
from app.errors import NotFound, Unavailable, ValidationFailed
from app.handover.service import handover
from app.logs import note
from app.observability import counters, timed
from app.paging import read_cursor, write_cursor
from app.predictions import tables, tally
from app.predictions.environment import Canonical, cache_key, read_environment
from app.predictions.schemas import (
    Computed,
    Contribution,
    Extrapolation,
    Kind,
    Novelty,
    PredictionAnswer,
    PredictionPage,
    PredictionQuery,
    PredictionsQuery,
    Stored,
    ThresholdUsed,
    Uncertainty,
)
from app.predictions.tables import Prediction
from app.predictions.verdict import judge, refuse_outside
from app.registry import service as registry
from app.registry import snapshot
from app.registry import tables as registry_tables
from app.registry.schemas import ModelRef, SpeciesRef
from app.registry.snapshot import KnownModel, KnownSpecies
from app.registry.tables import ModelVersion
from app.species import service as species_service
from app.species.curves import Drawing, ResponseCurves, draw
from app.species.tables import Species
from ml.artifact import Artifact
from ml.card import ModelCard
from ml.members import LEVEL

# enough for a drawing as wide as a word
_POINTS = 25
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


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
    stored = _asked(artifact, computed, query.threshold, query.extrapolation, cached=cached)
    told = _told(species, model.id, model.version)
    answer = _answer(tables.new_id(), environment, datetime.now(UTC), stored, told)
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
    counters().predictions.labels(cached=str(cached).lower()).inc()
    tally.count(artifact, environment, computed.novelty, refused=False)
    return Given(answer, species, artifact.card)


def example(species: KnownSpecies, model: KnownModel, environment: Canonical) -> PredictionAnswer:
    """Answer without keeping anything: what the page shows before a visitor has asked."""
    artifact = registry.opened(model)
    checked = read_environment(dict(environment), artifact.card)
    computed, cached = cached_or_computed(artifact, checked)
    told = _told(species, model.id, model.version)
    return _answer("", checked, datetime.now(UTC), _asked(artifact, computed, None, "flag", cached=cached), told)


def find(prediction_id: str) -> tuple[PredictionAnswer, ModelCard]:
    """Return an answer given before, and the card of the model that gave it.

    Raises
    ------
    NotFound
        No prediction has this id.
    """
    kept = _found(prediction_id)
    if kept is None:
        raise NotFound("There is no such prediction.")
    if kept.model is None:
        raise Unavailable("The model of this answer cannot be looked up right now.")
    return kept.answer, registry.card_of(kept.model)


def curves_at(prediction_id: str, species: Species, points: int) -> ResponseCurves:
    """Return response curves around the conditions of an answer given before, by the model that gave it.

    Raises
    ------
    ValidationFailed
        No prediction for this species has this id.
    Unavailable
        The model cannot be opened.
    """
    kept = _found(prediction_id)
    if kept is None or kept.model is None or kept.answer.species.slug != species.slug:
        raise ValidationFailed([("/prediction", "there is no such prediction for this species")])
    at = f"the conditions of prediction {kept.answer.id}"
    return species_service.curves_around(species, kept.model, at, dict(kept.answer.environment), points)


def drawings(answer: PredictionAnswer) -> dict[str, Drawing]:
    """Return an answer's response curves by predictor; none where the model cannot be opened any more."""
    try:
        model = _model_of(answer.species.slug, answer.model.id)
        curves = species_service.curves_of(model, answer.environment, _POINTS) if model is not None else []
    except (Unavailable, KeyError, SQLAlchemyError):
        return {}
    return {curve.predictor: draw(curve) for curve in curves}


def browse(query: PredictionsQuery) -> PredictionPage:
    """Return a page of predictions, latest first."""
    (place,) = read_cursor(query.cursor, str) or (None,)
    rows = tables.before(place, query.limit + 1, query.species)
    shown = rows[: query.limit]
    following = write_cursor(shown[-1].id) if len(rows) > query.limit else None
    return PredictionPage(items=[stored_answer(row) for row in shown], next=following)


def asked_by_species(since: datetime) -> list[tuple[Species, int]]:
    """Return how often each species was asked about since a moment, most often first."""
    return tables.counts_by_species(tables.first_id_of(since))


def asked_of_study(study_id: int, since: datetime, limit: int) -> list[tuple[Canonical, Kind]]:
    """Return conditions a study was asked about since a moment, and where they lay, latest first."""
    rows = tables.latest_of_study(study_id, tables.first_id_of(since), limit)
    return [(row.environment, tally.kind_of(row.kind, row.inside)) for row in rows]


def stored_answer(row: Prediction) -> PredictionAnswer:
    """Return an answer from its row."""
    species, model = row.model.species, row.model
    told = _told(species, model.id, model.version)
    return _answer(row.id, row.environment, row.created_at, Stored.model_validate(row.answer), told)


def compute(artifact: Artifact, environment: Canonical) -> Computed:
    """Ask the model."""
    with timed(counters().inference, "model"):
        found = artifact.predictor.answer([environment[p.name] for p in artifact.card.predictors])
    checked, novelty = artifact.card.interval, found.novelty
    return Computed(
        suitability=found.suitability,
        interval=found.interval,
        uncertainty=Uncertainty(
            level=checked.level if checked else LEVEL,
            coverage=checked.coverage if checked else None,
            groups=checked.groups if checked else None,
            study_coverage=checked.pooled_coverage if checked else None,
            study_groups=checked.pooled_groups if checked else None,
            sources=found.sources,
        ),
        novelty=Novelty(
            in_area_of_applicability=novelty.inside,
            kind=novelty.kind,
            dissimilarity_index=novelty.index,
            dissimilarity_threshold=novelty.threshold,
            mess=novelty.mess,
            most_dissimilar=novelty.most_dissimilar,
            outside_range=novelty.outside_range,
        ),
        baseline=found.baseline,
        contributions=[
            Contribution(predictor=name, value=value, effect=effect) for name, value, effect in found.contributions
        ],
        missing=artifact.predictor.missing,
    )


def threshold_of(artifact: Artifact, wanted: float | str | None) -> ThresholdUsed:
    """Return the threshold a query asks for.

    Raises
    ------
    ValidationFailed
        The model has no such rule.
    """
    try:
        found = artifact.predictor.cutoff(wanted)
    except KeyError:
        raise ValidationFailed([("/threshold", f"this model has no threshold by the rule {wanted}")]) from None
    return ThresholdUsed(
        value=found.value, rule=found.rule, sensitivity=found.sensitivity, specificity=found.specificity
    )


def _asked(
    artifact: Artifact,
    computed: Computed,
    threshold: float | str | None,
    extrapolation: Extrapolation,
    *,
    cached: bool,
) -> Stored:
    """Add what the query asked for to what the model computed."""
    used = threshold_of(artifact, threshold)
    return Stored(
        **dict(computed),
        suitable=computed.suitability >= used.value,
        threshold=used,
        extrapolation=extrapolation,
        cached=cached,
    )


def cached_or_computed(artifact: Artifact, environment: Canonical) -> tuple[Computed, bool]:
    """Return what a model says of some conditions, and whether the cache held it."""
    key = cache_key(artifact.model_id, environment)
    kept = answer_cache.get(key, lambda found: _read_kept(found, environment))
    if kept is not None:
        return kept, True
    computed = compute(artifact, environment)
    answer_cache.put(key, computed)
    return computed, False


def _read_kept(found: Any, environment: Canonical) -> Computed:
    """Check what a cache outside this process held: anything may have written it.

    Raises
    ------
    ValueError
        It is no answer to these conditions.
    """
    computed = Computed.model_validate(found)
    low, high = computed.interval
    told = {one.predictor: one.value for one in computed.contributions}
    if not 0 <= low <= high <= 1 or told != environment or len(computed.contributions) != len(told):
        raise ValueError("no answer to these conditions")
    return computed


@dataclass(frozen=True)
class Told:
    """What an answer says of whom it is about and who gave it."""

    species: SpeciesRef
    study: str
    model: ModelRef


@dataclass(frozen=True)
class _Kept:
    """An answer given before, and its model where that can be looked up."""

    answer: PredictionAnswer
    model: ModelVersion | KnownModel | None


def _found(prediction_id: str) -> _Kept | None:
    """Return an answer given before, whether it has arrived in the database or waits for it."""
    if not _UUID.fullmatch(prediction_id):
        return None
    waiting = handover().find(prediction_id)
    if waiting is not None:
        return _on_its_way(waiting)
    row = tables.find(prediction_id)
    return _Kept(stored_answer(row), row.model) if row is not None else None


def _on_its_way(row: dict[str, Any]) -> _Kept | None:
    species = snapshot.current().by_slug.get(row["told"]["species"])
    if species is None:
        return None
    told = _told(species, row["model_id"], row["told"]["version"])
    created = datetime.fromisoformat(row["created_at"])
    answer = _answer(row["id"], row["environment"], created, Stored.model_validate(row["answer"]), told)
    return _Kept(answer, _model_of(species.slug, row["model_id"]))


def _model_of(slug: str, model_id: str) -> ModelVersion | KnownModel | None:
    """Return a model of a species: from the snapshot while it answers, otherwise from the database."""
    species = snapshot.current().by_slug.get(slug)
    if species is not None and species.model is not None and species.model.id == model_id:
        return species.model
    return registry_tables.find(model_id)


def _told(species: Species | KnownSpecies, model_id: str, version: int) -> Told:
    about = SpeciesRef(slug=species.slug, scientific_name=species.scientific_name)
    return Told(about, species.study.slug, ModelRef(id=model_id, version=version))


def _answer(
    answer_id: str, environment: Canonical, created_at: datetime, stored: Stored, told: Told
) -> PredictionAnswer:
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
