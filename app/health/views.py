"""Whether the process lives, and whether it can answer."""

from __future__ import annotations

import logging
from typing import Literal

from flask import Blueprint
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app import answer_cache
from app.extensions import db
from app.http import Reply, faces
from app.registry import tables as registry_tables

log = logging.getLogger(__name__)
pages = Blueprint("health", __name__, url_prefix="/health")


class Live(BaseModel):
    """The process answers."""

    status: Literal["live"] = "live"


class Components(BaseModel):
    """How each part is doing."""

    database: Literal["up", "down"]
    cache: Literal["up", "down", "in process"]
    models: int


class Ready(BaseModel):
    """Whether predictions can be answered; degraded means yes, but not everything is up."""

    status: Literal["ready", "degraded", "unavailable"]
    components: Components


@pages.get("/live")
@faces()
def live() -> Reply:
    """Say that the process lives; asks nothing of anything else."""
    return Reply(Live(), headers={"Cache-Control": "no-store"})


@pages.get("/ready")
@faces()
def ready() -> Reply:
    """Say whether predictions can be answered, and which part is down."""
    models = 0
    database: Literal["up", "down"] = "up"
    try:
        db.session.execute(text("SELECT 1"))
        models = registry_tables.count_active()
    except SQLAlchemyError as error:
        db.session.rollback()
        log.warning("not ready: %s", type(error).__name__)
        database = "down"
    cache = answer_cache.state()
    parts = Components(database=database, cache=cache, models=models)
    able = database == "up" and models > 0
    status: Literal["ready", "degraded", "unavailable"] = (
        "unavailable" if not able else "degraded" if cache == "down" else "ready"
    )
    return Reply(Ready(status=status, components=parts), 200 if able else 503, headers={"Cache-Control": "no-store"})
