"""The table of maps."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.catalogue.versions import ModelVersion
from app.database.db import Base
from app.database.types import UtcDateTime, now


class Map(Base):
    """One map of a model. Its state is that of its job, and its files are in a folder with its id."""

    __tablename__ = "maps"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    model_id: Mapped[str] = mapped_column(ForeignKey("model_versions.id"), index=True)
    #: Slug.
    study: Mapped[str] = mapped_column(String(100))
    #: Label of a scenario of the layers; None for the training conditions.
    scenario: Mapped[str | None] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(20))
    #: Idempotency key of its job, which is stored in the same transaction.
    job_key: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now, index=True)

    model: Mapped[ModelVersion] = relationship(lazy="joined", innerjoin=True)
