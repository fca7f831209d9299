"""What of a map is not for everybody where a species of its study is sensitive."""

from __future__ import annotations

from flask import Response
from sqlalchemy.exc import SQLAlchemyError

from app.catalogue import sensitive
from app.components import component
from app.database.db import db
from app.errors import NotFound, Unavailable
from app.maps.details import WITHHELD
from app.maps.studies import MapStudies
from app.web.faces import keep_private

_WHY = (
    "This map shows neither the dissimilarity index nor MESS, because a species of its study is sensitive and they "
    "mark its records."
)


def grid_of(map_id: str) -> int | None:
    """Return the grid on which the present request sees places of a map's study in km; None: as they are.

    Raises
    ------
    Unavailable
        The database does not answer, and there are studies with sensitive species.
    """
    study = _study_of(map_id)
    return sensitive.grid_for(study) if study is not None else None


def refuse(map_id: str, quantity: str) -> None:
    """Refuse a quantity that marks places of records.

    Raises
    ------
    NotFound
        The present request may not see it.
    Unavailable
        As `grid_of`.
    """
    if quantity in WITHHELD and grid_of(map_id) is not None:
        raise NotFound(_WHY)


def keep(response: Response, map_id: str) -> Response:
    """Let no cache store what some people see in this way and others do not."""
    study = _study_of(map_id)
    return keep_private(response) if study is not None and sensitive.is_marked(study) else response


def _study_of(map_id: str) -> str | None:
    """Return the slug of the study of a map; None where no study has a sensitive species."""
    if not sensitive.has_marks():
        return None
    try:
        return component(MapStudies).of(map_id)
    except SQLAlchemyError as error:
        db.session.rollback()
        raise Unavailable("Who may see the places of this map cannot be looked up right now.") from error
