"""The tables of studies, of the people that studies are shared with, and of sensitive species."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import JSON, ForeignKey, String, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from app.accounts.tables import LONGEST_EMAIL
from app.database.db import Base
from app.database.types import UtcDateTime, now

#: Who may read a study: its owner, the people that it is shared with, or everybody.
Visibility = Literal["private", "shared", "public"]
#: What a named person may do. A future owner reads and changes the study, and may take it over.
PersonRole = Literal["reader", "editor", "owner"]


def _new_id() -> str:
    return str(uuid.uuid4())


class Study(Base):
    """One area, one set of predictors, one or more species."""

    __tablename__ = "studies"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(100), unique=True)
    title: Mapped[str] = mapped_column(String(300))
    description: Mapped[dict[str, Any]] = mapped_column(JSON)
    #: Id of the owner. Studies without one, or whose owner has no account any more, are managed by admins.
    owner_id: Mapped[str | None] = mapped_column(String(36), index=True)
    visibility: Mapped[Visibility] = mapped_column(String(10), default="public", server_default="public")


class StudyPerson(Base):
    """A person that a study is shared with, by address.

    The address and not the account is stored, so that nothing tells whether the address has an account.
    """

    __tablename__ = "study_people"
    __table_args__ = (UniqueConstraint("study_id", "email_key"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=_new_id)
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id", ondelete="CASCADE"))
    #: The address as it was written.
    email: Mapped[str] = mapped_column(String(LONGEST_EMAIL))
    #: The address in lower case.
    email_key: Mapped[str] = mapped_column(String(LONGEST_EMAIL), index=True)
    role: Mapped[PersonRole] = mapped_column(String(10))
    added_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    #: Whether a reader sees the exact places of a study with a sensitive species. Editors always do.
    exact_places: Mapped[bool] = mapped_column(default=False, server_default=false())


class SensitiveSpecies(Base):
    """A species of a study whose places are shown on a grid.

    The species is named and has no key of the table of species, so that it can be marked before a model is trained.
    """

    __tablename__ = "sensitive_species"
    __table_args__ = (UniqueConstraint("study_id", "name_key"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=_new_id)
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id", ondelete="CASCADE"))
    #: The scientific name.
    name: Mapped[str] = mapped_column(String(200))
    #: The name without regard to case, accents and spaces.
    name_key: Mapped[str] = mapped_column(String(200))
    grid_km: Mapped[int]
    marked_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
