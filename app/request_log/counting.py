"""Counting in memory; a thread adds the counts to the database once a minute."""

from __future__ import annotations

import bisect
import logging
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask, Response, g, request
from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from app.components import component, components
from app.database.db import db
from app.database.types import now
from app.request_log.tables import AnswerCount, RequestCount
from app.telemetry.logs import QUIET
from app.throttled_log import ThrottledLog
from app.worker_thread import WorkerThread, at_exit

log = logging.getLogger(__name__)

#: Upper ends of the ranges of latency, in seconds; the last range has none.
BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_EVERY_S = 60.0
# Different counts that one process keeps while the database is down; others are counted together.
MOST_KEYS = 5000
_OTHER = "other"
_TIDY_S = 3600.0
_HOUR_S = 3600

RequestKey = tuple[int, str, int, str, int]
AnswerKey = tuple[int, str, str, bool]


class RequestLog:
    """Counts of this process that are not in the database yet.

    Parameters
    ----------
    app : Flask
    days : int
        Days for which counts are kept.
    """

    def __init__(self, app: Flask, days: int) -> None:
        self._app = app
        self._days = days
        self._requests: Counter[RequestKey] = Counter()
        self._answers: Counter[AnswerKey] = Counter()
        self._lock = threading.Lock()
        # The wait is before the work, so that nothing is written beside the first requests of a process.
        self._thread = WorkerThread("request log", self._work, delay=_EVERY_S)
        self._failure = ThrottledLog(log)
        self._tidied_at = float("-inf")

    def add_request(self, endpoint: str, status: int, study: str, seconds: float) -> None:
        """Count a request."""
        hour = int(time.time()) // _HOUR_S
        key = hour, endpoint[:80], status // 100, study[:150], bisect.bisect_left(BOUNDS, seconds)
        with self._lock:
            if key not in self._requests and len(self._requests) >= MOST_KEYS:
                key = hour, _OTHER, key[2], "", key[4]
            self._requests[key] += 1
        self._thread.wake()

    def add_answer(self, study: str, novelty: str, cached: bool) -> None:
        """Count a stored answer."""
        key = int(time.time()) // _HOUR_S, study[:150], novelty, cached
        with self._lock:
            if key not in self._answers and len(self._answers) >= MOST_KEYS:
                key = key[0], _OTHER, novelty, cached
            self._answers[key] += 1

    def write(self, at_end: bool = False) -> bool:
        """Add the counts to the database; return False where it does not take them, and they stay."""
        with self._lock:
            requests, answers = self._requests, self._answers
            self._requests, self._answers = Counter(), Counter()
        if not requests and not answers:
            return True
        try:
            with self._app.app_context():
                _add(RequestCount, "requests", [(_moment(key[0]), *key[1:], n) for key, n in sorted(requests.items())])
                _add(AnswerCount, "answers", [(_moment(key[0]), *key[1:], n) for key, n in sorted(answers.items())])
                db.session.commit()
        except SQLAlchemyError as error:
            # both tables or neither: the transaction was rolled back with its context
            with self._lock:
                self._requests.update(requests)
                self._answers.update(answers)
            # at the end the streams of the log may be closed
            if not at_end:
                self._failure.warning("counts of requests wait for the database: %s", type(error).__name__)
            return False
        return True

    def tidy(self) -> None:
        """Delete the counts that are older than the setting allows."""
        limit = now() - timedelta(days=self._days)
        with self._app.app_context():
            for table in (RequestCount, AnswerCount):
                db.session.execute(delete(table).where(table.hour < limit))
            db.session.commit()

    def _work(self) -> None:
        if self.write() and time.monotonic() - self._tidied_at > _TIDY_S:
            self._tidied_at = time.monotonic()
            self.tidy()


def _moment(hour: int) -> datetime:
    return datetime.fromtimestamp(hour * _HOUR_S, UTC)


def _add(table: type[RequestCount] | type[AnswerCount], name: str, rows: list[tuple[Any, ...]]) -> None:
    """Add numbers to those of other workers. Rows are in one order, so that two workers do not wait for each other."""
    if not rows:
        return
    make = postgresql.insert if db.session.get_bind().dialect.name == "postgresql" else sqlite.insert
    columns = [column.name for column in table.__table__.columns]
    statement = make(table)
    keys = [column.name for column in table.__table__.primary_key]
    total = table.__table__.c[name] + statement.excluded[name]
    db.session.execute(
        statement.on_conflict_do_update(index_elements=keys, set_={name: total}),
        [dict(zip(columns, row, strict=True)) for row in rows],
    )


def answered(study: str, novelty: str, *, cached: bool) -> None:
    """Count a stored answer, and let the present request count for its study."""
    g.study_of_request = study
    component(RequestLog).add_answer(study, novelty, cached)


def init_app(app: Flask) -> None:
    """Count every request but those of probes and files."""
    counts = components(app).add(RequestLog(app, app.config["SETTINGS"].request_log_retention_days))

    def count(response: Response) -> Response:
        if not request.path.startswith(QUIET):
            seconds = time.perf_counter() - g.get("began", time.perf_counter())
            counts.add_request(request.endpoint or "none", response.status_code, _study(response), seconds)
        return response

    app.after_request(count)
    at_exit(counts.write, True)


def _study(response: Response) -> str:
    """Return the slug of the study that a request is about, or ""."""
    study: str = g.get("study_of_request", "")
    rule = request.url_rule.rule if request.url_rule is not None else ""
    # what is refused, sent elsewhere or answered without a look at the study may name anything
    if study or request.method == "OPTIONS" or response.status_code >= 300 or "/studies/<" not in rule:
        return study
    return str((request.view_args or {}).get("slug", ""))
