"""The tables of plans, and of what people have asked in a month."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import BigInteger, ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.database.db import Base
from app.database.types import UtcDateTime

PlanName = Literal["anonymous", "free", "partner"]
PLANS: tuple[PlanName, ...] = get_args(PlanName)
#: The plans that a person can have. Nobody in particular has the first one.
OF_PEOPLE: tuple[PlanName, ...] = ("free", "partner")


class Plan(Base):
    """The limits of a plan. Where one is null, the plan does not limit that."""

    __tablename__ = "plans"

    name: Mapped[PlanName] = mapped_column(String(20), primary_key=True)
    #: Such as "20/second"; null is RATE_LIMIT.
    rate: Mapped[str | None] = mapped_column(String(100))
    requests_a_month: Mapped[int | None] = mapped_column(BigInteger)
    #: Bytes of one upload, besides MAX_UPLOAD.
    upload_bytes: Mapped[int | None] = mapped_column(BigInteger)
    #: Jobs of a person that wait or run.
    jobs_at_once: Mapped[int | None] = mapped_column(Integer)
    #: Raised with each change, so that of two changes at the same time one is refused.
    revision: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    changed_at: Mapped[datetime | None] = mapped_column(UtcDateTime())


class MonthlyUsage(Base):
    """What a person has asked in a month, by the cost of requests."""

    __tablename__ = "monthly_usage"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    #: Such as "2026-11", in UTC.
    month: Mapped[str] = mapped_column(String(7), primary_key=True)
    requests: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    #: Requests that were refused, by the rate or because the month was used up.
    refused: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
