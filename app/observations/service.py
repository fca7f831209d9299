"""Observations reported, listed and decided."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError

from app.accounts import users
from app.accounts.identity import visitor
from app.catalogue import snapshot
from app.confirmations import newer, own, search, tables
from app.confirmations.search import Filters
from app.confirmations.tables import Observation
from app.database.db import db
from app.errors import Conflict, FieldErrors, NotFound, ValidationFailed
from app.geography.index import band_of
from app.geography.queries import area_of
from app.learning import trigger
from app.observations.items import items_of
from app.observations.own_reports import refuse_own
from app.observations.schemas import (
    Decision,
    NewObservation,
    ObservationItem,
    ObservationPage,
    ObservationsQuery,
    State,
)
from app.observations.training_places import at_training_place
from app.predictions import service as predictions
from app.predictions import stored
from app.predictions.query_schemas import PredictionQuery
from app.predictions.schemas import PredictionAnswer
from app.predictions.tables import new_id
from app.web.input_validation import validate
from app.web.paging import read_cursor

#: Observations of one person that wait for an editor.
MOST_PENDING = 500


def report(new: NewObservation) -> ObservationItem:
    """Store an observation, with the prediction that the model gave.

    Parameters
    ----------
    new : NewObservation

    Raises
    ------
    ValidationFailed
        The prediction does not exist or is for a scenario; the species is unknown, or has no conditions at the place.
    Conflict
        The same person has reported the same before, or has too many observations that wait; no model answers.
    """
    answer = _answer_of(new)
    species = snapshot.current().by_slug.get(answer.species.slug)
    if species is None:
        raise Conflict("The species of this answer does not exist any more.")
    person = visitor()
    if person is not None and tables.n_pending_of(person.id) >= MOST_PENDING:
        raise Conflict(f"{MOST_PENDING} of your observations wait for an editor. Report more when they are decided.")
    place = answer.location
    row = Observation(
        id=new_id(),
        same_key=_same_key(person.id if person is not None else "", answer, new),
        species_id=species.id,
        model_id=answer.model.id,
        prediction_id=answer.id or None,
        present=new.outcome == "present",
        observed_on=new.date,
        latitude=place.latitude if place is not None else None,
        longitude=place.longitude if place is not None else None,
        band=band_of(place.latitude) if place is not None else None,
        environment=answer.environment,
        suitability=answer.suitability,
        low=answer.interval[0],
        high=answer.interval[1],
        inside=answer.novelty.in_area_of_applicability,
        at_training_place=at_training_place(answer),
        minutes=new.effort.minutes,
        people=new.effort.people,
        photo=new.photo,
        note=new.note,
        observer_id=person.id if person is not None else None,
    )
    try:
        own.free_key(row.same_key)
        db.session.add(row)
        db.session.commit()
    except IntegrityError as error:
        db.session.rollback()
        if "same_key" not in str(error.orig):
            raise Conflict("The species or the model of this answer was removed in the meantime.") from None
        raise Conflict("You have reported this species at this place and on this day already.") from None
    return items_of([row])[0]


def _answer_of(new: NewObservation) -> PredictionAnswer:
    """Return the answer that an observation is about: a stored one, or that of the active model at the place."""
    if new.prediction is not None:
        if new.species is not None or new.location is not None:
            raise ValidationFailed([("/prediction", "give a prediction, or a species and a location, not both")])
        found = stored.find_or_none(new.prediction)
        if found is None:
            raise ValidationFailed([("/prediction", "there is no such prediction")])
        if found.answer.scenario is not None:
            text = "is for a scenario; only an answer for the conditions of the training can be confirmed"
            raise ValidationFailed([("/prediction", text)])
        return found.answer
    missing: list[tuple[str, str]] = []
    if new.species is None:
        missing.append(("/species", "a value is needed, or a prediction"))
    if new.location is None:
        missing.append(("/location", "a value is needed, or a prediction"))
    if missing:
        raise ValidationFailed(missing)
    query = validate(PredictionQuery, {"species": new.species, "location": new.location})
    return predictions.preview(query).answer


def _same_key(person: str, answer: PredictionAnswer, new: NewObservation) -> str:
    """Return a hash of what one person reports once. A place counts with five decimals, about a metre."""
    place = answer.location
    where = f"{place.latitude:.5f},{place.longitude:.5f}" if place is not None else f"prediction {answer.id}"
    parts = (person, answer.species.slug, where, new.date.isoformat())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def browse(query: ObservationsQuery) -> ObservationPage:
    """Return a page of observations, latest first.

    Raises
    ------
    ValidationFailed
        No species has the name, an area cannot be read, or the cursor is not one of this list.
    """
    (after,) = read_cursor(query.cursor, str) or (None,)
    species = None if query.species is None else snapshot.current().resolve(query.species, query.study).slug
    filters = Filters(study=query.study, species=species, state=query.state, area=area_of(query))
    found = search.search(filters, after, query.limit)
    return ObservationPage(items=_with_deciders(found.rows), next=found.next)


def _with_deciders(rows: Sequence[Observation]) -> list[ObservationItem]:
    """Return observations with the addresses of those who decided, for people who may decide too."""
    people = users.addresses_of({row.moderator_id for row in rows if row.moderator_id is not None})
    return [
        item.model_copy(update={"moderated_by": people.get(row.moderator_id or "")})
        for row, item in zip(rows, items_of(rows), strict=True)
    ]


def decide(observation_id: str, decision: Decision) -> ObservationItem:
    """Accept or refuse an observation, or let it wait again.

    Raises
    ------
    NotFound
        There is no such observation.
    NotPermitted
        The person has reported it, and may not change its study.
    ValidationFailed
        A refusal has no reason.
    Conflict
        Its state is another one than the decision was made on.
    """
    reason = _reason(decision.state, decision.reason)
    earlier = tables.find(observation_id)
    if earlier is None:
        raise NotFound("There is no such observation.")
    refuse_own([earlier])
    changed = _decide([observation_id], decision.was, decision.state, reason)
    row = tables.find(observation_id)
    if row is None:
        raise NotFound("There is no such observation.")
    if not changed and row.withdrawn_at is not None:
        raise Conflict("Whoever reported it has withdrawn it.")
    if not changed:
        raise Conflict(f"Somebody else has decided it in the meantime: it is {row.state}.")
    return _with_deciders([row])[0]


@dataclass(frozen=True)
class Decided:
    """How many observations a decision changed, and how many it was made on."""

    changed: int
    chosen: int


def decide_several(ids: Sequence[str], was: State, state: State, reason: str) -> Decided:
    """Decide several observations at once; those with another state by now stay as they are.

    Raises
    ------
    ValidationFailed
        None was chosen, or a refusal has no reason.
    NotFound
        One of them does not exist. None is decided.
    NotPermitted
        The person has reported one of them, and may not change its study. None is decided.
    """
    errors: list[tuple[str, str]] = []
    if not ids:
        errors.append(("/ids", "choose at least one observation"))
    try:
        reason = _reason(state, reason)
    except ValidationFailed as error:
        errors += error.errors
    if errors:
        raise ValidationFailed(errors)
    chosen = list(dict.fromkeys(ids))
    # PostgreSQL takes no text with a zero byte
    found = tables.find_all([one for one in chosen if "\0" not in one])
    if len(found) < len(chosen):
        raise NotFound("There is no such observation.")
    refuse_own(found)
    return Decided(_decide(chosen, was, state, reason), len(chosen))


def _decide(ids: Sequence[str], was: State | None, state: State, reason: str) -> int:
    changed = tables.decide(ids, was, state, reason, _moderator())
    if changed:
        newer.publish()
    if changed and state == "accepted":
        trigger.after_acceptance(ids)
    return changed


def _reason(state: State, reason: str) -> str:
    text = reason.strip()
    if state == "refused" and not text:
        needed: FieldErrors = [("/reason", "a refusal needs a reason")]
        raise ValidationFailed(needed)
    return text if state == "refused" else ""


def _moderator() -> str | None:
    person = visitor()
    return person.id if person is not None else None
