"""The tables of studies of users' own data: the recipe of each, and its files."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, String, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.catalogue import access, sensitive
from app.catalogue.study_tables import Study
from app.database.db import Base, db
from app.database.types import UtcDateTime, now
from ml.recipes.recipe import LONGEST_FILE_NAME


class StudyRecipe(Base):
    """The recipe of a study of a user's own data. A study without a recipe is not one."""

    __tablename__ = "study_recipes"

    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id", ondelete="CASCADE"), primary_key=True)
    recipe: Mapped[dict[str, Any]] = mapped_column(JSON)
    revision: Mapped[int] = mapped_column(default=1)
    #: Of the request that created the study, with its body.
    idempotency_key: Mapped[str | None] = mapped_column(String(150), unique=True, index=True)
    creation: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)

    study: Mapped[Study] = relationship(lazy="joined", innerjoin=True)


class StudyFile(Base):
    """A file of a study, and the report on it."""

    __tablename__ = "study_files"
    # names that differ in case alone are one file on some systems
    __table_args__ = (UniqueConstraint("study_id", "name_key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study_recipes.study_id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(LONGEST_FILE_NAME))
    name_key: Mapped[str] = mapped_column(String(3 * LONGEST_FILE_NAME))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    # Time of the last change of the file, nanoseconds. It shows that a file was changed outside the application.
    stamp: Mapped[int] = mapped_column(BigInteger)
    report: Mapped[dict[str, Any]] = mapped_column(JSON)
    uploaded_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)


def recipe_of(slug: str) -> StudyRecipe | None:
    """Return the recipe of a study by the study's slug, where the present request may read it."""
    query = select(StudyRecipe).join(Study, Study.id == StudyRecipe.study_id).where(Study.slug == slug)
    row = db.session.scalar(query.execution_options(populate_existing=True))
    return row if row is not None and access.may(row.study, "read") else None


def created_by(idempotency_key: str) -> StudyRecipe | None:
    """Return the recipe of the study that a request with a key created."""
    query = select(StudyRecipe).where(StudyRecipe.idempotency_key == idempotency_key)
    return db.session.scalar(query.execution_options(populate_existing=True))


def files_of(study_id: int) -> list[StudyFile]:
    """Return the files of a study, by name."""
    query = select(StudyFile).where(StudyFile.study_id == study_id).order_by(StudyFile.name)
    return list(db.session.scalars(query.execution_options(populate_existing=True)))


def with_content(sha256: str, size: int) -> list[tuple[str, StudyFile]]:
    """Return every file with a content, each with the slug of its study."""
    query = (
        select(Study.slug, StudyFile)
        .join(Study, Study.id == StudyFile.study_id)
        .where(StudyFile.sha256 == sha256, StudyFile.size == size)
        .order_by(StudyFile.id)
    )
    return [(slug, file) for slug, file in db.session.execute(query)]


def contents_with_twins(hashes: Iterable[str]) -> set[str]:
    """Return those of some hashes of contents that two files or more have, of studies that may be read.

    Studies whose places the request sees on a grid do not count: an upload would tell whether a guess is right.
    """
    query = select(StudyFile.sha256).join(Study, Study.id == StudyFile.study_id)
    query = query.where(StudyFile.sha256.in_(list(hashes)), access.readable(), sensitive.seen_exactly())
    return set(db.session.scalars(query.group_by(StudyFile.sha256).having(func.count() > 1)))


def bytes_of_all() -> int:
    """Return the bytes of the files of all studies; equal contents share their space and count once."""
    contents = select(StudyFile.sha256, func.max(StudyFile.size).label("size")).group_by(StudyFile.sha256).subquery()
    return int(db.session.scalar(select(func.coalesce(func.sum(contents.c.size), 0))) or 0)


def totals() -> dict[int, tuple[int, int, int]]:
    """Return the revision, and the number and the bytes of the files, of every own study, by the study's id."""
    query = (
        select(
            StudyRecipe.study_id,
            StudyRecipe.revision,
            func.count(StudyFile.id),
            func.coalesce(func.sum(StudyFile.size), 0),
        )
        .outerjoin(StudyFile, StudyFile.study_id == StudyRecipe.study_id)
        .group_by(StudyRecipe.study_id, StudyRecipe.revision)
    )
    rows = db.session.execute(query)
    return {study_id: (revision, number, int(size)) for study_id, revision, number, size in rows}
