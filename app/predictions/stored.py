"""Answers given before: found, listed and counted, whether they are stored or on their way."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.catalogue import snapshot
from app.catalogue import versions as registry_tables
from app.catalogue.entries import ModelEntry
from app.catalogue.species import Species
from app.catalogue.versions import ModelVersion
from app.errors import NotFound, Unavailable
from app.outbox.outbox import outbox
from app.outbox.row import QueuedRow
from app.predictions import tables, usage
from app.predictions.answers import assemble_answer, refs_of
from app.predictions.conditions import Canonical
from app.predictions.schemas import Kind, PredictionAnswer, PredictionPage, PredictionsQuery, Stored
from app.predictions.tables import Prediction
from app.registry import service as registry
from app.web.paging import read_cursor, write_cursor
from ml.card import ModelCard

# enough for a drawing as wide as a word
_POINTS = 25
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def find(prediction_id: str) -> tuple[PredictionAnswer, ModelCard]:
    """Return an answer given before, and the card of the model that gave it.

    Raises
    ------
    NotFound
        No prediction has this id.
    """
    kept = found(prediction_id)
    if kept is None:
        raise NotFound("There is no such prediction.")
    if kept.model is None:
        raise Unavailable("The model of this answer cannot be looked up right now.")
    return kept.answer, registry.card_of(kept.model)


def browse(query: PredictionsQuery) -> PredictionPage:
    """Return a page of predictions, latest first."""
    (place,) = read_cursor(query.cursor, str) or (None,)
    rows = tables.before(place, query.limit + 1, query.species)
    shown = rows[: query.limit]
    following = write_cursor(shown[-1].id) if len(rows) > query.limit else None
    return PredictionPage(items=[stored_answer(row) for row in shown], next=following)


def asked_by_species(since: datetime, until: datetime) -> list[tuple[Species, int]]:
    """Return how often each species was asked about in a period, most often first."""
    return tables.counts_by_species(*_ids_of(since, until))


def asked_of_study(study_id: int, since: datetime, until: datetime, limit: int) -> list[tuple[Canonical, Kind]]:
    """Return conditions a study was asked about in a period, and where they lay, latest first."""
    rows = tables.latest_of_study(study_id, *_ids_of(since, until), limit)
    return [(row.environment, usage.kind_of(row.kind, row.inside)) for row in rows]


def stored_answer(row: Prediction) -> PredictionAnswer:
    """Return an answer from its row."""
    species, model = row.model.species, row.model
    told = refs_of(species, model.id, model.version)
    return assemble_answer(row.id, row.environment, row.created_at, Stored.model_validate(row.answer), told)


def _ids_of(since: datetime, until: datetime) -> tuple[str, str]:
    """Return the first id of a period and the first behind it; an id knows of milliseconds."""
    return tables.first_id_of(since), tables.first_id_of(until + timedelta(milliseconds=1))


@dataclass(frozen=True)
class StoredAnswer:
    """An answer given before, and its model where that can be looked up."""

    answer: PredictionAnswer
    model: ModelVersion | ModelEntry | None


def found(prediction_id: str) -> StoredAnswer | None:
    """Return an answer given before, whether it has arrived in the database or waits for it."""
    if not _UUID.fullmatch(prediction_id):
        return None
    waiting = outbox().find(prediction_id)
    if waiting is not None:
        return _on_its_way(waiting)
    row = tables.find(prediction_id)
    return StoredAnswer(stored_answer(row), row.model) if row is not None else None


def _on_its_way(row: QueuedRow) -> StoredAnswer | None:
    species = snapshot.current().by_slug.get(row.species)
    if species is None:
        return None
    refs = refs_of(species, row.model_id, row.version)
    answer = assemble_answer(row.id, row.environment, row.created_at, Stored.model_validate_json(row.answer), refs)
    return StoredAnswer(answer, model_of(species.slug, row.model_id))


def model_of(slug: str, model_id: str) -> ModelVersion | ModelEntry | None:
    """Return a model of a species: from the snapshot while it answers, otherwise from the database."""
    species = snapshot.current().by_slug.get(slug)
    if species is not None and species.model is not None and species.model.id == model_id:
        return species.model
    return registry_tables.find(model_id)
