"""The data of a person as one JSON document, written piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict

import orjson
from sqlalchemy import select

from app.accounts import keys
from app.accounts import service as accounts
from app.audit import service as audit
from app.catalogue.study_tables import Study
from app.confirmations.tables import Observation
from app.database.db import db
from app.database.types import now
from app.predictions import tables as predictions
from app.predictions.answers import shown_stored
from app.trail.details import without_others

FORMAT = 1
_BATCH = 500


def document(person_id: str) -> Iterator[bytes]:
    """Yield the pieces of the document: the account, and a list for each of `SECTIONS`."""
    head = {"format": FORMAT, "exported_at": now().isoformat(), "account": {"id": person_id, **_account()}}
    yield orjson.dumps(head)[:-1]
    for name, items in SECTIONS.items():
        yield b"," + orjson.dumps(name) + b":["
        for number, item in enumerate(items(person_id)):
            yield (b"," if number else b"") + item
        yield b"]"
    yield b"}\n"


def _account() -> dict[str, object]:
    found = accounts.detail()
    return {
        "email": found.email,
        "role": found.role,
        "created_at": found.created_at.isoformat(),
        "verified_at": found.verified_at.isoformat() if found.verified_at is not None else None,
        "last_sign_in_at": found.last_sign_in_at.isoformat() if found.last_sign_in_at is not None else None,
        "has_second_factor": found.has_second_factor,
    }


def _studies(person_id: str) -> Iterator[bytes]:
    """Yield the studies that the person owns."""
    statement = (
        select(Study.slug, Study.title, Study.visibility).where(Study.owner_id == person_id).order_by(Study.slug)
    )
    for row in db.session.execute(statement).all():
        yield orjson.dumps(row._asdict())


def _keys(person_id: str) -> Iterator[bytes]:
    """Yield the keys of the person, without what they prove themselves with."""
    for key in keys.browse(person_id):
        yield orjson.dumps(asdict(key))


def _answers(person_id: str) -> Iterator[bytes]:
    """Yield the stored answers of the person, latest first, with what the person may see now of where records are."""
    before = None
    while rows := predictions.of_person(person_id, before, _BATCH):
        for row in rows:
            about = {"id": row.id, "created_at": row.created_at, "species": row.slug, "model": row.model_id}
            answer = shown_stored(row.answer, row.study, is_readable=row.is_readable)
            yield orjson.dumps({**about, "environment": row.environment, "answer": answer})
        before = rows[-1].id


def _observations(person_id: str) -> Iterator[bytes]:
    """Yield the observations of the person."""
    # where a model was trained is the place of a record, which may be that of a sensitive species
    hidden = ("same_key", "moderator_id", "at_training_place")
    columns = [column for column in Observation.__table__.columns if column.name not in hidden]
    statement = select(*columns).where(Observation.observer_id == person_id).order_by(Observation.created_at)
    for row in db.session.execute(statement).all():
        yield orjson.dumps(dict(row._mapping))


def _audit(person_id: str) -> Iterator[bytes]:
    """Yield the lines of the audit trail. Where somebody else changed the account, they say not who and from where."""
    for line in audit.of_person(person_id):
        item = line.model_copy(update={"detail": without_others(line.detail, person_id)})
        if item.person is not None and item.person.id != person_id:
            item = item.model_copy(update={"person": None, "client": "", "request_id": ""})
        yield item.model_dump_json().encode()


#: Members of the document that are lists, and what yields their items as JSON.
SECTIONS: dict[str, Callable[[str], Iterator[bytes]]] = {
    "studies": _studies,
    "keys": _keys,
    "answers": _answers,
    "observations": _observations,
    "audit": _audit,
}
