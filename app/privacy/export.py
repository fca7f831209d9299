"""The data of a person as one JSON document, written piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import orjson
from sqlalchemy import select

from app.accounts import service as accounts
from app.audit import service as audit
from app.catalogue.studies import Study
from app.database.db import db
from app.database.types import now
from app.trail.tables import AuditLine

FORMAT = 1


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
        "has_second_factor": found.has_second_factor,
    }


def _studies(person_id: str) -> Iterator[bytes]:
    """Yield the studies that the person created and that exist."""
    created = select(AuditLine.object_id).where(
        AuditLine.person_id == person_id, AuditLine.action == "study.create", AuditLine.result == "done"
    )
    statement = select(Study.slug, Study.title).where(Study.slug.in_(created)).order_by(Study.slug)
    for slug, title in db.session.execute(statement).all():
        yield orjson.dumps({"slug": slug, "title": title})


def _audit(person_id: str) -> Iterator[bytes]:
    """Yield the lines of the audit trail. Where somebody else changed the account, they say not who and from where."""
    for item in audit.of_person(person_id):
        if item.person is not None and item.person.id != person_id:
            item = item.model_copy(update={"person": None, "client": "", "request_id": ""})
        yield item.model_dump_json().encode()


#: Members of the document that are lists, and what yields their items as JSON.
SECTIONS: dict[str, Callable[[str], Iterator[bytes]]] = {"studies": _studies, "audit": _audit}
