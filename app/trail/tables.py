"""The tables of the audit trail. Triggers of the database let nobody change them (migration 0009)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, get_args

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.database.db import Base
from app.database.types import UtcDateTime, now

Source = Literal["web", "api", "command", "job", "program"]
Result = Literal["done", "refused"]
SOURCES: tuple[Source, ...] = get_args(Source)
LONGEST_OBJECT, LONGEST_DETAIL = 300, 200
#: Younger lines can be deleted by nobody: the triggers compare with the clock of the database.
YOUNGEST_DELETED = timedelta(days=30)
_Number = BigInteger().with_variant(Integer, "sqlite")


class AuditLine(Base):
    """Who did what, when, to what, and from where."""

    __tablename__ = "audit_lines"
    __table_args__ = (
        CheckConstraint("result IN ('done', 'refused')", name="result"),
        Index("ix_audit_lines_person_id_id", "person_id", "id"),
        Index("ix_audit_lines_object_id_id", "object_id", "id"),
    )

    id: Mapped[int] = mapped_column(_Number, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now, index=True)
    #: Id of the account, which may be deleted by now; None where nobody is signed in.
    person_id: Mapped[str | None] = mapped_column(String(36))
    source: Mapped[Source] = mapped_column(String(10))
    #: The client as rate limits count it; "" where there is none, as for a command.
    client: Mapped[str] = mapped_column(String(50))
    #: Of the request; of a job its id.
    request_id: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(80))
    object_kind: Mapped[str] = mapped_column(String(20))
    object_id: Mapped[str] = mapped_column(String(LONGEST_OBJECT))
    result: Mapped[Result] = mapped_column(String(10))
    #: HTTP status of a refusal.
    status: Mapped[int | None] = mapped_column(Integer)
    detail: Mapped[str] = mapped_column(String(LONGEST_DETAIL))


class AuditDeletion(Base):
    """The deletion of old lines. Lines before its moment can be deleted, and the row itself cannot."""

    __tablename__ = "audit_deletions"

    id: Mapped[int] = mapped_column(_Number, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    #: Lines before this moment are deleted.
    before: Mapped[datetime] = mapped_column(UtcDateTime())
