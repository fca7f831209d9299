"""How many studies of own data there may be, so that whoever creates all that they may leaves room for others."""

from __future__ import annotations

from sqlalchemy import func, select

from app.accounts.identity import may
from app.catalogue import access
from app.catalogue.study_tables import Study
from app.database.db import db
from app.errors import Conflict
from app.studies.tables import StudyRecipe

#: Studies of own data in one installation.
MOST_STUDIES = 200
#: Of these, studies that one person owns who is no admin, and those that only admins may add.
MOST_OF_PERSON, KEPT_FOR_ADMINS = 50, 20


def refuse_too_many() -> None:
    """Refuse one more study where there are too many.

    Raises
    ------
    Conflict
        There are too many in all, or the person owns too many.
    """
    counted = select(func.count()).select_from(StudyRecipe)
    number = db.session.scalar(counted) or 0
    is_admin, owner = may("admin"), access.owner_of_new()
    if number >= MOST_STUDIES - (0 if is_admin else KEPT_FOR_ADMINS):
        more = "no more are possible" if is_admin else "only admins add more"
        raise Conflict(f"There are {number} studies of own data, and {more}. Delete one first.")
    if is_admin or owner is None:
        return
    own_number = db.session.scalar(counted.join(Study, Study.id == StudyRecipe.study_id).where(Study.owner_id == owner))
    if (own_number or 0) >= MOST_OF_PERSON:
        raise Conflict(
            f"You own {own_number} studies, and a person creates no more. Delete one, or pass one on, first."
        )
