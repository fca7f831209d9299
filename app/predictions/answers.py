"""Answers, assembled from what the model computed and how the request wanted it judged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.catalogue.refs import ModelRef, SpeciesRef
from app.catalogue.snapshot import SpeciesEntry
from app.catalogue.species import Species
from app.predictions.conditions import Canonical
from app.predictions.schemas import Computed, Extrapolation, PredictionAnswer, Stored, ThresholdUsed
from app.predictions.verdict import judge


@dataclass(frozen=True, slots=True)
class AnswerRefs:
    """The species of an answer, its study, and the model that gave it."""

    species: SpeciesRef
    study: str
    model: ModelRef


def refs_of(species: Species | SpeciesEntry, model_id: str, version: int) -> AnswerRefs:
    """Return the references of an answer."""
    about = SpeciesRef(slug=species.slug, scientific_name=species.scientific_name)
    return AnswerRefs(about, species.study.slug, ModelRef(id=model_id, version=version))


def apply_options(computed: Computed, threshold: ThresholdUsed, extrapolation: Extrapolation, cached: bool) -> Stored:
    """Return the part of an answer that is stored: what was computed, and the options of the request."""
    return Stored(
        **dict(computed),
        suitable=computed.suitability >= threshold.value,
        threshold=threshold,
        extrapolation=extrapolation,
        cached=cached,
    )


def assemble_answer(
    answer_id: str, environment: Canonical, created_at: datetime, stored: Stored, refs: AnswerRefs
) -> PredictionAnswer:
    """Return an answer with its verdict, the same for a new answer, a queued one and a stored one."""
    return PredictionAnswer(
        id=answer_id,
        species=refs.species,
        study=refs.study,
        environment=environment,
        model=refs.model,
        created_at=created_at,
        verdict=judge(stored.suitability, stored.interval, stored.threshold, stored.novelty, stored.extrapolation),
        **dict(stored),
    )
