"""The deletion of an account, with what its person chooses to delete along: studies and answers.

Studies and answers that stay keep the id of the account, which nobody has any more: admins manage the studies.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

from sqlalchemy import delete, select

from app.accounts import identity, removal, service
from app.accounts.tables import User
from app.catalogue.study_tables import Study, StudyPerson
from app.database.db import db
from app.errors import Conflict, ValidationFailed
from app.predictions import tables as predictions
from app.studies import changes
from app.studies.tables import StudyRecipe
from app.trail import recorder as trail
from app.trail.actions import Action

Fate = Literal["leave", "delete"]
FATES: tuple[Fate, ...] = get_args(Fate)
_REMOVE = Action("study.delete", "study")
_BATCH = 2000


@dataclass(frozen=True)
class OwnedStudy:
    """A study of a person; one with models cannot be deleted."""

    slug: str
    title: str
    has_models: bool


def read_fate(text: str, field: str) -> Fate:
    """Return a choice of a form.

    Raises
    ------
    ValidationFailed
    """
    for fate in FATES:
        if text == fate:
            return fate
    raise ValidationFailed([(f"/{field}", "choose one of the two")])


def owned(user_id: str) -> list[OwnedStudy]:
    """Return the studies that a person owns, by slug."""
    statement = (
        select(Study.id, Study.slug, Study.title, StudyRecipe.study_id)
        .join(StudyRecipe, StudyRecipe.study_id == Study.id, isouter=True)
        .where(Study.owner_id == user_id)
        .order_by(Study.slug)
    )
    # a study without a recipe consists of models
    return [
        OwnedStudy(slug, title, recipe is None or changes.n_models(study_id) > 0)
        for study_id, slug, title, recipe in db.session.execute(statement).all()
    ]


def delete_own(password: str, code: str, studies: Fate, answers: Fate) -> None:
    """Delete the account of the person who is signed in.

    Raises
    ------
    ValidationFailed
        The password or the code is wrong.
    TooManyRequests
        There were too many attempts.
    Conflict
        It is the last admin, a job of a study to delete is not finished, or the password was changed meanwhile. The
        account stays.
    """
    user_id, verified = service.confirm(password, code)
    remove(user_id, studies, answers, verified)
    identity.own_session().end()


def remove(user_id: str, studies: Fate, answers: Fate, verified: str | None = None) -> None:
    """Delete an account. What can be refused comes first, and the account last, so that a second try is possible.

    Parameters
    ----------
    user_id : str
    studies, answers : {"leave", "delete"}
    verified : str, optional
        Hash of the present password, where that has confirmed the deletion.

    Raises
    ------
    NotFound, Conflict
        As :func:`app.accounts.removal.remove`, or a job of a study to delete is not finished.
    """
    removal.check(user_id, verified)
    if studies == "delete":
        _remove_studies(user_id)
    if answers == "delete":
        while predictions.delete_of_person(user_id, _BATCH):
            pass
    trail.about("account", user_id, f"studies: {studies}; answers: {answers}")
    key = select(User.email_key).where(User.id == user_id).scalar_subquery()
    # what others share with the address names it
    db.session.execute(
        delete(StudyPerson).where(StudyPerson.email_key == key).execution_options(synchronize_session=False)
    )
    removal.remove(user_id, verified)


def _remove_studies(user_id: str) -> None:
    origin = trail.present_origin()
    for study in owned(user_id):
        if study.has_models:
            continue
        with trail.acting(replace(origin, action=_REMOVE, named=study.slug)):
            try:
                changes.remove(study.slug)
            except Conflict as error:
                raise Conflict(f"{study.title}: {error.detail} The account was not deleted.") from None
