"""Stored answers, and answers that wait in the outbox: look-up, list and counts."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import ValidationError

from app.accounts.identity import is_uncertain
from app.catalogue import access, snapshot
from app.catalogue import versions as registry_tables
from app.catalogue.entries import ModelEntry
from app.catalogue.species import Species
from app.catalogue.versions import ModelVersion
from app.errors import NotFound, SignInNeeded, Unavailable
from app.outbox.outbox import outbox
from app.outbox.row import QueuedRow
from app.predictions import tables, usage
from app.predictions.answers import assemble_answer, refs_of
from app.predictions.conditions import Canonical
from app.predictions.schemas import Kind, PredictionAnswer, PredictionPage, PredictionsQuery, StoredPart
from app.predictions.tables import Prediction
from app.registry import service as registry
from app.web.faces import settings
from app.web.paging import cut_page, read_cursor
from ml.card import ModelCard
from ml.predictors.encoding import EnvironmentValueError
from ml.quality import quality_of

log = logging.getLogger(__name__)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def find(prediction_id: str) -> tuple[PredictionAnswer, ModelCard]:
    """Return a stored answer and the card of its model.

    Raises
    ------
    NotFound
        No prediction has this id.
    Unavailable
        The model of the answer cannot be looked up, or the stored answer is damaged.
    """
    match = find_or_none(prediction_id)
    if match is None:
        raise NotFound(_gone())
    return match.answer, match.card


def _gone() -> str:
    """Return why an answer may not be found. It is the same for all ids, so that nobody learns which exist."""
    days = settings().predictions_retention_days
    old = f"after {days:,} days" if days else "when the operator deletes old ones"
    return (
        f"There is no such prediction, or not any more. Answers are deleted {old}, and with the account that asked for "
        "them where its person chose that. Answers for a private study are for those who may read the study."
    )


def browse(query: PredictionsQuery) -> PredictionPage:
    """Return a page of predictions, as `browse_with_cards`."""
    return browse_with_cards(query)[0]


def browse_with_cards(query: PredictionsQuery) -> tuple[PredictionPage, dict[str, ModelCard]]:
    """Return a page of predictions, latest first, without rows that are damaged, and the cards of their models by id.

    With an account the list has the person's own answers. Without one it is public where PUBLIC_PREDICTIONS is set.

    Raises
    ------
    SignInNeeded
        Nobody is signed in, and the list of everybody's answers is not public.
    Unavailable
        Who is signed in cannot be looked up.
    """
    # an admin may read everything, and has a list of own answers too
    person = access.person_id() if settings().needs_accounts else access.current().person
    if person is None and not access.current().everything:
        if is_uncertain():
            raise Unavailable("Accounts cannot be checked right now. Everything that needs no account works.")
        if not settings().public_predictions:
            raise SignInNeeded("Your answers are listed when you are signed in. Sign in, and try again.")
    (place,) = read_cursor(query.cursor, str) or (None,)
    slug = snapshot.current().resolve(query.species).slug if query.species is not None else None
    rows = tables.before(place, query.limit + 1, slug, person)
    page, cursor = cut_page(rows, query.limit, lambda row: (row.id,))
    cards = {row.model.id: registry.card_of(row.model) for row in page}
    items = []
    for row in page:
        try:
            items.append(stored_answer(row, cards[row.model.id]))
        except Unavailable:
            log.warning("prediction %s is damaged and is left out of a list", row.id)
    return PredictionPage(items=items, next=cursor), cards


def count_by_species(since: datetime, until: datetime) -> list[tuple[Species, int]]:
    """Return the number of predictions for each species that may be read in a period, largest first."""
    return tables.counts_by_species(*_ids_of(since, until))


def conditions_of_study(study_id: int, since: datetime, until: datetime, limit: int) -> list[tuple[Canonical, Kind]]:
    """Return the requested conditions of a study in a period with their kind of novelty, latest first."""
    rows = tables.latest_of_study(study_id, *_ids_of(since, until), limit)
    return [(row.environment, usage.kind_of(row.kind, row.inside)) for row in rows]


def stored_answer(row: Prediction, card: ModelCard) -> PredictionAnswer:
    """Return an answer from its row and the card of its model."""
    species, model = row.model.species, row.model
    refs = refs_of(species, model.id, model.version)
    try:
        part = StoredPart.model_validate(row.answer)
    except ValidationError as error:
        raise Unavailable("This stored answer is damaged and cannot be shown.") from error
    return assemble_answer(row.id, row.environment, row.created_at, part, refs, card, quality_of(card))


@contextmanager
def conditions_that_fit() -> Iterator[None]:
    """Raise Unavailable where stored conditions do not fit the model of their answer.

    The application stores none of this kind; a row may have been changed outside of it.
    """
    try:
        yield
    except (KeyError, EnvironmentValueError) as error:
        raise Unavailable("The stored conditions do not fit the model of this answer.") from error


def _ids_of(since: datetime, until: datetime) -> tuple[str, str]:
    """Return the first id of a period and the first id after it; ids have a resolution of one millisecond."""
    return tables.first_id_of(since), tables.first_id_of(until + timedelta(milliseconds=1))


@dataclass(frozen=True)
class StoredAnswer:
    """An answer, its model and the card of the model."""

    answer: PredictionAnswer
    model: ModelVersion | ModelEntry
    card: ModelCard


def find_or_none(prediction_id: str) -> StoredAnswer | None:
    """Return an answer that may be read from the outbox or the database, or None where neither has this id.

    Raises
    ------
    Unavailable
        The model of the answer cannot be looked up.
    """
    # RFC 9562: a UUID is read without regard to case.
    prediction_id = prediction_id.lower()
    if not _UUID.fullmatch(prediction_id):
        return None
    waiting = outbox().find(prediction_id)
    if waiting is not None:
        return _waiting_answer(waiting)
    row = tables.find(prediction_id)
    if row is None or not access.may(row.species.study, "read"):
        return None
    card = registry.card_of(row.model)
    return StoredAnswer(stored_answer(row, card), row.model, card)


def existing(ids: Collection[str]) -> set[str]:
    """Return which of some ids are those of answers, in the outbox or the database, whoever may read them."""
    waiting = {one for one in ids if outbox().find(one) is not None}
    return waiting | tables.existing(set(ids) - waiting)


def _waiting_answer(row: QueuedRow) -> StoredAnswer | None:
    species = snapshot.current().by_slug.get(row.species)
    if species is None:
        return None
    model = model_of(species.slug, row.model_id)
    if model is None:
        raise Unavailable("The model of this answer cannot be looked up right now.")
    card = registry.card_of(model)
    refs = refs_of(species, row.model_id, row.version)
    part = StoredPart.model_validate_json(row.answer)
    answer = assemble_answer(row.id, row.environment, row.created_at, part, refs, card, quality_of(card))
    return StoredAnswer(answer, model, card)


def model_of(slug: str, model_id: str) -> ModelVersion | ModelEntry | None:
    """Return a model of a species: from the snapshot where it answers, otherwise from the database."""
    species = snapshot.current().by_slug.get(slug)
    answering = species.answering(model_id) if species is not None else None
    return answering if answering is not None else registry_tables.find(model_id)
