"""The plans: read by each process every few seconds, changed by admins."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from limits import RateLimitItem, parse_many
from sqlalchemy import Row, column, func, select, table, update
from sqlalchemy.exc import SQLAlchemyError

from app.components import component
from app.database.db import db
from app.database.types import now
from app.errors import Conflict, NotFound, ValidationFailed
from app.plans.tables import OF_PEOPLE, PLANS, Plan
from app.throttled_log import ThrottledLog
from app.trail import details
from app.trail import recorder as trail
from app.trail.tables import LONGEST_DETAIL
from app.web.sizes import size_text

log = logging.getLogger(__name__)
_failure = ThrottledLog(log)
_FRESH_S = 5.0
_LONGEST_RATE = 100
_MOST = 10**15
_MOST_JOBS = 1_000
#: The limits that can be changed beside the rate, with the least and the largest value.
NUMBERS = {"requests_a_month": (1, _MOST), "upload_bytes": (1024, _MOST), "jobs_at_once": (0, _MOST_JOBS)}


@dataclass(frozen=True)
class Limits:
    """The limits of a plan; None where the plan does not limit that."""

    name: str
    rate: str | None = None
    requests_a_month: int | None = None
    upload_bytes: int | None = None
    jobs_at_once: int | None = None
    revision: int = 0
    changed_at: datetime | None = None
    items: Sequence[RateLimitItem] | None = None


class Plans:
    """The plans as this process knows them.

    A change is known everywhere after some seconds. While the database does not answer, the plans stay as they were.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Limits] = {}
        self._until = 0.0

    def get(self, name: str) -> Limits:
        """Return the limits of a plan; none where it is unknown."""
        if time.monotonic() >= self._until:
            self._read()
        return self._known.get(name) or Limits(name)

    def forget(self) -> None:
        """Read the plans again at the next request."""
        self._until = 0.0

    def _read(self) -> None:
        with self._lock:
            # Other threads wait here, so that none uses plans that are too old.
            if time.monotonic() < self._until:
                return
            try:
                # not the session: the view that asks may have begun a transaction
                with db.engine.connect() as connection:
                    rows = connection.execute(select(*Plan.__table__.columns)).all()
                self._known = {row.name: _limits(row) for row in rows}
            except SQLAlchemyError as error:
                _failure.warning("plans cannot be read, the earlier ones hold: %s", type(error).__name__)
            self._until = time.monotonic() + _FRESH_S


def browse() -> list[Limits]:
    """Return all plans, from the one with the lowest limits."""
    rows = db.session.scalars(select(Plan).execution_options(populate_existing=True))
    return [_limits(row) for row in sorted(rows, key=lambda row: PLANS.index(row.name))]


def find(name: str) -> Limits:
    """Return a plan.

    Raises
    ------
    NotFound
    """
    row = db.session.get(Plan, name, populate_existing=True)
    if row is None:
        raise NotFound(f"there is no plan {name[:20]}; expected one of {', '.join(PLANS)}")
    return _limits(row)


def sentence(plan: Limits, rate_limit: str) -> str:
    """Return what a plan allows, in one sentence.

    Parameters
    ----------
    plan : Limits
    rate_limit : str
        The setting, for a plan without a rate of its own.
    """
    month, upload, jobs = plan.requests_a_month, plan.upload_bytes, plan.jobs_at_once
    parts = (
        f"{plan.rate or rate_limit}",
        "no quota of a month" if month is None else f"{month:,} requests a month",
        "uploads up to MAX_UPLOAD" if upload is None else f"uploads of up to {size_text(upload)} ({upload:,} bytes)",
        "any number of jobs at once" if jobs is None else f"{jobs:,} job{'' if jobs == 1 else 's'} at once",
    )
    since = "" if plan.changed_at is None else f", since {plan.changed_at:%Y-%m-%d %H:%M} UTC"
    return f"Plan {plan.name}{since}: {', '.join(parts)}."


