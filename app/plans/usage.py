"""What people have asked this month: counted in each process, added up in the database every few seconds.

A process knows the sum of all processes as of its last write, and its own requests since. So people can go beyond a
quota by what the other processes answer between two writes, and a process that is killed loses what it has counted
since. A process that ends in order writes first.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Flask
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from app.components import component, components
from app.database.db import db
from app.database.types import now
from app.plans.tables import MonthlyUsage
from app.throttled_log import ThrottledLog
from app.worker_thread import WorkerThread, at_exit

log = logging.getLogger(__name__)
_failure = ThrottledLog(log)
EVERY_S = 5.0
# A sum that nobody has asked for so long is read again, and forgotten when it is written.
_FRESH_S = 30.0


@dataclass
class _Count:
    """What a process knows of a person's month."""

    stored: int
    added: int
    read_at: float
    refused: int = 0


class Usage:
    """The requests of people this month, as this process knows them.

    Parameters
    ----------
    app : Flask
    """

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._counts: dict[tuple[str, str], _Count] = {}
        self._background = WorkerThread("monthly usage", self.write, EVERY_S)

    def count(self, user_id: str, cost: int, limit: int | None, *, refuses: bool = True) -> int | None:
        """Count the cost of a request.

        Parameters
        ----------
        user_id : str
        cost : int
        limit : int or None
        refuses : bool
            Whether a request beyond the limit is refused, and counted as such.

        Returns
        -------
        int or None
            The sum with it; None where the limit was used up before, and nothing is counted.
        """
        key = user_id, month_of(now())
        self._read(key)
        with self._lock:
            count = self._counts.setdefault(key, _Count(0, 0, 0.0))
            if limit is not None and count.stored + count.added >= limit:
                count.refused += refuses
                self._background.wake()
                return None
            count.added += cost
            total = count.stored + count.added
        self._background.wake()
        return total

    def refuse(self, user_id: str) -> None:
        """Count a request that was refused by the rate."""
        with self._lock:
            self._counts.setdefault((user_id, month_of(now())), _Count(0, 0, 0.0)).refused += 1
        self._background.wake()

    def total(self, user_id: str) -> int:
        """Return the sum of a person's month."""
        key = user_id, month_of(now())
        self._read(key)
        with self._lock:
            count = self._counts.setdefault(key, _Count(0, 0, 0.0))
            return count.stored + count.added

    def _read(self, key: tuple[str, str]) -> None:
        """Read the sum of a person's month, where it is not known or was read long ago."""
        with self._lock:
            count = self._counts.get(key)
            if count is not None and time.monotonic() - count.read_at < _FRESH_S:
                return
        try:
            stored = _stored(key)
        except SQLAlchemyError as error:
            _failure.warning("usage cannot be read, only new requests count: %s", type(error).__name__)
            stored = count.stored if count is not None else 0
        with self._lock:
            known = self._counts.setdefault(key, _Count(0, 0, 0.0))
            known.stored, known.read_at = max(known.stored, stored), time.monotonic()

    def write(self) -> None:
        """Add what was counted to the database."""
        with self._writing, self._app.app_context():
            with self._lock:
                waiting = {
                    key: (count.added, count.refused)
                    for key, count in self._counts.items()
                    if count.added or count.refused
                }
            for key, (added, refused) in waiting.items():
                try:
                    stored = _add(key, added, refused)
                except IntegrityError:
                    # the person is gone
                    db.session.rollback()
                    stored = 0
                except SQLAlchemyError as error:
                    db.session.rollback()
                    _failure.warning("usage cannot be stored, it waits: %s", type(error).__name__)
                    return
                with self._lock:
                    count = self._counts[key]
                    count.stored, count.added, count.read_at = stored, count.added - added, time.monotonic()
                    count.refused -= refused
            self._forget_old()

    def _forget_old(self) -> None:
        oldest = time.monotonic() - _FRESH_S
        with self._lock:
            kept = {key: count for key, count in self._counts.items() if _is_kept(count, oldest)}
            self._counts = kept


def _is_kept(count: _Count, oldest: float) -> bool:
    return bool(count.added or count.refused) or count.read_at > oldest


def _stored(key: tuple[str, str]) -> int:
    is_own = (MonthlyUsage.user_id == key[0], MonthlyUsage.month == key[1])
    # not the session: the view that asks may have begun a transaction
    with db.engine.connect() as connection:
        return connection.scalar(select(MonthlyUsage.requests).where(*is_own)) or 0


def _add(key: tuple[str, str], added: int, refused: int) -> int:
    make = postgresql.insert if db.session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = make(MonthlyUsage).values(user_id=key[0], month=key[1], requests=added, refused=refused)
    total = db.session.scalar(
        statement.on_conflict_do_update(
            index_elements=["user_id", "month"],
            set_={
                "requests": MonthlyUsage.requests + statement.excluded.requests,
                "refused": MonthlyUsage.refused + statement.excluded.refused,
            },
        ).returning(MonthlyUsage.requests)
    )
    db.session.commit()
    return int(total or 0)


def month_of(moment: datetime) -> str:
    """Return the month of a time, such as 2026-11."""
    return f"{moment.astimezone(UTC):%Y-%m}"


def end_of_month(moment: datetime) -> datetime:
    """Return when the month of a time ends, in UTC."""
    moment = moment.astimezone(UTC)
    year, month = (moment.year + 1, 1) if moment.month == 12 else (moment.year, moment.month + 1)
    return datetime(year, month, 1, tzinfo=UTC)


def total_of(user_id: str) -> int:
    """Return the requests of a person this month."""
    return component(Usage).total(user_id)


def init_app(app: Flask) -> None:
    """Count in this process."""
    usage = components(app).add(Usage(app))
    at_exit(usage.write)
