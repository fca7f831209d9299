"""Lines of the audit trail, written in the transaction of the change that they are about.

A session watches which tables a transaction changes. Before it commits, it adds the line of the request, command or job
that it works for; where the line cannot be written, nothing is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NamedTuple

import click
from flask import Flask, Response, current_app, g, has_app_context, has_request_context, request
from sqlalchemy import event, insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import ORMExecuteState, Session

from app.database.db import RoutingSession, db
from app.throttled_log import ThrottledLog
from app.trail.actions import COMMANDS, ENDPOINTS, TABLES, Action, identity_of
from app.trail.tables import LONGEST_DETAIL, LONGEST_OBJECT, AuditLine, Result, Source

log = logging.getLogger(__name__)
_failure = ThrottledLog(log)
_CHANGED, _PENDING = "changed by this transaction", "lines of this transaction"
_MOST_OBJECTS = 200
_SENDER = "ecopredict_trail_sender"
_API = "/api/"


class Sender(NamedTuple):
    """Who sends the present request: the id of the account, or None, and the client."""

    person_id: str | None
    client: str


_NOBODY = Sender(None, "")


class Subject(NamedTuple):
    """What a change is about."""

    kind: str
    id: str
    detail: str = ""


@dataclass(frozen=True)
class Origin:
    """What a line says about the request, command or job.

    Attributes
    ----------
    action : Action or None
        None where changes are not recorded.
    source : Source
    request_id : str
    sender : Sender
    named : str
        Id of the object, as the address or the command names it; "" where they do not.
    """

    action: Action | None
    source: Source
    request_id: str = ""
    sender: Sender = _NOBODY
    named: str = ""


_acting: ContextVar[Origin | None] = ContextVar("origin of changes", default=None)


def init_app(app: Flask, sender: Callable[[], Sender]) -> None:
    """Record changes; ``sender`` tells who sends the present request, without a query to the database."""
    app.extensions[_SENDER] = sender
    app.after_request(_record_refusal)


def about(kind: str, object_id: str, detail: str = "") -> None:
    """Say what the changes of this request or command are about, where the address does not."""
    g.trail_subject = Subject(kind, object_id, detail)


def add(kind: str = "", object_id: str = "", detail: str = "") -> None:
    """Add a line to the present transaction, for a change of what is not watched. The caller commits.

    Statements on watched tables that are part of something else are executed with the option ``unwatched``.
    """
    origin = present_origin()
    if origin.action is not None:
        subject = Subject(kind, object_id, detail) if object_id or detail else _subject(origin, [])[0]
        _write(db.session(), origin, subject)


def carried(work: Callable[[], object]) -> Callable[[], object]:
    """Return work for another thread, whose changes are recorded as those of the present request."""
    origin = present_origin()

    def carry() -> object:
        with acting(origin):
            return work()

    return carry


@contextmanager
def acting(origin: Origin) -> Iterator[None]:
    """Record the changes within a ``with`` statement as those of an origin."""
    token = _acting.set(origin)
    try:
        yield
    finally:
        _acting.reset(token)


def present_origin() -> Origin:
    """Return what works at present: a request, a command, a job, or another program."""
    carried_origin = _acting.get()
    if carried_origin is not None:
        return carried_origin
    if has_request_context():
        return _origin_of_request()
    command = click.get_current_context(silent=True)
    if command is not None:
        name = _name_of(command)
        action = COMMANDS.get(name, Action(name))
        return Origin(action, "command", named=_named(action, command.params))
    return Origin(Action("program"), "program")


def _origin_of_request() -> Origin:
    endpoint = request.endpoint or "none"
    # the name of the endpoint, where a change of a watched table was not foreseen
    action = ENDPOINTS.get(endpoint, Action(endpoint))
    source: Source = "api" if request.path.startswith(_API) else "web"
    sender: Callable[[], Sender] = current_app.extensions[_SENDER]
    return Origin(action, source, g.get("request_id", ""), sender(), _named(action, request.view_args or {}))


def _name_of(command: click.Context) -> str:
    names: list[str] = []
    part: click.Context | None = command
    while part is not None:
        names.insert(0, part.info_name or "")
        part = part.parent
    return " ".join(names[1:])


def _named(action: Action | None, values: dict[str, Any]) -> str:
    if action is None:
        return ""
    return "/".join(str(values[name]) for name in action.arguments if values.get(name) is not None)


def _subject(origin: Origin, changed: list[tuple[str, str]]) -> list[Subject]:
    """Return what the line or the lines of a transaction are about, from the surest to the least sure source."""
    action = origin.action
    kind = action.kind if action is not None else ""
    stated: Subject | None = g.get("trail_subject") if has_app_context() else None
    if stated is not None:
        return [stated]
    if origin.named:
        return [Subject(kind, origin.named)]
    of_kind = [one for one in changed if one[0] == kind] or changed
    if of_kind:
        return [_located(Subject(*one)) for one in of_kind[:_MOST_OBJECTS]]
    if kind == "account":
        return [Subject(kind, origin.sender.person_id or "")]
    return [Subject("", "")]


def _located(subject: Subject) -> Subject:
    """Return a file with the study that it belongs to."""
    slug = (request.view_args or {}).get("slug") if has_request_context() and subject.kind == "file" else None
    return subject._replace(id=f"{slug}/{subject.id}") if slug else subject


def _write(
    session: Session, origin: Origin, subject: Subject, result: Result = "done", status: int | None = None
) -> None:
    assert origin.action is not None  # noqa: S101
    key = origin.action.name, subject, result
    written: set[object] = g.setdefault("trail_written", set())
    pending: set[object] = session.info.setdefault(_PENDING, set())
    # a request that commits twice has one line
    if key in written or key in pending:
        return
    pending.add(key)
    session.execute(
        insert(AuditLine).values(
            person_id=origin.sender.person_id,
            source=origin.source,
            client=origin.sender.client,
            request_id=origin.request_id[:64],
            action=origin.action.name[:80],
            object_kind=subject.kind,
            object_id=subject.id[:LONGEST_OBJECT],
            result=result,
            status=status,
            detail=subject.detail[:LONGEST_DETAIL],
        )
    )


def _record_refusal(response: Response) -> Response:
    """Write a line about a change that was refused: to somebody who is signed in, or a sign-in."""
    status = response.status_code
    action = ENDPOINTS.get(request.endpoint or "")
    # 429: the limits would otherwise bound how much is written, and this would not be bounded
    if action is None or not 400 <= status < 500 or status == 429:
        return response
    origin = _origin_of_request()
    # of a stranger only what counts as an attempt, because attempts are limited
    if origin.sender.person_id is None and not (action.is_sign_in and g.get("counted_attempt")):
        return response
    try:
        db.session.rollback()
        _write(db.session(), origin, _subject(origin, [])[0], "refused", status)
        db.session.commit()
    except SQLAlchemyError as error:
        # nothing was changed, so the response stays a refusal
        _failure.warning("a refusal is missing in the audit trail: %s", type(error).__name__)
        db.session.rollback()
    return response


def _is_watched(table: str | None) -> bool:
    # a table that is missing in the list is watched
    return table is not None and TABLES.get(table, "watched") == "watched"


def _changed(session: Session, identity: tuple[str, str] | None) -> None:
    objects: dict[tuple[str, str], None] = session.info.setdefault(_CHANGED, {})
    if identity is not None:
        objects[identity] = None


@event.listens_for(RoutingSession, "do_orm_execute")
def _watch_statement(state: ORMExecuteState) -> Any:
    if not (state.is_update or state.is_delete or state.is_insert):
        return None
    table = getattr(state.statement, "table", None)
    if state.execution_options.get("unwatched") or not _is_watched(getattr(table, "name", None)):
        return None
    result: Any = state.invoke_statement()
    if getattr(result, "rowcount", -1) != 0:
        _changed(state.session, None)
    return result


@event.listens_for(RoutingSession, "after_flush")
def _watch_flush(session: Session, _context: object) -> None:
    for row in (*session.new, *session.dirty, *session.deleted):
        if _is_watched(row.__tablename__) and (row not in session.dirty or session.is_modified(row)):
            _changed(session, identity_of(row))


@event.listens_for(RoutingSession, "before_commit")
def _write_lines(session: Session) -> None:
    session.flush()
    changed: dict[tuple[str, str], None] | None = session.info.pop(_CHANGED, None)
    if changed is None:
        return
    origin = present_origin()
    if origin.action is not None:
        for subject in _subject(origin, list(changed)):
            _write(session, origin, subject)


@event.listens_for(RoutingSession, "after_commit")
def _remember(session: Session) -> None:
    pending: set[object] = session.info.pop(_PENDING, set())
    if pending:
        g.setdefault("trail_written", set()).update(pending)


@event.listens_for(RoutingSession, "after_rollback")
def _forget(session: Session) -> None:
    session.info.pop(_PENDING, None)
    session.info.pop(_CHANGED, None)