def confirmation(plan: Limits, rate_limit: str) -> str:
    """Return what a plan allows now, and how many accounts have it."""
    people = table("users", column("plan"))
    number = db.session.scalar(select(func.count()).select_from(people).where(people.c.plan == plan.name)) or 0
    have = "1 account has" if number == 1 else f"{number:,} accounts have"
    return f"{sentence(plan, rate_limit)} {have} it. All processes know it within {_FRESH_S:.0f} seconds."


def change(name: str, revision: int, rate: str | None, numbers: dict[str, int | None]) -> Limits:
    """Change the limits of a plan.

    Parameters
    ----------
    name : str
    revision : int
        Of the plan that the change was decided on.
    rate : str or None
        None for RATE_LIMIT.
    numbers : dict
        Limits by the names of `NUMBERS`; None where the plan does not limit that.

    Raises
    ------
    NotFound
    ValidationFailed
        A limit is refused.
    Conflict
        Somebody else has changed the plan, or it is the plan of nobody in particular.
    """
    before = find(name)
    if name not in OF_PEOPLE:
        raise Conflict("The plan anonymous is the setting RATE_LIMIT, and has no other limits.")
    found = problems(rate, numbers)
    if found:
        raise ValidationFailed(found, "; ".join(f"{pointer[1:]}: {text}" for pointer, text in found))
    statement = update(Plan).where(Plan.name == name, Plan.revision == revision)
    values = {"rate": rate, "revision": revision + 1, "changed_at": now(), **numbers}
    result = db.session.execute(statement.values(values).execution_options(synchronize_session=False))
    trail.about("plan", name, _detail(before, {**numbers, "rate": rate}))
    db.session.commit()
    if not result.rowcount:  # type: ignore[attr-defined]  # of an UPDATE
        raise Conflict("Somebody else has changed the plan in the meantime. These are its limits now.")
    component(Plans).forget()
    log.info("plan %s changed: rate %s, %s", name, rate, numbers)
    return find(name)


def problems(rate: str | None, numbers: dict[str, int | None]) -> list[tuple[str, str]]:
    """Return what is wrong with limits, as pointers with messages, all at once."""
    found = [("/rate", text)] if rate is not None and (text := _problem_of_rate(rate)) else []
    for field, value in numbers.items():
        least, most = NUMBERS[field]
        if value is not None and not least <= value <= most:
            unit = ", or a size such as 500 MB" if field == "upload_bytes" else ""
            found.append((f"/{field}", f"must be a whole number from {least:,} to {most:,}{unit}, or empty"))
    return found


def _detail(before: Limits, limits: dict[str, Any]) -> str:
    """Return the limits that a change makes other ones, new and old; only new where both are too long."""
    pairs = {name: (_word(value), _word(getattr(before, name))) for name, value in limits.items()}
    other = {name: (new, old) for name, (new, old) in pairs.items() if new != old}
    if not other:
        return "all limits as before"
    text = "; ".join(details.changed(name, new, old) for name, (new, old) in other.items())
    # the line before has the old ones
    return text if len(text) <= LONGEST_DETAIL else "; ".join(f"{name} {new}" for name, (new, _) in other.items())


def _word(limit: object) -> object:
    return "none" if limit is None else limit


def _problem_of_rate(rate: str) -> str:
    try:
        items = parse_many(rate) if len(rate) <= _LONGEST_RATE else []
    except ValueError:
        items = []
    is_usable = items and all(item.amount >= 1 and item.multiples >= 1 for item in items)
    return "" if is_usable else "must be a rate such as 20/second or 600/minute, or empty"


def _limits(row: Plan | Row[Any]) -> Limits:
    return Limits(
        row.name,
        row.rate,
        row.requests_a_month,
        row.upload_bytes,
        row.jobs_at_once,
        row.revision,
        row.changed_at,
        sorted(parse_many(row.rate)) if row.rate is not None else None,
    )
