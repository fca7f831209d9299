"""Who may read the files of a map. Maps of public studies need no query."""

from __future__ import annotations

from flask import Response
from sqlalchemy.exc import SQLAlchemyError

from app.catalogue import access
from app.catalogue.snapshot import snapshot_file
from app.components import component
from app.database.db import db
from app.errors import Unavailable
from app.maps import service
from app.maps.studies import MapStudies
from app.web.faces import keep_private


def is_hidden(map_id: str) -> bool:
    """Return whether not everybody may read a map.

    Raises
    ------
    NotFound
        The present request may not read it.
    Unavailable
        The database does not answer, and there are maps that not everybody may read.
    """
    models = snapshot_file()
    if not models.hides_some():
        return False
    try:
        study = component(MapStudies).of(map_id)
        if study is None:
            # the headers of a map that does not exist are those of a hidden one
            access.current()
            return False
        if not models.hides(study):
            return False
        service.get(map_id)
    except SQLAlchemyError as error:
        db.session.rollback()
        raise Unavailable("Who may read this map cannot be looked up right now.") from error
    return True


def keep_hidden(response: Response, *, hidden: bool) -> Response:
    """Let no cache store a file of a map that not everybody may read."""
    return keep_private(response) if hidden else response
