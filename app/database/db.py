"""The database object, the base of its tables and its migrations."""

from __future__ import annotations

from typing import Any

from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session
from sqlalchemy import Connection, Engine, MetaData, UpdateBase
from sqlalchemy.orm import DeclarativeBase

from app.database.connections import REPLICA, reads_replica


class Base(DeclarativeBase):
    """Base of every table. Constraints have fixed names, so that migrations can drop them on any database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class RoutingSession(Session):
    """A session that reads from the replica within :func:`~app.database.connections.reading_replica`."""

    def get_bind(
        self,
        mapper: Any | None = None,
        clause: Any | None = None,
        bind: Engine | Connection | None = None,
        **kwargs: Any,
    ) -> Engine | Connection:
        """Return the engine for a statement."""
        # SQLAlchemy documents `_flushing` for this purpose ("Custom Vertical Partitioning").
        writes = self._flushing or isinstance(clause, UpdateBase)
        if bind is None and reads_replica() and not writes:
            return db.engines[REPLICA]
        return super().get_bind(mapper=mapper, clause=clause, bind=bind, **kwargs)


db = SQLAlchemy(model_class=Base, session_options={"class_": RoutingSession})
migrate = Migrate()
