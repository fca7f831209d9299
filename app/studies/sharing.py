"""The owner of a study, who may read it, and the people that it is shared with.

People are named by address. Whether the address has an account is told to nobody but admins, by the audit trail:
whoever has it, now or later, may read the study.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from flask import request
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError

from app.accounts import users
from app.accounts.identity import visitor
from app.accounts.roles import includes
from app.accounts.tables import User
from app.catalogue import access, studies
from app.catalogue.snapshot import snapshot_file
from app.catalogue.study_tables import PersonRole, Study, StudyPerson, Visibility
from app.database.db import db
from app.errors import Conflict, NotFound, NotPermitted, SignInNeeded, Unavailable, ValidationFailed
from app.studies.sharing_schemas import NamedPerson, StudyPeople
from app.studies.sharing_words import added, sentence
from app.trail import details
from app.trail import recorder as trail
from app.web.faces import settings

log = logging.getLogger(__name__)
#: People that one study is shared with.
MOST_PEOPLE = 100


def read(slug: str) -> StudyPeople:
    """Return who owns a study, who may read it, and the people that it is shared with.

    Raises
    ------
    NotFound
        There is no such study.
    """
    study = _found(slug)
    return StudyPeople(
        visibility=study.visibility,
        owner=_address_of(study.owner_id),
        items=[
            NamedPerson(id=one.id, email=one.email, role=one.role, exact_places=one.exact_places)
            for one in _people_of(study.id)
        ],
    )


def change_visibility(slug: str, visibility: Visibility) -> None:
    """Decide who may read a study.

    Raises
    ------
    NotFound, NotPermitted
        There is no such study, or it belongs to somebody else.
    Unavailable
        Processes that answer predictions could not be told; the same request tells them again.
    """
    study = _found(slug)
    if not access.may(study, "own"):
        raise NotPermitted("Only the owner of this study and admins decide who may read it.")
    if study.visibility != visibility:
        trail.about("study", slug, f"visibility {visibility}, before {study.visibility}")
        study.visibility = visibility
        db.session.commit()
        log.info("study %s is %s", slug, visibility)
    access.forget()
    try:
        snapshot_file().write()
    except OSError as error:
        raise Unavailable(
            f"The study is {visibility} for pages of studies, but the list of models could not be written, so that "
            "its models are answered as before. Send the same again."
        ) from error


def put(slug: str, email: str, role: PersonRole, *, exact_places: bool = False) -> str:
    """Share a study with an address, or give the address another role.

    With `exact_places` a reader sees places exactly although a species of the study is sensitive.

    Returns
    -------
    str
        Id of the share.

    Raises
    ------
    NotFound
        There is no such study.
    ValidationFailed
        It is no address, or that of the owner.
    Conflict
        The study is shared with too many people.
    """
    study, email = _found(slug), users.read_email(email)
    key = email.lower()
    if key == (_address_of(study.owner_id) or "").lower():
        raise ValidationFailed([("/email", "is the address of the owner")])
    people = _people_of(study.id)
    row = next((one for one in people if one.email_key == key), None)
    if row is None and len(people) >= MOST_PEOPLE:
        raise Conflict(f"A study is shared with {MOST_PEOPLE} people at most. Remove somebody first.")
    earlier = (row.role, row.exact_places) if row is not None else (role, exact_places)
    if row is None:
        row = StudyPerson(study_id=study.id, email=email, email_key=key, role=role, exact_places=exact_places)
        db.session.add(row)
    else:
        row.role, row.exact_places = role, exact_places
    try:
        db.session.flush()
        _tell(study, row, earlier)
        share_id = row.id
        db.session.commit()
    except IntegrityError:
        # two requests at the same time
        db.session.rollback()
        raise Conflict(
            "Somebody shared the study with this address at the same time. Look at the list again."
        ) from None
    log.info("study %s is shared with one more person or in another role", slug)
    return share_id


def remove(slug: str, person_id: str) -> None:
    """Share a study no longer with a person.

    Raises
    ------
    NotFound
        There is no such study, or it is not shared with this person.
    """
    study = _found(slug)
    # PostgreSQL takes no text with a zero byte
    wanted = person_id.replace("\0", "")[:36]
    row = next((one for one in _people_of(study.id) if one.id == wanted), None)
    if row is not None:
        _tell(study, row, (row.role, row.exact_places))
    statement = delete(StudyPerson).where(StudyPerson.study_id == study.id, StudyPerson.id == wanted)
    result = db.session.execute(statement.execution_options(synchronize_session=False))
    db.session.commit()
    if not result.rowcount:  # type: ignore[attr-defined]  # of a DELETE
        raise NotFound("The study is not shared with this person.")
    log.info("study %s is shared with one person less", slug)


def page_context(study: Study | None, refused: Mapping[str, str]) -> dict[str, object]:
    """Return what the page of a study shows of its sharing; nothing in development, where nobody owns anything.

    Parameters
    ----------
    study : Study or None
    refused : mapping of str to str
        Values and messages of a form that comes back.
    """
    is_shown = study is not None and settings().needs_accounts
    people = read(study.slug) if study is not None and is_shown and access.may(study, "own") else None
    return {
        "visibility": study.visibility if study is not None else "public",
        "people": people,
        "sharing_now": _now(people) if people is not None and request.args.get("done") == "sharing" else "",
        "sharing": refused,
        "is_offered": study is not None and is_shown and is_offered(study),
    }


def _now(people: StudyPeople) -> str:
    """Return what the last change was, where it was about a person, and who can read the study now."""
    wanted = request.args.get("person")
    person = next((one for one in people.items if one.id == wanted), None)
    return sentence(people) if person is None else f"{added(person, people.visibility)} {sentence(people)}"


def is_offered(study: Study) -> bool:
    """Return whether the person who asks may become the owner of a study."""
    person = visitor()
    return person is not None and any(
        one.role == "owner" and one.email_key == person.email.lower() for one in _people_of(study.id)
    )


def take_over(slug: str) -> None:
    """Make the person who asks the owner of a study that was offered. All other offers of it end.

    The owner until then is named as an editor, who has access unless the study is private.

    Raises
    ------
    NotFound
        There is no such study.
    SignInNeeded, NotPermitted
        Nobody is signed in, or nobody has offered the study to the person.
    Conflict
        The study has got another owner at the same time.
    """
    study = _found(slug)
    person = visitor()
    if person is None:
        raise SignInNeeded("A study is taken over by a person with an account. Sign in, and try again.")
    if not is_offered(study):
        raise NotPermitted("Nobody has offered you this study.")
    _pass_on(study, person.id, person.email)


def set_owner(slug: str, email: str) -> Study:
    """Make a person the owner of a study, by an operator.

    Raises
    ------
    NotFound
        There is no such study, or nobody has this address.
    Conflict
        The role of the person allows no changes of studies.
    """
    study, user = _found(slug), users.get(email)
    if not includes(user.role, "editor"):
        raise Conflict(f"{user.email} is {user.role}, and an owner needs the role editor; see users role --help")
    if study.owner_id != user.id:
        _pass_on(study, user.id, user.email)
    return study


def _pass_on(study: Study, user_id: str, email: str) -> None:
    before, before_email = study.owner_id, _address_of(study.owner_id)
    owners = [f"account {one}" if one is not None else "nobody" for one in (user_id, before)]
    is_unchanged = Study.owner_id == before if before is not None else Study.owner_id.is_(None)
    statement = update(Study).where(Study.id == study.id, is_unchanged).values(owner_id=user_id)
    result = db.session.execute(statement.execution_options(synchronize_session=False))
    if not result.rowcount:  # type: ignore[attr-defined]  # of an UPDATE
        db.session.rollback()
        raise Conflict("The study has got another owner at the same time. Look at it again.")
    keys = [one.lower() for one in (email, before_email) if one is not None]
    named = delete(StudyPerson).where(StudyPerson.study_id == study.id, StudyPerson.email_key.in_(keys))
    db.session.execute(named.execution_options(synchronize_session=False))
    # whoever the earlier owner offered the study to may not take it from the new one
    offers = update(StudyPerson).where(StudyPerson.study_id == study.id, StudyPerson.role == "owner")
    db.session.execute(offers.values(role="editor").execution_options(synchronize_session=False))
    if before_email is not None:
        row = StudyPerson(study_id=study.id, email=before_email, email_key=before_email.lower(), role="editor")
        db.session.add(row)
    trail.about("study", study.slug, f"owner is {owners[0]}, before {owners[1]}")
    db.session.commit()
    access.forget()
    log.info("study %s has another owner", study.slug)


def _tell(study: Study, row: StudyPerson, earlier: tuple[PersonRole, bool]) -> None:
    """Let the line of the audit trail say whom a change is about, the role, and whether places are exact."""
    account = users.find(row.email)
    places = ["yes" if exact else "no" for exact in (row.exact_places, earlier[1])]
    said = details.changed("role", row.role, earlier[0]), details.changed("exact places", *places)
    whom = details.share(row.id, account.id if account is not None else None)
    trail.about("study", study.slug, f"{whom}: {'; '.join(said)}")


def _found(slug: str) -> Study:
    study = studies.find(slug)
    if study is None:
        raise NotFound(f"There is no study “{slug[:100]}”.")
    return study


def _people_of(study_id: int) -> Sequence[StudyPerson]:
    query = select(StudyPerson).where(StudyPerson.study_id == study_id).order_by(func.lower(StudyPerson.email))
    return db.session.scalars(query).all()


def _address_of(user_id: str | None) -> str | None:
    return db.session.scalar(select(User.email).where(User.id == user_id)) if user_id is not None else None
