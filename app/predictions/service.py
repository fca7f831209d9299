"""Answering: the conditions are checked, the model or the cache answers, the answer is kept."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime

from app import answer_cache
from app.errors import NotFound, Unavailable, ValidationFailed
from app.observability import counters
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
from app.registry import tables as registry_tables
from app.registry.schemas import ModelRef, SpeciesRef
from app.registry.tables import ModelVersion
from app.species import service as species_service
from app.species.curves import Drawing, ResponseCurves, draw
from app.species.tables import Species
from ml.artifact import Artifact
from ml.card import ModelCard
from ml.members import LEVEL

log = logging.getLogger(__name__)
# enough for a drawing as wide as a word
_POINTS = 25
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
    OutsideArea
        The conditions lie outside the area of applicability and the query refuses extrapolation.
    Unavailable
        The species has no model, or it cannot be opened.
    """
    species = species_service.resolve(query.species)
    version = registry_tables.active_for(species.id)
    if version is None:
        raise Unavailable(f"There is no model for {species.scientific_name} yet.")
    artifact = registry.opened(version)
    environment = read_environment(query.environment, artifact.card)
    computed, cached = cached_or_computed(artifact, environment)
    if query.extrapolation == "refuse" and not computed.novelty.in_area_of_applicability:
        tally.count(artifact, environment, computed.novelty, refused=True)
        refuse_outside(computed.novelty, environment, artifact.card)
    stored = _asked(artifact, computed, query.threshold, query.extrapolation, cached=cached)
    row = Prediction(
        id=tables.new_id(),
        species_id=species.id,
        model_id=version.id,
        environment=environment,
        answer=stored.model_dump(mode="json"),
        created_at=datetime.now(UTC),
    )
    answer = _answer(row, stored, version)
    tables.store(row)
    counters().predictions.labels(cached=str(cached).lower()).inc()
    tally.count(artifact, environment, computed.novelty, refused=False)
    return answer


def example(version: ModelVersion, environment: Canonical) -> PredictionAnswer:
    """Answer without keeping anything: what the page shows before a visitor has asked."""
    artifact = registry.opened(version)
    checked = read_environment(dict(environment), artifact.card)
    computed, cached = cached_or_computed(artifact, checked)
    row = Prediction(id="", environment=checked, created_at=datetime.now(UTC))
    return _answer(row, _asked(artifact, computed, None, "flag", cached=cached), version)


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


def curves_at(prediction_id: str, species: Species, points: int) -> ResponseCurves:
    """Return response curves around the conditions of an answer given before, by the model that gave it.

    Raises
    ------
    ValidationFailed
        No prediction for this species has this id.
    Unavailable
        The model cannot be opened.
    """
    row = tables.find(prediction_id) if _UUID.fullmatch(prediction_id) else None
    if row is None or row.species_id != species.id:
        raise ValidationFailed([("/prediction", "there is no such prediction for this species")])
    at = f"the conditions of prediction {row.id}"
    return species_service.curves_around(row.species, row.model, at, dict(row.environment), points)


def drawings(answer: PredictionAnswer) -> dict[str, Drawing]:
    """Return an answer's response curves by predictor; none where the model cannot be opened any more."""
    version = registry_tables.find(answer.model.id)
    if version is None:
        return {}
    try:
        curves = species_service.curves_of(version, answer.environment, _POINTS)
    except (Unavailable, KeyError):
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
    return _answer(row, Stored.model_validate(row.answer), row.model)


def compute(artifact: Artifact, environment: Canonical) -> Computed:
    """Ask the model."""
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


def _answer(row: Prediction, stored: Stored, version: ModelVersion) -> PredictionAnswer:
    species = version.species
    return PredictionAnswer(
        id=row.id,
        species=SpeciesRef(slug=species.slug, scientific_name=species.scientific_name),
        study=species.study.slug,
        environment=row.environment,
        model=ModelRef(id=version.id, version=version.version),
        created_at=row.created_at,
        verdict=judge(stored.suitability, stored.interval, stored.threshold, stored.novelty, stored.extrapolation),
        **dict(stored),
    )
