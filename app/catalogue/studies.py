"""Studies: their table, and those that the present request may read."""

from __future__ import annotations

from sqlalchemy import select

from app.catalogue import access
from app.catalogue.study_tables import Study as Study
from app.database.db import db


def find(slug: str) -> Study | None:
    """Return the study with this slug, where the present request may read it."""
    study = db.session.scalar(select(Study).where(Study.slug == slug))
    return study if study is not None and access.may(study, "read") else None


def after(title: str, slug: str, limit: int) -> list[Study]:
    """Return the studies that may be read in the order of their titles, starting after one of them."""
    statement = select(Study).where(access.readable()).order_by(Study.title, Study.slug).limit(limit)
    if slug:
        statement = statement.where((Study.title > title) | ((Study.title == title) & (Study.slug > slug)))
    return list(db.session.scalars(statement))
