"""Answering: the conditions are checked, the model or the cache answers, the answer is kept."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime

from app import answer_cache
from app.errors import NotFound, Unavailable
from app.observability import counters
from app.paging import read_cursor, write_cursor
from app.predictions import tables
from app.predictions.environment import Canonical, cache_key, read_environment
from app.predictions.schemas import (
    Computed,
    Contribution,
    Novelty,
    PredictionAnswer,
    PredictionPage,
    PredictionQuery,
    PredictionsQuery,
    ThresholdUsed,
)
from app.predictions.tables import Prediction
from app.registry import service as registry
from app.registry import tables as registry_tables
from app.registry.schemas import ModelRef, SpeciesRef
from app.registry.tables import ModelVersion
from app.species import service as species_service
from ml.artifact import Artifact
from ml.card import ModelCard

log = logging.getLogger(__name__)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def predict(query: PredictionQuery) -> PredictionAnswer:
    """Answer a query and keep the answer.

    Parameters
    ----------
    query : PredictionQuery

    Returns
    -------
    PredictionAnswer
        With an id of its own, stored before it is returned.

    Raises
    ------
    ValidationFailed
        The species is unknown or a value is missing, unknown or impossible.
    Unavailable
        The species has no model, or it cannot be opened.
    """
    species = species_service.resolve(query.species)
    version = registry_tables.active_for(species.id)
    if version is None:
        raise Unavailable(f"There is no model for {species.scientific_name} yet.")
    artifact = registry.opened(version)
    environment = read_environment(query.environment, artifact.card)
    computed, cached = _cached_or_computed(artifact, environment)
    row = Prediction(
        id=tables.new_id(),
        species_id=species.id,
        model_id=version.id,
        environment=environment,
        answer={**computed.model_dump(mode="json"), "cached": cached},
        created_at=datetime.now(UTC),
    )
    answer = _answer(row, computed, version, cached=cached)
    tables.store(row)
    counters().predictions.labels(cached=str(cached).lower()).inc()
    return answer


def example(version: ModelVersion, environment: Canonical) -> PredictionAnswer:
    """Answer without keeping anything: what the page shows before a visitor has asked."""
    artifact = registry.opened(version)
    checked = read_environment(dict(environment), artifact.card)
    computed, cached = _cached_or_computed(artifact, checked)
    row = Prediction(id="", environment=checked, created_at=datetime.now(UTC))
    return _answer(row, computed, version, cached=cached)


def find(prediction_id: str) -> tuple[PredictionAnswer, ModelCard]:
    """Return an answer given before, and the card of the model that gave it.

    Raises
    ------
    NotFound
        No prediction has this id.
    """
    row = tables.find(prediction_id) if _UUID.fullmatch(prediction_id) else None
    if row is None:
        raise NotFound("There is no such prediction.")
    return stored_answer(row), registry.card_of(row.model)


def browse(query: PredictionsQuery) -> PredictionPage:
    """Return a page of predictions, latest first."""
    (place,) = read_cursor(query.cursor, str) or (None,)
    rows = tables.before(place, query.limit + 1, query.species)
    shown = rows[: query.limit]
    following = write_cursor(shown[-1].id) if len(rows) > query.limit else None
    return PredictionPage(items=[stored_answer(row) for row in shown], next=following)


def stored_answer(row: Prediction) -> PredictionAnswer:
    """Return an answer from its row."""
    return _answer(row, Computed.model_validate(row.answer), row.model, cached=bool(row.answer.get("cached")))


def compute(artifact: Artifact, environment: Canonical) -> Computed:
    """Ask the model."""
    found = artifact.predictor.answer([environment[p.name] for p in artifact.card.predictors])
    value, rule = found.threshold
    return Computed(
        suitability=found.suitability,
        interval=found.interval,
        suitable=found.suitable,
        threshold=ThresholdUsed(value=value, rule=rule),
        novelty=Novelty(
            in_area_of_applicability=found.in_area_of_applicability,
            mess=found.mess,
            most_dissimilar=found.most_dissimilar,
        ),
        contributions=[
            Contribution(predictor=name, value=value, effect=effect) for name, value, effect in found.contributions
        ],
    )


def _cached_or_computed(artifact: Artifact, environment: Canonical) -> tuple[Computed, bool]:
    key = cache_key(artifact.model_id, environment)
    kept = answer_cache.get(key)
    if kept is not None:
        try:
            return Computed.model_validate(kept), True
        except ValueError:
            # Something else wrote under this key: an answer is computed rather than believed.
            log.warning("ignored a malformed cache entry")
    computed = compute(artifact, environment)
    answer_cache.put(key, computed.model_dump(mode="json"))
    return computed, False


def _answer(row: Prediction, computed: Computed, version: ModelVersion, *, cached: bool) -> PredictionAnswer:
    species = version.species
    return PredictionAnswer(
        id=row.id,
        species=SpeciesRef(slug=species.slug, scientific_name=species.scientific_name),
        study=species.study.slug,
        environment=row.environment,
        model=ModelRef(id=version.id, version=version.version),
        cached=cached,
        created_at=row.created_at,
        **{name: getattr(computed, name) for name in Computed.model_fields},
    )
