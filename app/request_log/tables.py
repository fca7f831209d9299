"""The tables of counts. A row has no person, no address and no condition."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.database.db import Base
from app.database.types import UtcDateTime


class RequestCount(Base):
    """Requests of an hour with the same endpoint, class of status, study and range of latency."""

    __tablename__ = "request_counts"

    hour: Mapped[datetime] = mapped_column(UtcDateTime(), primary_key=True)
    endpoint: Mapped[str] = mapped_column(String(80), primary_key=True)
    #: The first digit of the status.
    status_class: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    #: Slug, or "".
    study: Mapped[str] = mapped_column(String(150), primary_key=True)
    #: Number of the range of latency.
    bucket: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    requests: Mapped[int] = mapped_column(BigInteger)


class AnswerCount(Base):
    """Stored answers of an hour with the same study and novelty, from the cache or computed."""

    __tablename__ = "answer_counts"

    hour: Mapped[datetime] = mapped_column(UtcDateTime(), primary_key=True)
    study: Mapped[str] = mapped_column(String(150), primary_key=True)
    #: inside, range, combination or unknown.
    novelty: Mapped[str] = mapped_column(String(20), primary_key=True)
    cached: Mapped[bool] = mapped_column(Boolean, primary_key=True)
    answers: Mapped[int] = mapped_column(BigInteger)
