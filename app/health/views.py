"""Routes of the health checks: liveness and readiness."""

from __future__ import annotations

import logging
import time
from typing import Literal

from flask import Blueprint, Flask, current_app
from pydantic import BaseModel, Field
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.cache import answers
from app.catalogue import snapshot
from app.components import component, components
from app.database import replica
from app.database.db import db
from app.health.probe import Probe
from app.outbox.outbox import outbox
from app.outbox.spool import SpoolError
from app.web.faces import Reply, faces
from app.web.operations import Operation

log = logging.getLogger(__name__)
pages = Blueprint("health", __name__, url_prefix="/health")

Handover = Literal["direct", "up", "behind", "down"]
_BEHIND_S = 60.0
# shorter than the time limits of Docker's and nginx's checks
_TIME_LIMIT_S = 2.0


class Live(BaseModel):
    """The process is alive."""

    status: Literal["live"] = "live"


class Components(BaseModel):
    """The state of each component."""

    database: Literal["up", "down"]
    replica: Literal["up", "down", "none"]
    cache: Literal["up", "down", "in process"]
    models: int
    handover: Handover = Field(
        description="How answers reach the database: `direct` at once; `up` through the spool; `behind`: the oldest "
        "has waited for more than a minute; `down`: the spool cannot be used, or refused an answer of this process a "
        "moment ago."
    )
    waiting: int = Field(description="Answers that wait for the database.")


class Ready(BaseModel):
    """Whether predictions can be answered. ``degraded``: they can, but a component is down."""

    status: Literal["ready", "degraded", "unavailable"]
    components: Components


class Probes:
    """The checks of an application."""

    def __init__(self) -> None:
        self.database: Probe[Literal["up", "down"]] = Probe(_database, "down")
        self.replica: Probe[Literal["up", "down", "none"]] = Probe(replica.state, "down")
        self.cache: Probe[Literal["up", "down", "in process"]] = Probe(answers.state, "down")
        self.models: Probe[int] = Probe(_models, 0)


def init_app(app: Flask) -> None:
    """Add the checks to the application."""
    components(app).add(Probes())


@pages.get("/live")
@Operation(
    "live",
    tag="health",
    summary="Check that the process is alive",
    answer=Live,
    answers={200: "The process is alive."},
    limited=False,
)
@faces()
def live() -> Reply:
    """Return that the process is alive, without a check of any component."""
    return Reply(Live(), headers={"Cache-Control": "no-store"})


@pages.get("/ready")
@Operation(
    "ready",
    tag="health",
    summary="Check that predictions can be answered",
    answer=Ready,
    answers={200: "Predictions can be answered.", 503: "Predictions cannot be answered; see the components."},
    limited=False,
)
@faces()
def ready() -> Reply:
    """Return whether predictions can be answered, and which component is down."""
    # the probes' threads need the application itself, not the proxy of this context
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # werkzeug's LocalProxy, typed as Flask
    probes = component(Probes)
    until = time.monotonic() + _TIME_LIMIT_S
    # all of them start before the first wait, because each may hang
    database_result, replica_result = probes.database.start(app), probes.replica.start(app)
    cache_result, models_result = probes.cache.start(app), probes.models.start(app)
    handover, waiting = _handover()
    database, cache = database_result(until), cache_result(until)
    parts = Components(
        database=database,
        replica=replica_result(until),
        cache=cache,
        models=models_result(until),
        handover=handover,
        waiting=waiting,
    )
    # an answer is given only if the database or the spool can store it
    can_answer = parts.models > 0 and (database == "up" or handover in ("up", "behind"))
    all_up = database == "up" and "down" not in (parts.replica, cache) and handover in ("direct", "up")
    status: Literal["ready", "degraded", "unavailable"] = (
        "unavailable" if not can_answer else "ready" if all_up else "degraded"
    )
    headers = {"Cache-Control": "no-store"}
    return Reply(Ready(status=status, components=parts), 200 if can_answer else 503, headers=headers)


def _database() -> Literal["up", "down"]:
    try:
        db.session.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        db.session.rollback()
        log.warning("not ready: %s", type(error).__name__)
        return "down"
    return "up"


def _models() -> int:
    try:
        return snapshot.current().n_models
    except (SQLAlchemyError, OSError):
        # there is no snapshot yet, and the database does not answer
        db.session.rollback()
        return 0


def _handover() -> tuple[Handover, int]:
    try:
        depth = outbox().depth()
    except SpoolError as error:
        log.warning("the spool cannot be used: %s", error)
        return "down", 0
    if depth is None:
        return "direct", 0
    if outbox().refuses:
        return "down", depth.rows
    return ("behind" if depth.waited > _BEHIND_S else "up"), depth.rows
