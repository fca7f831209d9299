"""Lines of the audit trail, latest first; and the deletion of old ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, Select, delete, func, select
from sqlalchemy.orm import aliased

from app.accounts import users
from app.accounts.tables import User
from app.audit.schemas import AuditFilters, AuditItem, AuditPage, AuditPerson, AuditQuery
from app.database.db import db
from app.database.types import now
from app.errors import ValidationFailed
from app.trail import recorder as trail
from app.trail.actions import NAMES
from app.trail.tables import AuditDeletion, AuditLine
from app.web.paging import cut_page, read_cursor

_BATCH = 1000
_Row = tuple[AuditLine, str | None, str | None]
_Lines = Select[AuditLine, Any, Any]
COLUMNS = (
    "id",
    "at",
    "person_id",
    "person_email",
    "source",
    "client",
    "request_id",
    "action",
    "object_kind",
    "object_id",
    "object_email",
    "result",
    "status",
    "detail",
)


def browse(query: AuditQuery) -> AuditPage:
    """Return a page of lines, latest first.

    Raises
    ------
    ValidationFailed
        Nobody has the address, a moment is none, or the cursor is not of this list.
    """
    statement = _statement(query)
    position = read_cursor(query.cursor, str)
    rows = _rows(statement, _number(position[0]) if position is not None else None, query.limit + 1)
    page, cursor = cut_page(rows, query.limit, lambda row: (str(row[0].id),))
    return AuditPage(items=[_item(row) for row in page], next=cursor)


def of_person(person_id: str) -> Iterator[AuditItem]:
    """Yield the lines of what a person did, and of what was done to their account, latest first."""
    yield from _all(select_lines().where((AuditLine.person_id == person_id) | (AuditLine.object_id == person_id)))


def cells(filters: AuditFilters, most: int | None = None) -> Iterator[tuple[str | float | None, ...]]:
    """Yield lines as rows of a CSV file with `COLUMNS`, latest first.

    Raises
    ------
    ValidationFailed
        As `browse`.
    """
    for number, item in enumerate(_all(_statement(filters))):
        if number == most:
            return
        person = (item.person.id, item.person.email) if item.person is not None else (None, None)
        of_object = (item.object_kind, item.object_id, item.object_email)
        origin = (item.source, item.client, item.request_id, item.action)
        yield (item.id, item.at.isoformat(), *person, *origin, *of_object, item.result, item.status, item.detail)


def count_before(moment: datetime) -> int:
    """Return the number of lines before a moment."""
    return db.session.scalar(select(func.count()).select_from(AuditLine).where(AuditLine.at < moment)) or 0


def delete_before(moment: datetime) -> int:
    """Delete the lines before a moment, which leaves a row that says so; return their number.

    Raises
    ------
    sqlalchemy.exc.SQLAlchemyError
        The moment is within the last 30 days.
    """
    if not count_before(moment):
        return 0
    db.session.add(AuditDeletion(before=moment))
    trail.add("", "", f"lines before {moment:%Y-%m-%d %H:%M} UTC")
    db.session.commit()
    total = 0
    while True:
        oldest = select(AuditLine.id).where(AuditLine.at < moment).order_by(AuditLine.id).limit(_BATCH)
        statement = delete(AuditLine).where(AuditLine.id.in_(oldest))
        result = db.session.execute(statement, execution_options={"synchronize_session": False})
        db.session.commit()
        deleted = cast("CursorResult[Any]", result).rowcount
        total += deleted
        if deleted < _BATCH:
            return total


def limit_of(days: int) -> datetime:
    """Return the moment before which lines are older than a number of days."""
    return now() - timedelta(days=days)


def select_lines() -> _Lines:
    """Return the query of lines with the addresses of the people whose accounts exist."""
    person, subject = aliased(User), aliased(User)
    return (
        select(AuditLine, person.email, subject.email)
        .join(person, person.id == AuditLine.person_id, isouter=True)
        .join(subject, (subject.id == AuditLine.object_id) & (AuditLine.object_kind == "account"), isouter=True)
    )


def _statement(filters: AuditFilters) -> _Lines:
    statement = select_lines()
    if filters.person is not None:
        statement = statement.where(AuditLine.person_id == _id_of(filters.person, "person"))
    if filters.action is not None:
        statement = statement.where(_is_action(filters.action))
    if filters.object is not None:
        statement = statement.where(AuditLine.object_id == _id_of(filters.object, "object"))
    problems = []
    for name, compare in (("first", AuditLine.at.__ge__), ("end", AuditLine.at.__lt__)):
        try:
            moment = getattr(filters, name)
        except ValueError as error:
            problems.append((f"/{'since' if name == 'first' else 'until'}", str(error)))
        else:
            statement = statement.where(compare(moment)) if moment is not None else statement
    if problems:
        raise ValidationFailed(problems)
    return statement


def _is_action(text: str) -> ColumnElement[bool]:
    """Return the condition for an action with this name, or for all whose names begin with a text that is no name."""
    name = text.strip().lower()
    # study.share is also the beginning of study.share-no-more
    return AuditLine.action == name if name in NAMES else AuditLine.action.startswith(name, autoescape=True)


def _id_of(text: str, field: str) -> str:
    """Return the id of the account with an address; other texts are ids."""
    if "@" not in text or "/" in text:
        return text
    user = users.find(text)
    if user is None:
        raise ValidationFailed([(f"/{field}", "nobody has this address; of a deleted account give the id")])
    return user.id


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise ValidationFailed([("/cursor", "not a cursor this list has given out")])
    return int(text)


def _rows(statement: _Lines, before: int | None, limit: int) -> list[_Row]:
    if before is not None:
        statement = statement.where(AuditLine.id < before)
    rows = db.session.execute(statement.order_by(AuditLine.id.desc()).limit(limit))
    return [(line, email, object_email) for line, email, object_email in rows]


def _all(statement: _Lines) -> Iterator[AuditItem]:
    """Yield all lines, which are read page by page."""
    before: int | None = None
    while rows := _rows(statement, before, _BATCH):
        yield from map(_item, rows)
        before = rows[-1][0].id
        db.session.expunge_all()


def _item(row: _Row) -> AuditItem:
    line, email, object_email = row
    return AuditItem(
        id=line.id,
        at=line.at,
        person=AuditPerson(id=line.person_id, email=email) if line.person_id is not None else None,
        source=line.source,
        client=line.client,
        request_id=line.request_id,
        action=line.action,
        object_kind=line.object_kind,
        object_id=line.object_id,
        object_email=object_email,
        result=line.result,
        status=line.status,
        detail=line.detail,
    )
