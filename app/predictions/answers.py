"""An answer put together from its parts, the same whether it is given, waits or is stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from app.catalogue.entries import SpeciesEntry
from app.catalogue.refs import ModelRef, SpeciesRef
from app.catalogue.species import Species
from app.predictions.conditions import Canonical
from app.predictions.schemas import Computed, Extrapolation, Novelty, PredictionAnswer, Stored, ThresholdUsed
from app.predictions.verdict import judge


@dataclass(frozen=True, slots=True)
class AnswerRefs:
    """What an answer says of whom it is about and who gave it."""

    species: SpeciesRef
    study: str
    model: ModelRef


@dataclass(frozen=True, slots=True)
class ComputedJson:
    """What a model said: as text, written once however often it is given, and what each request looks at.

    Attributes
    ----------
    text : bytes
        A `Computed` as JSON.
    """

    text: bytes
    suitability: float
    interval: tuple[float, float]
    novelty: Novelty

    @classmethod
    def of(cls, computed: Computed) -> ComputedJson:
        """Write what was computed."""
        return cls(computed.model_dump_json().encode(), computed.suitability, computed.interval, computed.novelty)

    def computed(self) -> Computed:
        """Return all of it."""
        return Computed.model_validate_json(self.text)


@dataclass(frozen=True, slots=True)
class AppliedOptions:
    """How an answer was asked for, and whether the cache held it."""

    threshold: ThresholdUsed
    extrapolation: Extrapolation
    cached: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it is given.

    Its text and what is stored of it are joined from parts that were written before: writing the schemas anew for each
    request would take longer than all else together. The schemas are what both texts are tested against.
    """

    id: str
    created_at: datetime
    environment: Canonical
    held: ComputedJson
    asked: AppliedOptions
    told: AnswerRefs

    @property
    def suitable(self) -> bool:
        """Whether the suitability reaches the threshold."""
        return self.held.suitability >= self.asked.threshold.value

    def stored(self) -> Stored:
        """Return what is stored of it."""
        return Stored(
            **dict(self.held.computed()),
            suitable=self.suitable,
            threshold=self.asked.threshold,
            extrapolation=self.asked.extrapolation,
            cached=self.asked.cached,
        )

    def whole(self) -> PredictionAnswer:
        """Return it as a schema, for pages."""
        return put_together(self.id, self.environment, self.created_at, self.stored(), self.told)

    def stored_text(self) -> bytes:
        """Return `stored` as JSON."""
        return _joined(self._as_asked(), self.held.text)

    def text(self) -> bytes:
        """Return `whole` as JSON."""
        held, asked, told = self.held, self.asked, self.told
        head = {
            "id": self.id,
            "species": {"slug": told.species.slug, "scientific_name": told.species.scientific_name},
            "study": told.study,
            "environment": self.environment,
            "model": {"id": told.model.id, "version": told.model.version},
            "created_at": self.created_at,
            "verdict": judge(held.suitability, held.interval, asked.threshold, held.novelty, asked.extrapolation),
        }
        return _joined(head | self._as_asked(), held.text)

    def _as_asked(self) -> dict[str, Any]:
        used = self.asked.threshold
        return {
            "suitable": self.suitable,
            "threshold": {
                "value": used.value,
                "rule": used.rule,
                "sensitivity": used.sensitivity,
                "specificity": used.specificity,
            },
            "extrapolation": self.asked.extrapolation,
            "cached": self.asked.cached,
        }


def refs_of(species: Species | SpeciesEntry, model_id: str, version: int) -> AnswerRefs:
    """Return what an answer says of a species and of a model of it."""
    about = SpeciesRef(slug=species.slug, scientific_name=species.scientific_name)
    return AnswerRefs(about, species.study.slug, ModelRef(id=model_id, version=version))


def put_together(
    answer_id: str, environment: Canonical, created_at: datetime, stored: Stored, told: AnswerRefs
) -> PredictionAnswer:
    """Return an answer from what is stored of it, with the word that its numbers come to."""
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


def _joined(members: dict[str, Any], written: bytes) -> bytes:
    """Write members in front of those of an object that was written before."""
    return orjson.dumps(members, option=orjson.OPT_UTC_Z)[:-1] + b"," + written[1:]
