"""What the service did in a period: requests, latency, cache, novelty and jobs, from counts by hour."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import get_args

from flask import current_app
from sqlalchemy import func, select

from app.analytics import quotas
from app.analytics.operation_schemas import DayUse, EndpointUse, JobCount, Operations, Outcomes, StudyRequests
from app.analytics.schemas import KindCount
from app.database.db import db
from app.database.types import now
from app.jobs.tables import Job
from app.predictions.schemas import Kind
from app.request_log.counting import BOUNDS
from app.request_log.tables import AnswerCount, RequestCount

_TOP = 20
_REFUSED, _ERROR = 4, 5


def look_back(days: int) -> Operations:
    """Return what the service did in the last days; the first hour is counted as a whole."""
    until = now()
    since = until - timedelta(days=days)
    hour = since.replace(minute=0, second=0, microsecond=0)
    by_endpoint = _by_endpoint(hour)
    latency: Counter[int] = Counter()
    classes: Counter[int] = Counter()
    for counts in by_endpoint.values():
        for (status_class, bucket), number in counts.items():
            latency[bucket] += number
            classes[status_class] += number
    answers = _answers(hour)
    kinds: Counter[str] = Counter()
    n_cached = 0
    for (_, kind, cached), number in answers.items():
        kinds[kind] += number
        n_cached += number if cached else 0
    total = kinds.total()
    return Operations(
        days=days,
        since=since,
        until=until,
        total=_outcomes(classes),
        median_ms=quantile(latency, 0.5),
        p95_ms=quantile(latency, 0.95),
        answers=total,
        cached=n_cached / total if total else None,
        novelty=[
            KindCount(kind=kind, requests=kinds[kind], share=kinds[kind] / max(1, total)) for kind in get_args(Kind)
        ],
        routes=_routes(by_endpoint),
        studies=_studies(hour, answers),
        by_day=_days(hour),
        jobs=_jobs(since),
        quotas=quotas.of_month(until),
    )


def quantile(latency: Mapping[int, int], share: float) -> float | None:
    """Return the upper end, in milliseconds, of the range in which a share of the requests has been answered.

    Parameters
    ----------
    latency : mapping of int to int
        Requests by the number of their range.
    share : float

    Returns
    -------
    float or None
        None without requests, and in the range that has no upper end.
    """
    wanted, seen = share * sum(latency.values()), 0
    for bucket in sorted(latency):
        seen += latency[bucket]
        if seen >= wanted and seen:
            return 1000 * BOUNDS[bucket] if bucket < len(BOUNDS) else None
    return None


def _by_endpoint(since: datetime) -> dict[str, Counter[tuple[int, int]]]:
    statement = (
        select(RequestCount.endpoint, RequestCount.status_class, RequestCount.bucket, func.sum(RequestCount.requests))
        .where(RequestCount.hour >= since)
        .group_by(RequestCount.endpoint, RequestCount.status_class, RequestCount.bucket)
    )
    found: dict[str, Counter[tuple[int, int]]] = defaultdict(Counter)
    for endpoint, status_class, bucket, number in db.session.execute(statement):
        found[endpoint][status_class, bucket] += int(number)
    return found


def _answers(since: datetime) -> dict[tuple[str, str, bool], int]:
    columns = AnswerCount.study, AnswerCount.novelty, AnswerCount.cached
    statement = select(*columns, func.sum(AnswerCount.answers)).where(AnswerCount.hour >= since).group_by(*columns)
    return {(study, kind, cached): int(number) for study, kind, cached, number in db.session.execute(statement)}


def _outcomes(classes: Mapping[int, int]) -> Outcomes:
    return Outcomes(requests=sum(classes.values()), refused=classes.get(_REFUSED, 0), errors=classes.get(_ERROR, 0))


def _routes(by_endpoint: Mapping[str, Counter[tuple[int, int]]]) -> list[EndpointUse]:
    rules: dict[str, str] = {}
    for rule in current_app.url_map.iter_rules():
        methods = sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        rules.setdefault(rule.endpoint, f"{'/'.join(methods)} {rule.rule}")
    most = sorted(by_endpoint.items(), key=lambda pair: (-pair[1].total(), pair[0]))[:_TOP]
    uses = []
    for endpoint, counts in most:
        classes, latency = _sums(counts, 0), _sums(counts, 1)
        use = _outcomes(classes).model_dump()
        name = "addresses that do not exist" if endpoint == "none" else rules.get(endpoint, endpoint)
        uses.append(EndpointUse(**use, route=name, median_ms=quantile(latency, 0.5), p95_ms=quantile(latency, 0.95)))
    return uses


def _sums(counts: Mapping[tuple[int, int], int], part: int) -> Counter[int]:
    sums: Counter[int] = Counter()
    for key, number in counts.items():
        sums[key[part]] += number
    return sums


def _studies(since: datetime, answers: Mapping[tuple[str, str, bool], int]) -> list[StudyRequests]:
    statement = (
        select(RequestCount.study, func.sum(RequestCount.requests))
        .where(RequestCount.hour >= since)
        .group_by(RequestCount.study)
    )
    requests = {study: int(number) for study, number in db.session.execute(statement)}
    most = sorted(requests, key=lambda study: (-requests[study], study))[:_TOP]
    rows = []
    for study in most:
        own = {key: number for key, number in answers.items() if key[0] == study}
        total = sum(own.values())
        cached = sum(number for key, number in own.items() if key[2])
        outside = sum(number for key, number in own.items() if key[1] in ("range", "combination"))
        rows.append(
            StudyRequests(
                study=study,
                requests=requests[study],
                answers=total,
                cached=cached / total if total else None,
                outside=outside / total if total else None,
            )
        )
    return rows


def _days(since: datetime) -> list[DayUse]:
    statement = (
        select(RequestCount.hour, RequestCount.status_class, func.sum(RequestCount.requests))
        .where(RequestCount.hour >= since)
        .group_by(RequestCount.hour, RequestCount.status_class)
    )
    days: dict[date, Counter[int]] = defaultdict(Counter)
    for hour, status_class, number in db.session.execute(statement):
        days[hour.date()][status_class] += int(number)
    return [DayUse(day=day, **_outcomes(days[day]).model_dump()) for day in sorted(days, reverse=True)]


def _jobs(since: datetime) -> list[JobCount]:
    statement = select(Job.kind, Job.state, func.count()).where(Job.created_at >= since).group_by(Job.kind, Job.state)
    rows: Iterable[tuple[str, str, int]] = [(kind, state, int(n)) for kind, state, n in db.session.execute(statement)]
    return [JobCount(kind=kind, state=state, jobs=number) for kind, state, number in sorted(rows)]
