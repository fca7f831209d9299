"""Views that read from the replica, and from the primary when the replica cannot tell."""

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
_trouble = ThrottledLog(log)


def from_replica(view: Callable[P, R]) -> Callable[P, R]:
    """Let a view that only reads do so from the replica.

    Where the replica is down, or lacks what may have been written a moment ago, the view runs again on the primary,
    which has the last word on what does not exist.
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
            # also one that lags behind a migration; a mistake of ours happens again on the primary and is seen there
            _complain(error)
        db.session.rollback()
        return view(*args, **kwargs)

    return wrapper


def state() -> Literal["up", "down", "none"]:
    """Tell whether the replica answers; `none` where there is none."""
    engine = db.engines.get(REPLICA)
    if engine is None:
        return "none"
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        _complain(error)
        return "down"
    return "up"


def _complain(error: SQLAlchemyError) -> None:
    _trouble.warning("the replica does not answer, the primary is read: %s", type(error).__name__)
