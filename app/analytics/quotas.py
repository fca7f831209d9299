"""The quotas of the month: who has used up how much, by plan, and the people who are near or over."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Float, and_, case, cast, func, or_, select

from app.accounts.tables import User
from app.analytics.operation_schemas import PersonUse, PlanUse, Quotas
from app.database.db import db
from app.plans.tables import OF_PEOPLE, MonthlyUsage, Plan
from app.plans.usage import month_of

_NEAR = 0.8
_TOP = 20


def of_month(moment: datetime) -> Quotas:
    """Return what people have asked in the month of a time, against the quotas of their plans as they are now."""
    month = month_of(moment)
    return Quotas(month=month, plans=_by_plan(month), people=_people(month))


def _by_plan(month: str) -> list[PlanUse]:
    quota, used = Plan.requests_a_month, MonthlyUsage.requests
    query = (
        select(
            Plan.name,
            quota,
            func.count(MonthlyUsage.user_id),
            func.coalesce(func.sum(used), 0),
            func.count(case((and_(used >= _NEAR * quota, used < quota), 1))),
            func.count(case((used >= quota, 1))),
            func.coalesce(func.sum(MonthlyUsage.refused), 0),
        )
        .outerjoin(User, User.plan == Plan.name)
        .outerjoin(MonthlyUsage, and_(MonthlyUsage.user_id == User.id, MonthlyUsage.month == month))
        .where(Plan.name.in_(OF_PEOPLE))
        .group_by(Plan.name, quota)
    )
    found = [
        PlanUse(
            plan=plan, requests_a_month=most, people=people, requests=int(asked), near=near, over=over, refused=int(no)
        )
        for plan, most, people, asked, near, over, no in db.session.execute(query)
    ]
    return sorted(found, key=lambda use: [str(name) for name in OF_PEOPLE].index(use.plan))


def _people(month: str) -> list[PersonUse]:
    quota, used = Plan.requests_a_month, MonthlyUsage.requests
    share = cast(used, Float) / quota
    query = (
        select(User.id, User.email, Plan.name, used, quota, share, MonthlyUsage.refused)
        .join(User, User.id == MonthlyUsage.user_id)
        .join(Plan, Plan.name == User.plan)
        .where(MonthlyUsage.month == month, or_(share >= _NEAR, MonthlyUsage.refused > 0))
        .order_by(func.coalesce(share, 0.0).desc(), MonthlyUsage.refused.desc(), User.id)
        .limit(_TOP)
    )
    names = ("id", "email", "plan", "requests", "requests_a_month", "share", "refused")
    return [PersonUse.model_validate(dict(zip(names, row, strict=True))) for row in db.session.execute(query)]
