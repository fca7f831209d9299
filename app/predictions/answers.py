"""An answer assembled from its parts: the same function serves new, waiting and stored answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from app.catalogue import access, sensitive
from app.catalogue.entries import SpeciesEntry
from app.catalogue.refs import ModelRef, SpeciesRef
from app.catalogue.species import Species
from app.predictions.conditions import Canonical
from app.predictions.place_schemas import Location
from app.predictions.query_schemas import Extrapolation
from app.predictions.schemas import ComputedPart, Novelty, PredictionAnswer, StoredPart, ThresholdUsed
from app.predictions.verdict import reason_for, verdict_for
from ml.card import ModelCard
from ml.quality import Quality
from ml.serving.verdict import is_suitable


@dataclass(frozen=True, slots=True)
class AnswerRefs:
    """The species, the study and the model that an answer names."""

    species: SpeciesRef
    study: str
    model: ModelRef


def refs_of(species: Species | SpeciesEntry, model_id: str, version: int) -> AnswerRefs:
    """Return the references of an answer about a species by one of its models."""
    species_ref = SpeciesRef(slug=species.slug, scientific_name=species.scientific_name)
    return AnswerRefs(species_ref, species.study.slug, ModelRef(id=model_id, version=version))


def stored_part(
    computed: ComputedPart,
    threshold: ThresholdUsed,
    extrapolation: Extrapolation,
    *,
    cached: bool,
    location: Location | None = None,
    scenario: str | None = None,
) -> StoredPart:
    """Return what is stored of an answer: the computed part and the options of the request."""
    # vars and one dictionary: dict(computed) and keyword arguments would take five times as long
    return StoredPart.model_validate(
        {
            **vars(computed),
            "threshold": threshold,
            "extrapolation": extrapolation,
            "cached": cached,
            "location": location,
            "scenario": scenario,
        }
    )


def assemble_answer(
    answer_id: str,
    environment: Canonical,
    created_at: datetime,
    stored: StoredPart,
    refs: AnswerRefs,
    card: ModelCard,
    quality: Quality,
) -> PredictionAnswer:
    """Return an answer with its verdict, from its stored part, its references and the card of its model."""
    verdict = verdict_for(stored, stored.threshold, stored.extrapolation, quality)
    return PredictionAnswer.model_validate(
        {
            **vars(stored),
            "novelty": shown_novelty(stored.novelty, refs.study),
            "id": answer_id,
            "species": refs.species,
            "study": refs.study,
            "environment": environment,
            "model": refs.model,
            "created_at": created_at,
            "verdict": verdict,
            "verdict_reason": reason_for(verdict, stored, stored.threshold, quality, environment, card),
            "suitable": is_suitable(verdict),
            "quality": quality,
        }
    )


def shown_novelty(novelty: Novelty, study: str) -> Novelty:
    """Return the novelty of an answer as the present request may see it.

    The dissimilarity index is 0 in the cells of the training records, so that it marks them on a map or in a table of
    places. MESS counts training values, so that it steps at each of them, and the least familiar predictor changes at
    such a step. Whether conditions lie in the area of applicability marks no single record.
    """
    return novelty if sensitive.grid_for(study) is None else _without_distances(novelty)


def shown_stored(answer: dict[str, Any], study: str, *, is_readable: bool) -> dict[str, Any]:
    """Return an answer as the database has it, with the novelty that the present request may see.

    Parameters
    ----------
    answer : dict
        The stored part of an answer as JSON.
    study : str
        Slug.
    is_readable : bool
        Whether the present request may read the study. Where it may not any more, the novelty is that of a study
        with a sensitive species, because nobody can see whether its places became sensitive since.
    """
    if sensitive.grid_for(study) is None and (is_readable or access.sees_places(study)):
        return answer
    try:
        novelty = _without_distances(Novelty.model_validate(answer["novelty"])).model_dump(mode="json")
    except (KeyError, ValidationError):
        # a damaged row is not shown either way, and the rest of the answer is the person's
        novelty = None
    return {**answer, "novelty": novelty}


def _without_distances(novelty: Novelty) -> Novelty:
    unlike = novelty.most_dissimilar if novelty.outside_range else None
    return novelty.model_copy(update={"dissimilarity_index": None, "mess": None, "most_dissimilar": unlike})
