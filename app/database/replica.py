"""Views that read from the replica, or from the primary where the replica fails or lacks a row."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Literal, ParamSpec, TypeVar

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.database.connections import REPLICA, reading_replica
from app.database.db import db
from app.errors import NotFound
from app.throttled_log import ThrottledLog

log = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")
_failure = ThrottledLog(log)


def from_replica(view: Callable[P, R]) -> Callable[P, R]:
    """Decorate a view that only reads, so that it reads from the replica.

    The view runs again on the primary where the replica is down, or lacks a row: the row may have been written a moment
    ago.
    """

    @functools.wraps(view)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        if REPLICA not in db.engines:
            return view(*args, **kwargs)
        try:
            with reading_replica():
                return view(*args, **kwargs)
        except NotFound:
            pass
        except SQLAlchemyError as error:
            # The replica may also lag behind a migration. A programming error occurs again on the primary.
            _warn(error)
        db.session.rollback()
        return view(*args, **kwargs)

    return wrapper


def state() -> Literal["up", "down", "none"]:
    """Return whether the replica answers; ``none`` where there is none."""
    engine = db.engines.get(REPLICA)
    if engine is None:
        return "none"
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        _warn(error)
        return "down"
    return "up"


def _warn(error: SQLAlchemyError) -> None:
    _failure.warning("the replica does not answer, the primary is read: %s", type(error).__name__)
