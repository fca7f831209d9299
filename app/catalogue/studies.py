"""The table of studies."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, String, select
from sqlalchemy.orm import Mapped, mapped_column

from app.database.db import Base, db


class Study(Base):
    """One area, one set of predictors, one or more species."""

    __tablename__ = "studies"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(100), unique=True)
    title: Mapped[str] = mapped_column(String(300))
    description: Mapped[dict[str, Any]] = mapped_column(JSON)


def find(slug: str) -> Study | None:
    """Return the study with this slug."""
    return db.session.scalar(select(Study).where(Study.slug == slug))


def after(title: str, slug: str, limit: int) -> list[Study]:
    """Return studies in the order of their titles, starting after one of them."""
    statement = select(Study).order_by(Study.title, Study.slug).limit(limit)
    if slug:
        statement = statement.where((Study.title > title) | ((Study.title == title) & (Study.slug > slug)))
    return list(db.session.scalars(statement))
