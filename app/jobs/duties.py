"""What workers do every ten minutes beside jobs: duties of other features, which find out anew what is due."""

from __future__ import annotations

import logging
from collections.abc import Callable

from app.database.db import db
from app.jobs import claims

log = logging.getLogger(__name__)
_duties: dict[str, Callable[[], None]] = {}


def register_duty(name: str, do: Callable[[], None]) -> None:
    """Register a duty, also again; several workers may do it at the same time."""
    _duties[name] = do


def do_all() -> None:
    """Do all duties. One that fails stops neither the others nor the worker.

    Raises
    ------
    Exception
        The database does not answer.
    """
    for name, do in _duties.items():
        try:
            do()
        except Exception as error:
            db.session.rollback()
            if claims.is_transient(error):
                raise
            log.exception("the duty “%s” failed; it is tried again in ten minutes", name)
