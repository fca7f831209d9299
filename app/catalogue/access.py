"""Who may read and change a study with everything that is derived from it: the one place that decides it.

Files, records, layers, trainings, jobs, models, maps and answers have the visibility of their study. In development and
in tests, and for commands and jobs, everything is open.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from flask import current_app, g, has_request_context, request
from sqlalchemy import ColumnElement, and_, exists, or_, select, true

from app.accounts import identity
from app.accounts.identity import Visitor, load, visitor
from app.accounts.needs import PREDICTING
from app.accounts.scopes import covers
from app.catalogue.study_tables import Study, StudyPerson
from app.database.connections import reading_replica
from app.database.db import db

#: What a person may do, from the least to the most: read; change; decide who may read, and delete.
Level = Literal["read", "edit", "own"]
_LEVELS: tuple[Level, ...] = get_args(Level)


@dataclass(frozen=True)
class Access:
    """What the present request may do.

    Attributes
    ----------
    everything : bool
        Whether it may do everything with every study.
    person : str or None
        Id of the person.
    levels : mapping of str to str
        Levels by the slugs of the studies of which the person is the owner, or that are shared with the person.
    exact : frozenset of str
        Slugs of studies whose places the person sees exactly without being an editor, because the owner says so.
    """

    everything: bool = False
    person: str | None = None
    levels: Mapping[str, Level] = field(default_factory=dict)
    exact: frozenset[str] = frozenset()


_ASKED_BEFORE_PREDICTING: Final = frozenset({"species_api.browse", "species_api.detail"})
_EVERYTHING: Final = Access(everything=True)
_NOBODY: Final = Access()


def current() -> Access:
    """Return what the present request may do, looked up once. The response depends on the person from now on."""
    if not _is_limited():
        return _EVERYTHING
    person = visitor()
    if person is None or not _reads(person):
        return _NOBODY
    if person.role == "admin":
        return _EVERYTHING
    found: Access | None = g.get("study_access")
    if found is None:
        found = g.study_access = _granted_to(person)
    return found


def _reads(person: Visitor) -> bool:
    """Return whether what is private to a person is open to the present request.

    A key without the scope for reading predicts for private species, and looks up what they ask for, nothing else.
    """
    if _has_scope_to_read(person):
        return True
    return request.endpoint in PREDICTING or request.endpoint in _ASKED_BEFORE_PREDICTING


def _has_scope_to_read(person: Visitor) -> bool:
    return person.scopes is None or covers(person.scopes, "read")


def forget() -> None:
    """Look up again what the present request may do, after a change."""
    g.pop("study_access", None)
    g.pop("studies_without_owner", None)


def person_id() -> str | None:
    """Return the id of the person who sends the present request, or None. The response does not depend on it."""
    person = load() if has_request_context() else None
    return person.id if person is not None else None


def owner_of_new() -> str | None:
    """Return the id of the owner of what the present request creates: nobody's in development and by a command."""
    return person_id() if _is_limited() else None


def own_key(key: str | None) -> str | None:
    """Return an idempotency key as it is stored: the same key of two people is not the same."""
    owner = owner_of_new()
    if key is None or owner is None:
        return key
    return hashlib.sha256(f"{owner}:{key}".encode()).hexdigest()


def visibility_of_new() -> Literal["private", "public"]:
    """Return the visibility of a study that the present request creates."""
    return "private" if owner_of_new() is not None else "public"


def may(study: Study, level: Level) -> bool:
    """Return whether the present request may do something with a study and what is derived from it."""
    if level == "read" and study.visibility == "public":
        return True
    granted = level_of(study)
    return granted is not None and _LEVELS.index(granted) >= _LEVELS.index(level)


def level_of(study: Study) -> Level | None:
    """Return the most that the present request may do with a study, or None."""
    access = current()
    if access.everything:
        return "own"
    return access.levels.get(study.slug) or ("read" if study.visibility == "public" else None)


def readable() -> ColumnElement[bool]:
    """Return the condition on `Study` that selects the studies that the present request may read."""
    access = current()
    if access.everything:
        return true()
    public = Study.visibility == "public"
    return or_(public, Study.slug.in_(list(access.levels))) if access.levels else public


def moderated() -> ColumnElement[bool]:
    """Return the condition on `Study` that selects those whose observations an editor may read and decide.

    These are the studies that the person may change, and public studies without an owner.
    """
    access = current()
    if access.everything:
        return true()
    changed = [slug for slug, level in access.levels.items() if level in ("edit", "own")]
    return or_(and_(Study.owner_id.is_(None), Study.visibility == "public"), Study.slug.in_(changed))


def edits(slug: str) -> bool:
    """Return whether the present request may change a study, without a look at the study."""
    granted = current()
    return identity.may("editor") and (granted.everything or granted.levels.get(slug) in ("edit", "own"))


def sees_places(slug: str) -> bool:
    """Return whether the present request sees the places of a study's records as they are.

    Its owner and editors do, those whom the owner names, admins, and editors for a public study that never had an
    owner. A key without the scope for reading sees none of them, also where it predicts for a private species.
    """
    granted = current()
    person = visitor() if _is_limited() else None
    if person is not None and not _has_scope_to_read(person):
        return False
    if granted.everything or granted.levels.get(slug) in ("edit", "own") or slug in granted.exact:
        return True
    return granted.person is not None and identity.may("editor") and _has_no_owner(slug)


def may_mark(study: Study) -> bool:
    """Return whether the present request decides which species of a study are sensitive.

    Its owner and admins do, and for a study without an owner its editors, and editors where it is public.
    """
    if may(study, "own"):
        return True
    return study.owner_id is None and (may(study, "edit") or (study.visibility == "public" and identity.may("editor")))


def hides_some() -> bool:
    """Return whether a list of the present request may lack studies."""
    return not current().everything


def _is_limited() -> bool:
    return has_request_context() and bool(current_app.config["SETTINGS"].needs_accounts)


def _has_no_owner(slug: str) -> bool:
    """Return whether a study is public and nobody owns it, looked up once."""
    known: dict[str, bool] = g.setdefault("studies_without_owner", {})
    if slug not in known:
        is_one = exists().where(Study.slug == slug, Study.owner_id.is_(None), Study.visibility == "public")
        known[slug] = bool(db.session.scalar(select(is_one)))
    return known[slug]


def _granted_to(person: Visitor) -> Access:
    shared = and_(StudyPerson.study_id == Study.id, StudyPerson.email_key == person.email.lower())
    query = (
        select(Study.slug, Study.owner_id, Study.visibility, StudyPerson.role, StudyPerson.exact_places)
        .outerjoin(StudyPerson, shared)
        .where(or_(Study.owner_id == person.id, StudyPerson.role.is_not(None)))
    )
    # a replica may not know yet that somebody was removed
    with reading_replica(False):
        rows = db.session.execute(query).all()
    levels: dict[str, Level] = {}
    exact = {slug for slug, _, visibility, _, sees_exactly in rows if sees_exactly and visibility != "private"}
    for slug, owner, visibility, role, _ in rows:
        if owner == person.id:
            levels[slug] = "own"
        elif role == "owner" or (role == "editor" and visibility != "private"):
            levels[slug] = "edit"
        elif visibility != "private":
            levels[slug] = "read"
    return Access(person=person.id, levels=levels, exact=frozenset(exact))
